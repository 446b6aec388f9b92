"""What to measure, and the calls that are followed to measure it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KernelWatch", "RegionRequest", "RegionRule"]

from enum import StrEnum


class RegionRule(StrEnum):
    """How the measured region was chosen."""

    INVOKE = "invoke"
    """One call of the interpreter's ``Invoke``, found by its symbol."""
    KERNELS = "kernels"
    """From the first kernel of one inference to the end of its last, found without symbols."""
    SYMBOL = "symbol"
    """One call of a function that the user named."""
    ADDRESSES = "addresses"
    """Between two addresses that the user named."""
    SERIAL = "serial"
    """Between two points of the serial dialogue."""
    WHOLE_RUN = "whole-run"
    """Everything from reset to the stop."""


@dataclass(frozen=True, slots=True)
class RegionRequest:
    """The region to measure.

    Attributes
    ----------
    rule : RegionRule
        How it is found. `INVOKE` and `SYMBOL` need `entry`, `ADDRESSES` both addresses.
    entry : int or None
        First instruction of the region.
    end : int or None
        The region ends before this instruction (`ADDRESSES` only).
    call : int
        Which call or pass, counted from 1.
    name : str
        Readable name of the entry.
    fall_back : bool
        If the region never opens: measure the inference found by its kernels, else the whole run.
    """

    rule: RegionRule
    entry: int | None = None
    end: int | None = None
    call: int = 1
    name: str = ""
    fall_back: bool = True


@dataclass(frozen=True, slots=True)
class KernelWatch:
    """Kernels of engines that have no interpreter.

    Attributes
    ----------
    functions : tuple of (int, str)
        Entry and name of functions of which each call is a kernel.
    dispatchers : tuple of (int, int)
        Start and end of functions of which each indirect call is a kernel.
    names : tuple of (int, str)
        Names of functions, for kernels called by a dispatcher.
    """

    functions: tuple[tuple[int, str], ...] = ()
    dispatchers: tuple[tuple[int, int], ...] = ()
    names: tuple[tuple[int, str], ...] = ()
