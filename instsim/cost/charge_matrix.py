"""All charges of a set of blocks as arrays, and their form on disk."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.cost.charges import When

__all__ = ["CLASS_PREFIX", "REGISTERS_PREFIX", "ChargeMatrix", "from_bytes", "to_bytes"]

CLASS_PREFIX = "class:"
"""Prefix of the event that is the issue of an instruction of a class."""

REGISTERS_PREFIX = "registers:"
"""Prefix of the event that is one word moved by an instruction of a class."""

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


def to_bytes(matrix: ChargeMatrix) -> bytes:
    """Return a matrix as bytes."""
    stream = io.BytesIO()
    texts = json.dumps([matrix.classes, matrix.events, matrix.unpriced]).encode()
    numbers = np.stack([matrix.block, matrix.address, matrix.class_id, matrix.event, matrix.when, matrix.source])
    for array in (numbers, matrix.count, matrix.instructions, matrix.always_jumps, matrix.loop_target, np.frombuffer(texts, dtype=np.uint8)):
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def from_bytes(stored: bytes) -> ChargeMatrix:
    """Return the matrix that `to_bytes` made bytes of."""
    stream = io.BytesIO(stored)
    numbers, count, instructions, always_jumps, loop_target, texts = (np.load(stream, allow_pickle=False) for _ in range(6))
    classes, events, unpriced = json.loads(texts.tobytes())
    block, address, class_id, event, when, source = numbers
    rows = tuple((int(number), int(place), str(name), str(text)) for number, place, name, text in unpriced)
    return ChargeMatrix(
        block, address, class_id, event, count, when, source, instructions, always_jumps, loop_target, tuple(classes), tuple(events), rows
    )
