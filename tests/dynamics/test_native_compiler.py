"""The compiler of the native hooks: what it compiles does what Python does with the same function."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import binding

from instsim.dynamics.native_compiler import EntryPoint, compile_to_object
from instsim.dynamics.native_words import ForeignFunction, bit_length, half_words, octets, seldom, words, words32
from tests.dynamics.compiled import compile_function

_MASK = (1 << 64) - 1
_PRIMES = (2, 3, 5, 7, 11, 13)
_WORDS = st.integers(0, _MASK) | st.integers(0, 40)

_call_back = ForeignFunction(64, (32,))


class _Place(IntEnum):
    FIRST = 2
    SECOND = 3


def _arithmetic(a: Any, b: Any) -> Any:
    c = a + b * 3 - (a & ~b)
    c ^= a >> 7 | b << 3 & 0xFFFF
    c += -a + (b | 1)
    return c // (b & 0xFF | 1) + a % (b & 0xFF | 1)


def _choices(a: Any, b: Any) -> Any:
    if a == b or (a > 1000 and not b < 5):
        return 1
    if 3 <= a < 17 and b in {2, 5, a}:
        return 2
    kind = 7 if a > b else 9 if b & 1 else 11
    return kind + (a < b) * 100 + max(a, b) - min(a, b)


def _loops(a: Any, b: Any) -> Any:
    total = 0
    for place in range(len(_PRIMES)):
        if _PRIMES[place] == b & 15:
            continue
        total += _PRIMES[place] * (a & 0xFF)
    for number in range(3, (b & 7) + 3):
        total += number
    count = 0
    while True:
        count += 1
        if count > a & 15:
            break
    return total + count


def _is_small(value: Any, limit: Any) -> Any:
    return value < limit


def _order(a: Any, b: Any) -> Any:
    low, high = a, b
    if low > high:
        low, high = high, low
    return low * 2 + (1 if _is_small(high, 100) else 0) + bit_length(high)


@pytest.mark.parametrize("function", [_arithmetic, _choices, _loops, _order])
def test_what_is_compiled_computes_what_python_computes(function: Callable[[Any, Any], Any]) -> None:
    compiled = compile_function(function, (64, 64))

    @settings(max_examples=300, deadline=None)
    @given(_WORDS, _WORDS)
    def agrees(a: int, b: int) -> None:
        assert compiled(a, b) == _wrapped(function, a, b)

    agrees()


class _Word(int):
    """A number of Python that wraps around as words do."""


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "and", "rand", "or", "ror", "xor", "lshift", "rlshift", "rshift", "floordiv", "mod"):

    def _operate(self: int, other: int, name: str = f"__{_name}__") -> Any:
        return _Word(getattr(int, name)(int(self), int(other)) & _MASK)

    setattr(_Word, f"__{_name}__", _operate)
_Word.__neg__ = lambda self: _Word(-int(self) & _MASK)  # type: ignore[method-assign]
_Word.__invert__ = lambda self: _Word(~int(self) & _MASK)  # type: ignore[method-assign]


def _wrapped(function: Callable[[Any, Any], Any], a: int, b: int) -> int:
    return int(function(_Word(a), _Word(b))) & _MASK


def test_views_read_and_write_memory_in_every_width() -> None:
    def turn(address: Any) -> Any:
        words(address)[_Place.FIRST] = words(address)[0] + 1
        words32(address)[6] += words32(address)[1]
        half_words(address)[14] = 0x12345
        octets(address)[30] |= octets(address)[0]
        return half_words(address)[1]

    memory = np.zeros(4, np.uint64)
    memory[0] = 0x1122334455667788
    memory[_Place.SECOND] = 0xFFFFFFFF
    assert compile_function(turn, (64,))(memory.ctypes.data) == 0x5566
    assert [int(word) for word in memory] == [0x1122334455667788, 0, 0x1122334455667789, 0x0088_2345_11223343]


def test_a_branch_that_a_constant_rules_out_is_not_compiled() -> None:
    def make(*, wanted: bool) -> Callable[[Any], Any]:
        def function(value: Any) -> Any:
            if wanted and value > 1:
                return value.no_such_thing
            return value + 1 if not wanted else 5

        return function

    assert compile_function(make(wanted=False), (64,))(41) == 42
    with pytest.raises(SyntaxError, match=r"test_native_compiler\.py:\d+: function is beyond the language"):
        compile_to_object({"f": EntryPoint(make(wanted=True), (64,))}, None)


def test_functions_at_an_address_get_their_arguments_in_their_widths() -> None:
    got: list[int] = []
    kind = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint32)
    callback = kind(lambda value: got.append(value) or 77)  # type: ignore[func-returns-value]

    def function(address: Any) -> Any:
        return _call_back(address, 0xFFFFFFFFFF) + 1

    assert compile_function(function, (64,))(ctypes.cast(callback, ctypes.c_void_p).value) == 78
    assert got == [0xFFFFFFFF]


def _mixed(value: Any) -> Any:
    kind = value
    if kind:
        kind = value > 1
    return kind + 1


def _unknown(value: Any) -> Any:
    return value + nowhere  # type: ignore[name-defined]  # noqa: F821 -- that is the point


def _unsupported(value: Any) -> Any:
    with value:
        return 1


@pytest.mark.parametrize(
    ("function", "message"),
    [(_mixed, "gives kind values of several kinds"), (_unknown, "uses nowhere before"), (_unsupported, "beyond the language")],
)
def test_what_goes_beyond_the_language_is_refused_with_its_place(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(SyntaxError, match=message):
        compile_to_object({"f": EntryPoint(function, (64,))}, None)


def test_what_is_seldom_needed_stays_out_of_line() -> None:
    def helped(a: Any, b: Any) -> Any:
        return seldom_spread(a, b) + _often(a, b)

    @seldom
    def seldom_spread(a: Any, b: Any) -> Any:
        return a * 3 + b

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(opt=3, jit=True)
    code = compile_to_object({"tested": EntryPoint(helped, (64, 64), 64)}, machine)
    assert b"seldom_spread" in code
    assert b"_often" not in code
    assert compile_function(helped, (64, 64))(5, 7) == 5 * 3 + 7 + (5 ^ 7)


def _often(a: Any, b: Any) -> Any:
    return a ^ b
