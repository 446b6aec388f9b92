"""Runs the RTL programs on instsim's machine and profiles what stands between their markers.

A program stores a number to ``-248(zero)`` before and behind each measured region, and to ``-256(zero)`` when it is done. Every region runs three
times; the third, warm pass is the measured one.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from instsim.emulate.crossings import WordCrossings
from instsim.emulate.ledger import Ledger
from instsim.emulate.machine import Machine, Stop, StopReason
from instsim.emulate.memory import PAGE
from instsim.emulate.spec import MachineSpec, MemoryKind, MemorySpec, MemoryTiming
from instsim.image import load_image
from instsim.isa import Isa
from instsim.profile import BlockProfile, CrossingUse, DividerUse, FirmwareFacts, KernelRecord, RunFacts, code_behind, to_basic_blocks

__all__ = ["SIMULATED_SOC", "WHOLE_RUN", "run_program"]

WHOLE_RUN = "whole run"
"""Name of the profile row of everything from the entry point to the exit store."""

_MARKER, _EXIT = 0xF0002423, 0xF0002023
_STORE_MASK = 0xFE0FFFFF
"""All of ``sw rs2, imm(zero)`` but the stored register."""

_FIRST_STORE_OF_THE_THIRD_PASS, _LAST = 5, 6
_BUDGET_CYCLES = 200_000_000
_OUTSIDE = 0

SIMULATED_SOC = MachineSpec(
    name="simulated RTL",
    isa=Isa.RV32,
    cpu="rv32",
    memories=(MemorySpec("ram", MemoryKind.RAM, 0x20000000, 0x80000),),
    device_windows=((0xFFFFF000, 0x1000),),
    clock_hz=1e6,
)
"""The machine of every program."""


class _Regions:
    """Charges what runs between the two markers of a third pass to a row of its own."""

    def __init__(self, machine: Machine, *, look_at_accesses: bool) -> None:
        self._machine = machine
        self._stores: dict[int, int] = {}
        self._before: dict[int, Counter[int]] = {}
        self.rows: dict[int, int] = {}
        self.ledger = Ledger(machine.counters, machine.memory_trace)
        self.divides: dict[int, Counter[int]] = {}
        self.accesses = WordCrossings(machine.engine) if look_at_accesses else None
        self._accesses_before: dict[int, int] = {}
        self.crossings: dict[tuple[int, int], int] = {}
        machine.watch_code_pages(self._on_page)

    def _on_page(self, page: int) -> None:
        code = self._machine.memory.read(page, PAGE + 2) or self._machine.memory.read(page, PAGE) or b""
        for offset in range(0, min(len(code) - 3, PAGE), 2):
            word = int.from_bytes(code[offset : offset + 4], "little")
            if word & _STORE_MASK == _MARKER:
                self._machine.engine.on_instruction(page + offset, self._at_marker)
            elif word & _STORE_MASK == _EXIT:
                self._machine.engine.on_instruction(page + offset, self._at_exit)

    def _at_marker(self, address: int) -> None:
        engine = self._machine.engine
        marker = engine.read_register(engine.registers.general[(self._machine.memory.word(address) or 0) >> 20 & 31])
        stores = self._stores[marker] = self._stores.get(marker, 0) + 1
        if stores == _FIRST_STORE_OF_THE_THIRD_PASS:
            row = self.rows.setdefault(marker, len(self.rows) + 1)
            self._before = self._machine.divides
            self._accesses_before = dict(self.accesses.counts) if self.accesses is not None else {}
            self.ledger.charge(row, address)
        elif stores == _LAST:
            self.ledger.charge(_OUTSIDE, address)
            for divide, counts in self._machine.divides.items():
                self.divides[divide] = self.divides.get(divide, Counter()) + (counts - self._before.get(divide, Counter()))
            for instruction, count in (self.accesses.counts if self.accesses is not None else {}).items():
                if count != self._accesses_before.get(instruction, 0):
                    self.crossings[instruction, self.rows[marker]] = count - self._accesses_before.get(instruction, 0)

    def _at_exit(self, _address: int) -> None:
        self._machine.stop(Stop(StopReason.EXIT, self._machine.engine.pc))


def run_program(path: Path, *, whole_run: bool = False, look_at_accesses: bool = False, memory: MemoryTiming | None = None) -> BlockProfile:
    """Run a program of ``firmware_elf/rtl`` to its end.

    Parameters
    ----------
    path : Path
        The ELF file.
    whole_run : bool
        Profile everything from the entry point to the exit store, instead of the regions between markers.
    look_at_accesses : bool
        Count accesses across word borders between the markers: slow.
    memory : MemoryTiming, optional
        What the memories cost; ideal without it.

    Returns
    -------
    BlockProfile
        One kernel for each marker, named by its number, or one named `WHOLE_RUN`; row 0 holds what ran outside.

    Raises
    ------
    RuntimeError
        If the program does not come to its exit.
    """
    with closing(Machine(load_image(path), SIMULATED_SOC, memory_timing=memory)) as machine:
        return _profile(machine, whole_run=whole_run, look_at_accesses=look_at_accesses)


def _profile(machine: Machine, *, whole_run: bool, look_at_accesses: bool) -> BlockProfile:
    image = machine.image
    regions = _Regions(machine, look_at_accesses=look_at_accesses)
    stop = machine.run(_BUDGET_CYCLES)
    if stop.reason is not StopReason.EXIT:
        raise RuntimeError(f"{image.name}: {stop.reason}: {stop.message}")
    if whole_run:
        names = [WHOLE_RUN]
        ledger = Ledger(machine.counters, machine.memory_trace)
        ledger.take_everything(1)
        divides = machine.divides
    else:
        names = [str(marker) for marker in regions.rows]
        ledger = regions.ledger
        ledger.charge(None, None)
        divides = regions.divides
    counted = ledger.blocks(1 + len(names))
    blocks = to_basic_blocks(machine.isa, counted, lambda address, size: machine.memory.read(address, size) or b"")
    code = b"".join(machine.memory.read(a, s) or bytes(s) for a, s in zip(blocks.addresses.tolist(), blocks.sizes.tolist(), strict=True))
    return BlockProfile(
        isa=machine.isa,
        addresses=blocks.addresses,
        sizes=blocks.sizes,
        code=code,
        code_behind=code_behind(blocks, lambda address, size: machine.memory.read(address, size) or b""),
        executions=blocks.executions,
        fallthroughs=blocks.fallthroughs,
        buffer_outcomes=blocks.buffer_outcomes,
        memory=() if machine.memory_trace is None else machine.memory_trace.uses(1 + len(names))[0],
        crossings=() if whole_run else _crossings(regions.crossings, 1 + len(names)),
        kernels=tuple(KernelRecord(name) for name in names),
        functions=(),
        dividers=tuple(DividerUse.of(address, counts) for address, counts in sorted(divides.items())),
        firmware=FirmwareFacts(image.name, image.format, image.sha256),
        run=RunFacts("between two markers, third pass", "addresses", str(stop.reason)),
    )


def _crossings(counts: dict[tuple[int, int], int], rows: int) -> tuple[CrossingUse, ...]:
    by_address: dict[int, npt.NDArray[np.int64]] = {}
    for (address, row), count in counts.items():
        by_address.setdefault(address, np.zeros(rows, np.int64))[row] = count
    return tuple(CrossingUse(address, by_row) for address, by_row in sorted(by_address.items()))
