"""The answer: what one region of a firmware costs on one board."""

from __future__ import annotations

from dataclasses import dataclass

from instsim.profile.block_profile import FirmwareFacts, RunFacts, TensorShape

__all__ = [
    "BoardChoice",
    "Estimate",
    "EstimatedCall",
    "EstimatedClass",
    "EstimatedEvent",
    "EstimatedFunction",
    "EstimatedMemory",
    "EstimatedOperator",
    "EstimatedPath",
    "Figure",
    "Provenance",
]


@dataclass(frozen=True, slots=True)
class Figure:
    """A predicted quantity and how far it can be trusted.

    Attributes
    ----------
    value : float
        The prediction.
    unit : str
        ``s``, ``J``, ``W``.
    basis : {'nominal', 'calibrated'}
        From tables and priors alone, or from a calibration of the board.
    low, high : float or None
        Prediction interval; None where nothing supports one.
    level : float
        Nominal coverage of the interval.
    source : str
        What the figure rests on, in words.
    """

    value: float
    unit: str
    basis: str
    low: float | None = None
    high: float | None = None
    level: float = 0.9
    source: str = ""


@dataclass(frozen=True, slots=True)
class BoardChoice:
    """Which board the answer is for and who chose it.

    Attributes
    ----------
    name, title : str
        Key of the board and its readable name.
    chosen_by : {'option', 'settings', 'guess', 'profile', 'sample'}
        Who settled it.
    reasons : tuple of str
        What a guess rests on.
    candidates : tuple of str
        Other boards that the image would fit, best first.
    doubts : tuple of str
        What in the image speaks of another chip than a guessed board has.
    """

    name: str
    title: str
    chosen_by: str
    reasons: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EstimatedOperator:
    """One operator, or the dispatch between operators.

    Attributes
    ----------
    name : str
        ``CONV_2D``; ``(dispatch)`` for the region's cycles outside all kernels.
    model, subgraph, index : int
        Place in the model; -1 for the dispatch row.
    executions : int
        How often it ran in the region.
    inputs, outputs : tuple
        Shapes and types.
    macs : int
        Of all executions.
    elements : int
        Output elements of all executions.
    cycles, instructions : float, int
        Exclusive: without operators it called. Rows sum to the region.
    inclusive_cycles : float
        With the operators it called.
    share : float
        Of the region's cycles.
    cycles_per_mac : float or None
        None without MACs.
    latency_s, energy_j : float
        Energy is the region's energy in proportion to cycles.
    kernel : str
        Name of the function that ran it, or its address.
    parent : int
        Index, among the operators, of the one that called it (control flow operators), or -1.
    stall_cycles : float
        Those of `cycles` that were spent waiting for memory; 0 where memory is taken as ideal.
    """

    name: str
    model: int
    subgraph: int
    index: int
    executions: int
    inputs: tuple[TensorShape | None, ...]
    outputs: tuple[TensorShape, ...]
    macs: int
    elements: int
    cycles: float
    instructions: int
    inclusive_cycles: float
    share: float
    cycles_per_mac: float | None
    latency_s: float
    energy_j: float
    kernel: str
    parent: int = -1
    stall_cycles: float = 0.0


@dataclass(frozen=True, slots=True)
class EstimatedFunction:
    """Exclusive cost of one function; `stall_cycles` of its cycles were spent waiting for memory."""

    name: str
    address: int
    cycles: float
    instructions: int
    share: float
    stall_cycles: float = 0.0


@dataclass(frozen=True, slots=True)
class EstimatedCall:
    """One function as one chain of calls reached it: a node of the call tree.

    Attributes
    ----------
    name : str
        Of the function.
    address : int
        Its entry.
    parent : int
        Place in the list of the node that called it, always an earlier one; -1 for a root (the region, a thread, an interrupt handler).
    calls : int
        How often it was called in the region; 0 where it was open already.
    cycles, inclusive_cycles : float
        Without and with what it called. A function that calls itself stays in one node.
    """

    name: str
    address: int
    parent: int
    calls: int
    cycles: float
    inclusive_cycles: float


@dataclass(frozen=True, slots=True)
class EstimatedClass:
    """Issued instructions of one class, and the cycles charged to them (stalls and refills included)."""

    name: str
    instructions: int
    cycles: float
    share: float


@dataclass(frozen=True, slots=True)
class EstimatedEvent:
    """Cycles of one event of the cost model, with its weight, basis and source."""

    name: str
    count: int
    weight_cycles: float
    cycles: float
    share: float
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class EstimatedPath:
    """What one kind of access to one memory cost.

    Attributes
    ----------
    memory : str
        Name of the board's memory.
    access : {'fetch', 'read', 'write'}
        Kind of access.
    cache : str
        Cache or line buffers in front, empty for none.
    accesses : int
        Words of data; for fetches, lines or words of code entered.
    misses : int
        Those that waited for the memory itself.
    read_ahead : int
        Those that met a line on its way.
    hit_rate : float
        Share of the accesses that did neither.
    stall_cycles : float
        Cycles lost.
    share : float
        Of the region's cycles.
    basis, source : str
        What its figures rest on.
    """

    memory: str
    access: str
    cache: str
    accesses: int
    misses: int
    read_ahead: int
    hit_rate: float
    stall_cycles: float
    share: float
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class EstimatedMemory:
    """What the chip's memories cost.

    Attributes
    ----------
    system : str
        The memory system and its operating point, in words.
    settings : dict of str to str
        What it was set to, and by whom.
    stall_cycles : float
        Cycles lost in the region.
    share : float
        Of the region's cycles.
    flash_reads : int
        Words of data read from flash.
    paths : tuple of EstimatedPath
        By stall cycles, descending.
    sampled : bool
        Whether the stalls were projected from samples of the run.
    """

    system: str
    settings: dict[str, str]
    stall_cycles: float
    share: float
    flash_reads: int
    paths: tuple[EstimatedPath, ...]
    sampled: bool = False


@dataclass(frozen=True)
class Provenance:
    """What the figures rest on.

    Attributes
    ----------
    instsim_version : str
        Version of the tool.
    core, core_title, core_digest : str
        Core table and SHA-256 of its file.
    board_digest : str
        SHA-256 of the board's file.
    clock_hz, supply_v : float
        Operating point (``supply_v`` 0 if the board names none).
    clock_source : str
        ``board`` or ``option``.
    memory : str
        Memory model used, in words.
    cycles_by_basis : dict of str to float
        Share of cycles by the basis of their weights, sums to 1.
    calibration : str
        Name and digest of the calibration, empty when nominal.
    """

    instsim_version: str
    core: str
    core_title: str
    core_digest: str
    board_digest: str
    clock_hz: float
    supply_v: float
    clock_source: str
    memory: str
    cycles_by_basis: dict[str, float]
    calibration: str = ""


@dataclass(frozen=True)
class Estimate:
    """What one region of a firmware costs on one board.

    Attributes
    ----------
    firmware : FirmwareFacts
        The image.
    run : RunFacts
        How it ran: region, stop reason, output, sizes of stack and arena.
    board : BoardChoice
        The board, and how it was chosen.
    provenance : Provenance
        What the figures rest on.
    cycles : float
        Cycles of the region.
    instructions : int
        Issued instructions of the region.
    latency, energy, power : Figure
        In seconds, joules and watts.
    operators : tuple of EstimatedOperator
        Dispatch row last; empty when no operator was found.
    functions : tuple of EstimatedFunction
        By cycles, descending.
    classes : tuple of EstimatedClass
        By cycles, descending.
    events : tuple of EstimatedEvent
        By cycles, descending.
    warnings : tuple of str
        Everything a reader should know before trusting the figures.
    calls : tuple of EstimatedCall
        The call tree, where call stacks were kept; else empty. Exclusive cycles sum to the region's.
    memory : EstimatedMemory or None
        What the memories cost; None where they are taken as ideal.
    """

    firmware: FirmwareFacts
    run: RunFacts
    board: BoardChoice
    provenance: Provenance
    cycles: float
    instructions: int
    latency: Figure
    energy: Figure
    power: Figure
    operators: tuple[EstimatedOperator, ...]
    functions: tuple[EstimatedFunction, ...]
    classes: tuple[EstimatedClass, ...]
    events: tuple[EstimatedEvent, ...]
    warnings: tuple[str, ...] = ()
    calls: tuple[EstimatedCall, ...] = ()
    memory: EstimatedMemory | None = None

    @property
    def cycles_per_instruction(self) -> float:
        """Mean cycles of an issued instruction."""
        return self.cycles / self.instructions if self.instructions else 0.0
