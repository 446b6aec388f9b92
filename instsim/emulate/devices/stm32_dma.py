"""STM32's three kinds of DMA controllers, as far as serial ports need them.

ST reference manuals: RM0390 chapter 9 (streams: F4, F7, H7), RM0432 chapter 11 (channels: L4, G0), RM0456 chapter 17 (GPDMA: U5, U3). Not
modelled: double buffers, FIFOs, request multiplexers (a transfer finds its port by address), triggers, two-dimensional addressing.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from instsim.emulate.devices.device import Surroundings
from instsim.emulate.devices.dma import Direction, DmaController, Transfer
from instsim.emulate.spec import DeviceSpec

__all__ = ["Stm32DmaV1", "Stm32DmaV2", "Stm32Gpdma"]

_ENABLE = 1


class _Stm32Dma(DmaController):
    """Flags, interrupts and the enable bit; the register forms are the subclasses'."""

    channels: ClassVar[int] = 8
    half_enable: ClassVar[int]
    """Bit of a channel's control register that enables its half-transfer interrupt; likewise the next two."""
    done_enable: ClassVar[int]
    error_enable: ClassVar[int]

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._half = self._done = self._error = 0
        super().__init__(spec, around)

    def reset(self) -> None:
        """Give all registers their reset values, halt all channels and clear all flags."""
        super().reset()
        self._half = self._done = self._error = 0

    @abstractmethod
    def control(self, channel: int) -> int:
        """Return the offset of a channel's control register."""

    @abstractmethod
    def transfer(self, channel: int) -> Transfer:
        """Return what a channel's registers ask for."""

    def _control_written(self, channel: int, before: int) -> None:
        """Start or halt a channel whose control register has been written."""
        now = self.registers.get(self.control(channel), 0)
        if now & _ENABLE and not before & _ENABLE:
            self.start(channel, self.transfer(channel))
            self.serve()
        elif not now & _ENABLE:
            self.halt(channel)
        self.update()

    def _disable(self, channel: int) -> None:
        self.registers[self.control(channel)] = self.registers.get(self.control(channel), 0) & ~_ENABLE

    def half_done(self, channel: int) -> None:
        """Set the half-transfer flag."""
        self._half |= 1 << channel

    def done(self, channel: int, transfer: Transfer) -> None:
        """Set the transfer-complete flag."""
        del transfer
        self._done |= 1 << channel

    def failed(self, channel: int) -> None:
        """Set the transfer-error flag; the hardware takes the enable bit back."""
        self._error |= 1 << channel
        self._disable(channel)

    def _clear(self, channel: int, *, half: object, done: object, error: object) -> None:
        keep = ~(1 << channel)
        self._half &= keep if half else -1
        self._done &= keep if done else -1
        self._error &= keep if error else -1

    def _raises(self, channel: int) -> bool:
        enabled = self.registers.get(self.control(channel), 0)
        flags = ((self._half, self.half_enable), (self._done, self.done_enable), (self._error, self.error_enable))
        return any(flag >> channel & enabled >> bit & 1 for flag, bit in flags)

    def update(self) -> None:
        """Bring the interrupt lines in step with the flags; channels may share a line."""
        levels: dict[int, bool] = {}
        for channel in range(self.channels):
            number = self.irq(channel)
            if number is not None:
                levels[number] = levels.get(number, False) or self._raises(channel)
        for number, level in levels.items():
            self.around.raise_line(number, self.spec.name, level)


def _transfer(direction: Direction, port: tuple[int, int], memory: tuple[int, int], unit_bytes: int, units: int, *, circular: object) -> Transfer:
    """Return a transfer between a port's side and memory's, each an address and a step; between memories the port's side is the source."""
    (source, source_step), (target, target_step) = (memory, port) if direction is Direction.TO_PORT else (port, memory)
    return Transfer(direction, source, target, source_step, target_step, unit_bytes, units, units, bool(circular))


class _ChannelArray(_Stm32Dma):
    """Channels whose registers lie one behind the other, the control register first."""

    _FIRST: ClassVar[int]
    """Offset of the first channel's registers, a channel's size, and where in it the units left stand."""
    _STEP: ClassVar[int]
    _COUNT: ClassVar[int] = 0x04

    def control(self, channel: int) -> int:
        """Return the offset of a channel's control register."""
        return self._FIRST + channel * self._STEP

    def _setting(self, offset: int) -> int:
        """Return a register; of a running channel the units left."""
        channel, place = divmod(offset - self._FIRST, self._STEP)
        if offset >= self._FIRST and place == self._COUNT and (found := self.running(channel)) is not None:
            return found.left
        return self.registers.get(offset, 0)

    def _set(self, offset: int, value: int) -> None:
        """Write a register, and start or halt its channel."""
        before = self.registers.get(offset, 0)
        super().write(offset, value)
        channel, place = divmod(offset - self._FIRST, self._STEP)
        if 0 <= channel < self.channels and place == 0:
            self._control_written(channel, before)


class Stm32DmaV1(_ChannelArray):
    """Eight streams (F4, F7, H7)."""

    done_enable, half_enable, error_enable = 4, 3, 2
    _FIRST, _STEP, _PAR, _M0AR = 0x10, 0x18, 0x08, 0x0C
    _CLEAR_LOW, _CLEAR_HIGH, _STREAMS_PER_WORD = 0x08, 0x0C, 4
    _FLAG_BITS, _ERROR_FLAG, _HALF_FLAG, _DONE_FLAG = (0, 6, 16, 22), 3, 4, 5
    _DIRECTIONS = (Direction.FROM_PORT, Direction.TO_PORT, Direction.IN_MEMORY, Direction.IN_MEMORY)

    def transfer(self, channel: int) -> Transfer:
        """Return what a stream's registers ask for."""
        at = self.control(channel)
        control = self.registers.get(at, 0)
        port_bytes, memory_bytes = 1 << (control >> 11 & 3), 1 << (control >> 13 & 3)
        return _transfer(
            self._DIRECTIONS[control >> 6 & 3],
            (self.registers.get(at + self._PAR, 0), port_bytes * (control >> 9 & 1)),
            (self.registers.get(at + self._M0AR, 0), memory_bytes * (control >> 10 & 1)),
            port_bytes,
            self.registers.get(at + self._COUNT, 0) & 0xFFFF,
            circular=control >> 8 & 1,
        )

    def read(self, offset: int) -> int | None:
        """Return flags, units left or a setting."""
        if offset in (0, 4):
            channels = range(offset, offset + self._STREAMS_PER_WORD)
            return sum(
                (
                    (self._error >> channel & 1) << self._ERROR_FLAG
                    | (self._half >> channel & 1) << self._HALF_FLAG
                    | (self._done >> channel & 1) << self._DONE_FLAG
                )
                << self._FLAG_BITS[channel % self._STREAMS_PER_WORD]
                for channel in channels
            )
        return self._setting(offset)

    def write(self, offset: int, value: int) -> None:
        """Clear flags, or set up a stream."""
        if offset in (self._CLEAR_LOW, self._CLEAR_HIGH):
            first = 0 if offset == self._CLEAR_LOW else self._STREAMS_PER_WORD
            for index, shift in enumerate(self._FLAG_BITS):
                bits = value >> shift
                self._clear(first + index, half=bits >> self._HALF_FLAG & 1, done=bits >> self._DONE_FLAG & 1, error=bits >> self._ERROR_FLAG & 1)
            self.update()
            return
        self._set(offset, value)

    def done(self, channel: int, transfer: Transfer) -> None:
        """Set the flag; the hardware takes the enable bit back."""
        super().done(channel, transfer)
        if not transfer.is_circular:
            self.registers[self.control(channel) + self._COUNT] = 0
            self._disable(channel)


class Stm32DmaV2(_ChannelArray):
    """Up to eight channels (F0, F1, F3, G0, G4, L0, L4)."""

    done_enable, half_enable, error_enable = 1, 2, 3
    _FIRST, _STEP, _CPAR, _CMAR, _IFCR = 0x08, 0x14, 0x08, 0x0C, 0x04
    _GLOBAL, _DONE_FLAG, _HALF_FLAG, _ERROR_FLAG = 1, 2, 4, 8

    def transfer(self, channel: int) -> Transfer:
        """Return what a channel's registers ask for."""
        at = self.control(channel)
        control = self.registers.get(at, 0)
        port_bytes, memory_bytes = 1 << (control >> 8 & 3), 1 << (control >> 10 & 3)
        from_memory = control >> 4 & 1
        direction = Direction.TO_PORT if from_memory else Direction.FROM_PORT
        port = (self.registers.get(at + self._CPAR, 0), port_bytes * (control >> 6 & 1))
        memory = (self.registers.get(at + self._CMAR, 0), memory_bytes * (control >> 7 & 1))
        if control >> 14 & 1:
            direction = Direction.IN_MEMORY
            port, memory = (memory, port) if from_memory else (port, memory)
        return _transfer(direction, port, memory, port_bytes, self.registers.get(at + self._COUNT, 0) & 0xFFFF, circular=control >> 5 & 1)

    def _flags(self, channel: int) -> int:
        flags = (
            (self._done >> channel & 1) * self._DONE_FLAG
            | (self._half >> channel & 1) * self._HALF_FLAG
            | (self._error >> channel & 1) * self._ERROR_FLAG
        )
        return flags | (self._GLOBAL if flags else 0)

    def read(self, offset: int) -> int | None:
        """Return flags, units left or a setting."""
        if offset == 0:
            return sum(self._flags(channel) << 4 * channel for channel in range(self.channels))
        return self._setting(offset)

    def write(self, offset: int, value: int) -> None:
        """Clear flags, or set up a channel."""
        if offset == self._IFCR:
            for channel in range(self.channels):
                bits = value >> 4 * channel
                clears_all = bits & self._GLOBAL
                done, half, error = (clears_all or bits & flag for flag in (self._DONE_FLAG, self._HALF_FLAG, self._ERROR_FLAG))
                self._clear(channel, half=half, done=done, error=error)
            self.update()
            return
        self._set(offset, value)

    def done(self, channel: int, transfer: Transfer) -> None:
        """Set the flag; the channel stays enabled with nothing left."""
        super().done(channel, transfer)
        if not transfer.is_circular:
            self.registers[self.control(channel) + self._COUNT] = 0


class Stm32Gpdma(_Stm32Dma):
    """Up to sixteen channels with linked lists (H5, U3, U5)."""

    default_size: ClassVar[int] = 0x1000
    channels: ClassVar[int] = 16
    done_enable, half_enable, error_enable = 8, 9, 10
    _FIRST, _STEP = 0x50, 0x80
    _LBAR, _FCR, _SR, _CR, _TR1, _TR2, _BR1, _SAR, _DAR, _TR3, _BR2, _LLR = 0x00, 0x0C, 0x10, 0x14, 0x40, 0x44, 0x48, 0x4C, 0x50, 0x54, 0x58, 0x7C
    _NODE = ((31, _TR1), (30, _TR2), (29, _BR1), (28, _SAR), (27, _DAR), (26, _TR3), (25, _BR2), (16, _LLR))
    """Bits of LLR, and the registers that the next node of the list holds in this order where they are set."""
    _IDLE, _RESET, _LAST_NODE_ONLY = 1, 2, 3

    def control(self, channel: int) -> int:
        """Return the offset of a channel's control register."""
        return self._FIRST + channel * self._STEP + self._CR

    def _register(self, channel: int, place: int) -> int:
        return self.registers.get(self._FIRST + channel * self._STEP + place, 0)

    def transfer(self, channel: int) -> Transfer:
        """Return what a channel's registers ask for."""
        widths, requests = self._register(channel, self._TR1), self._register(channel, self._TR2)
        unit_bytes = 1 << (widths & 3)
        direction = Direction.IN_MEMORY if requests >> 9 & 1 else Direction.TO_PORT if requests >> 10 & 1 else Direction.FROM_PORT
        units = (self._register(channel, self._BR1) & 0xFFFF) // unit_bytes
        source, target = self._register(channel, self._SAR), self._register(channel, self._DAR)
        target_bytes = 1 << (widths >> 16 & 3)
        return Transfer(direction, source, target, unit_bytes * (widths >> 3 & 1), target_bytes * (widths >> 19 & 1), unit_bytes, units, units)

    def read(self, offset: int) -> int | None:
        """Return flags, bytes left or a setting."""
        channel, place = divmod(offset - self._FIRST, self._STEP)
        if offset < self._FIRST:
            return self.registers.get(offset, 0)
        found = self.running(channel)
        if place == self._SR:
            flags = (self._done >> channel & 1) << self.done_enable | (self._half >> channel & 1) << self.half_enable
            return flags | (self._error >> channel & 1) << self.error_enable | (self._IDLE if found is None else 0)
        if place == self._BR1 and found is not None:
            return self.registers.get(offset, 0) & ~0xFFFF | found.left * found.unit_bytes
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Clear flags, or set up a channel."""
        channel, place = divmod(offset - self._FIRST, self._STEP)
        before = self.registers.get(offset, 0)
        if offset >= self._FIRST and place == self._FCR:
            self._clear(channel, half=value >> self.half_enable & 1, done=value >> self.done_enable & 1, error=value >> self.error_enable & 1)
            self.update()
            return
        super().write(offset, value & ~(_ENABLE | self._RESET) if offset >= self._FIRST and place == self._CR and value & self._RESET else value)
        if offset >= self._FIRST and place == self._CR:
            self._control_written(channel, before)

    def done(self, channel: int, transfer: Transfer) -> None:
        """Set the flag and go on with the list's next node, or end."""
        is_last = not self._register(channel, self._LLR)
        if is_last or self._register(channel, self._TR2) >> 30 != self._LAST_NODE_ONLY:
            super().done(channel, transfer)
        if is_last:
            self.registers[self._FIRST + channel * self._STEP + self._BR1] = 0
            self._disable(channel)
            return
        self._load_node(channel)
        self.start(channel, self.transfer(channel))
        self.after_lap(transfer, self.serve)

    def _load_node(self, channel: int) -> None:
        link = self._register(channel, self._LLR)
        address = self._register(channel, self._LBAR) & 0xFFFF0000 | link & 0xFFFC
        for bit, place in self._NODE:
            if link >> bit & 1:
                word = self.around.read_memory(address, 4)
                self.registers[self._FIRST + channel * self._STEP + place] = int.from_bytes(word or b"\0\0\0\0", "little")
                address += 4
        if not link >> 16 & 1:
            self.registers[self._FIRST + channel * self._STEP + self._LLR] = 0
