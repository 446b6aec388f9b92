"""Settings of a memory system: read from registers, usual, or following from the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from instsim.cost.memory_rows import SupplyRange, WaysBySetting
from instsim.cost.memory_table import MemoryTable
from instsim.errors import UsageError

__all__ = [
    "WAIT_STATES",
    "ResolvedSetting",
    "counted",
    "external_clock_cycles",
    "firmware_settings",
    "megahertz",
    "near",
    "wait_state_setting",
]

WAIT_STATES = "wait-states"
"""Name of the wait states among the settings, where the table gives them none."""


@dataclass(frozen=True, slots=True)
class ResolvedSetting:
    """A setting as it was used.

    Attributes
    ----------
    value : int
        Contents of the bit field, or the number of wait states.
    meaning : str
        ``on``, ``2 ways``, ``5``.
    origin : {'programmed', 'reset value', 'usual', 'from the clock', 'given'}
        Read from the register; its reset value; what start-up code usually programs; the fewest wait states at the clock; told by the user.
    """

    value: int
    meaning: str
    origin: str

    @property
    def text(self) -> str:
        """For reports: ``on (programmed)``."""
        return f"{self.meaning} ({self.origin})"


def near(name: str, names: Iterable[str], kind: str) -> str:
    """Return the hint of a message about an unknown name: the nearest names, or all of them."""
    known = sorted(names)
    matches = get_close_matches(name, known, n=2, cutoff=0.5)
    return f"did you mean {' or '.join(matches)}?" if matches else f"{kind}: {', '.join(known) or 'none'}"


def megahertz(clock_hz: float) -> str:
    """Return a clock as messages and names have it."""
    return f"{clock_hz / 1e6:g} MHz"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it needs one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def firmware_settings(table: MemoryTable, written: Mapping[str, int]) -> dict[str, ResolvedSetting]:
    """Return all settings but the wait states.

    Firmware that programs the wait states sets up the clock itself: what it leaves alone then has its reset value. Firmware that does not
    (an example without clock set-up, an image that runs behind a boot loader) is taken to find what start-up code usually leaves.

    Parameters
    ----------
    table : MemoryTable
        The memory system.
    written : mapping of str to int
        Values of the registers that the firmware wrote.
    """
    waits = None if table.wait_states is None else table.settings.get(table.wait_states.setting or "")
    sets_up = waits is not None and waits.register in written
    ways = {cache.ways.setting: cache.ways.ways for cache in table.caches if isinstance(cache.ways, WaysBySetting)}
    divider = None if table.external_clock is None else table.external_clock.divider_by
    resolved = {}
    for name, setting in table.settings.items():
        register = table.registers[setting.register]
        if setting.usual is None:
            continue
        if setting.register in written:
            value, origin = setting.value_in(written[setting.register]), "programmed"
        elif sets_up and register.set_by == "firmware":
            value, origin = setting.value_in(register.reset), "reset value"
        else:
            value, origin = setting.usual, "usual"
        if name in ways:
            meaning = counted(ways[name][value], "way")
        elif name == divider:
            meaning = f"one of {value} core clocks"
        else:
            meaning = "on" if value else "off"
        resolved[name] = ResolvedSetting(value, meaning, origin)
    return resolved


def _supply_range(table: MemoryTable, name: str | None) -> SupplyRange:
    assert table.wait_states is not None
    if name is None:
        return table.wait_states.default
    found = next((row for row in table.wait_states.ranges if row.name == name), None)
    if found is None:
        raise UsageError(
            f"memory system {table.name} has no supply range {name!r}", hint=near(name, [row.name for row in table.wait_states.ranges], "ranges")
        )
    return found


def wait_state_setting(
    table: MemoryTable, clock_hz: float, written: Mapping[str, int], warnings: list[str], *, given: int | None, range_name: str | None
) -> ResolvedSetting:
    """Return the wait states, and warn of too few.

    Parameters
    ----------
    table : MemoryTable
        The memory system, with a table of wait states.
    clock_hz : float
        Core clock.
    written : mapping of str to int
        Registers whose wait states hold.
    warnings : list of str
        Where a warning is added.
    given : int or None
        What the user wants.
    range_name : str or None
        Supply range; the default one if None.

    Raises
    ------
    UsageError
        If the clock is outside the table, or the range or the number given does not exist.
    """
    waits = table.wait_states
    assert waits is not None
    supply = _supply_range(table, range_name)
    bus_hz = clock_hz / waits.core_clocks_per_bus_clock
    needed = supply.wait_states_at(bus_hz)
    if needed is None:
        highest = supply.maximum_hz[-1] * waits.core_clocks_per_bus_clock
        further = [row.name for row in waits.ranges if row.wait_states_at(bus_hz) is not None]
        hint = f"choose a clock of at most {megahertz(highest)}" + (f", or the supply range {' or '.join(further)}" if further else "")
        raise UsageError(f"{megahertz(clock_hz)} is outside the wait-state table of {table.name} ({supply.name})", hint=hint)
    field = table.settings.get(waits.setting or "")
    if given is not None:
        most = (1 << field.bits) - 1 if field is not None else len(supply.maximum_hz) - 1
        if not 0 <= given <= most:
            raise UsageError(f"{given} wait states on {table.name}", hint=f"give a number from 0 to {most}")
        count, origin = given, "given"
    elif field is not None and field.register in written:
        count, origin = field.value_in(written[field.register]), "programmed"
    else:
        count, origin = needed, "from the clock"
    if count < needed:
        warnings.append(
            f"{counted(count, 'wait state')} ({origin}) {'is' if count == 1 else 'are'} too few at {megahertz(clock_hz)}: "
            f"{table.name} needs {needed} there ({supply.name}); the real chip would fail"
        )
    return ResolvedSetting(count, str(count), origin)


def external_clock_cycles(table: MemoryTable, clock_hz: float, settings: dict[str, ResolvedSetting], warnings: list[str]) -> float:
    """Return the core cycles of one clock of the external flash."""
    clock = table.external_clock
    if clock is None:
        return 0.0
    if clock.hz is not None:
        return clock_hz / clock.hz
    assert clock.divider_by is not None
    divider = settings[clock.divider_by].value
    if not divider:
        usual = table.settings[clock.divider_by].usual
        assert usual is not None
        warnings.append(f"{clock.divider_by} was programmed as 0, which stops the external flash: {usual} is used")
        settings[clock.divider_by] = ResolvedSetting(usual, f"one of {usual} core clocks", "usual")
        divider = usual
    return float(divider)
