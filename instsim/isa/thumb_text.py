"""The operands of a Thumb instruction as Capstone writes them, sorted by kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from instsim.isa.instruction import FLAGS, FPSCR

__all__ = ["CORE", "LR", "PC", "SP", "Operands", "parse_operands", "register_mask"]

CORE = 0xFFFF
"""Mask of the core registers."""

SP, LR, PC = 1 << 13, 1 << 14, 1 << 15

_TOKEN = re.compile(r"\{[^}]*\}|\[[^\]]*\]!?|[^,\s][^,]*")
_SHIFT = re.compile(r"(lsl|lsr|asr|ror|rrx)\b")
_FOREIGN = re.compile(r"[qd]\d+.*")


def _registers() -> Mapping[str, int]:
    masks = {f"r{number}": 1 << number for number in range(13)}
    masks.update({"sb": 1 << 9, "sl": 1 << 10, "fp": 1 << 11, "ip": 1 << 12, "sp": SP, "lr": LR, "pc": PC})
    masks.update({f"s{number}": 1 << 48 + number for number in range(32)})
    masks.update({f"d{number}": 3 << 48 + 2 * number for number in range(16)})
    masks.update({f"d{number}[{half}]": 1 << 48 + 2 * number + half for number in range(16) for half in range(2)})
    masks.update({"apsr_nzcv": FLAGS, "apsr": FLAGS, "apsr_nzcvq": FLAGS, "fpscr": FPSCR})
    return MappingProxyType(masks)


_REGISTERS = _registers()


@dataclass(slots=True)
class Operands:
    """Operands of one instruction, sorted by kind.

    Attributes
    ----------
    registers : list of int
        Masks of the registers outside brackets and braces, in order.
    values : int
        Registers and constants outside brackets and braces.
    immediates : list of str
        Constants as written, without ``#``.
    shifted : bool
        The last register is shifted.
    base, index : int
        Masks of the registers inside brackets.
    writeback : bool
        The base register is updated.
    listed : list of int
        Masks of the registers inside braces.
    foreign : bool
        There is a vector register that no M-profile FPU has.
    """

    registers: list[int] = field(default_factory=list)
    values: int = 0
    immediates: list[str] = field(default_factory=list)
    shifted: bool = False
    base: int = 0
    index: int = 0
    writeback: bool = False
    listed: list[int] = field(default_factory=list)
    foreign: bool = False


def register_mask(name: str) -> int:
    """Return the mask of a register as Capstone writes it; 0 if it is none."""
    return _REGISTERS.get(name, 0)


def parse_operands(text: str) -> Operands:
    """Sort the operands of one instruction."""
    operands = Operands()
    in_memory = False
    for token in _TOKEN.findall(text):
        if token[0] == "[":
            in_memory = True
            operands.writeback = token[-1] == "!"
            parts = token.rstrip("!")[1:-1].split(",")
            operands.base = _REGISTERS.get(parts[0].strip(), 0)
            if len(parts) > 1:
                operands.index = _REGISTERS.get(parts[1].strip().lstrip("-"), 0)
        elif in_memory:
            # Something behind the brackets is the step of a post-indexed access.
            operands.writeback = True
        elif token[0] == "{":
            names = [name.strip() for name in token[1:-1].split(",")]
            operands.listed = [_REGISTERS.get(name, 0) for name in names if name]
        elif token[0] == "#":
            operands.immediates.append(token[1:])
            operands.values += 1
        elif _SHIFT.match(token):
            operands.shifted = True
        else:
            name = token.strip()
            if name.endswith("!"):
                operands.writeback = True
                name = name[:-1]
            mask = _REGISTERS.get(name)
            if mask is not None:
                operands.registers.append(mask)
                operands.values += 1
            elif _FOREIGN.fullmatch(name):
                operands.foreign = True
    return operands
