"""Watches divides: a native hook before each that runs sorts its operands into classes (`instsim.dynamics.divider`)."""

from __future__ import annotations

import ctypes
import functools

import numpy as np
import numpy.typing as npt

from instsim.dynamics.divider import OPERAND_CLASSES
from instsim.emulate.engine import Engine
from instsim.emulate.first_runs import FirstRuns
from instsim.emulate.layout import DivideState
from instsim.emulate.memory import PAGE
from instsim.isa import DivideSite, Isa, divide_sites

__all__ = ["Divides"]


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

    Attributes
    ----------
    histograms : dict of int to ndarray of uint64
        Executions of each divide by the class of its operands, by its address.
    """

    def __init__(self, engine: Engine, first_runs: FirstRuns, hook: int) -> None:
        self._engine, self._first_runs, self._hook = engine, first_runs, hook
        self.histograms: dict[int, npt.NDArray[np.uint64]] = {}
        self._states: list[npt.NDArray[np.uint64]] = []

    def add_page(self, isa: Isa, page: int, code: bytes) -> None:
        """Watch the divides of a page before its code runs for the first time; `code` goes a little beyond the page."""
        for address, site in divide_sites(isa, code, page).items():
            if address < page + PAGE:
                self._first_runs.add(address, functools.partial(self._watch, site))

    def _watch(self, site: DivideSite) -> None:
        histogram = np.zeros(OPERAND_CLASSES + 1, np.uint64)
        state = np.zeros(DivideState.WORDS, np.uint64)
        engine = self._engine
        state[DivideState.READ_FUNCTION] = Engine.function_address("uc_reg_read")
        state[DivideState.REGISTERS] = engine.registers_address
        general = range(len(engine.registers.general)) if engine.registers_address else engine.registers.general
        state[DivideState.DIVIDEND], state[DivideState.DIVISOR] = general[site.dividend_register], general[site.divisor_register]
        state[DivideState.SIGNED] = int(site.signed)
        state[DivideState.HISTOGRAM] = histogram.ctypes.data
        state[DivideState.SCRATCH] = histogram.ctypes.data + OPERAND_CLASSES * 8
        self.histograms[site.address] = histogram[:OPERAND_CLASSES]
        self._states.append(state)
        engine.add_instruction_hook(self._hook, ctypes.c_void_p(state.ctypes.data), site.address)
