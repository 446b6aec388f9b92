"""Unicorn, set up for one chip: processor model, memories, address translation on the fast path. Unicorn's only importer with `registers`."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import unicorn
from unicorn import arm_const, riscv_const
from unicorn.unicorn_py3 import unicorn as binding

from instsim.emulate.access_place import AccessPlace
from instsim.emulate.memory import PAGE, Bank, Memory
from instsim.emulate.register_file import find_registers
from instsim.emulate.spec import MachineSpec, MemoryKind
from instsim.errors import UsageError
from instsim.isa import Isa

__all__ = ["NOWHERE_PAGE", "Access", "Engine", "RegisterBatch", "Registers"]

_CPUS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}
_IT_BITS = 0x0600FC00
_EPSR_WITHOUT_IT = 1 << 24

_PATTERN_REGISTERS = 13
"""Of Thumb r0-r12, which the emulator has no copies of."""

NOWHERE_PAGE = 0xDFFFF000
"""A page of our own that no firmware ever reaches."""
_SINK_PAGE = 0xDFFFE000
"""Another: where stores go that a memory ignores."""
_STOP_ADDRESS = NOWHERE_PAGE + 0x800
"""Where Unicorn is told to stop, in a page of our own that no firmware ever reaches. It looks at the code around that address at every stop: an
address that cannot be fetched would turn each stop into an error."""


class Registers:
    """Unicorn's numbers of the registers that instsim reads and writes."""

    def __init__(self, isa: Isa) -> None:
        if isa is Isa.THUMB:
            base = [getattr(arm_const, f"UC_ARM_REG_R{n}") for n in range(13)]
            self.general: tuple[int, ...] = (*base, arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_PC)
            self.pc, self.sp, self.link = arm_const.UC_ARM_REG_PC, arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR
            self.arguments = self.general[:4]
            self.singles: tuple[int, ...] = tuple(arm_const.UC_ARM_REG_S0 + n for n in range(16))
            self.floats: tuple[int, ...] = tuple(arm_const.UC_ARM_REG_S0 + n for n in range(32))
            self.special: dict[str, int] = {
                "xpsr": arm_const.UC_ARM_REG_XPSR,
                "set_xpsr": arm_const.UC_ARM_REG_XPSR_NZCVQG,  # the plain register's number leaves the GE bits
                "flags": arm_const.UC_ARM_REG_APSR_NZCV,
                "control": arm_const.UC_ARM_REG_CONTROL,
                "primask": arm_const.UC_ARM_REG_PRIMASK,
                "basepri": arm_const.UC_ARM_REG_BASEPRI,
                "faultmask": arm_const.UC_ARM_REG_FAULTMASK,
                "msp": arm_const.UC_ARM_REG_MSP,
                "psp": arm_const.UC_ARM_REG_PSP,
                "fpscr": arm_const.UC_ARM_REG_FPSCR,
            }
        else:
            self.general = tuple(riscv_const.UC_RISCV_REG_X0 + n for n in range(32))
            self.pc, self.sp, self.link = riscv_const.UC_RISCV_REG_PC, self.general[2], self.general[1]
            self.arguments = self.general[10:18]
            self.singles = self.floats = ()
            self.special = {
                name: getattr(riscv_const, f"UC_RISCV_REG_{name.upper()}")
                for name in ("mstatus", "mtvec", "mepc", "mcause", "mtval", "mie", "mip", "mscratch")
            }


class Access:
    """The access that the machine refused last, for the message."""

    __slots__ = ("address", "kind")

    def __init__(self, kind: str, address: int) -> None:
        self.kind = kind
        self.address = address


class RegisterBatch:
    """Registers of 32 bits that are read and written together, in one call.

    Parameters
    ----------
    handle : ctypes pointer
        Unicorn's engine.
    registers : tuple of int
        Unicorn's numbers.
    """

    def __init__(self, handle: Any, registers: tuple[int, ...]) -> None:
        count = len(registers)
        self._handle = handle
        self._numbers = (ctypes.c_int * count)(*registers)
        self._values = (ctypes.c_uint64 * count)()
        start = ctypes.addressof(self._values)
        self._pointers = (ctypes.c_void_p * count)(*(start + 8 * index for index in range(count)))
        self._count = ctypes.c_int(count)

    def read(self) -> list[int]:
        """Return the values."""
        binding.uclib.uc_reg_read_batch(self._handle, self._numbers, self._pointers, self._count)
        return list(self._values)

    def write(self, values: Sequence[int]) -> None:
        """Set the values, in order."""
        self._values[:] = [*values]
        binding.uclib.uc_reg_write_batch(self._handle, self._numbers, self._pointers, self._count)


class Engine:
    """One Unicorn instance.

    Addresses are translated by a callback instead of the processor's own tables: stores stay on Unicorn's fast path only on pages that are not
    executable, and the default M-profile map calls all RAM executable.

    Parameters
    ----------
    spec : MachineSpec
        The chip.
    memory : Memory
        Its memories.
    on_code_page : callable
        ``on_code_page(page)`` is called before the first instruction of a page is translated; it may add hooks.

    Raises
    ------
    UsageError
        If there is no such emulated processor.
    """

    def __init__(self, spec: MachineSpec, memory: Memory, on_code_page: Callable[[int], None]) -> None:
        self.isa = spec.isa
        self.registers = Registers(spec.isa)
        self.refused: Access | None = None
        self.hook_watchers: list[Callable[[int], None]] = []
        self.forget_watchers: list[Callable[[], None]] = []
        self.callbacks = 0
        # Whether translated code runs, and whether a load or store of it accesses a device just now.
        self.is_running = self.is_accessing = False
        self.admit_store: Callable[[Bank, int], bool] = lambda _bank, _offset: False
        self._memory = memory
        self._windows = spec.device_windows
        self._on_code_page = on_code_page
        self._executable: set[int] = set()
        self._hooks: list[Any] = []
        self._before_close: list[Callable[[], object]] = []
        if spec.isa is Isa.THUMB:
            if spec.cpu not in _CPUS:
                raise UsageError(f"no emulated processor {spec.cpu!r}", hint=f"one of {', '.join(_CPUS)}")
            # UC_MODE_MCLASS would silently replace the chosen processor by a Cortex-M33.
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
            self.uc.ctl_set_cpu_model(_CPUS[spec.cpu])
            self.uc.ctl_set_page_size(PAGE)
        else:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        # The binding looks a register's type up at every access, which takes five times as long as the access.
        self._handle = self.uc._uch  # noqa: SLF001 -- there is no public way
        self._read, self._write = binding.uclib.uc_reg_read, binding.uclib.uc_reg_write
        self._value = ctypes.c_uint64()
        self._value_pointer = ctypes.byref(self._value)
        for bank in memory.banks:
            self.uc.mem_map_ptr(bank.spec.address, bank.spec.size, unicorn.UC_PROT_ALL, bank.host_address)
        self.uc.mem_map(NOWHERE_PAGE, PAGE)
        self.uc.mem_map(_SINK_PAGE, PAGE)
        self.uc.ctl_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        self.uc.hook_add(unicorn.UC_HOOK_TLB_FILL, self._fill)

    def before_close(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the engine is closed: where its handle is kept, it must go, for another engine may get the same one."""
        self._before_close.append(callback)

    def close(self) -> None:
        """Free the Unicorn instance, which its binding keeps in reference cycles; nothing may be asked of this engine afterwards."""
        for callback in self._before_close:
            callback()
        unicorn.Uc.release_handle(self._handle)
        self._handle.value = None  # the binding would free it once more
        vars(self).clear()

    # -- address translation -----------------------------------------------------------------------------------------------------

    def _fill(self, uc: Any, address: int, access: int, entry: Any, _data: Any) -> bool:
        fetching = access == unicorn.UC_MEM_FETCH
        if not fetching:
            self.clear_it_state(uc)
        page = address & ~(PAGE - 1)
        found = self._memory.find(page)
        if page == NOWHERE_PAGE:
            entry.paddr, entry.perms = page, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
            return True
        if found is None:
            for start, size in self._windows:
                if start <= page < start + size and not fetching:
                    entry.paddr, entry.perms = page, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE
                    return True
            self.refused = Access({unicorn.UC_MEM_FETCH: "execute", unicorn.UC_MEM_WRITE: "write"}.get(access, "read"), address)
            return False
        bank, offset = found
        self._memory.touch(bank, offset)
        writable = bank.spec.kind is MemoryKind.RAM
        if access == unicorn.UC_MEM_WRITE and not writable:
            writable = self.admit_store(bank, offset)
        if access == unicorn.UC_MEM_WRITE and not writable and bank.spec.ignores_stores:
            # Not readable: a load from this page asks again.
            entry.paddr, entry.perms = _SINK_PAGE, unicorn.UC_PROT_WRITE
            return True
        if access == unicorn.UC_MEM_WRITE and not writable:
            self.refused = Access("write to flash", address)
            return False
        if fetching and page not in self._executable:
            self._executable.add(page)
            self._on_code_page(page)
        entry.paddr = bank.spec.address + offset
        entry.perms = unicorn.UC_PROT_READ | (unicorn.UC_PROT_WRITE if writable else 0) | (unicorn.UC_PROT_EXEC if page in self._executable else 0)
        return True

    def clear_it_state(self, uc: Any) -> None:
        """Undo a defect: a callback during a data access inside an IT block leaves IT bits set that the next block would obey."""
        # Not by the binding's own call, which takes ten times as long: this runs at every access to a device.
        if self.isa is Isa.THUMB and self.read_register(arm_const.UC_ARM_REG_EPSR) & _IT_BITS:
            uc.reg_write(arm_const.UC_ARM_REG_EPSR, _EPSR_WITHOUT_IT)

    def forget_permissions(self) -> None:
        """Ask anew which pages may be written; the machine must stand still."""
        self.uc.ctl(unicorn.UC_CTL_TLB_FLUSH, unicorn.UC_CTL_IO_WRITE)

    # -- hooks -------------------------------------------------------------------------------------------------------------------

    @staticmethod
    def function_address(name: str) -> int:
        """Return the address of a function of Unicorn's library (``uc_emu_stop``, ``uc_reg_read``)."""
        return ctypes.cast(getattr(binding.uclib, name), ctypes.c_void_p).value or 0

    def add_native_hook(self, kind: int, function: int, state: ctypes.c_void_p, begin: int = 1, end: int = 0) -> int:
        """Register machine code as a hook; return a handle for `remove_native_hook`.

        Parameters
        ----------
        kind : int
            ``unicorn.UC_HOOK_BLOCK`` or ``UC_HOOK_CODE``.
        function : int
            Address of the C function.
        state : c_void_p
            Its user pointer.
        begin, end : int
            Addresses it is bound to; all by default.
        """
        handle = ctypes.c_size_t()
        status = binding.uclib.uc_hook_add(
            self.uc._uch,  # noqa: SLF001 -- Unicorn's binding has no public way to hand over a C function
            ctypes.byref(handle),
            kind,
            ctypes.c_void_p(function),
            state,
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if status != unicorn.UC_ERR_OK:
            raise unicorn.UcError(status)
        return handle.value

    def remove_native_hook(self, handle: int) -> None:
        """Remove a hook that is machine code."""
        binding.uclib.uc_hook_del(self.uc._uch, ctypes.c_size_t(handle))  # noqa: SLF001 -- as above

    def add_trap_hook(self, function: int, state: ctypes.c_void_p) -> int:
        """Call machine code at every exception, which takes no address; return a handle for `remove_native_hook`."""
        return self.add_native_hook(unicorn.UC_HOOK_INTR, function, state)

    def add_block_hook(self, function: int, state: ctypes.c_void_p) -> None:
        """Call machine code at every translation block."""
        self.add_native_hook(unicorn.UC_HOOK_BLOCK, function, state)

    def add_instruction_hook(self, function: int, state: ctypes.c_void_p, address: int) -> int:
        """Call machine code before the instruction at one address; return a handle for `remove_native_hook`."""
        handle = self.add_native_hook(unicorn.UC_HOOK_CODE, function, state, address, address)
        self._tell_of_hook(address)
        return handle

    def on_instruction(self, address: int, callback: Callable[[int], None], *, is_core: bool = False) -> Any:
        """Call Python before the instruction at one address; return a handle for `remove`.

        `callbacks` does not count what is part of the core (`is_core`).
        """

        def call(_uc: Any, at: int, _size: int, _data: Any) -> None:
            self.callbacks += not is_core
            callback(at)

        handle = self.uc.hook_add(unicorn.UC_HOOK_CODE, call, begin=address, end=address)
        self._tell_of_hook(address)
        return handle

    def _tell_of_hook(self, address: int) -> None:
        for watcher in self.hook_watchers:
            watcher(address)

    def on_block(self, callback: Callable[[int, int], None]) -> Any:
        """Call Python with address and size of every translation block; return a handle for `remove`. Slow: for learning only."""
        return self.uc.hook_add(unicorn.UC_HOOK_BLOCK, lambda _uc, at, size, _data: callback(at, size))

    def on_read(self, start: int, stop: int, callback: Callable[[int, int], None]) -> Any:
        """Call Python with the address of every load from ``start <= address < stop``; return a handle for `remove`.

        The second argument is the program counter as far as it is known: that of the load, or of an earlier instruction of the same block. Loads
        that were translated before are not seen.
        """

        def call(uc: Any, _kind: int, address: int, _size: int, _value: int, _data: Any) -> None:
            self.clear_it_state(uc)
            callback(address, self.pc)

        return self.uc.hook_add(unicorn.UC_HOOK_MEM_READ, call, begin=start, end=stop - 1)

    def on_trap(self, callback: Callable[[int], None]) -> None:
        """Call Python with Unicorn's number of an exception; the core stands behind the instruction, or at it for a fault."""
        self.uc.hook_add(unicorn.UC_HOOK_INTR, lambda _uc, number, _data: callback(number))

    def on_invalid_instruction(self, callback: Callable[[], bool]) -> None:
        """Call Python at what Unicorn takes for an invalid instruction (``ebreak`` among others)."""
        self.uc.hook_add(unicorn.UC_HOOK_INSN_INVALID, lambda _uc, _data: callback())

    def forget_code(self, address: int) -> None:
        """Translate the code at an address anew, so that a hook added there from now on is seen."""
        # On a page that nothing was fetched from there is nothing to forget, and asking would count as its first fetch.
        if address & ~(PAGE - 1) in self._executable:
            self.uc.ctl_remove_cache(address, address + 2)

    def forget_page(self, page: int) -> bool:
        """Translate the code of a page anew, whose bytes have changed; return whether any was fetched from there."""
        was_fetched = page in self._executable
        if was_fetched:
            self.uc.ctl_remove_cache(page, page + PAGE)
        return was_fetched

    def forget_all_code(self) -> None:
        """Translate all code anew, so that a hook on blocks is seen."""
        self.uc.ctl_flush_tb()
        for watcher in self.forget_watchers:
            watcher()

    @property
    def handle(self) -> int:
        """Unicorn's own handle."""
        return int(self.uc._uch.value)  # noqa: SLF001 -- as above

    def remove(self, handle: Any) -> None:
        """Remove a hook that `on_instruction` added."""
        self.uc.hook_del(handle)

    # -- devices -----------------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def access_place(self) -> AccessPlace:
        """What tells which instruction accesses a device."""
        register = self.registers.pc
        return AccessPlace(self.handle, self.isa, lambda: self.read_register(register) & ~1)

    def accessing_pc(self, start: int, end: int) -> int | None:
        """Return the address of the instruction that accesses a device just now, one from `start` up to `end`; None if the host does not tell."""
        pc = self.access_place.pc(start, end)
        self.clear_it_state(self.uc)
        return pc

    def read_device(self, address: int, size: int) -> bytes:
        """Read device registers as the firmware does."""
        running, self.is_running = self.is_running, False
        try:
            return bytes(self.uc.mem_read(address, size))
        finally:
            self.is_running = running

    def write_device(self, address: int, data: bytes) -> None:
        """Write device registers as the firmware does."""
        running, self.is_running = self.is_running, False
        try:
            self.uc.mem_write(address, data)
        finally:
            self.is_running = running

    # -- registers and running ---------------------------------------------------------------------------------------------------

    def read_register(self, register: int) -> int:
        """Return a register's value."""
        self._value.value = 0
        self._read(self._handle, register, self._value_pointer)
        return self._value.value

    def write_register(self, register: int, value: int) -> None:
        """Set a register."""
        self._value.value = value & 0xFFFFFFFF
        self._write(self._handle, register, self._value_pointer)

    def save_registers(self) -> Any:
        """Return the state of the processor, for `restore_registers`."""
        return self.uc.context_save()

    def restore_registers(self, saved: Any) -> None:
        """Put the processor back into a state that `save_registers` gave."""
        self.uc.context_restore(saved)

    def batch(self, registers: tuple[int, ...]) -> RegisterBatch:
        """Return registers that are read and written together."""
        return RegisterBatch(self._handle, registers)

    @functools.cached_property
    def registers_address(self) -> int:
        """Where the emulator keeps the general registers, 32 bits each, for machine code that reads them at its hooks; 0 if unknown.

        They lie behind the handle, at a distance that no header tells: found by a pattern in them, and checked with another one.
        """
        first = 0 if self.isa is Isa.THUMB else 1  # x0 holds no pattern
        found = find_registers(self.handle, self.registers.general[first:_PATTERN_REGISTERS], self.read_register, self.write_register)
        return found and found - 4 * first

    @property
    def pc(self) -> int:
        """The program counter, Thumb bit removed."""
        return self.read_register(self.registers.pc) & ~1

    @property
    def sp(self) -> int:
        """The stack pointer."""
        return self.read_register(self.registers.sp)

    def run(self, address: int) -> unicorn.UcError | None:
        """Run from an address until something stops the machine; return the error that did, if one did."""
        self.is_running = True
        try:
            self.uc.emu_start(address | 1 if self.isa is Isa.THUMB else address, _STOP_ADDRESS)
        except unicorn.UcError as error:
            return error
        finally:
            self.is_running = False
        return None

    def stop(self) -> None:
        """Stop as soon as the running block ends."""
        self.uc.emu_stop()
