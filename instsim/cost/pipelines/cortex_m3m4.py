"""Cortex-M3 and Cortex-M4 (three stages, single issue, no branch prediction): rules between neighbouring instructions.

The rules are those of the technical reference manuals (ARM DDI 0439D, sections 3.3.2 and 7.2.3; ARM 100165_0201_02) and of jnk0le's
measurements (jnk0le/random@3dfc2ab, ``pipeline cycle test/doc/cortex_m3m4.md``), kept where they brought Embench and hand-written
assembly on an STM32F407 closer to its cycle counter. State that only running code knows (bus conflicts, memory regions) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from instsim.cost.charges import Charge, EventRule, Parameter, ParameterRule, Pipeline, When
from instsim.isa.instruction import FLAGS, FPSCR, Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge"]

_LOADS = frozenset(("load", "load-literal", "load-exclusive", "fp-load"))
_SINGLE = _LOADS | {"store", "fp-store"}
_ADDRESSED = _SINGLE | {
    *("load-double", "store-double", "load-multiple", "store-multiple", "store-exclusive", "pop-return", "load-branch", "table-branch"),
    *("fp-load-double", "fp-store-double", "fp-load-multiple", "fp-store-multiple"),
}
_WIDE_LOADS = frozenset(("load-double", "load-multiple", "pop-return"))
_LONG_MULTIPLIES = frozenset(("long-multiply", "long-multiply-accumulate"))
_DATA_PROCESSING = frozenset(
    (
        *("alu", "shift", "shifted-alu", "shifted-constant", "move-wide", "extend", "reverse", "bitfield", "saturate"),
        *("multiply", "multiply-accumulate", "long-multiply", "long-multiply-accumulate", "divide"),
        *("dsp", "extend-add", "dsp-multiply", "dsp-multiply-accumulate", "dsp-long-accumulate"),
        "fp-core-move",
    )
)
_FP_ARITHMETIC = frozenset(("fp-add", "fp-multiply", "fp-convert", "fp-multiply-accumulate"))
_FP_SLOW = frozenset(("fp-divide", "fp-sqrt"))
_DIRECT = frozenset((Flow.JUMP, Flow.CONDITIONAL, Flow.CALL))
_REGISTERS = ~(FLAGS | FPSCR | 1 << 15)
_WIDE_BYTES = 4
_FALLS_BEHIND = 3
_CHAIN_BREAKS: Mapping[str, Callable[[Instruction, Instruction], int]] = {
    "any": lambda _previous, _instruction: 0,
    "alternating-base": lambda previous, instruction: instruction.writeback & previous.writeback,
    "first-only": lambda _previous, instruction: instruction.writeback,
}
"""Whether a load does not pair with the load before it, because of write-back; by parameter."""


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:
    """Return the charges of a block beyond its issue cycles."""
    charges: list[Charge] = []
    chains = str(parameters["indexed_load_chains"])
    off_word = 0
    previous: Instruction | None = None
    for index, instruction in enumerate(block):
        name = instruction.instruction_class
        if _off_word(instruction):
            off_word += 1
            if off_word == _FALLS_BEHIND:
                charges.append(Charge(index, "third-wide-unaligned"))
            if issue[index] > 1:
                # Fetch fills its buffer meanwhile and stops; it starts anew behind this instruction.
                off_word = 0
        else:
            off_word = 0
        if name in _LOADS and instruction.writeback and instruction.operands.endswith("!"):
            if previous is None or previous.instruction_class not in _LOADS:
                charges.append(Charge(index, "pre-indexed-load"))
        elif name == "store" and instruction.register_offset:
            charges.append(Charge(index, "store-register-offset"))
        elif name in _LONG_MULTIPLIES and instruction.mnemonic.startswith("s"):
            charges.append(Charge(index, "signed-long-multiply"))
        if previous is not None:
            _pair(charges, index, previous, instruction, chains)
        if name in _FP_SLOW:
            _overlap(charges, block, index, issue)
        previous = instruction
    _control(charges, block)
    return charges


def _pair(charges: list[Charge], index: int, previous: Instruction, instruction: Instruction, chains: str) -> None:
    """Charge what two neighbours do to each other."""
    name, before = instruction.instruction_class, previous.instruction_class
    if name == "it":
        if previous.size == 2:
            charges.append(Charge(index, "it-folded"))
    elif name == "nop":
        if before in _LOADS or (before == "store" and previous.register_offset):
            charges.append(Charge(index, "nop-absorbed"))
    elif name in _ADDRESSED:
        written = previous.writes & ~previous.writeback & _REGISTERS
        dependent = written & instruction.address_registers != 0
        if dependent and before in _DATA_PROCESSING:
            charges.append(Charge(index, "alu-to-address"))
        elif dependent and (before in _LOADS or before in _WIDE_LOADS):
            charges.append(Charge(index, "load-to-address"))
        if before in _LOADS and name in _LOADS and not dependent:
            if not _CHAIN_BREAKS[chains](previous, instruction):
                charges.append(Charge(index, "load-pair"))
                if index == 1 and _off_word(previous) and _off_word(instruction):
                    charges.append(Charge(index, "load-pair-late", when=When.ENTERED))
        elif before == "store" and not previous.register_offset:
            if name in _LOADS or name in _WIDE_LOADS:
                charges.append(Charge(index, "store-then-load"))
            elif name == "store" and instruction.writeback & previous.writeback:
                charges.append(Charge(index, "store-writeback-chain"))
    if before in _FP_ARITHMETIC:
        result = previous.writes & ~FPSCR
        sources = instruction.reads & ~instruction.accumulator if instruction.accumulator else instruction.reads
        if result & sources:
            charges.append(Charge(index, "fp-result-used"))


def _off_word(instruction: Instruction) -> int:
    """Return whether an instruction lies in two words."""
    return instruction.size == _WIDE_BYTES and instruction.address & 2


def _overlap(charges: list[Charge], block: Sequence[Instruction], index: int, issue: Sequence[float]) -> None:
    """Let integer instructions run while the divider of the floating-point unit is busy."""
    hidden = 0.0
    for later in range(index + 1, len(block)):
        if block[later].instruction_class.startswith("fp"):
            break
        hidden += issue[later]
    hidden = min(hidden, issue[index] - 1)
    if hidden > 0:
        charges.append(Charge(index, "fp-divide-overlap", hidden))


def _control(charges: list[Charge], block: Sequence[Instruction]) -> None:
    """Charge how the block is left and entered."""
    last = block[-1]
    if last.flow in _DIRECT:
        charges.append(Charge(len(block) - 1, "taken-branch", when=When.TAKEN))
        if last.flow is Flow.CONDITIONAL and len(block) > 1 and block[-2].writes & last.reads:
            charges.append(Charge(len(block) - 1, "flags-just-set", when=When.TAKEN))
    elif last.flow not in {Flow.NONE, Flow.TRAP}:
        charges.append(Charge(len(block) - 1, "indirect-refill", when=When.TAKEN))
    if _off_word(block[0]):
        charges.append(Charge(0, "unaligned-target", when=When.ENTERED))


PIPELINE = Pipeline(
    name="cortex_m3m4",
    title="Cortex-M3 and Cortex-M4, three stages, single issue",
    isa=Isa.THUMB,
    events=(
        EventRule("taken-branch", "refill after a taken branch with a known target"),
        EventRule("flags-just-set", "a conditional branch is taken and the instruction before it set what it tests"),
        EventRule("indirect-refill", "refill after a jump to a register or a loaded address"),
        EventRule("unaligned-target", "a jump lands on a 32-bit instruction off a word boundary"),
        EventRule(
            "third-wide-unaligned", "third 32-bit instruction in a row off a word boundary since one of several cycles: the fetch falls behind"
        ),
        EventRule("load-pair", "a load right behind a load whose result it does not need for its address", saving=True),
        EventRule("load-pair-late", "a jump lands on two 32-bit loads off word boundaries: the second is fetched too late to pair"),
        EventRule("pre-indexed-load", "a pre-indexed load that is not right behind another load"),
        EventRule("load-to-address", "a loaded value forms the address of the next instruction"),
        EventRule("alu-to-address", "a data-processing result forms the address of the next instruction"),
        EventRule("store-register-offset", "a store whose address has an index register"),
        EventRule("store-then-load", "a load right behind a store"),
        EventRule("store-writeback-chain", "a store with write-back right behind one on the same base"),
        EventRule("signed-long-multiply", "smull or smlal, whose operands are signed"),
        EventRule("it-folded", "IT behind a 16-bit instruction takes no time of its own", saving=True),
        EventRule("nop-absorbed", "NOP behind a load or an indexed store takes no time of its own", saving=True),
        EventRule("unaligned-load", "the bytes of a load lie in two words"),
        EventRule("fp-result-used", "a floating-point result is used by the next instruction, other than as an addend"),
        EventRule("fp-divide-overlap", "a cycle of integer work while a floating-point divide or square root runs", saving=True),
    ),
    parameters=(
        ParameterRule(
            "indexed_load_chains",
            "which loads with write-back pair with the load before them",
            choices=tuple(_CHAIN_BREAKS),
        ),
    ),
    charge=charge,
    crossing_event="unaligned-load",
    crossing_loads_only=True,
)
