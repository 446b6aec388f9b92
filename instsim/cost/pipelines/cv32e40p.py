"""CV32E40P (four stages, in order, no branch prediction), and the ESP32-C3's core, which measurements show to behave alike.

Rules from openhwgroup/cv32e40p@6033d2b, ``docs/source/pipeline.rst``, checked on simulated RTL at zero wait states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from instsim.cost.charges import Charge, EventRule, Parameter, Pipeline, When
from instsim.cost.riscv_hazards import JUMPS, lands_off_word, uses_loaded_value
from instsim.isa.instruction import Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge"]

_REGISTER_JUMPS = frozenset(("indirect-jump", "indirect-call", "return"))
_FLUSHING_CSRS = ("mstatus", "mepc", "mtvec", "mcause", "mcycle", "minstret", "mcountinhibit", "mhpmcounter", "mhpmevent", "dcsr", "dpc", "dscratch")


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:  # noqa: ARG001
    """Return the charges of a block beyond its issue cycles."""
    charges: list[Charge] = []
    for place, instruction in enumerate(block):
        if instruction.instruction_class == "csr" and any(name in instruction.operands for name in _FLUSHING_CSRS):
            charges.append(Charge(place, "csr-flush"))
        if place == 0:
            continue
        previous = block[place - 1]
        if uses_loaded_value(previous, instruction, store_data_waits=True):
            charges.append(Charge(place, "load-use"))
        if instruction.instruction_class in _REGISTER_JUMPS and previous.writes & instruction.reads:
            charges.append(Charge(place, "jump-register-just-written"))
    last = len(block) - 1
    if block[last].flow is Flow.CONDITIONAL:
        charges.append(Charge(last, "taken-branch", when=When.TAKEN))
    elif block[last].flow in JUMPS:
        charges.append(Charge(last, "jump", when=When.TAKEN))
    if lands_off_word(block):
        charges.append(Charge(0, "unaligned-target", when=When.ENTERED))
    return charges


PIPELINE = Pipeline(
    name="cv32e40p",
    title="CV32E40P, four stages, in order",
    isa=Isa.RV32,
    events=(
        EventRule("taken-branch", "a conditional branch is taken: fetch starts again"),
        EventRule("jump", "an unconditional transfer: fetch starts again"),
        EventRule("unaligned-target", "a jump lands on a 32-bit instruction off a word boundary"),
        EventRule("load-use", "the instruction behind a load needs its value, store data included"),
        EventRule("jump-register-just-written", "a jump to a register that the instruction before it wrote"),
        EventRule("crosses-word", "a load or store whose bytes lie in two words: two accesses"),
        EventRule("csr-flush", "access to a status, counter or debug register: the pipeline is emptied"),
    ),
    parameters=(),
    charge=charge,
    lookback=1,
    crossing_event="crosses-word",
)
