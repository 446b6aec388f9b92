"""Firmware that only sleeps and wakes up for its tick: the run ends, and says so."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.emulate.serial import SerialScript
from instsim.errors import RunError, SwapError
from instsim.image import load_image
from instsim.resources import firmware_elf
from instsim.session.facade import profile
from instsim.session.request import Request
from tests.emulate.bundled import chip

_TICK_HANDLER = 0x0800_004F
_CODE = bytes.fromhex("0348044941600721016030bffde7704710e000e07f4f120070470000")
"""SysTick set to 10 ms at 120 MHz, then ``wfi`` in a loop; a handler that returns, and a function that nobody calls."""


@pytest.fixture
def resting(tmp_path: Path) -> Path:
    path = tmp_path / "resting.bin"
    path.write_bytes(struct.pack("<16I", 0x2000_1000, 0x0800_0041, *[0] * 13, _TICK_HANDLER) + _CODE)
    return path


def test_a_run_ends_when_nothing_new_has_happened_for_ten_seconds(resting: Path) -> None:
    ran = profile(resting, Request(board="nucleo-l4r5zi", base=0x0800_0000, use_cache=False))
    assert ran.run.stop_reason == "idle"
    ticks = sum(use.entries for use in ran.run.exceptions)
    assert 1000 <= ticks <= 1200, "ten seconds at 100 Hz, counted from the first one without news"
    assert 10 <= ran.run.idle_cycles / 120e6 <= 12


def test_a_region_that_a_resting_firmware_never_reaches_is_refused_with_the_reason(resting: Path) -> None:
    request = Request(board="nucleo-l4r5zi", base=0x0800_0000, use_cache=False, region="0x08000058")
    with pytest.raises(RunError, match="for 10 s of its time it has slept") as raised:
        profile(resting, request)
    assert "--serial" in (raised.value.hint or "")


def test_a_runner_that_waits_is_refused_as_soon(resting: Path) -> None:
    request = Request(board="nucleo-l4r5zi", base=0x0800_0000, use_cache=False, model=str(firmware_elf() / "models" / "small.tflite"))
    with pytest.raises(SwapError, match="it waits: for 10 s of its time it has slept"):
        profile(resting, request)


def test_a_single_sleep_of_many_seconds_counts_as_well(tmp_path: Path) -> None:
    """The tick's clock is 8 times slower and its interval the longest: 1.1 s; budget ends in the first sleeps of a chip at 1 MHz."""
    path = tmp_path / "sleeping.bin"
    slow = _CODE.replace((1_199_999).to_bytes(4, "little"), (0xFFFFFF).to_bytes(4, "little"))
    path.write_bytes(struct.pack("<16I", 0x2000_1000, 0x0800_0041, *[0] * 13, _TICK_HANDLER) + slow)
    ran = profile(path, Request(board="nucleo-l4r5zi", base=0x0800_0000, clock_hz=1e6, use_cache=False))
    assert ran.run.stop_reason == "idle"
    assert sum(use.entries for use in ran.run.exceptions) <= 1, "one interval is 16.8 s"


def test_firmware_rests_once_the_host_on_its_wire_has_nothing_left_to_say(resting: Path) -> None:
    options = RunOptions(RegionRequest(RegionRule.WHOLE_RUN), budget_cycles=10**10, serial=SerialScript("nothing", ()))
    assert profile_image(load_image(resting, base=0x0800_0000), chip("cortex-m4"), options).run.stop_reason == "idle"


def test_firmware_that_a_host_still_waits_for_does_not_rest(resting: Path) -> None:
    script = resting.with_suffix(".toml")
    script.write_text('[[step]]\nexpect = "ready"\ntimeout_ms = 15000\n')
    with pytest.raises(RunError, match="did not come within 15000 ms"):
        profile(resting, Request(board="nucleo-l4r5zi", base=0x0800_0000, use_cache=False, serial=str(script)))
