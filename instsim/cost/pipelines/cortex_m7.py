"""Cortex-M7 (six stages, in-order dual issue): a scoreboard over one block, caches and tightly coupled memories always hitting.

Arm publishes no cycle table. Pairing rules and latencies are those measured by jnk0le (jnk0le/random@3dfc2ab, ``pipeline cycle
test/doc/cortex_m7.md``) where they brought MLPerf Tiny firmware on STM32F746 and STM32H7A3 closer to its published times, and of LLVM's
scheduling model. Left to the room of dynamics: caches, bank conflicts of addresses known only at run time, the branch predictor. A branch
is taken to be mispredicted as often as it goes its rarer way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from instsim.cost.charges import Charge, EventRule, Parameter, ParameterRule, Pipeline, When
from instsim.isa.instruction import FLAGS, FPSCR, Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge"]

_SIMD = frozenset(("dsp", "extend", "extend-add", "bitfield", "reverse", "saturate"))
_SHIFTED = frozenset(("shifted-alu", "shifted-constant"))
_MULTIPLIES = frozenset(("multiply", "long-multiply", "dsp-multiply"))
_ACCUMULATES = frozenset(("multiply-accumulate", "long-multiply-accumulate", "dsp-multiply-accumulate", "dsp-long-accumulate"))
_MAC = _MULTIPLIES | _ACCUMULATES
_LOADS = frozenset(("load", "load-literal", "fp-load"))
_STORES = frozenset(("store", "fp-store"))
_ALONE = frozenset(
    (
        *("load-multiple", "store-multiple", "load-double", "store-double", "load-exclusive", "store-exclusive", "pop-return"),
        *("divide", "table-branch", "load-branch", "barrier", "system", "supervisor-call", "breakpoint"),
        *("fp-load-multiple", "fp-store-multiple", "fp-load-double", "fp-store-double", "fp-core-move-pair", "fp-status"),
        *("fp64-add", "fp64-multiply", "fp64-multiply-accumulate", "fp64-divide", "fp64-sqrt", "fp-divide", "fp-sqrt"),
    )
)
_FP_ARITHMETIC = frozenset(("fp-add", "fp-multiply", "fp-multiply-accumulate", "fp-convert", "fp-compare", "fp64-convert", "fp64-compare"))
_HALVED = frozenset(("load-multiple", "store-multiple", "pop-return", "fp-load-multiple", "fp-store-multiple"))
_CONTROL = frozenset((Flow.JUMP, Flow.CONDITIONAL, Flow.CALL, Flow.INDIRECT, Flow.INDIRECT_CALL, Flow.RETURN))
_EARLY_INPUT = _SHIFTED | _SIMD
_OFFSET = re.compile(r"\[(\w+)(?:, #(-?(?:0x)?[0-9a-f]+))?\]$")
_WORD_BYTES = 4
_HALF_CYCLE = 0.5


class _Pending(NamedTuple):
    """A result under way: registers, the cycle from which plain arithmetic can use them, and what made it."""

    registers: int
    ready: float
    kind: str


def _kind(instruction: Instruction) -> str:
    name = instruction.instruction_class
    if name in _MAC:
        return "multiply"
    if name in {"load", "load-literal", "load-double", "load-multiple", "load-exclusive"}:
        return "narrow-load" if instruction.access_size < _WORD_BYTES and instruction.access_size else "load"
    if name in _SIMD or name in _SHIFTED:
        return "late"
    if name.startswith("fp"):
        return name
    return "alu"


_LATENCIES = {
    "multiply": "multiply_latency",
    "load": "load_latency",
    "narrow-load": "narrow_load_latency",
    "fp-add": "fp_latency",
    "fp-multiply": "fp_latency",
    "fp-convert": "fp_latency",
    "fp-multiply-accumulate": "fp_accumulate_latency",
    "fp64-add": "fp_latency",
    "fp64-convert": "fp_latency",
    "fp64-multiply": "fp64_multiply_latency",
    "fp64-multiply-accumulate": "fp64_accumulate_latency",
}


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:
    """Return the charges of a block beyond its issue cycles."""
    charges: list[Charge] = []
    latencies = {kind: int(parameters[name]) for kind, name in _LATENCIES.items()}
    pending: list[_Pending] = []
    cycle = 0.0  # first cycle in which the next instruction can be the older one of a pair
    older: Instruction | None = None
    for place, instruction in enumerate(block):
        ready, kind = _ready(instruction, pending, parameters)
        if older is not None and ready <= cycle - 1 and _can_pair(older, instruction):
            charges.append(Charge(place, "dual-issue"))
            start = cycle - 1
            older = None
        else:
            start = max(cycle, ready)
            if start > cycle:
                charges.append(Charge(place, _wait(kind), start - cycle))
            cycle = start + issue[place]
            if instruction.instruction_class in _HALVED and instruction.register_count & 1:
                charges.append(Charge(place, "odd-register-count"))
                cycle += _HALF_CYCLE
            older = None if instruction.instruction_class in _ALONE else instruction
        kind = _kind(instruction)
        pending = [result for result in pending if result.ready + 3 > cycle - 1]
        registers = instruction.writes & ~instruction.writeback & ~(FLAGS | FPSCR)
        if registers:
            finished = start if kind.startswith("fp64") else cycle - 1
            pending.append(_Pending(registers, finished + latencies.get(kind, 1), kind))
    last = block[-1]
    if last.flow is Flow.CONDITIONAL or (last.flow in _CONTROL and last.predicated):
        charges.append(Charge(len(block) - 1, "mispredict", when=When.MINORITY))
    return charges


def _ready(instruction: Instruction, pending: Sequence[_Pending], parameters: Mapping[str, Parameter]) -> tuple[float, str]:
    """Return the cycle from which all operands are there, and what made the last one."""
    name = instruction.instruction_class
    latest, waiting = -1e9, ""
    if instruction.flow is Flow.CONDITIONAL:
        return latest, waiting  # predicted, its operands are awaited by nobody
    for registers, result_ready, kind in pending:
        ready = result_ready
        wanted = registers & instruction.reads
        if not wanted:
            continue
        if wanted & instruction.address_registers:
            ready += int(parameters["address_latency"]) if kind != "alu" else 0
        elif wanted == wanted & instruction.store_data:
            ready -= 1  # store data are read late, in the cycle the producer ends
        elif wanted == wanted & instruction.accumulator and kind in {"multiply", "fp-multiply-accumulate"}:
            ready -= 1 if kind == "multiply" else int(parameters["fp_accumulate_chain"])
        elif name in _MAC and kind in {"load", "narrow-load"}:
            ready += int(parameters["load_to_multiply"])
        elif name in _EARLY_INPUT and kind != "alu":
            ready += int(parameters["late_to_shifter"])
        if ready > latest:
            latest, waiting = ready, kind
    return latest, waiting


def _can_pair(older: Instruction, younger: Instruction) -> bool:
    """Whether two neighbours whose operands are there can issue in one cycle."""
    first, second = older.instruction_class, younger.instruction_class
    if second in _ALONE or second in _SIMD:
        return False
    if older.flow in _CONTROL and (older.flow is not Flow.CONDITIONAL or older.predicated):
        return False  # what follows a conditional branch here follows it because it was not taken
    if (first in _SIMD or first in _SHIFTED) and second in _SHIFTED:
        return False
    if first in _MAC and (second in _MAC or second in _STORES):
        return False
    if second in _MAC and first in _STORES:
        return False
    if first in _STORES and second in _STORES:
        return False
    if first in _LOADS and second in _LOADS and _same_bank(older, younger):
        return False
    if first in _FP_ARITHMETIC and second in _FP_ARITHMETIC:
        return False
    return not (first == "fp-multiply-accumulate" and second in {"fp-load", "fp-store", "fp-core-move", "fp-move"})


def _same_bank(older: Instruction, younger: Instruction) -> bool:
    """Whether two loads are known to meet in one of the two word banks."""
    places = []
    for instruction in (older, younger):
        found = _OFFSET.search(instruction.operands)
        if found is None:
            return False
        places.append((found[1], int(found[2] or "0", 0)))
    (base, offset), (other_base, other_offset) = places
    return base == other_base and (offset ^ other_offset) & _WORD_BYTES == 0


def _wait(kind: str) -> str:
    if kind in {"load", "narrow-load"}:
        return "load-wait"
    if kind == "multiply":
        return "multiply-wait"
    return "fp-wait" if kind.startswith("fp") else "alu-wait"


def _latency(name: str, description: str) -> ParameterRule:
    return ParameterRule(name, description, minimum=0, maximum=40)


PIPELINE = Pipeline(
    name="cortex_m7",
    title="Cortex-M7, six stages, in-order dual issue",
    isa=Isa.THUMB,
    events=(
        EventRule("dual-issue", "an instruction issues together with the one before it", saving=True),
        EventRule("load-wait", "a cycle spent waiting for a loaded value"),
        EventRule("multiply-wait", "a cycle spent waiting for a product"),
        EventRule("alu-wait", "a cycle spent waiting for a late arithmetic result"),
        EventRule("fp-wait", "a cycle spent waiting for a floating-point result"),
        EventRule("odd-register-count", "the last transfer of a load or store multiple moves one word only"),
        EventRule("mispredict", "a conditional branch goes its rarer way"),
    ),
    parameters=(
        _latency("load_latency", "cycles from a word load to plain arithmetic on its value"),
        _latency("narrow_load_latency", "cycles from a byte or halfword load to plain arithmetic on its value"),
        _latency("load_to_multiply", "further cycles from a load to a multiply of its value"),
        _latency("late_to_shifter", "further cycles from a late result to an operand that is shifted or extended"),
        _latency("address_latency", "further cycles from a loaded, multiplied or late result to an address"),
        _latency("multiply_latency", "cycles from a product to its user; one less to an accumulator"),
        _latency("fp_latency", "cycles from a floating-point addition, product or conversion to its user"),
        _latency("fp_accumulate_latency", "cycles from a floating-point multiply-accumulate to its user"),
        _latency("fp_accumulate_chain", "cycles less when the user is the addend of the next multiply-accumulate"),
        _latency("fp64_multiply_latency", "cycles from a double-precision product to its user"),
        _latency("fp64_accumulate_latency", "cycles from a double-precision multiply-accumulate to its user"),
    ),
    charge=charge,
    lookback=6,
)
