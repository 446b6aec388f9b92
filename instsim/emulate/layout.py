"""Memory layout shared by the native hooks and the machine that owns them: indices into arrays of 64-bit words."""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "CALLS_REGISTER",
    "CHILDREN_SLOTS",
    "DEEPEST_NODE",
    "MOST_COUNTERS",
    "MOST_DEPTH",
    "MOST_NODES",
    "NOTHING_TO_DO",
    "NOT_PREPARED",
    "NOWHERE",
    "PLACES_SLOTS",
    "SIZE_MASK",
    "BlockEnd",
    "BlockState",
    "BranchRecord",
    "CallCounter",
    "CallFrame",
    "CallNode",
    "CallSide",
    "CallState",
    "CallWatchState",
    "DivideEntry",
    "DivideState",
    "DivideTable",
    "DivideWay",
    "Record",
]

NOWHERE = (1 << 64) - 1
"""An address that no program reaches."""


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
    CODE = 10
    """Pointer to 2**20 pointers: the bytes of each 4 KB page of the address space that code has run from."""
    BRANCHES = 11
    """Pointer to the records of backward branches (`BranchRecord`)."""
    BRANCHES_LENGTH = 12
    """Branch records in use."""
    BUFFERED = 13
    """The branch in the target buffer (`instsim.dynamics.target_buffer`), or `NOWHERE`."""
    LANDED = 14
    """Address where fetch last started anew (a jump that was not predicted, or behind a misprediction); `NOWHERE` behind a predicted jump."""
    BUFFERED_RECORD = 15
    """The `BranchRecord` that it was put there by or predicted for last; 0 with `NOWHERE`."""
    INTERRUPT_WAITING = 16
    """1 while an interrupt waits for the firmware to unmask it."""
    SITES = 17
    """Pointer to 2**20 pointers: flags (`instsim.emulate.extension_layout.SiteFlag`) of each 4 KB page's half-words. 0: nobody asks."""
    NEW_BLOCK = 18
    """A block that holds an instruction which nobody carries out yet; the hook stopped the machine before it."""
    NEW_BLOCK_SIZE = 19
    """Its size as the emulator has it, 0 if there is none."""
    CALLS = 20
    """Pointer to the `CallState`; only the hooks that follow calls use it."""
    TRACE = 21
    """Pointer to the `instsim.dynamics.memory_layout.TraceWord` state; only the hooks that simulate memories use it."""
    CALL_WATCH = 22
    """Pointer to the `CallWatchState`; 0: nobody asks for kernels."""
    AWAITED = 23
    """Pointer to 2**20 pointers: bits of each 4 KB page's half-words, before whose first run the machine stops. 0: nobody asks."""
    HELD_BLOCK = 24
    """The block before which the hook stopped the machine for one of them."""
    HELD_BLOCK_SIZE = 25
    """Its size, 0 if there is none."""
    TRACED_FROM = 26
    """Time from which blocks go through the simulation of memories: before it is a gap between samples."""
    PROGRAMS = 27
    """What a quarter of a record's address is to be added to for the place of one word: `NOT_PREPARED` for the simulation of memories yet,
    `NOTHING_TO_DO`, or the address of the block's program (`instsim.dynamics.memory_layout.ProgramWord`)."""
    COPIES = 28
    """What a sixteenth of a record's address is to be added to for the place of the record's two bytes of code, as they first ran."""
    WORDS = 32


NOT_PREPARED, NOTHING_TO_DO = 0, 1
"""In place of a program's address."""


class Record(IntEnum):
    """A translation block's record: four words for each possible start address (two bytes apart)."""

    EXECUTIONS = 0
    FALLTHROUGHS = 1
    TICKS = 2
    """Price of one execution; a cycle for every two bytes until the machine is told better."""
    SIZE = 3
    """Length of the block in bytes (`SIZE_MASK`); `CALLS_REGISTER` if its end may be a call through a register; in the upper 48 bits the address
    of the `BranchRecord` of the backward conditional branch at its end, or 0."""
    WORDS = 4


SIZE_MASK = 0x7FFF
CALLS_REGISTER = 0x8000


class CallWatchState(IntEnum):
    """What the block hook needs to tell calls of kernels (`instsim.emulate.kernels`), and what it found."""

    PAGES = 0
    """Pointer to 2**20 pointers: the host's bytes of each 4 KB page of memory."""
    READ_FUNCTION = 1
    """Address of ``uc_reg_read``."""
    NODE_REGISTER = 2
    """Unicorn's number of the register that holds the second argument."""
    SCRATCH = 3
    """Pointer to one word."""
    TARGET_BITS = 4
    """What is set in a pointer to code beside its address: 1 on Thumb."""
    ENTERED = 5
    """The kernel that the machine stopped before and is yet to enter, or `NOWHERE`."""
    STOPPED = 6
    """1 if the machine stopped before a kernel."""
    WORDS = 8


class BranchRecord(IntEnum):
    """What the target buffer did to the backward conditional branch at the end of one translation block."""

    ADDRESS = 0
    HITS = 1
    """Taken, as predicted."""
    HITS_BEHIND_JUMP = 2
    """Those of a block at whose start fetch had started anew."""
    EXITS = 3
    """Predicted taken, but not taken."""
    BLOCK = 4
    """Start of the block."""
    WORDS = 8


class DivideState(IntEnum):
    """State of the hook on one divide instruction."""

    READ_FUNCTION = 0
    """Address of ``uc_reg_read``."""
    DIVIDEND = 1
    """The dividend's register: its place behind `REGISTERS`, or Unicorn's number of it."""
    DIVISOR = 2
    SIGNED = 3
    """1 for a signed divide."""
    HISTOGRAM = 4
    """Pointer to the counts, indexed by packed operand class."""
    SCRATCH = 5
    """A word for what the function reads."""
    REGISTERS = 6
    """Pointer to the emulator's registers, 32 bits each; 0 if they are to be read by the function."""
    TOUCHED = 7
    """A bit for each 512 operand classes, a page of the counts: whether one of them was met."""
    WAY = 8
    """`DivideWay`: how the divide is reached."""
    WORDS = 16


class DivideWay(IntEnum):
    """How translated code reaches the native code for a divide."""

    HOOK = 0
    """Through Unicorn's list of hooks, which calls all that are on its address."""
    DIRECT = 1
    """Past the list: its hook is there to have the call emitted, and does nothing."""
    SHARED = 2
    """Directly, and someone else watches the divide, too: the list is walked behind it."""


class DivideTable(IntEnum):
    """Head of the table that finds a machine's divides by what Unicorn's helper function is given; entries (`DivideEntry`) follow."""

    COUNT = 0
    """Entries in use, from the first."""
    CURRENT_ENGINE = 1
    """Unicorn's handle of the machine that ran last, 0 if it is gone."""
    CURRENT_SITES = 2
    """That machine's `DivideEntry.SITES`."""
    HOOKS_FUNCTION = 3
    """Address of the function that walks the list of hooks."""
    WORDS = 4


class DivideEntry(IntEnum):
    """One machine of the table."""

    ENGINE = 0
    """Unicorn's handle; 0 if free."""
    SITES = 1
    """Pointer to 2**20 pointers: the `DivideState` of each 4 KB page's half-words, 0 where none is watched; 0: none on the page."""
    WORDS = 2


class CallState(IntEnum):
    """The shadow stack's state, where calls are followed."""

    NODE = 0
    """The call tree's node that runs."""
    DEPTH = 1
    """Open calls."""
    DROPPED = 2
    """Open calls beyond `MOST_DEPTH`, which are not on the stack."""
    STARTS = 3
    """1 if the next block begins a thread or a handler: a child of the root."""
    FRAMES = 4
    """Pointer to the open calls (`CallFrame`)."""
    NODES = 5
    """Pointer to the call tree (`CallNode`)."""
    NODES_LENGTH = 6
    CHILDREN = 7
    """Pointer to the hash table of nodes by parent and function: pairs of key and node."""
    COUNTERS = 8
    """Pointer to the counts (`CallCounter`)."""
    COUNTERS_LENGTH = 9
    PLACES = 10
    """Pointer to the hash table of counts by node and block: pairs of key and address of the counter."""
    SIDES = 11
    """Distance from a block's record to its `CallSide`."""
    RECORDS = 12
    """Address of the first block's record."""
    WORDS = 16


class CallFrame(IntEnum):
    """An open call."""

    RETURN_ADDRESS = 0
    NODE = 1
    """The caller's node."""
    WORDS = 2


class CallNode(IntEnum):
    """A node of the call tree: a function, as it was called by its parent."""

    PARENT = 0
    FUNCTION = 1
    DEPTH = 2
    CALLS = 3
    WORDS = 4


class CallCounter(IntEnum):
    """Executions of one block in one node."""

    KEY = 0
    """Node in the upper 32 bits, place of the block's record in the lower ones."""
    EXECUTIONS = 1
    WORDS = 2


class CallSide(IntEnum):
    """What calls need to know of a block: as many words as its record has."""

    OWNER = 0
    """Entry of the function that the address belongs to, 0 if unknown."""
    KIND = 1
    """How the block ends (`BlockEnd`), 0 if not known yet."""
    NODE = 2
    """One more than the node that ran the block last ..."""
    COUNTER = 3
    """... and the address of that node's count of it."""
    WORDS = 4


class BlockEnd(IntEnum):
    """How a block ends."""

    OTHER = 1
    CALL = 2
    RETURN = 3
    INDIRECT = 4
    """Jump to an address in a register other than the link register, or from memory: a return of hand-written code, too."""


MOST_DEPTH = 1 << 14
"""Open calls that are kept."""
MOST_NODES = 1 << 16
DEEPEST_NODE = 192
"""Calls that are made further down are charged to the node at this depth: mutual recursion without end would fill the tree."""
CHILDREN_SLOTS = 1 << 18
MOST_COUNTERS = 1 << 20
PLACES_SLOTS = 1 << 22
