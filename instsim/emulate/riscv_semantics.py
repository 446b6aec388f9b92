"""What Zba, Zbb, Zbc, Zbs, Zbkb, Zcb and Zcmp instructions do, in plain Python.

The RISC-V Instruction Set Manual, volume I, chapters "B", "Bit-manipulation for cryptography" and "Zc". The native code of
`instsim.emulate.extension_instructions` does the same; this is what runs where it cannot (device registers), and what it is tested against.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["AccessFault", "Storage", "carry_out", "is_candidate", "is_wide", "leaves_block"]

_WORD = 0xFFFFFFFF
_SIGN = 0x80000000
_RA, _SP, _A0, _A1 = 1, 2, 10, 11
_SAVED = (8, 9, *range(18, 28))
_MOST_SAVED = 13


class AccessFault(Exception):  # noqa: N818 -- the architecture's word
    """A data access that no memory and no device answers."""


class Storage(Protocol):
    """Registers and memory as an instruction sees them."""

    def register(self, number: int) -> int:
        """Value of x0 to x31, unsigned."""

    def set_register(self, number: int, value: int) -> None:
        """Set x0 to x31; x0 stays 0."""

    def load(self, address: int, size: int) -> int:
        """Read 1, 2 or 4 bytes; raises `AccessFault`."""

    def store(self, address: int, size: int, value: int) -> None:
        """Write 1, 2 or 4 bytes; raises `AccessFault`."""


def is_candidate(half: int) -> bool:
    """Whether a 16-bit encoding lies where RV32IMAFC has none and Zcb or Zcmp may have one; the emulator passes over all of these."""
    return half & 0xE003 == 0x8000 or half & 0xFC03 == 0x9C01 or leaves_block(half)


def is_wide(word: int) -> bool:
    """Whether a 32-bit encoding is one of these extensions'."""
    opcode, kind, whole = word & 0x7F, (word >> 25, word >> 12 & 7), (word >> 20, word >> 12 & 7)
    return (opcode == 0x33 and kind in _TWO) or (opcode == 0x13 and (kind in _WITH_CONSTANT or whole in _ONE))


def leaves_block(half: int) -> bool:
    """Whether a 16-bit encoding is in the space of Zcmp and of ``c.fsdsp``: it is carried out in the emulator's stead and passed by."""
    return half & 0xE003 == 0xA002


def _signed(value: int) -> int:
    return value - (1 << 32) if value & _SIGN else value


def _extend(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _carryless(first: int, second: int) -> int:
    product = 0
    for position in range(32):
        if second >> position & 1:
            product ^= first << position
    return product


def _rotate_right(value: int, places: int) -> int:
    places &= 31
    return value >> places | value << 32 - places


def _of_bytes(value: int, function: Callable[[int], int]) -> int:
    return int.from_bytes(bytes(function(byte) for byte in value.to_bytes(4, "little")), "little")


def _zip(value: int) -> int:
    return sum((value >> k & 1) << 2 * k | (value >> k + 16 & 1) << 2 * k + 1 for k in range(16))


def _unzip(value: int) -> int:
    return sum((value >> 2 * k & 1) << k | (value >> 2 * k + 1 & 1) << k + 16 for k in range(16))


_TWO: dict[tuple[int, int], Callable[[int, int], int]] = {
    (0x10, 2): lambda a, b: (a << 1) + b,
    (0x10, 4): lambda a, b: (a << 2) + b,
    (0x10, 6): lambda a, b: (a << 3) + b,
    (0x20, 7): lambda a, b: a & ~b,
    (0x20, 6): lambda a, b: a | ~b,
    (0x20, 4): lambda a, b: ~(a ^ b),
    (0x05, 1): _carryless,
    (0x05, 2): lambda a, b: _carryless(a, b) >> 31,
    (0x05, 3): lambda a, b: _carryless(a, b) >> 32,
    (0x05, 4): lambda a, b: min(_signed(a), _signed(b)),
    (0x05, 5): min,
    (0x05, 6): lambda a, b: max(_signed(a), _signed(b)),
    (0x05, 7): max,
    (0x30, 1): lambda a, b: _rotate_right(a, -b),
    (0x30, 5): _rotate_right,
    (0x24, 1): lambda a, b: a & ~(1 << (b & 31)),
    (0x24, 5): lambda a, b: a >> (b & 31) & 1,
    (0x34, 1): lambda a, b: a ^ 1 << (b & 31),
    (0x14, 1): lambda a, b: a | 1 << (b & 31),
    (0x04, 4): lambda a, b: a & 0xFFFF | b << 16,
    (0x04, 7): lambda a, b: a & 0xFF | (b & 0xFF) << 8,
}
_WITH_CONSTANT = frozenset(((0x24, 1), (0x34, 1), (0x14, 1), (0x30, 5), (0x24, 5)))
_ONE: dict[tuple[int, int], Callable[[int], int]] = {
    (0x600, 1): lambda a: 32 - a.bit_length(),
    (0x601, 1): lambda a: (a & -a).bit_length() - 1 if a else 32,
    (0x602, 1): int.bit_count,
    (0x604, 1): lambda a: _extend(a, 8),
    (0x605, 1): lambda a: _extend(a, 16),
    (0x08F, 1): _zip,
    (0x08F, 5): _unzip,
    (0x287, 5): lambda a: _of_bytes(a, lambda byte: 0xFF if byte else 0),
    (0x687, 5): lambda a: _of_bytes(a, lambda byte: int(f"{byte:08b}"[::-1], 2)),
    (0x698, 5): lambda a: int.from_bytes(a.to_bytes(4, "little"), "big"),
}
_ZCB_ONE: dict[int, Callable[[int], int]] = {
    0: lambda a: a & 0xFF,
    1: lambda a: _extend(a, 8),
    2: lambda a: a & 0xFFFF,
    3: lambda a: _extend(a, 16),
    5: lambda a: ~a,
}


def carry_out(encoding: int, address: int, storage: Storage) -> int | None:
    """Carry out one instruction.

    Parameters
    ----------
    encoding : int
        The instruction, of two bytes or four.
    address : int
        Where it lies.
    storage : Storage
        Registers and memory.

    Returns
    -------
    int or None
        Address of the next instruction; None if the encoding is none of these extensions'.

    Raises
    ------
    AccessFault
        As `storage` does.
    """
    if encoding & 3 == 3:
        return _wide(encoding, address, storage)
    if leaves_block(encoding):
        return _zcmp(encoding, address, storage)
    return address + 2 if _zcb(encoding, storage) else None


def _wide(word: int, address: int, storage: Storage) -> int | None:
    opcode, kind, source = word & 0x7F, (word >> 25, word >> 12 & 7), word >> 20 & 31
    value = storage.register(word >> 15 & 31)
    if opcode == 0x33 and kind in _TWO:
        result = _TWO[kind](value, storage.register(source))
    elif opcode == 0x13 and kind in _WITH_CONSTANT:
        if (word >> 20, word >> 12 & 7) in _ONE:
            return None
        result = _TWO[kind](value, source)
    elif opcode == 0x13 and (word >> 20, word >> 12 & 7) in _ONE:
        result = _ONE[word >> 20, word >> 12 & 7](value)
    else:
        return None
    storage.set_register(word >> 7 & 31, result & _WORD)
    return address + 4


def _zcb(half: int, storage: Storage) -> bool:
    high, low = 8 + (half >> 7 & 7), 8 + (half >> 2 & 7)
    if half & 0xE003 == 0x8000:
        return _zcb_memory(half, storage.register(high), low, storage)
    value = storage.register(high)
    if half & 0xFC63 == 0x9C41:
        storage.set_register(high, value * storage.register(low) & _WORD)
    elif half & 0xFC63 == 0x9C61 and half >> 2 & 7 in _ZCB_ONE:
        storage.set_register(high, _ZCB_ONE[half >> 2 & 7](value) & _WORD)
    else:
        return False
    return True


def _zcb_memory(half: int, base: int, data: int, storage: Storage) -> bool:
    kind, flag = half >> 10 & 7, half >> 6 & 1
    offset = half >> 4 & 2
    if kind in {0, 2}:
        offset |= flag
    address = base + offset & _WORD
    if kind == 0:
        storage.set_register(data, storage.load(address, 1))
    elif kind == 1:
        value = storage.load(address, 2)
        storage.set_register(data, _extend(value, 16) & _WORD if flag else value)
    elif kind == 2:
        storage.store(address, 1, storage.register(data) & 0xFF)
    elif kind == 3 and not flag:
        storage.store(address, 2, storage.register(data) & 0xFFFF)
    else:
        return False
    return True


def _zcmp(half: int, address: int, storage: Storage) -> int | None:
    if half & 0xFC23 == 0xAC22:
        first, second = _SAVED[half >> 7 & 7], _SAVED[half >> 2 & 7]
        pairs = ((_A0, first), (_A1, second)) if half & 0x40 else ((first, _A0), (second, _A1))
        values = [storage.register(source) for _, source in pairs]
        for (target, _), value in zip(pairs, values, strict=True):
            storage.set_register(target, value)
        return address + 2
    kind, listed = half >> 8, half >> 4 & 15
    count = _MOST_SAVED if listed == 15 else listed - 3
    if kind not in {0xB8, 0xBA, 0xBC, 0xBE} or count < 1:
        return None
    registers = (_RA, *_SAVED[: count - 1])
    stack = storage.register(_SP)
    adjustment = (count * 4 + 15 & ~15) + (half >> 2 & 3) * 16
    if kind == 0xB8:
        for place, number in enumerate(registers):
            storage.store(stack - 4 * (count - place) & _WORD, 4, storage.register(number))
        storage.set_register(_SP, stack - adjustment & _WORD)
        return address + 2
    top = stack + adjustment
    for number, value in [(number, storage.load(top - 4 * (count - place) & _WORD, 4)) for place, number in enumerate(registers)]:
        storage.set_register(number, value)
    storage.set_register(_SP, top & _WORD)
    if kind == 0xBC:
        storage.set_register(_A0, 0)
    return address + 2 if kind == 0xBA else storage.register(_RA) & ~1
