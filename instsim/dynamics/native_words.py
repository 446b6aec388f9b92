"""What native hooks are written with, beside plain Python: words at an address, functions at an address.

`instsim.dynamics.native_compiler` gives it its meaning; in plain Python none of it can be called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["ATTRIBUTES", "ForeignFunction", "View", "bit_length", "half_words", "in_line", "octets", "out_of_line", "seldom", "words", "words32"]

ATTRIBUTES = "native_attributes"
"""Where a function says how the compiler shall treat it: LLVM's names of attributes."""


@dataclass(frozen=True)
class View:
    """``view(address)[index]`` is the unsigned number at a place of an array in memory, to read and to write.

    Attributes
    ----------
    bits : int
        Width of an element.
    """

    bits: int

    def __call__(self, address: Any) -> Any:
        """Return the array at an address."""
        raise NotImplementedError("only compiled code can look at memory")


@dataclass(frozen=True)
class ForeignFunction:
    """``function(address, *arguments)`` calls the C function at an address.

    Attributes
    ----------
    result : int
        Bits of its result, 0 for none.
    arguments : tuple of int
        Bits of each argument.
    """

    result: int
    arguments: tuple[int, ...]

    def __call__(self, address: Any, *arguments: Any) -> Any:
        """Return what the function at the address makes of its arguments."""
        raise NotImplementedError("only compiled code can call what lies at an address")


def out_of_line(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that is called rather than copied into its callers, so that what they do most of the time stays short."""
    function.__dict__[ATTRIBUTES] = ("noinline",)
    return function


def in_line(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that is copied into its callers, however many there are."""
    function.__dict__[ATTRIBUTES] = ("alwaysinline",)
    return function


def seldom(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that is seldom called: it stays out of line, and its callers keep their registers for what they do otherwise."""
    function.__dict__[ATTRIBUTES] = ("noinline", "cold")
    return function


def bit_length(value: Any) -> Any:
    """Return ``value.bit_length()``; one instruction of the host's in compiled code."""
    return int(value).bit_length()


words = View(64)
words32 = View(32)
half_words = View(16)
octets = View(8)
