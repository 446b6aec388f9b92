"""The form of a core's cost table: validated whole, all its errors told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError

from instsim.cost.charges import EventRule, Parameter, ParameterRule, Pipeline
from instsim.cost.exception_events import EXCEPTION_EVENTS
from instsim.cost.pipelines import load_pipeline, pipeline_names
from instsim.cost.schema_form import StrictTable, Text, form_problems, suggestion, unknown_sources
from instsim.cost.sources import load_sources
from instsim.dynamics.divider import DIVIDER_MODELS
from instsim.isa.classes import CLASSES, EXTENSIONS, fpu_extensions
from instsim.isa.instruction import Isa

__all__ = ["BASES", "EMULATED_CPUS", "LARGEST_COST_CYCLES", "SCHEMA_VERSION", "CoreFile", "problems_of"]

SCHEMA_VERSION = 1
"""Raised when a file that was valid would no longer be, or would mean something else."""

LARGEST_COST_CYCLES = 1000
"""No instruction or event of a microcontroller costs more."""

_LARGEST_SAVING_CYCLES = 4

Basis = Literal["documented", "measured", "derived", "fitted", "assumed"]
BASES: tuple[str, ...] = get_args(Basis)
"""What a figure may rest on."""

EmulatedCpu = Literal["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32"]
EMULATED_CPUS: tuple[str, ...] = get_args(EmulatedCpu)
"""What the emulator can run a core as."""

_Cycles = Annotated[float, Field(ge=0, le=LARGEST_COST_CYCLES, allow_inf_nan=False)]
_EventCycles = Annotated[float, Field(ge=-_LARGEST_SAVING_CYCLES, le=LARGEST_COST_CYCLES, allow_inf_nan=False)]


class _Sourced(StrictTable):
    basis: Basis
    source: Text
    note: str = ""


class ClassRow(_Sourced):
    """A row of ``[classes]``: issue cycles of an instruction class."""

    cycles: _Cycles
    per_register: _Cycles = 0.0


class EventRow(_Sourced):
    """A row of ``[events]``: cycles of one occurrence, negative for a saving."""

    cycles: _EventCycles


class ParameterRow(_Sourced):
    """A row of ``[parameters]``."""

    value: bool | int | str


class DividerRow(_Sourced):
    """``[divider]``: model of `instsim.dynamics.divider` and its parameters in cycles."""

    model: str
    parameters: dict[str, _Cycles] = Field(default_factory=dict)


class CoreFile(StrictTable):
    """A core's cost table."""

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Text
    isa: Literal["thumb", "rv32"]
    pipeline: str
    emulated_cpu: EmulatedCpu
    fpu: Literal["none", "single", "double"]
    extensions: list[str]
    notes: str = ""
    parameters: dict[str, ParameterRow] = Field(default_factory=dict)
    classes: dict[str, ClassRow]
    events: dict[str, EventRow] = Field(default_factory=dict)
    divider: DividerRow | None = None


def problems_of(document: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a table, one line each with its key path; empty for a valid one."""
    problems: list[str] = []
    try:
        CoreFile.model_validate(document)
    except ValidationError as error:
        problems.extend(form_problems(error, CoreFile))
    problems.extend(_meaning(document))
    return problems


def _meant(name: str, allowed: tuple[str, ...]) -> str:
    return suggestion(name, allowed, f"; allowed: {', '.join(allowed)}" if allowed else "; none is allowed here")


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key, {})
    return value if isinstance(value, dict) else {}


def _meaning(document: Mapping[str, Any]) -> Iterator[str]:
    """Errors against the closed lists: what the form alone does not know."""
    isa = Isa(document["isa"]) if document.get("isa") in set(Isa) else None
    if isa is not None:
        yield from _classes(document, isa)
    name = document.get("pipeline")
    if name in pipeline_names():
        pipeline = load_pipeline(name)
        if isa is not None and pipeline.isa is not isa:
            yield f"pipeline: {name} is a family of {pipeline.isa} cores, and isa is {isa}"
        yield from _events(document, pipeline)
        yield from _parameters(document, pipeline)
    elif isinstance(name, str):
        yield f"pipeline: unknown family {name!r}{_meant(name, pipeline_names())}"
    yield from _divider(document)
    yield from _sources(document)


def _classes(document: Mapping[str, Any], isa: Isa) -> Iterator[str]:
    rows = _table(document, "classes")
    extensions = document.get("extensions", ())
    listed = [name for name in extensions if isinstance(name, str)] if isinstance(extensions, list | tuple) else []
    brought = {"base", *(name for fpu in ("single", "double") for name in fpu_extensions(isa, fpu))}
    choosable = tuple(name for name in EXTENSIONS[isa] if name not in brought)
    for index, name in enumerate(listed):
        if name not in choosable:
            reason = "comes with the base or with fpu" if name in brought else f"unknown extension of {isa}"
            yield f"extensions[{index}]: {name!r}: {reason}{_meant(name, choosable)}"
    fpu = document.get("fpu")
    if isa is Isa.RV32 and fpu == "double":
        yield "fpu: double precision is not supported on rv32; allowed: none, single"
    present = {"base", *listed, *fpu_extensions(isa, str(fpu))}
    required = tuple(name for name, row in CLASSES[isa].items() if row.extension in present)
    for name in rows:
        if name not in CLASSES[isa]:
            yield f"classes.{name}: unknown class of {isa}{_meant(name, tuple(CLASSES[isa]))}"
        elif name not in required:
            yield f"classes.{name}: belongs to the extension {CLASSES[isa][name].extension!r}, which this core does not list"
    for name in required:
        if name not in rows:
            yield f"classes.{name}: missing ({CLASSES[isa][name].description})"
    if "divide" in required and "divider" not in document:
        yield "divider: missing, but the core divides"


def _events(document: Mapping[str, Any], pipeline: Pipeline) -> Iterator[str]:
    rows = _table(document, "events")
    rules = {rule.name: rule for rule in pipeline.events}
    for name, row in rows.items():
        rule = rules.get(name)
        if rule is None and name in EXCEPTION_EVENTS:
            rule = EventRule(name, EXCEPTION_EVENTS[name][1])
        if rule is None:
            yield f"events.{name}: unknown event of {pipeline.name}{_meant(name, tuple(rules))}"
            continue
        cycles = row.get("cycles") if isinstance(row, dict) else None
        if isinstance(cycles, int | float):
            if rule.saving and cycles > 0:
                yield f"events.{name}.cycles: a saving is negative or zero, not {cycles}"
            elif not rule.saving and cycles < 0:
                yield f"events.{name}.cycles: a cost is not negative, but {cycles} is"
    for name, rule in rules.items():
        if name not in rows:
            yield f"events.{name}: missing ({rule.description})"


def _parameters(document: Mapping[str, Any], pipeline: Pipeline) -> Iterator[str]:
    rows = _table(document, "parameters")
    rules = {rule.name: rule for rule in pipeline.parameters}
    for name, row in rows.items():
        rule = rules.get(name)
        if rule is None:
            yield f"parameters.{name}: unknown parameter of {pipeline.name}{_meant(name, tuple(rules))}"
        elif isinstance(row, dict) and "value" in row and not _fits(row["value"], rule):
            yield f"parameters.{name}.value: {row['value']!r} is not allowed; {_allowed(rule)}"
    for name, rule in rules.items():
        if name not in rows:
            yield f"parameters.{name}: missing ({rule.description}; {_allowed(rule)})"


def _fits(value: Parameter, rule: ParameterRule) -> bool:
    if rule.choices:
        return value in rule.choices
    if rule.maximum == 0:
        return isinstance(value, bool)
    return isinstance(value, int) and not isinstance(value, bool) and rule.minimum <= value <= rule.maximum


def _allowed(rule: ParameterRule) -> str:
    if rule.choices:
        return f"allowed: {', '.join(rule.choices)}"
    return "allowed: true, false" if rule.maximum == 0 else f"allowed: {rule.minimum} to {rule.maximum}"


def _divider(document: Mapping[str, Any]) -> Iterator[str]:
    row = document.get("divider")
    if not isinstance(row, dict) or not isinstance(row.get("model"), str):
        return
    expected = DIVIDER_MODELS.get(row["model"])
    if expected is None:
        yield f"divider.model: unknown model {row['model']!r}{_meant(row['model'], tuple(DIVIDER_MODELS))}"
        return
    given = _table(row, "parameters")
    for name in given:
        if name not in expected:
            yield f"divider.parameters.{name}: unknown parameter of {row['model']}{_meant(name, expected)}"
    for name in expected:
        if name not in given:
            yield f"divider.parameters.{name}: missing"


def _sources(document: Mapping[str, Any]) -> Iterator[str]:
    rows = [(f"{section}.{name}", row) for section in ("parameters", "classes", "events") for name, row in _table(document, section).items()]
    rows.append(("divider", document.get("divider")))
    yield from unknown_sources(((f"{where}.source", row.get("source")) for where, row in rows if isinstance(row, dict)), load_sources().keys())
