"""Watches divides: a native hook before each that runs sorts its operands into classes (`instsim.dynamics.divider`)."""

from __future__ import annotations

import ctypes
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.dynamics.divider import OPERAND_CLASSES
from instsim.emulate.engine import Engine
from instsim.emulate.first_runs import FirstRuns
from instsim.emulate.layout import DivideState
from instsim.emulate.memory import PAGE
from instsim.emulate.sparse import sparse_zeros
from instsim.isa import DivideSite, Isa, divide_sites

__all__ = ["Divides"]

_PARTS = 64
"""Of a histogram: as many as `DivideState.TOUCHED` has bits."""
_CHUNK = 64
"""Histograms that room is made for at a time."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """One divide that has run: the state of its hook, and its counts by operand class, shape (parts, classes of a part)."""

    state: npt.NDArray[np.uint64]
    histogram: npt.NDArray[np.uint64]


class Divides:
    """The divides of one machine.

    Parameters
    ----------
    engine : Engine
        The emulator.
    first_runs : FirstRuns
        Places the hooks.
    hook : int
        Address of the native hook.
    """

    def __init__(self, engine: Engine, first_runs: FirstRuns, hook: int) -> None:
        self._engine, self._first_runs, self._hook = engine, first_runs, hook
        self._watched: dict[int, _Watched] = {}
        self._chunk = np.zeros((0, _PARTS, OPERAND_CLASSES // _PARTS), np.uint64)

    def add_page(self, isa: Isa, page: int, code: bytes) -> None:
        """Watch the divides of a page before its code runs for the first time; `code` goes a little beyond the page."""
        for address, site in divide_sites(isa, code, page).items():
            if address < page + PAGE:
                self._first_runs.add(address, functools.partial(self._watch, site))

    def counts(self) -> dict[int, Counter[int]]:
        """Return the executions of each divide that has run by operand class, by its address."""
        return {address: counts for address, watched in self._watched.items() if (counts := _counts(watched))}

    def restore(self, counts: Mapping[int, Mapping[int, int]]) -> None:
        """Put the counts back to what `counts` returned."""
        for address, watched in self._watched.items():
            watched.histogram[_touched(watched)] = 0
            for key, executions in counts.get(address, {}).items():
                watched.histogram.reshape(-1)[key] = executions

    def _watch(self, site: DivideSite) -> None:
        engine, at = self._engine, len(self._watched) % _CHUNK
        if at == 0:
            self._chunk = sparse_zeros(_CHUNK, _PARTS, OPERAND_CLASSES // _PARTS)
        histogram = self._chunk[at]
        state = np.zeros(DivideState.WORDS, np.uint64)
        state[DivideState.READ_FUNCTION] = Engine.function_address("uc_reg_read")
        state[DivideState.REGISTERS] = engine.registers_address
        general = range(len(engine.registers.general)) if engine.registers_address else engine.registers.general
        state[DivideState.DIVIDEND], state[DivideState.DIVISOR] = general[site.dividend_register], general[site.divisor_register]
        state[DivideState.SIGNED] = int(site.signed)
        state[DivideState.HISTOGRAM] = histogram.ctypes.data
        self._watched[site.address] = _Watched(state, histogram)
        engine.add_instruction_hook(self._hook, ctypes.c_void_p(state.ctypes.data), site.address)


def _touched(watched: _Watched) -> list[int]:
    """Return the parts of a histogram that have counts."""
    bits = int(watched.state[DivideState.TOUCHED])
    return [part for part in range(_PARTS) if bits >> part & 1]


def _counts(watched: _Watched) -> Counter[int]:
    parts = _touched(watched)
    counts = watched.histogram[parts]
    where, offsets = np.nonzero(counts)
    keys = np.array(parts, np.int64)[where] * counts.shape[1] + offsets
    return Counter(dict(zip(keys.tolist(), counts[where, offsets].tolist(), strict=True)))
