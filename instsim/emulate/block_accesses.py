"""What one execution of a block does to memory: words that it fetches, and the steps to the addresses of its loads and stores.

Only what can cost something on one of the memory systems is there, and nothing that depends on where this process keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, StepKind
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access
from instsim.emulate.spec import BlockSchedule
from instsim.isa import Isa
from instsim.isa.address_step import AddressStep
from instsim.isa.address_steps import address_steps
from instsim.isa.transfers import instruction_offsets

__all__ = ["NO_SITE", "AccessFinder", "BlockAccesses", "BlockKey", "OperationColumn"]

NO_SITE = (1 << 64) - 1

_STACK_POINTERS = {Isa.THUMB: 13, Isa.RV32: 2}
_ACCESSES = {Operation.READ: Access.READ, Operation.WRITE: Access.WRITE}
_MASK = 0xFFFFFFFF
_FETCH_BYTES = 4
_PAIRED, _PAIRED_BEHIND_NONE = 1 << 32, 3 << 32


class BlockKey(NamedTuple):
    """All that a block's accesses follow from, beside the memory systems.

    Attributes
    ----------
    address : int
        Its first byte.
    code : bytes
        Its bytes.
    it_state : int
        ITSTATE at its start.
    stack_paths : int
        Kinds of access to the memory that the stack lies in which take a path of some system, as bits by `Access`.
    """

    address: int
    code: bytes
    it_state: int
    stack_paths: int


class OperationColumn(IntEnum):
    """A part of an operation; the first three are the words of `instsim.dynamics.memory_layout.OPERATION_WORDS`, without the site."""

    FIRST = 0
    CONSTANT = 1
    WHEN = 2
    SITE = 3
    """Address of the instruction times four, plus the `Access`; `NO_SITE` where nothing is accessed."""


class BlockAccesses(NamedTuple):
    """Accesses of one block.

    Attributes
    ----------
    operations : sequence of sequence of int
        In order; each as `OperationColumn`.
    paths : sequence of sequence of int
        For each operation and system: of a fetch what `instsim.dynamics.memory_state.SystemState.fetch_path` says, where the system needs a new
        word or line for it; else 0.
    ticks : int
        Price of one execution, 0 where no system asks for the time.
    """

    operations: Sequence[Sequence[int]]
    paths: Sequence[Sequence[int]]
    ticks: int


class AccessFinder:
    """Finds what blocks do to the memories of some systems.

    An access inside an IT block is taken to happen: whether its condition holds is not worked out. Such accesses are 0.45 % of those of
    TensorFlow Lite Micro's and MLPerf Tiny's firmware at the most.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    schedule : callable
        When each instruction of a block starts; asked only where stalls depend on it.
    states : sequence of SystemState
        The systems.
    """

    def __init__(self, isa: Isa, schedule: BlockSchedule, states: Sequence[SystemState]) -> None:
        self._isa, self._schedule, self._states = isa, schedule, states
        systems = [state.system for state in states]
        self._writes_matter = any(path.access is Access.WRITE for system in systems for path in system.paths)
        self._crossings_matter = any(system.crossing_cycles for system in systems)
        self._ahead_matters = any(system.fetch_ahead for system in systems)
        self._is_timed = any(system.is_timed for system in systems)
        self._granules = [
            [path.word_bytes if path.further_word_cycles or path.cache is None else state.line_bytes(path.cache) for path in state.system.paths]
            for state in states
        ]

    def find(self, block: BlockKey) -> BlockAccesses:
        """Return the accesses of a block."""
        offsets = instruction_offsets(self._isa, block.code)
        places = [block.address + offset for offset in offsets]
        ends = [*places, block.address + len(block.code)][1:]
        starts, total = self._starts(block, len(places))
        steps = self._relevant(address_steps(self._isa, block.code, block.address, block.it_state), block.stack_paths)
        fetches = self._fetches(places, ends)
        by_place: dict[int, list[AddressStep]] = {}
        for step in steps:
            by_place.setdefault(step.place, []).append(step)
        # A fetch that comes ahead of a data access is on the bus a cycle before it.
        data_phase = TICKS_PER_CYCLE if self._ahead_matters else 0
        operations: list[tuple[int, int, int, int]] = []
        paths: list[Sequence[int]] = []
        nothing = [0] * len(self._states)
        last_read, last_is_dropped = -2, False
        for place, at in enumerate(places):
            for target in (at, ends[place]):
                found = fetches.get((place, target))
                if found is not None:
                    operations.append((StepKind.FETCH, target & _MASK, starts[place], 4 * at + Access.FETCH))
                    paths.append(found)
            for step in by_place.get(place, ()):
                pairing = 0
                if step.operation is Operation.READ:
                    if last_read == place - 1:
                        pairing = _PAIRED_BEHIND_NONE if last_is_dropped else _PAIRED
                    last_read, last_is_dropped = place, pairing != _PAIRED and self._takes_no_path(step, block.stack_paths)
                    if last_is_dropped:
                        continue
                operations.append(_operation(step, at, starts[place] + data_phase, pairing))
                paths.append(nothing)
        return BlockAccesses(operations, paths, total)

    def _starts(self, block: BlockKey, count: int) -> tuple[list[int], int]:
        """Return the tick at which each instruction starts, and the ticks of the block."""
        if not self._is_timed:
            return [0] * count, 0
        starts, total = self._schedule(block.address, block.code, block.it_state)
        ticks = [round(cycles * TICKS_PER_CYCLE) for cycles in (*starts, total)]
        return [*ticks[:-1], *ticks[-1:] * (count - len(starts))], ticks[-1]

    def _fetches(self, places: Sequence[int], ends: Sequence[int]) -> dict[tuple[int, int], list[int]]:
        """Return the fetches for which some system needs a new word or line: by place and address, the path that each such system takes."""
        fetches: dict[tuple[int, int], list[int]] = {}
        for number, (state, granules) in enumerate(zip(self._states, self._granules, strict=True)):
            last = -1
            for place, (at, end) in enumerate(zip(places, ends, strict=True)):
                for target in (at, end) if state.system.fetch_ahead and end % _FETCH_BYTES == 0 else (at,):
                    found = state.fetch_path(target)
                    if found and (granule := target // granules[found - 1]) != last:
                        last = granule
                        fetches.setdefault((place, target), [0] * len(self._states))[number] = found
        return fetches

    def _relevant(self, steps: Sequence[AddressStep], stack_paths: int) -> list[AddressStep]:
        """Return the steps of accesses that can cost something, and what their addresses need."""
        kept: list[AddressStep] = []
        live: set[int] = set()
        for step in reversed(steps):
            if step.operation in _ACCESSES:
                if not step.known or not self._can_matter(step, stack_paths):
                    continue
            elif step.operation is Operation.FORGET or step.target not in live:
                continue
            else:
                live.discard(step.target)
            live |= {step.base, step.index} - {NO_REGISTER}
            kept.append(step)
        return kept[::-1]

    def _can_matter(self, step: AddressStep, stack_paths: int) -> bool:
        access = _ACCESSES[step.operation]
        if access is Access.WRITE and not self._writes_matter:
            return False
        return (access is Access.READ and self._crossings_matter) or not self._is_free(step, stack_paths)

    def _is_free(self, step: AddressStep, stack_paths: int) -> bool:
        """Return whether an access is known beforehand to take no path."""
        access = _ACCESSES[step.operation]
        if step.base == NO_REGISTER and step.index == NO_REGISTER:
            return not any(state.data_path(step.offset & _MASK, access) for state in self._states)
        if step.base == _STACK_POINTERS[self._isa] and step.index == NO_REGISTER:
            return not stack_paths >> access & 1
        return False

    def _takes_no_path(self, step: AddressStep, stack_paths: int) -> bool:
        """Return whether a read needs no look: it takes no path, and its bytes lie in one word (the stack pointer is a multiple of four)."""
        return step.offset % 4 + step.size <= 4 and self._is_free(step, stack_paths)


def _operation(step: AddressStep, at: int, ticks: int, pairing: int) -> tuple[int, int, int, int]:
    access = _ACCESSES.get(step.operation)
    fields = (step.operation, step.target, step.base, step.index, step.shift, step.size, step.words, step.signed)
    first = int.from_bytes(bytes(fields), "little")
    return first, step.offset & _MASK, ticks | pairing, NO_SITE if access is None else 4 * at + access
