"""A slow and plain simulation of memory systems, for the tests of the native one. Times are in cycles."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path, Replacement


class Lines:
    """A cache with least-recently-used or first-in-first-out replacement."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.sets: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(cache.sets)]

    def number(self, address: int) -> int:
        return address // self.cache.line_bytes

    def holds(self, line: int) -> bool:
        return line in self.sets[line % self.cache.sets]

    def use(self, line: int) -> None:
        if self.cache.replacement is Replacement.LRU:
            self.sets[line % self.cache.sets].move_to_end(line)

    def fill(self, line: int) -> None:
        places = self.sets[line % self.cache.sets]
        if len(places) == self.cache.ways:
            places.popitem(last=False)
        places[line] = None


@dataclass
class Port:
    """What a port is at."""

    busy_until: float = 0.0
    filling: tuple[str, int] | None = None
    first_word: int = 0
    first_at: float = 0.0
    ahead_for: int | None = None


@dataclass
class Ahead:
    """A line that a path reads ahead."""

    line: int
    at: float


@dataclass
class Reference:
    """A memory system, stepped one access at a time."""

    system: MemorySystem
    now: float = 0.0
    redirected_at: float = 0.0
    last_read_path: int = -1
    stalls: dict[int, float] = field(default_factory=dict)
    misses: dict[int, int] = field(default_factory=dict)
    splits: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.caches = {cache.name: Lines(cache) for cache in self.system.caches}
        self.ports = {path.port: Port() for path in self.system.paths if path.port is not None}
        self.ahead: dict[str, Ahead] = {}
        self.last_line: dict[str, int] = {}
        self.counts = [[0, 0, 0] for _ in self.system.paths]

    @property
    def tallies(self) -> list[tuple[int, ...]]:
        """Accesses, misses and first uses of lines read ahead of each path."""
        return [tuple(counts) for counts in self.counts]

    def path_of(self, address: int, access: Access) -> int:
        for index, path in enumerate(self.system.paths):
            if path.access is access and any(start <= address < stop for start, stop in path.ranges):
                return index
        return -1

    def run_block(self, accesses: list[tuple[Access, int, float, int, bool, int]], cycles: float, *, jumped: bool) -> None:
        """Accesses: kind, address, cycles from the block's start, site, whether it pairs with the read before, bytes."""
        if jumped:
            self.redirected_at = self.now
        for access, address, offset, site, pairs, size in accesses:
            index = self.path_of(address, access)
            at = self.now + offset
            lead = min(self.system.fetch_lead_cycles, max(0.0, at - self.redirected_at)) if access is Access.FETCH else 0.0
            stall, missed = self.access(index, address, at - lead) if index >= 0 else (0.0, False)
            stall = max(0.0, stall - lead)
            if access is Access.READ:
                if pairs and index != self.last_read_path:
                    stall += self.system.crossing_cycles
                self.last_read_path = index
            self.stalls[site] = self.stalls.get(site, 0.0) + stall
            self.misses[site] = self.misses.get(site, 0) + missed
            self.splits[site] = self.splits.get(site, 0) + (access is not Access.FETCH and address % 4 + size > 4)
            self.now += stall
        self.now += cycles

    def access(self, index: int, address: int, at: float) -> tuple[float, bool]:
        path = self.system.paths[index]
        self.counts[index][0] += 1
        if path.cache is None:
            self.counts[index][1] += 1
            return path.access_cycles + self.demand(index, None, 0, at) - at, True
        lines = self.caches[path.cache]
        line = lines.number(address)
        stall, missed = path.access_cycles, False
        if self.last_line.get(path.cache) != line:
            self.last_line[path.cache] = line
            ahead = self.ahead.get(path.cache)
            reads_ahead = path.prefetch
            if lines.holds(line):
                lines.use(line)
                reads_ahead = path.prefetch and not path.prefetch_behind_misses
            elif ahead is not None and ahead.line == line:
                stall += max(ahead.at, at + path.prefetched_cycles) - at
                del self.ahead[path.cache]
                if path.port is not None and self.ports[path.port].ahead_for == index:
                    self.ports[path.port].ahead_for = None
                self.counts[index][2] += 1
                lines.fill(line)
            else:
                stall += self.demand(index, line, self.word(path, address), at) - at
                missed = True
                self.counts[index][1] += 1
                lines.fill(line)
            if reads_ahead:
                self.read_ahead(index, line + 1, at + stall + 1)
        if not missed and path.further_word_cycles and path.port is not None:
            port = self.ports[path.port]
            if port.busy_until > at and port.filling == (path.cache, line):
                words = self.words(path)
                arrival = port.first_at + (self.word(path, address) - port.first_word) % words * path.further_word_cycles
                stall = max(stall, arrival - at)
        return stall, missed

    def words(self, path: Path) -> int:
        assert path.cache is not None
        return max(self.caches[path.cache].cache.line_bytes // path.word_bytes, 1)

    def word(self, path: Path, address: int) -> int:
        return address // path.word_bytes % self.words(path)

    def demand(self, index: int, line: int | None, word: int, at: float) -> float:
        path = self.system.paths[index]
        if path.port is None:
            return at + path.miss_cycles
        port = self.ports[path.port]
        begin = at
        ended: int | None = None
        if port.busy_until > at:
            if port.ahead_for is not None and path.aborts_prefetch:
                ended = port.ahead_for
            else:
                begin = port.busy_until
        arrival = begin + path.miss_cycles
        port.ahead_for = None
        port.busy_until = arrival + 1
        if path.cache is not None and line is not None and path.further_word_cycles:
            port.filling, port.first_word, port.first_at = (path.cache, line), word, arrival
            port.busy_until += (self.words(path) - 1) * path.further_word_cycles
        if ended == index:
            assert path.cache is not None
            self.ahead.pop(path.cache, None)
        elif ended is not None:
            begins = port.busy_until
            other = self.system.paths[ended]
            assert other.cache is not None
            port.busy_until = begins + other.miss_cycles
            port.ahead_for = ended
            if other.cache in self.ahead:
                self.ahead[other.cache].at = port.busy_until
        return arrival

    def read_ahead(self, index: int, line: int, at: float) -> None:
        path = self.system.paths[index]
        assert path.cache is not None
        known = self.ahead.get(path.cache)
        if (known is not None and known.line == line) or self.caches[path.cache].holds(line):
            return
        begin = at
        if path.port is not None:
            port = self.ports[path.port]
            begin = max(begin, port.busy_until)
            port.busy_until = begin + path.miss_cycles
            port.ahead_for = index
        self.ahead[path.cache] = Ahead(line, begin + path.miss_cycles)
