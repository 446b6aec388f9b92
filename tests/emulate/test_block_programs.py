"""What is kept of blocks between runs, and what their programs follow from."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instsim import artifacts
from instsim.dynamics.memory_layout import OPERATION_WORDS, SKIP_BIT, FetchWord, ProgramWord, StepKind
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access, Cache, MemorySystem
from instsim.dynamics.memory_system import Path as MemoryPath
from instsim.emulate.block_programs import BlockPrograms
from instsim.emulate.memory import PAGE
from instsim.isa import Isa

FLASH, RAM, SLOW_RAM = 0x0800_0000, 0x2000_0000, 0x3000_0000
LOADS = bytes.fromhex("0868 4a68 7047")  # ldr r0, [r1]; ldr r2, [r1, #4]; bx lr
POP = bytes.fromhex("10bd")  # pop {r4, pc}
IT_AND_REST = bytes.fromhex("1abf 0120"), bytes.fromhex("4018 0868 7047")  # itte ne; movne | addne; ldreq; bx lr

TIMED = MemorySystem(
    "timed",
    (Cache("lines", 16, 1, 4),),
    (
        MemoryPath("flash", Access.FETCH, ((FLASH, FLASH + 0x1000),), "lines", "port", 4.0),
        MemoryPath("flash", Access.READ, ((FLASH, FLASH + 0x1000),), None, "port", 4.0),
        MemoryPath("slow", Access.READ, ((SLOW_RAM, SLOW_RAM + 0x1000),), None, "port", 1.0),
    ),
)
UNTIMED = MemorySystem("untimed", TIMED.caches, (MemoryPath("flash", Access.FETCH, ((FLASH, FLASH + 0x1000),), "lines", None, 4.0),))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(artifacts.ENVIRONMENT_VARIABLE, str(tmp_path))
    return tmp_path


class Made:
    """Programs of one process: what the schedule was asked for, and what programs say apart from the addresses of this process."""

    def __init__(self, system: MemorySystem = TIMED, stamp: str = "stamp") -> None:
        self.asked: list[tuple[int, bytes, int]] = []
        self.states = [SystemState(system, 1 << 10)]
        self.programs = BlockPrograms(Isa.THUMB, self._schedule, stamp)
        self.programs.configure(self.states)

    def _schedule(self, address: int, code: bytes, it_state: int) -> tuple[list[float], float]:
        self.asked.append((address, code, it_state))
        return [0.0, 2.0, 4.0][: len(code) // 2], len(code)

    def describe(self, program: int) -> list[tuple[Any, ...]]:
        """Head, and operations with their sites; of a fetch its path."""
        words = np.ctypeslib.as_array(ctypes.cast(program, ctypes.POINTER(ctypes.c_uint64)), (ProgramWord.WORDS + 256,)).tolist()
        rows: list[tuple[Any, ...]] = [tuple(words[: ProgramWord.WORDS])]
        at = words[ProgramWord.START] // 8
        while at < words[ProgramWord.END] // 8:
            first, second, when = words[at : at + OPERATION_WORDS]
            path = words[at + (when >> SKIP_BIT) // 8 + FetchWord.PATH] if first == StepKind.FETCH else None
            at += OPERATION_WORDS
            site = self.programs.sites[second >> 32]
            rows.append((first, second & 0xFFFFFFFF, when & (1 << SKIP_BIT) - 1, (site >> 2, Access(site & 3)), path))
        return rows


def test_a_kept_program_is_the_one_that_was_found() -> None:
    first = Made()
    found = first.describe(first.programs.program(FLASH + 0x100, LOADS, RAM))
    assert len(first.asked) == 1
    first.programs.keep()
    second = Made()
    assert second.describe(second.programs.program(FLASH + 0x100, LOADS, RAM)) == found
    assert second.asked == []
    # Two loads behind one fetch of their line, by the first path.
    assert [row[3] for row in found[1:]] == [
        (FLASH + 0x100, Access.FETCH),
        (FLASH + 0x100, Access.READ),
        (FLASH + 0x102, Access.READ),
    ]
    assert found[1][4] == 1


def test_programs_of_an_earlier_run_do_not_hold_for_other_code() -> None:
    first = Made()
    first.programs.program(FLASH + 0x100, LOADS, RAM)
    first.programs.keep()
    second = Made()
    second.programs.program(FLASH + 0x100, LOADS[2:], RAM)
    assert second.asked == [(FLASH + 0x100, LOADS[2:], 0)]
    second.programs.keep()
    third = Made()
    third.programs.program(FLASH + 0x100, LOADS, RAM)
    third.programs.program(FLASH + 0x100, LOADS[2:], RAM)
    assert third.asked == []


@pytest.mark.parametrize("made", [lambda: Made(stamp="other"), lambda: Made(UNTIMED)], ids=["stamp", "system"])
def test_programs_are_kept_for_their_stamp_and_systems_alone(made: Any) -> None:
    first = Made()
    first.programs.program(FLASH + 0x100, LOADS, RAM)
    first.programs.keep()
    other = made()
    assert other.programs.sites == []


def test_nothing_is_kept_without_a_stamp(cache: Path) -> None:
    made = Made(stamp="")
    made.programs.program(FLASH + 0x100, LOADS, RAM)
    made.programs.keep()
    assert list(cache.iterdir()) == []


def test_a_damaged_file_is_as_good_as_none(cache: Path) -> None:
    first = Made()
    found = first.describe(first.programs.program(FLASH + 0x100, LOADS, RAM))
    first.programs.keep()
    (path,) = (cache / "accesses").iterdir()
    path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    second = Made()
    assert second.describe(second.programs.program(FLASH + 0x100, LOADS, RAM)) == found
    assert len(second.asked) == 1


def test_the_memory_of_the_stack_decides_on_accesses_relative_to_it() -> None:
    made = Made()
    fast = made.describe(made.programs.program(FLASH + 0x100, POP, RAM))
    slow = made.describe(made.programs.program(FLASH + 0x100, POP, SLOW_RAM))
    assert [row[3][1] for row in fast[1:]] == [Access.FETCH]
    assert [row[3][1] for row in slow[1:]] == [Access.FETCH, Access.READ]


def test_a_block_that_starts_inside_an_it_block_is_read_as_the_rest_of_it() -> None:
    made = Made()
    made.programs.program(FLASH + 0x100, IT_AND_REST[0], RAM)
    made.programs.program(FLASH + 0x104, IT_AND_REST[1], RAM)
    # itte ne: 0x1a; behind the first of its instructions 0x14.
    assert [it_state for _, _, it_state in made.asked] == [0, 0x14]


def test_no_schedule_is_asked_for_where_stalls_do_not_depend_on_time() -> None:
    made = Made(UNTIMED)
    assert len(made.describe(made.programs.program(FLASH + 0x100, LOADS, RAM))) > 1
    assert len(made.describe(made.programs.program(RAM + 0x100, bytes.fromhex("7047"), RAM))) == 1
    assert made.asked == []


def test_a_block_that_is_not_in_memory_does_nothing() -> None:
    # A jump to nowhere: the emulator begins a block there before it faults.
    made = Made(UNTIMED)
    assert len(made.describe(made.programs.program(0x6000_0000, b"", RAM))) == 1


def test_sites_of_programs() -> None:
    made = Made()
    programs = [made.programs.program(FLASH + 0x200, POP, RAM), made.programs.program(FLASH + 0x100, LOADS, RAM)]
    sites: dict[int, list[int]] = {program: [] for program in programs}
    for program, site in zip(*made.programs.site_places(), strict=True):
        sites[program].append(made.programs.sites[site])
    assert sites == {
        programs[0]: [4 * (FLASH + 0x200) + Access.FETCH],
        programs[1]: [4 * (FLASH + 0x100) + Access.FETCH, 4 * (FLASH + 0x100) + Access.READ, 4 * (FLASH + 0x102) + Access.READ],
    }


def test_a_kept_program_has_its_sites_whatever_their_numbers_are_by_now() -> None:
    first = Made()
    found = first.describe(first.programs.program(FLASH + 0x100, LOADS, RAM))
    first.programs.keep()
    second = Made(UNTIMED)
    second.programs.program(FLASH + 0x200, POP, RAM)
    second.programs.configure([SystemState(TIMED, 1 << 10)])
    assert second.describe(second.programs.program(FLASH + 0x100, LOADS, RAM)) == found


def _page(blocks: dict[int, bytes]) -> bytes:
    """Return a page of flash, and what lies behind, that holds some blocks."""
    held = bytearray(2 * PAGE)
    for address, code in blocks.items():
        held[address - FLASH : address - FLASH + len(code)] = code
    return bytes(held)


def test_blocks_of_earlier_runs_are_known_if_memory_holds_them() -> None:
    across = FLASH + PAGE - 2
    first = Made()
    for address, code in ((FLASH + 0x100, LOADS), (FLASH + 0x200, POP), (across, LOADS)):
        first.programs.program(address, code, RAM)
    first.programs.keep()
    second = Made()
    known = second.programs.known_blocks(FLASH, _page({FLASH + 0x100: LOADS, FLASH + 0x200: LOADS, across: LOADS}))
    assert known.addresses.tolist() == [FLASH + 0x100, across]
    assert known.sizes.tolist() == [len(LOADS)] * 2
    assert known.programs.tolist() == [second.programs.program(address, LOADS, RAM) for address in known.addresses.tolist()]
    assert second.programs.known_blocks(FLASH + PAGE, bytes(PAGE)).programs.size == 0
    assert second.programs.known_blocks(FLASH, b"").programs.size == 0


def test_a_block_that_may_be_mistaken_is_not_known_beforehand() -> None:
    first = Made()
    first.programs.program(FLASH + 0x100, LOADS, RAM)
    first.programs.program(FLASH + 0x100, LOADS[:4], RAM)
    first.programs.program(FLASH + 0x200, IT_AND_REST[0], RAM)
    first.programs.program(FLASH + 0x204, IT_AND_REST[1], RAM)
    first.programs.program(FLASH + 0x300, LOADS, RAM)
    first.programs.keep()
    held = _page({FLASH + 0x100: LOADS, FLASH + 0x200: b"".join(IT_AND_REST), FLASH + 0x300: LOADS})
    assert Made().programs.known_blocks(FLASH, held).addresses.tolist() == [FLASH + 0x300]
    first.programs.program(FLASH + 0x400, POP, SLOW_RAM)
    first.programs.keep()
    assert Made().programs.known_blocks(FLASH, held).addresses.size == 0
