"""Firmware for a chip that has no board: the answer, and the error where there is none, say what was guessed and why it may be wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from instsim.errors import RunError
from instsim.session.facade import estimate
from instsim.session.request import Request

_TIMES_SEVEN = bytes.fromhex("07214843fee77047")
"""``movs r1, #7; muls r0, r1``, then a branch to itself; a function that nobody calls."""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    path = tmp_path / "foreign.bin"
    text = b"../Drivers/stm32f1xx_hal.c\0startup_stm32f103xb.s\0"
    path.write_bytes(struct.pack("<16I", 0x2000_5000, 0x0800_0041, *[0x0800_0047] * 14) + _TIMES_SEVEN + text)
    return path


def test_the_answer_warns_that_the_chip_looks_like_another(foreign: Path) -> None:
    answer = estimate(foreign, Request(base=0x0800_0000, use_cache=False))
    assert answer.board.chosen_by == "guess"
    assert "the file names the STM32F103 (STM32F1 2 times)" in answer.board.doubts
    (warning,) = (text for text in answer.warnings if "looks like another" in text)
    assert answer.board.name in warning
    assert "as where a RAM of 20 KiB ends" in warning


def test_a_board_that_was_named_is_not_doubted(foreign: Path) -> None:
    answer = estimate(foreign, Request(base=0x0800_0000, board="nucleo-f446re", use_cache=False))
    assert answer.board.doubts == ()
    assert not any("looks like another" in text for text in answer.warnings)


def test_an_error_tells_the_guess_and_what_speaks_against_it(foreign: Path) -> None:
    with pytest.raises(RunError) as raised:
        estimate(foreign, Request(base=0x0800_0000, region="0x08000046", use_cache=False))
    guess = raised.value.details[-1]
    assert guess.startswith("the board was guessed: ")
    assert "STM32F103" in guess
