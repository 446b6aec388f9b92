"""The source of the native code for single RISC-V instructions that Unicorn does not decode; `instsim.emulate.extension_hooks` leads to it.

`instsim.emulate.riscv_semantics` says in plain Python what the instructions do. Numbers are 64 bits wide here, registers 32.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.native_words import octets, words, words32
from instsim.emulate.extension_layout import ExtensionState
from instsim.emulate.layout import NOWHERE

__all__ = [
    "NARROW",
    "NO_OPERATION",
    "SIMPLE_OPERATIONS",
    "carry_out_simple",
    "classify",
    "is_candidate",
    "step",
    "widen",
]

_NOWHERE = NOWHERE
_READABLE, _WRITABLE = int(ExtensionState.READABLE), int(ExtensionState.WRITABLE)
_TWO = (
    *(0x30 << 3 | 5, 0x24 << 3 | 1, 0x24 << 3 | 5, 0x34 << 3 | 1, 0x14 << 3 | 1),  # ror, bclr, bext, binv, bset: with a constant too
    *(0x10 << 3 | 2, 0x10 << 3 | 4, 0x10 << 3 | 6, 0x20 << 3 | 7, 0x20 << 3 | 6, 0x20 << 3 | 4),  # sh1add, sh2add, sh3add, andn, orn, xnor
    *(0x05 << 3 | 4, 0x05 << 3 | 5, 0x05 << 3 | 6, 0x05 << 3 | 7, 0x30 << 3 | 1),  # min, minu, max, maxu, rol
    *(0x04 << 3 | 4, 0x04 << 3 | 7),  # pack, packh
)
"""``funct7 << 3 | funct3`` of operations on two registers (OP) or a register and a constant (OP-IMM)."""
_WITH_CONSTANT = 5
_ONE = (
    *(0x600 << 3 | 1, 0x601 << 3 | 1, 0x602 << 3 | 1, 0x604 << 3 | 1, 0x605 << 3 | 1),  # clz, ctz, cpop, sext.b, sext.h
    *(0x287 << 3 | 5, 0x687 << 3 | 5, 0x698 << 3 | 5, 0x08F << 3 | 1, 0x08F << 3 | 5),  # orc.b, brev8, rev8, zip, unzip
)
"""``imm[11:0] << 3 | funct3`` of operations on one register (OP-IMM)."""
_CARRYLESS = 0x05 << 3 | 1, 0x05 << 3 | 2, 0x05 << 3 | 3
"""``funct7 << 3 | funct3`` of clmul, clmulr, clmulh (OP)."""
_MULTIPLY = 0x01 << 3 | 0
"""The same of mul, which stands in for c.mul."""
_FIRST_ONE, _FIRST_CONSTANT, _FIRST_CARRYLESS, NARROW, NO_OPERATION = len(_TWO), 32, 64, 126, 127
_MULTIPLY_OPERATION = len(_TWO) + len(_ONE)
SIMPLE_OPERATIONS = _FIRST_CARRYLESS
"""Operations below are a few instructions of the host's."""


def is_candidate(half: Any) -> Any:
    """Tell what `instsim.emulate.riscv_semantics.is_candidate` tells."""
    return half & 0xE003 == 0x8000 or half & 0xFC03 == 0x9C01 or half & 0xE003 == 0xA002


def _population(value: Any) -> Any:
    value = value - (value >> 1 & 0x55555555)
    value = (value & 0x33333333) + (value >> 2 & 0x33333333)
    value = value + (value >> 4) & 0x0F0F0F0F
    return (value * 0x01010101 & 0xFFFFFFFF) >> 24


def _clmul(first: Any, second: Any) -> Any:
    product = 0
    for position in range(32):
        if second >> position & 1:
            product ^= first << position
    return product


def classify(word: Any) -> Any:
    """Return the dense number of a 32-bit instruction's operation: its place in the lists above, `NO_OPERATION` if it is none of ours."""
    kind = (word >> 25) << 3 | (word >> 12 & 7)
    if word & 0x7F == 0x33:
        for place in range(len(_TWO)):
            if _TWO[place] == kind:
                return place
        if kind == _MULTIPLY:
            return _MULTIPLY_OPERATION
        for place in range(len(_CARRYLESS)):
            if _CARRYLESS[place] == kind:
                return place + _FIRST_CARRYLESS
    if word & 0x7F == 0x13:
        whole = (word >> 20) << 3 | (word >> 12 & 7)
        for place in range(len(_ONE)):
            if _ONE[place] == whole:
                return place + _FIRST_ONE
        for place in range(_WITH_CONSTANT):
            if _TWO[place] == kind:
                return place + _FIRST_CONSTANT
    return NO_OPERATION


def _interleave(value: Any) -> Any:
    """Spread the low 16 bits to the even places."""
    value = (value | value << 8) & 0x00FF00FF
    value = (value | value << 4) & 0x0F0F0F0F
    value = (value | value << 2) & 0x33333333
    return (value | value << 1) & 0x55555555


def _gather(value: Any) -> Any:
    """Collect the bits at even places."""
    value = value & 0x55555555
    value = (value | value >> 1) & 0x33333333
    value = (value | value >> 2) & 0x0F0F0F0F
    value = (value | value >> 4) & 0x00FF00FF
    return (value | value >> 8) & 0x0000FFFF


def _result(operation: Any, a: Any, b: Any) -> Any:
    """Return what an operation gives, perhaps with more bits than 32; the numbers are places in the lists above."""
    if operation == 0:
        return a >> (b & 31) | a << 32 - (b & 31)
    if operation == 1:
        return a & ~(1 << (b & 31))
    if operation == 2:
        return a >> (b & 31) & 1
    if operation == 3:
        return a ^ 1 << (b & 31)
    if operation == 4:
        return a | 1 << (b & 31)
    if operation == 5:
        return (a << 1) + b
    if operation == 6:
        return (a << 2) + b
    if operation == 7:
        return (a << 3) + b
    if operation == 8:
        return a & ~b
    if operation == 9:
        return a | ~b
    if operation == 10:
        return ~(a ^ b)
    if operation == 11:
        return a if a ^ 0x80000000 < b ^ 0x80000000 else b
    if operation == 12:
        return min(a, b)
    if operation == 13:
        return b if a ^ 0x80000000 < b ^ 0x80000000 else a
    if operation == 14:
        return max(a, b)
    if operation == 15:
        return a << (b & 31) | a >> 32 - (b & 31)
    if operation == 16:
        return a & 0xFFFF | b << 16
    if operation == 17:
        return a & 0xFF | (b & 0xFF) << 8
    if operation == 18:
        a |= a >> 1
        a |= a >> 2
        a |= a >> 4
        a |= a >> 8
        a |= a >> 16
        return 32 - _population(a)
    if operation == 19:
        return _population((a & -a) - 1 & 0xFFFFFFFF)
    if operation == 20:
        return _population(a)
    if operation == 21:
        return (a & 0xFF ^ 0x80) - 0x80
    if operation == 22:
        return (a & 0xFFFF ^ 0x8000) - 0x8000
    if operation == 23:
        return ((((a & 0x7F7F7F7F) + 0x7F7F7F7F | a) & 0x80808080) >> 7) * 0xFF
    if operation == 24:
        a = (a >> 1 & 0x55555555) | (a & 0x55555555) << 1
        a = (a >> 2 & 0x33333333) | (a & 0x33333333) << 2
        return (a >> 4 & 0x0F0F0F0F) | (a & 0x0F0F0F0F) << 4
    if operation == 25:
        return a >> 24 | (a >> 8 & 0xFF00) | (a & 0xFF00) << 8 | (a & 0xFF) << 24
    if operation == 26:
        return _interleave(a & 0xFFFF) | _interleave(a >> 16) << 1
    if operation == 27:
        return _gather(a) | _gather(a >> 1) << 16
    return a * b


def widen(half: Any) -> Any:
    """Return a 32-bit encoding that does the same as a Zcb instruction between registers, 0 for all others."""
    number = 8 + (half >> 7 & 7)
    both = number << 15 | number << 7
    if half & 0xFC63 == 0x9C41:
        return 0x02000033 | both | 8 + (half >> 2 & 7) << 20  # mul
    if half & 0xFC63 == 0x9C61:
        kind = half >> 2 & 7
        if kind == 0:
            return 0x08007033 | both  # packh with x0
        if kind == 1:
            return 0x60401013 | both  # sext.b
        if kind == 2:
            return 0x08004033 | both  # pack with x0
        if kind == 3:
            return 0x60501013 | both  # sext.h
        if kind == 5:
            return 0x40004033 | both  # xnor with x0
    return 0


def carry_out_simple(operation: Any, entry: Any, registers: Any) -> None:
    """Carry out a 32-bit instruction that writes a register other than x0, and whose operation (`classify`) is below `SIMPLE_OPERATIONS`.

    It comes as an entry of the site table, encoding in the upper half; of `operation` the low six bits count.
    """
    a = registers[entry >> 32 + 15 & 31]
    b = entry >> 32 + 20 & 31
    if operation & _FIRST_CONSTANT == 0:
        b = registers[b]
    registers[entry >> 32 + 7 & 31] = _result(operation & _FIRST_CONSTANT - 1, a, b) & 0xFFFFFFFF


def _wide(word: Any, pc: Any, registers: Any) -> Any:
    operation = classify(word)
    if operation < SIMPLE_OPERATIONS:
        if word & 0xF80 != 0:
            carry_out_simple(operation, word << 32, registers)
    elif operation < NARROW:
        product = _clmul(registers[word >> 15 & 31], registers[word >> 20 & 31])
        if operation == _FIRST_CARRYLESS + 1:
            product >>= 31
        elif operation == _FIRST_CARRYLESS + 2:
            product >>= 32
        if word & 0xF80 != 0:
            registers[word >> 7 & 31] = product & 0xFFFFFFFF
    else:
        return _NOWHERE
    return pc + 4


def _zcb_memory(half: Any, pc: Any, registers: Any, state: Any) -> Any:
    kind, flag = half >> 10 & 7, half >> 6 & 1
    data = 8 + (half >> 2 & 7)
    offset = half >> 4 & 2
    if kind & 5 == 0:
        offset |= flag
    address = registers[8 + (half >> 7 & 7)] + offset & 0xFFFFFFFF
    if kind > 3 or (kind == 3 and flag != 0) or (kind & 1 == 1 and address & 0xFFF == 0xFFF):
        return _NOWHERE
    page = words(state[_READABLE if kind < 2 else _WRITABLE])[address >> 12]
    if page == 0:
        return _NOWHERE
    place = octets(page)
    at = address & 0xFFF
    if kind == 0:
        registers[data] = place[at]
    elif kind == 1:
        value = place[at] | place[at + 1] << 8
        if flag != 0:
            value = (value ^ 0x8000) - 0x8000
        registers[data] = value & 0xFFFFFFFF
    else:
        value = registers[data]
        place[at] = value & 0xFF
        if kind == 3:
            place[at + 1] = value >> 8 & 0xFF
    return pc + 2


def _zcb(half: Any, pc: Any, registers: Any, state: Any) -> Any:
    if half & 0xE003 == 0x8000:
        return _zcb_memory(half, pc, registers, state)
    word = widen(half)
    if word == 0:
        return _NOWHERE
    carry_out_simple(classify(word), word << 32, registers)
    return pc + 2


def _saved(place: Any) -> Any:
    """Return the register at a place of Zcmp's list: ra, s0, s1, s2 to s11."""
    if place == 0:
        return 1
    return place + 7 if place < 3 else place + 15


def _zcmp(half: Any, pc: Any, registers: Any, state: Any) -> Any:
    if half & 0xFC23 == 0xAC22:
        first, second = _saved((half >> 7 & 7) + 1), _saved((half >> 2 & 7) + 1)
        if half & 0x40 != 0:
            a0, a1 = registers[first], registers[second]
            registers[10] = a0
            registers[11] = a1
        else:
            registers[first] = registers[10]
            registers[second] = registers[11]
        return pc + 2
    kind = half >> 8
    place = half >> 4 & 15
    if kind & 0xF9 != 0xB8 or place < 4:
        return _NOWHERE
    count = 13 if place == 15 else place - 3
    adjustment = (count * 4 + 15 & ~15) + (half >> 2 & 3) * 16
    stack = registers[2]
    top = stack if kind == 0xB8 else stack + adjustment
    bottom = top - 4 * count
    if stack & 3 != 0 or bottom > top or top > 0xFFFFFFFF:
        return _NOWHERE
    pages = words(state[_WRITABLE if kind == 0xB8 else _READABLE])
    if pages[bottom >> 12] == 0 or pages[top - 4 >> 12] == 0:
        return _NOWHERE
    for place in range(count):
        at = bottom + 4 * place
        word = words32(pages[at >> 12] + (at & 0xFFF))
        if kind == 0xB8:
            word[0] = registers[_saved(place)]
        else:
            registers[_saved(place)] = word[0]
    if kind == 0xB8:
        registers[2] = stack - adjustment & 0xFFFFFFFF
        return pc + 2
    registers[2] = top & 0xFFFFFFFF
    if kind == 0xBA:
        return pc + 2
    if kind == 0xBC:
        registers[10] = 0
    return registers[1] & 0xFFFFFFFE


def step(registers_address: Any, encoding: Any, pc: Any, state_address: Any) -> Any:
    """Carry out one instruction on an array of registers and return where to go on; `NOWHERE`, nothing done, if that takes Python."""
    registers, state = words32(registers_address), words(state_address)
    if encoding & 3 == 3:
        return _wide(encoding, pc, registers)
    if encoding & 0xE003 == 0xA002:
        return _zcmp(encoding, pc, registers, state)
    return _zcb(encoding, pc, registers, state)
