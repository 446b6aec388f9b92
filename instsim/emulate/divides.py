"""Watches divides: native code before each that runs sorts its operands into classes (`instsim.dynamics.divider`)."""

from __future__ import annotations

import ctypes
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.dynamics.divider import OPERAND_CLASSES
from instsim.emulate.direct_divides import open_direct_divides
from instsim.emulate.engine import Engine
from instsim.emulate.first_runs import FirstRuns
from instsim.emulate.layout import DivideState, DivideWay
from instsim.emulate.memory import PAGE
from instsim.emulate.native import NativeHooks
from instsim.emulate.sparse import sparse_zeros
from instsim.isa import DivideSite, Isa, divide_sites

__all__ = ["Divides"]

_PAGES = 1 << 20
_NEVER = 0xFFFFFFFF
"""An odd address: no instruction lies there."""
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
    native : NativeHooks
        The native code.
    """

    def __init__(self, engine: Engine, first_runs: FirstRuns, native: NativeHooks) -> None:
        self._engine, self._first_runs, self._native = engine, first_runs, native
        self._sites = sparse_zeros(_PAGES)
        self._states_of_page: dict[int, npt.NDArray[np.uint64]] = {}
        self._hooked: set[int] = set()
        engine.hook_watchers.append(self._on_hook)
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
        if self.is_direct:
            state[DivideState.WAY] = DivideWay.SHARED if site.address in self._hooked else DivideWay.DIRECT
            self._states_at(site.address)[site.address % PAGE // 2] = state.ctypes.data
        engine.add_instruction_hook(self._native.divide, ctypes.c_void_p(state.ctypes.data), site.address)
        self._watched[site.address] = _Watched(state, histogram)

    @functools.cached_property
    def is_direct(self) -> bool:
        """Whether translated code reaches the native code past the list of hooks."""
        way = open_direct_divides(self._native.hooked, self._engine.isa)
        if way is None or not way.enter(self, self._engine, self._sites.ctypes.data):
            return False
        # Where there is only one hook, Unicorn calls it by itself, not through the function that was taken over.
        self._engine.add_instruction_hook(self._native.divide, ctypes.c_void_p(), _NEVER)
        return True

    def _states_at(self, address: int) -> npt.NDArray[np.uint64]:
        """Return the addresses of the states of a page's divides, one for each half-word."""
        states = self._states_of_page.get(address // PAGE)
        if states is None:
            states = self._states_of_page[address // PAGE] = np.zeros(PAGE // 2, np.uint64)
            self._sites[address // PAGE] = states.ctypes.data
        return states

    def _on_hook(self, address: int) -> None:
        """Someone else watches an instruction: Unicorn's list has to be walked there."""
        self._hooked.add(address)
        watched = self._watched.get(address)
        if watched is not None and self.is_direct:
            watched.state[DivideState.WAY] = DivideWay.SHARED


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
