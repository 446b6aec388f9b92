"""One decoded instruction, in the terms that a pipeline model needs."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["FLAGS", "FPSCR", "Flow", "Instruction", "Isa"]


class Isa(StrEnum):
    """The instruction sets instsim runs."""

    THUMB = "thumb"
    RV32 = "rv32"


class Flow(StrEnum):
    """What an instruction does to the flow of control."""

    NONE = "none"
    JUMP = "jump"
    """Unconditional, target known (``b``, ``jal x0``)."""
    CONDITIONAL = "conditional"
    """Taken or not, target known (``b<cc>``, ``cbz``, ``beq``; any branch inside an IT block is conditional too)."""
    CALL = "call"
    """Call of a known target (``bl``, ``jal ra``)."""
    INDIRECT_CALL = "indirect-call"
    """Call of a register (``blx rN``, ``jalr ra, rs``)."""
    INDIRECT = "indirect"
    """Jump to a register or a loaded address (``bx rN``, ``tbb``, ``ldr pc``, ``jalr x0``)."""
    RETURN = "return"
    """Return (``bx lr``, ``pop {.., pc}``, ``ret``)."""
    TRAP = "trap"
    """Exception (``svc``, ``bkpt``, ``ecall``, ``ebreak``, ``udf``)."""


FLAGS = 1 << 40
"""Bit of the condition flags (N, Z, C, V) in the register masks of Thumb."""

FPSCR = 1 << 41
"""Bit of the floating-point status register in the register masks of both ISAs."""


class Instruction(NamedTuple):
    """A decoded instruction.

    Register sets are bit masks. Thumb: bits 0-15 are r0-r15 (sp 13, lr 14, pc 15), `FLAGS` the condition
    flags, `FPSCR` the floating-point status, bits 48 + n the single-precision registers s0-s31 (a double
    register sets two bits). RV32: bits 0-31 are x0-x31 (x0 never set).

    Attributes
    ----------
    address : int
        Where it lies.
    size : int
        Encoded length in bytes, 2 or 4.
    mnemonic, operands : str
        As the disassembler writes them, condition suffix included.
    instruction_class : str
        A member of the ISA's closed list of classes (`instsim.isa.classes`).
    reads, writes : int
        Masks of all registers read and written, flags included.
    address_registers : int
        Mask of the registers that form a memory address.
    accumulator : int
        Mask of the addend of a multiply-accumulate.
    store_data : int
        Mask of the registers whose values are stored.
    writeback : int
        Mask of the base register that a memory instruction updates.
    register_count : int
        Words moved by a load or store of several registers; 0 for others.
    access_size : int
        Bytes of one data access: 1, 2, 4, 8; 0 if memory is not touched.
    literal : bool
        Address relative to the program counter.
    register_offset : bool
        Address with an index register.
    predicated : bool
        Inside an IT block.
    flow : Flow
        Effect on control.
    target : int or None
        Target address of a direct branch or call.
    """

    address: int
    size: int
    mnemonic: str
    operands: str
    instruction_class: str
    reads: int = 0
    writes: int = 0
    address_registers: int = 0
    accumulator: int = 0
    store_data: int = 0
    writeback: int = 0
    register_count: int = 0
    access_size: int = 0
    literal: bool = False
    register_offset: bool = False
    predicated: bool = False
    flow: Flow = Flow.NONE
    target: int | None = None

    @property
    def end(self) -> int:
        """Address of the next instruction in memory."""
        return self.address + self.size

    @property
    def sets_flags(self) -> bool:
        """Whether the condition flags are written."""
        return bool(self.writes & FLAGS)
