"""The short way from translated code to the native code for RISC-V extensions, where that can be taken safely.

Unicorn 2.1.4 ends a block and leaves its run loop at every 32-bit instruction that it does not decode, and looks through the list of all hooks
at every hooked instruction: 50 ns and more for each. Two of its functions are the way around. ``cpu_lduw_code`` reads code for the translator;
``helper_uc_tracecode`` is called by translated code before a hooked instruction. Here their first bytes are replaced by a jump to code of our
own. The former gives the translator a ``nop`` where an instruction of ours lies (``c.jr ra`` for ``cm.popret``); memory keeps the instruction.
The latter then carries it out, in the middle of the block. Whatever is not ours goes to the originals.

Only the exact library that was studied is touched, under the same switch and conditions as the accelerator
(`instsim.emulate.accelerator`); any other takes the long way through Unicorn's hooks, with the same results. It applies to all Unicorn
instances of the process; instances that are not ours find the original functions behind the jump.
"""

from __future__ import annotations

import ctypes
import functools
import struct

from instsim.emulate.accelerator import relax_exit_check
from instsim.emulate.engine import NOWHERE_PAGE, Engine
from instsim.emulate.engine_table import EngineTable
from instsim.emulate.extension_layout import MachineEntry, MachineTable
from instsim.emulate.taken_function import TakenFunction, call_of_hooks
from instsim.isa import Isa

__all__ = ["ShortWay", "open_short_way"]

_FETCH_CODE = bytes.fromhex("4157 4156 4155 4154 55 4889fd 53 89f3 be01000000 4883ec58")
"""First bytes of ``cpu_lduw_code``."""
_PROBED, _PATTERN = 5, 0x5EEDC0DE
_PROBE = NOWHERE_PAGE + 0x100


class ShortWay:
    """The jumps and the table of machines they look into.

    Parameters
    ----------
    fetch_function, trace_function, rare_function : int
        Addresses of the native code that takes over (`instsim.emulate.native.NativeHooks`).

    Raises
    ------
    OSError
        If the host forbids it, or the library is not the one that was studied.
    """

    def __init__(self, fetch_function: int, trace_function: int, rare_function: int) -> None:
        self._machines = EngineTable(MachineTable.WORDS, MachineEntry.WORDS, MachineTable.CURRENT_ENGINE)
        self._table = self._machines.words
        self._fetching = TakenFunction("cpu_lduw_code_riscv32", _FETCH_CODE)
        self._tracing = call_of_hooks()
        self._table[MachineTable.FETCH_FUNCTION] = self._fetching.original
        self._table[MachineTable.TRACE_FUNCTION] = self._tracing.original
        self._table[MachineTable.RARE_FUNCTION] = rare_function
        table = struct.pack("<Q", self._machines.address)
        # mov rdx, table: the third argument of a function of two.
        self._fetching.lead_to(fetch_function, b"\x48\xba" + table)
        # mov r8, table; mov r9, rbp: the fifth and sixth of four. Translated code keeps the processor's registers at rbp.
        self._tracing.lead_to(trace_function, b"\x49\xb8" + table + b"\x49\x89\xe9")

    @property
    def table_address(self) -> int:
        """Where the table of machines lies."""
        return self._machines.address

    def enter(self, owner: object, engine: Engine, state_address: int) -> bool:
        """Let a machine take the short way until its engine is closed or its owner is gone.

        Parameters
        ----------
        owner : object
            Whose end ends it.
        engine : Engine
            The machine's emulator.
        state_address : int
            Its `ExtensionState`.

        Returns
        -------
        bool
            False if there is no room for another machine, or its processor was not found.
        """
        cpu = self._processor_of(engine)
        return cpu != 0 and self._machines.enter(owner, engine, cpu, state_address)

    def _processor_of(self, engine: Engine) -> int:
        """Return the address of a machine's registers: of the processor that translates when this machine is told to; 0 if that fails.

        The machine's clock must be due, so that it stops before it runs anything.
        """
        self._table[MachineTable.PROBE] = _PROBE
        self._table[MachineTable.LAST_CPU] = 0
        engine.run(_PROBE)
        self._table[MachineTable.PROBE] = 0
        cpu = int(self._table[MachineTable.LAST_CPU])
        if not cpu:
            return 0
        probed = engine.registers.general[_PROBED]
        before = engine.read_register(probed)
        engine.write_register(probed, _PATTERN)
        found = ctypes.c_uint32.from_address(cpu + 4 * _PROBED).value
        engine.write_register(probed, before)
        return cpu if found == _PATTERN else 0


@functools.cache
def open_short_way(fetch_function: int, trace_function: int, rare_function: int) -> ShortWay | None:
    """Put the jumps in place, once for a process.

    Parameters
    ----------
    fetch_function, trace_function, rare_function : int
        Addresses of the native code that takes over (`instsim.emulate.native.NativeHooks`).

    Returns
    -------
    ShortWay or None
        None if this is not the library that was studied, the accelerator is off, or the host forbids it.
    """
    if not relax_exit_check(Isa.RV32).is_relaxed:
        return None
    try:
        return ShortWay(fetch_function, trace_function, rare_function)
    except (OSError, AttributeError, ValueError):
        return None
