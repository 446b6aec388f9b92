"""An ESP32-C3's ROM reached by addresses alone, as firmware without symbols does, and the flash behind it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from instsim.errors import RunError
from instsim.session.facade import profile
from instsim.session.request import Request
from tests.emulate.bundled import entry, path_of

_BASE = 0x4038_0000
_SELF_LOOP = 0x0000006F
_ABS, _UART_TX_ONE_CHAR, _SBRK, _NOWHERE, _BLUETOOTH = 0x4000_0424, 0x4000_0068, 0x4000_0384, 0x4000_00C4, 0x4000_1000


def _call(address: int) -> tuple[int, int]:
    return address & 0xFFFFF000 | 5 << 7 | 0x37, (address & 0xFFF) << 20 | 5 << 15 | 1 << 7 | 0x67  # lui t0; jalr ra, t0


def _image(tmp_path: Path, *calls: int) -> Path:
    words = [0xFBF00513, *(word for address in calls for word in _call(address)), _SELF_LOOP]  # li a0, -65
    code = struct.pack(f"<{len(words)}I", *words)
    path = tmp_path / "firmware.bin"
    path.write_bytes(struct.pack("<4BI4xH10x", 0xE9, 1, 2, 0x2F, _BASE, 5) + struct.pack("<2I", _BASE, len(code)) + code)
    return path


def _profile(path: Path, *stubs: str) -> object:
    return profile(path, Request(board="esp32-c3", use_cache=False, stubs=stubs))


def test_functions_of_the_rom_are_found_at_their_addresses(tmp_path: Path) -> None:
    ran = profile(_image(tmp_path, _ABS, _UART_TX_ONE_CHAR), Request(board="esp32-c3", use_cache=False))
    assert ran.run.output == "A"
    assert any("abs" in warning and "uart_tx_one_char" in warning for warning in ran.run.warnings)


def test_a_function_without_a_stand_in_is_named_and_can_be_stubbed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="call of sbrk at 0x40000384"):
        _profile(_image(tmp_path, _SBRK))
    path = _image(tmp_path, _SBRK, _UART_TX_ONE_CHAR)
    ran = profile(path, Request(board="esp32-c3", use_cache=False, stubs=("sbrk=66",)))
    assert ran.run.output == "B"


def test_an_address_that_nothing_is_known_of_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="function of the chip's ROM at 0x400000c4, for which nothing stands in"):
        _profile(_image(tmp_path, _NOWHERE))


def test_a_function_of_the_radio_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="ROM at 0x40001000, one of the Bluetooth controller's: that hardware is not modelled") as refused:
        _profile(_image(tmp_path, _BLUETOOTH))
    assert "--entry" in refused.value.hint
    assert "extension" not in refused.value.hint


def test_firmware_reads_programs_and_maps_its_flash_by_the_rom() -> None:
    ran = profile(path_of("flash-esp32c3", "rv32imc"), Request(board="esp32-c3", use_cache=False))
    assert ran.run.output == entry("flash-esp32c3", "rv32imc")["expected_stdout"]
    # Two sectors erased and 308 bytes programmed, by the flash's typical times.
    assert ran.run.idle_cycles == pytest.approx((2 * 45e-3 + 308 / 256 * 0.4e-3) * 160e6, rel=1e-3)
