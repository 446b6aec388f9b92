"""Hazard3's interrupt controller (Xh3irq) and its registers, which are CSRs of the core.

Hazard3 documentation, chapter "Custom Interrupt Handling (Xh3irq)"; RP2350 datasheet 3.8.4.2. The level that an interrupt has to reach to preempt
what runs rises when one is taken, and falls again with ``mret``.
"""

from __future__ import annotations

from collections.abc import Callable

from instsim.emulate.riscv_interrupts import MachineInterrupts

__all__ = ["Hazard3Interrupts"]

_EXTERNAL = 11
_ENABLE, _PENDING, _FORCE, _PRIORITY, _NEXT, _CONTEXT, _SLEEP = 0xBE0, 0xBE1, 0xBE2, 0xBE3, 0xBE4, 0xBE5, 0xBF0
_CSRS = frozenset({_ENABLE, _PENDING, _FORCE, _PRIORITY, _NEXT, _CONTEXT, _SLEEP})
_WINDOW, _WORD, _NO_IRQ = 0xFFFF, 0xFFFFFFFF, 1 << 31
_WRITE, _SET, _CLEAR = 1, 2, 3
_PRIORITY_BITS = 4
_MOST = 1 << _PRIORITY_BITS
_LEVEL, _LEVEL_BEFORE, _LEVEL_BEFORE_THAT = 16, 24, 28
"""Lowest bits of the levels in ``meicontext``: what may preempt now, before the last interrupt, and before that."""
_SERVED, _SERVED_MASK, _SERVES_NONE = 4, 0x1FF, 1 << 15
"""Bits of ``meicontext``: the number of the interrupt that is being served, and that none is."""
_RETURNS = 1
"""Bit of ``meicontext``: the next ``mret`` gives the level back."""


class Hazard3Interrupts(MachineInterrupts):
    """External interrupts by number, behind one bit of ``mip``.

    Parameters
    ----------
    on_change : callable
        Called whenever an interrupt may have become ready.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__(on_change)
        self._lines = 0
        self._arrays = {_ENABLE: 0, _FORCE: 0, _PRIORITY: 0}
        self._plain = {_CONTEXT: 0, _SLEEP: 0}

    def set_line(self, number: int, level: bool) -> None:
        """Drive an external interrupt."""
        self._lines = self._lines | 1 << number if level else self._lines & ~(1 << number)
        self._update()

    def _first(self, level: int) -> tuple[int, int] | None:
        """Return number and priority of the interrupt to serve first, of those that reach a level."""
        ready = (self._lines | self._arrays[_FORCE]) & self._arrays[_ENABLE]
        numbers = (number for number in range(ready.bit_length()) if ready >> number & 1)
        found = max(((self._arrays[_PRIORITY] >> _PRIORITY_BITS * n & (_MOST - 1), -n) for n in numbers), default=None)
        return None if found is None or found[0] < level else (-found[1], found[0])

    def _update(self) -> None:
        self.set_pending(_EXTERNAL, self._first(self._plain[_CONTEXT] >> _LEVEL & 31) is not None)

    def _raise_level(self, first: tuple[int, int] | None) -> None:
        context = self._plain[_CONTEXT] & ~(31 << _LEVEL | _SERVED_MASK << _SERVED | _SERVES_NONE)
        served, level = (_SERVES_NONE, _MOST) if first is None else (first[0] << _SERVED, first[1] + 1)
        self._plain[_CONTEXT] = context | served | level << _LEVEL

    def taken(self, number: int) -> None:
        """Note that the core has taken an interrupt."""
        super().taken(number)
        if number == _EXTERNAL:
            context = self._plain[_CONTEXT]
            level, before = context >> _LEVEL & 31, context >> _LEVEL_BEFORE & 15
            self._raise_level(self._first(level))
            kept = self._plain[_CONTEXT] & ~(0xFF << _LEVEL_BEFORE)
            self._plain[_CONTEXT] = kept | before << _LEVEL_BEFORE_THAT | (level & 15) << _LEVEL_BEFORE | _RETURNS
            self._update()

    def returned(self) -> None:
        """Note an ``mret``."""
        context = self._plain[_CONTEXT]
        if context & _RETURNS:
            levels = (context >> _LEVEL_BEFORE & 15) << _LEVEL | (context >> _LEVEL_BEFORE_THAT & 15) << _LEVEL_BEFORE
            self._plain[_CONTEXT] = context & ~(0xFFFF << _LEVEL | _RETURNS) | levels
            self._update()

    def access(self, csr: int, kind: int, operand: int) -> int | None:
        """Carry out ``csrrw``, ``csrrs`` or ``csrrc`` (`kind` 1 to 3); return what is read, None where it is no CSR of this controller.

        The arrays of enable bits, pending bits and priorities show sixteen bits at a time, chosen by the low bits of what is written.
        """
        if csr not in _CSRS:
            return None
        if csr == _NEXT:
            return self._take_next(updates=kind != _CLEAR and bool(operand & 1))
        if csr in self._plain:
            before = self._plain[csr]
            self._plain[csr] = {_WRITE: operand, _SET: before | operand, _CLEAR: before & ~operand}[kind] & _WORD
            self._update()
            return before
        array = self._lines | self._arrays[_FORCE] if csr == _PENDING else self._arrays[csr]
        shift = 16 * (operand & 0x7F if csr == _PRIORITY else operand & 0x1F)
        window, bits = array >> shift & _WINDOW, operand >> 16
        after = {_WRITE: bits, _SET: window | bits, _CLEAR: window & ~bits}[kind]
        if csr != _PENDING:
            self._arrays[csr] = array & ~(_WINDOW << shift) | after << shift
            self._update()
        return window << 16

    def _take_next(self, *, updates: bool) -> int:
        """Return the interrupt to serve, times four, as an offset into a table; bit 31 if there is none."""
        # Those that the interrupted code was too important for are not this handler's, either.
        first = self._first(self._plain[_CONTEXT] >> _LEVEL_BEFORE & 15)
        if updates:
            self._raise_level(first)
        if first is None:
            return _NO_IRQ
        if updates:
            self._arrays[_FORCE] &= ~(1 << first[0])
            self._update()
        return first[0] << 2
