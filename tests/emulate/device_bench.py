"""Devices without a processor: a clock that the test moves, and interrupt lines that are written down."""

from __future__ import annotations

from typing import Any

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.models import make_device
from instsim.emulate.events import EventQueue
from instsim.emulate.spec import DeviceSpec


class Bench:
    """One or several devices at a clock of a test's own."""

    def __init__(self, clock_hz: float = 64e6) -> None:
        self.cycle = 0
        self.lines: dict[int, bool] = {}
        self.events = EventQueue(lambda _ticks: None)
        self.memory = bytearray(0x100)
        self.around = Surroundings(lambda: self.cycle, self.events, clock_hz, self)
        self.around.read_memory = lambda address, size: bytes(self.memory[address : address + size]) if address + size <= len(self.memory) else None
        self.around.locate = self._locate
        self.around.write_memory = self._write_memory

    def _write_memory(self, address: int, data: bytes) -> bool:
        if address + len(data) > len(self.memory):
            return False
        self.memory[address : address + len(data)] = data
        return True

    def _locate(self, address: int) -> tuple[Device, int] | None:
        devices = (device for device in self.around.devices.values() if 0 <= address - device.spec.address < device.spec.size)
        return next(((device, address - device.spec.address) for device in devices), None)

    def set_line(self, number: int, level: bool) -> None:
        self.lines[number] = level

    def high(self, number: int) -> bool:
        """Whether an interrupt line is high."""
        return self.lines.get(number, False)

    def pulse(self, number: int) -> None:
        self.lines[number] = True

    def add(self, model: str, name: str = "device", irqs: tuple[int, ...] = (), address: int = 0, **parameters: Any) -> Device:
        device = make_device(DeviceSpec(model, name, address, 0, irqs, tuple(parameters.items())), self.around)
        self.around.devices[name] = device
        return device

    def wait(self, cycles: int) -> None:
        """Let time pass, events at their own times."""
        end = self.cycle + cycles
        while (at := self.events.next_ticks) is not None and at <= end * TICKS_PER_CYCLE:
            self.cycle = max(self.cycle, -(-at // TICKS_PER_CYCLE))
            self.events.fire_due(at)
        self.cycle = end
