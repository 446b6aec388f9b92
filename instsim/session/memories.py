"""The board's memories beside a run: which system to simulate, what it was set to, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from instsim.cost import Board, CostModel
from instsim.cost.memory_resolution import Placement, ResolvedMemory, resolve
from instsim.cost.memory_table import MemoryTable, load_memory
from instsim.dynamics.memory_system import MemorySystem
from instsim.emulate.spec import MemoryTiming, Sampling, Windows
from instsim.errors import UsageError
from instsim.profile import BlockProfile, MemoryUse
from instsim.session.choose import Target
from instsim.session.estimate import EstimatedMemory, EstimatedPath
from instsim.session.request import Request

__all__ = [
    "IDEAL_MEMORY",
    "MEMORY_CHOICES",
    "MemorySimulation",
    "Variant",
    "estimated_memory",
    "is_same_clock",
    "memory_simulation",
    "memory_table_text",
    "memory_use_of",
    "memory_warnings",
    "refuse_unfollowed",
    "usual_memory",
]

IDEAL_MEMORY = "ideal: no wait states"
MEMORY_CHOICES = ("exact", "sampled", "ideal")

_SAMPLING = Sampling(
    large_caches=Windows(first_cycles=600_000, warm_up_cycles=32_000, window_cycles=64_000, gap_cycles=64_000),
    region=Windows(first_cycles=400_000, warm_up_cycles=8_000, window_cycles=8_000, gap_cycles=24_000),
    operators=Windows(first_cycles=60_000, warm_up_cycles=2_000, window_cycles=2_000, gap_cycles=40_000),
    small_bytes=8192,
    dear_miss_cycles=100.0,
)
_SAME_CLOCK = 1e-6
_FLASH_KINDS = ("flash", "external-flash")


@dataclass(frozen=True)
class Variant:
    """One memory system of a run.

    Attributes
    ----------
    clock_hz : float
        Core clock.
    clock_overridden : bool
        Whether that is another clock than the firmware set up.
    wait_states : int or None
        Wait states of the flash, instead of the programmed ones.
    placement : tuple of Placement
        Addresses that are priced as if they lay in another memory.
    """

    clock_hz: float
    clock_overridden: bool = False
    wait_states: int | None = None
    placement: tuple[Placement, ...] = ()


class MemorySimulation:
    """The memory systems of one run, the board's own first.

    Parameters
    ----------
    target : Target
        Board and core.
    table : MemoryTable
        The board's memory system.
    variants : sequence of Variant
        What to simulate.
    sampling : Sampling or None
        None: every access.
    """

    def __init__(self, target: Target, table: MemoryTable, variants: Sequence[Variant], sampling: Sampling | None) -> None:
        self._target, self._table, self._variants = target, table, tuple(variants)
        self._names = {register.address: name for name, register in table.registers.items()}
        self._resolved: tuple[ResolvedMemory, ...] = ()
        self._resolve({})
        model = CostModel(target.core)
        self.timing = MemoryTiming(
            self._resolve,
            {register.address: register.reset for register in table.registers.values()},
            partial(model.schedule, target.core.isa),
            sampling,
            model.schedule_stamp,
        )

    def _resolve(self, values: Mapping[int, int]) -> tuple[MemorySystem, ...]:
        programmed = {self._names[address]: value for address, value in values.items()}
        self._resolved = tuple(
            resolve(
                self._table,
                self._target.board,
                variant.clock_hz,
                programmed,
                clock_overridden=variant.clock_overridden,
                wait_states=variant.wait_states,
                placement=variant.placement,
            )
            for variant in self._variants
        )
        return tuple(resolved.system for resolved in self._resolved)

    @property
    def system(self) -> MemorySystem:
        """The board's own system, as the firmware set it up last."""
        return self._resolved[0].system

    @property
    def setting_values(self) -> dict[str, int]:
        """What the board's own system was set to, by the table's names."""
        return {name: setting.value for name, setting in self._resolved[0].settings.items()}

    def attach(self, profile: BlockProfile) -> BlockProfile:
        """Return the profile with what is known of its memory systems: settings, warnings, and what their figures rest on."""
        uses = []
        for use, resolved, variant in zip(profile.memory, self._resolved, self._variants, strict=True):
            grounds = resolved.grounds
            paths = tuple(replace(path, basis=ground.basis, source=ground.source) for path, ground in zip(use.paths, grounds, strict=True))
            settings = {name: setting.text for name, setting in sorted(resolved.settings.items())}
            uses.append(
                replace(
                    use,
                    paths=paths,
                    settings=settings,
                    warnings=resolved.warnings,
                    table=memory_table_text(self._table.name, resolved),
                    board=self._target.board.name,
                    clock_hz=variant.clock_hz,
                    crossing_basis=self._table.crossing.basis,
                    crossing_source=self._table.crossing.source,
                )
            )
        return replace(profile, memory=tuple(uses))


def memory_simulation(
    target: Target, request: Request, variants: Sequence[Variant] = (), placement: Sequence[Placement] = ()
) -> MemorySimulation | None:
    """Return what to simulate beside a run, None for ideal memories.

    Parameters
    ----------
    target : Target
        Board, core and clock.
    request : Request
        Its `memory`.
    variants : sequence of Variant
        Further systems, behind the board's own.
    placement : sequence of Placement
        Addresses of the board's own system that are priced as if they lay in another memory.

    Raises
    ------
    UsageError
        If `memory` is no choice, or the clock is outside the table of the board's memory.
    """
    chosen = _checked(request.memory or MEMORY_CHOICES[0])
    if chosen == "ideal" or not _has_system(target.board) or target.machine_board is not target.board:
        return None
    own = Variant(target.clock_hz, clock_overridden=target.clock_hz != target.board.clock_hz, placement=tuple(placement))
    table = load_memory(target.board.memory_system)
    return MemorySimulation(target, table, [own, *variants], _SAMPLING if chosen == "sampled" else None)


def _checked(choice: str) -> str:
    if choice not in MEMORY_CHOICES:
        raise UsageError(f"no such way to follow memories: {choice!r}", hint=f"one of {', '.join(MEMORY_CHOICES)}")
    return choice


def memory_table_text(name: str, resolved: ResolvedMemory) -> str:
    """Return the table of a memory system as provenance names it."""
    return f"{name} ({resolved.table_digest[:12]})"


def usual_memory(target: Target, request: Request) -> ResolvedMemory | None:
    """Return the memory system of a board that no firmware sets up otherwise, None for ideal memories; errors as for `memory_simulation`."""
    if memory_simulation(target, request) is None:
        return None
    overridden = target.clock_hz != target.board.clock_hz
    return resolve(load_memory(target.board.memory_system), target.board, target.clock_hz, {}, clock_overridden=overridden)


def _has_system(board: Board) -> bool:
    return bool(board.memory_system)


def is_same_clock(one_hz: float, other_hz: float) -> bool:
    """Whether two clocks differ by no more than rounding."""
    return abs(one_hz / other_hz - 1.0) < _SAME_CLOCK


def memory_use_of(profile: BlockProfile, target: Target) -> MemoryUse | None:
    """Return the account of a profile that holds for a board at a clock, None if there is none."""
    for use in profile.memory:
        if use.board == target.board.name and is_same_clock(use.clock_hz, target.clock_hz):
            return use
    return None


def refuse_unfollowed(profile: BlockProfile, target: Target, asked: str | None) -> None:
    """Refuse a way to follow memories that a saved profile does not hold for a board.

    Raises
    ------
    UsageError
        If a way to follow them was asked for, and the run was made in another; or there is no such way.
    """
    if asked is None or _checked(asked) == "ideal" or not _has_system(target.board):
        return
    use = memory_use_of(profile, target)
    if use is None or use.sampled != (asked == "sampled"):
        held = "does not hold the memories" if use is None else f"followed the memories {'in samples' if use.sampled else 'at every access'}"
        where = f"{target.board.name} at {target.clock_hz / 1e6:g} MHz"
        raise UsageError(
            f"the profile of {profile.firmware.name} {held} of {where}: --memory {asked} needs another run",
            hint="give the image, or leave --memory out",
        )


def memory_warnings(profile: BlockProfile, target: Target, use: MemoryUse | None) -> tuple[str, ...]:
    """Return what a reader should know of the memories behind an estimate."""
    if use is not None:
        return use.warnings
    if profile.memory and _has_system(target.board):
        have = profile.memory[0]
        asked = f"{target.board.name} at {target.clock_hz / 1e6:g} MHz"
        return (f"the profile followed the memories of {have.board} at {have.clock_hz / 1e6:g} MHz: those of {asked} need another run",)
    ran_in = profile.run.memory_map
    if _has_system(target.board) and ran_in not in ("", target.board.name):
        return (f"the image ran in the memory map of {ran_in}: the memories of {target.board.name} were not followed, and are taken as ideal",)
    return ()


def estimated_memory(use: MemoryUse, cycles: float, board: Board) -> EstimatedMemory:
    """Return what the memories of a board cost, of a region's `cycles`."""
    flash = {memory.name for memory in board.memories if memory.kind in _FLASH_KINDS}
    paths = []
    for path in use.paths:
        accesses, misses, ahead = int(path.accesses.sum()), int(path.misses.sum()), int(path.read_ahead.sum())
        stall = float(path.stall_cycles.sum())
        if not accesses:
            continue
        paths.append(
            EstimatedPath(
                path.memory,
                path.access,
                path.cache,
                accesses,
                misses,
                ahead,
                1.0 - (misses + ahead) / accesses,
                stall,
                stall / cycles if cycles else 0.0,
                path.basis,
                path.source,
            )
        )
    stall = use.total_stall_cycles
    return EstimatedMemory(
        use.system,
        dict(use.settings),
        stall,
        stall / cycles if cycles else 0.0,
        sum(path.accesses for path in paths if path.access == "read" and path.memory in flash),
        tuple(sorted(paths, key=lambda path: (-path.stall_cycles, path.memory, path.access))),
        use.sampled,
    )
