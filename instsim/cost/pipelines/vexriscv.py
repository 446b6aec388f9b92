"""VexRiscv with five stages, full bypass, late shifter, and static prediction: backward branches and direct jumps are followed from decode.

Where results appear: SpinalHDL/VexRiscv@6807560, ``src/main/scala/vexriscv/plugin`` (``FullBarrelShifterPlugin``, ``MulPlugin``,
``DBusCachedPlugin``, ``BranchPlugin``, ``Fetcher``: ``decompressor``), checked on simulated RTL of ``VexRiscv_IMAC.v`` with warm caches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from instsim.cost.charges import Charge, EventRule, LoopPath, Parameter, Pipeline, When
from instsim.cost.riscv_hazards import lands_off_word
from instsim.isa.instruction import Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge", "charge_following", "charge_loop"]

_LATENCIES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "load": ("load-use", 2),
        "load-reserved": ("load-use", 2),
        "atomic": ("load-use", 2),
        "multiply": ("multiply-use", 2),
        "multiply-high": ("multiply-use", 2),
        "divide": ("divide-use", 1),
        "remainder": ("divide-use", 1),
        "shift": ("shift-use", 1),
    }
)
"""Event, and cycles for which the result is not there yet, by class of the producer: shifts end in the memory stage, the others in write-back."""

_INDIRECT = frozenset((Flow.INDIRECT, Flow.INDIRECT_CALL, Flow.RETURN))


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:  # noqa: ARG001
    """Return the charges of a block beyond its issue cycles."""
    charges: list[Charge] = []
    now = 0.0
    ready: dict[int, tuple[float, str]] = {}
    for place, instruction in enumerate(block):
        waits = [(ready[register][0], ready[register][1]) for register in _registers(instruction.reads) if register in ready]
        until, event = max(waits, default=(now, ""))
        if until > now:
            charges.append(Charge(place, event, until - now))
            now = until
        if place and _reloads(block[place - 1], instruction):
            charges.append(Charge(place, "store-load"))
        now += issue[place]
        event, latency = _LATENCIES.get(instruction.instruction_class, ("", 0))
        for register in _registers(instruction.writes):
            ready[register] = (now + latency, event)
    charges += _transfers(block)
    if lands_off_word(block):
        charges.append(Charge(0, "unaligned-target", when=When.ENTERED))
    return charges


def _transfers(block: Sequence[Instruction]) -> list[Charge]:
    last = len(block) - 1
    branch = block[last]
    if branch.flow in _INDIRECT:
        return [Charge(last, "mispredicted", when=When.TAKEN)]
    if branch.flow in {Flow.JUMP, Flow.CALL}:
        return [Charge(last, "followed", when=When.TAKEN)]
    if branch.flow is not Flow.CONDITIONAL:
        return []
    if branch.target is not None and branch.target <= branch.address:
        return [Charge(last, "followed", when=When.TAKEN), Charge(last, "mispredicted", when=When.FALLTHROUGH)]
    return [Charge(last, "mispredicted", when=When.TAKEN)]


def charge_following(block: Sequence[Instruction], following: Sequence[Instruction]) -> list[Charge]:
    """Return what a redirection of fetch waits for: it starts a cycle later while the decompressor holds a word for its second instruction.

    The instructions behind the branch are in flight: when a branch is followed from decode, the first of them is in the decompressor; when
    one is decided late, the third.
    """
    last = len(block) - 1
    branch = block[last]
    charges = []
    if _is_followed(branch):
        if _holds_word(following, 0):
            charges.append(Charge(last, "word-held", when=When.TAKEN))
        if branch.flow is Flow.CONDITIONAL and lands_off_word(following):
            charges.append(Charge(last, "unaligned-target", when=When.FALLTHROUGH))
    elif branch.flow is Flow.CONDITIONAL or branch.flow in _INDIRECT:
        straight = not any(_is_followed(instruction) for instruction in following[:2])
        if straight and _holds_word(following, 2):
            charges.append(Charge(last, "word-held", when=When.TAKEN))
    return charges


def charge_loop(path: LoopPath, parameters: Mapping[str, Parameter]) -> list[Charge]:  # noqa: ARG001
    """Return what the exit of a loop waits for, when its first instructions are in flight already."""
    in_decompressor = 0 if lands_off_word(path.head) else 1
    return [Charge(len(path.block) - 1, "word-held", when=When.FALLTHROUGH)] if _holds_word(path.head, in_decompressor) else []


def _is_followed(branch: Instruction) -> bool:
    """Whether decode redirects fetch: direct jumps, and backward branches."""
    backward = branch.flow is Flow.CONDITIONAL and branch.target is not None and branch.target <= branch.address
    return backward or branch.flow in {Flow.JUMP, Flow.CALL}


def _holds_word(instructions: Sequence[Instruction], place: int) -> bool:
    """Whether an instruction ends in the middle of a word and a 16-bit one is the other half, as far as is known."""
    return place + 1 < len(instructions) and instructions[place].end & 2 != 0 and instructions[place + 1].size == 2


def _registers(mask: int) -> list[int]:
    return [register for register in range(32) if mask >> register & 1]


def _reloads(previous: Instruction, instruction: Instruction) -> bool:
    """Whether a load reads the address that the instruction before it stores to, as far as the operands tell."""
    if previous.instruction_class != "store" or instruction.instruction_class != "load":
        return False
    return previous.operands.rsplit(",", 1)[-1].strip() == instruction.operands.rsplit(",", 1)[-1].strip()


PIPELINE = Pipeline(
    name="vexriscv",
    title="VexRiscv, five stages, in order, static branch prediction",
    isa=Isa.RV32,
    events=(
        EventRule("followed", "a direct jump, or a backward branch that is taken: fetch follows from decode"),
        EventRule("mispredicted", "a forward branch that is taken, a backward one that is not, a jump to a register: decided late"),
        EventRule("unaligned-target", "a jump lands on a 32-bit instruction off a word boundary"),
        EventRule("word-held", "fetch is redirected while the decompressor holds a word for its second instruction"),
        EventRule("load-use", "a cycle for which an instruction waits for loaded data"),
        EventRule("multiply-use", "a cycle for which an instruction waits for a product"),
        EventRule("divide-use", "a cycle for which an instruction waits for a quotient"),
        EventRule("shift-use", "the instruction behind a shift needs its result"),
        EventRule("store-load", "a load from the address that the instruction before it stored to: the data cache has it run again"),
    ),
    parameters=(),
    charge=charge,
    lookback=3,
    charge_loop=charge_loop,
    charge_following=charge_following,
)
