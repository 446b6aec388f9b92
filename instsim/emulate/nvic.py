"""The nested vectored interrupt controller and the system control block's exception registers of Cortex-M.

Arm DDI 0403E (Armv7-M), chapters B1.5 (exception model), B3.2 (system control space) and B3.4 (NVIC); Arm DDI 0419E for Armv6-M, which has
32 interrupts, two bits of priority and no fault exceptions of their own. This module knows no emulator: it holds what is enabled, pending
and active, and says which exception the core must take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["HARD_FAULT", "NMI", "PENDSV", "SVCALL", "SYSTICK", "CoreMasks", "Nvic"]

NMI, HARD_FAULT, MEMORY_FAULT, BUS_FAULT, USAGE_FAULT, SVCALL, DEBUG_MONITOR, PENDSV, SYSTICK = 2, 3, 4, 5, 6, 11, 12, 14, 15
_FIRST_LINE = 16
_THREAD_PRIORITY = 256
_ALWAYS_ENABLED = sum(1 << number for number in (NMI, HARD_FAULT, MEMORY_FAULT, BUS_FAULT, USAGE_FAULT, SVCALL, DEBUG_MONITOR, PENDSV, SYSTICK))
_WORD = 0xFFFFFFFF

_ISER, _ICER, _ISPR, _ICPR, _IABR, _IPR, _IPR_END = 0x100, 0x180, 0x200, 0x280, 0x300, 0x400, 0x5F0
_ICSR, _VTOR, _AIRCR, _SCR, _CCR, _SHPR, _SHPR_END, _SHCSR = 0xD04, 0xD08, 0xD0C, 0xD10, 0xD14, 0xD18, 0xD24, 0xD24
_CFSR, _HFSR, _MMFAR, _BFAR, _STIR, _FPCCR, _FPCAR, _FPDSCR = 0xD28, 0xD2C, 0xD34, 0xD38, 0xF00, 0xF34, 0xF38, 0xF3C
_AIRCR_KEY = 0x05FA
_STKALIGN = 1 << 9
_ASPEN, _LSPEN, _LSPACT = 1 << 31, 1 << 30, 1
_SHCSR_ENABLES = {MEMORY_FAULT: 16, BUS_FAULT: 17, USAGE_FAULT: 18}
_SHCSR_ACTIVE = {MEMORY_FAULT: 0, BUS_FAULT: 1, USAGE_FAULT: 3, SVCALL: 7, DEBUG_MONITOR: 8, PENDSV: 10, SYSTICK: 11}
_SHCSR_PENDING = {USAGE_FAULT: 12, MEMORY_FAULT: 13, BUS_FAULT: 14, SVCALL: 15}


@dataclass(frozen=True, slots=True)
class CoreMasks:
    """The core's mask registers: ``PRIMASK``, ``BASEPRI`` and ``FAULTMASK``."""

    primask: int = 0
    basepri: int = 0
    faultmask: int = 0


class Nvic:
    """What is enabled, pending and active.

    Parameters
    ----------
    lines : int
        Number of interrupt lines.
    priority_bits : int
        Implemented bits of a priority, counted from the top of the byte.
    vector_table : int
        Reset value of ``VTOR``.
    on_change : callable
        Called whenever an exception may have become ready to be taken.

    Attributes
    ----------
    event_register : bool
        Whether ``wfe`` finds an event that has happened already.
    """

    def __init__(self, lines: int, priority_bits: int, vector_table: int, on_change: Callable[[], None]) -> None:
        self._lines = lines
        self._priority_mask = 0xFF & ~((1 << (8 - priority_bits)) - 1)
        self._priorities = bytearray(_FIRST_LINE + lines)
        self._on_change = on_change
        self._all_lines = ((1 << lines) - 1) << _FIRST_LINE
        self._enabled = _ALWAYS_ENABLED
        self._pending = 0
        self._levels = 0
        self._priority_group = 0
        self.active: set[int] = set()
        self.event_register = False
        self.vector_table = vector_table
        self.stored: dict[int, int] = {_CCR: _STKALIGN, _FPCCR: _ASPEN | _LSPEN}

    # -- lines -------------------------------------------------------------------------------------------------------------------

    def set_line(self, number: int, level: bool) -> None:
        """Drive a level-sensitive line; see `instsim.emulate.interrupts.InterruptController`."""
        bit = 1 << (_FIRST_LINE + number)
        if not level:
            self._levels &= ~bit
        elif not self._levels & bit:
            self._levels |= bit
            if _FIRST_LINE + number not in self.active:
                self.pend(_FIRST_LINE + number)

    def pulse(self, number: int) -> None:
        """Make an interrupt pending once."""
        self.pend(_FIRST_LINE + number)

    def pend(self, exception: int) -> None:
        """Make an exception pending, by its exception number."""
        self._pending |= 1 << exception & (self._all_lines | _ALWAYS_ENABLED)
        self._on_change()

    def clear_pending(self, exception: int) -> None:
        """Take a pending exception back."""
        self._pending &= ~(1 << exception)

    # -- priorities --------------------------------------------------------------------------------------------------------------

    def priority(self, exception: int) -> int:
        """Return an exception's configured priority; lower numbers win, fixed ones are negative."""
        return exception - 4 if exception <= HARD_FAULT else self._priorities[exception]

    def _group(self, priority: int) -> int:
        return priority if priority < 0 else priority & ~((2 << self._priority_group) - 1)

    @property
    def _active_priority(self) -> int:
        lowest = _THREAD_PRIORITY
        for number in self.active:
            lowest = min(lowest, self._group(self.priority(number)))
        return lowest

    def execution_priority(self, masks: CoreMasks, *, with_primask: bool = True) -> int:
        """Return the priority at which the core runs: of its active exceptions, raised by its mask registers."""
        current = self._active_priority
        if masks.basepri:
            current = min(current, self._group(masks.basepri & self._priority_mask))
        if masks.primask and with_primask:
            current = min(current, 0)
        return min(current, -1) if masks.faultmask else current

    def can_take(self, exception: int, masks: CoreMasks) -> bool:
        """Whether an exception that the running instruction causes can be taken now; otherwise it escalates."""
        return self._group(self.priority(exception)) < self.execution_priority(masks)

    @property
    def has_pending(self) -> bool:
        """Whether any enabled exception waits."""
        return bool(self._pending & self._enabled)

    def _first(self, ready: int) -> tuple[int, int] | None:
        best: tuple[int, int] | None = None
        while ready:
            number = (ready & -ready).bit_length() - 1
            ready &= ready - 1
            rank = (self.priority(number), number)
            if best is None or rank < best:
                best = rank
        return best

    def preempting(self, masks: CoreMasks, *, with_primask: bool = True) -> int | None:
        """Return the pending exception that the core takes now, or None."""
        best = self._first(self._pending & self._enabled)
        if best is None or self._group(best[0]) >= self.execution_priority(masks, with_primask=with_primask):
            return None
        return best[1]

    @property
    def waits_for_mask(self) -> bool:
        """Whether an enabled exception waits that nothing but the core's mask registers can hold back, no active exception."""
        best = self._first(self._pending & self._enabled)
        return best is not None and self._group(best[0]) < self._active_priority

    def could_be_interrupted(self, masks: CoreMasks, *, ticking: bool) -> bool:
        """Whether an exception that is enabled could ever preempt what runs now; `ticking` says whether SysTick's interrupt is on."""
        sources = self._enabled & self._all_lines | (1 << SYSTICK if ticking else 0) | self._pending & self._enabled
        best = self._first(sources)
        return best is not None and self._group(best[0]) < self.execution_priority(masks)

    # -- life of an exception ----------------------------------------------------------------------------------------------------

    def activate(self, exception: int) -> None:
        """Note that the core has taken an exception."""
        self._pending &= ~(1 << exception)
        self.active.add(exception)

    def deactivate(self, exception: int) -> None:
        """Note that a handler has returned; a line that is still high pends again."""
        self.active.discard(exception)
        if self._levels >> exception & 1:
            self.pend(exception)

    def fault_enabled(self, exception: int) -> bool:
        """Whether the firmware has enabled a fault exception of its own (``SHCSR``)."""
        bit = _SHCSR_ENABLES.get(exception)
        return bit is not None and bool(self.stored.get(_SHCSR, 0) >> bit & 1)

    def record_fault(self, cfsr: int, hfsr: int, address: int | None) -> None:
        """Set the fault status registers; `address` goes to the address register that `cfsr` declares valid."""
        self.stored[_CFSR] = self.stored.get(_CFSR, 0) | cfsr
        self.stored[_HFSR] = self.stored.get(_HFSR, 0) | hfsr
        if address is not None:
            self.stored[_MMFAR if cfsr & 0xFF else _BFAR] = address

    @property
    def aligns_stack(self) -> bool:
        """``CCR.STKALIGN``."""
        return bool(self.stored[_CCR] & _STKALIGN)

    @property
    def sleeps_on_exit(self) -> bool:
        """``SCR.SLEEPONEXIT``."""
        return bool(self.stored.get(_SCR, 0) & 2)

    @property
    def stacks_floats(self) -> bool:
        """``FPCCR.ASPEN``: exceptions save the floating-point state."""
        return bool(self.stored[_FPCCR] & _ASPEN)

    @property
    def stacks_lazily(self) -> bool:
        """``FPCCR.LSPEN``."""
        return bool(self.stored[_FPCCR] & _LSPEN)

    def set_lazy_frame(self, address: int | None) -> None:
        """Show a frame whose floating-point part is reserved and not yet saved in ``FPCCR`` and ``FPCAR``."""
        self.stored[_FPCCR] = self.stored[_FPCCR] & ~_LSPACT | (address is not None)
        if address is not None:
            self.stored[_FPCAR] = address

    # -- registers ---------------------------------------------------------------------------------------------------------------

    def read(self, offset: int, size: int) -> int | None:
        """Return 1, 2 or 4 bytes at an offset into the system control space; None for a register that is not the controller's."""
        if _IPR <= offset < _IPR_END:
            return int.from_bytes(self._priorities[_FIRST_LINE + offset - _IPR :][:size], "little")
        if _SHPR <= offset < _SHPR_END:
            start = 4 + offset - _SHPR
            return int.from_bytes(self._priorities[start : start + size], "little")
        value = self._read_word(offset & ~3)
        return None if value is None else value >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def _read_word(self, offset: int) -> int | None:
        for start, bits in (
            (_ISER, self._enabled),
            (_ICER, self._enabled),
            (_ISPR, self._pending),
            (_ICPR, self._pending),
            (_IABR, sum(1 << number for number in self.active)),
        ):
            if start <= offset < start + 0x40:
                return bits >> (_FIRST_LINE + 8 * (offset - start)) & _WORD
        if offset == _ICSR:
            return self._icsr()
        if offset == _VTOR:
            return self.vector_table
        if offset == _AIRCR:
            return 0xFA05 << 16 | self._priority_group << 8
        if offset == _SHCSR:
            return (
                self.stored.get(_SHCSR, 0)
                | sum(1 << bit for number, bit in _SHCSR_ACTIVE.items() if number in self.active)
                | sum(1 << bit for number, bit in _SHCSR_PENDING.items() if self._pending >> number & 1)
            )
        if offset in (_SCR, _CCR, _CFSR, _HFSR, _MMFAR, _BFAR, _FPCCR, _FPCAR, _FPDSCR):
            return self.stored.get(offset, 0)
        return None

    def _icsr(self) -> int:
        best = self._first(self._pending & self._enabled)
        waiting = self._pending & self._enabled & self._all_lines
        running = min(self.active, key=lambda number: (self.priority(number), number), default=0)
        return (
            running
            | (len(self.active) <= 1) << 11
            | (best[1] if best else 0) << 12
            | bool(waiting) << 22
            | (self._pending >> SYSTICK & 1) << 26
            | (self._pending >> PENDSV & 1) << 28
            | (self._pending >> NMI & 1) << 31
        )

    def write(self, offset: int, size: int, value: int) -> bool:
        """Store 1, 2 or 4 bytes; return False for a register that is not the controller's (or that others must see as well)."""
        if _IPR <= offset < _IPR_END or _SHPR <= offset < _SHPR_END:
            start = _FIRST_LINE + offset - _IPR if offset < _IPR_END else 4 + offset - _SHPR
            for index, byte in enumerate(value.to_bytes(size, "little"), start):
                if index < len(self._priorities):
                    self._priorities[index] = byte & self._priority_mask
            self._on_change()
            return True
        shift = 8 * (offset & 3)
        return self._write_word(offset & ~3, value << shift & _WORD, ((1 << 8 * size) - 1) << shift)

    def _write_word(self, offset: int, value: int, lanes: int) -> bool:
        for start in (_ISER, _ICER, _ISPR, _ICPR):
            if start <= offset < start + 0x40:
                bits = value << (_FIRST_LINE + 8 * (offset - start)) & self._all_lines
                match start:
                    case 0x100:
                        self._enabled |= bits
                    case 0x180:
                        self._enabled &= ~bits
                    case 0x200:
                        self._pending |= bits
                    case _:
                        self._pending = self._pending & ~bits | self._levels & bits
                self._on_change()
                return True
        if offset == _ICSR:
            self._write_icsr(value)
        elif offset == _VTOR:
            self.vector_table = value & ~0x7F
        elif offset == _AIRCR:
            if value >> 16 == _AIRCR_KEY:
                self._priority_group = value >> 8 & 7
                self._on_change()
            return False
        elif offset == _STIR:
            self.pulse(value & 0x1FF)
        elif offset in (_CFSR, _HFSR):
            self.stored[offset] = self.stored.get(offset, 0) & ~value
        elif offset in (_SCR, _CCR, _SHCSR, _MMFAR, _BFAR, _FPCCR, _FPCAR, _FPDSCR):
            merged = self.stored.get(offset, 0) & ~lanes | value & lanes
            self.stored[offset] = merged & 0x70000 if offset == _SHCSR else merged
        else:
            return False
        return True

    def _write_icsr(self, value: int) -> None:
        for exception, set_bit, clear_bit in ((PENDSV, 28, 27), (SYSTICK, 26, 25), (NMI, 31, 30)):
            if value >> clear_bit & 1:
                self.clear_pending(exception)
            if value >> set_bit & 1:
                self.pend(exception)
