"""The operators that a firmware's resolver knows, read from its memory.

A resolver holds its registrations in an array; a kernel that is prepared shows one of them, and the others lie beside it. Layout:
tensorflow/tflite-micro, ``tensorflow/lite/c/common.h`` (``TfLiteRegistration``) and ``tensorflow/lite/micro/micro_common.h`` (``TFLMRegistration``).
"""

from __future__ import annotations

from collections.abc import Iterable

from instsim.emulate.memory import Memory
from instsim.emulate.spec import MemoryKind
from instsim.isa import Isa
from instsim.model import builtin_operator_names

__all__ = ["registered_operators"]

_STRIDES = (28, 32, 36)
_FUNCTIONS = 4
"""Pointers to ``init``, ``free``, ``prepare`` and ``invoke`` come first."""
_INVOKE, _CODE, _CUSTOM_NAME = 3, 5, 6
_CUSTOM, _LARGEST_CODE = 32, 255
_MOST_REGISTRATIONS = 256
_LONGEST_NAME = 128


def registered_operators(memory: Memory, isa: Isa, seen: Iterable[int]) -> frozenset[str]:
    """Return the kinds of operators in the arrays that hold some registrations.

    Parameters
    ----------
    memory : Memory
        The firmware's, while it runs.
    isa : Isa
        Instruction set.
    seen : iterable of int
        Addresses of registrations that the firmware has used.
    """
    known = sorted(set(seen))
    if not known:
        return frozenset()
    names = builtin_operator_names()
    found = set(known)
    for stride in _STRIDES:
        if all((address - known[0]) % stride == 0 and _is_registration(memory, isa, address) for address in known):
            for step in (-stride, stride):
                address = known[0] + step
                while _is_registration(memory, isa, address) and len(found) < _MOST_REGISTRATIONS:
                    found.add(address)
                    address += step
            break
    return frozenset(_kind(memory, address, names) for address in found)


def _is_registration(memory: Memory, isa: Isa, address: int) -> bool:
    words = [memory.word(address + 4 * index) for index in range(_CUSTOM_NAME + 1)]
    if None in words:
        return False
    functions = [word or 0 for word in words[:_FUNCTIONS]]
    code = words[_CODE]
    return functions[_INVOKE] != 0 and all(f == 0 or _is_code(memory, isa, f) for f in functions) and code is not None and code <= _LARGEST_CODE


def _is_code(memory: Memory, isa: Isa, address: int) -> bool:
    found = memory.find(address)
    return found is not None and found[0].spec.kind is MemoryKind.FLASH and bool(isa is not Isa.THUMB or address & 1)


def _kind(memory: Memory, address: int, names: dict[int, str]) -> str:
    code = memory.word(address + 4 * _CODE) or 0
    if code == _CUSTOM:
        text = memory.read(memory.word(address + 4 * _CUSTOM_NAME) or 0, _LONGEST_NAME)
        if text is not None and 0 in text:
            return text[: text.index(0)].decode("utf-8", "replace") or "CUSTOM"
        return "CUSTOM"
    return names.get(code, f"BUILTIN_{code}")
