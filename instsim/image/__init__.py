"""Firmware files: read into one value, whatever their format."""

from instsim.image.demangle import demangle, short_name
from instsim.image.firmware import CodeRange, ExternalFlash, FirmwareImage, Section, Segment, Symbol
from instsim.image.function_names import resolve_function, suggest_symbols
from instsim.image.loading import load_image
from instsim.image.vector_table import find_vector_table

__all__ = [
    "CodeRange",
    "ExternalFlash",
    "FirmwareImage",
    "Section",
    "Segment",
    "Symbol",
    "demangle",
    "find_vector_table",
    "load_image",
    "resolve_function",
    "short_name",
    "suggest_symbols",
]
