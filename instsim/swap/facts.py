"""What is learned of a runner: a firmware with an interpreter, whose model can be exchanged."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from instsim.emulate.arena import Arena
from instsim.isa import IndirectCall

__all__ = ["Drive", "RunnerFacts", "SetUpCall"]


class Drive(StrEnum):
    """How an inference is started."""

    INTERPRETER = "interpreter"
    """``Invoke(interpreter)``, right after ``AllocateTensors(interpreter)`` has returned."""
    INVOKE = "invoke"
    """``Invoke(interpreter)``, when the application has come to its first operator or to its end: ``AllocateTensors`` was inlined."""
    SUBGRAPH = "subgraph"
    """``InvokeSubgraph(graph, 0)``, at the same moment: both were inlined."""


@dataclass(frozen=True, slots=True)
class SetUpCall:
    """The application's call of ``AllocateTensors``.

    Attributes
    ----------
    entry : int
        Of the function.
    return_address : int
        Where it comes back to.
    sp : int
        Stack pointer at both.
    at_cycles : int
        Virtual time of the call.
    """

    entry: int
    return_address: int
    sp: int
    at_cycles: int


@dataclass(frozen=True, slots=True)
class RunnerFacts:
    """A runner, as one run of its own model shows it.

    Attributes
    ----------
    image_sha256 : str
        The image this was learned of.
    model_address : int
        Where the firmware's own model lies.
    own_model : bytes
        That model.
    own_model_sha256 : str
        Its digest.
    root_offset : int
        Its first word: where the root table lies.
    is_folded : bool
        The compiler has read the first word itself: the root table stays where it is.
    is_in_ram : bool
        The model lies in RAM, where the firmware has put it.
    offset_readers : tuple of int
        Code that reads the first word.
    arena : Arena
        The tensor arena at the first operator.
    arena_movers : tuple of int
        Code that reads the model soon after the arena was set up: the moment to move it.
    context : int
        ``TfLiteContext`` of the interpreter.
    sites : tuple of IndirectCall
        Calls that run operators, and those that prepare them.
    operators : frozenset of str
        Kinds that the resolver knows.
    drive : Drive
        How an inference is started.
    entry : int
        Function that runs it.
    this : int
        Its first argument.
    set_up : SetUpCall or None
        For `Drive.INTERPRETER`.
    boot_cycles : int
        Virtual time of the first access to the model, or of the call that sets the interpreter up: until then nothing depends on the model.
    """

    image_sha256: str
    model_address: int
    own_model: bytes = field(repr=False)
    own_model_sha256: str
    root_offset: int
    is_folded: bool
    is_in_ram: bool
    offset_readers: tuple[int, ...]
    arena: Arena
    arena_movers: tuple[int, ...]
    context: int
    sites: tuple[IndirectCall, ...]
    operators: frozenset[str]
    drive: Drive
    entry: int
    this: int
    set_up: SetUpCall | None
    boot_cycles: int = 0
