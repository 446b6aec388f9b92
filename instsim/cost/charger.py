"""From a profile's blocks to their charges; what was found of a block is kept for the next profile that has it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim import __version__, artifacts
from instsim.cost.charge_matrix import CLASS_PREFIX, REGISTERS_PREFIX, ChargeMatrix, from_bytes, to_bytes
from instsim.cost.charges import SEEN_INSTRUCTIONS, Charge, When
from instsim.cost.core_table import CoreTable
from instsim.cost.loop_paths import backward_target, following_instructions, loop_path
from instsim.cost.pipelines import load_pipeline
from instsim.isa.decode import Decoder, make_decoder
from instsim.isa.instruction import Flow, Instruction, Isa
from instsim.isa.it_state import it_state_behind
from instsim.profile.basic_blocks import BEHIND_BYTES
from instsim.profile.block_profile import BlockProfile

__all__ = ["Charger", "issue_cycles", "load_charges"]

_MAY_CONTINUE = frozenset((Flow.NONE, Flow.CONDITIONAL, Flow.TRAP))
_UNPRICED_CYCLES = 1.0
_NOWHERE = -1
"""Where there is no loop, no known target, no source."""

Integers = npt.NDArray[np.int64]


class _Rows(NamedTuple):
    """Charges as rows: address, class, event and `When` of each, shape (rows, 4), by the charger's own numbers; and their counts."""

    numbers: Integers
    counts: npt.NDArray[np.float64]


@dataclass(eq=False, slots=True)
class _Block:
    """What does not depend on the blocks around it. Compared by identity: a charger has one for each address, state and code.

    Attributes
    ----------
    instructions : tuple of Instruction
        Its code.
    it_behind : int
        ITSTATE behind it.
    issue : tuple of float
        Cycles of each instruction by its class.
    cycles : tuple of float
        The same with the charges that every execution meets.
    rows : _Rows
        Charges in its own right.
    unpriced : tuple of (int, str, str)
        Address, class and text of instructions that the core does not price.
    jump_target, loop_target : int
        Target of the transfer at its end, if the code says it, and if that is a conditional branch backward; else -1.
    always_jumps : bool
        Whether it ends in a transfer that is always taken.
    alone : tuple of Charge or None
        Charges of its first instructions that every execution meets, once somebody asked.
    """

    instructions: tuple[Instruction, ...]
    it_behind: int
    issue: tuple[float, ...]
    cycles: tuple[float, ...]
    rows: _Rows
    unpriced: tuple[tuple[int, str, str], ...]
    jump_target: int
    loop_target: int
    always_jumps: bool
    alone: tuple[Charge, ...] | None


def load_charges(core: CoreTable, profile: BlockProfile) -> ChargeMatrix:
    """Return the charges of a profile's blocks: from the disk cache if this code was charged before, else by decoding it."""
    digest = hashlib.sha256()
    digest.update(f"{__version__} {core.digest} {profile.isa}\n".encode())
    digest.update(artifacts.code_stamp("cost", "isa").encode())
    for part in (profile.addresses.astype("<i8").tobytes(), profile.sizes.astype("<i8").tobytes(), profile.code, profile.code_behind):
        digest.update(hashlib.sha256(part).digest())
    key = digest.hexdigest()
    stored = artifacts.load("charges", key)
    if stored is not None:
        return from_bytes(stored)
    matrix = Charger(core).charge(profile)
    artifacts.store("charges", key, to_bytes(matrix))
    return matrix


class Charger:
    """Decodes and charges the blocks of profiles. The second profile with a block finds it charged.

    Parameters
    ----------
    core : CoreTable
        The core's costs.
    """

    def __init__(self, core: CoreTable) -> None:
        self._core, self._pipeline, self._parameters = core, load_pipeline(core.pipeline), core.parameter_values
        self._decoder: Decoder | None = None
        self._blocks: dict[tuple[int, int, bytes], _Block] = {}
        self._rows: dict[tuple[Hashable, ...], _Rows | None] = {}
        self._events: dict[str, int] = {}
        self._classes: dict[str, int] = {}

    def charge(self, profile: BlockProfile) -> ChargeMatrix:
        """Return the charges of every block of a profile, which is of the core's instruction set; the same whatever was charged before."""
        blocks = self._blocks_of(profile)
        pieces: list[_Rows] = []
        owners: list[int] = []
        sources: list[int] = []

        def add(number: int, rows: _Rows | None, source: int = _NOWHERE) -> None:
            if rows is not None:
                pieces.append(rows)
                owners.append(number)
                sources.append(source)

        previous: _Block | None = None
        for number, block in enumerate(blocks):
            add(number, block.rows)
            if previous is not None and not previous.always_jumps and previous.instructions[-1].end == block.instructions[0].address:
                add(number, self._behind(previous, block, When.SEQUENTIAL))
            previous = block if self._pipeline.lookback else None
        for number, rows in self._before_following(profile, blocks):
            add(number, rows)
        numbers = {block.instructions[0].address: number for number, block in enumerate(blocks)}
        for number, rows in self._loops(blocks, numbers):
            add(number, rows)
        if self._pipeline.behind_jumps:
            for source, block in enumerate(blocks):
                target = numbers.get(block.jump_target)
                if target is not None:
                    add(target, self._behind(block, blocks[target], When.JUMPED), source)
        return self._matrix(blocks, pieces, owners, sources)

    # -- the parts of a matrix ---------------------------------------------------------------------------------------------------

    def _matrix(self, blocks: Sequence[_Block], pieces: Sequence[_Rows], owners: Sequence[int], sources: Sequence[int]) -> ChargeMatrix:
        lengths = [rows.counts.size for rows in pieces]
        numbers = np.concatenate([rows.numbers for rows in pieces]) if pieces else np.zeros((0, 4), np.int64)
        address, classes, events, when = np.ascontiguousarray(numbers.T)
        class_id, class_names = _renumbered(classes, tuple(self._classes))
        event, event_names = _renumbered(events, tuple(self._events))
        return ChargeMatrix(
            block=np.repeat(np.array(owners, np.int64), lengths),
            address=address,
            class_id=class_id,
            event=event,
            count=np.concatenate([rows.counts for rows in pieces]) if pieces else np.zeros(0),
            when=when,
            source=np.repeat(np.array(sources, np.int64), lengths),
            instructions=np.array([len(block.instructions) for block in blocks], dtype=np.int64),
            always_jumps=np.array([block.always_jumps for block in blocks], dtype=bool),
            loop_target=np.array([block.loop_target for block in blocks], dtype=np.int64),
            classes=class_names,
            events=event_names,
            unpriced=tuple((number, *found) for number, block in enumerate(blocks) for found in block.unpriced),
        )

    def _row_of(self, block: Sequence[Instruction], charge: Charge) -> tuple[int, int, int, int, float]:
        instruction = block[charge.place]
        event = self._events.setdefault(charge.event, len(self._events))
        return instruction.address, self._classes[instruction.instruction_class], event, charge.when, float(charge.occurrences)

    def _keep(self, key: tuple[Hashable, ...], block: _Block, charges: Iterable[Charge]) -> None:
        self._rows[key] = _rows([self._row_of(block.instructions, charge) for charge in charges])

    # -- blocks in their own right -----------------------------------------------------------------------------------------------

    def _blocks_of(self, profile: BlockProfile) -> list[_Block]:
        """Return the blocks of a profile; one that starts where the block in front ends inside an IT block carries its state on."""
        blocks = []
        offset = 0
        end = -1
        it_behind = 0
        for address, size in zip(profile.addresses.tolist(), profile.sizes.tolist(), strict=True):
            code = profile.code[offset : offset + size]
            offset += size
            state = it_behind if address == end else 0
            block = self._blocks.get((address, state, code))
            if block is None:
                block = self._make_block(self._decoded(profile.isa, code, address, state), it_state_behind(profile.isa, code, state))
                self._blocks[address, state, code] = block
            blocks.append(block)
            end = address + size
            it_behind = block.it_behind
        return blocks

    def _decoded(self, isa: Isa, code: bytes, address: int, it_state: int = 0) -> tuple[Instruction, ...]:
        if self._decoder is None:
            self._decoder = make_decoder(isa)
        return self._decoder.decode(code, address, it_state)

    def _make_block(self, instructions: tuple[Instruction, ...], it_behind: int) -> _Block:
        core = self._core
        issue = tuple(issue_cycles(core, instruction) for instruction in instructions)
        rows: list[tuple[int, int, int, int, float]] = []
        unpriced: list[tuple[int, str, str]] = []
        for instruction in instructions:
            name = instruction.instruction_class
            place = instruction.address, self._classes.setdefault(name, len(self._classes))
            rows.append((*place, self._events.setdefault(CLASS_PREFIX + name, len(self._events)), When.ALWAYS, 1.0))
            cost = core.classes.get(name)
            if cost is None:
                unpriced.append((instruction.address, name, f"{instruction.mnemonic} {instruction.operands}".strip()))
            elif cost.per_register and instruction.register_count:
                moved = self._events.setdefault(REGISTERS_PREFIX + name, len(self._events))
                rows.append((*place, moved, When.ALWAYS, float(instruction.register_count)))
        charges = self._pipeline.charge(instructions, self._parameters, issue)
        rows += [self._row_of(instructions, charge) for charge in charges]
        cycles = list(issue)
        for charge in _always(charges):
            cycles[charge.place] += core.events[charge.event].cycles * charge.occurrences
        last = instructions[-1]
        return _Block(
            instructions=instructions,
            it_behind=it_behind,
            issue=issue,
            cycles=tuple(cycles),
            rows=_rows(rows) or _NO_ROWS,
            unpriced=tuple(unpriced),
            jump_target=_NOWHERE if last.target is None else last.target,
            loop_target=_NOWHERE if (target := backward_target(last)) is None else target,
            always_jumps=last.flow not in _MAY_CONTINUE and not last.predicated,
            alone=_always(charges) if len(instructions) <= self._pipeline.settling else None,
        )

    # -- what other blocks add ---------------------------------------------------------------------------------------------------

    def _behind(self, source: _Block, block: _Block, when: When) -> _Rows | None:
        """Return what the first instructions of a block cost more when `source` ran before."""
        key = (when, source, block)
        if key not in self._rows:
            self._keep(key, block, self._differences(source, block, when))
        return self._rows[key]

    def _differences(self, source: _Block, block: _Block, when: When) -> list[Charge]:
        """Return the difference of two prices, so that a pairing across the border counts and one that is lost counts negative."""
        pipeline, parameters = self._pipeline, self._parameters
        before, head = source.instructions[-pipeline.lookback :], block.instructions[: pipeline.settling]
        head_issue = block.issue[: len(head)]
        if block.alone is None:
            block.alone = _always(pipeline.charge(head, parameters, head_issue))
        issue = (*source.issue[-len(before) :], *head_issue)
        differences: Counter[tuple[int, str]] = Counter()
        for charge in _always(pipeline.charge((*before, *head), parameters, issue)):
            if charge.place >= len(before):
                differences[charge.place - len(before), charge.event] += charge.occurrences  # type: ignore[assignment]
        for charge in block.alone:
            differences[charge.place, charge.event] -= charge.occurrences  # type: ignore[assignment]
        return [Charge(index, event, count, when) for (index, event), count in differences.items() if count]

    def _before_following(self, profile: BlockProfile, blocks: Sequence[_Block]) -> Iterator[tuple[int, _Rows | None]]:
        """Yield what blocks cost more because of what is behind them: by memory if the profile kept it, else by what ran there."""
        rule = self._pipeline.charge_following
        if rule is None:
            return
        decoded = [block.instructions for block in blocks]
        for number, block in enumerate(blocks):
            code = profile.code_behind[number * BEHIND_BYTES : (number + 1) * BEHIND_BYTES]
            key: tuple[Hashable, ...] = ("code", block, code) if code else ("blocks", *blocks[number : number + 1 + SEEN_INSTRUCTIONS])
            if key not in self._rows:
                end = block.instructions[-1].end
                following: Sequence[Instruction] = ()
                if code:
                    following = self._decoded(profile.isa, code, end)[:SEEN_INSTRUCTIONS]
                elif number + 1 < len(blocks) and blocks[number + 1].instructions[0].address == end:
                    following = following_instructions(decoded, number + 1)
                self._keep(key, block, rule(block.instructions, following) if following else ())
            yield number, self._rows[key]

    def _loops(self, blocks: Sequence[_Block], numbers: dict[int, int]) -> Iterator[tuple[int, _Rows | None]]:
        rule = self._pipeline.charge_loop
        if rule is None:
            return
        for number, block in enumerate(blocks):
            first = numbers.get(block.loop_target)
            if first is None:
                continue
            key = ("loop", number - first, *blocks[first : max(number + 1, first + SEEN_INSTRUCTIONS)])
            if key not in self._rows:
                decoded, cycles = [found.instructions for found in blocks], [found.cycles for found in blocks]
                self._keep(key, block, rule(loop_path(decoded, cycles, first, number), self._parameters))
            yield number, self._rows[key]


_NO_ROWS = _Rows(np.zeros((0, 4), np.int64), np.zeros(0))


def _rows(rows: Sequence[tuple[int, int, int, int, float]]) -> _Rows | None:
    if not rows:
        return None
    return _Rows(np.array([row[:4] for row in rows], dtype=np.int64), np.array([row[4] for row in rows], dtype=np.float64))


def _renumbered(numbers: Integers, names: tuple[str, ...]) -> tuple[Integers, tuple[str, ...]]:
    """Return the numbers and the names of those that appear, in the order of their first appearance."""
    first = np.full(len(names), numbers.size)
    np.minimum.at(first, numbers, np.arange(numbers.size))
    order = np.argsort(first, kind="stable")[: np.count_nonzero(first < numbers.size)]
    places = np.full(len(names), _NOWHERE)
    places[order] = np.arange(order.size)
    return places[numbers], tuple(names[number] for number in order.tolist())


def _always(charges: Sequence[Charge]) -> tuple[Charge, ...]:
    return tuple(charge for charge in charges if charge.when is When.ALWAYS)


def issue_cycles(core: CoreTable, instruction: Instruction) -> float:
    """Return the cycles that the class of an instruction costs by itself."""
    cost = core.classes.get(instruction.instruction_class)
    return _UNPRICED_CYCLES if cost is None else cost.cycles + cost.per_register * instruction.register_count
