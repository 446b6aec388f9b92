"""When a Cortex-M7 needs the operands of an instruction, and from where its result can be taken.

Arithmetic is done in an early or a late unit, a cycle apart. Addresses, shifters and the extraction of bit fields belong to the early stage,
multiply-accumulates take their addend behind the late one. Sources: jnk0le/random@3dfc2ab ``pipeline cycle test/doc/cortex_m7.md`` (measured
on an STM32H743), and LLVM's ARMScheduleM7.td and ARMLatencyMutations.cpp where that is silent.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from instsim.isa.instruction import FLAGS, Flow, Instruction
from instsim.isa.thumb_text import parse_operands, register_mask

__all__ = ["LOADS", "MULTIPLIES", "SHIFTED", "SINGLE_SLOT", "STORES", "Made", "Operands", "Place", "operands_of", "place_of"]

SINGLE_SLOT = frozenset(("dsp", "extend", "extend-add", "bitfield", "reverse", "saturate"))
"""Classes that only the older slot takes: DSP instructions but products, and bit fields."""

SHIFTED = frozenset(("shifted-alu", "shifted-constant"))
"""Classes with an operand that is shifted on the way."""

_PRODUCTS = frozenset(("multiply", "long-multiply", "dsp-multiply"))
_ACCUMULATES = frozenset(("multiply-accumulate", "long-multiply-accumulate", "dsp-multiply-accumulate", "dsp-long-accumulate"))
MULTIPLIES = _PRODUCTS | _ACCUMULATES
"""Classes of the multiplier."""

LOADS = frozenset(("load", "load-literal", "fp-load"))
"""Loads of one register."""

STORES = frozenset(("store", "fp-store"))
"""Stores of one register."""

_CORE_LOADS = frozenset(("load", "load-literal", "load-double", "load-multiple", "load-exclusive", "pop-return", "load-branch"))
_SHIFTED_REGISTER = re.compile(r"(\w+), (?:lsl|lsr|asr|ror|rrx)")
_PLACE = re.compile(r"\[(\w+)(?:, #(-?(?:0x)?[0-9a-f]+))?\](!)?(?:, #(-?(?:0x)?[0-9a-f]+))?$")
_SUMS = ("add", "sub", "mov", "adr")
_EXTRACTS = ("ubfx", "sbfx", "rbit")
_SATURATING = ("qadd", "qsub", "qasx", "qsax", "uqadd", "uqsub", "uqasx", "uqsax")
_SATURATING_SHIFTED = ("qdadd", "qdsub", "ssat", "usat")
_WORD_BYTES = 4
_CORE_REGISTERS = 0xFFFF
_REMEMBERED = 512
"""A block is priced in its own right, then its first and last instructions with those of its neighbours."""


class Made(StrEnum):
    """What makes a result, as far as its users care."""

    SUM = "sum"
    """An addition, subtraction or move, which the early unit can do in the older slot if its operands are there."""
    SHIFT = "shift"
    """A shift, which the early unit can do in either slot."""
    REVERSED = "reversed"
    """A reversal of bytes or bits: early, and only the late unit can take it from there."""
    LATE = "late"
    """The late unit."""
    SATURATED = "saturated"
    """A saturating instruction."""
    LOADED = "loaded"
    """A load of words."""
    NARROW = "narrow"
    """A load of bytes or halfwords."""
    PRODUCT = "product"
    """The multiplier."""
    FP_LOADED = "fp-loaded"
    FP_MOVED = "fp-moved"
    FP = "fp"
    FP_ACCUMULATED = "fp-accumulated"
    FP64_PRODUCT = "fp64-product"
    FP64_ACCUMULATED = "fp64-accumulated"


class Operands(NamedTuple):
    """The operands of an instruction by the stage that takes them: masks as in `Instruction`.

    Attributes
    ----------
    instruction : Instruction
        Whose they are.
    reads : int
        All that is waited for. A branch waits for nothing, it is predicted.
    early : int
        Taken by the shifter or by the extraction of a field, ahead of arithmetic.
    address, addend, data : int
        Parts of an address; of the sum behind a product; stored.
    made : Made
        What makes the result.
    shifter : bool
        The early shifter is in use, so that a neighbour cannot shift an operand.
    """

    instruction: Instruction
    reads: int
    early: int
    address: int
    addend: int
    data: int
    made: Made
    shifter: bool


class Place(NamedTuple):
    """Where an access at a constant distance from a register goes: ``base + start`` to ``base + stop``, of the register's value before it.

    Attributes
    ----------
    base : int
        Mask of the register.
    start, stop : int
        Distances in bytes.
    moves : int
        What the access adds to the register.
    """

    base: int
    start: int
    stop: int
    moves: int


_MADE_BY_CLASS = {
    **dict.fromkeys(MULTIPLIES, Made.PRODUCT),
    "shift": Made.SHIFT,
    "reverse": Made.REVERSED,
    "move-wide": Made.SUM,
    "fp-load": Made.FP_LOADED,
    **dict.fromkeys(("fp-load-double", "fp-load-multiple"), Made.FP_LOADED),
    **dict.fromkeys(("fp-add", "fp-multiply", "fp-convert", "fp64-add", "fp64-convert"), Made.FP),
    **dict.fromkeys(("fp-move", "fp64-move", "fp-core-move-pair"), Made.FP_MOVED),
    "fp-multiply-accumulate": Made.FP_ACCUMULATED,
    "fp64-multiply": Made.FP64_PRODUCT,
    "fp64-multiply-accumulate": Made.FP64_ACCUMULATED,
}


@lru_cache(maxsize=_REMEMBERED)
def operands_of(instruction: Instruction) -> Operands:
    """Return when an instruction needs what, and what makes its result."""
    name = instruction.instruction_class
    reads = 0 if instruction.flow is Flow.CONDITIONAL else instruction.reads
    early, made = 0, _MADE_BY_CLASS.get(name, Made.LATE)
    if name == "alu":
        if instruction.mnemonic.startswith(_SUMS):
            made = Made.SUM
    elif name in _CORE_LOADS:
        made = Made.NARROW if 0 < instruction.access_size < _WORD_BYTES else Made.LOADED
    elif name == "shifted-alu":
        shifted = _SHIFTED_REGISTER.search(instruction.operands)
        early = register_mask(shifted[1]) if shifted else reads
    elif name in SINGLE_SLOT:
        early, made = _single_slot(instruction, name, made)
    elif name == "fp-core-move" and not instruction.writes & _CORE_REGISTERS:
        made = Made.FP_MOVED
    addend = instruction.accumulator if made in {Made.PRODUCT, Made.FP_ACCUMULATED, Made.FP64_ACCUMULATED} else 0
    shifter = name in SHIFTED or early != 0 or (name == "bitfield" and instruction.mnemonic.startswith("bf"))
    return Operands(instruction, reads, early & ~FLAGS, instruction.address_registers, addend, instruction.store_data, made, shifter)


def _single_slot(instruction: Instruction, name: str, made: Made) -> tuple[int, Made]:
    """Return the operands that a DSP or bit field instruction needs early, and what makes its result."""
    base, reads = instruction.mnemonic, instruction.reads
    if name == "extend-add":
        return reads & ~instruction.accumulator, made
    if name == "reverse":
        return reads, made
    if name == "bitfield":
        if base.startswith(_EXTRACTS):
            return reads, Made.REVERSED if base.startswith("rbit") else made
        return (reads & ~instruction.writes if base.startswith("bfi") else 0), made
    if base.startswith(_SATURATING_SHIFTED):
        return reads, Made.SATURATED
    if base.startswith(_SATURATING):
        return 0, Made.SATURATED
    if base.startswith("pkhtb"):
        return reads, made
    if base.startswith("pkh"):
        registers = parse_operands(instruction.operands).registers
        return (registers[-1] if registers else 0), made
    return 0, made


def place_of(instruction: Instruction) -> Place | None:
    """Return where a load or store of one register goes; None if that is not at a constant distance from a register.

    Distances from the program counter are counted from address 0.
    """
    found = _PLACE.search(instruction.operands)
    if found is None:
        return None
    base, offset, before, behind = found.groups()
    distance = int(offset or "0", 0)
    if instruction.literal:
        distance += (instruction.address + _WORD_BYTES) & -_WORD_BYTES
    moves = int(behind, 0) if behind else distance if before else 0
    return Place(register_mask(base), distance, distance + instruction.access_size, moves)
