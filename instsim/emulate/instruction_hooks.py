"""Hooks on instructions whose callbacks can be exchanged: one machine, observed anew for each of many runs."""

from __future__ import annotations

from collections.abc import Callable

from instsim.emulate.engine import Engine

__all__ = ["InstructionHooks"]


class InstructionHooks:
    """Callbacks by address. Unicorn keeps a hook for good once an address had a callback; without one it does nothing.

    Parameters
    ----------
    engine : Engine
        Whose instructions are hooked.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._callbacks: dict[int, list[Callable[[int], None]]] = {}

    def add(self, address: int, callback: Callable[[int], None]) -> None:
        """Call Python before the instruction at an address, behind what is called there already."""
        callbacks = self._callbacks.get(address)
        if callbacks is None:
            callbacks = self._callbacks[address] = []
            self._engine.forget_code(address)
            self._engine.on_instruction(address, self._call)
        callbacks.append(callback)

    def remove(self, address: int, callback: Callable[[int], None]) -> None:
        """Call one of the callbacks of an address no more."""
        self._callbacks[address].remove(callback)

    def clear(self) -> None:
        """Call nothing anywhere any more."""
        for callbacks in self._callbacks.values():
            callbacks.clear()

    def _call(self, address: int) -> None:
        for callback in tuple(self._callbacks[address]):
            callback(address)
