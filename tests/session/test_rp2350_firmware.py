"""An RP2350's boot ROM by its table, and the coprocessors of its Cortex-M33."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from instsim.emulate.double_coprocessor import DoubleCoprocessor
from instsim.resources import firmware_elf
from instsim.session.facade import profile
from instsim.session.request import Request

_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _ROOT = 1, 3, 5, 7, 9


@pytest.mark.parametrize(
    ("core", "board", "printed"),
    [("cortex-m33", "rpi-pico2", "4 words\n3145729 ordered, pins 06000000\n"), ("rv32imc", "rpi-pico2-riscv", "4 words\n")],
)
def test_firmware_finds_rom_functions_and_coprocessors(core: str, board: str, printed: str) -> None:
    ran = profile(firmware_elf() / f"elf/devices-rp2350-{core}.elf", Request(board=board, use_cache=False))
    assert ran.run.output == printed
    assert ran.run.stop_reason == "exit"
    assert any("get_sys_info" in warning for warning in ran.run.warnings)


def test_the_rom_boots_a_risc_v_image_at_the_entry_that_its_block_names(tmp_path: Path) -> None:
    to_rom = (0x000082B7, 0xDFC28067)  # lui t0, 0x8; jr -0x204(t0): the ROM's entry at 0x7DFC
    block = (0xFFFFDED3, 0x0344, 0x1000_0040, 0x2008_2000, 0x01FF)
    words = (*to_rom, *block, *[0] * 9, 0x0000006F)  # an endless loop at 0x10000040
    payload = struct.pack(f"<{len(words)}I", *words).ljust(256, b"\0")
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, 0x1000_0000, 256, 0, 1, 0xE48BFF5A)
    path = tmp_path / "firmware.uf2"
    path.write_bytes(head + payload.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30))
    ran = profile(path, Request(board="rpi-pico2-riscv", use_cache=False))
    assert ran.run.stop_reason == "deadlock"
    assert 0x1000_0040 in ran.addresses
    assert any("boot" in warning for warning in ran.run.warnings)


def _words(value: float) -> tuple[int, int]:
    low, high = struct.unpack("<2I", struct.pack("<d", value))
    return low, high


def _double(words: tuple[int, int] | None) -> float:
    assert words is not None
    return float(struct.unpack("<d", struct.pack("<2I", *words))[0])


def _of(x: float, y: float) -> DoubleCoprocessor:
    doubles = DoubleCoprocessor()
    assert doubles.put(1, 0, *_words(x))
    assert doubles.put(1, 1, *_words(y))
    return doubles


@pytest.mark.parametrize(("x", "y"), [(1.0, 3.0), (-2.5e300, 7e-300), (1e16, -1.0), (5e-324, 3.0)])
def test_double_results_are_those_of_ieee_arithmetic(x: float, y: float) -> None:
    doubles = _of(x, y)
    for operation, wanted in ((_ADD, x + y), (_SUBTRACT, x - y), (_MULTIPLY, x * y), (_DIVIDE, x / y)):
        assert _double(doubles.take_pair(operation, 0, peeks=False)) == wanted
    assert _double(_of(2.0, 0.0).take_pair(_ROOT, 0, peeks=False)) == 2.0**0.5
    assert _double(_of(-1.0, 0.0).take_pair(_DIVIDE, 0, peeks=False)) == float("-inf")


@pytest.mark.parametrize(("x", "y", "flags"), [(1, 2, 0x8), (2, 2, 0x6), (3, 2, 0x2), (float("nan"), 2, 0x3)])
def test_comparisons_set_the_flags_of_the_core(x: float, y: float, flags: int) -> None:
    assert _of(x, y).take(0, 1, peeks=False) == flags << 28


@pytest.mark.parametrize(
    ("value", "how", "unsigned", "wanted"),
    [(-2.7, 2, 0, -2), (-2.7, 3, 0, -3), (2.5, 3, 0, 2), (3e9, 2, 0, 0x7FFFFFFF), (3e9, 2, 1, 3_000_000_000), (-1.0, 2, 1, 0)],
)
def test_conversions_to_integers_truncate_round_and_saturate(value: float, how: int, unsigned: int, wanted: int) -> None:
    doubles = DoubleCoprocessor()
    assert doubles.put(8, 0, *_words(value))
    assert doubles.step(8, 0, how)
    assert doubles.take(3, unsigned, peeks=False) == wanted & 0xFFFFFFFF


def test_an_interrupted_operation_is_saved_and_restored() -> None:
    doubles = _of(1.5, 2.25)
    assert doubles.take(0, 1, peeks=True) == 1 << 31, "engaged"
    saved = [doubles.take_pair(0, source, peeks=True) for source in (8, 9, 10)]
    assert doubles.put(7, 0, 5, 5)
    assert _double(doubles.take_pair(_SUBTRACT, 0, peeks=False)) == 5.0
    assert doubles.take(0, 1, peeks=True) == 0, "no longer engaged"
    for target, words in enumerate(saved):
        assert words is not None
        assert doubles.put(0, target, *words)
    assert doubles.take(0, 1, peeks=True) == 1 << 31
    assert _double(doubles.take_pair(_ADD, 0, peeks=False)) == 3.75


def test_what_the_coprocessor_does_not_know_is_told() -> None:
    doubles = DoubleCoprocessor()
    assert not doubles.put(15, 0, 0, 0)
    assert not doubles.step(7, 0, 0)
    assert doubles.take(7, 0, peeks=False) is None
    assert doubles.take_pair(2, 0, peeks=False) is None
