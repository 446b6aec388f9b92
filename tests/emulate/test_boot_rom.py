"""What stands in for an RP2040's boot ROM: found by its tables, right to the last bit where IEEE arithmetic says so."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
import unicorn
from unicorn import arm_const

from instsim.emulate.boot_rom import BootRom
from instsim.emulate.memory import Memory
from instsim.emulate.spec import MemoryKind, MemorySpec
from instsim.image import FirmwareImage, Segment
from instsim.isa import Isa

_RAM, _DIVIDER, _RETURN = 0x2000_0000, 0xD000_0000, 0x3FF0
_PLACES = {"add": 0, "sub": 1, "mul": 2, "div": 3, "cmp": 4, "sqrt": 6, "to int": 7, "to uint": 9, "of int": 11, "of uint": 13}
_PLACES |= {"cos": 15, "sin": 16, "tan": 17, "exp": 19, "ln": 20, "atan2": 22, "of int64": 23, "to other": 31}
_EXACT = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}


class Rom:
    """The ROM on a bare Cortex-M0, with the chip's divider."""

    def __init__(self) -> None:
        specs = (MemorySpec("rom", MemoryKind.FLASH, 0, 0x4000, (), "rp2040-rom"), MemorySpec("ram", MemoryKind.RAM, _RAM, 0x1000))
        self.memory = Memory(specs)
        self.stand_in = BootRom(self.memory, FirmwareImage("none", "bin", "", Isa.THUMB, ()))
        self.rom = self.memory.read(0, 0x4000) or b""
        uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M0)
        uc.mem_map(0, 0x4000)
        uc.mem_map(_RAM, 0x1000)
        uc.mem_write(0, self.rom)
        self._operands = {0x60: 0, 0x64: 1}
        uc.mmio_map(_DIVIDER, 0x1000, self._read, None, self._write, None)
        self.uc = uc

    def _read(self, _uc: Any, offset: int, _size: int, _data: Any) -> int:
        return {0x70: self._operands[0x60] // self._operands[0x64], 0x74: self._operands[0x60] % self._operands[0x64]}[offset]

    def _write(self, _uc: Any, offset: int, _size: int, value: int, _data: Any) -> None:
        self._operands[offset] = value

    def call(self, address: int, *arguments: int) -> list[int]:
        """Call a function with words; return r0 to r3."""
        registers = [arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1, arm_const.UC_ARM_REG_R2, arm_const.UC_ARM_REG_R3]
        for register, value in zip(registers, arguments, strict=False):
            self.uc.reg_write(register, value)
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, _RAM + 0x1000)
        self.uc.reg_write(arm_const.UC_ARM_REG_LR, _RETURN | 1)
        self.uc.emu_start(address | 1, _RETURN, count=100_000)
        assert self.uc.reg_read(arm_const.UC_ARM_REG_PC) == _RETURN
        return [self.uc.reg_read(register) for register in registers]

    def lookup(self, table: int, letters: str) -> int:
        """Find a function or a table as firmware does."""
        start, function = struct.unpack_from("<H", self.rom, table)[0], struct.unpack_from("<H", self.rom, 0x18)[0]
        return self.call(function, start, int.from_bytes(letters.encode(), "little"))[0]

    def function(self, letters: str) -> int:
        return self.lookup(0x14, letters)

    def floating(self, name: str, *, double: bool) -> int:
        table = self.lookup(0x16, "SD" if double else "SF")
        return int(struct.unpack_from("<32I", self.rom, table)[_PLACES[name]])

    def single(self, name: str, *arguments: float) -> float:
        words = [int(np.float32(value).view(np.uint32)) for value in arguments]
        return float(np.uint32(self.call(self.floating(name, double=False), *words)[0]).view(np.float32))

    def double(self, name: str, *arguments: float) -> float:
        words = [word for value in arguments for word in struct.unpack("<2I", struct.pack("<d", value))]
        return float(struct.unpack("<d", struct.pack("<2I", *self.call(self.floating(name, double=True), *words)[:2]))[0])


@pytest.fixture(scope="module")
def rom() -> Rom:
    return Rom()


def _numbers(seed: int, count: int, exponents: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    generator = np.random.default_rng(seed)
    return generator.choice((-1.0, 1.0), count) * generator.uniform(1, 2, count) * 2.0 ** generator.integers(-exponents, exponents, count)


def _pairs(single: bool) -> list[tuple[float, float]]:
    left, right = _numbers(1, 150, 30), _numbers(2, 150, 30)
    # Near neighbours, where subtraction loses most, and exact halves, where rounding goes to even.
    right[::5] = left[::5] * (1 + np.arange(30) * 2.0**-21)
    right[1::5] = np.round(left[1::5] * 8) / 8 + 0.5
    kind = np.float32 if single else np.float64
    return [(float(kind(a)), float(kind(b))) for a, b in zip(left, right, strict=True)]


def test_the_well_known_words_are_where_firmware_looks_for_them(rom: Rom) -> None:
    assert rom.rom[0x10:0x14] == b"Mu\x01\x03"
    assert rom.function("UB") == 0  # no such function: the lookup says so


@pytest.mark.parametrize(
    ("letters", "wanted"),
    [
        ("P3", lambda x: x.bit_count()),
        ("R3", lambda x: int(f"{x:032b}"[::-1], 2)),
        ("L3", lambda x: 32 - x.bit_length()),
        ("T3", lambda x: (x & -x).bit_length() - 1 if x else 32),
    ],
)
def test_bit_functions(rom: Rom, letters: str, wanted: Any) -> None:
    address = rom.function(letters)
    values = [0, 1, 0xFFFFFFFF, 0x80000000, *(1 << i for i in range(32)), *np.random.default_rng(3).integers(0, 1 << 32, 50).tolist()]
    assert [rom.call(address, value)[0] for value in values] == [wanted(value) for value in values]


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("source", range(4))
def test_copies_and_fills_of_every_alignment(rom: Rom, start: int, source: int) -> None:
    data = bytes(range(1, 101))
    for size in (*range(20), 31, 32, 33, 64, 71):
        rom.uc.mem_write(_RAM, data + bytes(100))
        to = _RAM + 104 + start
        assert rom.call(rom.function("MC"), to, _RAM + source, size)[0] == to
        assert bytes(rom.uc.mem_read(_RAM + 100, 100)) == bytes(4 + start) + data[source : source + size] + bytes(96 - start - size)
        assert rom.call(rom.function("MS"), to, 0x1AB, size)[0] == to
        assert bytes(rom.uc.mem_read(_RAM + 100, 100)) == bytes(4 + start) + b"\xab" * size + bytes(96 - start - size)


@pytest.mark.parametrize("name", list(_EXACT))
def test_single_precision_is_exact(rom: Rom, name: str) -> None:
    operation = _EXACT[name]
    for left, right in _pairs(single=True):
        assert rom.single(name, left, right) == float(operation(np.float32(left), np.float32(right))), (left, right)


@pytest.mark.parametrize("name", list(_EXACT))
def test_double_precision_is_exact(rom: Rom, name: str) -> None:
    operation = _EXACT[name]
    for left, right in _pairs(single=False):
        assert rom.double(name, left, right) == float(operation(left, right)), (left, right)


def test_edges_of_the_range(rom: Rom) -> None:
    assert rom.single("add", 1.5, 0.0) == 1.5
    assert rom.single("sub", 1.5, 1.5) == 0
    assert rom.single("mul", 1e30, -1e30) == -math.inf
    assert rom.single("mul", 1e-30, 1e-30) == 0
    assert rom.single("div", 1.0, 0.0) == math.inf
    assert rom.double("div", -1.0, 0.0) == -math.inf
    assert rom.double("mul", 1e-200, 1e-200) == 0
    assert rom.single("sqrt", -1.0) == -math.inf
    assert rom.double("add", 1e300, 1e-300) == 1e300


def test_square_roots(rom: Rom) -> None:
    for value, _ in _pairs(single=True):
        assert rom.single("sqrt", abs(value)) == float(np.sqrt(np.float32(abs(value))))
        assert rom.double("sqrt", abs(value)) == pytest.approx(math.sqrt(abs(value)), rel=3e-16)


@pytest.mark.parametrize(("name", "wanted"), [("sin", math.sin), ("cos", math.cos), ("exp", math.exp)])
def test_curves(rom: Rom, name: str, wanted: Any) -> None:
    for value in np.linspace(-20, 20, 101).tolist():
        exact = wanted(float(np.float32(value)))
        slack = abs(exact) * 1e-6 if name == "exp" else 1e-6
        assert rom.single(name, value) == pytest.approx(exact, abs=slack)
        assert rom.double(name, value) == pytest.approx(wanted(value), rel=1e-13, abs=1e-14)


def test_logarithms_tangents_and_angles(rom: Rom) -> None:
    for left, right in _pairs(single=True)[:60]:
        assert rom.single("ln", abs(left)) == pytest.approx(math.log(abs(left)), rel=1e-6, abs=1e-7)
        assert rom.double("ln", abs(left)) == pytest.approx(math.log(abs(left)), rel=1e-13)
        assert rom.single("atan2", left, right) == pytest.approx(math.atan2(left, right), rel=1e-5, abs=1e-7)
        assert rom.double("atan2", left, right) == pytest.approx(math.atan2(left, right), rel=1e-13)
        angle = math.atan(right)
        assert rom.double("tan", angle) == pytest.approx(math.tan(angle), rel=1e-11)


def test_conversions(rom: Rom) -> None:
    to_int, to_word = rom.floating("to int", double=False), rom.floating("to uint", double=False)
    for value, _ in _pairs(single=True):
        bits = int(np.float32(value).view(np.uint32))
        floor = math.floor(value)
        assert rom.call(to_int, bits)[0] == max(min(floor, (1 << 31) - 1), -(1 << 31)) & 0xFFFFFFFF
        assert rom.call(to_word, bits)[0] == max(min(floor, (1 << 32) - 1), 0)
        assert struct.unpack("<d", struct.pack("<2I", *rom.call(rom.floating("to other", double=False), bits)[:2]))[0] == value
    for number in (0, 1, -1, 16777217, -16777219, (1 << 31) - 1, -(1 << 31)):
        word = number & 0xFFFFFFFF
        assert np.uint32(rom.call(rom.floating("of int", double=False), word)[0]).view(np.float32) == np.float32(number)
        assert np.uint32(rom.call(rom.floating("of uint", double=False), word)[0]).view(np.float32) == np.float32(word)
        long = number * 987654321 & ((1 << 64) - 1)
        found = rom.call(rom.floating("of int64", double=False), long & 0xFFFFFFFF, long >> 32)[0]
        assert np.uint32(found).view(np.float32) == np.float32(np.int64(number * 987654321))


def test_a_rom_that_the_image_brings_along_stays(rom: Rom) -> None:
    memory = Memory(tuple(bank.spec for bank in rom.memory.banks))
    image = FirmwareImage("own", "bin", "", Isa.THUMB, (Segment(0, 0, b"\1\2\3\4", 4),))
    memory.load(image, "test")
    assert BootRom(memory, image).named_image is image
    assert memory.read(0x10, 4) == b"\xff\xff\xff\xff"


def test_functions_that_ran_are_named(rom: Rom) -> None:
    address = rom.function("MC") & ~1
    assert rom.stand_in.used(frozenset({address, 0x1234})) == ("memcpy",)
    assert next(symbol.name for symbol in rom.stand_in.named_image.symbols if symbol.address == address) == "rom_memcpy"
