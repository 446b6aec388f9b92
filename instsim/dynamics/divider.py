"""Dividers whose time depends on their operands.

The machine histograms the *operand class* of every divide it executes, one histogram for each divide instruction; what a class costs is
decided afterwards, for any core. A class keeps all that the divider models below need and fits into 15 bits::

    bits  0      the dividend is negative (signed divides only)
    bits  1-6    width of |divisor|, 0 to 32 (0 for a divisor of 0)
    bits  7-12   width of |dividend|, 0 to 32
    bit  13      |divisor| is a power of two
    bit  14      the divisor is negative (signed divides only)

The width of a value is the number of its significant bits: 0 for 0, 1 for 1, 32 for 2**31 and above. Unsigned divides look at the raw
32-bit values. Signed -2**31 has width 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "DIVIDER_MODELS",
    "DIVISOR_NEGATIVE",
    "DIVISOR_POWER_OF_TWO",
    "OPERAND_CLASSES",
    "OperandClass",
    "divider_cycles",
    "pack_operands",
    "unpack_operands",
]

DIVIDEND_NEGATIVE = 1
DIVISOR_SHIFT = 1
DIVIDEND_SHIFT = 7
WIDTH_MASK = 63
DIVISOR_POWER_OF_TWO = 1 << 13
DIVISOR_NEGATIVE = 1 << 14
OPERAND_CLASSES = 1 << 15
"""Size of a histogram over all operand classes."""

DIVIDER_MODELS: Mapping[str, tuple[str, ...]] = {
    "fixed": ("cycles",),
    "fixed-zero": ("cycles", "by_zero_cycles"),
    "sign-correction": ("cycles", "correction_cycles"),
    "cortex-m4": (),
    "cv32e40p": (),
}
"""The closed list of divider models, each with the names of its parameters.

``fixed``: always ``cycles``.
``fixed-zero`` (Ibex): ``cycles``, but ``by_zero_cycles`` for a divisor of 0.
``sign-correction`` (Hazard3): ``cycles``, and ``correction_cycles`` more for a negative dividend.
``cortex-m4``: 2 if either operand is 0; 3 if the dividend is narrower than the divisor; else 5 + floor((width of dividend - width of divisor) / 4).
``cv32e40p``: 3 + leading zeros of the divisor (35 for 0); for a negative divisor 2 + its leading ones.
"""

Integers = npt.NDArray[np.int64]


class OperandClass(NamedTuple):
    """What is kept of one divide's operands; widths in bits."""

    dividend_width: int
    divisor_width: int
    dividend_negative: bool
    divisor_negative: bool
    divisor_power_of_two: bool


def pack_operands(dividend: int, divisor: int, signed: bool) -> int:
    """Pack the operands of one divide into its class: the reference for the machine's native hook.

    Parameters
    ----------
    dividend, divisor : int
        Register values as unsigned 32-bit numbers.
    signed : bool
        Whether the instruction reads them as two's complement.

    Returns
    -------
    int
        Operand class, below `OPERAND_CLASSES`.
    """
    dividend_negative = signed and dividend >> 31 == 1
    divisor_negative = signed and divisor >> 31 == 1
    dividend_magnitude = (1 << 32) - dividend if dividend_negative else dividend
    divisor_magnitude = (1 << 32) - divisor if divisor_negative else divisor
    power_of_two = divisor_magnitude != 0 and divisor_magnitude & (divisor_magnitude - 1) == 0
    return (
        DIVIDEND_NEGATIVE * dividend_negative
        | divisor_magnitude.bit_length() << DIVISOR_SHIFT
        | dividend_magnitude.bit_length() << DIVIDEND_SHIFT
        | DIVISOR_POWER_OF_TWO * power_of_two
        | DIVISOR_NEGATIVE * divisor_negative
    )


def unpack_operands(key: int) -> OperandClass:
    """Undo `pack_operands` as far as the class remembers."""
    return OperandClass(
        dividend_width=key >> DIVIDEND_SHIFT & WIDTH_MASK,
        divisor_width=key >> DIVISOR_SHIFT & WIDTH_MASK,
        dividend_negative=bool(key & DIVIDEND_NEGATIVE),
        divisor_negative=bool(key & DIVISOR_NEGATIVE),
        divisor_power_of_two=bool(key & DIVISOR_POWER_OF_TWO),
    )


def divider_cycles(model: str, keys: Integers, parameters: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """Cycles of divides by their operand classes.

    Parameters
    ----------
    model : str
        A key of `DIVIDER_MODELS`.
    keys : ndarray of int64, shape (n,)
        Operand classes.
    parameters : mapping of str to float
        The model's parameters, in cycles.

    Returns
    -------
    ndarray of float64, shape (n,)
        Cycles that each divide occupies the pipeline.

    Raises
    ------
    ValueError
        If the model or one of its parameters does not exist.
    """
    expected = DIVIDER_MODELS.get(model)
    if expected is None:
        raise ValueError(f"unknown divider model {model!r}; there are {', '.join(DIVIDER_MODELS)}")
    if set(parameters) != set(expected):
        raise ValueError(f"divider model {model!r} takes the parameters {list(expected)}, not {sorted(parameters)}")
    divisor = keys >> DIVISOR_SHIFT & WIDTH_MASK
    dividend = keys >> DIVIDEND_SHIFT & WIDTH_MASK
    if model == "fixed":
        return np.full(keys.shape, float(parameters["cycles"]))
    if model == "fixed-zero":
        return np.where(divisor == 0, float(parameters["by_zero_cycles"]), float(parameters["cycles"]))
    if model == "sign-correction":
        return parameters["cycles"] + parameters["correction_cycles"] * (keys & DIVIDEND_NEGATIVE).astype(np.float64)
    if model == "cortex-m4":
        cycles = np.where(dividend < divisor, 3, 5 + (dividend - divisor) // 4)
        return np.where((dividend == 0) | (divisor == 0), 2, cycles).astype(np.float64)
    # Leading ones of a negative divisor are the leading zeros of |divisor| - 1, which is one bit narrower for a power of two.
    power_of_two = (keys & DIVISOR_POWER_OF_TWO != 0).astype(np.int64)
    negative = 2 + 32 - (divisor - power_of_two)
    return np.where(keys & DIVISOR_NEGATIVE != 0, negative, 3 + 32 - divisor).astype(np.float64)
