"""Instructions of x86-64 that machine code is written with while firmware runs (`instsim.dynamics.repeat_code`).

Their bytes go by the text of a listing, in which ``d8``, ``d32`` and ``d64`` stand for numbers of so many bits that follow the bytes, the lowest
octet first; those of jumps count from the next instruction on.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.native_words import octets, out_of_line

__all__ = ["X86", "length", "write", "write_jump", "write_octet", "write_word", "write_words"]

_BYTES = {
    "mov eax, d32": "b8",
    "mov r11d, d32": "41bb",
    "mov eax, dword [r8 + d32]": "418b80",
    "mov r11d, dword [r8 + d32]": "458b98",
    "mov eax, dword [rsi + d32]": "8b86",
    "mov r11d, dword [rsi + d32]": "448b9e",
    "mov dword [rsi + d32], eax": "8986",
    "mov r11d, eax": "4189c3",
    "mov eax, dword [r11 + rax]": "418b0403",
    "movzx eax, word [r11 + rax]": "410fb70403",
    "movsx eax, word [r11 + rax]": "410fbf0403",
    "movzx eax, byte [r11 + rax]": "410fb60403",
    "movsx eax, byte [r11 + rax]": "410fbe0403",
    "xor eax, eax": "31c0",
    "xor r11d, r11d": "4531db",
    "shl r11d, d8": "41c1e3",
    "shr r11d, d8": "41c1eb",
    "not r11d": "41f7d3",
    "add eax, r11d": "4401d8",
    "sub eax, r11d": "4429d8",
    "imul eax, r11d": "410fafc3",
    "and eax, r11d": "4421d8",
    "or eax, r11d": "4409d8",
    "xor eax, r11d": "4431d8",
    "add eax, d32": "05",
    "sub eax, d32": "2d",
    "and eax, d32": "25",
    "sub eax, dword [rsi + d32]": "2b86",
    "cmp rax, qword [rsi + d32]": "483b86",
    "cmp r11, qword [rsi + d32]": "4c3b9e",
    "cmp r11, rdx": "4939d3",
    "cmp rax, r11": "4c39d8",
    "cmp rax, qword [r9 + d32]": "493b81",
    "cmp rax, qword [r10 + d32]": "493b82",
    "test al, d8": "a8",
    "test esi, esi": "85f6",
    "test rax, rax": "4885c0",
    "test r11, r11": "4d85db",
    "ja d32": "0f87",
    "jne d32": "0f85",
    "je d32": "0f84",
    "jae d8": "73",
    "jne d8": "75",
    "jmp d32": "e9",
    "jmp rax": "ffe0",
    "ret": "c3",
    "movabs rax, d64": "48b8",
    "movabs rcx, d64": "48b9",
    "movabs rdi, d64": "48bf",
    "movabs rsi, d64": "48be",
    "movabs r8, d64": "49b8",
    "movabs r9, d64": "49b9",
    "movabs r10, d64": "49ba",
    "movabs r11, d64": "49bb",
    "mov rcx, rdi": "4889f9",
    "mov rax, qword [r9 + d32]": "498b81",
    "mov rax, qword [r10 + d32]": "498b82",
    "mov rax, qword [r11 + d32]": "498b83",
    "mov rdx, qword [r10 + d32]": "498b92",
    "mov r11, qword [r11]": "4d8b1b",
    "mov r11, qword [rsi + d32]": "4c8b9e",
    "mov r11, qword [rcx + r11*8]": "4e8b1cd9",
    "mov qword [r9 + d32], rax": "498981",
    "mov qword [r10 + d32], rax": "498982",
    "mov qword [r10 + d32], r9": "4d898a",
    "mov qword [r11 + d32], r9": "4d898b",
    "mov qword [r11 + d32], rax": "498983",
    "mov qword [r11 + 8], rdx": "49895308",
    "lea rdx, [rax + d32]": "488d90",
    "lea rdx, [rsi + d32]": "488d96",
    "xor edx, edx": "31d2",
    "inc rax": "48ffc0",
    "add rax, d32": "4805",
    "add qword [rdi], d32": "488107",
    "add qword [r10 + d32], d32": "498182",
    "add qword [r11 + d32], d32": "498183",
}

X86 = {text: int.from_bytes(bytes.fromhex(code) + b"\x01", "little") for text, code in _BYTES.items()}
"""The bytes of each as a number, the first one lowest, with a 1 above the last one."""


def length(*texts: str) -> int:
    """Return the bytes of instructions with their numbers."""
    numbers = sum(int(part.strip("d,]")) for text in texts for part in text.split() if part.strip("d,]") in {"8", "32", "64"} and part[0] == "d")
    return sum(len(bytes.fromhex(_BYTES[text])) for text in texts) + numbers // 8


@out_of_line
def write(at: Any, code: Any) -> Any:
    """Write an instruction (of `X86`) up to its numbers; return the address behind it."""
    while code > 1:
        octets(at)[0] = code
        code >>= 8
        at += 1
    return at


def write_octet(at: Any, code: Any, number: Any) -> Any:
    """Write an instruction with a number of 8 bits."""
    at = write(at, code)
    octets(at)[0] = number
    return at + 1


@out_of_line
def write_word(at: Any, code: Any, number: Any) -> Any:
    """Write an instruction with a number of 32 bits."""
    at = write(at, code)
    for index in range(4):
        octets(at)[index] = number >> (8 * index)
    return at + 4


@out_of_line
def write_words(at: Any, code: Any, lower: Any, upper: Any) -> Any:
    """Write an instruction with two numbers of 32 bits, or one of 64 in two halves."""
    return write_word(write_word(at, code, lower), 1, upper)


def write_jump(at: Any, code: Any, target: Any) -> Any:
    """Write a jump to an address, with a number of 32 bits."""
    behind = write_word(at, code, 0)
    write_word(behind - 4, 1, target - behind)
    return behind
