"""RISC-V counters, and pending interrupts, as firmware reads them: Unicorn would answer with the host's clock."""

from __future__ import annotations

import numpy as np

from instsim.emulate.chip import Chip
from instsim.emulate.memory import PAGE
from instsim.emulate.riscv_interrupts import InterruptMatrix, MachineInterrupts

__all__ = ["RiscvCounters"]

_COUNTER_CSRS = {0xB00: 0, 0xB80: 32, 0xC00: 0, 0xC80: 32, 0xC01: 0, 0xC81: 32, 0xB02: 0, 0xB82: 32, 0xC02: 0, 0xC82: 32, 0x7E2: 0}
"""Cycle, time, instret and their machine-mode twins, ESP32-C3's ``mpccr``, and the bit they start at."""

_MIP = 0x344
"""Unicorn holds no machine-level interrupt pending."""

_WORD = 0xFFFFFFFF


class RiscvCounters:
    """Carries out the reads of counters.

    Parameters
    ----------
    chip : Chip
        Whose time they tell.
    interrupts : MachineInterrupts or InterruptMatrix
        What is pending.
    """

    def __init__(self, chip: Chip, interrupts: MachineInterrupts | InterruptMatrix) -> None:
        self._chip = chip
        self._interrupts = interrupts
        self._read_at: int | None = None
        self._value: int | None = None

    def on_code_page(self, page: int, code: bytes) -> None:
        """Watch the reads in a page before its first instruction runs.

        Parameters
        ----------
        page : int
            Its address.
        code : bytes
            The page, and two bytes more where there are any.
        """
        halves = np.frombuffer(code[: len(code) // 2 * 2], "<u2")
        is_system = (halves & 0x7F == 0x73) & (halves & 0x7000 != 0)
        for index in np.flatnonzero(is_system[: PAGE // 2]).tolist():
            at = page + 2 * index
            number = int.from_bytes(code[2 * index + 2 : 2 * index + 4], "little") >> 4
            if number in _COUNTER_CSRS or number == _MIP:
                self._chip.engine.on_instruction(at, self._before)
                self._chip.engine.on_instruction(at + 4, self._behind)

    def _before(self, address: int) -> None:
        # Now, not behind it: then the next block has begun, and all of its price has passed.
        self._read_at, self._value = address, self._ask(address)

    def _behind(self, address: int) -> None:
        """Replace what Unicorn read before the next instruction sees it."""
        if self._read_at == address - 4 and self._value is not None:
            self._answer(address - 4, self._value)
        self._read_at = None

    def read(self, address: int) -> bool:
        """Carry out a read of a counter; return whether the instruction at `address` is one."""
        value = self._ask(address)
        if value is not None:
            self._answer(address, value)
        return value is not None

    def _ask(self, address: int) -> int | None:
        """Return what an instruction is to read; None if it reads nothing of ours."""
        word = self._chip.memory.word(address) or 0
        if word & 0x7F != 0x73 or not word & 0x7000:
            return None
        if word >> 20 == _MIP:
            return self._interrupts.pending & _WORD
        shift = _COUNTER_CSRS.get(word >> 20)
        if shift is None:
            return None
        self._chip.devices.timer_reads += 1
        return self._chip.tell_cycles(address) >> shift & _WORD

    def _answer(self, address: int, value: int) -> None:
        target = (self._chip.memory.word(address) or 0) >> 7 & 31
        if target:
            registers = self._chip.engine.registers
            self._chip.engine.write_register(registers.general[target], value)
