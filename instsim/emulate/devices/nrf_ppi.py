"""Nordic's events and what they lead to: tasks that a channel connects them with.

Nordic nRF52840 PS v1.7, chapter 6.20 (PPI); nRF5340 PS v1.3.1, chapter 7.9 (DPPI).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.spec import DeviceSpec

__all__ = ["NrfDppi", "NrfPpi", "signal"]

_ENABLE, _ENABLE_SET, _ENABLE_CLEAR, _CHANNELS, _FORKS = 0x500, 0x504, 0x508, 0x510, 0x910
_PROGRAMMABLE = 20
_GROUP_TASKS, _GROUPS = 0x30, 0x800
_SUBSCRIBE, _SUBSCRIBE_END, _PUBLISH = 0x80, 0x100, 0x80
_CONNECTED, _CHANNEL = 1 << 31, 0xFF


def signal(device: Device, offset: int) -> None:
    """Raise one of a device's events: its register reads 1, and the tasks connected with it start."""
    device.registers[offset] = 1
    for watcher in device.around.event_watchers:
        watcher(device.spec.address + offset)


class _Interconnect(Device, ABC):
    """What both kinds share: channels that are switched on and off."""

    default_size: ClassVar[int] = 0x1000

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        super().__init__(spec, around)
        around.event_watchers.append(self._on_event)

    def read(self, offset: int) -> int | None:
        """Return which channels are enabled; else what was written."""
        return self.registers.get(_ENABLE, 0) if offset in (_ENABLE, _ENABLE_SET, _ENABLE_CLEAR) else None

    def write(self, offset: int, value: int) -> None:
        """Enable or disable channels, one by one or in groups, or connect one."""
        enabled = self.registers.get(_ENABLE, 0)
        if offset == _ENABLE_SET:
            self.registers[_ENABLE] = enabled | value
        elif offset == _ENABLE_CLEAR:
            self.registers[_ENABLE] = enabled & ~value
        elif offset < _GROUP_TASKS:
            group, disables = divmod(offset // 4, 2)
            channels = self.registers.get(_GROUPS + 4 * group, 0)
            self.registers[_ENABLE] = enabled & ~channels if disables else enabled | channels
        else:
            super().write(offset, value)

    @abstractmethod
    def _on_event(self, address: int) -> None:
        """Start the tasks that are connected with the event register at an address."""


class NrfPpi(_Interconnect):
    """Programmable peripheral interconnect: its programmable channels and their forks; the fixed ones, all of timers and radio, lead nowhere."""

    def _on_event(self, address: int) -> None:
        enabled = self.registers.get(_ENABLE, 0)
        for channel in range(_PROGRAMMABLE):
            place = _CHANNELS + 8 * channel
            if enabled >> channel & 1 and self.registers.get(place, 0) == address:
                for task in (self.registers.get(place + 4, 0), self.registers.get(_FORKS + 4 * channel, 0)):
                    found = self.around.locate(task) if task else None
                    if found is not None:
                        found[0].write(found[1], 1)


class NrfDppi(_Interconnect):
    """Distributed interconnect: each device says itself on which channel it publishes an event, and which one starts a task."""

    def _on_event(self, address: int) -> None:
        source = self.around.locate(address)
        published = 0 if source is None else source[0].registers.get(source[1] + _PUBLISH, 0)
        channel = published & _CHANNEL
        if not published & _CONNECTED or not self.registers.get(_ENABLE, 0) >> channel & 1:
            return
        for device in tuple(self.around.devices.values()):
            if not device.spec.model.startswith("nrf-") or device is self:
                continue
            tasks = [
                offset - _SUBSCRIBE
                for offset, value in device.registers.items()
                if _SUBSCRIBE <= offset < _SUBSCRIBE_END and value & (_CONNECTED | _CHANNEL) == _CONNECTED | channel
            ]
            for task in tasks:
                device.write(task, 1)
