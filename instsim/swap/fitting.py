"""Whether a model and its arena would fit the real chip, whose memory the swap goes around."""

from __future__ import annotations

from instsim.emulate.spec import MachineSpec, MemorySpec
from instsim.image import FirmwareImage
from instsim.profile import SwapFacts
from instsim.swap.runner import ModelRunner
from instsim.units import format_bytes

__all__ = ["fit_warnings"]


def fit_warnings(image: FirmwareImage, runner: ModelRunner, swap: SwapFacts) -> tuple[str, ...]:
    """Return what would not fit, one sentence each.

    The memory that holds the own model would hold the other instead, and the one that holds the arena one of the size that is needed.

    Parameters
    ----------
    image : FirmwareImage
        The firmware.
    runner : ModelRunner
        What was learned of it.
    swap : SwapFacts
        The model.
    """
    found = []
    facts, spec = runner.facts, runner.spec
    memory = _memory_at(spec, facts.model_address)
    if memory is not None:
        free = memory.size - _occupied(image, memory) + swap.own_model_bytes
        if swap.model_bytes > free:
            found.append(_sentence("the model", swap.model_bytes, free, memory, spec))
    memory = _memory_at(spec, facts.arena.address)
    if memory is not None and swap.arena_need_bytes is not None:
        occupied = _occupied(image, memory)
        free = memory.size - occupied + (facts.arena.size_bytes if occupied >= facts.arena.size_bytes else 0)
        if swap.arena_need_bytes > free:
            found.append(_sentence("its tensor arena", swap.arena_need_bytes, free, memory, spec))
    return tuple(found)


def _sentence(what: str, needed: int, free: int, memory: MemorySpec, spec: MachineSpec) -> str:
    left = format_bytes(max(0, free))
    return f"{what} would not fit {spec.name}: it takes {format_bytes(needed)}, and beside the firmware's own the {memory.name} has {left}"


def _memory_at(spec: MachineSpec, address: int) -> MemorySpec | None:
    return next((m for m in spec.memories for start in (m.address, *m.aliases) if start <= address < start + m.size), None)


def _occupied(image: FirmwareImage, memory: MemorySpec) -> int:
    """Return the bytes of a memory that the image takes, at load and at run time."""
    spans = []
    for segment in image.segments:
        spans.append((segment.virtual_address, segment.virtual_address + segment.memory_size))
        if segment.data:
            spans.append((segment.address, segment.address + len(segment.data)))
    total, end = 0, 0
    for start, stop in sorted(spans):
        first, last = max(start, memory.address, end), min(stop, memory.address + memory.size)
        if first < last:
            total += last - first
            end = last
    return total
