"""What an image says about the chip it was built for, held against a board: names, size of the vector table, top of the stack, registers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from instsim.cost.board import Board
from instsim.image.chip_names import ChipName, chip_in_text, named_chip
from instsim.image.firmware import FirmwareImage
from instsim.image.vector_table import count_interrupts
from instsim.session.board_fit import writable_ranges

__all__ = ["ChipEvidence"]

_SEARCHED_BYTES = 8 << 20
_FULL_TABLE = 24
"""Vector tables of start-up code list every interrupt of a chip; one with fewer than this may be somebody's own."""
_REVISIONS = 2
"""By so many interrupts at its end a maker's list of one chip differs between revisions."""
_RAM_STEP = 0x1000
"""Memories of chips end at multiples of it; a stack that starts elsewhere lies inside the RAM and tells nothing."""


@dataclass(frozen=True)
class ChipEvidence:
    """The evidence of one image.

    Attributes
    ----------
    image : FirmwareImage
        The firmware.
    """

    image: FirmwareImage

    @cached_property
    def chip(self) -> ChipName | None:
        """The chip that the image names most often."""
        return named_chip(self.image)

    @cached_property
    def interrupts(self) -> int | None:
        """Interrupts in the vector table; None without one, or if it is too short to be a chip's."""
        table = self.image.vector_table
        count = 0 if table is None else count_interrupts(self.image.segments, table)
        return count if count >= _FULL_TABLE else None

    def names_part(self, board: Board) -> bool:
        """Whether the image names the very part of a board."""
        other = chip_in_text(board.soc)
        return self.chip is not None and other is not None and self.chip.name == other.name

    def names_family(self, board: Board) -> bool:
        """Whether the image names a chip of the board's family."""
        other = chip_in_text(board.soc)
        return self.chip is not None and other is not None and self.chip.family == other.family

    def registers(self, board: Board) -> tuple[int, ...]:
        """Register blocks of a board's chip that the code names."""
        return tuple(address for address in board.registers if self._names_address(address))

    def _names_address(self, address: int) -> bool:
        """Whether a word of the image's first 8 MB, aligned as in literal pools, is this address."""
        word = address.to_bytes(4, "little")
        left = _SEARCHED_BYTES
        for segment in self.image.segments:
            position = segment.data.find(word, 0, left)
            while position >= 0:
                if (segment.address + position) % 4 == 0:
                    return True
                position = segment.data.find(word, position + 1, left)
            left -= min(left, len(segment.data))
        return False

    def doubts(self, board: Board) -> tuple[str, ...]:
        """Return what speaks against a board's chip, one sentence each.

        Parameters
        ----------
        board : Board
            A board that the image fits. Generic boards stand for no chip: against them nothing speaks.
        """
        if board.generic:
            return ()
        doubts = (*self._of_vectors(board), *self._of_stack(board))
        # A single mention of another family may be that of a neighbour on the board.
        if self.chip is not None and (doubts or self.chip.mentions > 1):
            doubts = (*self._of_names(board, self.chip), *doubts)
        return doubts

    def _of_names(self, board: Board, chip: ChipName) -> Iterator[str]:
        known = chip_in_text(board.soc)
        if known is None or chip.name == known.name or (chip.family == known.family and not chip.part):
            return
        times = "once" if chip.mentions == 1 else f"{chip.mentions:,} times"
        yield f"the file names the {chip.name} ({chip.family if chip.part else 'it'} {times})"

    def _of_vectors(self, board: Board) -> Iterator[str]:
        if self.interrupts is None or board.interrupts is None:
            return
        if not board.interrupts - _REVISIONS <= self.interrupts <= board.interrupts:
            yield f"the vector table has {self.interrupts} interrupts, the {board.soc} has {board.interrupts}"

    def _of_stack(self, board: Board) -> Iterator[str]:
        stack = self.image.initial_stack_pointer
        if stack is None or stack % _RAM_STEP:
            return
        for start, stop in writable_ranges(board):
            if start < stack < stop:
                size, whole = (stack - start) // 1024, (stop - start) // 1024
                yield f"the stack starts at {stack:#010x}, as where a RAM of {size:,} KiB ends; that of the {board.soc} has {whole:,} KiB"
