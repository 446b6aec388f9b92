"""PSoC 6: serial communication block as a UART, locks between the cores, peripheral clock dividers, and the timers that they drive.

Infineon mtb-pdl-cat1, devices/COMPONENT_CAT1A: cyip_scb.h, cyip_ipc_v2.h, cyip_peri_v2.h, cyip_tcpwm.h, psoc6_02.svd.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import ClassVar

from instsim.emulate.devices.counter import Counter
from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.uart import Uart
from instsim.emulate.events import ScheduledEvent
from instsim.emulate.spec import DeviceSpec

__all__ = ["Psoc6Ipc", "Psoc6Peri", "Psoc6Scb", "Psoc6Tcpwm"]

_WORD = 0xFFFFFFFF
_TOP_BIT = 1 << 31


class Psoc6Scb(Uart):
    """A serial communication block; as a UART only. An empty queue reads as ones."""

    default_size: ClassVar[int] = 0x10000
    resets: ClassVar[dict[int, int]] = {0x000: 0x0300000F, 0x200: 0x107, 0x300: 0x107}
    fifo_bytes = 128
    _CTRL, _TX_STATUS, _TX_WRITE, _RX_CONTROL, _RX_STATUS, _RX_READ, _RX_PEEK = 0x000, 0x208, 0x240, 0x304, 0x308, 0x340, 0x344
    _CAUSE, _TX_INTR, _RX_INTR, _SET, _MASK, _MASKED = 0xE00, 0xF80, 0xFC0, 0x4, 0x8, 0xC
    _TX_CAUSE, _RX_CAUSE, _CLEAR_QUEUE = 1 << 2, 1 << 3, 1 << 16
    _TX_ALWAYS, _TX_DONE = 1 << 0 | 1 << 1 | 1 << 4, 1 << 9
    _TRIGGER, _NOT_EMPTY = 1 << 0, 1 << 2

    @property
    def is_listening(self) -> bool:
        """Whether the firmware has switched the block on."""
        return bool(self.registers.get(self._CTRL, 0) & _TOP_BIT)

    def _raised(self, requests: int) -> int:
        """Return the requests of one direction: those that lasted from before, and those whose condition holds."""
        if requests == self._TX_INTR:
            return self.registers.get(requests, 0) | self._TX_ALWAYS
        level = self.registers.get(self._RX_CONTROL, 0) & 0xFF
        held = (self._NOT_EMPTY if self.waiting else 0) | (self._TRIGGER if len(self.received) > level else 0)
        return self.registers.get(requests, 0) | held

    def _masked(self, requests: int) -> int:
        return self._raised(requests) & self.registers.get(requests + self._MASK, 0)

    def read(self, offset: int) -> int | None:
        """Return data, a queue's state, or interrupt requests."""
        if offset == self._RX_READ:
            return self.take() if self.waiting else _WORD
        if offset == self._RX_PEEK:
            return self.received[0] if self.waiting else _WORD
        if offset == self._TX_STATUS:
            return 0
        if offset == self._RX_STATUS:
            return len(self.received)
        if offset == self._CAUSE:
            return (self._TX_CAUSE if self._masked(self._TX_INTR) else 0) | (self._RX_CAUSE if self._masked(self._RX_INTR) else 0)
        for requests in (self._TX_INTR, self._RX_INTR):
            if offset in (requests, requests + self._SET):
                return self._raised(requests)
            if offset == requests + self._MASKED:
                return self._masked(requests)
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Send data, clear a queue, clear, set or mask interrupt requests."""
        if offset == self._TX_WRITE:
            self.transmit(value)
            self.registers[self._TX_INTR] = self.registers.get(self._TX_INTR, 0) | self._TX_DONE
        elif offset in (self._TX_INTR, self._RX_INTR):
            self.registers[offset] = self.registers.get(offset, 0) & ~value
        elif offset in (self._TX_INTR + self._SET, self._RX_INTR + self._SET):
            self.registers[offset - self._SET] = self.registers.get(offset - self._SET, 0) | value
        else:
            super().write(offset, value)
            if offset == self._RX_CONTROL and value & self._CLEAR_QUEUE:
                self.received.clear()
        self.update()

    def update(self) -> None:
        """Bring the interrupt line in step with requests and masks."""
        self.set_irq(self._masked(self._TX_INTR) or self._masked(self._RX_INTR))


class Psoc6Ipc(Device):
    """Locks and messages between the cores: a lock is free until it is acquired. The other core never answers."""

    default_size: ClassVar[int] = 0x10000
    _LOCKS, _BYTES, _ACQUIRE, _RELEASE, _STATUS = 16, 0x20, 0x00, 0x04, 0x1C

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._taken: set[int] = set()
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Acquire a lock, or return its state or a message."""
        lock, place = divmod(offset, self._BYTES)
        if lock < self._LOCKS and place == self._ACQUIRE:
            free = lock not in self._taken
            self._taken.add(lock)
            return _TOP_BIT if free else 0
        if lock < self._LOCKS and place == self._STATUS:
            return _TOP_BIT if lock in self._taken else 0
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Release a lock, or leave a message."""
        lock, place = divmod(offset, self._BYTES)
        if lock < self._LOCKS and place == self._RELEASE:
            self._taken.discard(lock)
        super().write(offset, value)


class Psoc6Peri(Device):
    """The dividers between the peripheral clock and each block. Clocks are named by their number (``peri.15``).

    The core's and the peripheral clock's own dividers stand in CPUSS; the board file has it as a device named ``cpuss``.
    """

    default_size: ClassVar[int] = 0x10000
    _COMMAND, _SELECT, _ENABLE, _DISABLE = 0x400, 0xC00, 1 << 31, 1 << 30
    _DIVIDERS = (0x1000, 0x1400, 0x1800, 0x1C00)
    _EIGHT_BITS, _WITH_FRACTION = 0, 2
    _NOWHERE = 0x3FF
    _CPUSS, _FAST, _PERI = "cpuss", 0x0008, 0x1008

    def read(self, offset: int) -> int | None:
        """Return a setting; commands are done at once."""
        value = self.registers.get(offset, 0)
        return value & ~(self._ENABLE | self._DISABLE) if offset == self._COMMAND else value

    def write(self, offset: int, value: int) -> None:
        """Start or stop a divider, or change a setting."""
        super().write(offset, value)
        if offset == self._COMMAND and value & (self._ENABLE | self._DISABLE):
            divider = self._DIVIDERS[value >> 8 & 3] + 4 * (value & 0xFF)
            self.registers[divider] = self.registers.get(divider, 0) & ~1 | bool(value & self._ENABLE)

    def clock_divider(self, clock: str) -> int:
        """Return core cycles to one cycle of a numbered clock, to the nearest whole number."""
        return max(1, round(self._peripheral() * self._divider(int(clock))))

    def _divider(self, clock: int) -> Fraction:
        chosen = self.registers.get(self._SELECT + 4 * clock, self._NOWHERE)
        if chosen & self._NOWHERE == self._NOWHERE:
            return Fraction(1)
        kind = chosen >> 8 & 3
        register = self.registers.get(self._DIVIDERS[kind] + 4 * (chosen & 0xFF), 0)
        whole = (register >> 8 & 0xFF if kind == self._EIGHT_BITS else register >> 8) + 1
        return whole + (Fraction(register >> 3 & 31, 32) if kind >= self._WITH_FRACTION else Fraction(0))

    def _peripheral(self) -> Fraction:
        source = self.around.devices.get(self._CPUSS)
        if source is None:
            return Fraction(1)
        return Fraction((source.registers.get(self._PERI, 0) >> 24 & 0xFF) + 1, (source.registers.get(self._FAST, 0) >> 8 & 0xFF) + 1)


class Psoc6Tcpwm(Device):
    """Timers that count up: terminal count and compare match.

    ``clock`` names the clock of the first counter (``peri.15``), whose followers drive the others; ``bits`` is the width of a counter.
    """

    default_size: ClassVar[int] = 0x10000
    parameters: ClassVar[frozenset[str]] = frozenset({"clock", "bits"})
    _ENABLED, _DISABLE, _ENABLE, _RELOAD, _STOP, _START = 0x00, 0x04, 0x08, 0x10, 0x14, 0x18
    _FIRST, _BYTES, _COUNTERS = 0x100, 0x40, 24
    _CTRL, _STATUS, _COUNT, _CC, _PERIOD, _INTR, _SET, _MASK, _MASKED = 0x00, 0x04, 0x08, 0x0C, 0x14, 0x30, 0x34, 0x38, 0x3C
    _PRESCALER_BIT, _ONE_SHOT = 8, 1 << 18

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._limit = (1 << int(spec.value("bits", 32))) - 1
        self._counters = [Counter(around.now_cycles) for _ in range(self._COUNTERS)]
        self._events: dict[tuple[int, int], ScheduledEvent | None] = {}
        super().__init__(spec, around)

    def _register(self, index: int, place: int) -> int:
        return self.registers.get(self._FIRST + index * self._BYTES + place, self._limit if place in (self._CC, self._PERIOD) else 0)

    def _place(self, offset: int) -> tuple[int, int]:
        return divmod(offset - self._FIRST, self._BYTES)

    def read(self, offset: int) -> int | None:
        """Return a count, a state, requests or a setting."""
        index, place = self._place(offset)
        if not 0 <= index < self._COUNTERS:
            return self.registers.get(offset, 0)
        counter = self._counters[index]
        if place == self._COUNT:
            self.around.timer_reads += 1
            return counter.value
        if place == self._STATUS:
            return _TOP_BIT if counter.is_running else 0
        if place in (self._INTR, self._SET):
            self.around.timer_reads += 1
            self._settle(index)
            return self._register(index, self._INTR)
        if place == self._MASKED:
            return self._register(index, self._INTR) & self._register(index, self._MASK)
        return self._register(index, place)

    def write(self, offset: int, value: int) -> None:
        """Enable, start and stop counters, set a count, clear requests, or change a setting."""
        index, place = self._place(offset)
        if not 0 <= index < self._COUNTERS:
            self._command(offset, value)
            return
        self._settle(index)
        if place == self._COUNT:
            self._counters[index].set(value & self._limit)
        elif place == self._INTR:
            self._request(index, 0, clears=value)
        elif place == self._SET:
            self._request(index, value)
        else:
            super().write(offset, value)
        self._set_rate(index)
        self._plan(index)

    def _command(self, offset: int, value: int) -> None:
        enabled = self.registers.get(self._ENABLED, 0)
        if offset in (self._ENABLED, self._ENABLE, self._DISABLE):
            self.registers[self._ENABLED] = {self._ENABLED: value, self._ENABLE: enabled | value, self._DISABLE: enabled & ~value}[offset]
            value = ~self.registers[self._ENABLED]
            offset = self._STOP
        for index, counter in enumerate(self._counters):
            if not value >> index & 1:
                continue
            if offset == self._STOP:
                counter.run(running=False)
            elif offset in (self._RELOAD, self._START) and enabled >> index & 1:
                self._set_rate(index)
                if offset == self._RELOAD:
                    counter.set(0)
                counter.run(running=True)
            self._plan(index)

    def _set_rate(self, index: int) -> None:
        device, _, number = str(self.spec.value("clock", "")).partition(".")
        divider = self.around.clock_divider(f"{device}.{int(number or 0) + index}")
        prescaler = self._register(index, self._CTRL) >> self._PRESCALER_BIT & 7
        self._counters[index].change(divider << prescaler, self._register(index, self._PERIOD) & self._limit)

    def _settle(self, index: int) -> None:
        if self._counters[index].is_running and self._counters[index].settle():
            self._request(index, 1)

    def _request(self, index: int, bits: int, clears: int = 0) -> None:
        self.registers[self._FIRST + index * self._BYTES + self._INTR] = self._register(index, self._INTR) & ~clears | bits
        self.set_irq(self._register(index, self._INTR) & self._register(index, self._MASK), index)

    def _plan(self, index: int) -> None:
        """Schedule what can raise an interrupt."""
        wanted = self._register(index, self._MASK) | bool(self._register(index, self._CTRL) & self._ONE_SHOT)
        for bit in (0, 1):
            self.around.events.cancel(self._events.get((index, bit)))
            self._events[index, bit] = None
            cycle = self._counters[index].cycle_of(self._register(index, self._CC) if bit else 0) if wanted >> bit & 1 else None
            if cycle is not None:
                self._events[index, bit] = self.around.at(float(cycle), partial(self._happen, index, bit))
        self._request(index, 0)

    def _happen(self, index: int, bit: int) -> None:
        self._counters[index].settle()
        if bit == 0 and self._register(index, self._CTRL) & self._ONE_SHOT:
            self._counters[index].run(running=False)
        self._request(index, 1 << bit)
        self._plan(index)
