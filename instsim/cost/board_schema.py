"""The form of a board file: read, validated whole, all its errors told at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from instsim.cost.board import Board, Boot, Clock, DirectBoot, EnergyPrior, MemoryRegion, Supply, WaitStates
from instsim.cost.device_schema import DeviceTable, board_devices, device_problems, device_windows
from instsim.cost.schema_form import StrictTable, Text, form_problems, suggestion, unknown_sources, with_tuples
from instsim.cost.table_reading import TableKind, read_table, refuse

__all__ = ["SCHEMA_VERSION", "BoardFile", "read_board"]

SCHEMA_VERSION = 1
"""Raised when a file that was valid would no longer be, or would mean something else."""

_KIND = TableKind("board file", "`instsim boards` lists the boards that come with instsim", "the fields are described in docs/boards.md")
_ADDRESS_SPACE = 1 << 32

_Basis = Literal["documented", "measured", "derived", "assumed"]
_Address = Annotated[int, Field(ge=0, lt=_ADDRESS_SPACE)]
_Size = Annotated[int, Field(gt=0, le=_ADDRESS_SPACE)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Sourced(StrictTable):
    basis: _Basis
    source: Text


class ClockTable(_Sourced):
    """``[clock]``: hertz."""

    default_hz: _Positive
    minimum_hz: _Positive
    maximum_hz: _Positive


class SupplyTable(_Sourced):
    """``[supply]``: volts."""

    voltage_v: _NotNegative
    minimum_v: _NotNegative
    maximum_v: _NotNegative
    regulator: Literal["ldo", "switched", "unknown"]


class DirectBootTable(_Sourced):
    """``[boot.direct]``: images that the boot ROM runs by itself."""

    address: _Address
    words: Annotated[tuple[_Address, ...], Field(min_length=1, max_length=16)]
    memory_system: Text


class BootTable(StrictTable):
    """``[boot]``."""

    kind: Literal["vector-table", "elf-entry"]
    vector_tables: tuple[_Address, ...] = ()
    stack_pointer: _Address | None = None
    direct: DirectBootTable | None = None


class WaitStatesTable(_Sourced):
    """``wait_states`` of a memory."""

    count: Annotated[int, Field(ge=0, le=1000)]
    clock_hz: _Positive


class MemoryTable(_Sourced):
    """``[[memory]]``: addresses and bytes."""

    name: Text
    kind: Literal["flash", "ram", "rom", "tcm", "device", "external-flash", "external-ram"]
    address: _Address
    size_bytes: _Size
    aliases: tuple[_Address, ...] = ()
    executable: bool = True
    ignores_stores: bool = False
    wait_states: WaitStatesTable | None = None
    contents: Literal["", "rp2040-rom", "rp2350-rom", "esp32c3-rom"] = ""


class EnergyTable(_Sourced):
    """``[[energy]]``: joules, hertz, volts."""

    joules_per_cycle: _Positive
    clock_hz: _Positive
    supply_v: _NotNegative
    ln_sd: _Positive
    derivation: Text


class IdentityTable(StrictTable):
    """``[identity]``: what an image for this board may carry."""

    strings: tuple[Text, ...] = ()
    registers: tuple[_Address, ...] = ()
    uf2_families: tuple[Text, ...] = ()
    interrupts: Annotated[int, Field(gt=0, le=496)] | None = None


class SourceTable(StrictTable):
    """``[sources.<key>]``: bibliography of the board file itself."""

    title: Text
    url: str = ""
    kind: str = ""


class BoardFile(StrictTable):
    """A whole board file."""

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    title: Text
    soc: Text
    core: Text
    fpu: Literal["none", "fpv4-sp", "fpv5-sp", "fpv5-dp"] = "none"
    riscv_isa: Annotated[str, Field(pattern=r"^(rv32[a-z0-9_]+)?$")] = ""
    memory_system: str = ""
    generic: bool = False
    priority_bits: Annotated[int, Field(ge=2, le=8)] | None = None
    notes: str = ""
    clock: ClockTable
    supply: SupplyTable
    boot: BootTable
    memory: Annotated[tuple[MemoryTable, ...], Field(min_length=1)]
    device: tuple[DeviceTable, ...] = ()
    energy: Annotated[tuple[EnergyTable, ...], Field(min_length=1)]
    identity: IdentityTable = IdentityTable()
    sources: dict[str, SourceTable] = Field(default_factory=dict)


def read_board(path: Path, sources: AbstractSet[str], cores: AbstractSet[str] | None = None, memories: AbstractSet[str] | None = None) -> Board:
    """Read and validate one board file.

    Parameters
    ----------
    path : Path
        A TOML file.
    sources : set of str
        Keys that a ``source`` may start with, beside those of the file itself.
    cores : set of str, optional
        Names that ``core`` may have, beside paths of core tables; None to leave it unchecked.
    memories : set of str, optional
        Names that ``memory_system`` may have, beside paths; None to leave it unchecked.

    Returns
    -------
    Board
        Its contents.

    Raises
    ------
    TableError
        If the file cannot be read or is not valid; ``details`` lists every error with its key path.
    """
    file = read_table(path, _KIND)
    problems: list[str] = []
    checked: BoardFile | None = None
    try:
        checked = BoardFile.model_validate(with_tuples(file.document))
    except ValidationError as error:
        problems.extend(form_problems(error, BoardFile))
    if checked is not None:
        problems.extend(_contradictions(checked))
        problems.extend(unknown_sources(_sourced(checked), sources | set(checked.sources), "; add [sources.<key>] to the file"))
        if cores is not None and checked.core not in cores and not checked.core.endswith(".toml"):
            problems.append(f"core: no core table named {checked.core!r}{suggestion(checked.core, cores)}")
        direct = checked.boot.direct
        systems = (("memory_system", checked.memory_system), ("boot.direct.memory_system", "" if direct is None else direct.memory_system))
        for key, system in systems:
            if memories is not None and system and system not in memories and not system.endswith(".toml"):
                problems.append(f"{key}: no memory system named {system!r}{suggestion(system, memories)}")
    if checked is None or problems:
        raise refuse(path, _KIND, problems)
    return _board(checked, path, file.digest)


def _sourced(board: BoardFile) -> Iterator[tuple[str, str]]:
    yield "clock.source", board.clock.source
    yield "supply.source", board.supply.source
    if board.boot.direct is not None:
        yield "boot.direct.source", board.boot.direct.source
    for index, memory in enumerate(board.memory):
        yield f"memory[{index}].source", memory.source
        if memory.wait_states is not None:
            yield f"memory[{index}].wait_states.source", memory.wait_states.source
    for index, energy in enumerate(board.energy):
        yield f"energy[{index}].source", energy.source


def _contradictions(board: BoardFile) -> Iterator[str]:
    """Errors that no single field shows."""
    clock, supply = board.clock, board.supply
    if not clock.minimum_hz <= clock.default_hz <= clock.maximum_hz:
        yield "clock.default_hz: outside minimum_hz .. maximum_hz"
    if not supply.minimum_v <= supply.voltage_v <= supply.maximum_v:
        yield "supply.voltage_v: outside minimum_v .. maximum_v"
    if board.riscv_isa and board.fpu != "none":
        yield "fpu: names units of Arm cores; a RISC-V core says so in riscv_isa"
    if board.boot.kind == "vector-table" and not board.boot.vector_tables:
        yield "boot.vector_tables: missing, but boot.kind is 'vector-table'"
    if board.boot.kind == "elf-entry" and board.boot.vector_tables:
        yield "boot.vector_tables: given, but boot.kind is 'elf-entry'"
    yield from _overlaps(board)
    yield from device_problems(board.device, board.identity.interrupts)


def _overlaps(board: BoardFile) -> Iterator[str]:
    names: set[str] = set()
    for index, memory in enumerate(board.memory):
        if memory.name in names:
            yield f"memory[{index}].name: {memory.name!r} is there twice"
        names.add(memory.name)
    memories = [(start, start + memory.size_bytes, memory.name) for memory in board.memory for start in (memory.address, *memory.aliases)]
    windows = (device for device in board.device if device.model is None)
    devices = [(device.address, device.address + (device.size_bytes or 0), f"device {device.name!r}") for device in windows]
    for start, stop, name in memories + devices:
        if stop > _ADDRESS_SPACE:
            yield f"{name}: ends beyond the 32-bit address space ({start:#x} .. {stop:#x})"
    for ranges in (memories, devices):
        for (start, stop, name), (other_start, other_stop, other) in itertools.pairwise(sorted(ranges)):
            if other_start < stop:
                yield f"{other} ({other_start:#010x} .. {other_stop:#010x}) overlaps {name} ({start:#010x} .. {stop:#010x})"
    # A memory may lie inside a device window (backup SRAM among the peripherals), but not across its border.
    for (start, stop, name), (window_start, window_stop, window) in itertools.product(memories, devices):
        overlap = max(start, window_start) < min(stop, window_stop)
        if overlap and not (window_start <= start and stop <= window_stop):
            yield f"{name} ({start:#010x} .. {stop:#010x}) crosses the border of {window} ({window_start:#010x} .. {window_stop:#010x})"
    for index, address in enumerate(board.boot.vector_tables):
        if not any(start <= address < stop for start, stop, _ in memories):
            yield f"boot.vector_tables[{index}]: {address:#010x} lies in no memory"


def _boot(checked: BootTable) -> Boot:
    direct = None if checked.direct is None else DirectBoot(**dict(checked.direct))
    return Boot(checked.kind, checked.vector_tables, checked.stack_pointer, direct)


def _board(checked: BoardFile, path: Path, digest: str) -> Board:
    memories = (
        MemoryRegion(**{**dict(memory), "wait_states": WaitStates(**dict(memory.wait_states)) if memory.wait_states else None})
        for memory in checked.memory
    )
    return Board(
        schema_version=checked.schema_version,
        name=checked.name,
        title=checked.title,
        soc=checked.soc,
        core=checked.core,
        fpu=checked.fpu,
        riscv_isa=checked.riscv_isa,
        clock=Clock(**dict(checked.clock)),
        supply=Supply(**dict(checked.supply)),
        boot=_boot(checked.boot),
        memories=tuple(sorted(memories, key=lambda region: region.address)),
        devices=device_windows(checked.device),
        # A derivation is a sentence; the file breaks it into lines to be readable.
        energy=tuple(EnergyPrior(**{**dict(energy), "derivation": " ".join(energy.derivation.split())}) for energy in checked.energy),
        generic=checked.generic,
        strings=checked.identity.strings,
        registers=checked.identity.registers,
        uf2_families=checked.identity.uf2_families,
        notes=checked.notes,
        path=str(path),
        digest=digest,
        models=board_devices(checked.device),
        memory_system=checked.memory_system,
        priority_bits=checked.priority_bits,
        interrupts=checked.identity.interrupts,
    )
