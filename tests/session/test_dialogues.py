"""Firmware with a host on its serial wire, stubs, direct entry, and memory written and read around the region."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from instsim.cost import load_board, load_core
from instsim.emulate.machine import Machine, StopReason
from instsim.emulate.missing_code import MissingCode
from instsim.emulate.serial import SerialHost, SerialScript, SerialStep
from instsim.emulate.spec import MachineSpec
from instsim.errors import ImageError, InputError, RunError, UsageError
from instsim.image.firmware import Segment
from instsim.session.eembc import Benchmark, eembc_script, random_input
from instsim.session.facade import estimate, profile
from instsim.session.machines import machine_spec
from instsim.session.request import Request
from instsim.session.surroundings import find_serial
from instsim.session.svd import register_resets
from tests.emulate.bundled import chip, image_of, path_of

STM32 = [
    ("g0", "cortex-m0plus", "nucleo-g0b1re"),
    ("l4", "cortex-m4", "nucleo-l4r5zi"),
    ("f4", "cortex-m4", "nucleo-f446re"),
    ("h7", "cortex-m7", "nucleo-h743zi"),
    ("u3", "cortex-m33", "nucleo-u385rg-q"),
    ("u5", "cortex-m33", "nucleo-u575zi-q"),
]
SCRIPT = """
[[step]]
expect = "m-ready"
send = "hello%"

[[step]]
expect = "sum \\\\d+"
"""


def wanted_sum() -> str:
    value = 1
    for _ in range(1000):
        value = (value * 1664525 + 1013904223) % 2**32
    return rf"bytes 5 sum {sum(b'hello')} value {value} timed"


def script(folder: Path, text: str = SCRIPT) -> str:
    path = folder / "dialogue.toml"
    path.write_text(text)
    return str(path)


def image(family: str, core: str) -> Path:
    return path_of(f"devices-stm32-{family}", core)


@pytest.mark.parametrize(("family", "core", "board"), STM32)
def test_firmware_of_every_family_waits_for_its_clock_and_talks(family: str, core: str, board: str, tmp_path: Path) -> None:
    request = Request(board=board, serial=script(tmp_path), expect=(wanted_sum(),), region="work")
    ran = profile(image(family, core), request)
    assert ran.run.region_rule == "symbol"
    assert "m-ready" in ran.run.output
    assert not ran.run.polled


def test_marks_of_the_dialogue_are_the_region(tmp_path: Path) -> None:
    marked = """
    port = "usart2"
    [[step]]
    expect = "m-ready\\r\\n"
    send_hex = "41 42"
    [[step]]
    send = "%"
    [[step]]
    expect = "bytes"
    region = "start"
    [[step]]
    expect = "timed"
    region = "stop"
    """
    found = estimate(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", serial=script(tmp_path, marked)))
    whole = estimate(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", serial=script(tmp_path, marked), region="all"))
    assert found.run.region_rule == "serial"
    assert 0 < found.cycles < whole.cycles / 2
    assert "bytes 2 sum 131" in found.run.output
    again = estimate(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", serial=script(tmp_path, marked)))
    assert again.cycles == found.cycles


def test_a_text_that_never_comes_is_an_error_that_says_what_came(tmp_path: Path) -> None:
    text = '[[step]]\nexpect = "login:"\ntimeout_ms = 5\n'
    with pytest.raises(RunError) as caught:
        profile(image("f4", "cortex-m4"), Request(board="nucleo-f446re", serial=script(tmp_path, text)))
    assert "'login:' did not come within 5 ms" in str(caught.value)
    assert any("usart2 sent 'm-ready\\r\\n'" in line for line in caught.value.details)


def test_another_output_than_expected_gives_no_estimate(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not hold 'sum 42'") as caught:
        estimate(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", serial=script(tmp_path), expect=("m-ready", "sum 42"), region="work"))
    assert any("sum 532" in line for line in caught.value.details)


def test_all_errors_of_a_script_at_once(tmp_path: Path) -> None:
    text = 'port = "usart22"\n[[step]]\nexpect = "("\n[[step]]\n[[step]]\nsend = "a"\nsend_hex = "1"\n[[step]]\nexpect = "x"\nregion = "stop"\n'
    with pytest.raises(UsageError) as caught:
        profile(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", serial=script(tmp_path, text)))
    assert len(caught.value.details) == 5
    assert "did you mean usart2" in " ".join(caught.value.details)
    with pytest.raises(UsageError, match="expct: unknown key; did you mean expect"):
        profile(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", serial=script(tmp_path, '[[step]]\nexpct = "a"\n')))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"serial": "eembcc"}, "no serial dialogue named 'eembcc'"),
        ({"serial": "eembc"}, "which benchmark this is does not show"),
        ({"input_file": "x"}, "--input goes with --model or --serial eembc"),
        ({"expect": ("(",)}, "not a regular expression"),
        ({"stubs": ("work=many",)}, "'many' is not a whole number"),
        ({"stubs": ("wrok=1",)}, "has no such symbol"),
        ({"pokes": ("0x20000000",)}, "not PLACE=FILE"),
        ({"peeks": ("0x20000000=x",)}, "how many bytes"),
        ({"peeks": ("0x70000000:4=x",)}, "do not lie in the memory"),
        ({"peeks": ("wrok:4=x",)}, "has no such symbol"),
        ({"peeks": ("0x20000000:4=.",)}, "'.' is a folder"),
        ({"peeks": ("0x20000000:4=missing/x",)}, "in a folder that there is not"),
    ],
)
def test_options_that_make_no_sense(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        profile(image("l4", "cortex-m4"), replace(Request(board="nucleo-l4r5zi"), **change))  # type: ignore[arg-type]


def test_a_function_runs_without_any_boot_and_stubs_return_values(tmp_path: Path) -> None:
    ran = profile(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", entry="work"))
    assert ran.run.region == "call 1 of work"
    assert ran.run.total_instructions < 10_000
    text = SCRIPT.replace("sum", "value 77 not")
    with pytest.raises(RunError, match="did not come"):
        profile(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", serial=script(tmp_path, text), region="all"))
    stubbed = profile(image("l4", "cortex-m4"), Request(board="nucleo-l4r5zi", serial=script(tmp_path), stubs=("work=77",), region="all"))
    assert "value 77 not timed" in stubbed.run.output
    assert any("returned a value" in warning for warning in stubbed.run.warnings)


def test_memory_is_written_before_the_region_and_read_behind_it(tmp_path: Path) -> None:
    sample = path_of("rom-functions", "cortex-m0plus")
    given, taken = tmp_path / "given.bin", tmp_path / "taken.bin"
    given.write_bytes(b"ABCDEFGH")
    request = Request(
        board="generic-cortex-m0plus", region="rom_memcpy", pokes=(f"source={given}",), peeks=(f"target:10={taken}", f"source:8={taken}2")
    )
    profile(sample, request)
    assert taken.read_bytes() == b"ABCDEFGH89"
    assert Path(f"{taken}2").read_bytes() == b"ABCDEFGH"
    given.write_bytes(bytes(33))
    with pytest.raises(UsageError, match="33 bytes, source 32"):
        profile(sample, request)


def described(board: str, core: str) -> MachineSpec:
    """A chip with a board's devices and the memory map of the bundled images."""
    found = load_board(board)
    full = machine_spec(found, load_core(found.core), found.clock_hz)
    if core == "rv32imc":
        return full
    plain = chip(core)
    windows = (*plain.device_windows, (0xD0000000, 0x1000))
    return replace(plain, devices=full.devices, atomic_windows=full.atomic_windows, device_windows=windows, clock_hz=full.clock_hz)


@pytest.mark.parametrize(
    ("name", "core", "board", "steps"),
    [
        ("devices-rp2040", "cortex-m0plus", "rpi-pico", (SerialStep("ready\n", b"A"), SerialStep("B"))),
        ("devices-nrf52840", "cortex-m4", "nano-33-ble", (SerialStep("ready\n", b"ABCD"), SerialStep("ABCD"))),
        ("devices-esp32c3", "rv32imc", "esp32-c3", (SerialStep("", b"A"), SerialStep("B"))),
    ],
)
def test_firmware_of_other_chips_finds_its_devices(name: str, core: str, board: str, steps: tuple[SerialStep, ...]) -> None:
    machine = Machine(image_of(name, core), described(board, core))
    missing = MissingCode(machine, {"rtc_get_reset_reason": 1} if core == "rv32imc" else {})
    host = SerialHost(SerialScript("test", steps), machine.devices.around, lambda _mark: None, lambda: None)
    assert machine.run(20_000_000).reason is StopReason.EXIT
    expected = {
        "devices-rp2040": "quotient 991 remainder 84\n",
        "devices-nrf52840": "random\n",
        "devices-esp32c3": "reset 1, abcabcdefghij, 00013, order <, 51d\ndelay right, same 0\n",
    }[name]
    assert machine.semihosting.text == expected
    assert host.is_done
    assert not machine.devices.polled
    if core == "rv32imc":
        assert set(missing.used()) == {"ets_delay_us", "ets_printf", "memcmp", "memmove", "strcmp", "strlen", "strncpy"}
    else:
        assert [edge.level for edge in machine.devices.around.edges.edges] == [True, False]


ECHO = """
[[step]]
expect = "ready\\n"
send = "ABCD"

[[step]]
expect = "ABCD"
"""


@pytest.mark.parametrize(
    ("name", "core", "board", "printed"),
    [
        ("devices-nrf5340", "cortex-m33", "nrf5340dk", "random"),
        ("devices-nrf5340-network", "cortex-m33", "nrf5340dk-network", "random"),
        ("devices-psoc6", "cortex-m4", "cy8ckit-062s2-43012", "locks timed"),
        ("devices-psoc6", "cortex-m0plus", "cy8ckit-062s2-43012-cm0plus", "locks timed"),
    ],
)
def test_firmware_linked_for_other_chips_runs_on_their_boards(name: str, core: str, board: str, printed: str, tmp_path: Path) -> None:
    """PSoC 6's echoes each byte while the host still sends: that is text since the step before, too."""
    ran = profile(path_of(name, core), Request(board=board, serial=script(tmp_path, ECHO), expect=(printed,)))
    assert "ready\nABCD" in ran.run.output
    assert not ran.run.polled


@pytest.mark.parametrize(("stubs", "reason"), [((), 1), (("rtc_get_reset_reason=14",), 14)])
def test_a_function_of_the_rom_is_a_stand_in_or_a_stub(tmp_path: Path, stubs: tuple[str, ...], reason: int) -> None:
    path = path_of("devices-esp32c3", "rv32imc")
    ran = profile(path, Request(board="esp32-c3", serial=script(tmp_path, '[[step]]\nsend = "A"\n'), stubs=stubs))
    assert f"reset {reason}," in ran.run.output
    assert any("strlen" in warning and "assumed" in warning for warning in ran.run.warnings)


def test_an_empty_input_of_the_built_in_dialogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    request = Request(board="nucleo-l4r5zi", serial="eembc", input_file=str(tmp_path / "empty.bin"))
    with pytest.raises(UsageError, match="the file of --input is empty"):
        profile(path_of("kws", "cortex-m4"), request)


def test_an_input_of_another_size_than_the_benchmarks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "few.bin").write_bytes(b"abc")
    named = replace(image_of("kws", "cortex-m4"), segments=(Segment(0x0800_0000, 0x0800_0000, b"m-model-[ad01]", 14),))
    request = Request(board="nucleo-l4r5zi", serial="eembc", input_file=str(tmp_path / "few.bin"))
    with pytest.raises(UsageError, match=r"3 bytes, an input of this benchmark \(ad\) has 2,560"):
        find_serial(named, request, load_board("nucleo-l4r5zi"))
    (tmp_path / "few.bin").write_bytes(random_input(Benchmark.ANOMALY))
    assert find_serial(named, request, load_board("nucleo-l4r5zi")) == eembc_script(random_input(Benchmark.ANOMALY))


def test_the_built_in_dialogue_loads_the_whole_input() -> None:
    data = random_input(Benchmark.ANOMALY)
    assert len(data) == 2560
    assert all(-10.0 <= value <= 10.0 for value in struct.unpack("<640f", data))
    sent = b"".join(step.send for step in eembc_script(data).steps)
    commands = [part for part in sent.decode().split("%") if part.startswith("db ") and "load" not in part]
    assert bytes.fromhex("".join(command[3:] for command in commands)) == data
    assert b"db load 2560%" in sent
    assert b"infer 1 0%" in sent


SVD = """<device><resetValue>0</resetValue><peripherals>
<peripheral><name>A</name><baseAddress>0x40000000</baseAddress><registers>
<register><name>R%s</name><dim>2</dim><dimIncrement>4</dimIncrement><addressOffset>0x10</addressOffset><resetValue>0x55</resetValue></register>
<cluster><name>C</name><addressOffset>0x20</addressOffset><register><name>X</name><addressOffset>2</addressOffset><resetValue>#11</resetValue></register>
</cluster></registers></peripheral>
<peripheral derivedFrom="A"><name>B</name><baseAddress>0x40001000</baseAddress></peripheral></peripherals></device>"""


def test_reset_values_of_an_svd_file(tmp_path: Path) -> None:
    path = tmp_path / "chip.svd"
    path.write_text(SVD)
    values = register_resets(path)
    assert values == {base + offset: value for base in (0x40000000, 0x40001000) for offset, value in ((0x10, 0x55), (0x14, 0x55), (0x20, 3 << 16))}
    for text in ("<device/>", "no xml", '<!DOCTYPE a [<!ENTITY b "c">]><device/>'):
        path.write_text(text)
        with pytest.raises(InputError):
            register_resets(path)
    with pytest.raises(InputError):
        register_resets(tmp_path / "absent.svd")


def test_a_raw_binary_goes_where_the_named_board_starts(tmp_path: Path) -> None:
    path = tmp_path / "unknown.bin"
    path.write_bytes(bytes(64))
    with pytest.raises(ImageError):
        profile(path, Request(board="nucleo-l4r5zi"))
