"""The direct way from translated code to the native code that counts a divide's operands, past Unicorn's list of hooks.

Unicorn 2.1.4 walks the list of all hooks before every hooked instruction; firmware runs some twenty divides, and each of their hooks is looked at
before each of them. Here the function that walks the list is taken over (`instsim.emulate.taken_function`, under the same switch and
conditions as the accelerator): a table says at once which divide it is. Elsewhere the hooks count, with the same results.
"""

from __future__ import annotations

import functools
import struct

from instsim.emulate.accelerator import relax_exit_check
from instsim.emulate.engine import Engine
from instsim.emulate.engine_table import EngineTable
from instsim.emulate.layout import DivideEntry, DivideTable
from instsim.emulate.taken_function import call_of_hooks
from instsim.isa import Isa

__all__ = ["DirectDivides", "open_direct_divides"]


class DirectDivides:
    """The function that was taken over, and the table it looks into.

    Parameters
    ----------
    function : int
        Address of the native code that takes over (`instsim.emulate.native.NativeHooks.hooked`).

    Raises
    ------
    OSError, AttributeError
        If the host forbids it, or the library is not the one that was studied.
    """

    def __init__(self, function: int) -> None:
        self._machines = EngineTable(DivideTable.WORDS, DivideEntry.WORDS, DivideTable.CURRENT_ENGINE)
        self._table = self._machines.words
        taken = call_of_hooks()
        self._table[DivideTable.HOOKS_FUNCTION] = taken.original
        # mov r8, table: the fifth argument of a function of four.
        taken.lead_to(function, b"\x49\xb8" + struct.pack("<Q", self._machines.address))

    def enter(self, owner: object, engine: Engine, sites_address: int) -> bool:
        """Reach a machine's divides directly until its engine is closed or its owner is gone.

        Parameters
        ----------
        owner : object
            Whose end ends it.
        engine : Engine
            The machine's emulator.
        sites_address : int
            Its `DivideEntry.SITES`.

        Returns
        -------
        bool
            False if there is no room for another machine.
        """
        return self._machines.enter(owner, engine, sites_address)


def open_direct_divides(function: int, isa: Isa) -> DirectDivides | None:
    """Take the function over, once for a process.

    Parameters
    ----------
    function : int
        Address of the native code that takes over.
    isa : Isa
        What the machine that asks runs.

    Returns
    -------
    DirectDivides or None
        None if this is not the library that was studied, the accelerator is off, or the host forbids it.
    """
    return _take_over(function) if relax_exit_check(isa).is_relaxed else None


@functools.cache
def _take_over(function: int) -> DirectDivides | None:
    try:
        return DirectDivides(function)
    except (OSError, AttributeError):
        return None
