"""A USB device in Python: a controller that answers at once, as its tests want it to."""

from __future__ import annotations

from collections import deque

from instsim.emulate.devices.usb_cable import STALL, UsbCable

DEVICE = bytes.fromhex("12 01 00 02 ef 02 01 40 09 12 01 00 00 01 00 00 00 01")
CONFIGURATION = bytes.fromhex(
    "09 02 43 00 02 01 00 80 32"
    "09 04 00 00 01 02 02 00 00  05 24 00 10 01  05 24 01 00 01  04 24 02 02  05 24 06 00 01  07 05 83 03 08 00 10"
    "09 04 01 00 02 0a 00 00 00  07 05 02 02 40 00 00  07 05 81 02 40 00 00"
)
GET_DEVICE, GET_CONFIGURATION = bytes.fromhex("80 06 00 01"), bytes.fromhex("80 06 00 02")
SET_ADDRESS, SET_CONFIGURATION, SET_LINE_CODING, SET_LINES = (bytes.fromhex(text) for text in ("00 05", "00 09", "21 20", "21 22"))


class PythonDevice:
    """Answers control requests from a table, sends what is put into `outgoing`, and keeps what comes.

    Attributes
    ----------
    silent, refused : set of bytes
        Beginnings of requests that get no answer, and a stall.
    """

    def __init__(self, cable: UsbCable, *, device: bytes = DEVICE, configuration: bytes = CONFIGURATION, packet_bytes: int = 64) -> None:
        self.name = "usb"
        self.is_attached = False
        self.silent: set[bytes] = set()
        self.refused: set[bytes] = set()
        self.requests: list[bytes] = []
        self.came: list[bytes] = []
        self.outgoing: deque[bytes] = deque()
        self.listens = True
        self.halted: set[int] = set()
        self.resets: list[bool] = []
        self._cable = cable
        self._packet_bytes = packet_bytes
        self._descriptors = {GET_DEVICE: device, GET_CONFIGURATION: configuration}
        self._answer: deque[bytes] = deque()
        self._state: int | None = None
        cable.controller = self

    def attach(self, *, attached: bool = True) -> None:
        self.is_attached = attached
        self._cable.changed()

    def put(self, *packets: bytes) -> None:
        self.outgoing.extend(packets)
        self._cable.changed()

    def reset_bus(self, *, ends: bool) -> None:
        self.resets.append(ends)

    def take_setup(self, packet: bytes) -> None:
        self.requests.append(packet)
        self._state = 0
        if any(packet.startswith(start) for start in self.silent):
            self._state = None
        elif any(packet.startswith(start) for start in self.refused):
            self._state = STALL
        data = self._descriptors.get(packet[:4], b"")[: int.from_bytes(packet[6:], "little")]
        size = self._packet_bytes
        self._answer = deque(data[at : at + size] for at in range(0, len(data), size)) or deque([b""])

    def armed(self, endpoint: int) -> int | None:
        if endpoint in self.halted:
            return STALL
        if not endpoint & 15:
            return len(self._answer[0]) if endpoint and self._answer and self._state == 0 else self._state
        if endpoint == 0x81:
            return len(self.outgoing[0]) if self.outgoing else None
        return 64 if endpoint == 2 and self.listens else None

    def take_out(self, endpoint: int, data: bytes) -> None:
        if endpoint:
            self.came.append(data)

    def give_in(self, endpoint: int) -> bytes:
        if endpoint == 0x81:
            return self.outgoing.popleft()
        return self._answer.popleft() if self._answer else b""
