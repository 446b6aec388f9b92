"""An image that the ESP32-C3's ROM runs by itself waits for the flash as the ROM has set it up; another one as a boot loader does."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from instsim.session.facade import estimate
from instsim.session.request import Request

MAGIC, C_NOP, SELF_LOOP = 0xAEDB041D, 0x0001, 0xA001
LINES = 40
BASE = 0x4200_0000
SLOW_READ_CLOCKS = 8 + 24 + 8 * 32 + 2
"""Command, address, a line by one wire, chip select."""
DIO_CLOCKS = 8 + 12 + 4 + 4 * 32 + 2
"""Command by one wire, address and data by two, dummy clocks, chip select."""


def flash(first: int) -> bytes:
    """Two words, then a run through some lines of the cache."""
    return (struct.pack("<2I", first, first) + struct.pack("<H", C_NOP) * (16 * LINES - 5) + struct.pack("<H", SELF_LOOP)).ljust(32 * LINES, b"\0")


def stall_of_a_miss(path: Path, clock_hz: float) -> tuple[float, int, str]:
    answer = estimate(path, Request(board="esp32-c3", clock_hz=clock_hz, region="all", use_cache=False))
    assert answer.memory is not None
    misses = sum(row.misses for row in answer.memory.paths)
    return answer.memory.stall_cycles / misses, misses, " ".join(answer.warnings)


@pytest.mark.parametrize("clock_hz", [80e6, 160e6])
def test_misses_take_one_slow_line_at_a_quarter_of_the_controllers_clock(tmp_path: Path, clock_hz: float) -> None:
    path = tmp_path / "direct.bin"
    path.write_bytes(flash(MAGIC))
    stall, misses, warnings = stall_of_a_miss(path, clock_hz)
    assert stall == pytest.approx(SLOW_READ_CLOCKS / 20e6 * clock_hz)
    assert misses == LINES
    assert "direct boot" in warnings
    assert "one line at 20 MHz" in warnings


def test_an_application_that_a_boot_loader_started_reads_by_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "application.bin"
    code = flash(C_NOP << 16 | C_NOP)
    path.write_bytes(struct.pack("<4BI4xH10x", 0xE9, 1, 2, 0x2F, BASE, 5) + struct.pack("<2I", BASE, len(code)) + code)
    stall, misses, warnings = stall_of_a_miss(path, 160e6)
    assert stall == pytest.approx(DIO_CLOCKS / 80e6 * 160e6)
    assert misses == LINES
    assert "direct boot" not in warnings
