"""Firmware that talks on a USB serial port, with a host at the other end and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from instsim.errors import RunError
from instsim.profile.file import profile_bytes
from instsim.session.facade import profile
from instsim.session.request import Request
from tests.emulate.bundled import path_of

CHIPS = [("rp2040", "cortex-m0plus", "rpi-pico"), ("rp2350", "cortex-m33", "rpi-pico2"), ("nrf52840", "cortex-m4", "nano-33-ble")]
GREETING = "a USB serial port, open; what comes is sent back in capitals, until a full stop\r\n"
SCRIPT = """
port = "usb"

[[step]]
expect = "stop\\r\\n$"
send = "hello"

[[step]]
expect = "HELLO"
send = "{line}"

[[step]]
expect = "TWO"
send = "."
"""
LINE = "there is more to say than a packet of sixty-four bytes has room for, so it comes in two"


def talk(folder: Path, chip: str, core: str, board: str) -> Request:
    path = folder / f"{chip}-{core}.toml"
    path.write_text(SCRIPT.format(line=LINE))
    return Request(board=board, serial=str(path), region="all", memory="ideal", expect=("4 packets, 1 refused",))


@pytest.mark.parametrize(("chip", "core", "board"), CHIPS)
def test_a_greeting_comes_and_what_is_said_comes_back(chip: str, core: str, board: str, tmp_path: Path) -> None:
    request = talk(tmp_path, chip, core, board)
    ran = profile(path_of(f"usb-{chip}", core), request)
    assert ran.run.output == f"4 packets, 1 refused\n{GREETING}HELLO{LINE.upper()}"
    assert not [warning for warning in ran.run.warnings if "USB" in warning]
    assert profile_bytes(profile(path_of(f"usb-{chip}", core), request)) == profile_bytes(ran)


def test_a_region_that_waits_until_all_is_sent_takes_the_time_of_the_wire() -> None:
    ran = profile(path_of("usb-rp2040", "cortex-m0plus"), Request(board="rpi-pico", region="greet", memory="ideal"))
    assert ran.run.output == GREETING
    # Two packets of 64 and 17 bytes take 71 us, in some of which the interrupt handler runs.
    assert 50e-6 < ran.run.idle_cycles / 125e6 < 71e-6


@pytest.mark.parametrize(("chip", "core", "board"), CHIPS)
def test_without_a_host_it_waits_for_one(chip: str, core: str, board: str) -> None:
    image = path_of(f"usb-{chip}", core)
    ran = profile(image, Request(board=board, region="all", memory="ideal", unplugged=True))
    assert ran.run.output == ""
    assert ran.run.stop_reason == "waiting" if chip == "nrf52840" else "deadlock", "for power, or for its host"
    assert not ran.run.polled
    with pytest.raises(RunError, match="never comes"):
        profile(image, Request(board=board, region="greet", memory="ideal", unplugged=True))


def test_a_host_that_nobody_tells_anything_does_not_keep_the_run_going() -> None:
    ran = profile(path_of("usb-rp2040", "cortex-m0plus"), Request(board="rpi-pico", region="all", memory="ideal"))
    assert ran.run.output == GREETING
    assert ran.run.stop_reason == "deadlock"
    assert 0.16 < ran.run.idle_cycles / 125e6 < 0.2


def test_a_script_for_a_port_that_never_opens_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dialogue.toml"
    path.write_text('port = "usb"\n[[step]]\nsend = "x"\ntimeout_ms = 300\n')
    with pytest.raises(RunError, match=r"the firmware did not take 1 of 1 bytes within 300 ms"):
        profile(path_of("usb-rp2040", "cortex-m0plus"), Request(board="rpi-pico", serial=str(path), memory="ideal", unplugged=True))
