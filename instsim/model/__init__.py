"""TensorFlow Lite models as they lie in a firmware: the only importer of ``tflite`` and ``flatbuffers``."""

from instsim.model.description import ModelDescription, Operator, Tensor
from instsim.model.finder import FoundModel, find_models, operator_at
from instsim.model.reader import builtin_operator_names, read_model

__all__ = ["FoundModel", "ModelDescription", "Operator", "Tensor", "builtin_operator_names", "find_models", "operator_at", "read_model"]
