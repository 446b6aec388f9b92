"""From ``--move weights=sram1`` to addresses: what is to be priced as if it lay in another memory of the board."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from instsim.cost import Board
from instsim.cost.board import MemoryRegion
from instsim.cost.memory_resolution import Placement
from instsim.errors import UsageError
from instsim.image import FirmwareImage, Symbol, resolve_function, short_name

__all__ = ["Move", "find_moves"]

WEIGHTS = "weights"
_HINT = "as in --move weights=sram1, --move conv_2d=itcm or --move 0x08010000-0x08020000=sram1"
_RANGE = re.compile(r"\s*(0x[0-9a-f]+|\d+)\s*-\s*(0x[0-9a-f]+|\d+)\s*", re.IGNORECASE)
_ROUND_BYTES = 32
_NOT_WRITTEN = {"rom": "read-only memory", "device": "registers of devices"}
_ADDRESS_SPACE = 1 << 32
_OUTSIDE_BRACKETS = re.compile(r",(?![^(<]*[)>])")

_Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Move:
    """One alternative placement.

    Attributes
    ----------
    text : str
        As it was asked for, in words: ``weights in sram1``.
    placement : tuple of Placement
        The addresses, rounded outward to 32 bytes.
    size_bytes : int
        Bytes moved, before rounding.
    warnings : tuple of str
        What a reader should know.
    """

    text: str
    placement: tuple[Placement, ...]
    size_bytes: int
    warnings: tuple[str, ...] = ()


def find_moves(image: FirmwareImage, board: Board, texts: Iterable[str]) -> tuple[Move, ...]:
    """Return the placements that were asked for.

    Parameters
    ----------
    image : FirmwareImage
        Where models and symbols are looked for.
    board : Board
        Whose memories they go to.
    texts : iterable of str
        ``PLACE=MEMORY``, several of them separated by commas where they go together. A place is ``weights`` (all models in the image), a function, a
        data symbol, a pattern of these (``arm_nn_*``), a section (``.text``) or addresses (``START-STOP``, without STOP itself).

    Raises
    ------
    UsageError
        If one of them is not ``PLACE=MEMORY``, there is no such place or memory, nothing can be put there, it does not fit, or two of them overlap.
    """
    return tuple(_move(image, board, text) for text in texts)


def _move(image: FirmwareImage, board: Board, text: str) -> Move:
    memories = {memory.name: memory for memory in board.memories}
    by_memory: dict[str, list[_Range]] = {}
    words, warnings = [], []
    size = 0
    for part in _OUTSIDE_BRACKETS.split(text):
        place, equals, name = (word.strip() for word in part.rpartition("="))
        if not equals or not place or not name:
            raise UsageError(f"--move {text}: not PLACE=MEMORY", hint=_HINT)
        if name not in memories:
            near = get_close_matches(name, memories, n=3, cutoff=0.5)
            known = f"did you mean {' or '.join(near)}?" if near else f"its memories: {', '.join(memories)}"
            raise UsageError(f"--move {text}: board {board.name} has no memory {name!r}", hint=known)
        ranges = _ranges(image, place)
        memory = memories[name]
        _check(text, place, ranges, memory)
        warnings += _warnings(image, place, ranges, memory)
        size += sum(stop - start for start, stop in ranges)
        by_memory.setdefault(name, []).extend(ranges)
        words.append(f"{place} in {name}")
    placement = tuple(Placement(start, stop, name) for name, ranges in by_memory.items() for start, stop in _merged(ranges))
    return Move(", ".join(words), placement, size, tuple(warnings))


def _ranges(image: FirmwareImage, place: str) -> list[_Range]:
    if place == WEIGHTS and image.symbol(place) is None:
        return _models(image)
    numbers = _RANGE.fullmatch(place)
    if numbers is not None:
        start, stop = (int(number, 0) for number in numbers.groups())
        if not 0 <= start < stop <= _ADDRESS_SPACE:
            raise UsageError(f"--move {place}: {start:#x} to {stop:#x} are no addresses", hint="give START-STOP with STOP behind START, below 2^32")
        return [(start, stop)]
    if place.startswith("."):
        sections = [section for section in image.sections if section.name == place and section.size]
        if not sections:
            known = ", ".join(section.name for section in image.sections if section.size) or "it names none"
            raise UsageError(f"--move {place}: {image.name} has no such section", hint=f"its sections: {known}")
        return [(section.address, section.address + section.size) for section in sections]
    if any(letter in place for letter in "*?["):
        matching = [symbol for symbol in image.symbols if symbol.kind != "none" and _matches(symbol, place)]
        if not matching:
            raise UsageError(f"--move {place}: no symbol of {image.name} has such a name", hint="quote patterns, or the shell replaces them")
        return [_extent(image, symbol) for symbol in matching]
    symbol = image.symbol(place)
    return [_extent(image, symbol if symbol is not None and symbol.kind == "object" else resolve_function(image, place))]


def _matches(symbol: Symbol, pattern: str) -> bool:
    return fnmatchcase(symbol.name, pattern) or fnmatchcase(short_name(symbol.name), pattern)


def _models(image: FirmwareImage) -> list[_Range]:
    from instsim.model import find_models  # noqa: PLC0415 -- loads flatbuffers

    # By the addresses that the firmware reads them at: a model in `.data` is loaded elsewhere.
    models = [model for segment in image.segments for model in find_models(segment.data, segment.virtual_address)]
    if not models:
        raise UsageError(
            f"--move {WEIGHTS}: no TensorFlow Lite model was found in {image.name}",
            hint="name the array that holds them, a pattern or a section, or give its addresses as START-STOP",
        )
    return [(model.address, model.address + model.description.size) for model in models]


def _extent(image: FirmwareImage, symbol: Symbol) -> _Range:
    """Return a symbol's addresses; a function without a size ends where the next one starts."""
    size = symbol.size
    if not size and symbol.kind != "object":
        size = min((other.address - symbol.address for other in image.functions if other.address > symbol.address), default=0)
    if not size:
        raise UsageError(f"--move {symbol.name}: {image.name} does not say how long it is", hint="give its addresses as START-STOP")
    return symbol.address, symbol.address + size


def _check(text: str, place: str, ranges: list[_Range], memory: MemoryRegion) -> None:
    size = sum(stop - start for start, stop in ranges)
    if size > memory.size_bytes:
        raise UsageError(
            f"--move {text}: {place} has {size:,} bytes, {memory.name} {memory.size_bytes:,}", hint="choose a larger memory, or move a part of it"
        )
    if memory.kind in _NOT_WRITTEN:
        raise UsageError(
            f"--move {text}: nothing can be put into {memory.name}, which is {_NOT_WRITTEN[memory.kind]}",
            hint="`instsim boards show` lists a board's memories and their kinds",
        )


def _warnings(image: FirmwareImage, place: str, ranges: list[_Range], memory: MemoryRegion) -> list[str]:
    found = []
    if all(any(start <= first and last <= stop for start, stop in memory.ranges) for first, last in ranges):
        return [f"{place} lies in {memory.name} already"]
    code = any(function.address < stop and start < function.address + max(function.size, 1) for function in image.functions for start, stop in ranges)
    if code and not memory.executable:
        found.append(f"{place} holds code, and the core cannot execute from {memory.name}")
    size = sum(stop - start for start, stop in ranges)
    taken = sum(
        max(0, min(stop, segment.virtual_address + segment.memory_size) - max(start, segment.virtual_address))
        for segment in image.segments
        for start, stop in memory.ranges
    )
    if taken + size > memory.size_bytes:
        found.append(
            f"{place} has {size:,} bytes, and of the {memory.size_bytes:,} of {memory.name} the image takes {taken:,} already: it would not fit"
        )
    return found


def _merged(ranges: list[_Range]) -> list[_Range]:
    """Return ranges rounded outward to what the simulation tells apart, each address once."""
    merged: list[_Range] = []
    for start, stop in sorted((start // _ROUND_BYTES * _ROUND_BYTES, -(-stop // _ROUND_BYTES) * _ROUND_BYTES) for start, stop in ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
