"""Memory layout shared by the native memory simulation and those who set it up and read it: indices into arrays of 64-bit words."""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "END_OF_LIST",
    "FINER_BITS",
    "HINTS",
    "MIXED",
    "OPERATION_WORDS",
    "RANGE_GRAIN_BYTES",
    "SKIP_BIT",
    "TICKS_PER_CYCLE",
    "CacheWord",
    "FetchWord",
    "PathWord",
    "PortWord",
    "ProgramWord",
    "QuickWord",
    "RangeWord",
    "SiteWord",
    "StepKind",
    "SystemWord",
    "Tally",
    "TraceWord",
    "UseWord",
]

TICKS_PER_CYCLE = 64
"""Clocks run in 64ths of a core cycle, so that a block's mean price need not be an integer."""

MIXED = 255
"""Entry of a page map: the page holds more than one path, look at the ranges."""


RANGE_GRAIN_BYTES = 32
"""Paths change at multiples of this."""

HINTS = 64
"""Places that a cache remembers."""

FINER_BITS = 4
"""Times of use inside a block that repeats: 16 to each byte of its program."""


class TraceWord(IntEnum):
    """What the block hook needs to know of the memory simulation of one machine."""

    PREPARE_FUNCTION = 0
    """``uint64_t (uint64_t address, uint64_t size)``, Python: prepares a block, returns its word of `instsim.emulate.layout.BlockState.PROGRAMS`."""
    SYSTEM = 1
    """Address of the first system (`SystemWord`), which makes the machine's time."""
    SYSTEMS = 2
    """Pointer to the addresses of all systems."""
    SYSTEMS_LENGTH = 3
    REGISTERS = 4
    """Address of the core's registers while a block begins: where the emulator keeps them, or `SCRATCH`."""
    ASKS = 5
    """Whether the hook has to ask the emulator for them."""
    SCRATCH = 6
    """Pointer to words of 32 bits: from `instsim.dynamics.address_operations.FIRST_TEMPORARY` on the results of steps, below the core's registers
    where the hook asks for them; that of `NO_REGISTER` is 0."""
    PAGES = 7
    """Pointer to 2**20 pointers: the host's bytes of each 4 KB page that data can be loaded from; 0: none."""
    READ_FUNCTION = 8
    """Address of ``uc_reg_read``."""
    REGISTER_NUMBERS = 9
    """Pointer to Unicorn's numbers of the registers, one word each."""
    REGISTERS_LENGTH = 10
    """How many of them."""
    PHASE_END = 11
    """Tick at which a window or its warm-up ends. Exact simulation has one window without end."""
    IN_GAP = 12
    """Whether blocks are left out at the moment."""
    WINDOW = 13
    """Ticks of a stretch that is simulated ..."""
    GAP = 14
    """... and of what is left out behind it, half as much to half as much again; 0: exact."""
    WARM_UP = 15
    """Ticks before each window in which blocks are simulated, but their stalls are not counted."""
    WARMING = 16
    """Whether the window is in its warm-up."""
    ASK = 17
    """Pointer to one word for the answers of `READ_FUNCTION`."""
    ROOM = 18
    """Where records of blocks that repeat (`QuickWord`) may be written ..."""
    ROOM_END = 19
    """... and where that ends."""
    STALLED = 20
    """Ticks so far that were no block's price: stalls on the first system, and what the machine's time was moved on by."""
    OVER_AT = 21
    """Tick, stalls left out, at which a window or its warm-up ends."""
    IS_FIRST = 22
    """Whether the window is the stretch that a row begins with."""
    FIRST_OVER_FUNCTION = 23
    """``void ()``, Python: called behind such a stretch."""
    RANDOM = 24
    """State of the random sequence (xorshift64) that the lengths of gaps follow."""
    CODE = 25
    """Where machine code may be written for blocks that repeat (`instsim.dynamics.repeat_code`) ..."""
    CODE_END = 26
    """... and where that ends; both 0 if it cannot be on this host."""
    LOOKS = 27
    """Executions that look at a block's records before it gets code of its own; 0: none does."""
    GO_ON_FUNCTION = 28
    """Address of `instsim.dynamics.memory_simulation.go_on`."""
    WORDS = 32


class ProgramWord(IntEnum):
    """Head of what one block does to memory; a `UseWord` record for each system follows, then the operations."""

    START = 0
    """Distance from here to the first operation, in bytes, ..."""
    END = 1
    """... and behind the last one."""
    TICKS = 2
    """Price of one execution, without stalls."""
    CODE_BYTES = 3
    """Length of the block."""
    WORDS = 4


class UseWord(IntEnum):
    """What a block is to one system. All zeros before it runs there for the first time."""

    QUICK = 0
    """First record (`QuickWord`) of a block that was learned, else 0: first of its steps, ..."""
    ACCESSES = 1
    """... first of its accesses ..."""
    QUICK_END = 2
    """... and behind the last one."""
    CACHE = 3
    """The one cache that is fetched from; `SystemWord.NO_CACHE` if nothing is fetched; 0: not looked at yet."""
    EVICTIONS = 4
    """`CacheWord.EVICTIONS` when all lines were last seen in their places, with those that would be read ahead behind them."""
    REPEATS = 5
    """Executions that are not in tallies and sites yet."""
    TICKS = 6
    """Price of one execution that repeats, with its stalls."""
    USED_AT = 7
    """`SystemWord.CLOCK` before the last execution that repeated: each access used its line its own distance from the head later."""
    LENGTH = 8
    """How far the clock goes on in one of them."""
    NEXT = 9
    """Record that repeated before this one, since the cache's times of use were last brought up to date; `END_OF_LIST`; 0 if this one did not."""
    NEXT_REPEATED = 10
    """Record that got its first one of `REPEATS` before this one, or `END_OF_LIST`."""
    PROGRAM = 11
    """Address of the program's head."""
    SLOT = 12
    """Distance from the first slot of a fetch to that of the system, in bytes."""
    TALLY = 13
    """As `FetchWord.TALLY`."""
    FETCHES = 14
    CAN_REPEAT = 15
    """1 if hits of the fetches cost nothing and go to one cache at most."""
    WAIT = 16
    """Executions to follow before the block is learned."""
    RECORDS = 17
    """Room for its records, 0 if there is none yet."""
    COUNTED = 18
    """Executions whose stalls were counted."""
    CODE = 19
    """Address of machine code that lets an execution happen (`instsim.dynamics.repeat_code`), 0 if there is none (yet)."""
    CODE_ROOM = 20
    """Room for it, 0 if there is none yet."""
    LOOKS = 21
    """How many more executions look at the records before the block gets some."""
    LAST_LINE = 22
    """`CacheWord.LAST_LINE` behind an execution, if the block fetches."""
    WAYS = 23
    """First of the ways that are known of the block (`instsim.dynamics.passage_layout.WayWord`), 0 if there is none."""
    WORDS = 24


class QuickWord(IntEnum):
    """An access, or a step to an address, of a block that repeats, on one system. What every execution looks at comes first: a line of the host's."""

    BASE = 0
    """Where the base register's value is ..."""
    INDEX = 1
    """... and the index register's."""
    SHIFT = 2
    LOW = 3
    """Where the line starts that was accessed, or another stretch that is all the same, less the access's constant, ..."""
    LIMIT = 4
    """... and how far behind that an access may start to be inside it."""
    ALIGN = 5
    """Bits of the address that must be 0, lest the access lie in two words."""
    PLACE = 6
    """Address of the word ..."""
    TAG = 7
    """... that must be equal to this: the line's place, where there is a cache; else this word itself."""
    KIND = 8
    """As an operation's."""
    CONSTANT = 9
    FIRST = 10
    """First word of the operation."""
    RESULT = 11
    """What a step made: later ones read it here, so that none overwrites another's."""
    STAMP = 12
    """Address of the line's time of use, or of `UNUSED`."""
    POSITION = 13
    """When it is used, behind `UseWord.USED_AT`."""
    FOUND = 14
    """One more than the path, 0 for none."""
    COUNT = 15
    """Words that are accessed."""
    BYTES = 16
    """... and their bytes."""
    STALL = 17
    """Stall of each execution, in ticks."""
    SITE = 18
    WHEN = 19
    """When it happens, in ticks from the start of the block, with the stalls of the accesses before it."""
    UNUSED = 20
    WORDS = 24


END_OF_LIST = 1

OPERATION_WORDS = 3
"""First: kind, target, base, index, shift, size, words, signed (8 bits each, from the lowest). Second: constant (32 bits), site (32 bits).
Third: ticks from the start of the block (32 bits), then for a data access whether it pairs with the read before it in the block (1 bit) and
whether that one is known to take no path, and is not here (1 bit); for a fetch from bit `SKIP_BIT` on the distance in bytes to its slots
(`FetchWord`, one for each system), which stand behind the operations."""

SKIP_BIT = 40


class FetchWord(IntEnum):
    """What a fetch is to one system."""

    PATH = 0
    """Address of its path, 0 for none; before the block runs for the first time one more than its number."""
    CACHE = 1
    """Address of the cache, if a hit there costs nothing; else 0."""
    LINE = 2
    """One more than the number of its line there."""
    PLACE = 3
    """Where the line was found last, 0 if it was not yet."""
    PORT = 4
    """Address of the port over which the rest of a line may still be arriving, 0 for none."""
    TALLY = 5
    """Offset of the path's tally, in bytes."""
    WORDS = 8


class StepKind(IntEnum):
    """Kind of an operation: those of `instsim.dynamics.address_operations.Operation`, and these."""

    FETCH = 64


class SystemWord(IntEnum):
    """One memory system."""

    NOW = 0
    """Its own time in ticks: prices of the blocks and their stalls."""
    READ_MAP = 1
    """Pointer to 2**20 bytes: one more than the path of reads of each 4 KB page, 0 for none, `MIXED`."""
    WRITE_MAP = 2
    RANGES = 3
    """Pointer to the ranges (`RangeWord`), for pages that are `MIXED`."""
    RANGES_LENGTH = 4
    PATHS = 5
    """Pointer to the paths (`PathWord`)."""
    FETCH_LEAD = 6
    CROSSING = 7
    LAST_READ_PATH = 8
    """One more than the path of the read before."""
    REDIRECTED_AT = 9
    """When control last jumped, in ticks."""
    TALLIES = 10
    """Pointer to what is counted for each path: four words (`Tally`)."""
    SITES = 11
    """Pointer to what is counted for each place that accesses memory: `SiteWord`."""
    SPARE_TALLIES = 12
    """Where stalls go that are not to count ..."""
    SPARE_SITES = 13
    CHECKED_TALLIES = 14
    """... and the pointers for those that are."""
    CHECKED_SITES = 15
    CLOCK = 16
    """Uses of lines so far, and more: orders them in time."""
    QUIET_FROM = 17
    """From when on no line is arriving word by word for a fetch or a data access to wait for; ..."""
    FILLING_CACHE = 18
    """... until then one is for this cache, ..."""
    FILLING_PLACE = 19
    """... in this place, ..."""
    FILLING_PORT = 20
    """... over this port; if `FILLING_CACHE` is 0, others are as well."""
    REPEATED = 21
    """First of the `UseWord` records with `UseWord.REPEATS`, `END_OF_LIST` if there is none."""
    NO_CACHE = 22
    """Address of an empty `CacheWord`, for blocks that fetch nothing."""
    STREAMS = 23
    """Ports over which lines arrive word by word."""
    SITUATION = 24
    """The situation that the system is in (`instsim.dynamics.passage_layout.SituationWord`); 0: it is as its caches and ports say."""
    SITUATIONS = 25
    """Room for situations and passages, 0 if the system is not small enough to have them; first the buckets of situations; ..."""
    SITUATIONS_FREE = 26
    """... from here on it is free, ..."""
    SITUATIONS_END = 27
    """... and here it ends."""
    SITUATION_WORDS = 28
    """Words that tell one situation from another."""
    CACHES = 29
    """Pointer to the addresses of the caches ..."""
    CACHES_LENGTH = 30
    PORTS = 31
    """... and to those of the ports."""
    PORTS_LENGTH = 32
    TALLIES_LENGTH = 33
    """Words of all tallies."""
    PASSED = 34
    """First of the passages that are not in tallies and sites yet, `END_OF_LIST` if there is none."""
    WAYS = 35
    """First of all ways that are known, 0 if there is none."""
    NOTES = 36
    """Where the next note of a passage that is being learned goes; 0: there is none."""
    WORDS = 37


class SiteWord(IntEnum):
    """What is counted for one place that accesses memory."""

    STALL = 0
    """In ticks."""
    MISSES = 1
    SPLIT = 2
    """Accesses whose bytes lie in two words."""
    WORDS = 3


class RangeWord(IntEnum):
    """A stretch of addresses of one path."""

    START = 0
    STOP = 1
    ACCESS = 2
    PATH = 3
    WORDS = 4


class PathWord(IntEnum):
    """One path; times in ticks."""

    CACHE = 0
    """Address of its cache (`CacheWord`), 0 for none."""
    PORT = 1
    """Address of its port (`PortWord`), 0 for none."""
    MISS = 2
    FURTHER = 3
    WORD_SHIFT = 4
    LAST_WORD = 5
    """Words of a line less one."""
    PREFETCH = 6
    """0: nothing is read ahead; 1: behind every use of a line; 2: behind lines that came from the port."""
    PREFETCHED = 7
    ABORTS = 8
    ACCESS = 9
    WORDS = 16


class PortWord(IntEnum):
    """One port; times in ticks."""

    BUSY_UNTIL = 0
    FILL_CACHE = 1
    """Cache that a line is arriving for, or did last."""
    FILL_LINE = 2
    """One more than its number."""
    FILL_WORD = 3
    """Its word that was asked for."""
    FILL_AT = 4
    """When that word arrives."""
    AHEAD_PATH = 5
    """Address of the path whose read-ahead the port is at, 0 for none."""
    WORDS = 8


class CacheWord(IntEnum):
    """One cache; for each place follow a tag (one more than the line's number, 0 if empty) and the time of its last use or filling."""

    LINE_SHIFT = 0
    SET_MASK = 1
    WAYS = 2
    REPLACEMENT = 3
    FOLLOWED = 4
    """1 if it matters to what is read ahead which line was used last."""
    RANDOM = 5
    """State of the random sequence (xorshift64)."""
    LAST_LINE = 6
    """One more than the number of the line that was used last: nothing can have replaced it since. Kept if `FOLLOWED` only."""
    AHEAD_LINE = 7
    """One more than the number of the line that was read ahead or is being so, 0 for none."""
    AHEAD_AT = 8
    """When it is there."""
    EVICTIONS = 9
    """Lines that made room for others so far; if `FOLLOWED`, also how often another one, or none, was read ahead before it was used."""
    LISTED = 10
    """First of the `UseWord` records whose fetches are still to be noted as uses of their lines, `END_OF_LIST` if there is none."""
    HINTS = 16
    """First of `HINTS` addresses of places, by the low bits of a line's number: where such a line was found last."""
    WORDS = 16 + 64


class Tally(IntEnum):
    """What is counted of a path."""

    ACCESSES = 0
    MISSES = 1
    READ_AHEAD = 2
    """First uses of lines that were read ahead."""
    STALL = 3
    """In ticks."""
    WORDS = 4
