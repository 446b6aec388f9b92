"""A machine that counts blocks and nothing else: the yardstick for what following branches and divides costs."""

from __future__ import annotations

from pathlib import Path

from instsim.emulate.machine import Machine
from instsim.emulate.spec import MachineSpec, MemoryKind, MemorySpec
from instsim.image import load_image
from instsim.isa import Isa

GCD = Path(__file__).parents[2] / "firmware_elf" / "rtl" / "elf" / "gcd_div_O2.elf"
SOC = MachineSpec("simulated RTL", Isa.RV32, "rv32", (MemorySpec("ram", MemoryKind.RAM, 0x20000000, 0x80000),), ((0xFFFFF000, 0x1000),), clock_hz=1e6)


def test_blocks_are_counted_as_ever_and_nothing_else_is_followed():
    full, plain = (Machine(load_image(GCD), SOC, count_only=count_only) for count_only in (False, True))
    for machine in (full, plain):
        machine.run(100_000)
    assert (plain.counters.addresses == full.counters.addresses).all()
    assert (plain.counters.counts() == full.counters.counts()[:2]).all()
    assert full.counters.counts()[2:].any()
    assert sum(counts.total() for counts in full.divides.values()) > 100
    assert not plain.divides
