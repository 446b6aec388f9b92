"""RISC-V extensions that Unicorn does not decode, carried out by native code at its hooks.

Unicorn 2.1.4 treats them in two ways. A 32-bit instruction it does not know raises exception 2 with the program counter four bytes on. A
16-bit one does nothing, silently, and the block goes on; Zcmp's encodings are those of ``c.fsdsp``, which does nothing either while the
floating-point unit is off. The addresses of both are found when a block first runs: the block hook stops the machine before it, and the
instructions of exactly that block are registered here, as hooks on their addresses. The native code is loaded when the first is met.

Where `instsim.emulate.short_way` is open, the translator sees a ``nop`` in place of each and the hook carries it out: blocks are those of a core
that knows the instructions. Elsewhere the 32-bit ones are served where exceptions arrive, which ends a block; and behind a Zcmp instruction the
block is left, whatever Unicorn makes of the rest: the block hook counts it up to there. Basic blocks and counts are the same either way.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from instsim.emulate.counters import BlockCounters
from instsim.emulate.engine import Engine
from instsim.emulate.extension_layout import ExtensionState, SiteFlag
from instsim.emulate.memory import PAGE, Memory
from instsim.emulate.native import ExtensionHooks, load_extension_hooks
from instsim.emulate.riscv_semantics import AccessFault, carry_out, is_candidate, is_wide, leaves_block
from instsim.emulate.short_way import open_short_way
from instsim.emulate.sparse import sparse_zeros
from instsim.emulate.spec import MachineSpec, MemoryKind
from instsim.isa import Isa
from instsim.isa.transfers import ends_in_transfer

__all__ = ["RiscvExtensions"]

_PAGES = 1 << 20
_SCRATCH_WORDS = 40
_TRAP_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
_ILLEGAL = 2
_NEVER = 0xFFFFFFFF
"""An odd address: no instruction lies there."""


class RiscvExtensions:
    """The extensions of one machine.

    Parameters
    ----------
    engine : Engine
        The emulator.
    memory : Memory
        Its memories.
    counters : BlockCounters
        Whose block hook finds the instructions.
    spec : MachineSpec
        The chip.
    on_trap : callable
        ``on_trap(number)`` is called at exceptions that are none of these instructions.
    on_fault : callable
        ``on_fault(message, address)`` is called for an instruction that cannot be carried out; it stops the machine.
    """

    def __init__(
        self,
        engine: Engine,
        memory: Memory,
        counters: BlockCounters,
        spec: MachineSpec,
        *,
        on_trap: Callable[[int], None],
        on_fault: Callable[[str, int], None],
    ) -> None:
        self._engine, self._memory, self._counters = engine, memory, counters
        self._windows = spec.device_windows
        self._on_trap, self._on_fault = on_trap, on_fault
        self._failure: BaseException | None = None
        self._native: ExtensionHooks | None = None
        self._handles: dict[int, int] = {}
        self._watched: set[int] = set()
        self._flags: dict[int, npt.NDArray[np.uint64]] = {}
        self._readable = memory.host_pages
        self._writable, self._sites = (sparse_zeros(_PAGES) for _ in range(2))
        self._scratch = np.zeros(_SCRATCH_WORDS, np.uint64)
        self._state = np.zeros(ExtensionState.WORDS, np.uint64)
        self._callbacks = (ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(self._ask), ctypes.CFUNCTYPE(None, ctypes.c_uint32)(self._trap))
        self._first_trap = _TRAP_HOOK(lambda _engine, number, _state: self._trap_before_opening(number))
        self._trap_hook = engine.add_trap_hook(ctypes.cast(self._first_trap, ctypes.c_void_p).value or 0, self._pointer)
        engine.hook_watchers.append(self._on_hook)
        counters.find_sites(self._sites.ctypes.data)

    def _open(self) -> ExtensionHooks:
        """Return the native code, loaded and led to when the first of the instructions is met: most images have none."""
        if self._native is not None:
            return self._native
        engine, native = self._engine, load_extension_hooks()
        self._native = native
        self._fill_state(native)
        engine.remove_native_hook(self._trap_hook)
        self._trap_hook = engine.add_trap_hook(native.trap, self._pointer)
        way = open_short_way(native.fetch, native.trace, native.rare_trace)
        pc = engine.pc
        self._counters.set_deadline(0)
        if way is not None and way.enter(self, engine, self._state.ctypes.data):
            self._state[ExtensionState.TABLE] = way.table_address
            # Where there is only one hook, Unicorn calls it directly, past the helper that leads to the short way.
            engine.add_instruction_hook(native.site, self._pointer, _NEVER)
        self._counters.take_stopped()
        engine.write_register(engine.registers.pc, pc)
        return native

    def _fill_state(self, native: ExtensionHooks) -> None:
        state = self._state
        ask, trap = (ctypes.cast(callback, ctypes.c_void_p).value or 0 for callback in self._callbacks)
        state[ExtensionState.STEP_FUNCTION] = native.step
        state[ExtensionState.READABLE] = self._readable.ctypes.data
        state[ExtensionState.WRITABLE] = self._writable.ctypes.data
        state[ExtensionState.CODE] = self._counters.code_table
        state[ExtensionState.SITES] = self._sites.ctypes.data
        state[ExtensionState.ASK_FUNCTION], state[ExtensionState.TRAP_FUNCTION] = ask, trap
        state[ExtensionState.READ_FUNCTION] = Engine.function_address("uc_reg_read")
        state[ExtensionState.WRITE_FUNCTION] = Engine.function_address("uc_reg_write")
        state[ExtensionState.LEAVE_FUNCTION] = self._counters.leave_function
        state[ExtensionState.FIRST_REGISTER] = self._engine.registers.general[0]
        state[ExtensionState.PC_REGISTER] = self._engine.registers.pc
        state[ExtensionState.SCRATCH] = self._scratch.ctypes.data

    @property
    def _pointer(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._state.ctypes.data)

    @property
    def takes_short_way(self) -> bool:
        """Whether translated code reaches the native code without Unicorn's hooks."""
        return bool(self._state[ExtensionState.TABLE])

    # -- finding the instructions ------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Register what the block hook has found; to be called while the machine stands still.

        Raises
        ------
        BaseException
            What a callback from native code raised.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        block = self._counters.take_new_block()
        if block is not None:
            self._register(*block)

    def _register(self, start: int, size: int) -> None:
        """Look at every instruction of a block, and on behind it until control goes elsewhere: there is more to find where one was."""
        at, end = start, start + size
        while True:
            encoding = int.from_bytes(self._memory.read(at, 2) or b"\0\0", "little")
            is_long = encoding & 3 == 3
            if is_long:
                encoding |= int.from_bytes(self._memory.read(at + 2, 2) or b"\0\0", "little") << 16
            found = is_wide(encoding) if is_long else is_candidate(encoding)
            if found:
                self._open()
            if found and (self.takes_short_way or not is_long):
                self._add(at, encoding)
            elif is_long:
                self._set_flag(at, SiteFlag.LOOKED_AT)
            width = 4 if is_long else 2
            leaves = ends_in_transfer(Isa.RV32, encoding.to_bytes(width, "little")) or not encoding
            at += width
            if at >= end and (leaves or at // PAGE != start // PAGE or not self.takes_short_way):
                return

    def _add(self, at: int, encoding: int) -> None:
        if at in self._handles:
            return
        is_long = encoding & 3 == 3
        flags = SiteFlag.OURS
        if at in self._watched:
            flags |= SiteFlag.SHARED
        if is_long:
            flags |= SiteFlag.WIDE
        elif leaves_block(encoding) and not self.takes_short_way:
            flags |= SiteFlag.LEAVES
        self._set_flag(at, flags)
        self._handles[at] = self._engine.add_instruction_hook(self._open().site, self._pointer, at)
        self._engine.forget_code(at)

    def _set_flag(self, at: int, flag: SiteFlag) -> None:
        flags = self._flags.get(at // PAGE)
        if flags is None:
            flags = self._flags[at // PAGE] = np.zeros(PAGE // 2, np.uint64)
            self._sites[at // PAGE] = flags.ctypes.data
        flags[at % PAGE // 2] |= np.uint64(flag)

    def _on_hook(self, address: int) -> None:
        """Someone else watches an instruction: they are to see the registers before it is carried out."""
        handle = self._handles.pop(address, None)
        if handle is not None:
            self._set_flag(address, SiteFlag.SHARED)
            self._engine.remove_native_hook(handle)
            self._handles[address] = self._engine.add_instruction_hook(self._open().site, self._pointer, address)
        self._watched.add(address)

    # -- called by native code ---------------------------------------------------------------------------------------------------

    def _trap_before_opening(self, number: int) -> None:
        """Stand in for the native code: an instruction written over one that has run is met without a stop before its block."""
        at = self._engine.pc - 4 & 0xFFFFFFFF
        encoding = int.from_bytes(self._memory.read(at, 4) or b"", "little")
        if number != _ILLEGAL or not is_wide(encoding) or carry_out(encoding, at, self) is None:
            self._trap(number)

    def _trap(self, number: int) -> None:
        try:
            self._on_trap(number)
        except BaseException as error:  # noqa: BLE001 -- an exception must not pass through native code; `settle` raises it again
            self._failure = error
            self._engine.stop()

    def _ask(self, address: int) -> int:
        half = int.from_bytes(self._memory.read(address, 2) or b"\0\0", "little")
        following = None
        try:
            following = carry_out(half, address, self)
            if following is None:
                self._on_fault("illegal instruction", address)
        except AccessFault as fault:
            self._on_fault(str(fault), address)
        except BaseException as error:  # noqa: BLE001 -- as in `_trap`
            self._failure = error
            self._counters.set_deadline(0)
        return address + 2 if following is None else following & 0xFFFFFFFF

    # -- what an instruction sees (`instsim.emulate.riscv_semantics.Storage`) -----------------------------------------------------

    def register(self, number: int) -> int:
        """Value of x0 to x31, unsigned."""
        return self._engine.read_register(self._engine.registers.general[number]) & 0xFFFFFFFF

    def set_register(self, number: int, value: int) -> None:
        """Set x0 to x31; x0 stays 0."""
        if number:
            self._engine.write_register(self._engine.registers.general[number], value)

    def load(self, address: int, size: int) -> int:
        """Read 1, 2 or 4 bytes of memory or a device.

        Raises
        ------
        AccessFault
            If there is neither.
        """
        data = self._memory.read(address, size)
        if data is None and self._is_device(address):
            data = self._engine.read_device(address, size)
        if data is None:
            raise AccessFault(f"read of {address:#010x}, where there is no memory and no device")
        return int.from_bytes(data, "little")

    def store(self, address: int, size: int, value: int) -> None:
        """Write 1, 2 or 4 bytes of RAM or a device.

        Raises
        ------
        AccessFault
            If there is neither.
        """
        data = value.to_bytes(size, "little")
        found = self._memory.find(address)
        if found is None:
            if not self._is_device(address):
                raise AccessFault(f"write to {address:#010x}, where there is no memory and no device")
            self._engine.write_device(address, data)
        elif found[0].spec.kind is not MemoryKind.RAM:
            raise AccessFault(f"write to {address:#010x} in flash")
        else:
            self._memory.write(address, data)
            self._open_page(address)

    def _is_device(self, address: int) -> bool:
        return any(start <= address < start + size for start, size in self._windows)

    def _open_page(self, address: int) -> None:
        """Let native code write a page of RAM from now on, unless code runs there, which a write may change."""
        page = address // PAGE
        if self._counters.has_page(page * PAGE):
            self._engine.forget_code(address & ~1)
        else:
            self._writable[page] = self._readable[page]

    def on_code_page(self, page: int) -> None:
        """Code is about to run on a page."""
        self._writable[page // PAGE] = 0
