"""Machine code that is written while the firmware runs: an execution of a block that repeats, for hosts of x86-64.

What `instsim.dynamics.block_repeats` finds in a block's records (`QuickWord`) and does not change from one execution to the next (where
registers and records are, shifts, constants, what a step does, prices) becomes instructions, a quarter of those that go through the records. What
changes (the line that an access was in, its place) stays in the records. Whatever is out of the ordinary is left to
`instsim.dynamics.memory_simulation.go_on`: the code knows nothing of memories, and a host or a block without it gives the same results.

It is ``void (time, sequential)``, for a machine with one memory system: the address of the machine's time in ticks, and whether control fell
through to the block. Registers: rdi has the address of the time, rsi of the records, rdx of the place where a line is arriving, rcx of the pages that
loads see, r8 of the core's registers, r9 of the block's `UseWord`, r10 of the system; rax and r11 hold values.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_operations import NO_REGISTER, REGISTER_FILE_WORDS, Operation
from instsim.dynamics.memory_layout import CacheWord, PathWord, ProgramWord, QuickWord, SystemWord, TraceWord, UseWord
from instsim.dynamics.memory_system import Replacement
from instsim.dynamics.native_words import octets, out_of_line, words
from instsim.dynamics.x86_instructions import X86, length, write, write_jump, write_octet, write_word, write_words

__all__ = ["write_code"]

_QUICK_BYTES, _PATH_BYTES = 8 * QuickWord.WORDS, 8 * PathWord.WORDS
_NO_REGISTER, _MASK = NO_REGISTER, 0xFFFFFFFF


_EXITS_AT = length("mov rcx, rdi", "movabs rdi, d64", "movabs rsi, d64", "movabs rax, d64", "jmp rax")
_FIRST_EXIT_BYTES, _EXIT_BYTES = length("xor edx, edx", "jmp d32"), length("lea rdx, [rsi + d32]", "jmp d32")
"""Where the ways out begin, and how long they are."""
_HEAD_BYTES, _MOST_BYTES = 376, 112
"""Of the code, at the most: without its records, and for each of them."""


def _write_pointer(at: Any, code: Any, address: Any) -> Any:
    """Write what puts an address of the host into a register."""
    return write_words(at, code, address & _MASK, address >> 32)


def _end_skip(behind: Any, at: Any) -> None:
    """Let a short jump, which ends at `behind`, lead to what is written from `at` on."""
    octets(behind)[-1] = at - behind


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
        return write_word(at, X86["mov r11d, dword [r8 + d32]"] if is_right else X86["mov eax, dword [r8 + d32]"], home - registers)
    return write_word(at, X86["mov r11d, dword [rsi + d32]"] if is_right else X86["mov eax, dword [rsi + d32]"], home - use[UseWord.QUICK])


def _write_operands(at: Any, quick: Any, use: Any, registers: Any) -> Any:
    """Write what gets both operands, the second one shifted."""
    first = quick[QuickWord.FIRST]
    has_base = first >> 16 & 255 != _NO_REGISTER
    at = _write_operand(at, quick[QuickWord.BASE], use, registers, False) if has_base else write(at, X86["xor eax, eax"])
    if first >> 24 & 255 != _NO_REGISTER:
        at = _write_operand(at, quick[QuickWord.INDEX], use, registers, True)
        if quick[QuickWord.SHIFT] != 0:
            at = write_octet(at, X86["shl r11d, d8"], quick[QuickWord.SHIFT])
    return at


def _write_address(at: Any, quick: Any, use: Any, registers: Any) -> Any:
    """Write what computes the base, and the index on top."""
    at = _write_operands(at, quick, use, registers)
    if quick[QuickWord.FIRST] >> 24 & 255 != _NO_REGISTER:
        at = write(at, X86["add eax, r11d"])
    return at


def _write_load(at: Any, quick: Any, exit_at: Any) -> Any:
    """Write what loads a value from the address that was computed."""
    size, signed = quick[QuickWord.BYTES], quick[QuickWord.FIRST] >> 56 & 1
    if size > 1:
        at = write_jump(write_octet(at, X86["test al, d8"], size - 1), X86["jne d32"], exit_at)
    at = write(at, X86["mov r11d, eax"])
    at = write_octet(at, X86["shr r11d, d8"], 12)
    at = write(at, X86["mov r11, qword [rcx + r11*8]"])
    at = write_jump(write(at, X86["test r11, r11"]), X86["je d32"], exit_at)
    at = write_word(at, X86["and eax, d32"], 0xFFF)
    if size == 4:
        return write(at, X86["mov eax, dword [r11 + rax]"])
    if size == 2:
        return write(at, X86["movsx eax, word [r11 + rax]"] if signed != 0 else X86["movzx eax, word [r11 + rax]"])
    return write(at, X86["movsx eax, byte [r11 + rax]"] if signed != 0 else X86["movzx eax, byte [r11 + rax]"])


@out_of_line
def _write_step(at: Any, quick_address: Any, use: Any, registers: Any, exit_at: Any) -> Any:
    """Write a step to an address; return 0 if it is none of the frequent ones."""
    quick = words(quick_address)
    kind, constant = quick[QuickWord.KIND], quick[QuickWord.CONSTANT]
    if kind == Operation.SET:
        at = write_word(at, X86["mov eax, d32"], constant)
    elif kind in {Operation.ADD, Operation.LOAD}:
        at = _write_address(at, quick, use, registers)
        if constant != 0:
            at = write_word(at, X86["add eax, d32"], constant)
        if kind == Operation.LOAD:
            at = _write_load(at, quick, exit_at)
    elif kind in {Operation.SUBTRACT, Operation.MULTIPLY, Operation.AND, Operation.OR, Operation.XOR, Operation.CLEAR}:
        if kind == Operation.MULTIPLY and quick[QuickWord.SHIFT] != 0:
            return 0
        at = _write_operands(at, quick, use, registers)
        if quick[QuickWord.FIRST] >> 24 & 255 == _NO_REGISTER:
            has_none = kind in {Operation.SUBTRACT, Operation.MULTIPLY}
            at = write(at, X86["xor r11d, r11d"]) if has_none else write_word(at, X86["mov r11d, d32"], constant)
        if kind == Operation.MULTIPLY:
            at = write(at, X86["imul eax, r11d"])
        elif kind == Operation.SUBTRACT:
            at = write(at, X86["sub eax, r11d"])
            if constant != 0:
                at = write_word(at, X86["sub eax, d32"], constant)
        elif kind == Operation.OR:
            at = write(at, X86["or eax, r11d"])
        elif kind == Operation.XOR:
            at = write(at, X86["xor eax, r11d"])
        else:
            if kind == Operation.CLEAR:
                at = write(at, X86["not r11d"])
            at = write(at, X86["and eax, r11d"])
    else:
        return 0
    return write_word(at, X86["mov dword [rsi + d32], eax"], quick_address - use[UseWord.QUICK] + 8 * QuickWord.RESULT)


@out_of_line
def _write_access(at: Any, quick_address: Any, use: Any, registers: Any, exit_at: Any) -> Any:
    """Write what looks whether an access stays where it was, and its line as well."""
    quick = words(quick_address)
    record = quick_address - use[UseWord.QUICK]
    at = _write_address(at, quick, use, registers)
    at = write_word(at, X86["sub eax, dword [rsi + d32]"], record + 8 * QuickWord.LOW)
    at = write_word(at, X86["cmp rax, qword [rsi + d32]"], record + 8 * QuickWord.LIMIT)
    at = write_jump(at, X86["ja d32"], exit_at)
    if quick[QuickWord.ALIGN] != 0:
        at = write_jump(write_octet(at, X86["test al, d8"], quick[QuickWord.ALIGN]), X86["jne d32"], exit_at)
    if quick[QuickWord.FOUND] != 0:
        at = write_word(at, X86["mov r11, qword [rsi + d32]"], record + 8 * QuickWord.PLACE)
        at = write_jump(write(at, X86["cmp r11, rdx"]), X86["je d32"], exit_at)
        at = write(at, X86["mov r11, qword [r11]"])
        at = write_word(at, X86["cmp r11, qword [rsi + d32]"], record + 8 * QuickWord.TAG)
        at = write_jump(at, X86["jne d32"], exit_at)
    return at


def _write_stamps(at: Any, use: Any, system: Any) -> Any:
    """Write what notes the uses of the accesses' lines, at the time in rax."""
    quick_address = use[UseWord.ACCESSES]
    while quick_address < use[UseWord.QUICK_END]:
        quick = words(quick_address)
        if quick[QuickWord.FOUND] != 0:
            path = words(system[SystemWord.PATHS] + (quick[QuickWord.FOUND] - 1) * _PATH_BYTES)
            if words(path[PathWord.CACHE])[CacheWord.REPLACEMENT] == Replacement.LRU:
                at = write_word(at, X86["mov r11, qword [rsi + d32]"], quick_address - use[UseWord.QUICK] + 8 * QuickWord.PLACE)
                at = write_word(at, X86["lea rdx, [rax + d32]"], quick[QuickWord.POSITION])
                at = write(at, X86["mov qword [r11 + 8], rdx"])
        quick_address += _QUICK_BYTES
    return at


def _write_exits(at: Any, use: Any, trace: Any) -> Any:
    """Write the ways out: what they have in common, one from the beginning, and one from each record."""
    state = words(trace)
    begin = at
    at = write(at, X86["mov rcx, rdi"])
    at = _write_pointer(at, X86["movabs rdi, d64"], use[UseWord.PROGRAM])
    at = _write_pointer(at, X86["movabs rsi, d64"], trace)
    at = _write_pointer(at, X86["movabs rax, d64"], state[TraceWord.GO_ON_FUNCTION])
    at = write(at, X86["jmp rax"])
    at = write(at, X86["xor edx, edx"])
    at = write_jump(at, X86["jmp d32"], begin)
    record = 0
    while record < use[UseWord.QUICK_END] - use[UseWord.QUICK]:
        at = write_word(at, X86["lea rdx, [rsi + d32]"], record)
        at = write_jump(at, X86["jmp d32"], begin)
        record += _QUICK_BYTES
    return at


def _write_beginning(at: Any, use_address: Any, system: Any, trace: Any, otherwise: Any) -> Any:
    """Write what looks whether the fetched lines are there, and whether another one is arriving."""
    use, state = words(use_address), words(trace)
    at = _write_pointer(at, X86["movabs r10, d64"], system)
    at = write_word(at, X86["mov rax, qword [r10 + d32]"], 8 * SystemWord.NOW)
    skip = write_octet(write(at, X86["test esi, esi"]), X86["jne d8"], 0)
    at = write_word(skip, X86["mov qword [r10 + d32], rax"], 8 * SystemWord.REDIRECTED_AT)
    _end_skip(skip, at)
    at = _write_pointer(at, X86["movabs r9, d64"], use_address)
    at = _write_pointer(at, X86["movabs r11, d64"], use[UseWord.CACHE])
    at = write(at, X86["xor edx, edx"])
    at = write_word(at, X86["cmp rax, qword [r10 + d32]"], 8 * SystemWord.QUIET_FROM)
    skip = write_octet(at, X86["jae d8"], 0)
    at = write_word(skip, X86["mov rdx, qword [r10 + d32]"], 8 * SystemWord.FILLING_PLACE)
    at = write_word(at, X86["mov rax, qword [r10 + d32]"], 8 * SystemWord.FILLING_CACHE)
    at = write_jump(write(at, X86["test rax, rax"]), X86["je d32"], otherwise)
    at = write_jump(write(at, X86["cmp rax, r11"]), X86["je d32"], otherwise)
    _end_skip(skip, at)
    at = write_word(at, X86["mov rax, qword [r11 + d32]"], 8 * CacheWord.EVICTIONS)
    at = write_word(at, X86["cmp rax, qword [r9 + d32]"], 8 * UseWord.EVICTIONS)
    at = write_jump(at, X86["jne d32"], otherwise)
    if words(use[UseWord.CACHE])[CacheWord.REPLACEMENT] == Replacement.LRU:
        at = write_word(at, X86["mov rax, qword [r9 + d32]"], 8 * UseWord.NEXT)
        skip = write_octet(write(at, X86["test rax, rax"]), X86["jne d8"], 0)
        at = write_word(skip, X86["mov rax, qword [r11 + d32]"], 8 * CacheWord.LISTED)
        at = write_word(at, X86["mov qword [r9 + d32], rax"], 8 * UseWord.NEXT)
        at = write_word(at, X86["mov qword [r11 + d32], r9"], 8 * CacheWord.LISTED)
        _end_skip(skip, at)
    if use[UseWord.QUICK] != use[UseWord.QUICK_END]:
        at = _write_pointer(at, X86["movabs rsi, d64"], use[UseWord.QUICK])
        at = _write_pointer(at, X86["movabs r8, d64"], state[TraceWord.REGISTERS])
        at = _write_pointer(at, X86["movabs rcx, d64"], state[TraceWord.PAGES])
    return at


def _write_end(at: Any, use: Any, system: Any, trace: Any) -> None:
    """Write what counts an execution that repeats."""
    at = write_word(at, X86["mov rax, qword [r10 + d32]"], 8 * SystemWord.CLOCK)
    at = write(at, X86["inc rax"])
    at = write_word(at, X86["mov qword [r9 + d32], rax"], 8 * UseWord.USED_AT)
    at = _write_stamps(at, use, system)
    at = write_word(at, X86["add rax, d32"], use[UseWord.LENGTH])
    at = write_word(at, X86["mov qword [r10 + d32], rax"], 8 * SystemWord.CLOCK)
    at = write_words(at, X86["add qword [r10 + d32], d32"], 8 * SystemWord.NOW, use[UseWord.TICKS])
    if words(use[UseWord.CACHE])[CacheWord.FOLLOWED] != 0:
        at = _write_pointer(at, X86["movabs r11, d64"], use[UseWord.CACHE])
        at = write_word(at, X86["mov rax, qword [r9 + d32]"], 8 * UseWord.LAST_LINE)
        at = write_word(at, X86["mov qword [r11 + d32], rax"], 8 * CacheWord.LAST_LINE)
    stall = use[UseWord.TICKS] - words(use[UseWord.PROGRAM])[ProgramWord.TICKS]
    if stall != 0:
        at = write_word(at, X86["add qword [rdi], d32"], stall)
        at = _write_pointer(at, X86["movabs r11, d64"], trace)
        at = write_words(at, X86["add qword [r11 + d32], d32"], 8 * TraceWord.STALLED, stall)
    at = write_word(at, X86["mov rax, qword [r9 + d32]"], 8 * UseWord.REPEATS)
    skip = write_octet(write(at, X86["test rax, rax"]), X86["jne d8"], 0)
    at = write_word(skip, X86["mov rax, qword [r10 + d32]"], 8 * SystemWord.REPEATED)
    at = write_word(at, X86["mov qword [r9 + d32], rax"], 8 * UseWord.NEXT_REPEATED)
    at = write_word(at, X86["mov qword [r10 + d32], r9"], 8 * SystemWord.REPEATED)
    at = write(at, X86["xor eax, eax"])
    _end_skip(skip, at)
    at = write(at, X86["inc rax"])
    at = write_word(at, X86["mov qword [r9 + d32], rax"], 8 * UseWord.REPEATS)
    write(at, X86["ret"])


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
