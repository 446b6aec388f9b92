"""The USB controller of RP2040 and RP2350 in device mode, with the memory that it shares with the core.

Raspberry Pi RP2040 datasheet, chapter 4.1; RP2350 datasheet, chapter 12.7; pico-sdk hardware/regs/usb.h and hardware/structs/usb_dpram.h. Not
modelled: host mode, suspend and resume, isochronous endpoints, errors of the wire. Data toggles are not looked at: no packet is ever lost.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.usb_cable import STALL
from instsim.emulate.devices.usb_frames import UsbFrames
from instsim.emulate.spec import DeviceSpec

__all__ = ["RpUsb"]

_MEMORY_BYTES = 0x1000
_ENDPOINT_CONTROL, _BUFFER_CONTROL, _CONTROL_BUFFER = 0x000, 0x080, 0x100
_BUFFER_BYTES = 64

# Of half of a buffer control word.
_FULL, _LAST, _RESET_SELECT, _STALLED, _AVAILABLE, _LENGTH = 1 << 15, 1 << 14, 1 << 12, 1 << 11, 1 << 10, 0x3FF
# Of an endpoint's control word.
_ENABLED, _DOUBLE, _EVERY_BUFFER, _EVERY_TWO, _PLACE = 1 << 31, 1 << 30, 1 << 29, 1 << 28, 0xFC0

_REGISTERS = 0x10000
_MAIN, _SOF_READ, _SIE_CONTROL, _SIE_STATUS = _REGISTERS + 0x40, _REGISTERS + 0x48, _REGISTERS + 0x4C, _REGISTERS + 0x50
_BUFFER_STATUS, _BUFFER_WHICH = _REGISTERS + 0x58, _REGISTERS + 0x5C
_ABORT, _ABORTED, _STALL_ARM, _STALL_NAK = _REGISTERS + 0x60, _REGISTERS + 0x64, _REGISTERS + 0x68, _REGISTERS + 0x70
_POWER = _REGISTERS + 0x78
_INTERRUPTS, _ENABLED_INTERRUPTS, _FORCED_INTERRUPTS, _PENDING_INTERRUPTS = (_REGISTERS + offset for offset in (0x8C, 0x90, 0x94, 0x98))
_CONTROL_ENDPOINT_DOUBLE, _CONTROL_EVERY_BUFFER, _CONTROL_EVERY_TWO, _PULL_UP = 1 << 30, 1 << 29, 1 << 28, 1 << 16
_SELF_CLEARING = 1 << 12 | 1 << 13 | 1 << 4 | 1
_CONTROLLER_ON, _HOST_MODE = 1, 2

_BUS_RESET, _TRANSACTION_DONE, _SETUP_CAME, _CONNECTED, _POWERED = 1 << 19, 1 << 18, 1 << 17, 1 << 16, 1
_LINE_STATE, _LINE_IDLE, _LINE_RESET = 2, 1, 0
_POWER_DETECT, _POWER_OVERRIDE = 1 << 2, 1 << 3

_I_ABORTED, _I_FRAME, _I_SETUP, _I_CONNECTION, _I_RESET, _I_POWER, _I_BUFFER, _I_TRANSACTION = (
    1 << 18,
    1 << 17,
    1 << 16,
    1 << 13,
    1 << 12,
    1 << 11,
    1 << 4,
    1 << 3,
)


class RpUsb(Device):
    """The controller: its memory at 0, its registers at 0x10000."""

    default_size: ClassVar[int] = 0x11000
    one_clears: ClassVar[frozenset[int]] = frozenset({_SIE_STATUS, _BUFFER_STATUS, _ABORTED, _STALL_NAK})

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._frames = UsbFrames(around, self._update)
        super().__init__(spec, around)
        around.usb.controller = self

    def reset(self) -> None:
        """Give all registers their reset values, which takes the device off the bus; the memory keeps what it holds."""
        memory = {at: word for at, word in self.registers.items() if at < _MEMORY_BYTES}
        super().reset()
        self.registers.update(memory)
        self._done: dict[int, deque[int]] = {}
        self._selected: dict[int, int] = {}
        self._status = 0
        self._connection_changed = self._is_reset = self._frames.are_running = False
        self._update()
        self.around.usb.changed()

    @property
    def name(self) -> str:
        """The device's name in the board file."""
        return self.spec.name

    # -- registers ---------------------------------------------------------------------------------------------------------------

    def read(self, offset: int) -> int | None:
        """Return a word of the shared memory, or a register."""
        if offset < _MEMORY_BYTES:
            return self.registers.get(offset, 0)
        if offset == _SOF_READ:
            self._frames.see()
            self._update()
            return self._frames.number
        if offset == _SIE_STATUS:
            state = _LINE_IDLE if self.is_attached and not self._is_reset else _LINE_RESET
            return self._status | state << _LINE_STATE | (_POWERED if self._is_powered else 0)
        if offset == _BUFFER_STATUS:
            return self._buffers_done()
        if offset == _BUFFER_WHICH:
            return sum(1 << index for index, buffers in self._done.items() if buffers and buffers[0])
        if offset == _INTERRUPTS:
            return self._raised()
        if offset == _PENDING_INTERRUPTS:
            return self._asserted()
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Store a word of the shared memory, or do what a register is for."""
        if offset < _MEMORY_BYTES:
            self.registers[offset] = value
            if offset < _CONTROL_BUFFER:
                self._controlled(offset, value)
            return
        if offset == _SIE_STATUS:
            self._status &= ~value
            self._connection_changed &= not value & _CONNECTED
        elif offset == _BUFFER_STATUS:
            for index, buffers in self._done.items():
                if value >> index & 1 and buffers:
                    buffers.popleft()
        elif offset == _ABORTED:
            self.registers[offset] = self.registers.get(offset, 0) & ~value
        elif offset == _ABORT:
            self.registers[_ABORTED] = self.registers.get(_ABORTED, 0) | value
            self.registers[offset] = value
        elif offset == _SIE_CONTROL:
            super().write(offset, value & ~_SELF_CLEARING)
        else:
            super().write(offset, value)
        self._update()
        if offset in (_MAIN, _SIE_CONTROL, _ABORT, _STALL_ARM):
            self.around.usb.changed()

    def _controlled(self, offset: int, value: int) -> None:
        """Note what the firmware wrote to an endpoint's control words."""
        if offset >= _BUFFER_CONTROL:
            if value & _RESET_SELECT:
                self._selected[(offset - _BUFFER_CONTROL) // 4] = 0
            self.around.usb.changed()

    @property
    def _is_powered(self) -> bool:
        power = self.registers.get(_POWER, 0)
        return bool(power & _POWER_DETECT) if power & _POWER_OVERRIDE else self.around.usb.is_plugged

    def _buffers_done(self) -> int:
        return sum(1 << index for index, buffers in self._done.items() if buffers)

    def _raised(self) -> int:
        raised = _I_SETUP if self._status & _SETUP_CAME else 0
        raised |= _I_RESET if self._status & _BUS_RESET else 0
        raised |= _I_TRANSACTION if self._status & _TRANSACTION_DONE else 0
        raised |= _I_CONNECTION if self._connection_changed else 0
        raised |= _I_BUFFER if self._buffers_done() else 0
        raised |= _I_POWER if self._is_powered else 0
        raised |= _I_ABORTED if self.registers.get(_ABORTED, 0) else 0
        return raised | (_I_FRAME if self._frames.waits else 0)

    def _asserted(self) -> int:
        return (self._raised() | self.registers.get(_FORCED_INTERRUPTS, 0)) & self.registers.get(_ENABLED_INTERRUPTS, 0)

    def _update(self) -> None:
        """Bring the interrupt line in step, and have the next frame told if the firmware wants to know."""
        self.set_irq(self._asserted())
        self._frames.tell(wanted=bool(self.registers.get(_ENABLED_INTERRUPTS, 0) & _I_FRAME))

    # -- the bus -----------------------------------------------------------------------------------------------------------------

    @property
    def is_attached(self) -> bool:
        """Whether the firmware has switched the pull-up on."""
        is_device = self.registers.get(_MAIN, 0) & (_CONTROLLER_ON | _HOST_MODE) == _CONTROLLER_ON
        return is_device and bool(self.registers.get(_SIE_CONTROL, 0) & _PULL_UP)

    def reset_bus(self, *, ends: bool) -> None:
        """Drive the reset state, which the firmware is told of; frames begin behind it."""
        self._is_reset, self._frames.are_running = not ends, ends
        if not ends:
            self._status |= _BUS_RESET
        self._connection_changed |= not self._status & _CONNECTED
        self._status |= _CONNECTED
        self._update()

    def take_setup(self, packet: bytes) -> None:
        """Store the packet; a stall of the control endpoint ends with it."""
        self._store(0, packet)
        self._status |= _SETUP_CAME
        self.registers[_STALL_ARM] = 0
        self._update()

    def armed(self, endpoint: int) -> int | None:
        """Return the bytes that an endpoint's next buffer holds or has room for."""
        number, index = endpoint & 15, _index(endpoint)
        control = self._endpoint_control(index)
        buffer = self.registers.get(_BUFFER_CONTROL + 4 * index, 0)
        if not control & _ENABLED or self.registers.get(_ABORT, 0) >> index & 1:
            return None
        if buffer & _STALLED:
            return STALL if number or self.registers.get(_STALL_ARM, 0) >> index & 1 else None
        half = buffer >> 16 * self._selected.get(index, 0)
        is_ready = half & _AVAILABLE and bool(half & _FULL) == bool(endpoint & 0x80)
        return half & _LENGTH if is_ready else None

    def take_out(self, endpoint: int, data: bytes) -> None:
        """Store a packet in the endpoint's next buffer."""
        index = _index(endpoint)
        self._store(self._buffer_place(index), data)
        self._finish(index, _FULL, len(data))

    def give_in(self, endpoint: int) -> bytes:
        """Return the packet in the endpoint's next buffer."""
        index = _index(endpoint)
        length = self.armed(endpoint) or 0
        data = self._load(self._buffer_place(index), length)
        self._finish(index, 0, length)
        return data

    def _endpoint_control(self, index: int) -> int:
        """Return an endpoint's control word; that of the control endpoint is a part of a register."""
        if index > 1:
            return self.registers.get(_ENDPOINT_CONTROL + 4 * index, 0)
        settings = self.registers.get(_SIE_CONTROL, 0)
        return _ENABLED | settings & (_CONTROL_ENDPOINT_DOUBLE | _CONTROL_EVERY_BUFFER | _CONTROL_EVERY_TWO)

    def _buffer_place(self, index: int) -> int:
        place = self._endpoint_control(index) & _PLACE if index > 1 else _CONTROL_BUFFER
        return place + _BUFFER_BYTES * self._selected.get(index, 0)

    def _finish(self, index: int, full: int, length: int) -> None:
        """Give a buffer back to the firmware."""
        which = self._selected.get(index, 0)
        at, shift = _BUFFER_CONTROL + 4 * index, 16 * which
        word = self.registers.get(at, 0)
        half = word >> shift & ~(_FULL | _AVAILABLE | _LENGTH) & 0xFFFF | full | length
        self.registers[at] = word & ~(0xFFFF << shift) | half << shift
        control = self._endpoint_control(index)
        if control & _DOUBLE:
            self._selected[index] = which ^ 1
        if half & _LAST:
            self._status |= _TRANSACTION_DONE
        if control & _EVERY_BUFFER or (control & _EVERY_TWO and which):
            self._done.setdefault(index, deque()).append(which)
        self._update()

    def _store(self, place: int, data: bytes) -> None:
        for at, byte in enumerate(data, place):
            shift = 8 * (at & 3)
            self.registers[at & ~3] = self.registers.get(at & ~3, 0) & ~(0xFF << shift) | byte << shift

    def _load(self, place: int, length: int) -> bytes:
        return bytes(self.registers.get(at & ~3, 0) >> 8 * (at & 3) & 0xFF for at in range(place, place + length))


def _index(endpoint: int) -> int:
    """Return the place of an endpoint among control words and status bits: toward the host first, then away from it."""
    return 2 * (endpoint & 15) + (not endpoint & 0x80)
