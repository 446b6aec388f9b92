"""From registers and clock to cycles: a memory system at one operating point."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from instsim.cost.board import Board, MemoryRegion
from instsim.cost.memory_rows import WaysBySetting
from instsim.cost.memory_settings import (
    WAIT_STATES,
    ResolvedSetting,
    counted,
    external_clock_cycles,
    firmware_settings,
    megahertz,
    near,
    wait_state_setting,
)
from instsim.cost.memory_table import MemoryTable
from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path
from instsim.errors import TableError, UsageError

__all__ = ["Ground", "Placement", "ResolvedMemory", "ResolvedSetting", "resolve"]

_RANGE_BYTES = 32
_WEAKEST_LAST = ("documented", "measured", "derived", "fitted", "assumed")
_ADDRESS_SPACE = 1 << 32

_Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Placement:
    """Addresses that are priced as if they lay in another memory of the board: weights moved to RAM, a function to tightly coupled memory.

    Attributes
    ----------
    start, stop : int
        The addresses as the firmware uses them, `stop` exclusive; rounded outward to multiples of 32.
    memory : str
        Name of the board's memory.
    """

    start: int
    stop: int
    memory: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What the figures of a path rest on."""

    basis: str
    source: str


@dataclass(frozen=True)
class ResolvedMemory:
    """A memory system at one operating point.

    Attributes
    ----------
    system : MemorySystem
        All figures in cycles.
    settings : mapping of str to ResolvedSetting
        What it was made from, by the table's names for its settings.
    wait_states : int or None
        Wait states of the flash, in cycles of its bus.
    warnings : tuple of str
        What would not work, or not be so, on the real chip.
    grounds : tuple of Ground
        Of each path of `system`, in its order.
    table_digest : str
        SHA-256 of the table.
    """

    system: MemorySystem
    settings: Mapping[str, ResolvedSetting]
    wait_states: int | None
    warnings: tuple[str, ...]
    grounds: tuple[Ground, ...]
    table_digest: str

    def ground_of(self, memory: str) -> Ground | None:
        """Return the weakest ground of the paths to a memory, None if it has none."""
        grounds = (ground for path, ground in zip(self.system.paths, self.grounds, strict=True) if path.memory == memory)
        return max(grounds, key=lambda ground: _WEAKEST_LAST.index(ground.basis), default=None)


def resolve(
    table: MemoryTable,
    board: Board,
    clock_hz: float,
    programmed: Mapping[str, int] | None = None,
    *,
    clock_overridden: bool = False,
    wait_states: int | None = None,
    supply_range: str | None = None,
    placement: Sequence[Placement] = (),
) -> ResolvedMemory:
    """Turn registers and clock into cycles.

    Parameters
    ----------
    table : MemoryTable
        The chip family's memory system.
    board : Board
        Whose memories the paths are for.
    clock_hz : float
        Core clock.
    programmed : mapping of str to int, optional
        What the firmware left in the registers, by the table's names, without those it never wrote. These hold their reset
        values if it programmed the wait states (it sets up the clock itself then), else the usual ones.
    clock_overridden : bool
        Whether `clock_hz` is not the clock the firmware set up: the wait states it programmed are for another clock then, and the
        table's are used.
    wait_states : int, optional
        Wait states of the flash, whatever was programmed and whatever the clock.
    supply_range : str, optional
        Name of the supply range whose wait states hold; the table's default if left out.
    placement : sequence of Placement
        Addresses to be priced as if they lay in another memory.

    Returns
    -------
    ResolvedMemory
        The memory system, the settings it was made from and their origins, and warnings.

    Raises
    ------
    UsageError
        If the clock is outside the table, or a supply range, a memory or a number given does not exist.
    TableError
        If table and board do not go together; ``details`` lists every problem.
    """
    if not (math.isfinite(clock_hz) and clock_hz > 0):
        raise UsageError(f"a clock of {clock_hz!r} Hz", hint="give the core clock in hertz, such as 120e6")
    written = dict(programmed or {})
    for name in written:
        if name not in table.registers:
            raise UsageError(f"memory system {table.name} has no register {name!r}", hint=near(name, table.registers, "registers"))
    warnings: list[str] = []
    settings = firmware_settings(table, written)
    waits = None
    if table.wait_states is None:
        if wait_states is not None:
            raise UsageError(f"memory system {table.name} has no wait states to set", hint="leave the wait states out")
    else:
        setting = wait_state_setting(table, clock_hz, {} if clock_overridden else written, warnings, given=wait_states, range_name=supply_range)
        settings[table.wait_states.setting or WAIT_STATES] = setting
        waits = setting.value
    external = external_clock_cycles(table, clock_hz, settings, warnings)
    caches = _caches(table, settings)
    grounded, problems = _paths(table, board, settings, caches, wait_cycles=(waits or 0) * _bus_clocks(table), external_cycles=external)
    if problems:
        raise TableError(
            f"memory system {table.name} does not go with board {board.name}",
            hint="name the board's memories in the memory system's paths as the board does, or choose another memory_system",
            details=tuple(problems),
        )
    grounded = _placed(grounded, board, placement)
    paths = tuple(path for path, _ in grounded)
    overlaps = tuple(_overlaps(paths))
    if overlaps:
        raise TableError(f"memory system {table.name} on board {board.name}: paths overlap", hint="limit them by views", details=overlaps)
    used = {path.cache for path in paths}
    system = MemorySystem(
        name=_name(table, clock_hz, waits),
        caches=tuple(cache for name, cache in caches.items() if cache is not None and name in used),
        paths=paths,
        fetch_lead_cycles=table.fetch_lead.cycles,
        fetch_ahead=table.fetch_ahead is not None,
        crossing_cycles=table.crossing.cycles,
    )
    return ResolvedMemory(system, MappingProxyType(settings), waits, tuple(warnings), tuple(ground for _, ground in grounded), table.digest)


def _name(table: MemoryTable, clock_hz: float, waits: int | None) -> str:
    return f"{table.name} at {megahertz(clock_hz)}" + ("" if waits is None else f", {counted(waits, 'wait state')}")


def _bus_clocks(table: MemoryTable) -> int:
    return 1 if table.wait_states is None else table.wait_states.core_clocks_per_bus_clock


def _caches(table: MemoryTable, settings: Mapping[str, ResolvedSetting]) -> dict[str, Cache | None]:
    """Return every cache by name, None for one that is switched off."""
    caches: dict[str, Cache | None] = {}
    for row in table.caches:
        ways = row.ways.ways[settings[row.ways.setting].value] if isinstance(row.ways, WaysBySetting) else row.ways
        sets = row.size_bytes // (row.line_bytes * ways)
        off = row.enabled_by is not None and not settings[row.enabled_by].value
        caches[row.name] = None if off else Cache(row.name, row.line_bytes, sets, ways, row.replacement)
    return caches


def _paths(
    table: MemoryTable,
    board: Board,
    settings: Mapping[str, ResolvedSetting],
    caches: Mapping[str, Cache | None],
    *,
    wait_cycles: float,
    external_cycles: float,
) -> tuple[list[tuple[Path, Ground]], list[str]]:
    regions = {region.name: region for region in board.memories}
    paths: list[tuple[Path, Ground]] = []
    problems: list[str] = []
    for index, row in enumerate(table.paths):
        named = [regions[name] for name in row.memories if name in regions]
        problems += [
            f"path[{index}].memories: board {board.name} has no memory {name!r}; {near(name, regions, 'memories')}"
            for name in row.memories
            if name not in regions
        ]
        starts = {start for region in named for start, _ in region.ranges}
        problems += [
            f"path[{index}].views: {view:#010x} is the start of no view of {', '.join(row.memories)}" for view in row.views if view not in starts
        ]
        cache = next((name for name in (row.cache, row.cache_when_off) if name is not None and caches[name] is not None), None)
        prefetch = row.prefetch or (row.prefetch_by is not None and settings[row.prefetch_by].value != 0)
        prefetch = prefetch and not (row.prefetch_only_when_off and cache == row.cache)
        # Without a cache there is no line that the further words could belong to, and no place for one that is read ahead.
        further = row.further_word_cycles + row.further_word_wait_states * wait_cycles if cache is not None else 0.0
        for region, access in itertools.product(named, row.access):
            ranges = tuple(_whole(view) for view in sorted(region.ranges) if not row.views or view[0] in row.views)
            if ranges:
                path = Path(
                    memory=region.name,
                    access=access,
                    ranges=ranges,
                    cache=cache,
                    port=row.port,
                    miss_cycles=row.miss_cycles + row.miss_wait_states * wait_cycles + row.miss_external_clocks * external_cycles,
                    word_bytes=row.word_bytes,
                    further_word_cycles=further,
                    prefetch=prefetch and cache is not None,
                    prefetched_cycles=row.prefetched_cycles,
                    aborts_prefetch=row.aborts_prefetch,
                    access_cycles=row.access_cycles,
                    prefetch_behind_misses=row.prefetch_behind_misses,
                )
                paths.append((path, Ground(row.basis, row.source)))
    return paths, problems


def _whole(view: _Range) -> _Range:
    """Round a range outward to what the simulation tells apart."""
    start, stop = view
    return start // _RANGE_BYTES * _RANGE_BYTES, -(-stop // _RANGE_BYTES) * _RANGE_BYTES


def _placed(paths: Sequence[tuple[Path, Ground]], board: Board, placement: Sequence[Placement]) -> list[tuple[Path, Ground]]:
    regions = {region.name: region for region in board.memories}
    moved: list[tuple[_Range, MemoryRegion]] = []
    for place in placement:
        if place.memory not in regions:
            raise UsageError(f"board {board.name} has no memory {place.memory!r}", hint=near(place.memory, regions, "memories"))
        if not 0 <= place.start < place.stop <= _ADDRESS_SPACE:
            raise UsageError(f"{place.start:#x} .. {place.stop:#x} are no addresses to place", hint="give a start and a stop behind it, below 2^32")
        moved.append((_whole((place.start, place.stop)), regions[place.memory]))
    moved.sort(key=lambda item: item[0])
    for (earlier, first), (later, second) in itertools.pairwise(moved):
        if later[0] < earlier[1]:
            raise UsageError(
                f"{later[0]:#010x} .. {min(later[1], earlier[1]):#010x} is placed in {first.name} and in {second.name}",
                hint="place each address once; places are rounded outward to 32 bytes",
            )
    return [(changed, ground) for path, ground in paths if (changed := _with_places(path, moved)).ranges]


def _with_places(path: Path, moved: Sequence[tuple[_Range, MemoryRegion]]) -> Path:
    """Return a path without the ranges that were placed elsewhere, and with those placed in its memory."""
    ranges: list[_Range] = list(path.ranges)
    added = []
    for place, region in moved:
        ranges = [piece for kept in ranges for piece in _cut(kept, place)]
        # A memory with several views is entered through its main one.
        if region.name == path.memory and any(start <= region.address < stop for start, stop in path.ranges):
            added.append(place)
    return replace(path, ranges=tuple(sorted([*ranges, *added])))


def _cut(kept: _Range, place: _Range) -> Iterator[_Range]:
    start, stop = kept
    if start < min(stop, place[0]):
        yield start, min(stop, place[0])
    if max(start, place[1]) < stop:
        yield max(start, place[1]), stop


def _overlaps(paths: Sequence[Path]) -> Iterator[str]:
    for access in Access:
        ranges = sorted((view, path.memory) for path in paths if path.access is access for view in path.ranges)
        for ((start, stop), memory), ((other_start, other_stop), other) in itertools.pairwise(ranges):
            if other_start < stop:
                where = f"{other_start:#010x} .. {min(stop, other_stop):#010x}"
                yield f"{access.name.lower()} of {where}: by a path of {memory} ({start:#010x}) and one of {other}"
