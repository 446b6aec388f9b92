"""A machine's state at one moment, and the way back to it: one machine runs many times, without what a new one costs.

What a machine has learned of the firmware's code (translated blocks, hooks, records of blocks) stays; memory, registers, counts, devices and time
go back. Devices and processor are Python objects of this room: everything reachable from them is put back in place, object by object, so that
whoever holds a reference keeps the right one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import fields, is_dataclass
from enum import Enum
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from instsim.emulate.counters import BlockCounters
from instsim.emulate.engine import Engine
from instsim.emulate.machine import Machine
from instsim.emulate.memory import Memory
from instsim.emulate.riscv_extensions import RiscvExtensions
from instsim.emulate.spec import MachineSpec, MemoryKind

__all__ = ["Checkpoint"]

_ROOM = "instsim.emulate"
_KEPT = (Engine, Memory, BlockCounters, RiscvExtensions, MachineSpec, Machine, Enum, FunctionType, MethodType, type)
"""What is not put back: it is restored by other means, holds what was learned of the code, or never changes."""

_MACHINE_STATE = ("_stop", "_pc", "start", "initial_sp", "idle_ticks")
_MACHINE_PARTS = ("devices", "processor", "semihosting", "events", "interrupts")


class Checkpoint:
    """The state of a machine that stands still.

    Parameters
    ----------
    machine : Machine
        Without call stacks.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._registers = machine.engine.save_registers()
        self._counts = machine.counters.save()
        self._values = {name: getattr(machine, name) for name in _MACHINE_STATE}
        self._objects = _Objects([getattr(machine, name) for name in _MACHINE_PARTS])
        self._divides = machine.divides
        memory = machine.memory
        self._ram = [
            (bank, offset, bank.bytes[offset : offset + size].copy())
            for bank in memory.banks
            if bank.spec.kind is MemoryKind.RAM
            for offset, size in memory.used_spans(bank)
            if bank.bytes[offset : offset + size].any()
        ]

    def restore(self) -> None:
        """Put the machine back; it must stand still."""
        machine = self._machine
        memory = machine.memory
        for bank in memory.banks:
            if bank.spec.kind is MemoryKind.RAM:
                for offset, size in memory.used_spans(bank):
                    bank.bytes[offset : offset + size] = 0
        for bank, offset, data in self._ram:
            bank.bytes[offset : offset + data.size] = data
        self._objects.restore()
        for name, value in self._values.items():
            setattr(machine, name, value)
        machine.restore_divides(self._divides)
        machine.engine.refused = None
        machine.engine.restore_registers(self._registers)
        machine.counters.restore(self._counts)


class _Objects:
    """Contents of every mutable object reachable from some roots."""

    def __init__(self, roots: list[Any]) -> None:
        self._seen: dict[int, Any] = {}
        self._attributes: list[tuple[Any, dict[str, Any]]] = []
        self._slots: list[tuple[Any, list[tuple[str, Any]]]] = []
        self._containers: list[tuple[Any, Any]] = []
        self._arrays: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
        waiting = list(roots)
        while waiting:
            found = waiting.pop()
            if id(found) not in self._seen and not isinstance(found, _KEPT):
                self._seen[id(found)] = found
                waiting += self._keep(found)

    def _keep(self, found: Any) -> list[Any]:
        """Remember an object's contents; return what they are."""
        if isinstance(found, dict):
            self._containers.append((found, dict(found)))
            return list(found.values())
        if isinstance(found, list | set | deque | bytearray):
            self._containers.append((found, found.copy()))
            return [] if isinstance(found, bytearray) else list(found)
        if isinstance(found, tuple | frozenset):
            return list(found)
        if isinstance(found, np.ndarray):
            self._arrays.append((found, found.copy()))
            return []
        if not type(found).__module__.startswith(_ROOM):
            return []
        if hasattr(found, "__dict__"):
            self._attributes.append((found, dict(found.__dict__)))
            return list(found.__dict__.values())
        names = [f.name for f in fields(found)] if is_dataclass(found) else list(getattr(type(found), "__slots__", ()))
        values = [(name, getattr(found, name)) for name in names if hasattr(found, name)]
        parameters: Any = getattr(type(found), "__dataclass_params__", None)
        if parameters is None or not parameters.frozen:
            self._slots.append((found, values))
        return [value for _, value in values]

    def restore(self) -> None:
        for owner, attributes in self._attributes:
            owner.__dict__.clear()
            owner.__dict__.update(attributes)
        for owner, slots in self._slots:
            for name, value in slots:
                setattr(owner, name, value)
        for container, contents in self._containers:
            if isinstance(container, dict | set):
                container.clear()
                container.update(contents)
            elif isinstance(container, deque):
                container.clear()
                container.extend(contents)
            else:
                container[:] = contents
        for array, contents in self._arrays:
            array[...] = contents
