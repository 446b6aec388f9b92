"""What layers of one kind executed, brought to common basic blocks: one row for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.isa.instruction import Isa
from instsim.model.layer import Layer
from instsim.profile.basic_blocks import TranslationBlocks, code_behind, to_basic_blocks
from instsim.profile.block_profile import BlockProfile, DividerUse, FirmwareFacts, RunFacts

__all__ = ["Sample", "join_samples", "kernel_sample"]

Integers = npt.NDArray[np.int64]
_BEHIND = 16


@dataclass(frozen=True)
class Sample:
    """What one layer executed.

    Attributes
    ----------
    layer : Layer
        The layer.
    addresses, sizes, executions, fallthroughs : ndarray of int64, shape (blocks,)
        Basic blocks that ran in its kernel, as in `instsim.profile.BlockProfile`.
    code, code_behind : bytes
        Of these blocks, one after the other, and what lies behind each.
    buffer_outcomes : ndarray of int64, shape (outcomes, blocks), or None
        What a branch target buffer did, on cores that have one.
    dividers : tuple of DividerUse
        Operands of divides.
    arena_bytes : int or None
        What the arena needed for the model of this layer alone.
    """

    layer: Layer
    addresses: Integers
    sizes: Integers
    executions: Integers
    fallthroughs: Integers
    code: bytes
    code_behind: bytes
    buffer_outcomes: Integers | None = None
    dividers: tuple[DividerUse, ...] = ()
    arena_bytes: int | None = None


def kernel_sample(layer: Layer, profile: BlockProfile, row: int, arena_bytes: int | None = None) -> Sample:
    """Take one row of a profile as a sample; row 0 is dispatch, row ``i + 1`` kernel ``i``."""
    ran = np.flatnonzero(profile.executions[row])
    starts = np.concatenate([[0], np.cumsum(profile.sizes)])
    behind = b"".join(profile.code_behind[i * _BEHIND : (i + 1) * _BEHIND] for i in ran.tolist()) if profile.code_behind else b""
    return Sample(
        layer,
        profile.addresses[ran],
        profile.sizes[ran],
        profile.executions[row, ran],
        profile.fallthroughs[row, ran],
        b"".join(profile.code[starts[i] : starts[i + 1]] for i in ran.tolist()),
        behind,
        None if profile.buffer_outcomes is None else profile.buffer_outcomes[:, row, ran],
        profile.dividers,
        arena_bytes,
    )


def join_samples(isa: Isa, samples: Sequence[Sample]) -> BlockProfile:
    """Bring samples to common blocks.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    samples : sequence of Sample
        At least one.

    Returns
    -------
    BlockProfile
        Row ``i`` belongs to sample ``i``; no row is for dispatch.
    """
    blocks = {pair for sample in samples for pair in zip(sample.addresses.tolist(), sample.sizes.tolist(), strict=True)}
    ordered = sorted(blocks)
    places = {pair: place for place, pair in enumerate(ordered)}
    code = _Code(samples)
    shape = (len(samples), len(ordered))
    executions, fallthroughs = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    followed = all(sample.buffer_outcomes is not None for sample in samples)
    kinds = 0
    if followed and samples[0].buffer_outcomes is not None:
        kinds = samples[0].buffer_outcomes.shape[0]
    outcomes = np.zeros((kinds, *shape), np.int64)
    uses: dict[int, dict[int, int]] = {}
    for row, sample in enumerate(samples):
        columns = [places[pair] for pair in zip(sample.addresses.tolist(), sample.sizes.tolist(), strict=True)]
        executions[row, columns] = sample.executions
        fallthroughs[row, columns] = sample.fallthroughs
        if followed and sample.buffer_outcomes is not None:
            outcomes[:, row, columns] = sample.buffer_outcomes
        for use in sample.dividers:
            counts = uses.setdefault(use.address, {})
            for key, count in zip(use.keys.tolist(), use.counts.tolist(), strict=True):
                counts[key] = counts.get(key, 0) + count
    pairs = np.array(ordered, np.int64).reshape(-1, 2)
    joined = to_basic_blocks(isa, TranslationBlocks(pairs[:, 0], pairs[:, 1], executions, fallthroughs, outcomes if followed else None), code.read)
    return BlockProfile(
        isa=isa,
        addresses=joined.addresses,
        sizes=joined.sizes,
        code=b"".join(code.read(start, size) for start, size in zip(joined.addresses.tolist(), joined.sizes.tolist(), strict=True)),
        executions=joined.executions,
        fallthroughs=joined.fallthroughs,
        kernels=(),
        functions=(),
        dividers=tuple(
            DividerUse(address, np.array(sorted(counts), np.int64), np.array([counts[key] for key in sorted(counts)], np.int64))
            for address, counts in sorted(uses.items())
        ),
        firmware=FirmwareFacts("layers", "", ""),
        run=RunFacts("layers", "kernels", "region-done"),
        buffer_outcomes=joined.buffer_outcomes,
        code_behind=code_behind(joined, code.read) if code.has_behind else b"",
    )


class _Code:
    """The bytes that ran, and those behind them, as one memory with holes."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._start = min((int(sample.addresses.min()) for sample in samples if sample.addresses.size), default=0)
        end = max((int((sample.addresses + sample.sizes).max()) for sample in samples if sample.addresses.size), default=0)
        self._memory = bytearray(end - self._start + _BEHIND)
        self.has_behind = all(sample.code_behind for sample in samples)
        seen: set[tuple[int, int]] = set()
        later: list[tuple[int, bytes]] = []
        for sample in samples:
            offset = 0
            for index, (address, size) in enumerate(zip(sample.addresses.tolist(), sample.sizes.tolist(), strict=True)):
                if (address, size) not in seen:
                    seen.add((address, size))
                    later.append((address, sample.code[offset : offset + size]))
                    if sample.code_behind:
                        self._put(address + size, sample.code_behind[index * _BEHIND : (index + 1) * _BEHIND])
                offset += size
        for address, code in later:
            self._put(address, code)

    def _put(self, address: int, data: bytes) -> None:
        place = address - self._start
        data = data[: len(self._memory) - place]
        self._memory[place : place + len(data)] = data

    def read(self, address: int, size: int) -> bytes:
        place = address - self._start
        return bytes(self._memory[place : place + size]) if place >= 0 else b""
