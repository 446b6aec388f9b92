"""What a memory system's file is made of, as values."""

from __future__ import annotations

from dataclasses import dataclass

from instsim.dynamics.memory_system import Access, Replacement

__all__ = [
    "NO_OVERHEAD",
    "CacheRow",
    "ExternalClock",
    "Overhead",
    "PathRow",
    "Register",
    "Setting",
    "SupplyRange",
    "Trait",
    "WaitStateTable",
    "WaysBySetting",
]


@dataclass(frozen=True, slots=True)
class Register:
    """A register that holds settings.

    Attributes
    ----------
    address : int
        Its address.
    reset : int
        Its value after reset.
    set_by : {'firmware', 'boot-code'}
        Who sets it up. One of the boot code's (a boot ROM, a second stage) that an image never writes holds its usual value.
    basis, source, note : str
        What this rests on.
    """

    address: int
    reset: int
    basis: str
    source: str
    set_by: str = "firmware"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A bit field of a register.

    Attributes
    ----------
    register : str
        Name of the register.
    lowest_bit, bits : int
        Where it lies.
    usual : int or None
        What start-up code usually programs; None for wait states, which follow from the clock.
    basis, source, note : str
        What its place and the usual value rest on.
    """

    register: str
    lowest_bit: int
    basis: str
    source: str
    bits: int = 1
    usual: int | None = None
    note: str = ""

    def value_in(self, register_value: int) -> int:
        """Return the field of a register's value."""
        return register_value >> self.lowest_bit & (1 << self.bits) - 1


@dataclass(frozen=True, slots=True)
class SupplyRange:
    """Wait states by clock at one supply range or voltage scale.

    Attributes
    ----------
    name : str
        ``range 1``.
    maximum_hz : tuple of float
        Highest clock of the flash's bus for 0, 1, 2, ... wait states, rising.
    default : bool
        Whether it is used unless another is asked for.
    basis, source, note : str
        What the clocks rest on.
    """

    name: str
    maximum_hz: tuple[float, ...]
    basis: str
    source: str
    default: bool = False
    note: str = ""

    def wait_states_at(self, bus_hz: float) -> int | None:
        """Return the fewest wait states at a clock of the flash's bus, None if it is too fast for any."""
        return next((count for count, maximum in enumerate(self.maximum_hz) if bus_hz <= maximum), None)


@dataclass(frozen=True, slots=True)
class WaitStateTable:
    """Wait states of the flash.

    Attributes
    ----------
    ranges : tuple of SupplyRange
        One of them the default.
    setting : str or None
        Setting that holds the count; None if firmware has no say.
    core_clocks_per_bus_clock : int
        Core cycles of a cycle of the flash's bus: 1, or 2 where the core runs at twice its clock.
    """

    ranges: tuple[SupplyRange, ...]
    setting: str | None = None
    core_clocks_per_bus_clock: int = 1

    @property
    def default(self) -> SupplyRange:
        """Range used unless another is asked for."""
        return next(row for row in self.ranges if row.default)


@dataclass(frozen=True, slots=True)
class ExternalClock:
    """Clock of a serial flash outside the chip.

    Attributes
    ----------
    basis, source, note : str
        What it rests on.
    hz : float or None
        Its frequency, where it does not follow the core's.
    divider_by : str or None
        Setting that holds the core clocks of one of its clocks. One of `hz` and `divider_by` is given.
    """

    basis: str
    source: str
    hz: float | None = None
    divider_by: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class WaysBySetting:
    """Ways of a cache that firmware may choose.

    Attributes
    ----------
    setting : str
        The setting.
    ways : tuple of int
        Ways for its values 0, 1, ...
    """

    setting: str
    ways: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CacheRow:
    """A cache, or a row of line buffers.

    Attributes
    ----------
    name : str
        Unique in the file.
    size_bytes, line_bytes : int
        What it holds, and a line of it; the number of sets follows and is a power of two for all choices of ways.
    ways : int or WaysBySetting
        Lines of a set.
    basis, source, note : str
        What this rests on.
    replacement : Replacement
        How a full set makes room.
    enabled_by : str or None
        Setting that is not 0 when it works; None for one that always does.
    """

    name: str
    size_bytes: int
    line_bytes: int
    ways: int | WaysBySetting
    basis: str
    source: str
    replacement: Replacement = Replacement.LRU
    enabled_by: str | None = None
    note: str = ""

    @property
    def ways_possible(self) -> tuple[int, ...]:
        """Every number of ways it may have."""
        return self.ways.ways if isinstance(self.ways, WaysBySetting) else (self.ways,)


@dataclass(frozen=True, slots=True)
class PathRow:
    """How some kinds of access reach some memories of a board.

    Cycles are of the core. Where the fields are those of `instsim.dynamics.memory_system.Path`, they mean the same.

    Attributes
    ----------
    memories : tuple of str
        Names of the memories on the board.
    access : tuple of Access
        Kinds of access.
    basis, source, note : str
        What the figures rest on.
    views : tuple of int
        Starts of the views (address or aliases) of these memories that the path is for; empty for all of them.
    cache : str or None
        Cache in front.
    cache_when_off : str or None
        Line buffers that stand in front when that cache is switched off.
    port : str or None
        Port that misses occupy.
    miss_cycles, miss_wait_states, miss_external_clocks : float
        Stall of a miss: so many cycles, plus so many times the wait states, plus so many clocks of the external flash.
    word_bytes : int
        Width of the port.
    further_word_cycles, further_word_wait_states : float
        Time of each further word of the line: so many cycles plus so many times the wait states; both 0 if the line comes at once.
    prefetch : bool
        Whether lines are read ahead.
    prefetch_by : str or None
        Setting that is not 0 when they are.
    prefetch_only_when_off : bool
        Only while `cache` is off.
    prefetch_behind_misses : bool
        Whether that happens only behind lines that came from the port, not behind every use of a line.
    prefetched_cycles : float
        Least stall of the first use of a line that was read ahead.
    aborts_prefetch : bool
        Whether an access ends a read-ahead that is under way.
    access_cycles : float
        Stall of every access.
    """

    memories: tuple[str, ...]
    access: tuple[Access, ...]
    basis: str
    source: str
    note: str = ""
    views: tuple[int, ...] = ()
    cache: str | None = None
    cache_when_off: str | None = None
    port: str | None = None
    miss_cycles: float = 0.0
    miss_wait_states: float = 0.0
    miss_external_clocks: float = 0.0
    word_bytes: int = 8
    further_word_cycles: float = 0.0
    further_word_wait_states: float = 0.0
    prefetch: bool = False
    prefetch_by: str | None = None
    prefetch_only_when_off: bool = False
    prefetch_behind_misses: bool = False
    prefetched_cycles: float = 0.0
    aborts_prefetch: bool = False
    access_cycles: float = 0.0


@dataclass(frozen=True, slots=True)
class Trait:
    """Something that is so.

    Attributes
    ----------
    basis, source, note : str
        What that rests on, and conditions.
    """

    basis: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Overhead:
    """A figure of the whole memory system, in core cycles."""

    cycles: float
    basis: str
    source: str
    note: str = ""


NO_OVERHEAD = Overhead(0.0, "assumed", "judgement")
"""What a file says that leaves the figure out."""
