"""What the memory simulation is told of a program: which word is fetched at which instruction."""

from __future__ import annotations

import struct
from functools import partial

import pytest

from instsim.cost import CostModel, load_core
from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path
from instsim.emulate.machine import Machine, StopReason
from instsim.emulate.spec import MemoryTiming
from instsim.image import FirmwareImage, Segment
from instsim.isa import Isa
from tests.emulate.bundled import chip

FLASH, CODE = 0x0800_0000, 0x0800_0100
# movs r1, #0; nop; nop; ldr r0, [r1]; movs r0, #0x18; bkpt 0xab (exit)
PROGRAM = bytes.fromhex("002100bf00bf0868" + "1820abbe")


def _stalls(*, fetch_ahead: bool) -> dict[tuple[int, Access], float]:
    """Stalls of the program by instruction, from flash with two wait states behind buffers of 8 bytes; data are uncached."""
    vectors = struct.pack("<II", 0x2000_1000, CODE | 1)
    content = vectors.ljust(CODE - FLASH, b"\0") + PROGRAM
    image = FirmwareImage("made.elf", "elf", "", Isa.THUMB, (Segment(FLASH, FLASH, content, len(content)),), vector_table=FLASH)
    system = MemorySystem(
        "made",
        (Cache("buffers", 8, 1, 4),),
        (
            Path("flash", Access.FETCH, ((FLASH, FLASH + 0x1000),), "buffers", "flash", 2.0),
            Path("flash", Access.READ, ((0, 0x1000),), None, "flash", 2.0),
        ),
        fetch_ahead=fetch_ahead,
    )
    timing = MemoryTiming(lambda _values: (system,), {}, partial(CostModel(load_core("cortex-m0plus")).schedule, Isa.THUMB))
    machine = Machine(image, chip("cortex-m0plus"), memory_timing=timing)
    trace = machine.memory_trace
    assert trace is not None
    trace.restart(0)
    assert machine.run(1000).reason is StopReason.EXIT
    trace.charge(None)
    (use,), _ = trace.uses(1)
    places = zip(use.addresses.tolist(), use.accesses.tolist(), use.stall_cycles[0].tolist(), strict=True)
    return {(address - CODE, Access(access)): stall for address, access, stall in places}


@pytest.mark.parametrize(("fetch_ahead", "at"), [(False, 8), (True, 6)])
def test_a_core_that_fetches_ahead_waits_for_a_line_at_the_last_instruction_before_it(*, fetch_ahead: bool, at: int) -> None:
    expected = {(0, Access.FETCH): 2.0, (6, Access.READ): 2.0, (at, Access.FETCH): 2.0}
    assert _stalls(fetch_ahead=fetch_ahead) == expected
