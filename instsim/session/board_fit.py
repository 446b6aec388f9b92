"""Whether an image can run on a board: instruction set, floating point, memory, stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from instsim.cost.board import Board
from instsim.image.firmware import FirmwareImage
from instsim.isa.instruction import Isa

__all__ = ["arm_architecture", "fit_problems", "fitting_boards", "floating_point_unit", "riscv_extensions", "writable_ranges"]

_V6 = frozenset({"v6-M", "v6S-M"})
_V7 = _V6 | {"v7-M"}
_V7E = _V7 | {"v7E-M"}
_V8 = _V7E | {"v8-M.baseline", "v8-M.mainline"}
_RUNS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"cortex-m0plus": _V6, "cortex-m3": _V7, "cortex-m4": _V7E, "cortex-m7": _V7E, "cortex-m33": _V8},
)
"""Architectures of build attributes that each core executes. A core that is not here is not refused for its architecture."""

_UNITS = ("none", "fpv4-sp", "fpv5-sp", "fpv5-dp")
"""Each unit executes the code of those before it."""

_IMPLIED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "g": frozenset("imafd"),
        "m": frozenset({"zmmul"}),
        "a": frozenset({"zaamo", "zalrsc"}),
        "c": frozenset({"zca"}),
        "b": frozenset({"zba", "zbb", "zbs"}),
    }
)
"""Extensions that others contain."""

_ALWAYS = frozenset({"i", "zicsr", "zifencei", "zicntr", "zihpm"})
"""Extensions that every core table prices, whether or not the board's ISA string names them (old compilers counted them as part of I)."""


def arm_architecture(image: FirmwareImage) -> str | None:
    """Return the architecture that an image's build attributes ask for (``v7E-M``), or None if they do not tell."""
    architecture = image.attributes.get("Tag_CPU_arch")
    return "v7-M" if architecture == "v7" else architecture


def floating_point_unit(image: FirmwareImage) -> str | None:
    """Return the least unit of ``fpv4-sp``, ``fpv5-sp``, ``fpv5-dp`` that has all instructions the attributes allow, or None."""
    text = image.attributes.get("Tag_FP_arch", "No").lower()
    if not text.startswith(("fpv", "vfp")):
        return None
    single = "sp" in text
    if "v5" in text:
        return "fpv5-sp" if single else "fpv5-dp"
    return "fpv4-sp" if single else "fpv5-dp"


def riscv_extensions(isa: str) -> frozenset[str]:
    """Return the extensions of an ISA string, versions left out, those contained in others added.

    ``rv32i2p1_m2p0_zicsr2p0`` gives ``i``, ``m``, ``zmmul``, ``zicsr``.
    """
    found: set[str] = set()
    for part in re.sub(r"^rv\d+", "", isa.lower()).split("_"):
        name = re.sub(r"\d+p\d+$", "", part)
        if len(name) > 1 and name[0] in "zsx":
            found.add(name)
        else:
            found.update(re.findall(r"[a-z]", re.sub(r"\d+p\d+", "", name)))
    for name in tuple(found):
        found |= _IMPLIED.get(name, frozenset())
    if "e" in found:
        found.add("i")
    return frozenset(found)


def fit_problems(image: FirmwareImage, board: Board) -> tuple[str, ...]:
    """Return why an image cannot run on a board, one sentence each; empty if it fits.

    Parameters
    ----------
    image : FirmwareImage
        The firmware.
    board : Board
        The board.
    """
    return (*_core_problems(image, board), *_memory_problems(image, board))


def fitting_boards(image: FirmwareImage, boards: Iterable[Board]) -> tuple[str, ...]:
    """Return the names of the boards that an image fits, real ones before generic ones."""
    fitting = [board for board in boards if not fit_problems(image, board)]
    return tuple(board.name for board in sorted(fitting, key=lambda board: (board.generic, board.name)))


def writable_ranges(board: Board) -> tuple[tuple[int, int], ...]:
    """Return start and stop of each unbroken stretch of RAM, aliases included, sorted."""
    return _merged(view for region in board.memories if region.writable for view in region.ranges)


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def _core_problems(image: FirmwareImage, board: Board) -> Iterator[str]:
    if image.isa is not None and (image.isa is Isa.RV32) != board.is_riscv:
        yield f"the image is {'RISC-V' if image.isa is Isa.RV32 else 'Arm Thumb'} code, the board has a {board.core}"
        return
    if board.is_riscv:
        asked = riscv_extensions(image.attributes.get("Tag_RISCV_arch", "rv32i"))
        missing = sorted(asked - riscv_extensions(board.riscv_isa) - _ALWAYS)
        if missing:
            yield f"the image is built for {image.attributes['Tag_RISCV_arch']}, the board's core lacks {', '.join(missing)}"
        return
    architecture = arm_architecture(image)
    runs = _RUNS.get(board.core)
    if architecture is not None and runs is not None and architecture not in runs:
        yield f"the image is built for Arm{architecture}, which a {board.core} does not execute"
    unit = floating_point_unit(image)
    if unit is not None and _UNITS.index(unit) > _UNITS.index(board.fpu):
        has = "no floating-point unit" if board.fpu == "none" else f"the unit {board.fpu}"
        yield f"the image is built for {image.attributes['Tag_FP_arch']} floating point, the board has {has}"


def _memory_problems(image: FirmwareImage, board: Board) -> Iterator[str]:
    covered = _merged(view for region in board.memories for view in region.ranges)
    for index, segment in enumerate(image.segments):
        places = [(segment.address, len(segment.data), "load")] if segment.data else []
        if segment.virtual_address != segment.address or segment.memory_size > len(segment.data):
            places.append((segment.virtual_address, segment.memory_size, "run"))
        for address, size_bytes, purpose in places:
            if not any(start <= address and address + size_bytes <= stop for start, stop in covered):
                span = f"segment {index} ({purpose} address {address:#010x} .. {address + size_bytes:#010x}, {size_bytes:,} bytes)"
                yield f"{span} {_where(address, board)}"
                break
    stack_pointer = image.initial_stack_pointer
    if stack_pointer is not None and not any(start < stack_pointer <= stop for start, stop in writable_ranges(board)):
        yield f"the initial stack pointer {stack_pointer:#010x} lies in no RAM of the board"
    reset = image.reset_vector
    if reset is not None and not any(start <= reset & ~1 < stop for start, stop in board.executable_ranges):
        yield f"the reset vector {reset:#010x} points to no memory the board can execute from"


def _where(address: int, board: Board) -> str:
    for region in board.memories:
        for start, stop in region.ranges:
            if start <= address < stop:
                return f"runs past the end of {region.name} ({start:#010x} .. {stop:#010x})"
    return "lies in no memory of the board"
