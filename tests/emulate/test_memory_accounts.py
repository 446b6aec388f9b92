"""Rows are charged with differences; what a row begins with is projected apart from its samples."""

from __future__ import annotations

import numpy as np

from instsim.dynamics.memory_layout import ProgramWord, SiteWord, Tally, UseWord
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access, MemorySystem, Path
from instsim.emulate.memory_accounts import MemoryAccounts
from instsim.emulate.sampled_programs import SampledPrograms

SYSTEM = MemorySystem("m", (), (Path("flash", Access.READ, ((0x1000, 0x2000),), miss_cycles=2.0),))
NO_PAIRS = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def _count(state: SystemState, site: int, stall: int) -> None:
    state.sites[site, SiteWord.STALL] += stall
    state.tallies[0, [Tally.ACCESSES, Tally.STALL]] += 1, stall


def test_a_row_is_charged_with_what_was_counted_while_it_was_in_force() -> None:
    state, accounts = SystemState(SYSTEM, 8), MemoryAccounts(None)
    for row, stall in ((None, 1), (0, 10), (1, 100), (0, 1000), (None, 10_000)):
        accounts.charge(row, [state], 4)
        _count(state, 2, stall)
    account = accounts.account(0, 2, 4, NO_PAIRS)
    assert account.sites.tolist() == [2]
    assert account.counts[SiteWord.STALL].tolist() == [[1010], [100]]
    assert account.tallies[:, 0, Tally.ACCESSES].tolist() == [2, 1]


def test_sites_that_are_found_later_are_charged_from_then_on() -> None:
    state, accounts = SystemState(SYSTEM, 8), MemoryAccounts(None)
    accounts.charge(0, [state], 1)
    _count(state, 0, 5)
    accounts.charge(1, [state], 3)
    _count(state, 2, 7)
    accounts.charge(0, [state], 3)
    _count(state, 2, 1)
    accounts.charge(None, [state], 3)
    account = accounts.account(0, 2, 3, NO_PAIRS)
    assert account.counts[SiteWord.STALL].tolist() == [[5, 1], [0, 7]]


def test_everything_since_reset_can_be_charged_to_one_row() -> None:
    state, accounts = SystemState(SYSTEM, 8), MemoryAccounts(None)
    _count(state, 1, 3)
    accounts.charge(None, [state], 4)
    _count(state, 1, 4)
    accounts.charge_everything(0, [state], 4)
    assert accounts.account(0, 1, 4, NO_PAIRS).counts[SiteWord.STALL].tolist() == [[7]]


def test_what_a_row_begins_with_does_not_speak_for_the_rest() -> None:
    """A block that stalls 5 in each of its first 10 executions, which are all counted, and 1 in the 90 behind them, of which 9 are counted."""
    program = np.zeros(ProgramWord.WORDS + UseWord.WORDS, np.int64)
    counted = program[ProgramWord.WORDS + UseWord.COUNTED :]
    executions = np.zeros(1, np.int64)
    sampled = SampledPrograms(lambda slots: executions[slots])
    sampled.add([program.ctypes.data], [0])
    state, accounts = SystemState(SYSTEM, 8), MemoryAccounts(sampled)
    accounts.charge(0, [state], 4)
    executions[0], counted[0] = 10, 10
    _count(state, 3, 50)
    accounts.go_on([state], 4)
    executions[0], counted[0] = 100, 19
    _count(state, 3, 9)
    accounts.charge(None, [state], 4)
    account = accounts.account(0, 1, 4, (np.array([program.ctypes.data]), np.array([3])))
    assert account.counts[SiteWord.STALL].tolist() == [[50 + 90]]
