"""The form of a memory system's file: validated whole, all its errors told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from instsim.cost.schema_form import StrictTable, Text, form_problems, suggestion, unknown_sources, with_tuples
from instsim.cost.sources import load_sources
from instsim.units import counted

__all__ = ["SCHEMA_VERSION", "MemoryFile", "problems_of"]

SCHEMA_VERSION = 1
"""Raised when a file that was valid would no longer be, or would mean something else."""

_RANGE_BYTES = 32
_REGISTER_BITS = 32

_Address = Annotated[int, Field(ge=0, lt=1 << 32)]
_Register = Annotated[int, Field(ge=0, lt=1 << 32)]
_Size = Annotated[int, Field(gt=0, le=1 << 24)]
_Ways = Annotated[int, Field(gt=0, le=4096)]
_Hertz = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Cycles = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]


class _Sourced(StrictTable):
    basis: Literal["documented", "measured", "derived", "fitted", "assumed"]
    source: Text
    note: str = ""


class RegisterTable(_Sourced):
    """``[registers.<name>]``: a register that holds settings."""

    address: _Address
    reset: _Register
    set_by: Literal["firmware", "boot-code"] = "firmware"


class SettingTable(_Sourced):
    """``[settings.<name>]``: a bit field, and what start-up code usually programs."""

    register_name: Annotated[Text, Field(alias="register")]
    lowest_bit: Annotated[int, Field(ge=0, lt=_REGISTER_BITS)]
    bits: Annotated[int, Field(gt=0, le=_REGISTER_BITS)] = 1
    usual: _Register | None = None


class SupplyRangeTable(_Sourced):
    """``[[wait_states.range]]``: highest clock of the flash's bus for 0, 1, 2, ... wait states."""

    name: Text
    maximum_hz: Annotated[tuple[_Hertz, ...], Field(min_length=1)]
    default: bool = False


class WaitStatesTable(StrictTable):
    """``[wait_states]``: wait states of the flash by clock."""

    setting: Text | None = None
    core_clocks_per_bus_clock: Annotated[int, Field(ge=1, le=16)] = 1
    range: Annotated[tuple[SupplyRangeTable, ...], Field(min_length=1)]


class ExternalClockTable(_Sourced):
    """``[external_clock]``: clock of a serial flash, fixed or a divided core clock."""

    hz: _Hertz | None = None
    divider_by: Text | None = None


class WaysTable(StrictTable):
    """``ways`` that firmware may choose: one number for each value of the setting."""

    setting: Text
    ways: Annotated[tuple[_Ways, ...], Field(min_length=1)]


class CacheTable(_Sourced):
    """``[[cache]]``: a cache, or a row of line buffers (as many ways as lines)."""

    name: Text
    size_bytes: _Size
    line_bytes: _Size
    ways: _Ways | WaysTable
    replacement: Literal["lru", "fifo", "random"] = "lru"
    enabled_by: Text | None = None


class PathTable(_Sourced):
    """``[[path]]``: how some kinds of access reach some memories of the board; cycles of the core."""

    memories: Annotated[tuple[Text, ...], Field(min_length=1)]
    access: Annotated[tuple[Literal["fetch", "read", "write"], ...], Field(min_length=1)]
    views: tuple[_Address, ...] = ()
    cache: Text | None = None
    cache_when_off: Text | None = None
    port: Text | None = None
    miss_cycles: _Cycles = 0.0
    miss_wait_states: _Cycles = 0.0
    miss_external_clocks: _Cycles = 0.0
    word_bytes: Annotated[int, Field(gt=0, le=64)] = 8
    further_word_cycles: _Cycles = 0.0
    further_word_wait_states: _Cycles = 0.0
    prefetch: bool = False
    prefetch_by: Text | None = None
    prefetch_only_when_off: bool = False
    prefetch_behind_misses: bool = False
    prefetched_cycles: _Cycles = 0.0
    aborts_prefetch: bool = False
    access_cycles: _Cycles = 0.0


class OverheadTable(_Sourced):
    """``[fetch_lead]`` and ``[crossing]``: core cycles."""

    cycles: _Cycles


class TraitTable(_Sourced):
    """``[fetch_ahead]``: something that is so where the table stands."""


class MemoryFile(StrictTable):
    """A chip family's memory system."""

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Text
    notes: str = ""
    registers: dict[str, RegisterTable] = Field(default_factory=dict)
    settings: dict[str, SettingTable] = Field(default_factory=dict)
    wait_states: WaitStatesTable | None = None
    external_clock: ExternalClockTable | None = None
    cache: tuple[CacheTable, ...] = ()
    path: Annotated[tuple[PathTable, ...], Field(min_length=1)]
    fetch_ahead: TraitTable | None = None
    fetch_lead: OverheadTable | None = None
    crossing: OverheadTable | None = None


def problems_of(document: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a memory system, one line each with its key path; empty for a valid one."""
    try:
        checked = MemoryFile.model_validate(with_tuples(dict(document)))
    except ValidationError as error:
        return [*form_problems(error, MemoryFile)]
    problems = [*_settings(checked), *_wait_states(checked), *_external_clock(checked), *_caches(checked), *_paths(checked)]
    return [*problems, *_unused(checked), *unknown_sources(_sourced(checked), load_sources().keys())]


def _settings(checked: MemoryFile) -> Iterator[str]:
    waits = None if checked.wait_states is None else checked.wait_states.setting
    for name, setting in checked.settings.items():
        where = f"settings.{name}"
        if setting.register_name not in checked.registers:
            yield f"{where}.register: no register named {setting.register_name!r}{suggestion(setting.register_name, checked.registers)}"
        if setting.lowest_bit + setting.bits > _REGISTER_BITS:
            yield f"{where}.bits: bit {setting.lowest_bit + setting.bits - 1} of a register of 32"
        elif setting.usual is not None and setting.usual >> setting.bits:
            yield f"{where}.usual: {setting.usual} does not fit into {counted(setting.bits, 'bit')}"
        if setting.usual is None and name != waits:
            yield f"{where}.usual: missing"
        elif setting.usual is not None and name == waits:
            yield f"{where}.usual: the usual wait states follow from the clock; leave it out"


def _named(checked: MemoryFile, where: str, name: str | None) -> Iterator[str]:
    if name is not None and name not in checked.settings:
        yield f"{where}: no setting named {name!r}{suggestion(name, checked.settings)}"


def _wait_states(checked: MemoryFile) -> Iterator[str]:
    waits = checked.wait_states
    if waits is None:
        return
    yield from _named(checked, "wait_states.setting", waits.setting)
    defaults = sum(row.default for row in waits.range)
    if defaults != 1:
        yield f"wait_states.range: default = true stands in {defaults or 'none'} of them, not in one"
    names = [row.name for row in waits.range]
    for index, row in enumerate(waits.range):
        if row.name in names[:index]:
            yield f"wait_states.range[{index}].name: {row.name!r} is there twice"
        if any(later <= earlier for earlier, later in zip(row.maximum_hz, row.maximum_hz[1:], strict=False)):
            yield f"wait_states.range[{index}].maximum_hz: does not rise from one wait state to the next"


def _external_clock(checked: MemoryFile) -> Iterator[str]:
    clock = checked.external_clock
    if clock is None:
        return
    if (clock.hz is None) == (clock.divider_by is None):
        yield "external_clock: give one of hz and divider_by"
    yield from _named(checked, "external_clock.divider_by", clock.divider_by)
    if clock.divider_by in checked.settings and checked.settings[clock.divider_by].usual == 0:
        yield f"settings.{clock.divider_by}.usual: a divider is not 0"


def _power_of_two(number: int) -> bool:
    return number > 0 and not number & number - 1


def _caches(checked: MemoryFile) -> Iterator[str]:
    names: set[str] = set()
    for index, cache in enumerate(checked.cache):
        where = f"cache[{index}]"
        if cache.name in names:
            yield f"{where}.name: {cache.name!r} is there twice"
        names.add(cache.name)
        yield from _named(checked, f"{where}.enabled_by", cache.enabled_by)
        choices = (cache.ways,) if isinstance(cache.ways, int) else cache.ways.ways
        if not isinstance(cache.ways, int):
            yield from _named(checked, f"{where}.ways.setting", cache.ways.setting)
            setting = checked.settings.get(cache.ways.setting)
            if setting is not None and len(choices) != 1 << setting.bits:
                yield f"{where}.ways.ways: {len(choices)} numbers for the {1 << setting.bits} values of {cache.ways.setting}"
        if not _power_of_two(cache.line_bytes):
            yield f"{where}.line_bytes: {cache.line_bytes} is no power of two"
            continue
        for ways in choices:
            if cache.size_bytes % (cache.line_bytes * ways) or not _power_of_two(cache.size_bytes // (cache.line_bytes * ways)):
                yield (
                    f"{where}: {cache.size_bytes} B are not a power of two of sets of {ways} lines of {cache.line_bytes} B "
                    f"({cache.size_bytes / (cache.line_bytes * ways):g} sets)"
                )


def _paths(checked: MemoryFile) -> Iterator[str]:
    caches = {cache.name: cache for cache in checked.cache}
    for index, path in enumerate(checked.path):
        where = f"path[{index}]"
        for key, name in (("cache", path.cache), ("cache_when_off", path.cache_when_off)):
            if name is not None and name not in caches:
                yield f"{where}.{key}: no cache named {name!r}{suggestion(name, caches)}"
        yield from _named(checked, f"{where}.prefetch_by", path.prefetch_by)
        yield from _path_contradictions(checked, where, path)
        if not _power_of_two(path.word_bytes):
            yield f"{where}.word_bytes: {path.word_bytes} is no power of two"
        elif path.cache in caches and caches[path.cache].line_bytes < path.word_bytes:
            yield f"{where}.word_bytes: more than a line of the cache"
        for address in path.views:
            if address % _RANGE_BYTES:
                yield f"{where}.views: {address:#010x} is no multiple of {_RANGE_BYTES}"


def _path_contradictions(checked: MemoryFile, where: str, path: PathTable) -> Iterator[str]:
    if len(set(path.access)) < len(path.access) or len(set(path.memories)) < len(path.memories):
        yield f"{where}: a kind of access or a memory is there twice"
    if path.cache is None and (path.cache_when_off is not None or path.prefetch or path.prefetch_by is not None):
        yield f"{where}: cache_when_off, prefetch and prefetch_by are for a path with a cache"
    if path.prefetch and path.prefetch_by is not None:
        yield f"{where}: prefetch says always, prefetch_by says by a setting; give one"
    if (path.further_word_cycles or path.further_word_wait_states) and (path.port is None or path.cache is None):
        yield f"{where}: further words of a line come through a port into a cache; name both"
    if (path.miss_wait_states or path.further_word_wait_states) and checked.wait_states is None:
        yield f"{where}: counts wait states, but there is no [wait_states]"
    if path.miss_external_clocks and checked.external_clock is None:
        yield f"{where}.miss_external_clocks: there is no [external_clock]"


def _unused(checked: MemoryFile) -> Iterator[str]:
    """Rows that nothing refers to: a slip in a name, mostly."""
    ports = [cache.ways.setting for cache in checked.cache if not isinstance(cache.ways, int)]
    used = {*ports, *(cache.enabled_by for cache in checked.cache), *(path.prefetch_by for path in checked.path)}
    if checked.wait_states is not None:
        used.add(checked.wait_states.setting)
    if checked.external_clock is not None:
        used.add(checked.external_clock.divider_by)
    yield from (f"settings.{name}: nothing uses it" for name in checked.settings if name not in used)
    registers = {setting.register_name for setting in checked.settings.values()}
    yield from (f"registers.{name}: no setting lies in it" for name in checked.registers if name not in registers)
    caches = {name for path in checked.path for name in (path.cache, path.cache_when_off)}
    yield from (f"cache[{index}]: no path goes through it" for index, cache in enumerate(checked.cache) if cache.name not in caches)


def _sourced(checked: MemoryFile) -> Iterator[tuple[str, str]]:
    rows: list[tuple[str, _Sourced | None]] = [(f"registers.{name}", row) for name, row in checked.registers.items()]
    rows += [(f"settings.{name}", row) for name, row in checked.settings.items()]
    if checked.wait_states is not None:
        rows += [(f"wait_states.range[{index}]", row) for index, row in enumerate(checked.wait_states.range)]
    rows += [(f"cache[{index}]", row) for index, row in enumerate(checked.cache)]
    rows += [(f"path[{index}]", row) for index, row in enumerate(checked.path)]
    rows += [
        ("external_clock", checked.external_clock),
        ("fetch_ahead", checked.fetch_ahead),
        ("fetch_lead", checked.fetch_lead),
        ("crossing", checked.crossing),
    ]
    yield from ((f"{where}.source", row.source) for where, row in rows if row is not None)
