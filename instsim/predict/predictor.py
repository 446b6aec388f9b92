"""What a predictor knows: for every kind of operator the formulas of its counts, and what each count is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from instsim.isa.instruction import Isa
from instsim.predict.formula import Formula, Piece
from instsim.predict.gates import Gate

__all__ = ["DISPATCH", "ClassRecord", "ErrorFound", "KindModel", "PathModel", "StallModel", "TaughtPredictor", "Teacher"]

DISPATCH = "(dispatch)"
"""Name under which the interpreter's own work is predicted: its only dimension is the number of operators."""


@dataclass(frozen=True, slots=True)
class ClassRecord:
    """Blocks whose counts are one formula.

    Attributes
    ----------
    addresses : tuple of int
        The blocks, in the runner it was taught on.
    formula : Formula
        How often they run.
    events : mapping of str to mapping of str to float
        By core: occurrences of each event of its cost model when the class counts one.
    """

    addresses: tuple[int, ...]
    formula: Formula
    events: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class PathModel:
    """One path of a kernel.

    Attributes
    ----------
    gates : tuple of Gate
        Conditions that lead here; none where a kernel has one path.
    classes : tuple of ClassRecord
        What is counted.
    samples : int
        Layers it was taught with.
    inexact_share : float
        Largest share of a taught layer's cycles that is in classes without exact formulas.
    """

    gates: tuple[Gate, ...]
    classes: tuple[ClassRecord, ...]
    samples: int
    inexact_share: float


@dataclass(frozen=True, slots=True)
class ErrorFound:
    """Errors on layers that were not taught, each ``predicted / simulated - 1``.

    Attributes
    ----------
    layers : int
        How many there were.
    mean, p95, largest : float
        Of the magnitudes.
    bias : float
        Mean with sign.
    within_1, within_5 : float
        Shares of the layers within one and five percent.
    """

    layers: int
    mean: float
    p95: float
    largest: float
    bias: float
    within_1: float
    within_5: float


@dataclass(frozen=True, slots=True)
class StallModel:
    """What a memory system adds to one operator.

    Attributes
    ----------
    pieces : tuple of tuple of Piece
        Stall cycles on each path of the operator.
    layers : int
        Layers it was taught with.
    share : float
        Mean share of stalls in the cycles of these.
    error : ErrorFound or None
        Of cycles with stalls, found on fresh layers.
    """

    pieces: tuple[tuple[Piece, ...], ...]
    layers: int
    share: float
    error: ErrorFound | None = None


@dataclass(frozen=True, slots=True)
class KindModel:
    """One operator.

    Attributes
    ----------
    kind : str
        ``CONV_2D``.
    paths : tuple of PathModel
        Every layer takes exactly one.
    operands : mapping of int to mapping of int to int
        By address of a divide: how often each class of operands was met.
    domain : mapping of str to (int, int)
        Smallest and largest value of each quantity among the taught layers.
    error : ErrorFound or None
        Found on fresh layers.
    code_sha256 : str
        Digest of the bytes of all its blocks.
    persistent_bytes, scratch_bytes : Formula
        What a layer takes in the arena for good, and while it runs.
    stalls : mapping of str to StallModel
        By memory system (`instsim.dynamics.memory_system.MemorySystem.name`), those that were taught.
    spread_cycles : float
        Variance of a layer's cycles from one set of data to another, divided by their mean: what no prediction from dimensions takes away.
    """

    kind: str
    paths: tuple[PathModel, ...]
    operands: Mapping[int, Mapping[int, int]]
    domain: Mapping[str, tuple[int, int]]
    error: ErrorFound | None
    code_sha256: str
    persistent_bytes: Formula = field(default_factory=lambda: Formula(()))
    scratch_bytes: Formula = field(default_factory=lambda: Formula(()))
    stalls: Mapping[str, StallModel] = field(default_factory=dict)
    spread_cycles: float = 0.0


@dataclass(frozen=True, slots=True)
class Teacher:
    """The runner a predictor was taught on.

    Attributes
    ----------
    name, sha256 : str
        Of the image.
    compilers : tuple of str
        Compiler strings in it.
    executed_on : str
        Core the emulator ran it as.
    kernels : str
        Which kernels these are, in words (``CMSIS-NN 4ab83cc``); empty if nobody said.
    provenance : mapping of str to str
        Sources, compiler, options, as far as they are known.
    """

    name: str
    sha256: str
    compilers: tuple[str, ...] = ()
    executed_on: str = ""
    kernels: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaughtPredictor:
    """A predictor as a value; `instsim.predict.predicting` uses it.

    Attributes
    ----------
    name : str
        Short name.
    isa : Isa
        Instruction set.
    cores : tuple of str
        Cores it can be priced for; the first is the one it was judged on.
    teacher : Teacher
        What taught it.
    kinds : mapping of str to KindModel
        By operator; `DISPATCH` among them.
    instsim_version : str
        That made it.
    cost_stamps : mapping of str to str
        By core: cost model that its events are of (`instsim.predict.cost_stamp`).
    memories : mapping of str to str
        By memory system whose stalls were taught: digest of the table it was made from.
    """

    name: str
    isa: Isa
    cores: tuple[str, ...]
    teacher: Teacher
    kinds: Mapping[str, KindModel]
    instsim_version: str
    cost_stamps: Mapping[str, str] = field(default_factory=dict)
    memories: Mapping[str, str] = field(default_factory=dict)
