"""The form of a board file: read, validated whole, all its errors told at once."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import tomllib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from instsim.cost.board import Board, Boot, Clock, EnergyPrior, MemoryRegion, Supply, WaitStates
from instsim.cost.device_schema import DeviceTable, board_devices, device_problems, device_windows
from instsim.cost.sources import source_key
from instsim.errors import TableError

__all__ = ["SCHEMA_VERSION", "BoardFile", "read_board"]

SCHEMA_VERSION = 1
"""Raised when a file that was valid would no longer be, or would mean something else."""

_LARGEST_FILE = 1 << 20
_ADDRESS_SPACE = 1 << 32

_Basis = Literal["documented", "measured", "derived", "assumed"]
_Text = Annotated[str, Field(min_length=1)]
_Address = Annotated[int, Field(ge=0, lt=_ADDRESS_SPACE)]
_Size = Annotated[int, Field(gt=0, le=_ADDRESS_SPACE)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Sourced(_Table):
    basis: _Basis
    source: _Text


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


class BootTable(_Table):
    """``[boot]``."""

    kind: Literal["vector-table", "elf-entry"]
    vector_tables: tuple[_Address, ...] = ()


class WaitStatesTable(_Sourced):
    """``wait_states`` of a memory."""

    count: Annotated[int, Field(ge=0, le=1000)]
    clock_hz: _Positive


class MemoryTable(_Sourced):
    """``[[memory]]``: addresses and bytes."""

    name: _Text
    kind: Literal["flash", "ram", "rom", "tcm", "device", "external-flash", "external-ram"]
    address: _Address
    size_bytes: _Size
    aliases: tuple[_Address, ...] = ()
    executable: bool = True
    wait_states: WaitStatesTable | None = None


class EnergyTable(_Sourced):
    """``[[energy]]``: joules, hertz, volts."""

    joules_per_cycle: _Positive
    clock_hz: _Positive
    supply_v: _NotNegative
    ln_sd: _Positive
    derivation: _Text


class IdentityTable(_Table):
    """``[identity]``: what an image for this board may carry."""

    strings: tuple[_Text, ...] = ()
    registers: tuple[_Address, ...] = ()
    uf2_families: tuple[_Text, ...] = ()


class SourceTable(_Table):
    """``[sources.<key>]``: bibliography of the board file itself."""

    title: _Text
    url: str = ""
    kind: str = ""


class BoardFile(_Table):
    """A whole board file."""

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    title: _Text
    soc: _Text
    core: _Text
    fpu: Literal["none", "fpv4-sp", "fpv5-sp", "fpv5-dp"] = "none"
    riscv_isa: Annotated[str, Field(pattern=r"^(rv32[a-z0-9_]+)?$")] = ""
    generic: bool = False
    notes: str = ""
    clock: ClockTable
    supply: SupplyTable
    boot: BootTable
    memory: Annotated[tuple[MemoryTable, ...], Field(min_length=1)]
    device: tuple[DeviceTable, ...] = ()
    energy: Annotated[tuple[EnergyTable, ...], Field(min_length=1)]
    identity: IdentityTable = IdentityTable()
    sources: dict[str, SourceTable] = {}


def read_board(path: Path, sources: AbstractSet[str], cores: AbstractSet[str] | None = None) -> Board:
    """Read and validate one board file.

    Parameters
    ----------
    path : Path
        A TOML file.
    sources : set of str
        Keys that a ``source`` may start with, beside those of the file itself.
    cores : set of str, optional
        Names that ``core`` may have, beside paths of core tables; None to leave it unchecked.

    Returns
    -------
    Board
        Its contents.

    Raises
    ------
    TableError
        If the file cannot be read or is not valid; ``details`` lists every error with its key path.
    """
    contents = _read(path)
    try:
        document = tomllib.loads(contents.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise TableError(f"board file {path}: not UTF-8 text (byte {error.start})", hint="board files are TOML text") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TableError(f"board file {path}: {error}", hint="compare with a board file that comes with instsim") from error
    problems: list[str] = []
    checked: BoardFile | None = None
    try:
        # The TOML parser yields lists where the frozen model wants tuples, which strict mode would refuse.
        checked = BoardFile.model_validate(_tuples(document))
    except ValidationError as error:
        problems.extend(_problems(error))
    if checked is not None:
        problems.extend(_contradictions(checked))
        problems.extend(_unknown_sources(checked, sources))
        if cores is not None and checked.core not in cores and not checked.core.endswith(".toml"):
            near = get_close_matches(checked.core, cores, n=1, cutoff=0.6)
            problems.append(f"core: no core table named {checked.core!r}{f'; did you mean {near[0]}?' if near else ''}")
    if checked is None or problems:
        count = f"{len(problems)} error{'s' if len(problems) != 1 else ''}"
        raise TableError(f"board file {path} is not valid: {count}", hint="the fields are described in docs/boards.md", details=tuple(problems))
    return _board(checked, path, hashlib.sha256(contents).hexdigest())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            contents = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise TableError(f"board file {path}: {error.strerror or error}", hint="`instsim boards` lists the boards that come with instsim") from error
    if len(contents) > _LARGEST_FILE:
        raise TableError(f"board file {path}: larger than {_LARGEST_FILE:,} bytes", hint="is this the right file?")
    return contents


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _key_path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "file"


def _table_at(location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Model of the table that holds the last key of a location."""
    model: type[BaseModel] = BoardFile
    for part in location[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            found = _model_in(model.model_fields[part].annotation)
            if found is None:
                return None
            model = found
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        location = problem["loc"]
        where = _key_path(location)
        if problem["type"] == "extra_forbidden":
            table = _table_at(location)
            near = get_close_matches(str(location[-1]), table.model_fields, n=1, cutoff=0.6) if table is not None else []
            yield f"{where}: unknown key{f'; did you mean {near[0]}?' if near else ''}"
        elif problem["type"] == "missing":
            yield f"{where}: missing"
        else:
            message = problem["msg"]
            yield f"{where}: {message[0].lower()}{message[1:]}, not {problem['input']!r:.80}"


def _sourced(board: BoardFile) -> Iterator[tuple[str, str]]:
    yield "clock.source", board.clock.source
    yield "supply.source", board.supply.source
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
    yield from device_problems(board.device)


def _unknown_sources(board: BoardFile, sources: AbstractSet[str]) -> Iterator[str]:
    known = sources | set(board.sources)
    for where, source in _sourced(board):
        key = source_key(source)
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0.6)
            suggestion = f"; did you mean {near[0]}?" if near else "; add [sources.<key>] to the file"
            yield f"{where}: no source named {key!r}{suggestion}"


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
        boot=Boot(**dict(checked.boot)),
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
    )
