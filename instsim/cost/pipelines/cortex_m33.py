"""Cortex-M33 (three stages, limited dual issue): an in-order scoreboard over one block.

The rules are jnk0le's (jnk0le/random@3dfc2ab, ``pipeline cycle test/doc/cortex_m33.md``, measured on an RP2350), kept where they brought
MLPerf Tiny firmware on an STM32U575 closer to its published times. Results still under way at a block's end count for a block that follows
in sequence, not for one that a jump leads to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from instsim.cost.charges import Charge, EventRule, Parameter, ParameterRule, Pipeline, When
from instsim.isa.instruction import FLAGS, FPSCR, Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge"]

_PAIRING_BRANCHES = frozenset(("branch", "conditional-branch", "compare-branch", "return", "indirect-branch"))
_PAIRING = _PAIRING_BRANCHES | {"it", "nop"}
_LOADS = frozenset(("load", "load-literal", "load-exclusive", "load-double", "load-multiple"))
_MULTIPLIES = frozenset(("multiply", "long-multiply", "dsp-multiply"))
_ACCUMULATES = frozenset(("multiply-accumulate", "long-multiply-accumulate", "dsp-multiply-accumulate", "dsp-long-accumulate"))
_SHIFTED = frozenset(("shifted-alu", "shifted-constant"))
_DSP = frozenset(("dsp", "saturate"))
_FP_ARITHMETIC = frozenset(("fp-add", "fp-multiply", "fp-convert"))
_CHAINS = {
    **dict.fromkeys(_ACCUMULATES, ("multiply", "extend-add", "shifted", "load")),
    "extend-add": ("multiply", "extend-add", "shifted"),
    "fp-multiply-accumulate": ("fp-accumulate",),
}
"""Producers whose result an addend can take one cycle early, by consumer."""

_CORE = 0xFFFF
_INDIRECT = frozenset(("pop-return", "load-branch", "table-branch"))


class _Pending(NamedTuple):
    """A result under way: registers, the cycle from which they can be used, and what made it."""

    registers: int
    ready: float
    kind: str


_KINDS = {
    **dict.fromkeys(_LOADS, "load"),
    **dict.fromkeys(_MULTIPLIES | _ACCUMULATES, "multiply"),
    **dict.fromkeys(_SHIFTED, "shifted"),
    **dict.fromkeys(_DSP, "dsp"),
    "extend-add": "extend-add",
    **dict.fromkeys(_FP_ARITHMETIC, "fp"),
    "fp-multiply-accumulate": "fp-accumulate",
    "fp-divide": "fp-divide",
    "fp-sqrt": "fp-divide",
    "fp-core-move": "fp",
}
_LATENCIES = {
    "load": "load_latency",
    "multiply": "multiply_latency",
    "shifted": "shifted_latency",
    "dsp": "dsp_latency",
    "extend-add": "dsp_latency",
    "fp": "fp_latency",
    "fp-accumulate": "fp_accumulate_latency",
    "fp-divide": "fp_divide_latency",
}


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:
    """Return the charges of a block beyond its issue cycles."""
    charges: list[Charge] = []
    latencies = {kind: int(parameters[name]) for kind, name in _LATENCIES.items()}
    pending: list[_Pending] = []
    slot = 0.0
    paired_before = True
    fp_free = 0.0
    for place, instruction in enumerate(block):
        name = instruction.instruction_class
        needed, waiting = _ready(instruction, pending, slot)
        if name.startswith("fp") and fp_free > needed and name not in {"fp-load", "fp-load-double", "fp-store", "fp-store-double"}:
            needed, waiting = fp_free, "fp-accumulate"
        previous = block[place - 1] if place else None
        pairs = (
            previous is not None
            and not paired_before
            and previous.size == 2
            and instruction.size == 2
            and name in _PAIRING
            and needed <= slot - 1
            and not previous.writes & instruction.reads & ~FLAGS
        )
        if pairs:
            charges.append(Charge(place, "dual-issue"))
            start = slot - 1
            if previous is not None and name == "conditional-branch" and previous.sets_flags:
                charges.append(Charge(place, "flags-just-set", when=When.TAKEN))
        else:
            start = max(slot, needed)
            if start > slot:
                charges.append(Charge(place, _WAITS[waiting], start - slot))
        cycles = issue[place]
        if instruction.sets_flags and name == "shifted-constant" and not instruction.mnemonic.startswith("mov"):
            charges.append(Charge(place, "flag-setting-shifted-constant"))
            cycles += 1
        elif instruction.sets_flags and name == "multiply":
            charges.append(Charge(place, "flag-setting-multiply"))
            cycles += 1
        paired_before = pairs
        if not pairs:
            slot = start + cycles
        pending = [result for result in pending if result.ready > slot - 1]
        kind = _KINDS.get(name)
        if kind is not None and (name != "fp-core-move" or instruction.writes & _CORE):
            if name == "fp-multiply-accumulate":
                fp_free = start + int(parameters["fp_accumulate_interval"])
            elif kind == "fp-divide":
                fp_free = start + latencies[kind]
            results = instruction.writes & ~instruction.writeback & ~(FLAGS | FPSCR)
            if name == "load-multiple" and results:
                results = 1 << results.bit_length() - 1  # the others have arrived by then
            pending.append(_Pending(results, slot - 1 + latencies[kind], kind))
    _control(charges, block)
    return charges


def _ready(instruction: Instruction, pending: Sequence[_Pending], slot: float) -> tuple[float, str]:
    """Return the cycle from which the operands are there (anything up to `slot - 1` means no wait), and what was waited for."""
    name = instruction.instruction_class
    latest, waiting = slot - 1, ""
    for result in pending:
        wanted = result.registers & instruction.reads
        if not wanted:
            continue
        ready = result.ready
        plain = wanted & ~instruction.accumulator & ~instruction.store_data | wanted & instruction.address_registers
        if not plain and (wanted & instruction.store_data or result.kind in _CHAINS.get(name, ())):
            ready -= 1
        if ready > latest:
            latest, waiting = ready, result.kind
    return latest, waiting


def _control(charges: list[Charge], block: Sequence[Instruction]) -> None:
    """Charge how the block is left and entered."""
    last = block[-1]
    if last.instruction_class in _INDIRECT:
        charges.append(Charge(len(block) - 1, "loaded-branch", when=When.TAKEN))
    elif last.flow not in {Flow.NONE, Flow.TRAP}:
        charges.append(Charge(len(block) - 1, "taken-branch", when=When.TAKEN))
    if block[0].size == 4 and block[0].address & 2:
        charges.append(Charge(0, "unaligned-target", when=When.ENTERED))


_WAITS = {
    "load": "load-wait",
    "multiply": "multiply-wait",
    "shifted": "shifted-operand-wait",
    "dsp": "dsp-wait",
    "extend-add": "dsp-wait",
    "fp": "fp-wait",
    "fp-accumulate": "fp-wait",
    "fp-divide": "fp-wait",
}


def _latency(name: str, of: str) -> ParameterRule:
    return ParameterRule(name, f"cycles from the issue of {of} to the issue of a user of its result", minimum=1, maximum=40)


PIPELINE = Pipeline(
    name="cortex_m33",
    title="Cortex-M33, three stages, limited dual issue",
    isa=Isa.THUMB,
    events=(
        EventRule("dual-issue", "a 16-bit branch, IT or NOP issues together with the 16-bit instruction before it", saving=True),
        EventRule("taken-branch", "refill after a taken branch"),
        EventRule("loaded-branch", "refill after a jump to a loaded address"),
        EventRule("flags-just-set", "a taken branch waits for the flags of the instruction it issued with"),
        EventRule("unaligned-target", "a jump lands on a 32-bit instruction off a word boundary"),
        EventRule("load-wait", "a cycle spent waiting for a loaded value"),
        EventRule("multiply-wait", "a cycle spent waiting for a product"),
        EventRule("shifted-operand-wait", "a cycle spent waiting for the result of an instruction with a shifted operand"),
        EventRule("dsp-wait", "a cycle spent waiting for a DSP, saturation or extend-and-add result"),
        EventRule("fp-wait", "a cycle spent waiting for the floating-point unit"),
        EventRule("flag-setting-shifted-constant", "a flag-setting operation with a shifted constant takes two slots"),
        EventRule("flag-setting-multiply", "muls takes two slots"),
        EventRule("unaligned-data", "the bytes of a load or store lie in two words"),
    ),
    parameters=(
        _latency("load_latency", "a load"),
        _latency("multiply_latency", "a multiply or multiply-accumulate"),
        _latency("shifted_latency", "an operation with a shifted register or constant"),
        _latency("dsp_latency", "a DSP, saturating or extend-and-add instruction"),
        _latency("fp_latency", "a floating-point addition, product or conversion"),
        _latency("fp_accumulate_latency", "a floating-point multiply-accumulate"),
        _latency("fp_divide_latency", "a floating-point divide or square root"),
        ParameterRule("fp_accumulate_interval", "cycles from a floating-point multiply-accumulate to the next FP operation", minimum=1, maximum=40),
    ),
    charge=charge,
    lookback=4,
    crossing_event="unaligned-data",
)
