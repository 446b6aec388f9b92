"""Interrupt controllers and timers by their registers, without an emulator."""

from __future__ import annotations

from itertools import pairwise

import pytest

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.events import EventQueue
from instsim.emulate.hazard3_interrupts import Hazard3Interrupts
from instsim.emulate.nvic import PENDSV, SYSTICK, CoreMasks, Nvic
from instsim.emulate.riscv_interrupts import Clint, InterruptMatrix, MachineInterrupts
from instsim.emulate.systick import SysTick

FREE = CoreMasks()


class Clock:
    """A clock that a test winds, firing what comes due."""

    def __init__(self) -> None:
        self.cycles = 0
        self.events = EventQueue(lambda _at: None)

    def now(self) -> int:
        return self.cycles

    def wind(self, cycles: int) -> None:
        end = self.cycles + cycles
        while (at := self.events.next_ticks) is not None and at <= end * TICKS_PER_CYCLE:
            self.cycles = max(self.cycles, at // TICKS_PER_CYCLE)
            self.events.fire_due(at)
        self.cycles = end


def controller(bits: int = 4) -> Nvic:
    return Nvic(64, bits, 0x08000000, lambda: None)


def test_unimplemented_priority_bits_read_as_zero() -> None:
    nvic = controller(2)
    nvic.write(0x400, 4, 0xFFFFFFFF)
    assert nvic.read(0x400, 4) == 0xC0C0C0C0
    nvic.write(0x402, 1, 0x40)
    assert nvic.read(0x400, 4) == 0xC040C0C0
    assert nvic.read(0x402, 1) == 0x40


def test_priority_grouping_decides_preemption_and_subpriority_the_order() -> None:
    nvic = controller()
    nvic.write(0x100, 4, 0b111)
    nvic.write(0xD0C, 4, 0x05FA << 16 | 6 << 8)  # one bit of group priority
    for line, priority in ((0, 0x70), (1, 0x30), (2, 0x90)):
        nvic.write(0x400 + line, 1, priority)
    nvic.pulse(0)
    nvic.pulse(1)
    assert nvic.preempting(FREE) == 17
    nvic.activate(17)
    assert nvic.preempting(FREE) is None
    nvic.deactivate(17)
    nvic.activate(18)
    assert nvic.preempting(FREE) == 16


def test_masks_hold_back_and_wfi_looks_past_primask() -> None:
    nvic = controller()
    nvic.write(0x100, 4, 1)
    nvic.write(0x400, 1, 0x40)
    nvic.pulse(0)
    assert nvic.preempting(CoreMasks(primask=1)) is None
    assert nvic.preempting(CoreMasks(primask=1), with_primask=False) == 16
    assert nvic.preempting(CoreMasks(basepri=0x40)) is None
    assert nvic.preempting(CoreMasks(basepri=0x50)) == 16
    assert nvic.preempting(CoreMasks(faultmask=1)) is None


def test_only_what_no_active_exception_holds_back_waits_for_a_mask() -> None:
    changes = []
    nvic = Nvic(64, 4, 0x08000000, lambda: changes.append(1))
    nvic.write(0x400, 2, 0x8040)  # line 0 at 0x40, line 1 at 0x80
    nvic.write(0x100, 4, 3)
    nvic.pulse(0)
    nvic.activate(16)
    nvic.pulse(1)
    assert nvic.has_pending
    assert not nvic.waits_for_mask
    nvic.write(0x401, 1, 0x10)
    assert nvic.waits_for_mask
    del changes[:]
    nvic.write(0xD0C, 4, 0x05FA0700)  # one group of priorities: nothing preempts
    assert changes
    assert not nvic.waits_for_mask
    nvic.deactivate(16)
    assert nvic.waits_for_mask


def test_a_line_that_stays_high_pends_again() -> None:
    nvic = controller()
    nvic.write(0x100, 4, 1 << 5)
    nvic.set_line(5, True)
    nvic.activate(21)
    assert nvic.preempting(FREE) is None
    nvic.deactivate(21)
    assert nvic.preempting(FREE) == 21
    nvic.activate(21)
    nvic.set_line(5, False)
    nvic.deactivate(21)
    assert nvic.preempting(FREE) is None


def test_icsr_shows_and_sets_what_pends() -> None:
    nvic = controller()
    nvic.write(0xD04, 4, 1 << 28)
    nvic.write(0xD04, 4, 1 << 26)
    icsr = nvic.read(0xD04, 4)
    assert icsr is not None
    assert (icsr >> 12 & 0x1FF, icsr >> 28 & 1, icsr >> 26 & 1) == (PENDSV, 1, 1)
    nvic.write(0xD04, 4, 1 << 27 | 1 << 25)
    assert not nvic.has_pending
    nvic.activate(SYSTICK)
    assert nvic.read(0xD04, 4) == SYSTICK | 1 << 11


@pytest.mark.parametrize(("offset", "size", "value"), [(0x280, 4, 1 << 3), (0x280, 1, 1 << 3)])
def test_pending_is_set_and_cleared_by_ones(offset: int, size: int, value: int) -> None:
    nvic = controller()
    nvic.write(0x200, 4, 0b1100)
    nvic.write(offset, size, value)
    assert nvic.read(0x200, 4) == 0b0100


def test_systick_wraps_every_reload_plus_one_cycles() -> None:
    clock = Clock()
    wraps: list[int] = []
    timer = SysTick(clock.now, clock.events, lambda: wraps.append(clock.cycles))
    timer.write(0x14, 999)
    timer.write(0x18, 0)
    timer.write(0x10, 7)
    clock.wind(10_000)
    assert wraps[0] == 1000
    assert {later - earlier for earlier, later in pairwise(wraps)} == {1000}
    assert timer.read(0x10) == 7 | 1 << 16
    assert timer.read(0x10) == 7


def test_systick_counts_down_and_keeps_its_value_when_off() -> None:
    clock = Clock()
    timer = SysTick(clock.now, clock.events, lambda: None, reference_divider=8)
    timer.write(0x14, 100)
    timer.write(0x18, 0)
    timer.write(0x10, 5)
    clock.wind(11)
    assert timer.read(0x18) == 90
    timer.write(0x10, 4)
    clock.wind(50)
    assert timer.read(0x18) == 90
    timer.write(0x10, 1)  # the reference clock, eight cycles to one
    clock.wind(80)
    assert timer.read(0x18) == 80


def test_clint_raises_the_timer_interrupt_at_its_time() -> None:
    clock = Clock()
    interrupts = MachineInterrupts(lambda: None)
    clint = Clint(clock.now, clock.events, interrupts, divider=10)
    clint.write(0x4004, 4, 0)
    clint.write(0x4000, 4, 50)
    clock.wind(499)
    assert (clint.read(0xBFF8, 4), interrupts.first(1 << 7)) == (49, None)
    clock.wind(1)
    assert (clint.read(0xBFF8, 4), interrupts.first(1 << 7)) == (50, 7)
    clint.write(0x4000, 4, 60)
    assert interrupts.pending == 0
    clint.write(0, 4, 1)
    assert interrupts.first(1 << 3 | 1 << 7) == 3


def test_esp32c3_matrix_maps_sources_and_holds_back_below_the_threshold() -> None:
    matrix = InterruptMatrix(lambda: None)
    matrix.write(4 * 37, 4, 5)  # a source to interrupt 5 of the core
    matrix.write(4 * 38, 4, 6)
    matrix.write(0x104, 4, 1 << 5 | 1 << 6)
    matrix.write(0x114 + 4 * 5, 4, 2)
    matrix.write(0x114 + 4 * 6, 4, 3)
    matrix.set_line(37, True)
    matrix.set_line(38, True)
    assert matrix.first(0) == 6
    matrix.set_line(38, False)
    assert matrix.first(0) == 5
    matrix.write(0x194, 4, 3)
    assert matrix.first(0) is None
    matrix.write(0x194, 4, 1)
    assert matrix.read(0x110, 4) == 1 << 5


ENABLE, PENDING, FORCE, PRIORITY, NEXT, CONTEXT = range(0xBE0, 0xBE6)
WRITE, SET, CLEAR = 1, 2, 3
EXTERNAL, NONE_WAITS = 1 << 11, 1 << 31


def hazard3(*enabled: int) -> Hazard3Interrupts:
    interrupts = Hazard3Interrupts(lambda: None)
    for number in enabled:
        interrupts.access(ENABLE, SET, 1 << 16 + number % 16 | number // 16)
    return interrupts


def test_hazard3_arrays_show_a_window_at_a_time() -> None:
    interrupts = hazard3(3, 33)
    assert interrupts.access(ENABLE, SET, 0) == 1 << 16 + 3
    assert interrupts.access(ENABLE, SET, 2) == 1 << 16 + 1
    interrupts.set_line(33, level=True)
    assert interrupts.access(PENDING, SET, 2) == 1 << 16 + 1
    assert interrupts.pending == EXTERNAL
    interrupts.access(ENABLE, CLEAR, 1 << 16 + 1 | 2)
    assert interrupts.pending == 0
    assert interrupts.access(0x300, SET, 0) is None, "no CSR of this controller"


def test_hazard3_tells_the_highest_priority_first_and_nothing_twice_at_once() -> None:
    interrupts = hazard3(0, 1)
    interrupts.access(PRIORITY, SET, 5 << 16 + 4)  # number 1 at 5, number 0 at 0
    interrupts.set_line(0, level=True)
    interrupts.set_line(1, level=True)
    interrupts.taken(11)
    assert interrupts.pending == 0, "neither is more important than the one being served"
    assert interrupts.access(NEXT, SET, 1) == 1 << 2
    context = interrupts.access(CONTEXT, SET, 0)
    assert context is not None
    assert context >> 4 & 0x1FF == 1
    interrupts.set_line(1, level=False)
    assert interrupts.access(NEXT, SET, 1) == 0, "number 0 next, within the same handler"
    interrupts.set_line(0, level=False)
    assert interrupts.access(NEXT, SET, 1) == NONE_WAITS
    interrupts.returned()
    interrupts.set_line(0, level=True)
    assert interrupts.pending == EXTERNAL


def test_hazard3_forced_interrupts_end_when_they_are_told() -> None:
    interrupts = hazard3(2)
    interrupts.access(FORCE, SET, 1 << 16 + 2)
    interrupts.taken(11)
    assert interrupts.access(NEXT, SET, 1) == 2 << 2
    assert interrupts.access(NEXT, SET, 1) == NONE_WAITS


def test_a_more_important_interrupt_preempts_a_hazard3_handler() -> None:
    interrupts = hazard3(0, 1)
    interrupts.access(PRIORITY, WRITE, 9 << 16 + 4)
    interrupts.set_line(0, level=True)
    interrupts.taken(11)
    interrupts.access(NEXT, SET, 1)
    interrupts.set_line(1, level=True)
    assert interrupts.pending == EXTERNAL
    interrupts.taken(11)
    assert interrupts.access(NEXT, SET, 1) == 1 << 2
    interrupts.set_line(1, level=False)
    assert interrupts.access(NEXT, SET, 1) == NONE_WAITS, "number 0 is that of the handler below"
    interrupts.returned()
    assert interrupts.pending == 0


def test_the_timer_of_a_hazard3_is_no_external_interrupt() -> None:
    interrupts = hazard3(7)
    clint = Clint(lambda: 100, EventQueue(lambda _ticks: None), interrupts, 1)
    clint.write(0x4000, 4, 50)
    clint.write(0x4004, 4, 0)
    assert interrupts.pending == 1 << 7
    clint.write(0, 4, 1)
    assert interrupts.pending == 1 << 7 | 1 << 3
