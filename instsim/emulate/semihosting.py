"""Semihosting: the console, exit codes and clocks that bare-metal C libraries ask a debugger for. Never a file or a command of the host.

Operations: Arm "Semihosting for AArch32 and AArch64" (2023Q3); the RISC-V specification uses the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from instsim.emulate.memory import Memory

__all__ = ["Semihosting"]

_ERROR = 0xFFFFFFFF
_STOPPED_WELL = 0x20026
_MOST_OUTPUT_BYTES = 1 << 20
_LONGEST_STRING = 1 << 16


class _Operation(IntEnum):
    OPEN = 0x01
    CLOSE = 0x02
    WRITEC = 0x03
    WRITE0 = 0x04
    WRITE = 0x05
    ISTTY = 0x09
    CLOCK = 0x10
    ERRNO = 0x13
    GET_CMDLINE = 0x15
    HEAPINFO = 0x16
    EXIT = 0x18
    EXIT_EXTENDED = 0x20
    ELAPSED = 0x30
    TICKFREQ = 0x31


class Semihosting:
    """The debugger's side of semihosting.

    Console output is kept (the first megabyte); everything that would touch the host answers an error.

    Parameters
    ----------
    memory : Memory
        The machine's memory, where parameter blocks lie.
    now_cycles : callable
        Core cycles since reset.
    clock_hz : float
        Core clock.

    Attributes
    ----------
    output : bytearray
        What the firmware printed.
    exit_code : int or None
        Set once the firmware has asked to end.
    clock_reads : int
        How often it asked for the time.
    refused : set of int
        Operations that were answered with an error.
    """

    def __init__(self, memory: Memory, now_cycles: Callable[[], int], clock_hz: float) -> None:
        self._memory = memory
        self._now = now_cycles
        self._clock_hz = clock_hz
        self.output = bytearray()
        self.exit_code: int | None = None
        self.clock_reads = 0
        self.refused: set[int] = set()

    def call(self, operation: int, parameter: int) -> int:
        """Carry out one operation and return the result for the firmware's first register.

        Parameters
        ----------
        operation, parameter : int
            First and second argument register.
        """
        match operation:
            case _Operation.WRITEC:
                self._print(self._memory.read(parameter, 1) or b"")
                return 0
            case _Operation.WRITE0:
                self._print(self._string(parameter))
                return 0
            case _Operation.WRITE:
                return self._write(parameter)
            case _Operation.OPEN:
                name, mode = self._words(parameter, 2)
                if self._string(name) != b":tt":
                    self.refused.add(operation)
                    return _ERROR
                return 1 if mode < 4 else 2
            case _Operation.CLOSE | _Operation.ISTTY:
                return 1 if operation == _Operation.ISTTY else 0
            case _Operation.CLOCK:
                self.clock_reads += 1
                return int(self._now() * 100 // self._clock_hz) & 0x7FFFFFFF
            case _Operation.ELAPSED:
                self.clock_reads += 1
                return 0 if self._memory.write(parameter, self._now().to_bytes(8, "little")) else _ERROR
            case _Operation.TICKFREQ:
                return int(self._clock_hz) & 0x7FFFFFFF
            case _Operation.HEAPINFO:
                # Zeros mean "unknown": the C library then uses its linker script's values.
                (block,) = self._words(parameter, 1)
                self._memory.write(block, bytes(16))
                return 0
            case _Operation.GET_CMDLINE:
                buffer, length = self._words(parameter, 2)
                if length == 0 or not self._memory.write(buffer, b"\0"):
                    return _ERROR
                self._memory.write(parameter + 4, bytes(4))
                return 0
            case _Operation.ERRNO:
                return 0
            case _Operation.EXIT:
                self.exit_code = 0 if parameter == _STOPPED_WELL else 1
                return 0
            case _Operation.EXIT_EXTENDED:
                reason, code = self._words(parameter, 2)
                self.exit_code = code if reason == _STOPPED_WELL else 1
                return 0
            case _:
                self.refused.add(operation)
                return _ERROR

    @property
    def text(self) -> str:
        """What the firmware printed, undecodable bytes replaced."""
        return self.output.decode("utf-8", "replace")

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        return tuple(self._memory.word(address + 4 * index) or 0 for index in range(count))

    def _string(self, address: int) -> bytes:
        text = bytearray()
        while len(text) < _LONGEST_STRING:
            byte = self._memory.read((address + len(text)) & 0xFFFFFFFF, 1)
            if not byte or byte == b"\0":
                break
            text += byte
        return bytes(text)

    def _write(self, parameter: int) -> int:
        handle, start, length = self._words(parameter, 3)
        if handle not in (1, 2):
            return length
        data = self._memory.read(start, length)
        if data is None:
            return length
        self._print(data)
        return 0

    def _print(self, data: bytes) -> None:
        room = _MOST_OUTPUT_BYTES - len(self.output)
        self.output += data[: max(0, room)]
