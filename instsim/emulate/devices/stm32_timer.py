"""STM32 timers: counter with prescaler, update and compare interrupts. ST RM0390 chapters 16 to 19 (the same registers in every family)."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from instsim.emulate.devices.counter import Counter
from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.events import ScheduledEvent
from instsim.emulate.spec import DeviceSpec

__all__ = ["Stm32Timer"]

_CR1, _DIER, _SR, _EGR, _CNT, _PSC, _ARR, _CCR1 = 0x00, 0x0C, 0x10, 0x14, 0x24, 0x28, 0x2C, 0x34
_CEN, _URS, _OPM, _UIF = 1, 1 << 2, 1 << 3, 1
_CHANNELS = 4
_PRESCALER_MASK = 0xFFFF


class Stm32Timer(Device):
    """One timer that counts up.

    ``clock`` names its clock (``rcc.apb1-timer``), ``bits`` its width.
    """

    parameters: ClassVar[frozenset[str]] = frozenset({"clock", "bits"})

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._counter = Counter(around.now_cycles)
        self._mask = (1 << int(spec.value("bits", 16))) - 1
        self._status = 0
        self._events: dict[int, ScheduledEvent | None] = {}
        super().__init__(spec, around)

    def reset(self) -> None:
        """Give all registers their reset values; the counter stands still."""
        super().reset()
        self.registers.setdefault(_ARR, self._mask)
        self._counter.change(1, self._mask)

    def _set_rate(self) -> None:
        divider = self.around.clock_divider(str(self.spec.value("clock", "")))
        prescaler = self.registers.get(_PSC, 0) & _PRESCALER_MASK
        self._counter.change(divider * (prescaler + 1), self.registers.get(_ARR, self._mask) & self._mask or self._mask)

    def _settle(self) -> None:
        """Bring flags up to now."""
        if not self._counter.is_running:
            return
        if self._counter.settle():
            self._status |= _UIF

    def read(self, offset: int) -> int | None:
        """Return count, flags or a setting."""
        if offset == _CNT:
            self.around.timer_reads += 1
            self._settle()
            return self._counter.value
        if offset == _SR:
            self.around.timer_reads += 1
            self._settle()
            return self._status
        return None

    def write(self, offset: int, value: int) -> None:
        """Set the count, clear flags, or change a setting."""
        self._settle()
        if offset == _CNT:
            self._counter.set(value & self._mask)
        elif offset == _SR:
            self._status &= value
        elif offset == _EGR:
            self._generate(value)
        else:
            super().write(offset, value)
            self._set_rate()
            self._counter.run(self.registers.get(_CR1, 0) & _CEN)
        self._plan()
        self._update()

    def _generate(self, value: int) -> None:
        if value & 1:
            self._set_rate()
            self._counter.set(0)
            if not self.registers.get(_CR1, 0) & _URS:
                self._status |= _UIF
        self._status |= value & 0x1E

    def _plan(self) -> None:
        """Schedule what can raise an interrupt."""
        enabled = self.registers.get(_DIER, 0)
        for flag in range(_CHANNELS + 1):
            self.around.events.cancel(self._events.get(flag))
            self._events[flag] = None
            if enabled >> flag & 1:
                target = 0 if flag == 0 else self.registers.get(_CCR1 + 4 * (flag - 1), 0) & self._mask
                cycle = self._counter.cycle_of(target)
                if cycle is not None:
                    self._events[flag] = self.around.at(cycle, partial(self._happen, flag))

    def _happen(self, flag: int) -> None:
        self._settle()
        self._status |= 1 << flag
        if flag == 0 and self.registers.get(_CR1, 0) & _OPM:
            self.registers[_CR1] &= ~_CEN
            self._counter.run(running=False)
        self._plan()
        self._update()

    def _update(self) -> None:
        raised = self._status & self.registers.get(_DIER, 0)
        # Timers with several lines have the update's first and the compares' second.
        if len(self.spec.irqs) > 1:
            self.set_irq(raised & _UIF, 0)
            self.set_irq(raised & ~_UIF, 1)
        else:
            self.set_irq(raised)
