"""Memory layout shared by the native hooks and the machine that owns them: indices into arrays of 64-bit words."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["TICKS_PER_CYCLE", "BlockState", "DivideState", "Record"]

TICKS_PER_CYCLE = 64
"""The machine's clock runs in 64ths of a core cycle, so that a block's mean price need not be an integer."""


class BlockState(IntEnum):
    """The block hook's state."""

    PREVIOUS_END = 0
    """Address behind the block that ran last: if the next block starts there, it was reached without a jump."""
    PREVIOUS_RECORD = 1
    """Address of that block's record."""
    TICKS = 2
    """Time passed, in ticks (`TICKS_PER_CYCLE`)."""
    DEADLINE = 3
    """The machine stops before the first block that would start at or after this time."""
    LIST_LENGTH = 4
    """Blocks seen so far."""
    LIST = 5
    """Pointer to the addresses of the blocks seen, in order of first execution."""
    PAGES = 6
    """Pointer to 2**20 pointers: the records of each 4 KB page of the address space."""
    STOPPED = 7
    """1 if the hook stopped the machine."""
    STOP_FUNCTION = 8
    """Address of ``uc_emu_stop``."""
    LEAVE_FUNCTION = 9
    """Address of ``helper_check_exit_request``, which leaves the emulator at once after a stop; 0 if the emulator looks by itself."""
    WORDS = 16


class Record(IntEnum):
    """A translation block's record: four words for each possible start address (two bytes apart)."""

    EXECUTIONS = 0
    FALLTHROUGHS = 1
    TICKS = 2
    """Price of one execution; a quarter of the block's size in cycles until the machine is told better."""
    SIZE = 3
    """Length of the block in bytes."""
    WORDS = 4


class DivideState(IntEnum):
    """State of the hook on one divide instruction."""

    READ_FUNCTION = 0
    """Address of ``uc_reg_read``."""
    DIVIDEND = 1
    """Unicorn's number of the dividend's register."""
    DIVISOR = 2
    SIGNED = 3
    """1 for a signed divide."""
    HISTOGRAM = 4
    """Pointer to the counts, indexed by packed operand class."""
    SCRATCH = 5
    """Pointer to one word."""
    WORDS = 8
