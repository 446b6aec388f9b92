"""Values of the native hooks' language, as the compiler knows them and as code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from instsim.dynamics.native_words import View

__all__ = ["TRUTH", "WORD", "WORD_MASK", "Known", "Made", "Value", "code_of", "resized"]

WORD, TRUTH = ir.IntType(64), ir.IntType(1)
WORD_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Known:
    """A value at compile time: a number, a truth value, a tuple, or whatever can be called or asked for attributes."""

    value: Any


@dataclass(frozen=True)
class Made:
    """A value at run time.

    Attributes
    ----------
    code : llvmlite.ir.Value
        A word (an address, if it is a view) or a truth value.
    view : View or None
        How memory is seen there.
    """

    code: Any
    view: View | None = None

    @property
    def kind(self) -> object:
        """What has to agree where two values meet in one variable."""
        return self.view or str(self.code.type)


Value = Known | Made


def code_of(builder: Any, value: Value, *, as_word: bool = False) -> Any:
    """Return a value as code: a number, a truth value or an address."""
    if isinstance(value, Known):
        if isinstance(value.value, bool) and not as_word:
            return ir.Constant(TRUTH, int(value.value))
        if not isinstance(value.value, int):
            raise TypeError(f"{value.value!r} is no number")
        return ir.Constant(WORD, int(value.value) & WORD_MASK)
    return builder.zext(value.code, WORD) if as_word and value.code.type == TRUTH else value.code


def resized(builder: Any, code: Any, bits: int) -> Any:
    """Return a number with so many bits, cut or filled with zeros."""
    kind = ir.IntType(bits)
    if code.type.width == bits:
        return code
    return builder.trunc(code, kind) if code.type.width > bits else builder.zext(code, kind)
