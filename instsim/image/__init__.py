"""Firmware files: read into one value, whatever their format."""

from instsim.image.firmware import CodeRange, FirmwareImage, Section, Segment, Symbol
from instsim.image.loading import load_image

__all__ = ["CodeRange", "FirmwareImage", "Section", "Segment", "Symbol", "load_image"]
