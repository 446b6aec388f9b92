"""Numbers with their units: rounding for output, and readable text."""

from __future__ import annotations

import math

__all__ = ["counted", "format_bytes", "format_count", "format_quantity", "round_figure"]

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"))


def round_figure(value: float, digits: int = 9) -> float:
    """Round to significant digits, so that the last bits of a sum never reach a file.

    Parameters
    ----------
    value : float
        Any number; infinities and NaN are returned as they are.
    digits : int
        Significant digits kept.
    """
    if value == 0 or not math.isfinite(value):
        return value
    return float(f"{value:.{digits - 1}e}")


def format_quantity(value: float, unit: str, digits: int = 4) -> str:
    """Format with an SI prefix: ``format_quantity(0.01234, "s")`` is ``"12.34 ms"``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    magnitude = abs(float(f"{value:.{digits - 1}e}"))
    scale, prefix = next(((s, p) for s, p in _PREFIXES if magnitude >= s), _PREFIXES[-1])
    scaled = value / scale
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(float(f"{scaled:.{digits - 1}e}")))))
    return f"{scaled:.{decimals}f} {prefix}{unit}"


def format_count(value: float) -> str:
    """Format a count with thousands separators: ``1234567`` is ``"1,234,567"``."""
    return f"{round(value):,}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural if it is not one: ``1 run``, ``1,200 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_bytes(value: int) -> str:
    """Format a size in bytes, with KiB beside it from 1 KiB on."""
    return f"{value:,} B" if value < 1024 else f"{value:,} B ({value / 1024:.1f} KiB)"
