"""Predicted addresses of data accesses against those that Unicorn reports while it runs."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import unicorn

from instsim.dynamics.address_operations import FIRST_TEMPORARY
from instsim.emulate.machine import Machine, StopReason
from instsim.isa.address_step import AddressStep
from instsim.isa.address_steps import address_steps
from instsim.isa.decode import decode
from instsim.isa.it_state import it_state_behind
from tests.emulate.bundled import chip, image_of
from tests.isa.address_interpreter import run_steps

Access = tuple[bool, int, int]
"""Whether it writes, address, bytes."""


class AccessComparison:
    """Compares every block that a machine runs between `start` and `stop`, the first `executions` times it executes.

    Attributes
    ----------
    exact, unknown, wrong, skipped : Counter
        Executions by address of the instruction: all accesses as predicted; address not known beforehand; others; predicated away.
    examples : dict
        By address of a wrong instruction, what was predicted and what happened.
    """

    def __init__(self, machine: Machine, executions: int = 1 << 62) -> None:
        self.machine = machine
        self.exact: Counter[int] = Counter()
        self.unknown: Counter[int] = Counter()
        self.wrong: Counter[int] = Counter()
        self.skipped: Counter[int] = Counter()
        self.examples: dict[int, tuple[list[Access], list[Access]]] = {}
        self.executed: Counter[tuple[int, int]] = Counter()
        self.steps: dict[tuple[int, int], tuple[AddressStep, ...]] = {}
        self.places: dict[tuple[int, int], list[int]] = {}
        self.most = executions
        self._it_state_at_end: dict[tuple[int, int], int] = {}
        self._handles: list[Any] = []
        self._forget_block()

    def _forget_block(self) -> None:
        self._seen: list[Access] = []
        self._predicted: list[tuple[int, list[Access], bool, bool]] | None = None
        self._last = (0, 0)

    def start(self) -> None:
        """Look at what the machine runs from here on."""
        uc = self.machine.engine.uc
        self._forget_block()
        self._handles = [
            uc.hook_add(unicorn.UC_HOOK_BLOCK, self._block),
            uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self._access),
        ]
        uc.ctl_flush_tb()

    def stop(self) -> None:
        """Look no more."""
        self._finish()
        uc = self.machine.engine.uc
        for handle in self._handles:
            uc.hook_del(handle)
        uc.ctl_flush_tb()

    def _access(self, uc: Any, kind: int, address: int, size: int, _value: int, _data: Any) -> None:
        if self._predicted is not None:
            writes = kind == unicorn.UC_MEM_WRITE
            self._seen += [(writes, address + part, min(size, 4)) for part in range(0, size, 4)]
        self.machine.engine.clear_it_state(uc)

    def _read(self, address: int, size: int) -> int | None:
        data = self.machine.memory.read(address, size)
        return None if data is None or len(data) < size else int.from_bytes(data, "little")

    def _block(self, _uc: Any, address: int, size: int, _data: Any) -> None:
        self._finish()
        machine = self.machine
        it_state = self._it_state_at_end.get(self._last, 0) if self._last[1] == address else 0
        self._last = (address, address + size)
        if self._last not in self.places:
            code = machine.memory.read(address, size) or b""
            self.steps[self._last] = address_steps(machine.isa, code, address, it_state)
            self.places[self._last] = [instruction.address for instruction in decode(machine.isa, code, address, it_state)]
            self._it_state_at_end[self._last] = it_state_behind(machine.isa, code, it_state)
        self.executed[self._last] += 1
        if self.executed[self._last] > self.most:
            return
        steps, places = self.steps[self._last], self.places[self._last]
        engine = machine.engine
        numbers = {number for step in steps for number in (step.base, step.index) if number < FIRST_TEMPORARY}
        registers = {number: engine.read_register(engine.registers.general[number]) for number in numbers}
        predicated = {step.place for step in steps if step.predicated}
        self._predicted = []
        for place, writes, start, width, words in run_steps(steps, registers, self._read):
            accesses = [(writes, (start or 0) + width * word & 0xFFFFFFFF, width) for word in range(words)]
            self._predicted.append((places[place], accesses, start is not None, place in predicated))

    def _finish(self) -> None:
        """Walk over what was predicted and what happened: Unicorn does not say reliably which instruction an access belongs to."""
        predicted, seen = self._predicted, self._seen
        self._predicted, self._seen = None, []
        if predicted is None:
            return
        position, pc = 0, self._last[0]
        for pc, accesses, known, predicated in predicted:
            if accesses[0][0] and seen[position : position + 1] == [(False, *accesses[0][1:])]:
                position += 1  # Unicorn carries an exclusive store out as a comparison and an exchange
            found = seen[position : position + len(accesses)]
            fits = found == accesses if known else [access[::2] for access in found] == [access[::2] for access in accesses]
            if predicated and not fits:
                self.skipped[pc] += 1
                continue
            position += len(accesses)
            (self.wrong if not fits else self.exact if known else self.unknown)[pc] += 1
            if not fits:
                self.examples.setdefault(pc, (accesses, found))
        if position < len(seen):
            self.wrong[pc] += 1
            self.examples.setdefault(pc, ([], seen[position:]))


def compare_all_blocks(name: str, core: str, *, slice_cycles: int = 20_000, executions: int = 8) -> AccessComparison:
    """Compare every block of a bundled firmware.

    Looking at each access is slow, so a first run tells in which slices of time a block executes for the first time, and the second looks
    at those alone.
    """
    machine = Machine(image_of(name, core), chip(core))
    known = [0]
    while True:
        stop = machine.run(len(known) * slice_cycles)
        known.append(len(machine.counters.addresses))
        if stop.reason is not StopReason.BUDGET:
            break
    machine = Machine(image_of(name, core), chip(core))
    comparison = AccessComparison(machine, executions)
    looking = False
    for number, (before, after) in enumerate(pairwise(known), start=1):
        if looking != (after > before):
            looking = not looking
            (comparison.start if looking else comparison.stop)()
        machine.run(number * slice_cycles)
    if looking:
        comparison.stop()
    return comparison
