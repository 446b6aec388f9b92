"""nRF52840's USB device controller: one packet in each direction of each endpoint, moved to and from memory by tasks.

Nordic nRF52840 PS v1.7, chapter 6.35. Not modelled: isochronous endpoints, suspend and resume, data toggles; memory is read and written at once.
"""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.nrf_ppi import signal
from instsim.emulate.devices.usb_cable import STALL
from instsim.emulate.devices.usb_frames import UsbFrames
from instsim.emulate.spec import DeviceSpec

__all__ = ["NrfUsbd"]

_ENDPOINTS = 8
_PACKET_BYTES = 64
_TOWARD_HOST = 0x80

_START_IN, _START_OUT, _RECEIVE_CONTROL, _ALLOW_STATUS, _STALL_CONTROL = 0x004, 0x028, 0x04C, 0x050, 0x054
_FIRST_EVENT, _EVENTS_END = 0x100, 0x164
_RESET, _STARTED, _END_IN, _CONTROL_DONE, _END_OUT, _FRAME, _BUS_EVENT, _SETUP, _DATA = 0x100, 0x104, 0x108, 0x128, 0x130, 0x154, 0x158, 0x15C, 0x160
_SHORTS, _ENABLED, _ENABLED_SET, _ENABLED_CLEAR = 0x200, 0x300, 0x304, 0x308
_DONE_STARTS_IN, _DONE_STARTS_OUT, _DONE_ALLOWS_STATUS, _END_ALLOWS_STATUS, _END_RECEIVES = 1, 2, 4, 8, 16
_CAUSE, _READY = 0x400, 1 << 11
_HALTED_IN, _HALTED_OUT, _MOVED, _DATA_STATUS, _ADDRESS, _REQUEST = 0x420, 0x444, 0x468, 0x46C, 0x470, 0x480
_SIZE, _ON, _PULL_UP, _TOGGLE, _IN_ON, _OUT_ON, _HALT, _FRAME_NUMBER = 0x4A0, 0x500, 0x504, 0x50C, 0x510, 0x514, 0x518, 0x520
_IN_POINTER, _OUT_POINTER, _POINTER_STEP, _MOST, _AMOUNT = 0x600, 0x700, 0x14, 4, 8
_FIRST_TOGGLE = 1 << 8
_SET_ADDRESS = b"\0\5"


class NrfUsbd(Device):
    """The controller. It answers a request for a new address by itself."""

    default_size: ClassVar[int] = 0x1000

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._outgoing: dict[int, bytes] = {}
        self._incoming: dict[int, bytes] = {}
        self._accepting: set[int] = set()
        self._halted: set[int] = set()
        self._control_receives = self._status_allowed = self._control_stalled = False
        self._frames = UsbFrames(around, self._update)
        super().__init__(spec, around)
        around.usb.controller = self

    @property
    def name(self) -> str:
        """The device's name in the board file."""
        return self.spec.name

    # -- registers ---------------------------------------------------------------------------------------------------------------

    def read(self, offset: int) -> int | None:
        """Return an event, a mask, a status, or what came."""
        if offset == _FRAME:
            return int(self.registers.get(_FRAME, 0) or self._frames.waits)
        if offset in (_ENABLED, _ENABLED_SET, _ENABLED_CLEAR):
            return self.registers.get(_ENABLED, 0)
        if offset == _FRAME_NUMBER:
            return self._frames.number
        if offset == _TOGGLE:
            return self.registers.get(_TOGGLE, 0) | _FIRST_TOGGLE
        for start, direction in ((_HALTED_IN, _TOWARD_HOST), (_HALTED_OUT, 0)):
            if start <= offset < start + 4 * _ENDPOINTS:
                return int(((offset - start) // 4 | direction) in self._halted)
        return self.registers.get(offset, 0) if _FIRST_EVENT <= offset < 0x800 else None

    def write(self, offset: int, value: int) -> None:
        """Start a task, clear an event, set a mask, or open an endpoint."""
        if offset < _FIRST_EVENT:
            if value & 1:
                self._do(offset)
        elif offset == _FRAME:
            self.registers[_FRAME] = value
            self._frames.see()
        elif offset == _ENABLED_SET:
            self.registers[_ENABLED] = self.registers.get(_ENABLED, 0) | value
        elif offset == _ENABLED_CLEAR:
            self.registers[_ENABLED] = self.registers.get(_ENABLED, 0) & ~value
        elif offset in (_CAUSE, _DATA_STATUS, _MOVED):
            self.registers[offset] = self.registers.get(offset, 0) & ~value
        elif _SIZE < offset < _SIZE + 4 * _ENDPOINTS:
            super().write(offset, value)
            self._accepting.add((offset - _SIZE) // 4)
        elif offset == _HALT:
            (self._halted.add if value >> 8 & 1 else self._halted.discard)(value & (_TOWARD_HOST | 7))
        else:
            super().write(offset, value)
            if offset == _ON and value & 1:
                self.registers[_CAUSE] = self.registers.get(_CAUSE, 0) | _READY
                signal(self, _BUS_EVENT)
        self._update()
        self.around.usb.changed()

    def _do(self, task: int) -> None:
        for start, move in ((_START_IN, self._move_out_of_memory), (_START_OUT, self._move_into_memory)):
            if start <= task < start + 4 * _ENDPOINTS:
                move((task - start) // 4)
        self._control_receives |= task == _RECEIVE_CONTROL
        self._status_allowed |= task == _ALLOW_STATUS
        self._control_stalled |= task == _STALL_CONTROL

    def _has_short(self, short: int) -> bool:
        return bool(self.registers.get(_SHORTS, 0) & short)

    def _update(self) -> None:
        """Bring the interrupt line in step with events and mask, and have the next frame told if the firmware wants to know."""
        enabled = self.registers.get(_ENABLED, 0)
        wants_frames = bool(enabled >> (_FRAME - _FIRST_EVENT) // 4 & 1)
        if wants_frames and self._frames.waits and not self.registers.get(_FRAME, 0):
            signal(self, _FRAME)
        events = (offset for offset in range(_FIRST_EVENT, _EVENTS_END, 4) if self.registers.get(offset, 0))
        self.set_irq(any(enabled >> (offset - _FIRST_EVENT) // 4 & 1 for offset in events))
        self._frames.tell(wanted=wants_frames)

    # -- memory ------------------------------------------------------------------------------------------------------------------

    def _move_out_of_memory(self, number: int) -> None:
        at = _IN_POINTER + _POINTER_STEP * number
        count = self.registers.get(at + _MOST, 0) & 0x7F
        self._outgoing[number] = self.around.read_memory(self.registers.get(at, 0), count) or bytes(count)
        self._moved(number, at, count, _END_IN)

    def _move_into_memory(self, number: int) -> None:
        at = _OUT_POINTER + _POINTER_STEP * number
        data = self._incoming.pop(number, b"")[: self.registers.get(at + _MOST, 0) & 0x7F]
        self.around.write_memory(self.registers.get(at, 0), data)
        self._moved(number + 16, at, len(data), _END_OUT)
        if number:
            self._accepting.add(number)
        else:
            self._status_allowed |= self._has_short(_END_ALLOWS_STATUS)
            self._control_receives |= self._has_short(_END_RECEIVES)

    def _moved(self, place: int, at: int, count: int, event: int) -> None:
        self.registers[at + _AMOUNT] = count
        self.registers[_MOVED] = self.registers.get(_MOVED, 0) | 1 << place
        signal(self, _STARTED)
        signal(self, event + 4 * (place & 15))

    # -- the bus -----------------------------------------------------------------------------------------------------------------

    @property
    def is_attached(self) -> bool:
        """Whether the firmware has switched the pull-up on."""
        return bool(self.registers.get(_ON, 0) & self.registers.get(_PULL_UP, 0) & 1)

    def reset_bus(self, *, ends: bool) -> None:
        """Drive the reset state, which the firmware is told of and which closes all endpoints; frames begin behind it."""
        self._frames.are_running = ends
        if not ends:
            for held in (self._outgoing, self._incoming, self._accepting, self._halted):
                held.clear()
            self._control_receives = self._status_allowed = self._control_stalled = False
            self.registers.update({_IN_ON: 1, _OUT_ON: 1, _ADDRESS: 0})
            signal(self, _RESET)
        self._update()

    @property
    def _is_request_for_data(self) -> bool:
        return bool(self.registers.get(_REQUEST, 0) & _TOWARD_HOST)

    def take_setup(self, packet: bytes) -> None:
        """Store the packet in registers, a byte each; a stall of the control endpoint ends with it."""
        self.registers.update((_REQUEST + 4 * place, byte) for place, byte in enumerate(packet))
        self._outgoing.pop(0, None)
        self._control_receives = self._control_stalled = False
        self._status_allowed = packet.startswith(_SET_ADDRESS)
        if self._status_allowed:
            self.registers[_ADDRESS] = packet[2]
        signal(self, _SETUP)
        self._update()

    def armed(self, endpoint: int) -> int | None:
        """Return the bytes of the packet that an endpoint has to send, or has room for."""
        number, is_in = endpoint & 15, bool(endpoint & _TOWARD_HOST)
        if not number:
            if self._control_stalled:
                return STALL
            if is_in and number in self._outgoing:
                return len(self._outgoing[number])
            if is_in != self._is_request_for_data and self._status_allowed:
                return 0
            return _PACKET_BYTES if not is_in and self._control_receives else None
        if endpoint in self._halted:
            return STALL
        if not self.registers.get(_IN_ON if is_in else _OUT_ON, 0) >> number & 1:
            return None
        if is_in:
            return len(self._outgoing[number]) if number in self._outgoing else None
        return _PACKET_BYTES if number in self._accepting else None

    def give_in(self, endpoint: int) -> bytes:
        """Return the packet of an endpoint, and tell the firmware; the end of a control transfer is not told."""
        number = endpoint & 15
        data = self._outgoing.pop(number, None)
        if data is None:
            self._status_allowed = False
            return b""
        self._told(number, number)
        return data

    def take_out(self, endpoint: int, data: bytes) -> None:
        """Keep a packet until the firmware moves it; the end of a control transfer is not told."""
        number = endpoint
        if not number and self._is_request_for_data:
            self._status_allowed = False
            return
        self._accepting.discard(number)
        self._control_receives &= bool(number)
        self._incoming[number] = data
        self.registers[_SIZE + 4 * number] = len(data)
        self._told(number, number + 16)

    def _told(self, number: int, place: int) -> None:
        if number:
            self.registers[_DATA_STATUS] = self.registers.get(_DATA_STATUS, 0) | 1 << place
            signal(self, _DATA)
        else:
            signal(self, _CONTROL_DONE)
            self._status_allowed |= self._has_short(_DONE_ALLOWS_STATUS)
            if self._has_short(_DONE_STARTS_IN):
                self._move_out_of_memory(0)
            if self._has_short(_DONE_STARTS_OUT):
                self._move_into_memory(0)
        self._update()
