"""An ESP32-C3's flash by its command interface, the table that maps it, and the registers by which firmware interrupts itself."""

from __future__ import annotations

import pytest

from instsim.emulate.devices.device import Device
from instsim.emulate.serial_flash import SerialFlash, erase_s
from instsim.image import ExternalFlash
from tests.emulate.device_bench import Bench

_COMMAND, _ADDRESS, _USER, _USER2, _SENT_BITS, _READ_BITS, _READ_STATUS, _BUFFER = 0x00, 0x04, 0x18, 0x20, 0x24, 0x28, 0x2C, 0x58
_ENABLE, _READ_ID, _RDSR, _PROGRAM, _ERASE_SECTOR = 1 << 30, 1 << 28, 1 << 27, 1 << 25, 1 << 24
_INVALID = 0x100


def ask(flash: Device, command: int, address: int = 0, count: int = 4) -> bytes:
    """Send a command and return what it answers."""
    words = {_USER: 1 << 28, _USER2: 7 << 28 | command, _ADDRESS: address, _READ_BITS: 8 * count - 1, _COMMAND: 1 << 18}
    for offset, value in words.items():
        flash.write(offset, value)
    assert flash.read(_COMMAND) == 0, "no command is under way"
    return b"".join((flash.read(_BUFFER + place) or 0).to_bytes(4, "little") for place in range(0, count, 4))[:count]


def send(flash: Device, command: int, address: int, data: bytes = b"") -> None:
    """Send a command with an address, and bytes to program."""
    for place in range(0, len(data), 4):
        flash.write(_BUFFER + place, int.from_bytes(data[place : place + 4], "little"))
    words = {_USER: 1 << 27 if data else 0, _USER2: 7 << 28 | command, _ADDRESS: address, _SENT_BITS: 8 * len(data) - 1, _COMMAND: 1 << 18}
    for offset, value in words.items():
        flash.write(offset, value & 0xFFFFFFFF)


@pytest.mark.parametrize("command", [0x03, 0x0B, 0x3B, 0x6B, 0xBB, 0xEB])
def test_all_reads_give_what_the_flash_holds(command: int) -> None:
    bench = Bench()
    bench.around.external_flash = lambda: ExternalFlash(bytes(range(64)), 1 << 22)
    flash = bench.add("esp32c3-flash")
    assert ask(flash, command, 3, 5) == bytes(range(3, 8))
    assert ask(flash, command, 60, 8) == bytes((60, 61, 62, 63)) + b"\xff" * 4


@pytest.mark.parametrize(("size_bytes", "power"), [(1 << 22, 22), (1 << 24, 24)])
def test_the_identity_tells_the_size(size_bytes: int, power: int) -> None:
    bench = Bench()
    bench.around.external_flash = lambda: ExternalFlash(b"", size_bytes)
    flash = bench.add("esp32c3-flash")
    assert ask(flash, 0x9F, count=3) == bytes((0xEF, 0x40, power))
    flash.write(_COMMAND, _READ_ID)
    assert flash.read(_BUFFER) == 0x40EF | power << 16


def test_programming_clears_bits_of_one_page_and_ends_the_permission() -> None:
    flash = Bench().add("esp32c3-flash")
    send(flash, 0x06, 0)
    assert ask(flash, 0x05, count=1) == b"\x02"
    send(flash, 0x02, 0x1FE, b"\x0f\xf0\x3c\xff")
    assert ask(flash, 0x05, count=1) == b"\x00"
    assert ask(flash, 0x03, 0x1FE, 4) == b"\x0f\xf0\xff\xff"
    assert ask(flash, 0x03, 0x100, 4) == b"\x3c\xff\xff\xff", "behind a page's end comes its beginning"
    send(flash, 0x02, 0x1FE, b"\xfc")
    assert ask(flash, 0x03, 0x1FE, 1) == b"\x0c"


def test_the_controllers_own_commands_do_the_same() -> None:
    bench = Bench()
    passed: list[int] = []
    bench.around.pass_time = passed.append
    flash = bench.add("esp32c3-flash")
    flash.write(_COMMAND, _ENABLE)
    flash.write(_COMMAND, _RDSR)
    assert flash.read(_READ_STATUS) == 2
    flash.write(_BUFFER, 0x11223344)
    flash.write(_ADDRESS, 2 << 24 | 0x1000)
    flash.write(_COMMAND, _PROGRAM)
    assert ask(flash, 0x03, 0x1000, 4) == b"\x44\x33\xff\xff"
    flash.write(_ADDRESS, 0x1234)
    flash.write(_COMMAND, _ERASE_SECTOR)
    assert ask(flash, 0x03, 0x1000, 4) == b"\xff" * 4
    assert passed == [round(2 / 256 * 0.4e-3 * 64e6), round(45e-3 * 64e6)]


@pytest.mark.parametrize(("command", "erased"), [(0x20, 0x1000), (0x52, 0x8000), (0xD8, 0x1_0000), (0xC7, 1 << 22)])
def test_erasures_take_what_they_say_and_no_more(command: int, erased: int) -> None:
    bench = Bench()
    bench.around.external_flash = lambda: ExternalFlash(bytes(1 << 22), 1 << 22)
    flash = bench.add("esp32c3-flash")
    send(flash, command, 0x2_0123 % (1 << 22))
    held = flash.flash.read(0, 1 << 22)  # type: ignore[attr-defined]
    assert held.count(b"\xff") == erased
    assert held[0x2_0000:0x2_0001] == b"\xff"


def test_times_grow_with_what_is_erased() -> None:
    times = [erase_s(count) for count in (0x1000, 0x2000, 0x8000, 0x1_0000, 0x4_0000)]
    assert times == sorted(times)
    assert times[-1] == 4 * times[-2]


def test_offsets_beyond_the_chip_mean_their_low_bits() -> None:
    flash = SerialFlash(b"\x01\x02", 0x1000)
    assert flash.read(0x0FFF, 3) == b"\xff\x01\x02"
    assert flash.read(0x1001, 1) == b"\x02"


def _mapped(contents: bytes, *mapped: tuple[int, int, int]) -> tuple[Device, Device, dict[int, bytes]]:
    bench, shown = Bench(), dict[int, bytes]()
    bench.around.external_flash = lambda: ExternalFlash(contents, 1 << 22, mapped)
    bench.around.show_memory = shown.__setitem__
    return bench.add("esp32c3-flash", "flash"), bench.add("esp32c3-mmu", "mapping"), shown


def test_what_a_boot_loader_has_mapped_is_in_the_table_and_seen() -> None:
    contents = b"".join(bytes([page]) * 0x1_0000 for page in range(4))
    _, mapping, shown = _mapped(contents, (0x3C02_0020, 0x1_0020, 0x1_0000))
    assert [mapping.read(4 * entry) for entry in range(5)] == [_INVALID, _INVALID, 1, 2, _INVALID]
    assert shown.keys() == {0x3C02_0000, 0x3C03_0000, 0x4202_0000, 0x4203_0000}
    assert shown[0x4203_0000] == bytes([2]) * 0x1_0000


def test_an_entry_shows_its_page_in_both_windows_and_follows_the_flash() -> None:
    flash, mapping, shown = _mapped(bytes(0x1_0000))
    assert not shown
    mapping.write(4 * 127, _INVALID | 3)
    assert not shown, "no entry"
    mapping.write(4 * 127, 3)
    assert shown.keys() == {0x3C7F_0000, 0x427F_0000}
    shown.clear()
    send(flash, 0x02, 0x3_0000, b"\x5a")
    assert [data[:2] for data in shown.values()] == [b"\x5a\xff"] * 2
    shown.clear()
    send(flash, 0x02, 0x4_0000, b"\x5a")
    assert not shown, "another page of the flash"


def test_firmware_interrupts_itself_by_four_registers() -> None:
    bench = Bench()
    system = bench.add("esp32c3-system", irqs=(50, 51, 52, 53))
    system.write(0x2C, 1)
    assert (bench.high(50), bench.high(51)) == (False, True)
    system.write(0x2C, 0)
    assert not bench.high(51)
