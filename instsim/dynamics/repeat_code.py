"""Machine code that is written while the firmware runs: an execution of a block that repeats, for hosts of x86-64.

What `instsim.dynamics.block_repeats` finds in a block's records (`QuickWord`) and does not change from one execution to the next (where
registers and records are, shifts, constants, what a step does, prices) becomes instructions, a quarter of those that go through the records. What
changes (the line that an access was in, its place) stays in the records. Whatever is out of the ordinary is left to
`instsim.dynamics.memory_simulation.go_on`: the code knows nothing of memories, and a host or a block without it gives the same results.

It is ``void (time, sequential)``, for a machine with one memory system: the address of the machine's time in ticks, and whether control fell
through to the block.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_operations import NO_REGISTER, REGISTER_FILE_WORDS, Operation
from instsim.dynamics.memory_layout import CacheWord, PathWord, ProgramWord, QuickWord, SystemWord, TraceWord, UseWord
from instsim.dynamics.memory_system import Replacement
from instsim.dynamics.native_words import octets, out_of_line, words

__all__ = ["write_code"]

_QUICK_BYTES, _PATH_BYTES = 8 * QuickWord.WORDS, 8 * PathWord.WORDS
_NO_REGISTER, _MASK = NO_REGISTER, 0xFFFFFFFF


def _code(text: str) -> int:
    """Return the bytes of an instruction, written as in a listing, with a 1 above the last one."""
    return int.from_bytes(bytes.fromhex(text) + b"\x01", "little")


# Instructions by their effect. rdi: time; rsi: records; rdx: place where a line is arriving; rcx: pages; r8: registers; r9: use; r10: system;
# rax and r11 hold values. Those that end in ... are followed by a number of 32 bits.
_LEFT_FROM_REGISTERS, _LEFT_FROM_RECORDS = _code("418b80"), _code("8b86")  # mov eax, [r8 + ...], [rsi + ...]
_RIGHT_FROM_REGISTERS, _RIGHT_FROM_RECORDS = _code("458b98"), _code("448b9e")  # mov r11d, ...
_LEFT_ZERO, _RIGHT_ZERO = _code("31c0"), _code("4531db")  # xor eax, eax; xor r11d, r11d
_LEFT_CONSTANT, _RIGHT_CONSTANT = _code("b8"), _code("41bb")  # mov eax, ...; mov r11d, ...
_SHIFT_RIGHT_OPERAND = _code("41c1e3")  # shl r11d, 8 bits
_ADD, _SUBTRACT, _MULTIPLY = _code("4401d8"), _code("4429d8"), _code("410fafc3")  # add, sub, imul eax, r11d
_AND, _OR, _XOR = _code("4421d8"), _code("4409d8"), _code("4431d8")  # and, or, xor eax, r11d
_INVERT_RIGHT = _code("41f7d3")  # not r11d
_ADD_CONSTANT, _SUBTRACT_CONSTANT = _code("05"), _code("2d")  # add eax, ...; sub eax, ...
_STORE_RESULT = _code("8986")  # mov [rsi + ...], eax
_TEST_BITS, _JUMP_IF_SOME, _JUMP_IF_NONE = _code("a8"), _code("0f85"), _code("0f84")  # test al, 8 bits; jnz ...; jz ...
_FIND_PAGE = (_code("4189c3"), _code("41c1eb0c"), _code("4e8b1cd9"))  # mov r11d, eax; shr r11d, 12; mov r11, [rcx + 8 * r11]
_TEST_PAGE, _INSIDE_PAGE = _code("4d85db"), _code("25ff0f0000")  # test r11, r11; and eax, 0xfff
_LOAD_WORD, _LOAD_HALF, _LOAD_SIGNED_HALF = _code("418b0403"), _code("410fb70403"), _code("410fbf0403")  # mov, movzx, movsx eax, [r11 + rax]
_LOAD_BYTE, _LOAD_SIGNED_BYTE = _code("410fb60403"), _code("410fbe0403")
_SUBTRACT_LOW, _COMPARE_LIMIT, _JUMP_IF_ABOVE = _code("2b86"), _code("483b86"), _code("0f87")  # sub eax, [rsi + ...]; cmp rax, [rsi + ...]; ja ...
_GET_PLACE, _COMPARE_FILLING = _code("4c8b9e"), _code("4939d3")  # mov r11, [rsi + ...]; cmp r11, rdx
_GET_TAG, _COMPARE_TAG = _code("4d8b1b"), _code("4c3b9e")  # mov r11, [r11]; cmp r11, [rsi + ...]

_SET_RECORDS, _SET_PAGES, _SET_REGISTERS = _code("48be"), _code("48b9"), _code("49b8")  # mov rsi, rcx, r8, 64 bits
_SET_USE, _SET_SYSTEM, _SET_CACHE = _code("49b9"), _code("49ba"), _code("49bb")  # mov r9, r10, r11, 64 bits
_FROM_SYSTEM, _TO_SYSTEM, _FROM_USE, _TO_USE = _code("498b82"), _code("498982"), _code("498b81"), _code("498981")  # mov rax, [r10 + ...] ...
_COMPARE_SYSTEM, _COMPARE_USE = _code("493b82"), _code("493b81")  # cmp rax, [r10 + ...], [r9 + ...]
_FROM_CACHE, _TO_CACHE = _code("498b83"), _code("498983")  # mov rax, [r11 + ...]; mov [r11 + ...], rax
_USE_TO_CACHE, _USE_TO_SYSTEM = _code("4d898b"), _code("4d898a")  # mov [r11 + ...], [r10 + ...], r9
_TEST_LEFT, _INCREMENT, _ADD_LONG = _code("4885c0"), _code("48ffc0"), _code("4805")  # test rax, rax; inc rax; add rax, ...
_ADD_TO_SYSTEM, _ADD_TO_TIME, _ADD_TO_RIGHT = _code("498182"), _code("488107"), _code("498183")  # add qword [r10 + ...], [rdi], [r11 + ...], ...
_GET_FILLING, _NO_FILLING, _COMPARE_CACHE = _code("498b92"), _code("31d2"), _code("4c39d8")  # mov rdx, [r10 + ...]; xor edx, edx; cmp rax, r11
_TIME_OF_USE, _STAMP = _code("488d90"), _code("49895308")  # lea rdx, [rax + ...]; mov [r11 + 8], rdx
_RETURN, _JUMP = _code("c3"), _code("e9")  # ret; jmp ...

_IF_JUMPED = _code("85f67507")  # test esi, esi; jnz over 7 bytes
_IF_FILLING = _code("7320")  # jae over 32 bytes
_IF_NOT_LISTED = _code("4885c07515")  # test rax, rax; jnz over 21 bytes
_IF_FIRST = _code("4885c07517")  # test rax, rax; jnz over 23 bytes

_KEEP_TIME, _SET_PROGRAM, _SET_TRACE, _SET_FUNCTION, _GO_ON = _code("4889f9"), _code("48bf"), _code("48be"), _code("48b8"), _code("ffe0")
# mov rcx, rdi; mov rdi, rsi, rax, 64 bits; jmp rax
_ANSWER_RECORD = _code("488d96")  # lea rdx, [rsi + ...]
_EXITS_AT, _EXIT_BYTES, _FIRST_EXIT_BYTES = 35, 12, 7
"""Where the ways out begin, and how long they are."""
_HEAD_BYTES, _MOST_BYTES = 376, 112
"""Of the code, at the most: without its records, and for each of them."""


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


@out_of_line
def _write_with_long(at: Any, code: Any, number: Any) -> Any:
    """Write an instruction that ends in a number of 64 bits."""
    return _write_with(_write_with(at, code, number & _MASK), 1, number >> 32)


def _write_with_octet(at: Any, code: Any, number: Any) -> Any:
    """Write an instruction that ends in a number of 8 bits."""
    at = _write(at, code)
    octets(at)[0] = number
    return at + 1


def _write_jump(at: Any, code: Any, target: Any) -> Any:
    """Write a conditional jump."""
    return _write_with(at, code, target - (at + 6))


def _is_known(home: Any, use: Any, registers: Any) -> Any:
    """Tell whether a value can be addressed where it is."""
    return home - registers < 4 * REGISTER_FILE_WORDS or home - use[UseWord.QUICK] < use[UseWord.QUICK_END] - use[UseWord.QUICK]


def _can_be_written(quick: Any, use: Any, registers: Any) -> Any:
    """Tell whether the operands of a step or an access can be addressed."""
    first = quick[QuickWord.FIRST]
    if first >> 16 & 255 != _NO_REGISTER and not _is_known(quick[QuickWord.BASE], use, registers):
        return False
    if first >> 24 & 255 != _NO_REGISTER and not _is_known(quick[QuickWord.INDEX], use, registers):
        return False
    return quick[QuickWord.SHIFT] < 32


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


def _write_stamps(at: Any, use: Any, system: Any) -> Any:
    """Write what notes the uses of the accesses' lines, at the time in rax."""
    quick_address = use[UseWord.ACCESSES]
    while quick_address < use[UseWord.QUICK_END]:
        quick = words(quick_address)
        if quick[QuickWord.FOUND] != 0:
            path = words(system[SystemWord.PATHS] + (quick[QuickWord.FOUND] - 1) * _PATH_BYTES)
            if words(path[PathWord.CACHE])[CacheWord.REPLACEMENT] == Replacement.LRU:
                at = _write_with(at, _GET_PLACE, quick_address - use[UseWord.QUICK] + 8 * QuickWord.PLACE)
                at = _write_with(at, _TIME_OF_USE, quick[QuickWord.POSITION])
                at = _write(at, _STAMP)
        quick_address += _QUICK_BYTES
    return at


def _write_exits(at: Any, use: Any, trace: Any) -> Any:
    """Write the ways out: what they have in common, one from the beginning, and one from each record."""
    state = words(trace)
    begin = at
    at = _write(at, _KEEP_TIME)
    at = _write_with_long(at, _SET_PROGRAM, use[UseWord.PROGRAM])
    at = _write_with_long(at, _SET_TRACE, trace)
    at = _write_with_long(at, _SET_FUNCTION, state[TraceWord.GO_ON_FUNCTION])
    at = _write(at, _GO_ON)
    at = _write(at, _NO_FILLING)
    at = _write_with(at, _JUMP, begin - (at + 5))
    record = 0
    while record < use[UseWord.QUICK_END] - use[UseWord.QUICK]:
        at = _write_with(at, _ANSWER_RECORD, record)
        at = _write_with(at, _JUMP, begin - (at + 5))
        record += _QUICK_BYTES
    return at


def _write_beginning(at: Any, use_address: Any, system: Any, trace: Any, otherwise: Any) -> Any:
    """Write what looks whether the fetched lines are there, and whether another one is arriving."""
    use, state = words(use_address), words(trace)
    at = _write_with_long(at, _SET_SYSTEM, system)
    at = _write_with(at, _FROM_SYSTEM, 8 * SystemWord.NOW)
    at = _write(at, _IF_JUMPED)
    at = _write_with(at, _TO_SYSTEM, 8 * SystemWord.REDIRECTED_AT)
    at = _write_with_long(at, _SET_USE, use_address)
    at = _write_with_long(at, _SET_CACHE, use[UseWord.CACHE])
    at = _write(at, _NO_FILLING)
    at = _write_with(at, _COMPARE_SYSTEM, 8 * SystemWord.QUIET_FROM)
    at = _write(at, _IF_FILLING)
    at = _write_with(at, _GET_FILLING, 8 * SystemWord.FILLING_PLACE)
    at = _write_with(at, _FROM_SYSTEM, 8 * SystemWord.FILLING_CACHE)
    at = _write_jump(_write(at, _TEST_LEFT), _JUMP_IF_NONE, otherwise)
    at = _write_jump(_write(at, _COMPARE_CACHE), _JUMP_IF_NONE, otherwise)
    at = _write_with(at, _FROM_CACHE, 8 * CacheWord.EVICTIONS)
    at = _write_with(at, _COMPARE_USE, 8 * UseWord.EVICTIONS)
    at = _write_jump(at, _JUMP_IF_SOME, otherwise)
    if words(use[UseWord.CACHE])[CacheWord.REPLACEMENT] == Replacement.LRU:
        at = _write_with(at, _FROM_USE, 8 * UseWord.NEXT)
        at = _write(at, _IF_NOT_LISTED)
        at = _write_with(at, _FROM_CACHE, 8 * CacheWord.LISTED)
        at = _write_with(at, _TO_USE, 8 * UseWord.NEXT)
        at = _write_with(at, _USE_TO_CACHE, 8 * CacheWord.LISTED)
    if use[UseWord.QUICK] != use[UseWord.QUICK_END]:
        at = _write_with_long(at, _SET_RECORDS, use[UseWord.QUICK])
        at = _write_with_long(at, _SET_REGISTERS, state[TraceWord.REGISTERS])
        at = _write_with_long(at, _SET_PAGES, state[TraceWord.PAGES])
    return at


def _write_end(at: Any, use: Any, system: Any, trace: Any) -> None:
    """Write what counts an execution that repeats."""
    at = _write_with(at, _FROM_SYSTEM, 8 * SystemWord.CLOCK)
    at = _write(at, _INCREMENT)
    at = _write_with(at, _TO_USE, 8 * UseWord.USED_AT)
    at = _write_stamps(at, use, system)
    at = _write_with(at, _ADD_LONG, use[UseWord.LENGTH])
    at = _write_with(at, _TO_SYSTEM, 8 * SystemWord.CLOCK)
    at = _write_with(_write_with(at, _ADD_TO_SYSTEM, 8 * SystemWord.NOW), 1, use[UseWord.TICKS])
    if words(use[UseWord.CACHE])[CacheWord.FOLLOWED] != 0:
        at = _write_with_long(at, _SET_CACHE, use[UseWord.CACHE])
        at = _write_with(at, _FROM_USE, 8 * UseWord.LAST_LINE)
        at = _write_with(at, _TO_CACHE, 8 * CacheWord.LAST_LINE)
    stall = use[UseWord.TICKS] - words(use[UseWord.PROGRAM])[ProgramWord.TICKS]
    if stall != 0:
        at = _write_with(at, _ADD_TO_TIME, stall)
        at = _write_with_long(at, _SET_CACHE, trace)
        at = _write_with(_write_with(at, _ADD_TO_RIGHT, 8 * TraceWord.STALLED), 1, stall)
    at = _write_with(at, _FROM_USE, 8 * UseWord.REPEATS)
    at = _write(at, _IF_FIRST)
    at = _write_with(at, _FROM_SYSTEM, 8 * SystemWord.REPEATED)
    at = _write_with(at, _TO_USE, 8 * UseWord.NEXT_REPEATED)
    at = _write_with(at, _USE_TO_SYSTEM, 8 * SystemWord.REPEATED)
    at = _write(at, _LEFT_ZERO)
    at = _write(at, _INCREMENT)
    at = _write_with(at, _TO_USE, 8 * UseWord.REPEATS)
    _write(at, _RETURN)


@out_of_line
def write_code(use_address: Any, system: Any, trace: Any) -> None:
    """Write a block's code, if there is room for it and all its steps are frequent ones."""
    use, state = words(use_address), words(trace)
    records, behind = use[UseWord.QUICK], use[UseWord.QUICK_END]
    if use[UseWord.CODE_ROOM] == 0:
        # Room is taken once, as for the records.
        begin = state[TraceWord.CODE]
        end = begin + _HEAD_BYTES + (behind - records) // _QUICK_BYTES * _MOST_BYTES
        if end > state[TraceWord.CODE_END]:
            return
        use[UseWord.CODE_ROOM] = begin
        state[TraceWord.CODE] = end
    registers = state[TraceWord.REGISTERS]
    otherwise = use[UseWord.CODE_ROOM] + _EXITS_AT
    from_records = otherwise + _FIRST_EXIT_BYTES
    begin = _write_exits(use[UseWord.CODE_ROOM], use, trace)
    at = _write_beginning(begin, use_address, system, trace, otherwise)
    quick_address = records
    while quick_address < behind:
        if not _can_be_written(words(quick_address), use, registers):
            return
        if quick_address < use[UseWord.ACCESSES]:
            # The steps are carried out from the first one on, if one of them is beyond this code.
            at = _write_step(at, quick_address, use, registers, from_records)
            if at == 0:
                return
        else:
            exit_at = from_records + (quick_address - records) // _QUICK_BYTES * _EXIT_BYTES
            at = _write_access(at, quick_address, use, registers, exit_at)
        quick_address += _QUICK_BYTES
    _write_end(at, use, system, trace)
    use[UseWord.CODE] = begin
