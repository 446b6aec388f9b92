"""The form of ``[[device]]`` in a board file: windows of registers, and devices that are modelled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from instsim.cost.board import DeviceWindow
from instsim.cost.board_devices import DEVICE_MODELS, FLASH_FAMILIES, STM32_FAMILIES, BoardDevice

__all__ = ["DeviceTable", "board_devices", "device_problems", "device_windows"]

_ADDRESS_SPACE = 1 << 32
_Address = Annotated[int, Field(ge=0, lt=_ADDRESS_SPACE)]
_Word = _Address
_Line = Annotated[int, Field(ge=0, lt=1024)]
_Row = Annotated[tuple[_Word, ...], Field(min_length=2, max_length=5)]

_WINDOW_ONLY = ("mirror_of", "atomic_aliases")
_FOLLOW_LENGTHS = (4, 5)
_PAIR = 2
_SHOWN_CLOCKS = 8


class DeviceTable(BaseModel):
    """``[[device]]``: a window of addresses (no ``model``), or a device with a model in one of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(min_length=1)]
    address: _Address
    size_bytes: Annotated[int, Field(gt=0, le=_ADDRESS_SPACE)] | None = None
    mirror_of: _Address | None = None
    atomic_aliases: bool | None = None
    model: Annotated[str, Field(min_length=1)] | None = None
    irq: _Line | tuple[_Line, ...] = ()
    family: str | None = None
    clock: str | None = None
    bits: Annotated[int, Field(ge=1, le=64)] | None = None
    divider: Annotated[int, Field(ge=1)] | None = None
    value: _Word | None = None
    status: _Address | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    chip: int | None = None
    interrupt_offset: _Address | None = None
    follows: tuple[_Row, ...] | None = None
    ones: tuple[_Row, ...] | None = None
    zeros: tuple[_Row, ...] | None = None
    resets: tuple[_Row, ...] | None = None
    inputs: tuple[_Row, ...] | None = None
    holds: tuple[_Row, ...] | None = None
    sectors: tuple[_Row, ...] | None = None
    flash: _Address | None = None
    flash_bytes: Annotated[int, Field(gt=0, le=_ADDRESS_SPACE)] | None = None
    page_bytes: Annotated[int, Field(gt=0, le=1 << 20)] | None = None
    unit_bytes: Annotated[int, Field(gt=0, le=256)] | None = None
    program_us: Annotated[float, Field(ge=0, le=1e6)] | None = None
    erase_us: Annotated[float, Field(ge=0, le=1e8)] | None = None


_GENERAL = {"name", "address", "size_bytes", "model", "irq", *_WINDOW_ONLY}
_PARAMETERS = tuple(sorted(name for name in DeviceTable.model_fields if name not in _GENERAL))
_ROWS = {
    "follows": _FOLLOW_LENGTHS,
    "ones": (_PAIR,),
    "zeros": (_PAIR,),
    "resets": (_PAIR,),
    "inputs": (_PAIR,),
    "holds": (_PAIR,),
    "sectors": (_PAIR,),
}


def device_windows(tables: Sequence[DeviceTable]) -> tuple[DeviceWindow, ...]:
    """Return the windows among the entries, by address."""
    windows = (
        DeviceWindow(table.name, table.address, table.size_bytes or 0, table.mirror_of, bool(table.atomic_aliases))
        for table in tables
        if table.model is None
    )
    return tuple(sorted(windows, key=lambda window: window.address))


def board_devices(tables: Sequence[DeviceTable]) -> tuple[BoardDevice, ...]:
    """Return the modelled devices among the entries, by address."""
    devices = (
        BoardDevice(table.name, table.model, table.address, _size(table), _lines(table), _parameters(table))
        for table in tables
        if table.model is not None
    )
    return tuple(sorted(devices, key=lambda device: device.address))


def _size(table: DeviceTable) -> int:
    known = DEVICE_MODELS.get(table.model or "")
    return table.size_bytes or (known.size_bytes if known else 4)


def _lines(table: DeviceTable) -> tuple[int, ...]:
    return (table.irq,) if isinstance(table.irq, int) else table.irq


def _parameters(table: DeviceTable) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name in _PARAMETERS if (value := getattr(table, name)) is not None)


def device_problems(tables: Sequence[DeviceTable], interrupts: int | None = None) -> Iterator[str]:
    """Yield every error of the entries that no single field shows; `interrupts` is how many lines the chip has."""
    names: set[str] = set()
    for index, table in enumerate(tables):
        where = f"device[{index}]"
        if table.model is not None and table.name in names:
            yield f"{where}.name: {table.name!r} is there twice"
        names |= {table.name} if table.model is not None else set()
        yield from _window_problems(where, table) if table.model is None else _model_problems(where, table)
    yield from _place_problems(tables)
    modelled = {table.name: table.model for table in tables if table.model is not None}
    for index, table in enumerate(tables):
        yield from _clock_problems(f"device[{index}].clock", table.clock, modelled)
        beyond = [line for line in _lines(table) if interrupts is not None and line >= interrupts]
        if beyond:
            yield f"device[{index}].irq: {', '.join(map(str, beyond))}: the chip has {interrupts} interrupts (identity.interrupts), from 0 on"


def _clock_problems(where: str, clock: str | None, modelled: Mapping[str, str]) -> Iterator[str]:
    if clock is None:
        return
    source, _, name = clock.partition(".")
    if source not in modelled:
        yield f"{where}: no device named {source!r}{_near(source, modelled)}"
        return
    model = DEVICE_MODELS.get(modelled[source])
    if model is not None and not model.clocks:
        yield f"{where}: {source} ({modelled[source]}) makes no clocks"
    elif model is not None and name not in model.clocks:
        yield f"{where}: {source} ({modelled[source]}) makes no clock named {name!r} (it has {_listed(model.clocks)})"


def _window_problems(where: str, table: DeviceTable) -> Iterator[str]:
    if table.size_bytes is None:
        yield f"{where}.size_bytes: missing, and there is no model that has one"
    for name in (*_PARAMETERS, *(("irq",) if table.irq != () else ())):
        if name == "irq" or getattr(table, name) is not None:
            yield f"{where}.{name}: belongs to a model, and this device names none"


def _model_problems(where: str, table: DeviceTable) -> Iterator[str]:
    model = DEVICE_MODELS.get(table.model or "")
    if model is None:
        yield f"{where}.model: no device model named {table.model!r}{_near(table.model or '', DEVICE_MODELS)}"
        return
    for name in _WINDOW_ONLY:
        if getattr(table, name) is not None:
            yield f"{where}.{name}: belongs to a window, not to a device with a model"
    families = FLASH_FAMILIES if table.model == "stm32-flash" else STM32_FAMILIES
    for name, value in _parameters(table):
        if name not in model.parameters:
            known = ", ".join(sorted(model.parameters)) or "none"
            yield f"{where}.{name}: {table.model} has no such parameter (it has {known})"
        elif name in _ROWS and any(len(row) not in _ROWS[name] for row in value):
            yield f"{where}.{name}: rows of {' or '.join(map(str, _ROWS[name]))} numbers"
        elif name == "family" and value not in families:
            yield f"{where}.family: no family {value!r}; one of {', '.join(families)}"
    if "family" in model.parameters and table.family is None:
        yield f"{where}.family: missing; one of {', '.join(families)}"


def _place_problems(tables: Sequence[DeviceTable]) -> Iterator[str]:
    windows = [(table.address, table.address + (table.size_bytes or 0)) for table in tables if table.model is None]
    spans = sorted((table.address, table.address + _size(table), table.name) for table in tables if table.model is not None)
    for (start, stop, name), (other_start, other_stop, other) in itertools.pairwise(spans):
        if other_start < stop:
            yield f"device {other!r} ({other_start:#010x} .. {other_stop:#010x}) overlaps device {name!r} ({start:#010x} .. {stop:#010x})"
    for start, stop, name in spans:
        if not any(low <= start and stop <= high for low, high in windows):
            yield f"device {name!r} ({start:#010x} .. {stop:#010x}) lies in no device window"


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _SHOWN_CLOCKS else f"{names[0]} to {names[-1]}"
