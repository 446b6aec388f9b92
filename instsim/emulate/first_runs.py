"""Hooks that are placed when their instruction is about to run for the first time.

Unicorn walks the list of all hooks at every hooked instruction, and of the divides of a firmware few run. The block hook stops the machine before
a new block that holds one of the addresses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from instsim.emulate.counters import BlockCounters
from instsim.emulate.engine import Engine
from instsim.emulate.memory import PAGE
from instsim.emulate.sparse import sparse_zeros

__all__ = ["FirstRuns"]

_PAGES = 1 << 20
_WORD_BITS = 64


class FirstRuns:
    """The addresses of one machine that wait for their hook.

    Parameters
    ----------
    engine : Engine
        The emulator.
    counters : BlockCounters
        Whose block hook looks for the addresses.
    """

    def __init__(self, engine: Engine, counters: BlockCounters) -> None:
        self._engine, self._counters = engine, counters
        self._waiting: dict[int, Callable[[], None]] = {}
        self._bits: dict[int, npt.NDArray[np.uint64]] = {}
        self._table = sparse_zeros(_PAGES)
        counters.hold_at(self._table.ctypes.data)

    def add(self, address: int, place: Callable[[], None]) -> None:
        """Call `place` while the machine stands still, before the instruction at an even address first runs."""
        bits = self._bits.get(address // PAGE)
        if bits is None:
            bits = self._bits[address // PAGE] = np.zeros(PAGE // 2 // _WORD_BITS, np.uint64)
            self._table[address // PAGE] = bits.ctypes.data
        self._waiting[address] = place
        half_word = address % PAGE // 2
        bits[half_word // _WORD_BITS] |= np.uint64(1 << half_word % _WORD_BITS)

    def settle(self) -> None:
        """Place the hooks of the block before which the machine stopped, if it did for that."""
        held = self._counters.take_held_block()
        if held is None:
            return
        start, size = held
        for address in range(start, start + size, 2):
            place = self._waiting.pop(address, None)
            if place is not None:
                place()
                self._engine.forget_code(address)
                half_word = address % PAGE // 2
                self._bits[address // PAGE][half_word // _WORD_BITS] &= np.uint64(~(1 << half_word % _WORD_BITS) % (1 << _WORD_BITS))
