"""Firmware whose serial port works by direct memory access, on boards with each kind of controller."""

from __future__ import annotations

from pathlib import Path

import pytest

from instsim.errors import RunError
from instsim.session.facade import profile
from instsim.session.request import Request
from tests.emulate.bundled import path_of

BOARDS = [
    ("g0", "cortex-m0plus", "nucleo-g0b1re"),
    ("l4", "cortex-m4", "nucleo-l4r5zi"),
    ("f4", "cortex-m4", "nucleo-f446re"),
    ("h7", "cortex-m7", "nucleo-h743zi"),
    ("h7", "cortex-m7", "nucleo-h7a3zi-q"),
    ("u5", "cortex-m33", "nucleo-u575zi-q"),
]
SCRIPT = """
[[step]]
expect = "m-ready\\r\\n"
send = "{line}"

[[step]]
expect = "{line}"
timeout_ms = 100
"""


def request_for(board: str, folder: Path, line: str) -> Request:
    path = folder / "dialogue.toml"
    path.write_text(SCRIPT.format(line=line).replace("\r\n", "\\r\\n"))
    return Request(board=board, serial=str(path), memory="ideal", expect=("two laps, two messages, one error",))


@pytest.mark.parametrize(("family", "core", "board"), BOARDS)
def test_a_ring_is_received_and_messages_are_sent_with_interrupts(family: str, core: str, board: str, tmp_path: Path) -> None:
    ran = profile(path_of(f"dma-stm32-{family}", core), request_for(board, tmp_path, "abcdefghijklmnop"))
    assert "m-ready\r\nabcdefghijklmnop" in ran.run.output
    assert not ran.run.polled


def test_a_ring_that_the_host_does_not_fill_leaves_the_firmware_asleep(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"step 2: 'abcdef' did not come within 100 ms"):
        profile(path_of("dma-stm32-l4", "cortex-m4"), request_for("nucleo-l4r5zi", tmp_path, "abcdef"))
