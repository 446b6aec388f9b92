"""Device registers: the clock-carrying ones of the core, and plain memory with poll breaking for all others.

Addresses and bits: Arm DDI 0403E (Armv7-M), appendix D3 and chapters B3.3 (SysTick), C1.8 (DWT).
"""

from __future__ import annotations

from collections.abc import Callable

from instsim.isa import Isa

__all__ = ["Devices"]

_POLL_LIMIT = 12
_WORD = 0xFFFFFFFF

_DWT_CTRL, _DWT_CYCCNT = 0xE0001000, 0xE0001004
_SYST_CSR, _SYST_RVR, _SYST_CVR, _SYST_CALIB = 0xE000E010, 0xE000E014, 0xE000E018, 0xE000E01C
_CPUID, _ICSR, _VTOR, _AIRCR, _CPACR = 0xE000ED00, 0xE000ED04, 0xE000ED08, 0xE000ED0C, 0xE000ED88
_AIRCR_KEY, _AIRCR_KEY_READ, _SYSRESETREQ = 0x05FA, 0xFA05, 1 << 2
_COUNTFLAG = 1 << 16

_CPUID_VALUES = {
    "cortex-m0": 0x410CC601,
    "cortex-m3": 0x412FC231,
    "cortex-m4": 0x410FC241,
    "cortex-m7": 0x411FC270,
    "cortex-m33": 0x410FD213,
}


class Devices:
    """All device registers of a machine.

    A register nobody models keeps what was written to it. Firmware that reads one such register over and over waits for a bit: after twelve
    reads in a row other values are tried in turn, and the register is reported.

    Parameters
    ----------
    isa : Isa
        Instruction set; Cortex-M adds the system control space.
    cpu : str
        Emulated processor, for its identification register.
    vector_table : int
        Reset value of ``VTOR``.
    now_cycles : callable
        Core cycles since reset.
    """

    def __init__(self, isa: Isa, cpu: str, vector_table: int, now_cycles: Callable[[], int]) -> None:
        self._now = now_cycles
        self._registers: dict[int, int] = {_VTOR: vector_table} if isa is Isa.THUMB else {}
        self._cortex_m = isa is Isa.THUMB
        self._cpuid = _CPUID_VALUES.get(cpu, 0)
        self._last_read = -1
        self._repeats = 0
        self._cyccnt_offset = 0
        self._systick_start = 0
        self._systick_seen = 0
        self.timer_reads = 0
        self.polled: dict[int, int] = {}
        self.reset_requested = False

    @property
    def vector_table(self) -> int:
        """Where the firmware keeps its vectors now."""
        return self._registers.get(_VTOR, 0)

    def read(self, address: int, size: int) -> int:
        """Return the value of 1, 2 or 4 bytes at a register's address."""
        word = address & ~3
        value = self._read_word(word)
        return value >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        """Store 1, 2 or 4 bytes."""
        word, shift = address & ~3, 8 * (address & 3)
        mask = ((1 << 8 * size) - 1) << shift
        self._last_read = -1
        self._write_word(word, (self._registers.get(word, 0) & ~mask | value << shift & mask) & _WORD)

    def _read_word(self, word: int) -> int:
        if self._cortex_m and word >= 0xE0000000:
            value = self._read_core(word)
            if value is not None:
                self._last_read = word
                return value
        stored = self._registers.get(word, 0)
        if word != self._last_read:
            self._last_read, self._repeats = word, 0
            return stored
        self._repeats += 1
        if self._repeats < _POLL_LIMIT:
            return stored
        self.polled[word] = self.polled.get(word, 0) + 1
        tries = (_WORD, 0, stored | stored << 1, stored | stored << 2, stored | stored << 3, stored | stored << 8, ~stored, stored)
        return tries[self._repeats % len(tries)] & _WORD

    def _read_core(self, word: int) -> int | None:
        if word == _DWT_CYCCNT:
            self.timer_reads += 1
            return (self._now() - self._cyccnt_offset) & _WORD
        if word == _SYST_CVR:
            self.timer_reads += 1
            period = self._registers.get(_SYST_RVR, 0) + 1
            return period - 1 - (self._now() - self._systick_start) % period
        if word == _SYST_CSR:
            self.timer_reads += 1
            control = self._registers.get(word, 0) & 7
            wraps = (self._now() - self._systick_start) // (self._registers.get(_SYST_RVR, 0) + 1)
            flag = _COUNTFLAG if control & 1 and wraps > self._systick_seen else 0
            self._systick_seen = wraps
            return control | flag
        if word == _CPUID:
            return self._cpuid
        if word == _AIRCR:
            return _AIRCR_KEY_READ << 16 | self._registers.get(word, 0) & 0x700
        if word == _DWT_CTRL:
            return 0x40000000 | self._registers.get(word, 0) & 0x0FFFFFFF
        if word in (_SYST_CALIB, _ICSR):
            return 0
        return None

    def _write_word(self, word: int, value: int) -> None:
        if self._cortex_m:
            if word == _DWT_CYCCNT:
                self._cyccnt_offset = self._now() - value
            elif word in (_SYST_CVR, _SYST_CSR):
                if word == _SYST_CVR or not self._registers.get(_SYST_CSR, 0) & 1:
                    self._systick_start, self._systick_seen = self._now(), 0
            elif word == _SYST_RVR:
                value &= 0xFFFFFF
            elif word == _AIRCR and value >> 16 == _AIRCR_KEY and value & _SYSRESETREQ:
                self.reset_requested = True
        self._registers[word] = value

    @property
    def fpu_enabled(self) -> bool:
        """Whether the firmware gave itself access to the floating-point unit (``CPACR``)."""
        return self._registers.get(_CPACR, 0) >> 20 & 15 == 15
