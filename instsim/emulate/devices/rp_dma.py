"""DMA controllers of RP2040 and RP2350, as far as serial ports need them.

Raspberry Pi RP2040 datasheet, chapter 2.5; RP2350 datasheet, chapter 12.6. Not modelled: rings by address, byte swaps, the sniffer, pacing timers,
and requests other than those of serial ports (a transfer finds its port by address).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from instsim.emulate.devices.device import Surroundings
from instsim.emulate.devices.dma import Direction, DmaController, Transfer
from instsim.emulate.devices.uart import Uart
from instsim.emulate.spec import DeviceSpec

__all__ = ["RpDma"]

_READ, _WRITE, _COUNT, _CONTROL = 0x0, 0x4, 0x8, 0xC
_VIEWS = (
    (_READ, _WRITE, _COUNT, _CONTROL),
    (_CONTROL, _READ, _WRITE, _COUNT),
    (_CONTROL, _COUNT, _READ, _WRITE),
    (_CONTROL, _WRITE, _COUNT, _READ),
)
"""Registers of a channel in each of its four views; the last of each starts it."""

_ENABLE, _ALWAYS = 1, 0x3F


@dataclass(frozen=True, slots=True)
class _Form:
    """What the two chips have at different places: channels, bits of a control register, offsets; bits of the count."""

    channels: int
    reads_on: int
    writes_on: int
    chain: int
    request: int
    quiet: int
    busy: int
    trigger: int
    abort: int
    count_bits: int


_RP2040 = _Form(12, 4, 5, 11, 15, 21, 24, 0x430, 0x444, 32)
_RP2350 = _Form(16, 4, 6, 13, 17, 23, 26, 0x450, 0x464, 28)


class RpDma(DmaController):
    """A controller of 12 (RP2040) or 16 channels; ``chip`` is 2040 or 2350. Its first two interrupt lines are modelled."""

    default_size: ClassVar[int] = 0x1000
    parameters: ClassVar[frozenset[str]] = frozenset({"chip"})
    _BYTES, _REQUESTS, _LINE_STEP, _ENABLES, _FORCES, _STATUS, _LINES = 0x40, 0x400, 0x10, 0x4, 0x8, 0xC, 2

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._form = _RP2040 if int(spec.value("chip", 2040)) == 2040 else _RP2350
        self._requested = 0
        super().__init__(spec, around)

    def _place(self, offset: int) -> tuple[int, int, bool]:
        """Return the channel, the register that a view's offset means, and whether a store there starts the channel."""
        channel, inside = divmod(offset, self._BYTES)
        view, index = divmod(inside // 4, 4)
        return channel, _VIEWS[view][index], index == len(_VIEWS) - 1

    def _status(self, line: int) -> int:
        block = self._REQUESTS + line * self._LINE_STEP
        return (self._requested | self.registers.get(block + self._FORCES, 0)) & self.registers.get(block + self._ENABLES, 0)

    def read(self, offset: int) -> int | None:
        """Return a channel's register, units left, or interrupt requests."""
        if offset < self._form.channels * self._BYTES:
            channel, place, _ = self._place(offset)
            value = self.registers.get(channel * self._BYTES + place, 0)
            found = self.running(channel)
            if place == _CONTROL:
                return value | (found is not None) << self._form.busy
            return {_READ: found.source_now, _WRITE: found.target_now}.get(place, found.left) if found is not None else value
        line, place = divmod(offset - self._REQUESTS, self._LINE_STEP)
        if 0 <= line < self._LINES and place in (0, self._STATUS):
            return self._requested if place == 0 else self._status(line)
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Set up or start a channel, acknowledge or enable interrupts."""
        line, place = divmod(offset - self._REQUESTS, self._LINE_STEP)
        if offset < self._form.channels * self._BYTES:
            channel, place, starts = self._place(offset)
            super().write(channel * self._BYTES + place, value)
            if starts and value:
                self._trigger(channel)
        elif offset in (self._form.trigger, self._form.abort):
            for channel in range(self._form.channels):
                if value >> channel & 1:
                    (self._trigger if offset == self._form.trigger else self.halt)(channel)
        elif 0 <= line < self._LINES and place in (0, self._STATUS):
            self._requested &= ~value
        else:
            super().write(offset, value)
        self.serve()
        self.update()

    def _trigger(self, channel: int) -> None:
        at = channel * self._BYTES
        control = self.registers.get(at + _CONTROL, 0)
        if not control & _ENABLE or self.running(channel) is not None:
            return
        source, target = self.registers.get(at + _READ, 0), self.registers.get(at + _WRITE, 0)
        units = self.registers.get(at + _COUNT, 0) & ((1 << self._form.count_bits) - 1)
        unit_bytes = 1 << (control >> 2 & 3)
        direction = Direction.IN_MEMORY
        if control >> self._form.request & _ALWAYS != _ALWAYS:
            found = self.around.locate(target)
            direction = Direction.TO_PORT if found is not None and isinstance(found[0], Uart) else Direction.FROM_PORT
        steps = (unit_bytes * (control >> self._form.reads_on & 1), unit_bytes * (control >> self._form.writes_on & 1))
        self.start(channel, Transfer(direction, source, target, *steps, unit_bytes, units, units))

    def done(self, channel: int, transfer: Transfer) -> None:
        """Ask for an interrupt, leave the addresses where they are now, and start the channel that comes next."""
        at = channel * self._BYTES
        control = self.registers.get(at + _CONTROL, 0)
        if not control >> self._form.quiet & 1:
            self._requested |= 1 << channel
        self.registers[at + _READ], self.registers[at + _WRITE] = transfer.source_now, transfer.target_now
        following = control >> self._form.chain & 15
        if following != channel:
            self._trigger(following)
            self.after_lap(transfer, self.serve)

    def update(self) -> None:
        """Bring the interrupt lines in step with requests and masks."""
        for line in range(self._LINES):
            self.set_irq(self._status(line), line)
