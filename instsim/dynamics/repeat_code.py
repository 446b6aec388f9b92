"""Machine code that is written while the firmware runs: what a block that repeats looks at, for hosts of x86-64.

What `instsim.dynamics.block_repeats` finds in a block's records (`QuickWord`) and does not change from one execution to the next (registers,
shifts, constants, what a step does) becomes instructions: a quarter of those that go through the records, and no loops. What changes (the line
that an access was in, its place) stays in the records. Where an access does not find its line, the code says at which record, and
`block_repeats` goes on there: it knows nothing of memories, and a host or a block without it gives the same results.

It is ``uint64_t (registers, records, filling, pages, began)``: the addresses of the core's registers, of the block's first record, of the place
where a line is arriving and of the pages that loads see, and the time of use that the block begins at. It returns 0 if all accesses found their
lines, whose times of use are noted then; else the record from which on to look.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_operations import NO_REGISTER, REGISTER_FILE_WORDS, Operation
from instsim.dynamics.memory_layout import CacheWord, PathWord, QuickWord, SystemWord, TraceWord, UseWord
from instsim.dynamics.memory_system import Replacement
from instsim.dynamics.native_words import ForeignFunction, octets, out_of_line, words

__all__ = ["call_checks", "write_checks"]

_QUICK_BYTES, _PATH_BYTES = 8 * QuickWord.WORDS, 8 * PathWord.WORDS
_NO_REGISTER, _MASK = NO_REGISTER, 0xFFFFFFFF

call_checks = ForeignFunction(64, (64, 64, 64, 64, 64))
"""The code at an address, as above."""


def _code(text: str) -> int:
    """Return the bytes of an instruction, written as in a listing, with a 1 above the last one."""
    return int.from_bytes(bytes.fromhex(text) + b"\x01", "little")


# Instructions by their effect. rdi: registers; rsi: records; rdx: filling; rcx: pages; r8: began; rax and r11 hold values.
_LEFT_FROM_REGISTERS, _LEFT_FROM_RECORDS = _code("8b87"), _code("8b86")  # mov eax, [rdi + ...], [rsi + ...]
_RIGHT_FROM_REGISTERS, _RIGHT_FROM_RECORDS = _code("448b9f"), _code("448b9e")  # mov r11d, ...
_LEFT_ZERO, _RIGHT_ZERO = _code("31c0"), _code("4531db")  # xor eax, eax; xor r11d, r11d
_LEFT_CONSTANT, _RIGHT_CONSTANT = _code("b8"), _code("41bb")  # mov eax, ...; mov r11d, ...
_SHIFT_RIGHT_OPERAND = _code("41c1e3")  # shl r11d, ...
_ADD, _SUBTRACT, _MULTIPLY = _code("4401d8"), _code("4429d8"), _code("410fafc3")  # add, sub, imul eax, r11d
_AND, _OR, _XOR = _code("4421d8"), _code("4409d8"), _code("4431d8")  # and, or, xor eax, r11d
_INVERT_RIGHT = _code("41f7d3")  # not r11d
_ADD_CONSTANT, _SUBTRACT_CONSTANT = _code("05"), _code("2d")  # add eax, ...; sub eax, ...
_STORE_RESULT = _code("8986")  # mov [rsi + ...], eax
_TEST_BITS, _JUMP_IF_SOME = _code("a8"), _code("0f85")  # test al, ...; jnz ...
_FIND_PAGE = (_code("4189c3"), _code("41c1eb0c"), _code("4e8b1cd9"))  # mov r11d, eax; shr r11d, 12; mov r11, [rcx + 8 * r11]
_TEST_PAGE, _JUMP_IF_NONE = _code("4d85db"), _code("0f84")  # test r11, r11; jz ...
_INSIDE_PAGE = _code("25ff0f0000")  # and eax, 0xfff
_LOAD_WORD, _LOAD_HALF, _LOAD_SIGNED_HALF = _code("418b0403"), _code("410fb70403"), _code("410fbf0403")  # mov, movzx, movsx eax, [r11 + rax]
_LOAD_BYTE, _LOAD_SIGNED_BYTE = _code("410fb60403"), _code("410fbe0403")
_SUBTRACT_LOW, _COMPARE_LIMIT, _JUMP_IF_ABOVE = _code("2b86"), _code("483b86"), _code("0f87")  # sub eax, [rsi + ...]; cmp rax, [rsi + ...]; ja ...
_GET_PLACE, _COMPARE_FILLING = _code("4c8b9e"), _code("4939d3")  # mov r11, [rsi + ...]; cmp r11, rdx
_GET_TAG, _COMPARE_TAG = _code("4d8b1b"), _code("4c3b9e")  # mov r11, [r11]; cmp r11, [rsi + ...]
_GET_STAMPED, _TIME_OF_USE, _STAMP = (
    _code("488b86"),
    _code("4d8d98"),
    _code("4c895808"),
)  # mov rax, [rsi + ...]; lea r11, [r8 + ...]; mov [rax + 8], r11
_ANSWER_RECORD, _RETURN = _code("488d86"), _code("c3")  # lea rax, [rsi + ...]; ret
_EXIT_BYTES = 8
"""Of the code that answers with a record."""
_MOST_BYTES = 112
"""For one record, with that."""


@out_of_line
def _write(at: Any, code: Any) -> Any:
    """Write an instruction, or its beginning; return the address behind it."""
    while code > 1:
        octets(at)[0] = code
        code >>= 8
        at += 1
    return at


@out_of_line
def _write_with(at: Any, code: Any, number: Any) -> Any:
    """Write an instruction that ends in a number of 32 bits."""
    at = _write(at, code)
    for index in range(4):
        octets(at)[index] = number >> (8 * index)
    return at + 4


def _write_with_octet(at: Any, code: Any, number: Any) -> Any:
    """Write an instruction that ends in a number of 8 bits."""
    at = _write(at, code)
    octets(at)[0] = number
    return at + 1


def _write_jump(at: Any, code: Any, target: Any) -> Any:
    """Write a conditional jump."""
    return _write_with(at, code, target - (at + 6))


def _is_known(home: Any, records: Any, behind: Any, registers: Any) -> Any:
    """Tell whether a value can be addressed where it is."""
    return home - registers < 4 * REGISTER_FILE_WORDS or home - records < behind - records


@out_of_line
def _write_operand(at: Any, home: Any, use: Any, registers: Any, is_right: Any) -> Any:
    """Write what gets the value of a register or of an earlier step's result."""
    if home - registers < 4 * REGISTER_FILE_WORDS:
        return _write_with(at, _RIGHT_FROM_REGISTERS if is_right else _LEFT_FROM_REGISTERS, home - registers)
    return _write_with(at, _RIGHT_FROM_RECORDS if is_right else _LEFT_FROM_RECORDS, home - use[UseWord.QUICK])


def _write_operands(at: Any, quick: Any, use: Any, registers: Any) -> Any:
    """Write what gets both operands, the second one shifted."""
    first = quick[QuickWord.FIRST]
    has_base = first >> 16 & 255 != _NO_REGISTER
    at = _write_operand(at, quick[QuickWord.BASE], use, registers, False) if has_base else _write(at, _LEFT_ZERO)
    if first >> 24 & 255 != _NO_REGISTER:
        at = _write_operand(at, quick[QuickWord.INDEX], use, registers, True)
        if quick[QuickWord.SHIFT] != 0:
            at = _write_with_octet(at, _SHIFT_RIGHT_OPERAND, quick[QuickWord.SHIFT])
    return at


def _write_address(at: Any, quick: Any, use: Any, registers: Any) -> Any:
    """Write what computes the base, and the index on top."""
    at = _write_operands(at, quick, use, registers)
    if quick[QuickWord.FIRST] >> 24 & 255 != _NO_REGISTER:
        at = _write(at, _ADD)
    return at


def _write_load(at: Any, quick: Any, exit_at: Any) -> Any:
    """Write what loads a value from the address that was computed; return 0 if that is beyond this code."""
    size, signed = quick[QuickWord.BYTES], quick[QuickWord.FIRST] >> 56 & 1
    if size > 1:
        at = _write_jump(_write_with_octet(at, _TEST_BITS, size - 1), _JUMP_IF_SOME, exit_at)
    for part in range(3):
        at = _write(at, _FIND_PAGE[part])
    at = _write_jump(_write(at, _TEST_PAGE), _JUMP_IF_NONE, exit_at)
    at = _write(at, _INSIDE_PAGE)
    if size == 4:
        return _write(at, _LOAD_WORD)
    if size == 2:
        return _write(at, _LOAD_SIGNED_HALF if signed != 0 else _LOAD_HALF)
    return _write(at, _LOAD_SIGNED_BYTE if signed != 0 else _LOAD_BYTE)


@out_of_line
def _write_step(at: Any, quick_address: Any, use: Any, registers: Any, exit_at: Any) -> Any:
    """Write a step to an address; return 0 if it is none of the frequent ones."""
    quick = words(quick_address)
    kind, constant = quick[QuickWord.KIND], quick[QuickWord.CONSTANT]
    if kind == Operation.SET:
        at = _write_with(at, _LEFT_CONSTANT, constant)
    elif kind in {Operation.ADD, Operation.LOAD}:
        at = _write_address(at, quick, use, registers)
        if constant != 0:
            at = _write_with(at, _ADD_CONSTANT, constant)
        if kind == Operation.LOAD:
            at = _write_load(at, quick, exit_at)
    elif kind in {Operation.SUBTRACT, Operation.MULTIPLY, Operation.AND, Operation.OR, Operation.XOR, Operation.CLEAR}:
        if kind == Operation.MULTIPLY and quick[QuickWord.SHIFT] != 0:
            return 0
        at = _write_operands(at, quick, use, registers)
        if quick[QuickWord.FIRST] >> 24 & 255 == _NO_REGISTER:
            has_none = kind in {Operation.SUBTRACT, Operation.MULTIPLY}
            at = _write(at, _RIGHT_ZERO) if has_none else _write_with(at, _RIGHT_CONSTANT, constant)
        if kind == Operation.MULTIPLY:
            at = _write(at, _MULTIPLY)
        elif kind == Operation.SUBTRACT:
            at = _write(at, _SUBTRACT)
            if constant != 0:
                at = _write_with(at, _SUBTRACT_CONSTANT, constant)
        elif kind == Operation.OR:
            at = _write(at, _OR)
        elif kind == Operation.XOR:
            at = _write(at, _XOR)
        else:
            if kind == Operation.CLEAR:
                at = _write(at, _INVERT_RIGHT)
            at = _write(at, _AND)
    else:
        return 0
    return _write_with(at, _STORE_RESULT, quick_address - use[UseWord.QUICK] + 8 * QuickWord.RESULT)


@out_of_line
def _write_access(at: Any, quick_address: Any, use: Any, registers: Any, exit_at: Any) -> Any:
    """Write what looks whether an access stays where it was, and its line as well."""
    quick = words(quick_address)
    record = quick_address - use[UseWord.QUICK]
    at = _write_address(at, quick, use, registers)
    at = _write_with(at, _SUBTRACT_LOW, record + 8 * QuickWord.LOW)
    at = _write_with(at, _COMPARE_LIMIT, record + 8 * QuickWord.LIMIT)
    at = _write_jump(at, _JUMP_IF_ABOVE, exit_at)
    if quick[QuickWord.ALIGN] != 0:
        at = _write_jump(_write_with_octet(at, _TEST_BITS, quick[QuickWord.ALIGN]), _JUMP_IF_SOME, exit_at)
    if quick[QuickWord.FOUND] != 0:
        at = _write_with(at, _GET_PLACE, record + 8 * QuickWord.PLACE)
        at = _write_jump(_write(at, _COMPARE_FILLING), _JUMP_IF_NONE, exit_at)
        at = _write(at, _GET_TAG)
        at = _write_with(at, _COMPARE_TAG, record + 8 * QuickWord.TAG)
        at = _write_jump(at, _JUMP_IF_SOME, exit_at)
    return at


def _write_stamp(at: Any, quick_address: Any, use: Any, system: Any) -> Any:
    """Write what notes the use of an access's line."""
    quick = words(quick_address)
    if quick[QuickWord.FOUND] != 0:
        path = words(system[SystemWord.PATHS] + (quick[QuickWord.FOUND] - 1) * _PATH_BYTES)
        if words(path[PathWord.CACHE])[CacheWord.REPLACEMENT] == Replacement.LRU:
            at = _write_with(at, _GET_STAMPED, quick_address - use[UseWord.QUICK] + 8 * QuickWord.PLACE)
            at = _write_with(at, _TIME_OF_USE, quick[QuickWord.POSITION])
            at = _write(at, _STAMP)
    return at


@out_of_line
def write_checks(use_address: Any, system: Any, state: Any) -> None:
    """Write a block's code, if there is room for it and all its steps are frequent ones."""
    use = words(use_address)
    records, behind = use[UseWord.QUICK], use[UseWord.QUICK_END]
    length = (behind - records) // _QUICK_BYTES
    if use[UseWord.CODE] == 0:
        # Room is taken once, as for the records.
        begin = state[TraceWord.CODE]
        if begin + (length + 1) * _MOST_BYTES > state[TraceWord.CODE_END]:
            return
        use[UseWord.CODE] = begin
        state[TraceWord.CODE] = begin + (length + 1) * _MOST_BYTES
    registers = state[TraceWord.REGISTERS]
    at = use[UseWord.CODE]
    for index in range(length):
        at = _write(_write_with(at, _ANSWER_RECORD, index * _QUICK_BYTES), _RETURN)
    begin = at
    quick_address = records
    while quick_address < behind:
        quick = words(quick_address)
        first = quick[QuickWord.FIRST]
        if first >> 16 & 255 != _NO_REGISTER and not _is_known(quick[QuickWord.BASE], records, behind, registers):
            return
        if first >> 24 & 255 != _NO_REGISTER and not _is_known(quick[QuickWord.INDEX], records, behind, registers):
            return
        if quick[QuickWord.SHIFT] > 31:
            return
        if quick_address < use[UseWord.ACCESSES]:
            # The steps are carried out from the first one on, if one of them is beyond this code.
            at = _write_step(at, quick_address, use, registers, use[UseWord.CODE])
            if at == 0:
                return
        else:
            exit_at = use[UseWord.CODE] + (quick_address - records) // _QUICK_BYTES * _EXIT_BYTES
            at = _write_access(at, quick_address, use, registers, exit_at)
        quick_address += _QUICK_BYTES
    quick_address = use[UseWord.ACCESSES]
    while quick_address < behind:
        at = _write_stamp(at, quick_address, use, system)
        quick_address += _QUICK_BYTES
    _write(_write(at, _LEFT_ZERO), _RETURN)
    use[UseWord.CHECKS] = begin
