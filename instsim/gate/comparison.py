"""Two estimates side by side, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from instsim.profile.block_profile import TensorShape

__all__ = ["Change", "Comparison", "NamedChange", "OperatorChange", "QuantityChange", "Side"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two estimates.

    Attributes
    ----------
    firmware, sha256 : str
        Name and digest of the image.
    board, core : str
        What it is priced for.
    core_digest, board_digest : str
        SHA-256 of the core table and the board file.
    clock_hz, supply_v : float
        Operating point.
    memory : str
        Memory model, in words.
    calibration : str
        Name and digest, empty when nominal.
    instsim_version : str
        Version of the tool that made it.
    region : str
        What was measured.
    """

    firmware: str
    sha256: str
    board: str
    core: str
    core_digest: str
    board_digest: str
    clock_hz: float
    supply_v: float
    memory: str
    calibration: str
    instsim_version: str
    region: str


@dataclass(frozen=True, slots=True)
class Change:
    """A quantity before and after.

    Attributes
    ----------
    before, after : float or None
        None where there is nothing, or it is unknown.
    difference : float or None
        After less before; what is new or gone counts whole; None where a side is unknown.
    relative : float or None
        Difference over before; None where before is nothing.
    """

    before: float | None
    after: float | None
    difference: float | None
    relative: float | None

    @classmethod
    def between(cls, before: float | None, after: float | None) -> Change:
        """Return the change of a quantity that may be unknown on a side."""
        if before is None or after is None:
            return cls(before, after, None, None)
        return cls(before, after, after - before, (after - before) / before if before else None)

    @classmethod
    def of_rows(cls, before: float | None, after: float | None) -> Change:
        """Return the change of a row's quantity, where None means that there is no such row."""
        difference = (after or 0) - (before or 0)
        return cls(before, after, difference, difference / before if before else None)


@dataclass(frozen=True, slots=True)
class QuantityChange:
    """A quantity of the whole region or image before and after.

    Attributes
    ----------
    name : str
        ``cycles``, ``latency``, ``energy``, ``flash`` ...
    unit : str
        ``s``, ``J``, ``B``; empty for counts.
    change : Change
        In that unit.
    is_exact : bool
        Whether the difference is exact under the model: both sides rest on the same tables and the same operating point.
    low, high : float or None
        Interval of the difference, of what the pair does not share; None where nothing supports one or nothing is left to doubt.
    level : float
        Coverage of the interval.
    source : str
        What the interval rests on, in words.
    """

    name: str
    unit: str
    change: Change
    is_exact: bool
    low: float | None = None
    high: float | None = None
    level: float = 0.9
    source: str = ""


@dataclass(frozen=True, slots=True)
class OperatorChange:
    """An operator of the model before and after.

    Attributes
    ----------
    name : str
        Kind.
    status : {'same', 'changed', 'new', 'gone', 'moved'}
        ``moved``: the same kind and shapes at another place of the model, at the same cost or another.
    place_before, place_after : str
        ``model.subgraph.index``; empty where there is none.
    inputs, outputs : tuple
        Shapes after, before if it is gone.
    cycles, instructions, energy_j : Change
        Exclusive. Energy is a share of the region's, in proportion to cycles.
    """

    name: str
    status: str
    place_before: str
    place_after: str
    inputs: tuple[TensorShape | None, ...]
    outputs: tuple[TensorShape, ...]
    cycles: Change
    instructions: Change
    energy_j: Change


@dataclass(frozen=True, slots=True)
class NamedChange:
    """A function, an instruction class, an event or a symbol before and after.

    Attributes
    ----------
    name : str
        Its name.
    status : {'same', 'changed', 'new', 'gone', 'moved'}
        ``moved``: a function that costs what it did, at another address.
    kind : str
        Of a symbol: ``function`` or ``object``; of an event: the basis of its weight; else empty.
    change : Change
        Cycles; of a symbol bytes.
    instructions : Change or None
        Instructions issued, occurrences of an event; None for a symbol.
    """

    name: str
    status: str
    kind: str
    change: Change
    instructions: Change | None = None


@dataclass(frozen=True)
class Comparison:
    """What changed from one estimate to another.

    Attributes
    ----------
    before, after : Side
        What is compared.
    is_exact : bool
        Whether both sides share tables, board, operating point, calibration and tool, so that a difference of cycles is exact under the model.
    not_shared : tuple of str
        What they do not share, one sentence each.
    quantities : tuple of QuantityChange
        Cycles, instructions, latency, energy, flash, RAM, stack, arena.
    operators : tuple of OperatorChange
        By size of the change of cycles, descending.
    functions, classes, events : tuple of NamedChange
        Likewise; they sum to the change of the region.
    symbols : tuple of NamedChange
        By size of the change in bytes, descending.
    notes : tuple of str
        What a reader should know.
    """

    before: Side
    after: Side
    is_exact: bool
    not_shared: tuple[str, ...]
    quantities: tuple[QuantityChange, ...]
    operators: tuple[OperatorChange, ...]
    functions: tuple[NamedChange, ...]
    symbols: tuple[NamedChange, ...]
    classes: tuple[NamedChange, ...]
    events: tuple[NamedChange, ...]
    notes: tuple[str, ...] = ()

    def quantity(self, name: str) -> QuantityChange:
        """Return the change of one quantity by its name."""
        return next(quantity for quantity in self.quantities if quantity.name == name)
