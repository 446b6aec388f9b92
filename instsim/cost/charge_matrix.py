"""All charges of a set of blocks as arrays, built once for a core and kept on disk."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim import __version__, artifacts
from instsim.cost.charges import SEEN_INSTRUCTIONS, Charge, Parameter, Pipeline, When
from instsim.cost.core_table import CoreTable
from instsim.cost.loop_paths import backward_target, charge_loops, following_instructions
from instsim.cost.pipelines import load_pipeline
from instsim.isa.instruction import Flow, Instruction
from instsim.isa.it_state import it_state_behind
from instsim.profile.basic_blocks import BEHIND_BYTES
from instsim.profile.block_profile import BlockProfile

__all__ = ["CLASS_PREFIX", "REGISTERS_PREFIX", "ChargeMatrix", "issue_cycles", "load_charges"]

CLASS_PREFIX = "class:"
"""Prefix of the event that is the issue of an instruction of a class."""

REGISTERS_PREFIX = "registers:"
"""Prefix of the event that is one word moved by an instruction of a class."""

_MAY_CONTINUE = frozenset((Flow.NONE, Flow.CONDITIONAL, Flow.TRAP))
_UNPRICED_CYCLES = 1.0
_NO_LOOP = -1
_NO_SOURCE = -1

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChargeMatrix:
    """Charges of all blocks of a profile, one element each.

    Attributes
    ----------
    block : ndarray of int64, shape (charges,)
        Index of the block.
    address : ndarray of int64, shape (charges,)
        Address of the instruction.
    class_id : ndarray of int64, shape (charges,)
        Index into `classes`: class of the instruction.
    event : ndarray of int64, shape (charges,)
        Index into `events`.
    count : ndarray of float64, shape (charges,)
        Occurrences in one execution.
    when : ndarray of int64, shape (charges,)
        A `When`.
    source : ndarray of int64, shape (charges,)
        Index of the block whose jump led to this one, for `When.JUMPED`; else -1.
    instructions : ndarray of int64, shape (blocks,)
        Instructions of each block.
    always_jumps : ndarray of bool, shape (blocks,)
        Whether the block ends in a transfer that is always taken, even when it leads to the next address.
    loop_target : ndarray of int64, shape (blocks,)
        Target of the conditional branch backward at the block's end; -1 where there is none.
    classes, events : tuple of str
        Names.
    unpriced : tuple of (int, int, str, str)
        Block, address, class and text of every instruction whose class the core does not price.
    """

    block: Integers
    address: Integers
    class_id: Integers
    event: Integers
    count: npt.NDArray[np.float64]
    when: Integers
    source: Integers
    instructions: Integers
    always_jumps: npt.NDArray[np.bool_]
    loop_target: Integers
    classes: tuple[str, ...]
    events: tuple[str, ...]
    unpriced: tuple[tuple[int, int, str, str], ...]

    @property
    def met_as(self) -> tuple[Integers, Integers]:
        """For each charge a `When` and a block: executions of that block that this applies to are those that meet the charge."""
        jumped = self.when == When.JUMPED
        return np.where(jumped, When.TAKEN, self.when), np.where(jumped, self.source, self.block)


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
        return _from_bytes(stored)
    matrix = build_charges(core, profile)
    artifacts.store("charges", key, _to_bytes(matrix))
    return matrix


def build_charges(core: CoreTable, profile: BlockProfile) -> ChargeMatrix:
    """Decode and charge every block of a profile."""
    decoded = _decode(profile)
    pipeline = load_pipeline(core.pipeline)
    parameters = core.parameter_values
    behind = _Behind(pipeline, parameters)
    names: dict[str, int] = {}
    class_names: dict[str, int] = {}
    rows: list[tuple[int, int, int, int, float, int, int]] = []
    unpriced = []
    cycles = []
    previous: tuple[Instruction, ...] = ()

    def add(number: int, charge: Charge, source: int = _NO_SOURCE) -> None:
        instruction = decoded[number][charge.place]
        event = names.setdefault(charge.event, len(names))
        class_id = class_names[instruction.instruction_class]
        rows.append((number, instruction.address, class_id, event, float(charge.occurrences), charge.when, source))

    for number, block in enumerate(decoded):
        issue = [issue_cycles(core, instruction) for instruction in block]
        for instruction in block:
            name = instruction.instruction_class
            class_id = class_names.setdefault(name, len(class_names))
            rows.append((number, instruction.address, class_id, names.setdefault(CLASS_PREFIX + name, len(names)), 1.0, When.ALWAYS, _NO_SOURCE))
            cost = core.classes.get(name)
            if cost is None:
                unpriced.append((number, instruction.address, name, f"{instruction.mnemonic} {instruction.operands}".strip()))
            elif cost.per_register and instruction.register_count:
                event = names.setdefault(REGISTERS_PREFIX + name, len(names))
                rows.append((number, instruction.address, class_id, event, float(instruction.register_count), When.ALWAYS, _NO_SOURCE))
        charges = pipeline.charge(block, parameters, issue)
        behind.note(block, issue, charges)
        if pipeline.lookback and previous and previous[-1].end == block[0].address and not _always_jumps(previous[-1]):
            charges = [*charges, *behind.charges(previous, block, When.SEQUENTIAL)]
        for charge in charges:
            add(number, charge)
        for charge in charges:
            if charge.when is When.ALWAYS:
                issue[charge.place] += core.events[charge.event].cycles * charge.occurrences
        cycles.append(issue)
        previous = block
    if pipeline.charge_following is not None:
        for number, following in enumerate(_following(profile, decoded)):
            for charge in pipeline.charge_following(decoded[number], following) if following else ():
                add(number, charge)
    for number, charge in charge_loops(pipeline, parameters, decoded, cycles):
        add(number, charge)
    if pipeline.behind_jumps:
        for source, number in _jumps(decoded):
            for charge in behind.charges(decoded[source], decoded[number], When.JUMPED):
                add(number, charge, source)
    columns = list(zip(*rows, strict=True)) or [()] * 7
    return ChargeMatrix(
        block=np.array(columns[0], dtype=np.int64),
        address=np.array(columns[1], dtype=np.int64),
        class_id=np.array(columns[2], dtype=np.int64),
        event=np.array(columns[3], dtype=np.int64),
        count=np.array(columns[4], dtype=np.float64),
        when=np.array(columns[5], dtype=np.int64),
        source=np.array(columns[6], dtype=np.int64),
        instructions=np.array([len(block) for block in decoded], dtype=np.int64),
        always_jumps=np.array([_always_jumps(block[-1]) for block in decoded], dtype=bool),
        loop_target=np.array([_loop_target(block[-1]) for block in decoded], dtype=np.int64),
        classes=tuple(class_names),
        events=tuple(names),
        unpriced=tuple(unpriced),
    )


def issue_cycles(core: CoreTable, instruction: Instruction) -> float:
    """Return the cycles that the class of an instruction costs by itself."""
    cost = core.classes.get(instruction.instruction_class)
    return _UNPRICED_CYCLES if cost is None else cost.cycles + cost.per_register * instruction.register_count


def _always_jumps(last: Instruction) -> bool:
    return last.flow not in _MAY_CONTINUE and not last.predicated


def _loop_target(last: Instruction) -> int:
    target = backward_target(last)
    return _NO_LOOP if target is None else target


def _jumps(decoded: Sequence[Sequence[Instruction]]) -> Iterator[tuple[int, int]]:
    """Yield blocks that end in a jump or call whose target is known, each with the block it leads to."""
    numbers = {block[0].address: number for number, block in enumerate(decoded)}
    for source, block in enumerate(decoded):
        target = block[-1].target
        number = None if target is None else numbers.get(target)
        if number is not None:
            yield source, number


class _Behind:
    """What the first instructions of blocks cost more when another block ran before.

    The difference of two prices, so a pairing across the border counts and one that is lost counts negative.
    """

    def __init__(self, pipeline: Pipeline, parameters: Mapping[str, Parameter]) -> None:
        self._pipeline, self._parameters = pipeline, parameters
        self._issue: dict[int, tuple[float, ...]] = {}
        self._alone: dict[int, tuple[Charge, ...]] = {}

    def note(self, block: Sequence[Instruction], issue: Sequence[float], charges: Sequence[Charge]) -> None:
        """Take note of a block: issue cycles of its instructions, and its charges in its own right."""
        address = block[0].address
        self._issue[address] = tuple(issue)
        if len(block) <= self._pipeline.settling:
            self._alone[address] = _always(charges)

    def charges(self, source: Sequence[Instruction], block: Sequence[Instruction], when: When) -> list[Charge]:
        """Return what a block costs more behind `source`; both have been noted."""
        before, head = source[-self._pipeline.lookback :], block[: self._pipeline.settling]
        address = block[0].address
        head_issue = self._issue[address][: len(head)]
        alone = self._alone.get(address)
        if alone is None:
            alone = self._alone[address] = _always(self._pipeline.charge(head, self._parameters, head_issue))
        issue = (*self._issue[source[0].address][-len(before) :], *head_issue)
        differences: Counter[tuple[int, str]] = Counter()
        for charge in _always(self._pipeline.charge((*before, *head), self._parameters, issue)):
            if charge.place >= len(before):
                differences[charge.place - len(before), charge.event] += charge.occurrences  # type: ignore[assignment]
        for charge in alone:
            differences[charge.place, charge.event] -= charge.occurrences  # type: ignore[assignment]
        return [Charge(index, event, count, when) for (index, event), count in differences.items() if count]


def _always(charges: Sequence[Charge]) -> tuple[Charge, ...]:
    return tuple(charge for charge in charges if charge.when is When.ALWAYS)


def _following(profile: BlockProfile, decoded: Sequence[Sequence[Instruction]]) -> Iterator[Sequence[Instruction]]:
    """Yield the instructions behind each block: from memory if the profile kept them, else as far as they ran."""
    from instsim.isa.decode import make_decoder  # noqa: PLC0415 -- a warm start needs no Capstone

    decoder = make_decoder(profile.isa)
    for number, block in enumerate(decoded):
        end = block[-1].end
        if profile.code_behind:
            code = profile.code_behind[number * BEHIND_BYTES : (number + 1) * BEHIND_BYTES]
            yield decoder.decode(code, end)[:SEEN_INSTRUCTIONS]
        elif number + 1 < len(decoded) and decoded[number + 1][0].address == end:
            yield following_instructions(decoded, number + 1)
        else:
            yield ()


def _decode(profile: BlockProfile) -> list[tuple[Instruction, ...]]:
    """Decode all blocks; one that starts where the block in front ends inside an IT block carries its state on."""
    from instsim.isa.decode import make_decoder  # noqa: PLC0415 -- a warm start needs no Capstone

    decoder = make_decoder(profile.isa)
    decoded = []
    offset = 0
    end = -1
    it_state = 0
    for address, size in zip(profile.addresses.tolist(), profile.sizes.tolist(), strict=True):
        code = profile.code[offset : offset + size]
        offset += size
        state = it_state if address == end else 0
        decoded.append(decoder.decode(code, address, state))
        end = address + size
        it_state = it_state_behind(profile.isa, code, state)
    return decoded


def _to_bytes(matrix: ChargeMatrix) -> bytes:
    stream = io.BytesIO()
    texts = json.dumps([matrix.classes, matrix.events, matrix.unpriced]).encode()
    numbers = np.stack([matrix.block, matrix.address, matrix.class_id, matrix.event, matrix.when, matrix.source])
    for array in (numbers, matrix.count, matrix.instructions, matrix.always_jumps, matrix.loop_target, np.frombuffer(texts, dtype=np.uint8)):
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _from_bytes(stored: bytes) -> ChargeMatrix:
    stream = io.BytesIO(stored)
    numbers, count, instructions, always_jumps, loop_target, texts = (np.load(stream, allow_pickle=False) for _ in range(6))
    classes, events, unpriced = json.loads(texts.tobytes())
    block, address, class_id, event, when, source = numbers
    rows = tuple((int(number), int(place), str(name), str(text)) for number, place, name, text in unpriced)
    return ChargeMatrix(
        block, address, class_id, event, count, when, source, instructions, always_jumps, loop_target, tuple(classes), tuple(events), rows
    )
