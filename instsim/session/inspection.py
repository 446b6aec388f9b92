"""What is known of a firmware image, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instsim.image import Section
from instsim.profile import RunFacts, TensorShape
from instsim.session.estimate import BoardChoice

__all__ = [
    "InspectedMemory",
    "InspectedModel",
    "InspectedOperator",
    "InspectedRegion",
    "InspectedSegment",
    "InspectedVectors",
    "Inspection",
    "OperatorKind",
]


@dataclass(frozen=True, slots=True)
class InspectedVectors:
    """The vector table of an M-profile image.

    Attributes
    ----------
    address : int
        Where it lies.
    initial_stack_pointer, reset_vector : int or None
        Its first two words, the Thumb bit included; None if the image does not hold them.
    reset_function : str
        Name of the function at the reset vector, empty if unknown.
    """

    address: int
    initial_stack_pointer: int | None
    reset_vector: int | None
    reset_function: str = ""


@dataclass(frozen=True, slots=True)
class InspectedSegment:
    """A segment, without its bytes.

    Attributes
    ----------
    load_address, run_address : int
        Where a flasher puts it, and where the firmware expects it.
    file_bytes, memory_bytes : int
        Bytes in the file, and bytes occupied at run time.
    flags : str
        ``rwx``, with ``-`` for what is not allowed.
    load_memory, run_memory : str
        Names of the board's memories at the two addresses; empty where there is none.
    """

    load_address: int
    run_address: int
    file_bytes: int
    memory_bytes: int
    flags: str
    load_memory: str
    run_memory: str


@dataclass(frozen=True, slots=True)
class InspectedMemory:
    """A memory of the board, and how much of it the image takes.

    Attributes
    ----------
    name, kind : str
        As in the board file.
    address, size_bytes : int
        Its main place.
    aliases : tuple of int
        Further addresses at which all of it appears.
    used_bytes : int
        Bytes that segments occupy there, at load or at run time, each byte once.
    """

    name: str
    kind: str
    address: int
    size_bytes: int
    aliases: tuple[int, ...]
    used_bytes: int


@dataclass(frozen=True, slots=True)
class OperatorKind:
    """Operators of one kind in a model: how many, and their multiply-accumulates in all."""

    kind: str
    count: int
    macs: int


@dataclass(frozen=True, slots=True)
class InspectedModel:
    """A TensorFlow Lite model in the image.

    Attributes
    ----------
    address : int
        Load address of its first byte.
    size_bytes : int
        To the furthest byte it refers to.
    sha256 : str
        Digest of those bytes.
    description : str
        Its own, may be empty.
    subgraphs : int
        How many there are.
    operators : tuple of OperatorKind
        Most multiply-accumulates first.
    macs : int
        Multiply-accumulates of all operators, each executed once.
    inputs, outputs : tuple of TensorShape
        Of subgraph 0.
    """

    address: int
    size_bytes: int
    sha256: str
    description: str
    subgraphs: int
    operators: tuple[OperatorKind, ...]
    macs: int
    inputs: tuple[TensorShape, ...]
    outputs: tuple[TensorShape, ...]


@dataclass(frozen=True, slots=True)
class InspectedRegion:
    """What an estimate would measure.

    Attributes
    ----------
    rule : {'invoke', 'kernels', 'symbol', 'addresses', 'serial', 'whole-run'}
        How it is chosen.
    name : str
        Function, or what stands in for one.
    address, end : int or None
        Its first instruction, and for ``addresses`` the one at which it ends.
    call : int
        Which call.
    reason : str
        Why this one, in words.
    """

    rule: str
    name: str
    address: int | None
    end: int | None
    call: int
    reason: str


@dataclass(frozen=True, slots=True)
class InspectedOperator:
    """An operator that ran.

    Attributes
    ----------
    name : str
        Kind, or the kernel's symbol for engines without a model in the image.
    model, subgraph, index : int
        Its place; -1 where unknown.
    executions : int
        How often it ran in the region.
    parent : int
        Index of the operator that called it, or -1.
    inputs, outputs : tuple of TensorShape or None
        None for an absent input.
    macs : int
        Multiply-accumulates of one execution.
    kernel : str
        Function that ran it, by name or address.
    kernel_address : int
        Its entry: names of kernels in unnamed namespaces are not unique.
    """

    name: str
    model: int
    subgraph: int
    index: int
    executions: int
    parent: int
    inputs: tuple[TensorShape | None, ...]
    outputs: tuple[TensorShape, ...]
    macs: int
    kernel: str
    kernel_address: int


@dataclass(frozen=True)
class Inspection:
    """What is known of an image.

    Attributes
    ----------
    name, format, sha256 : str
        Of the file.
    isa : str or None
        ``thumb`` or ``rv32``; None if the file does not say.
    entry : int or None
        Entry point, Thumb bit removed.
    vectors : InspectedVectors or None
        None for RISC-V, and where no vector table was found.
    attributes : mapping of str to str
        Build attributes.
    compilers : tuple of str
        Compiler strings.
    flash_bytes, static_ram_bytes : int
        What a flasher writes; ``.data`` and ``.bss``.
    symbols, functions : int
        How many there are; no symbols in a stripped image.
    segments : tuple of InspectedSegment
        By load address.
    sections : tuple of Section
        Empty where the format has none.
    board : BoardChoice
        Chosen or guessed.
    core : str
        Core table in force.
    clock_hz : float
        Core clock.
    fit_problems : tuple of str
        Why the image does not fit the board; empty if it does.
    memories : tuple of InspectedMemory
        Of the board.
    models : tuple of InspectedModel
        Found in the image.
    region : InspectedRegion
        What would be measured.
    notes : tuple of str
        What was guessed or found damaged while the file was read.
    run : RunFacts or None
        How the run went; None if the image was not run, or not to the end.
    run_problem : str
        Why there is no run.
    operators : tuple of InspectedOperator
        Those that ran.
    """

    name: str
    format: str
    sha256: str
    isa: str | None
    entry: int | None
    vectors: InspectedVectors | None
    attributes: Mapping[str, str]
    compilers: tuple[str, ...]
    flash_bytes: int
    static_ram_bytes: int
    symbols: int
    functions: int
    segments: tuple[InspectedSegment, ...]
    sections: tuple[Section, ...]
    board: BoardChoice
    core: str
    clock_hz: float
    fit_problems: tuple[str, ...]
    memories: tuple[InspectedMemory, ...]
    models: tuple[InspectedModel, ...]
    region: InspectedRegion
    notes: tuple[str, ...]
    run: RunFacts | None = None
    run_problem: str = ""
    operators: tuple[InspectedOperator, ...] = ()
