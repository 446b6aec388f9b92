"""Predictors: what kernels execute as formulas in the dimensions of layers, and the costs of whole networks from them."""
