"""Cortex-M7 (six stages, in-order dual issue): a scoreboard over one block and the end of the one before it.

Arm publishes no cycle table. Pairing rules and latencies are those measured by jnk0le (jnk0le/random@3dfc2ab, ``pipeline cycle
test/doc/cortex_m7.md``), and of LLVM's scheduling model where that is silent, as far as they brought MLPerf Tiny firmware on STM32F746 and
STM32H7A3, or CoreMark on i.MX RT, closer to their published times. Caches and tightly coupled memories are taken to hit; what misses cost is
the memory simulation's. A branch is taken to be mispredicted as often as it goes its rarer way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from instsim.cost.charges import Charge, EventRule, Parameter, ParameterRule, Pipeline, When
from instsim.cost.cortex_m7_operands import LOADS, MULTIPLIES, SHIFTED, SINGLE_SLOT, STORES, Made, Operands, Place, operands_of, place_of
from instsim.isa.instruction import FLAGS, FPSCR, Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge"]

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
_WAITS = {
    **dict.fromkeys((Made.LOADED, Made.NARROW), "load-wait"),
    **dict.fromkeys((Made.SUM, Made.SHIFT, Made.REVERSED, Made.LATE, Made.SATURATED), "alu-wait"),
    Made.PRODUCT: "multiply-wait",
}
_LATENCIES = {
    Made.LOADED: "load_latency",
    Made.NARROW: "narrow_load_latency",
    Made.PRODUCT: "multiply_latency",
    Made.SATURATED: "saturation_latency",
    Made.FP: "fp_latency",
    Made.FP_MOVED: "fp_latency",
    Made.FP_ACCUMULATED: "fp_accumulate_latency",
    Made.FP64_PRODUCT: "fp64_multiply_latency",
    Made.FP64_ACCUMULATED: "fp64_accumulate_latency",
}
_FP_DATA_EARLY = 2
"""Cycles before its other users in which a store can take a floating-point sum or product."""
_WORD_BYTES = 4
_HALF_CYCLE = 0.5


class _Result(NamedTuple):
    """A value under way: the first cycles in which the late unit, the early stage and an address can take it, and what makes it."""

    late: float
    early: float
    address: float
    made: Made


class _Scoreboard:
    """Results under way and words just stored, by the cycles from which they can be used."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._latencies = {made: int(parameters[name]) for made, name in _LATENCIES.items()}
        self._load_to_multiply = int(parameters["load_to_multiply"])
        self._late_to_early = int(parameters["late_to_shifter"])
        self._late_to_address = int(parameters["address_latency"])
        self._product_to_address = int(parameters["multiply_to_address"])
        self._fp_chain = int(parameters["fp_accumulate_chain"])
        self._fp_load_chain = int(parameters["fp_load_to_addend"])
        self._store_to_load = int(parameters["store_to_load"])
        self._early_unit = bool(parameters["early_unit"])
        self._results: dict[int, _Result] = {}
        self._written = 0  # registers that `_results` has
        self._stored: list[tuple[Place, float]] = []
        self.flags_set = float("inf")

    def ready(self, wanted: Operands) -> tuple[float, str]:
        """Return the cycle from which all operands are there, and the event that is waiting for the last one."""
        latest, waiting = -1e9, ""
        results = self._results
        for register in _bits(wanted.reads & self._written):
            result = results[register]
            ready = self._from(result, register, wanted)
            if ready > latest:
                latest, waiting = ready, _WAITS.get(result.made, "fp-wait")
        if self._stored and wanted.instruction.instruction_class in LOADS:
            place = place_of(wanted.instruction)
            for stored, issued in self._stored:
                if place and place.base == stored.base and place.start < stored.stop and stored.start < place.stop:
                    ready = issued + self._store_to_load
                    if ready > latest:
                        latest, waiting = ready, "store-wait"
        return latest, waiting

    def _from(self, result: _Result, register: int, wanted: Operands) -> float:
        """Return the cycle in which an instruction can issue that takes one operand from a result."""
        made = result.made
        if register & wanted.address:
            return result.address
        if register & wanted.early or (wanted.early and made is Made.LOADED):
            return result.early
        if register & wanted.data:
            # Stores read late, in the cycle in which the producer ends.
            return result.late - (_FP_DATA_EARLY if made in {Made.FP, Made.FP_ACCUMULATED} else self._latencies.get(made, 1))
        if register & wanted.addend:
            if made is Made.FP_ACCUMULATED:
                return result.late - self._fp_chain
            if made is Made.FP_LOADED:
                return result.late + self._fp_load_chain
            return result.late - (1 if wanted.made is Made.PRODUCT else 0)  # taken behind the late unit
        if made is Made.LOADED and wanted.made is Made.PRODUCT:
            return result.late + self._load_to_multiply
        return result.late

    def issue(self, wanted: Operands, cycle: float, *, younger: bool, shifter_taken: bool) -> None:
        """Note what an instruction makes that issues in a cycle."""
        instruction = wanted.instruction
        writes = instruction.writes
        if self._stored:
            self._stored = [(place, at) for place, at in self._stored if not writes & place.base]
        if instruction.instruction_class in STORES:
            place = place_of(instruction)
            if place is not None and not place.moves:
                self._stored.append((place, cycle))
        if not writes:
            return
        late = cycle + self._latencies.get(wanted.made, 1)
        early, address = late + self._late_to_early, late + self._late_to_address
        if self._is_early(wanted, cycle, younger=younger, shifter_taken=shifter_taken):
            late = cycle
            if wanted.made is not Made.REVERSED:
                early = address = cycle + 1
        elif wanted.made is Made.PRODUCT:
            address = max(address, cycle + self._product_to_address)
        result = _Result(late, early, address, wanted.made)
        made = writes & ~instruction.writeback & ~(FLAGS | FPSCR)
        for register in _bits(made):
            self._results[register] = result
        if instruction.writeback:
            moved = _Result(cycle if self._early_unit else cycle + 1, cycle + 1, cycle + 1, Made.SUM)
            for register in _bits(instruction.writeback):
                self._results[register] = moved
        self._written |= made | instruction.writeback | writes & FLAGS
        if writes & FLAGS:
            self._results[FLAGS] = _Result(cycle + 1, cycle + 1, cycle + 1, Made.LATE)
            self.flags_set = cycle

    def _is_early(self, wanted: Operands, cycle: float, *, younger: bool, shifter_taken: bool) -> bool:
        """Whether the early unit does an instruction, which needs its operands a cycle earlier."""
        if not self._early_unit:
            return False
        if wanted.made is Made.REVERSED:
            return True
        if (wanted.made is Made.SUM and not younger) or (wanted.made is Made.SHIFT and not shifter_taken):
            return all(self._results[register].early <= cycle for register in _bits(wanted.reads & self._written & ~FLAGS))
        return False


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:
    """Return the charges of a block beyond its issue cycles."""
    charges: list[Charge] = []
    board = _Scoreboard(parameters)
    alike = bool(parameters["alike_bases"])
    shadow = int(parameters["fp_accumulate_shadow"])
    cycle = 0.0  # first cycle in which the next instruction can be the older one of a pair
    accumulated = -1e9  # last cycle in which a floating-point multiply-accumulate issued
    older: Operands | None = None
    group = 0.0  # cycle in which `older` issued
    for place, instruction in enumerate(block):
        wanted = operands_of(instruction)
        name = instruction.instruction_class
        ready, waiting = board.ready(wanted)
        if name in _SHADOWED and accumulated + 1 + shadow > ready:
            ready, waiting = accumulated + 1 + shadow, "fp-wait"
        if older is not None and ready <= group and _can_pair(older, wanted, alike=alike):
            charges.append(Charge(place, "dual-issue"))
            board.issue(wanted, group, younger=True, shifter_taken=older.shifter)
            issued, older = group, None
        else:
            group = max(cycle, ready)
            if group > cycle:
                charges.append(Charge(place, waiting, group - cycle))
            cycle = group + issue[place]
            if name in _HALVED and instruction.register_count & 1:
                charges.append(Charge(place, "odd-register-count"))
                cycle += _HALF_CYCLE
            issued = group if name.startswith("fp64") else cycle - 1
            board.issue(wanted, issued, younger=False, shifter_taken=False)
            older = None if name in _ALONE else wanted
        if name == "fp-multiply-accumulate":
            accumulated = issued
    last = block[-1]
    if last.flow is Flow.CONDITIONAL or (last.flow in _CONTROL and last.predicated):
        decided = last.reads & FLAGS and group - board.flags_set >= int(parameters["flags_ahead"])
        charges.append(Charge(len(block) - 1, "mispredict-decided" if decided else "mispredict", when=When.MINORITY))
    return charges


_SHADOWED = frozenset(("fp-add", "fp-load-multiple", "fp-store-multiple", "fp-load-double", "fp-store-double"))
"""Classes that cannot issue right behind a floating-point multiply-accumulate."""


def _can_pair(older: Operands, younger: Operands, *, alike: bool) -> bool:
    """Whether two neighbours whose operands are there can issue in one cycle."""
    before, behind = older.instruction, younger.instruction
    first, second = before.instruction_class, behind.instruction_class
    if second in _ALONE or second in SINGLE_SLOT or (second in SHIFTED and older.shifter):
        return False
    if before.flow in _CONTROL:
        # A conditional branch pairs with what follows it in memory, if it is not taken.
        return before.flow is Flow.CONDITIONAL and not before.predicated and before.end == behind.address and behind.flow not in _CONTROL
    if first in MULTIPLIES:
        return second not in MULTIPLIES and second not in STORES
    if first in STORES:
        return second not in STORES and second not in MULTIPLIES
    if first in LOADS and second in LOADS:
        return not _same_bank(before, behind, alike=alike)
    if first in _FP_ARITHMETIC and second in _FP_ARITHMETIC:
        return False
    return not (first == "fp-multiply-accumulate" and second in {"fp-load", "fp-store", "fp-core-move", "fp-move"})


def _same_bank(older: Instruction, younger: Instruction, *, alike: bool) -> bool:
    """Whether two loads meet in one of the two word banks."""
    first, second = place_of(older), place_of(younger)
    if first is None or second is None:
        return False
    if first.base != second.base:
        return alike and not (first.start ^ second.start) & _WORD_BYTES
    return not (first.start ^ (first.moves + second.start)) & _WORD_BYTES


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest
        mask ^= lowest


def _cycles(name: str, description: str) -> ParameterRule:
    return ParameterRule(name, description, minimum=0, maximum=40)


PIPELINE = Pipeline(
    name="cortex_m7",
    title="Cortex-M7, six stages, in-order dual issue",
    isa=Isa.THUMB,
    events=(
        EventRule("dual-issue", "an instruction issues together with the one before it", saving=True),
        EventRule("load-wait", "a cycle spent waiting for a loaded value"),
        EventRule("store-wait", "a cycle in which a load waits for a store to the same bytes"),
        EventRule("multiply-wait", "a cycle spent waiting for a product"),
        EventRule("alu-wait", "a cycle spent waiting for a late arithmetic result"),
        EventRule("fp-wait", "a cycle spent waiting for a floating-point result"),
        EventRule("odd-register-count", "the last transfer of a load or store multiple moves one word only"),
        EventRule("mispredict", "a conditional branch goes its rarer way"),
        EventRule("mispredict-decided", "a conditional branch goes its rarer way, and the flags it depends on were set well ahead"),
        EventRule("unaligned-load", "the bytes of a load lie in two words"),
    ),
    parameters=(
        _cycles("load_latency", "cycles from a word load to plain arithmetic on its value"),
        _cycles("narrow_load_latency", "cycles from a byte or halfword load to plain arithmetic on its value"),
        _cycles("load_to_multiply", "further cycles from a word load to a multiply of its value"),
        _cycles("late_to_shifter", "further cycles from a late result to an operand that is shifted or extracted"),
        _cycles("address_latency", "further cycles from a late result to an address"),
        _cycles("multiply_latency", "cycles from a product to its user; one less to an addend"),
        _cycles("multiply_to_address", "cycles from a product to an address, at least"),
        _cycles("saturation_latency", "cycles from a saturating instruction to its user"),
        _cycles("store_to_load", "cycles from a store to a load of the same bytes"),
        _cycles("flags_ahead", "cycles by which flags have to be set ahead of a branch to make a misprediction cheaper"),
        ParameterRule("early_unit", "additions, moves and shifts can be done a cycle early, so that a dependent instruction issues with them"),
        ParameterRule("alike_bases", "loads through different registers are taken to meet in a bank if their distances from them do"),
        _cycles("fp_latency", "cycles from a floating-point addition, product, conversion or move to its user"),
        _cycles("fp_accumulate_latency", "cycles from a floating-point multiply-accumulate to its user"),
        _cycles("fp_accumulate_chain", "cycles less when the user is the addend of the next multiply-accumulate"),
        _cycles("fp_accumulate_shadow", "cycles behind a floating-point multiply-accumulate in which sums and loads of several words cannot issue"),
        _cycles("fp_load_to_addend", "further cycles from a floating-point load to an addend"),
        _cycles("fp64_multiply_latency", "cycles from a double-precision product to its user"),
        _cycles("fp64_accumulate_latency", "cycles from a double-precision multiply-accumulate to its user"),
    ),
    charge=charge,
    lookback=6,
    behind_jumps=True,
    crossing_event="unaligned-load",
    crossing_loads_only=True,
)
