"""A chip's memories as their timing sees them: caches, ports and the paths that accesses take to ranges of addresses.

All figures are resolved: wait states, enable bits and clocks have been turned into cycles by whoever knows the chip and what its firmware
programmed. An access that no path covers costs nothing beyond what the pipeline charges for it.

Time is that of the core, in cycles. A *stall* is what an access costs beyond the pipeline's own charge.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Access", "Cache", "MemorySystem", "Path", "Replacement"]


class Access(IntEnum):
    """What the core does to a memory."""

    FETCH = 0
    READ = 1
    WRITE = 2


class Replacement(IntEnum):
    """Which line of a full set makes room."""

    LRU = 0
    """The one unused for longest."""
    FIFO = 1
    """The one filled first."""
    RANDOM = 2
    """Any, from a fixed sequence, so that a run can be repeated."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache, or a row of line buffers (one set).

    Attributes
    ----------
    name : str
        Unique in the system.
    line_bytes, sets, ways : int
        Geometry; `line_bytes` and `sets` are powers of two.
    replacement : Replacement
        How a full set makes room.
    """

    name: str
    line_bytes: int
    sets: int
    ways: int
    replacement: Replacement = Replacement.LRU

    @property
    def size_bytes(self) -> int:
        """Bytes it holds."""
        return self.line_bytes * self.sets * self.ways


@dataclass(frozen=True, slots=True)
class Path:
    """How one kind of access reaches some addresses.

    Attributes
    ----------
    memory : str
        Name of the memory behind it, for reports.
    access : Access
        Kind of access.
    ranges : tuple of (int, int)
        Start and stop (exclusive) of the addresses, multiples of 32 bytes, aliases included.
    cache : str or None
        Cache in front. A hit costs `access_cycles` and nothing else.
    port : str or None
        Port that misses occupy; paths that name the same port wait for each other. None: never busy.
    miss_cycles : float
        Stall until the word that was asked for arrives, port free. Without a cache every access that needs a new word misses.
    word_bytes : int
        Width of the port.
    further_word_cycles : float
        The rest of a line arrives word by word behind the first, one each so many cycles, wrapping around, and holds the port meanwhile; the core
        goes on, and waits only if it wants one of these words, or the port, too early. 0: the whole line is there with the first word.
    prefetch : bool
        Behind the use of a line the next one is read ahead, if the port is free and the line is not there. A cache has one such line at a time.
    prefetch_behind_misses : bool
        Only behind the use of a line that came from the port (missed, or read ahead before): what reads ahead lies behind the cache, not in it.
    prefetched_cycles : float
        Least stall of the first use of a line that was read ahead; waiting for its arrival counts toward it.
    aborts_prefetch : bool
        An access that needs the port ends a read-ahead that is under way, instead of waiting for it. Behind a data access it begins anew.
    access_cycles : float
        Stall of every access, hit or miss.
    """

    memory: str
    access: Access
    ranges: tuple[tuple[int, int], ...]
    cache: str | None = None
    port: str | None = None
    miss_cycles: float = 0.0
    word_bytes: int = 8
    further_word_cycles: float = 0.0
    prefetch: bool = False
    prefetched_cycles: float = 0.0
    aborts_prefetch: bool = False
    access_cycles: float = 0.0
    prefetch_behind_misses: bool = False


@dataclass(frozen=True)
class MemorySystem:
    """One chip's memories at one operating point.

    Attributes
    ----------
    name : str
        Of the data it was made from, with what distinguishes it (``stm32l4 at 120 MHz, 5 wait states``).
    caches : tuple of Cache
        All caches.
    paths : tuple of Path
        Not two of the same kind of access for the same address.
    fetch_lead_cycles : float
        How far the core fetches ahead of what it executes, where control flows straight: so much of a fetch's stall is hidden.
    crossing_cycles : float
        Stall of a load that the pipeline pairs with the load before it, if the two go to different memories.
    fetch_ahead : bool
        The core fetches a word while it executes the last instruction of the word before: ahead of that instruction's data access, and also if it
        jumps. Else a word is fetched when its first instruction is executed.
    """

    name: str
    caches: tuple[Cache, ...] = ()
    paths: tuple[Path, ...] = ()
    fetch_lead_cycles: float = 0.0
    crossing_cycles: float = 0.0
    fetch_ahead: bool = False

    @property
    def is_timed(self) -> bool:
        """Whether stalls depend on when the accesses happen, not on their order alone."""
        return self.fetch_lead_cycles > 0 or any(path.port is not None or path.prefetch for path in self.paths)
