"""Stops the machine where an indirect call enters a kernel: the block hook asks, so that no instruction needs a hook of its own."""

from __future__ import annotations

import numpy as np

from instsim.emulate.counters import BlockCounters
from instsim.emulate.engine import Engine
from instsim.emulate.layout import NOWHERE, CallWatchState
from instsim.emulate.memory import Memory
from instsim.isa import Isa

__all__ = ["CallWatch"]


class CallWatch:
    """The block hook's state for it.

    Parameters
    ----------
    engine : Engine
        The emulator.
    memory : Memory
        Its memories.
    counters : BlockCounters
        Whose block hook is to ask.
    """

    def __init__(self, engine: Engine, memory: Memory, counters: BlockCounters) -> None:
        self._scratch = np.zeros(1, np.uint64)
        self._state = np.zeros(CallWatchState.WORDS, np.uint64)
        self._pages = memory.host_pages
        self._state[CallWatchState.PAGES] = self._pages.ctypes.data
        self._state[CallWatchState.READ_FUNCTION] = Engine.function_address("uc_reg_read")
        self._state[CallWatchState.NODE_REGISTER] = engine.registers.arguments[1]
        self._state[CallWatchState.SCRATCH] = self._scratch.ctypes.data
        self._state[CallWatchState.TARGET_BITS] = int(engine.isa is Isa.THUMB)
        self._state[CallWatchState.ENTERED] = NOWHERE
        counters.watch_calls(self._state.ctypes.data)

    def take(self) -> bool:
        """Whether the machine stopped before a kernel's first block since the last call."""
        stopped = bool(self._state[CallWatchState.STOPPED])
        self._state[CallWatchState.STOPPED] = 0
        return stopped
