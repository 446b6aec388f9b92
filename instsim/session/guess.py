"""Guess the board from the image alone, and say what the guess rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from instsim.cost.board import Board
from instsim.errors import UsageError
from instsim.image.firmware import FirmwareImage
from instsim.isa.instruction import Isa
from instsim.session.board_fit import arm_architecture, fit_problems, floating_point_unit, writable_ranges
from instsim.session.chip_evidence import ChipEvidence
from instsim.session.estimate import BoardChoice

__all__ = ["guess_board"]

_SEARCHED_BYTES = 8 << 20
_SHORTEST_TEXT = 5
_PRINTABLE = re.compile(rb"[\x20-\x7e]{%d,}" % _SHORTEST_TEXT)
_CANDIDATES = 8

_CORE_OF: Mapping[str, str] = MappingProxyType(
    {
        "v6-M": "cortex-m0plus",
        "v6S-M": "cortex-m0plus",
        "v7-M": "cortex-m3",
        "v7E-M": "cortex-m4",
        "v8-M.baseline": "cortex-m33",
        "v8-M.mainline": "cortex-m33",
        "v8.1-M.mainline": "cortex-m33",
    }
)
"""The core whose compiler option gives these attributes; v7E-M with FPv5 is a Cortex-M7."""

# Points of evidence. Only their order matters: a name outweighs an address, an address outweighs a preference.
_POINTS_UF2 = 200.0
_POINTS_TEXT = 100.0
_POINTS_CHIP = 80.0
_POINTS_FILE_NAME = 50.0
_POINTS_FAMILY = 40.0
_POINTS_REGISTERS = 30.0
_POINTS_STACK = 15.0
_POINTS_INTERRUPTS = 12.0
_POINTS_VECTORS = 10.0
_POINTS_MEASURED = 1.0
_POINTS_USUAL_CORE = 0.5
_USUAL_CORE = "cortex-m4"
"""Core of most firmware whose file does not say (raw binaries, HEX)."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    board: Board
    tier: int
    points: float
    reasons: tuple[str, ...]


def guess_board(image: FirmwareImage, boards: tuple[Board, ...]) -> BoardChoice:
    """Choose the board that an image was most likely built for.

    A board must fit (instruction set, floating point, every segment, stack and reset vector inside its memory). Among those that do,
    a board named by the image comes first, then boards with the core that the build attributes point at, then the generic board of
    that core, then the rest; where these tie, the chip's family by name, register addresses in the code, the stack pointer at the very end
    of a RAM, the number of interrupts and the place of the vector table decide.

    Parameters
    ----------
    image : FirmwareImage
        The firmware.
    boards : tuple of Board
        Boards to choose from, generic ones among them.

    Returns
    -------
    BoardChoice
        With ``chosen_by`` "guess", the reasons in words, what speaks of another chip, and the other boards that fit, best first. If none
        fits, a generic board of the right core, with the reason why nothing does.

    Raises
    ------
    UsageError
        If there are no boards to choose from.
    """
    if not boards:
        raise UsageError("no boards to choose from", hint="give one with --board")
    texts = _texts(image)
    evidence = ChipEvidence(image)
    core = _core_pointed_at(image)
    problems = {board.name: fit_problems(image, board) for board in boards}
    ranked = sorted(
        (_judge(image, board, core, texts, evidence) for board in boards if not problems[board.name]),
        key=lambda candidate: (candidate.tier, -candidate.points, candidate.board.name),
    )
    if not ranked:
        return _nothing_fits(image, boards, core, problems)
    best = ranked[0]
    reasons = [*_core_reasons(image, best.board, core), *best.reasons]
    if best.board.generic:
        reasons.append("no board that comes with instsim fits the image better; clock and energy are general figures")
    return BoardChoice(
        name=best.board.name,
        title=best.board.title,
        chosen_by="guess",
        reasons=tuple(reasons),
        candidates=tuple(candidate.board.name for candidate in ranked[1 : 1 + _CANDIDATES]),
        doubts=evidence.doubts(best.board),
    )


def _core_pointed_at(image: FirmwareImage) -> str | None:
    """Core table that the build attributes point at, or None."""
    architecture = arm_architecture(image)
    if architecture == "v7E-M" and floating_point_unit(image) in {"fpv5-sp", "fpv5-dp"}:
        return "cortex-m7"
    return _CORE_OF.get(architecture) if architecture is not None else None


def _core_reasons(image: FirmwareImage, board: Board, core: str | None) -> Iterator[str]:
    if core is not None:
        unit = image.attributes.get("Tag_FP_arch", "No")
        floating = f" with {unit} floating point" if unit != "No" else ""
        relation = f"as built for a {core}" if core == board.core else f"built for a {core}, which a {board.core} executes too"
        yield f"build attributes: Arm{arm_architecture(image)}{floating}, {relation}"
    elif image.isa is Isa.RV32:
        yield f"RISC-V code: {image.attributes.get('Tag_RISCV_arch', 'extensions not stated')}"
    elif image.isa is Isa.THUMB or image.vector_table is not None:
        yield "Arm Thumb code; the file does not say for which core"
    else:
        yield "the file does not say for which instruction set it is"


def _judge(image: FirmwareImage, board: Board, core: str | None, texts: bytes, evidence: ChipEvidence) -> _Candidate:
    points, reasons = 0.0, []
    named = False
    family = image.attributes.get("UF2_family", "")
    if family and family in board.uf2_families:
        named = True
        points += _POINTS_UF2
        reasons.append(f"the UF2 file is for {family}")
    text = _longest(board.strings, texts)
    if text:
        named = True
        points += _POINTS_TEXT + len(text)
        reasons.append(f"the image contains the text {text!r}")
    if evidence.chip is not None and not board.generic:
        if evidence.names_part(board):
            named = True
            points += _POINTS_CHIP
            reasons.append(f"the file names the {evidence.chip.name}")
        elif evidence.names_family(board):
            points += _POINTS_FAMILY
            reasons.append(f"the file names a chip of the family {evidence.chip.family}")
    label = _longest((board.name, *board.strings), PurePath(image.name).name.lower().encode())
    if label:
        named = True
        points += _POINTS_FILE_NAME + len(label)
        reasons.append(f"the file's name contains {label!r}")
    reasons.append("all segments fit the board's memory")
    points += _POINTS_MEASURED * any(prior.basis == "measured" for prior in board.energy)
    points += _POINTS_USUAL_CORE * (core is None and board.core == _USUAL_CORE)
    registers = evidence.registers(board)
    if registers:
        points += _POINTS_REGISTERS * len(registers) / len(board.registers)
        reasons.append(f"its code names registers of the {board.soc} at {', '.join(f'{address:#010x}' for address in registers)}")
    stack_pointer = image.initial_stack_pointer
    if stack_pointer is not None and not board.generic and any(stop == stack_pointer for _, stop in writable_ranges(board)):
        points += _POINTS_STACK
        reasons.append(f"the stack starts at {stack_pointer:#010x}, the end of a RAM of this board")
    if evidence.interrupts is not None and evidence.interrupts == board.interrupts:
        points += _POINTS_INTERRUPTS
        reasons.append(f"the vector table has {board.interrupts} interrupts, as many as the {board.soc}")
    if image.vector_table is not None and not board.generic and image.vector_table in board.boot.vector_tables:
        points += _POINTS_VECTORS / (1 + board.boot.vector_tables.index(image.vector_table))
        reasons.append(f"the vector table lies at {image.vector_table:#010x}, where this board looks for it")
    if named and not board.generic:
        tier = 0
    else:
        other_core = core is not None and core != board.core
        tier = 1 + 2 * other_core + board.generic
    return _Candidate(board, tier, points, tuple(reasons))


def _nothing_fits(
    image: FirmwareImage,
    boards: Iterable[Board],
    core: str | None,
    problems: Mapping[str, tuple[str, ...]],
) -> BoardChoice:
    def distance(board: Board) -> tuple[bool, bool, bool, int, str]:
        other_isa = image.isa is not None and (image.isa is Isa.RV32) != board.is_riscv
        return other_isa, core is not None and board.core != core, not board.generic, len(problems[board.name]), board.name

    best = min(boards, key=distance)
    reasons = (*_core_reasons(image, best, core), "no board that comes with instsim fits the image; on this one:", *problems[best.name])
    return BoardChoice(name=best.name, title=best.title, chosen_by="guess", reasons=reasons)


def _texts(image: FirmwareImage) -> bytes:
    """Printable texts of the image in lower case, from its first 8 MB."""
    found: list[bytes] = []
    left = _SEARCHED_BYTES
    for segment in image.segments:
        found.extend(_PRINTABLE.findall(segment.data[:left]))
        left -= min(left, len(segment.data))
    return b"\n".join(found).lower()


def _longest(names: Iterable[str], texts: bytes) -> str:
    """Longest of `names` that stands in `texts` (lower case), or an empty string."""
    best = ""
    for name in names:
        if len(name) > len(best) and name.lower().encode() in texts:
            best = name
    return best
