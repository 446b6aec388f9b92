"""Which family of firmware an image belongs to, as far as the image says: what runs its operators, and its compiler."""

from __future__ import annotations

import re

from instsim.session.estimate import Estimate

__all__ = ["firmware_family"]

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")


def firmware_family(estimate: Estimate) -> str:
    """Return a name such as ``TFLM, GCC 12.2.1``: equal for images that should draw alike, empty if the image says nothing.

    Parameters
    ----------
    estimate : Estimate
        Of the image.
    """
    parts = []
    if any(operator.index >= 0 for operator in estimate.operators):
        parts.append("TFLM")
    elif len(estimate.operators) > 1:
        parts.append("called kernels")
    for compiler in estimate.firmware.compilers[:1]:
        name = "clang" if "clang" in compiler.lower() else compiler.partition(":")[0].strip()
        versions = _VERSION.findall(compiler.rpartition(")")[2] or compiler)
        parts.append(f"{name} {versions[0]}" if versions else name)
    return ", ".join(parts)
