"""Memory layout shared by the native code for RISC-V extensions and the machine that owns it: indices into arrays of 64-bit words."""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = ["ExtensionState", "MachineEntry", "MachineTable", "SiteFlag"]


class ExtensionState(IntEnum):
    """State of one machine."""

    STEP_FUNCTION = 0
    """Address of the native ``step``."""
    READABLE = 1
    """Pointer to 2**20 pointers: the host's bytes of each 4 KB page that may be read without asking; 0: ask."""
    WRITABLE = 2
    """The same for pages that may be written."""
    CODE = 3
    """Pointer to 2**20 pointers: the bytes of each 4 KB page that holds code."""
    SITES = 4
    """Pointer to 2**20 pointers: a word for each half-word of the page, with `SiteFlag` in its low 8 bits; 0: none."""
    ASK_FUNCTION = 5
    """``uint64_t (uint64_t address)``, Python: carry out the instruction at the address and return where to go on."""
    TRAP_FUNCTION = 6
    """``void (uint32_t number)``, Python: an exception that is none of ours."""
    READ_FUNCTION = 7
    """Address of ``uc_reg_read``."""
    WRITE_FUNCTION = 8
    """Address of ``uc_reg_write``."""
    LEAVE_FUNCTION = 9
    """Address of ``helper_check_exit_request``, 0 if the emulator looks by itself."""
    FIRST_REGISTER = 10
    """Unicorn's number of x0."""
    PC_REGISTER = 11
    """Unicorn's number of the program counter."""
    SCRATCH = 12
    """Pointer to 32 words of 32 bits and one of 64."""
    TABLE = 13
    """Pointer to the machine table (`MachineEntry`) if the short way is open, else 0."""
    WORDS = 16


class MachineTable(IntEnum):
    """Head of the table that finds a machine by what Unicorn's helper functions are given; entries (`MachineEntry`) follow."""

    COUNT = 0
    """Entries in use, from the first."""
    LAST_CPU = 1
    """The processor that last translated code at `PROBE`."""
    PROBE = 2
    """An address that is only translated to find out a machine's processor."""
    FETCH_FUNCTION = 3
    """Address of the original ``cpu_lduw_code``."""
    TRACE_FUNCTION = 4
    """Address of the original ``helper_uc_tracecode``."""
    RARE_FUNCTION = 5
    """Address of the native code for what `TRACE_FUNCTION`'s replacement does not do itself."""
    CURRENT_ENGINE = 6
    """Unicorn's handle of the machine that ran last, 0 if it is gone."""
    CURRENT_SITES = 7
    """That machine's `ExtensionState.SITES`."""
    WORDS = 8


class MachineEntry(IntEnum):
    """One machine of the table."""

    ENGINE = 0
    """Unicorn's handle; 0 if free."""
    CPU = 1
    """Address of the processor's registers; 0 until it is known."""
    STATE = 2
    """Address of the machine's `ExtensionState`."""
    WORDS = 4


class SiteFlag(IntFlag):
    """What is known of the instruction at an address."""

    OURS = 1
    """It is carried out by native code at a hook."""
    SHARED = 2
    """Someone else watches it too, and is to be called first."""
    WIDE = 4
    """It has 32 bits."""
    LEAVES = 8
    """The block is left behind it, whatever Unicorn makes of the rest."""
    LOOKED_AT = 16
    """It is none of ours."""
