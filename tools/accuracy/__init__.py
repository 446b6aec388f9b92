"""Comparisons of instsim's cycles with measured ones, and the page they are published on."""
