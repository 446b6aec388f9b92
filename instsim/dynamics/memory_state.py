"""A memory system as the arrays that the native simulation works on."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import (
    END_OF_LIST,
    MIXED,
    TICKS_PER_CYCLE,
    CacheWord,
    PathWord,
    PortWord,
    RangeWord,
    SiteWord,
    SystemWord,
    Tally,
)
from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path, Replacement
from instsim.dynamics.passage_layout import BUCKETS

__all__ = ["SystemState"]

_PAGE_BITS = 12
_SEED = 0x9E3779B97F4A7C15
_FIRST_CLOCK = 1 << 32
"""Later than anything behind a use at 0, which is what blocks begin with."""
_COUNTED_AT, _CHECKED_AT = [SystemWord.TALLIES, SystemWord.SITES], [SystemWord.CHECKED_TALLIES, SystemWord.CHECKED_SITES]
_NO_CACHE = Cache("", 1, 1, 1, Replacement.FIFO)
_SITUATION_ROOM_WORDS = 1 << 21
"""For some 40,000 passages; firmware with a network has a few thousand."""
_MOST_LINES = 8
"""In all caches of a system whose situations are learned: with more, hardly one would come again."""

Words = npt.NDArray[np.uint64]


class SystemState:
    """One memory system, cold and at time 0.

    Parameters
    ----------
    system : MemorySystem
        What to simulate.
    sites : int
        Places of code that can be charged.
    situation_room_words : int
        Room for what is learned of a small system (`instsim.dynamics.passages`), in words of 64 bits; when it is full, it is learned anew.
    """

    def __init__(self, system: MemorySystem, sites: int, situation_room_words: int = _SITUATION_ROOM_WORDS) -> None:
        self.system = system
        self._caches = {cache.name: self._cache_words(cache) for cache in system.caches}
        self._no_cache = self._cache_words(_NO_CACHE)
        self._ports = {path.port: np.zeros(PortWord.WORDS, np.uint64) for path in system.paths if path.port is not None}
        self._paths = np.zeros((len(system.paths), PathWord.WORDS), np.uint64)
        lines = {cache.name: cache.line_bytes for cache in system.caches}
        for words, path in zip(self._paths, system.paths, strict=True):
            self._fill_path(words, path, lines.get(path.cache or "", path.word_bytes))
        self._maps = {access: np.zeros(1 << 32 - _PAGE_BITS, np.uint8) for access in Access}
        self._ranges = self._range_words()
        self.tallies = np.zeros((len(system.paths), Tally.WORDS), np.int64)
        self.sites = np.zeros((sites, SiteWord.WORDS), np.int64)
        # Zeros of a shape take no memory before they are written; those of `zeros_like` do.
        self._spare_tallies, self._spare_sites = np.zeros(self.tallies.shape, np.int64), np.zeros(self.sites.shape, np.int64)
        self._head = head = np.zeros(SystemWord.WORDS, np.uint64)
        head[SystemWord.READ_MAP] = self._maps[Access.READ].ctypes.data
        head[SystemWord.WRITE_MAP] = self._maps[Access.WRITE].ctypes.data
        head[SystemWord.RANGES], head[SystemWord.RANGES_LENGTH] = self._ranges.ctypes.data, len(self._ranges)
        head[SystemWord.PATHS] = self._paths.ctypes.data
        head[SystemWord.FETCH_LEAD], head[SystemWord.CROSSING] = _ticks(system.fetch_lead_cycles), _ticks(system.crossing_cycles)
        head[SystemWord.CLOCK], head[SystemWord.REPEATED], head[SystemWord.NO_CACHE] = _FIRST_CLOCK, END_OF_LIST, self._no_cache.ctypes.data
        head[SystemWord.STREAMS] = len({path.port for path in system.paths if path.cache is not None and path.further_word_cycles})
        if _has_situations(system):
            self._make_room(situation_room_words)
        head[_CHECKED_AT] = self.tallies.ctypes.data, self.sites.ctypes.data
        head[SystemWord.SPARE_TALLIES], head[SystemWord.SPARE_SITES] = self._spare_tallies.ctypes.data, self._spare_sites.ctypes.data
        self.count()

    @property
    def address(self) -> int:
        """Where the native code finds it."""
        return int(self._head.ctypes.data)

    @property
    def now_ticks(self) -> int:
        """Its time."""
        return int(self._head[SystemWord.NOW])

    def count(self) -> None:
        """Let stalls count from here on; the native code says when they do not."""
        self._head[_COUNTED_AT] = self._head[_CHECKED_AT]

    def line_bytes(self, cache: str) -> int:
        """Return the length of a cache's lines."""
        return 1 << int(self._caches[cache][CacheWord.LINE_SHIFT])

    def fetch_path(self, address: int) -> int:
        """Return one more than the path that a fetch takes, 0 for none."""
        found = int(self._maps[Access.FETCH][address >> _PAGE_BITS])
        return found if found != MIXED else self._in_ranges(address, Access.FETCH)

    def _cache_words(self, cache: Cache) -> Words:
        words = np.zeros(CacheWord.WORDS + 2 * cache.sets * cache.ways, np.uint64)
        words[CacheWord.LINE_SHIFT] = cache.line_bytes.bit_length() - 1
        words[CacheWord.SET_MASK], words[CacheWord.WAYS] = cache.sets - 1, cache.ways
        words[CacheWord.REPLACEMENT], words[CacheWord.RANDOM] = int(cache.replacement), _SEED
        words[CacheWord.LISTED] = END_OF_LIST
        of_cache = [path for path in self.system.paths if path.cache == cache.name]
        words[CacheWord.FOLLOWED] = int(any(path.prefetch and not path.prefetch_behind_misses for path in of_cache))
        return words

    def data_path(self, address: int, access: Access) -> int:
        """Return one more than the path that a data access takes, 0 for none."""
        found = int(self._maps[access][address >> _PAGE_BITS])
        return found if found != MIXED else self._in_ranges(address, access)

    def _in_ranges(self, address: int, access: Access) -> int:
        for index, path in enumerate(self.system.paths):
            if path.access is access and any(start <= address < stop for start, stop in path.ranges):
                return index + 1
        return 0

    def _fill_path(self, words: Words, path: Path, line_bytes: int) -> None:
        words[PathWord.CACHE] = self._caches[path.cache].ctypes.data if path.cache is not None else 0
        words[PathWord.PORT] = self._ports[path.port].ctypes.data if path.port is not None else 0
        words[PathWord.MISS], words[PathWord.FURTHER] = _ticks(path.miss_cycles), _ticks(path.further_word_cycles)
        words[PathWord.WORD_SHIFT] = path.word_bytes.bit_length() - 1
        words[PathWord.LAST_WORD] = max(line_bytes // path.word_bytes, 1) - 1
        words[PathWord.PREFETCH], words[PathWord.PREFETCHED] = path.prefetch * (1 + path.prefetch_behind_misses), _ticks(path.prefetched_cycles)
        words[PathWord.ABORTS], words[PathWord.ACCESS] = int(path.aborts_prefetch), _ticks(path.access_cycles)

    def _make_room(self, room_words: int) -> None:
        """Make room for situations and passages."""
        self._situations = np.zeros(room_words, np.uint64)
        self._cache_addresses = np.array([words.ctypes.data for words in self._caches.values()], np.uint64)
        self._port_addresses = np.array([words.ctypes.data for words in self._ports.values()], np.uint64)
        head, room = self._head, self._situations.ctypes.data
        head[SystemWord.SITUATIONS], head[SystemWord.SITUATIONS_FREE] = room, room + 8 * BUCKETS
        head[SystemWord.SITUATIONS_END] = room + self._situations.nbytes
        head[SystemWord.CACHES], head[SystemWord.CACHES_LENGTH] = self._cache_addresses.ctypes.data, self._cache_addresses.size
        head[SystemWord.PORTS], head[SystemWord.PORTS_LENGTH] = self._port_addresses.ctypes.data, self._port_addresses.size
        lines = sum(cache.sets * cache.ways for cache in self.system.caches)
        head[SystemWord.SITUATION_WORDS] = lines + 3 * self._cache_addresses.size + 2 * self._port_addresses.size
        head[SystemWord.TALLIES_LENGTH], head[SystemWord.PASSED] = self.tallies.size, END_OF_LIST

    def _range_words(self) -> Words:
        rows = []
        for index, path in enumerate(self.system.paths):
            pages = self._maps[path.access]
            for start, stop in path.ranges:
                rows.append((start, stop, int(path.access), index))
                first, last = start >> _PAGE_BITS, (stop - 1) >> _PAGE_BITS
                inner = slice(-(-start >> _PAGE_BITS), stop >> _PAGE_BITS)
                pages[inner] = np.where(pages[inner] == 0, index + 1, MIXED)
                for page in (first, last):
                    if not inner.start <= page < inner.stop:
                        pages[page] = MIXED
        words = np.zeros((len(rows), RangeWord.WORDS), np.uint64)
        words[:, [RangeWord.START, RangeWord.STOP, RangeWord.ACCESS, RangeWord.PATH]] = np.array(rows, np.uint64).reshape(-1, 4)
        return words


def _has_situations(system: MemorySystem) -> bool:
    """Tell whether what a block does depends on little enough to be learned: a few lines of code, and the path of each data access."""
    return (
        sum(cache.sets * cache.ways for cache in system.caches) <= _MOST_LINES
        and all(cache.replacement is not Replacement.RANDOM for cache in system.caches)
        and not any(path.further_word_cycles or (path.cache is not None and path.access is not Access.FETCH) for path in system.paths)
        and bool(system.paths)
        and not system.fetch_lead_cycles
    )


def _ticks(cycles: float) -> int:
    return math.floor(cycles * TICKS_PER_CYCLE + 0.5)
