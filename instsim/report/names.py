"""Short forms of what is long in a table: shapes of tensors and demangled C++ names."""

from __future__ import annotations

from collections.abc import Sequence

from instsim.profile.block_profile import TensorShape
from instsim.report.parts import cut_end

__all__ = ["cut_name", "cut_shapes", "operator_shapes", "shape_text", "short_title"]

_MARK = ".."

_DATA_INPUT = {"TRANSPOSE_CONV": 2}
"""Which input holds the data, where it is not the first: the first of a transposed convolution is its output's shape."""


def short_title(title: str) -> str:
    """Return a board's title without what stands in brackets behind it: part, core and clock are said elsewhere."""
    return title.partition(" (")[0]


def shape_text(shape: Sequence[int], *, batch: bool = False) -> str:
    """Return a shape as ``49x10x1``; a leading batch of 1 is left out unless asked for."""
    if not batch and len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return "x".join("?" if dimension < 0 else str(dimension) for dimension in shape) or "scalar"


def operator_shapes(name: str, inputs: Sequence[TensorShape | None], outputs: Sequence[TensorShape]) -> str:
    """Return ``49x10x1 -> 25x5x64``: what goes through an operator, its weights left out.

    Further outputs are counted: ``8x8 -> 4x8 +1``. Empty where no shape is known.
    """
    source = inputs[_DATA_INPUT.get(name, 0)] if len(inputs) > _DATA_INPUT.get(name, 0) else None
    left = shape_text(source.shape) if source is not None else ""
    right = shape_text(outputs[0].shape) if outputs else ""
    more = f" +{len(outputs) - 1}" if len(outputs) > 1 else ""
    return f"{left} -> {right}{more}".strip() if right else left


def cut_shapes(text: str, width: int) -> str:
    """Cut ``a -> b`` to a width: inner dimensions go first, the first and last of each shape tell most."""
    if len(text) <= width:
        return text
    short = " -> ".join(_inner_dimensions_out(side) for side in text.split(" -> "))
    return cut_end(short, width, _MARK)


def _inner_dimensions_out(shape: str) -> str:
    dimensions = shape.split("x")
    return shape if len(dimensions) <= 2 else f"{dimensions[0]}x{_MARK}x{dimensions[-1]}"


def _collapse(name: str, opening: str, closing: str) -> str:
    """Replace what stands between the outermost brackets by a mark, where that is shorter."""
    depth, start, kept = 0, 0, ""
    for place, character in enumerate(name):
        if character == opening:
            depth += 1
            if depth == 1:
                kept += name[start : place + 1]
                start = place + 1
        elif character == closing and depth:
            depth -= 1
            if depth == 0:
                kept += _MARK if place - start > len(_MARK) else name[start:place]
                start = place
    return kept + name[start:]


def cut_name(name: str, width: int) -> str:
    """Cut a demangled name to a width: parameters go first, then template arguments, outer namespaces, and the end last of all."""
    if len(name) <= width:
        return name
    if "operator" in name:  # its brackets would be taken for those of arguments
        return cut_end(name, width, _MARK)
    for opening, closing in ("()", "<>"):
        name = _collapse(name, opening, closing)
        if len(name) <= width:
            return name
    scopes = name.split("::")
    for outer in range(1, len(scopes)):
        inner = "::".join([_MARK, *scopes[outer:]])
        if len(inner) <= width:
            return inner
    return cut_end(scopes[-1].removesuffix(f"({_MARK})"), width, _MARK)
