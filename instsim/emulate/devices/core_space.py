"""The core's own registers on the private peripheral bus that are no part of its exceptions: cycle counter, identification, reset request.

Addresses and bits: Arm DDI 0403E (Armv7-M), appendix D3 and chapters B3.2 (system control block), C1.8 (DWT).
"""

from __future__ import annotations

from instsim.emulate.devices.device import Surroundings

__all__ = ["CoreSpace"]

_WORD = 0xFFFFFFFF
_DWT_CTRL, _DWT_CYCCNT = 0xE0001000, 0xE0001004
_CPUID, _ICSR, _VTOR, _AIRCR, _CPACR = 0xE000ED00, 0xE000ED04, 0xE000ED08, 0xE000ED0C, 0xE000ED88
_SYST_CALIB = 0xE000E01C
_ITM_FIRST_PORT, _ITM_LAST_PORT, _FIFO_READY = 0xE0000000, 0xE000007C, 1
_CACHE_TYPES = {0xE000ED78: 0x09000003, 0xE000ED7C: 0x8303C003, 0xE000ED80: 0xF003E019}
"""``CLIDR``, ``CTR`` and ``CCSIDR`` of a Cortex-M7 with 4 KB caches: their sets and ways bound the loops that clean a cache."""
_MPU_TYPE, _MPU_REGIONS = 0xE000ED90, 8
_AIRCR_KEY, _AIRCR_KEY_READ, _SYSRESETREQ = 0x05FA, 0xFA05, 1 << 2

_CPUID_VALUES = {
    "cortex-m0": 0x410CC601,
    "cortex-m3": 0x412FC231,
    "cortex-m4": 0x410FC241,
    "cortex-m7": 0x411FC270,
    "cortex-m33": 0x410FD213,
}


class CoreSpace:
    """Registers of a Cortex-M above 0xE0000000.

    Parameters
    ----------
    cpu : str
        Emulated processor, for its identification register.
    vector_table : int
        Reset value of ``VTOR``.
    around : Surroundings
        The machine; reads of the cycle counter are counted there.
    """

    def __init__(self, cpu: str, vector_table: int, around: Surroundings) -> None:
        self._around = around
        self._cpuid = _CPUID_VALUES.get(cpu, 0)
        self._has_caches = cpu == "cortex-m7"
        self._cyccnt_offset = 0
        self.resets = {_VTOR: vector_table}

    def read(self, word: int, stored: int) -> int | None:
        """Return the word at an address; None where plain memory answers."""
        if word == _DWT_CYCCNT:
            self._around.timer_reads += 1
            return (self._around.now_cycles() - self._cyccnt_offset) & _WORD
        if word == _CPUID:
            return self._cpuid
        if word == _AIRCR:
            return _AIRCR_KEY_READ << 16 | stored & 0x700
        if word == _DWT_CTRL:
            return 0x40000000 | stored & 0x0FFFFFFF
        if word in (_SYST_CALIB, _ICSR):
            return 0
        if word == _MPU_TYPE:
            return _MPU_REGIONS << 8
        if self._has_caches and word in _CACHE_TYPES:
            return _CACHE_TYPES[word]
        if _ITM_FIRST_PORT <= word <= _ITM_LAST_PORT:
            return _FIFO_READY
        return None

    def write(self, word: int, value: int) -> None:
        """See a word that is stored at an address."""
        if word == _DWT_CYCCNT:
            self._cyccnt_offset = self._around.now_cycles() - value
        elif word == _AIRCR and value >> 16 == _AIRCR_KEY and value & _SYSRESETREQ:
            self._around.ask_for_reset("AIRCR.SYSRESETREQ")
