"""TensorFlow Lite models as they lie in a firmware: the only importer of ``tflite`` and ``flatbuffers``."""
