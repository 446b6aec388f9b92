"""Cortex-M exceptions: entry, return, tail-chaining, both stacks, floating-point frames.

Arm DDI 0403E, B1.5.6 to B1.5.8; Arm DDI 0553B for Armv8-M. Unicorn runs code in the right mode and bank once the program status register
says so; stacking, choosing and returning are done here, while the machine stands still between two blocks.

Floating-point registers are written to their frame at entry, which firmware cannot tell from lazy stacking; when the core would really have
stored them is counted for the cost model. A load or store that an exception interrupts is never restarted: blocks are not divided.
"""

from __future__ import annotations

import struct

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.chip import Chip
from instsim.emulate.exception_log import ExceptionCounts, ExceptionLog
from instsim.emulate.faults_arm import ACCESS_FAULTS, ArmFault
from instsim.emulate.nvic import HARD_FAULT, NMI, SVCALL, CoreMasks, Nvic
from instsim.emulate.spec import MemoryKind

__all__ = ["ArmExceptions", "ArmFaultError"]

_BASIC = struct.Struct("<8I")
_FLOATS = struct.Struct("<18I")
_BASIC_BYTES, _EXTENDED_BYTES = 0x20, 0x68
_THUMB_BIT, _ALIGNED_BIT, _NUMBER_BITS = 1 << 24, 1 << 9, 0x1FF
_NPRIV, _SPSEL, _FPCA = 1, 2, 4
_NO_FLOATS, _TO_THREAD, _FROM_PSP = 0x10, 8, 4
_V7_RETURN, _V8_RETURN = 0xFFFFFFE1, 0xFFFFFFA0
_SMALLEST_RETURN = 0xFF000000


class ArmFaultError(Exception):
    """A fault that happened during exception entry or return.

    Parameters
    ----------
    fault : ArmFault
        The cause.
    address : int or None
        Accessed address.
    what : str
        In words.
    """

    def __init__(self, fault: ArmFault, address: int | None = None, what: str = "") -> None:
        super().__init__(what)
        self.fault = fault
        self.address = address
        self.what = what


class ArmExceptions:
    """The exception machinery of one Cortex-M.

    Parameters
    ----------
    chip : Chip
        Its engine, the memory where frames lie, the clock, and the events that come due while registers are stacked.
    nvic : Nvic
        What is pending.
    """

    def __init__(self, chip: Chip, nvic: Nvic) -> None:
        self._engine = chip.engine
        self._chip = chip
        self._registers = chip.engine.registers
        self._memory = chip.memory
        self._counters = chip.counters
        self._nvic = nvic
        self._cycles = chip.spec.interrupts.cycles
        cpu = chip.spec.cpu
        registers = chip.engine.registers
        self._stacked = chip.engine.batch(tuple(registers.general[n] for n in (0, 1, 2, 3, 12, 14)))
        self._floats = chip.engine.batch((*registers.singles, registers.special["fpscr"]))
        self._mask_registers = chip.engine.batch(tuple(registers.special[name] for name in ("primask", "basepri", "faultmask")))
        self._is_v8 = cpu == "cortex-m33"
        self.is_v6 = cpu == "cortex-m0"
        self._has_floats = cpu in ("cortex-m4", "cortex-m7", "cortex-m33")
        self._lazy: ExceptionCounts | None = None
        self._counts: list[ExceptionCounts] = []
        self._flows: dict[int, tuple[int, int]] = {}
        self.log = ExceptionLog()

    # -- state -------------------------------------------------------------------------------------------------------------------

    def _let_events_happen(self) -> None:
        """Let happen what came due while registers were stacked or a vector was fetched."""
        self._chip.disturbances += self._chip.events.fire_due(self._counters.ticks)

    def masks(self) -> CoreMasks:
        """Return the core's mask registers."""
        primask, basepri, faultmask = self._mask_registers.read()
        return CoreMasks(primask & 1) if self.is_v6 else CoreMasks(primask & 1, basepri & 0xFF, faultmask & 1)

    @property
    def running(self) -> tuple[int, ...]:
        """Exceptions whose handlers have begun, the running one last."""
        active = self._nvic.active
        number = self._engine.read_register(self._registers.special["xpsr"]) & _NUMBER_BITS
        return (*sorted(active - {number}), *({number} & active))

    def _set_status(self, value: int) -> None:
        write, special = self._engine.write_register, self._registers.special
        write(special["set_xpsr"], value | _THUMB_BIT)
        # Without this write Unicorn keeps translating for the mode it was in.
        write(special["flags"], value & 0xF0000000)

    # -- taking exceptions -------------------------------------------------------------------------------------------------------

    def deliver(self, pc: int) -> int:
        """Take the pending exception that may preempt, if there is one; return where the core goes on.

        Raises
        ------
        ArmFaultError
            If its registers cannot be stacked.
        """
        # Asked first because it needs no register of the core: most of what is pending waits for the end of an active exception.
        while self._nvic.waits_for_mask:
            masks = self.masks()
            number = self._nvic.preempting(masks)
            if number is None:
                break
            pc = self._enter(number, pc, masks)
        return pc

    def supervisor_call(self, pc: int) -> int:
        """Serve ``svc``, whose next instruction is at `pc`.

        Raises
        ------
        ArmFaultError
            If the priority forbids it: the call escalates to a HardFault.
        """
        if not self._nvic.can_take(SVCALL, self.masks()):
            what = "supervisor call (svc) where its exception cannot be taken: masked, or in a handler of no lower priority"
            raise ArmFaultError(ArmFault(HARD_FAULT, 0, "", ""), None, what)
        self._nvic.pend(SVCALL)
        return self.deliver(pc)

    def take_fault(self, fault: ArmFault, address: int | None, pc: int) -> int | None:
        """Hand a fault to the firmware if it enabled that exception for itself; return where the core goes on, or None.

        A handler that is an endless loop is not one: the fault then stops the machine where it happened.
        """
        nvic = self._nvic
        if self.is_v6 or not nvic.fault_enabled(fault.exception) or not nvic.can_take(fault.exception, self.masks()):
            return None
        handler = self._memory.word(nvic.vector_table + 4 * fault.exception) or 0
        code = self._memory.read(handler & ~1, 2)
        if code is None or code == b"\xfe\xe7":
            return None
        nvic.record_fault(fault.bits, 0, address)
        nvic.pend(fault.exception)
        try:
            return self.deliver(pc)
        except ArmFaultError:
            return None

    def _enter(self, number: int, pc: int, masks: CoreMasks) -> int:
        read, write, special = self._engine.read_register, self._engine.write_register, self._registers.special
        nvic = self._nvic
        status, control = read(special["xpsr"]) & 0xFFFFFFFF, read(special["control"])
        is_thread = not status & _NUMBER_BITS
        on_psp = is_thread and bool(control & _SPSEL)
        floats = self._has_floats and bool(control & _FPCA) and nvic.stacks_floats
        self._note_float_use(control)
        frame = self._stack(pc, status, floats=floats)
        write(self._registers.sp, frame)
        self._flows[frame] = self._counters.take_flow()
        self._counters.advance(round(self._cycles.entry * TICKS_PER_CYCLE))
        self._let_events_happen()
        # A more urgent exception that came while registers were stacked is taken in place of the first one.
        number = nvic.preempting(masks) or number
        base = _V8_RETURN if self._is_v8 else _V7_RETURN
        link = base | (0 if floats else _NO_FLOATS) | (_TO_THREAD if is_thread else 0) | (_FROM_PSP if on_psp else 0)
        self._switch_to_handler(number, status, control, is_thread=is_thread)
        pc, counts = self._start(number, link)
        counts.entries += 1
        if floats:
            counts.float_frames += 1
            if nvic.stacks_lazily:
                self._lazy = counts
                nvic.set_lazy_frame(frame + _BASIC_BYTES)
            else:
                counts.float_saves += 1
                self._counters.advance(round(self._cycles.float_save * TICKS_PER_CYCLE))
        self.log.entered(frame)
        return pc

    def _stack(self, pc: int, status: int, *, floats: bool) -> int:
        """Write the frame of the interrupted code; return its address."""
        sp = self._engine.sp
        realign = 4 if sp & 4 and (self._nvic.aligns_stack or self.is_v6) else 0
        frame = (sp - (_EXTENDED_BYTES if floats else _BASIC_BYTES) - realign) & 0xFFFFFFFF
        data = _BASIC.pack(*self._stacked.read(), pc & ~1, status & ~_ALIGNED_BIT | _THUMB_BIT | (_ALIGNED_BIT if realign else 0))
        if floats:
            data += _FLOATS.pack(*self._floats.read(), 0)
        bank = self._memory.find(frame)
        if bank is None or bank[0].spec.kind is not MemoryKind.RAM or not self._memory.write(frame, data):
            what = f"an exception needs {len(data)} bytes of stack at {frame:#010x}, where there is no RAM"
            raise ArmFaultError(ACCESS_FAULTS["stack"], None, what)
        return frame

    def _switch_to_handler(self, number: int, status: int, control: int, *, is_thread: bool) -> None:
        write, special = self._engine.write_register, self._registers.special
        kept = status & 0xF80F0000
        if is_thread and control & _SPSEL and not self._is_v8:
            # Armv7-M clears SPSEL on entry, and Unicorn lets only a privileged thread do so.
            self._set_status(kept | number)
            write(special["control"], 0)
            self._set_status(kept)
            write(special["control"], 0)
        self._set_status(kept | number)
        write(special["control"], control & (_NPRIV | (_SPSEL if self._is_v8 else 0)))
        self._set_status(kept | number)

    def _start(self, number: int, link: int) -> tuple[int, ExceptionCounts]:
        """Begin a handler: activate it, set the link register, fetch its vector."""
        self._nvic.activate(number)
        self._engine.write_register(self._registers.link, link)
        self._counters.forget_previous()
        self._nvic.event_register = True
        vector = self._memory.word(self._nvic.vector_table + 4 * number) or 0
        counts = self.log.of(number, vector & ~1)
        self._counts.append(counts)
        if not vector & 1:
            fault = ArmFault(6, 1 << 17, "INVSTATE", "")
            raise ArmFaultError(fault, None, f"the vector of exception {number} ({vector:#010x}) is not the address of Thumb code")
        return vector & ~1, counts

    # -- return ------------------------------------------------------------------------------------------------------------------

    def leave(self, value: int) -> int:
        """Return from the running handler with the ``EXC_RETURN`` value that was branched to; return where the core goes on.

        Raises
        ------
        ArmFaultError
            If the value fits no active exception, or the frame is not in memory.
        """
        read, write, special = self._engine.read_register, self._engine.write_register, self._registers.special
        nvic = self._nvic
        number = read(special["xpsr"]) & _NUMBER_BITS
        to_thread = bool(value & _TO_THREAD)
        if value < _SMALLEST_RETURN or number not in nvic.active:
            raise ArmFaultError(ACCESS_FAULTS["return"])
        self._note_float_use(read(special["control"]))
        nvic.deactivate(number)
        if not self.is_v6 and number != NMI:
            write(special["faultmask"], 0)
        self._nvic.event_register = True
        masks = self.masks()
        following = nvic.preempting(masks)
        if following is not None:
            self._counters.advance(round(self._cycles.tail_chain * TICKS_PER_CYCLE))
            self._let_events_happen()
            following = nvic.preempting(masks) or following
            self._set_status(read(special["xpsr"]) & 0xF80F0000 | following)
            self._pop_counts()
            pc, counts = self._start(following, value | (0 if self._is_v8 else 1))
            counts.tail_chained += 1
            return pc
        if to_thread == bool(nvic.active):
            raise ArmFaultError(ACCESS_FAULTS["return"], None, f"exception return {value:#010x} with {len(nvic.active)} more handlers active")
        return self._unstack(value, to_thread=to_thread)

    def _unstack(self, value: int, *, to_thread: bool) -> int:
        read, write, special = self._engine.read_register, self._engine.write_register, self._registers.special
        from_psp = to_thread and bool(value & _FROM_PSP)
        floats = self._has_floats and not value & _NO_FLOATS
        frame = read(special["psp"] if from_psp else special["msp"]) & 0xFFFFFFFF
        size = _EXTENDED_BYTES if floats else _BASIC_BYTES
        data = self._memory.read(frame, size)
        if data is None:
            raise ArmFaultError(ACCESS_FAULTS["unstack"], None, f"exception return from a frame at {frame:#010x}, where there is no memory")
        low = _BASIC.unpack_from(data)[:6]
        pc, status = (int(word) for word in _BASIC.unpack_from(data)[6:])
        if bool(status & _NUMBER_BITS) == to_thread:
            raise ArmFaultError(ACCESS_FAULTS["return"], None, f"exception return {value:#010x} to a frame of exception {status & _NUMBER_BITS}")
        npriv = read(special["control"]) & _NPRIV
        float_bit = _FPCA if floats else 0
        kept = status & ~(_NUMBER_BITS | _ALIGNED_BIT) | (status & _NUMBER_BITS)
        if to_thread:
            # The stack pointer's bank is chosen in a privileged thread; privilege is given up last.
            write(special["control"], 0)
            self._set_status(kept)
            write(special["control"], (_SPSEL if from_psp else 0) | npriv | float_bit)
        else:
            self._set_status(kept)
            write(special["control"], npriv | float_bit)
        self._stacked.write(low)
        if floats:
            self._floats.write(_FLOATS.unpack_from(data, _BASIC_BYTES)[:-1])
            self._lazy = None
            self._nvic.set_lazy_frame(None)
        write(self._registers.sp, frame + size + (4 if status & _ALIGNED_BIT else 0))
        self._set_status(kept)
        counts = self._pop_counts()
        counts.returns += 1
        self._counters.restore_flow(self._flows.pop(frame, None))
        self._counters.advance(round(self._cycles.leave * TICKS_PER_CYCLE))
        self.log.returned(frame)
        return pc & ~1

    def _pop_counts(self) -> ExceptionCounts:
        return self._counts.pop() if self._counts else ExceptionCounts()

    def _note_float_use(self, control: int) -> None:
        """Count the saving of a lazily stacked frame once a handler has used the floating-point unit."""
        if self._lazy is not None and control & _FPCA:
            self._lazy.float_saves += 1
            self._counters.advance(round(self._cycles.float_save * TICKS_PER_CYCLE))
            self._lazy = None
            self._nvic.set_lazy_frame(None)

    # -- waiting -----------------------------------------------------------------------------------------------------------------

    def wakes(self) -> bool:
        """Whether what is pending ends ``wfi``; ``PRIMASK`` does not hold it back."""
        return self._nvic.has_pending and self._nvic.preempting(self.masks(), with_primask=False) is not None

    def take_event(self) -> bool:
        """Return the event register of ``wfe``, and clear it."""
        event, self._nvic.event_register = self._nvic.event_register, False
        return event

    def could_be_interrupted(self, *, ticking: bool) -> bool:
        """Whether anything enabled could preempt what runs; see `Nvic.could_be_interrupted`."""
        return self._nvic.could_be_interrupted(self.masks(), ticking=ticking)
