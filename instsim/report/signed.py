"""Differences as text: every one with its sign."""

from __future__ import annotations

from instsim.gate.comparison import Change
from instsim.units import format_bytes, format_count, format_quantity

__all__ = ["amount", "percent_of_change", "relative", "signed"]


def amount(value: float | None, unit: str = "") -> str:
    """Return a quantity in its unit: ``B`` in bytes, no unit as a count; empty if there is none."""
    if value is None:
        return ""
    if unit == "B":
        return format_bytes(round(value))
    return format_quantity(value, unit) if unit else format_count(value)


def signed(value: float | None, unit: str = "") -> str:
    """Return a difference with its sign; a bare zero for none."""
    if value is None:
        return ""
    if unit == "B":
        return f"{round(value):+,} B" if value else "0"
    if unit:
        return f"{'+' if value > 0 else ''}{format_quantity(value, unit)}" if value else "0"
    return f"{round(value):+,}" if value else "0"


def relative(change: Change) -> str:
    """Return the difference in per cent; ``new`` and ``gone`` have none."""
    return percent_of_change(change.relative)


def percent_of_change(ratio: float | None) -> str:
    """Return a relative difference in per cent, with its sign; what is there but rounds to nothing is ``+<0.01%``."""
    if ratio is None:
        return ""
    if ratio == 0:
        return "0%"
    text = f"{ratio:+.2%}"
    return text if text[1:] != "0.00%" else f"{text[0]}<0.01%"
