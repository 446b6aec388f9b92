"""A core's cost table as a value: what every instruction class and pipeline event costs, and where each figure comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from instsim.cost.charges import Parameter
from instsim.cost.table_reading import TableKind, read_table, table_names, table_path, validate_once
from instsim.isa.classes import fpu_extensions
from instsim.isa.instruction import Isa

__all__ = ["CoreParameter", "CoreTable", "Cost", "Divider", "core_names", "list_cores", "load_core"]

_KIND = TableKind("core table", "`instsim cores` lists the cores that come with instsim", "`instsim tables show` prints a table that is valid")


@dataclass(frozen=True, slots=True)
class Cost:
    """A row of a table.

    Attributes
    ----------
    cycles : float
        Issue cycles of an instruction of the class, or cycles of one occurrence of the event (negative for a saving).
    basis : {'documented', 'measured', 'derived', 'fitted', 'assumed'}
        What the figure rests on.
    source : str
        Key of ``sources.toml`` plus a locator.
    note : str
        Conditions and reasons.
    per_register : float
        Further cycles for each word that a load or store of several registers moves.
    """

    cycles: float
    basis: str
    source: str
    note: str = ""
    per_register: float = 0.0


@dataclass(frozen=True, slots=True)
class CoreParameter:
    """A parameter of the pipeline model, with its value for this core."""

    value: Parameter
    basis: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Divider:
    """The core's divider: a model of `instsim.dynamics.divider` and the model's parameters in cycles."""

    model: str
    basis: str
    source: str
    parameters: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True)
class CoreTable:
    """A core.

    Attributes
    ----------
    name, title : str
        Key and readable name.
    isa : Isa
        Instruction set.
    pipeline : str
        Family of its timing model, a module of `instsim.cost.pipelines`.
    emulated_cpu : str
        What the emulator runs it as.
    fpu : {'none', 'single', 'double'}
        Precision of its floating-point unit.
    extensions : frozenset of str
        Extensions of the instruction set it implements, those of the FPU included; keys of `instsim.isa.classes.EXTENSIONS`.
    parameters : mapping of str to CoreParameter
        Parameters of the pipeline model.
    classes : mapping of str to Cost
        Issue cycles by instruction class.
    events : mapping of str to Cost
        Cycles by event of the pipeline model.
    divider : Divider or None
        Operand-dependent divide times; None for a core without a divide instruction.
    notes : str
        What a user should know about the table as a whole.
    digest : str
        SHA-256 of the file.
    path : Path
        The file.
    """

    name: str
    title: str
    isa: Isa
    pipeline: str
    emulated_cpu: str
    fpu: str
    extensions: frozenset[str]
    parameters: Mapping[str, CoreParameter]
    classes: Mapping[str, Cost]
    events: Mapping[str, Cost]
    divider: Divider | None
    notes: str
    digest: str
    path: Path

    @property
    def parameter_values(self) -> dict[str, Parameter]:
        """Values of the parameters, as the pipeline model takes them."""
        return {name: parameter.value for name, parameter in self.parameters.items()}


def core_names() -> tuple[str, ...]:
    """Return the names of the cores that come with instsim, sorted."""
    return table_names("cores")


def list_cores() -> tuple[CoreTable, ...]:
    """Load all cores that come with instsim, by name."""
    return tuple(load_core(name) for name in core_names())


def load_core(name_or_path: str | Path) -> CoreTable:
    """Load a core's cost table.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a core that comes with instsim, or a path that ends in ``.toml``.

    Returns
    -------
    CoreTable
        Its contents, validated.

    Raises
    ------
    UsageError
        If there is no core of that name.
    TableError
        If the file cannot be read or is not valid; ``details`` lists every error with its key path.
    """
    path = table_path(name_or_path, "cores", "core")
    file = read_table(path, _KIND)
    validate_once(file, _KIND, ("cost", "isa", "dynamics"), _problems_of)
    return _table(file.document, path, file.digest)


def _problems_of(document: Mapping[str, Any]) -> list[str]:
    from instsim.cost.core_schema import problems_of  # noqa: PLC0415 -- loads pydantic

    return problems_of(document)


def _table(document: dict[str, Any], path: Path, digest: str) -> CoreTable:
    isa = Isa(document["isa"])
    divider = document.get("divider")
    return CoreTable(
        name=document["name"],
        title=document["title"],
        isa=isa,
        pipeline=document["pipeline"],
        emulated_cpu=document["emulated_cpu"],
        fpu=document["fpu"],
        extensions=frozenset({"base", *document["extensions"], *fpu_extensions(isa, document["fpu"])}),
        parameters=MappingProxyType({name: CoreParameter(**row) for name, row in document.get("parameters", {}).items()}),
        classes=MappingProxyType({name: Cost(**row) for name, row in document["classes"].items()}),
        events=MappingProxyType({name: Cost(**row) for name, row in document.get("events", {}).items()}),
        divider=None if divider is None else Divider(**{"parameters": {}, **divider}),
        notes=document.get("notes", ""),
        digest=digest,
        path=path,
    )
