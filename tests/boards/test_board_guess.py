"""Which board an image is taken to be for, on images made by hand."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.cost.boards import list_boards, load_board
from instsim.errors import UsageError
from instsim.image.firmware import FirmwareImage, Segment
from instsim.isa.instruction import Isa
from instsim.session.board_fit import arm_architecture, fit_problems, fitting_boards, floating_point_unit, riscv_extensions, writable_ranges
from instsim.session.guess import guess_board

BOARDS = list_boards()

M0 = {"Tag_CPU_arch": "v6S-M", "Tag_CPU_arch_profile": "Microcontroller"}
M3 = {"Tag_CPU_arch": "v7", "Tag_CPU_arch_profile": "Microcontroller"}
M4 = {"Tag_CPU_arch": "v7E-M", "Tag_FP_arch": "FPv4-SP-D16"}
M7_SP = {"Tag_CPU_arch": "v7E-M", "Tag_FP_arch": "FPv5-SP-D16"}
M7_DP = {"Tag_CPU_arch": "v7E-M", "Tag_FP_arch": "FPv5-D16"}
M33_PLAIN = {"Tag_CPU_arch": "v8-M.mainline"}
M33 = {"Tag_CPU_arch": "v8-M.mainline", "Tag_FP_arch": "FPv5-SP-D16"}


def arm(
    flash: int, stack: int, attributes=None, *, text: bytes = b"", ram: int = 0x2000_0000, ram_size: int = 0x1000, name: str = "a.elf"
) -> FirmwareImage:
    code = struct.pack("<II", stack, (flash + 0x101) & 0xFFFF_FFFF) + bytes(0x200) + b"\0" + text + b"\0"
    segments = (Segment(flash, flash, code, len(code)), Segment(ram, ram, b"", ram_size, executable=False, writable=True))
    return FirmwareImage(
        name=name,
        format="elf" if attributes else "bin",
        sha256="0" * 64,
        isa=Isa.THUMB,
        segments=tuple(sorted(segments, key=lambda segment: segment.address)),
        vector_table=flash,
        attributes=attributes or {},
    )


def riscv(code: int, data: int, arch: str = "rv32i2p1_m2p0_c2p0_zicsr2p0_zmmul1p0", *, text: bytes = b"") -> FirmwareImage:
    contents = bytes(0x100) + b"\0" + text + b"\0"
    segments = (Segment(code, code, contents, len(contents)), Segment(data, data, b"", 0x1000, executable=False, writable=True))
    return FirmwareImage(
        name="a.elf",
        format="elf",
        sha256="0" * 64,
        isa=Isa.RV32,
        segments=tuple(sorted(segments, key=lambda segment: segment.address)),
        entry=code,
        attributes={"Tag_RISCV_arch": arch},
    )


IMAGES = {
    "nucleo-l4r5zi": arm(0x0800_0000, 0x200A_0000, M4),
    "nucleo-u575zi-q": arm(0x0800_0000, 0x200C_0000, M33),
    "nucleo-g0b1re": arm(0x0800_0000, 0x2002_4000, M0),
    "disco-f746ng": arm(0x0800_0000, 0x2005_0000, M7_SP),
    "nucleo-h7a3zi-q": arm(0x0800_0000, 0x2410_0000, M7_DP),
    "nucleo-f446re": arm(0x0800_0000, 0x2002_0000, M4),
    "nucleo-h743zi": arm(0x0800_0000, 0x2408_0000, M7_DP, text=b"STM32H743"),
    "nucleo-g474re": arm(0x0800_0000, 0x2002_0000, M4, text=b"stm32g474xx.h"),
    "nucleo-l432kc": arm(0x0800_0000, 0x2001_0000, M4, text=b"STM32L432KCUX_FLASH.ld"),
    "nrf52dk": arm(0x0000_0000, 0x2001_0000, M4, text=b"nrf52dk_nrf52832"),
    "nano-33-ble": arm(0x0001_0000, 0x2004_0000, M4),
    "nucleo-u385rg-q": arm(0x0800_0000, 0x2004_0000, M33, text=b"STM32U385"),
    "nrf5340dk": arm(0x0000_0000, 0x2008_0000, M33, text=b"nrf5340dk"),
    "nrf5340dk-network": arm(0x0100_0000, 0x2101_0000, M33_PLAIN, ram=0x2100_0000),
    "cy8ckit-062s2-43012": arm(0x1000_2000, 0x0810_0000, M4, ram=0x0800_0000),
    "cy8ckit-062s2-43012-cm0plus": arm(0x1000_0000, 0x0800_2000, M0, ram=0x0800_0000),
    "esp32-c3": riscv(0x4200_0020, 0x3FC9_0000),
    "rpi-pico": arm(0x1000_0100, 0x2004_2000, M0),
    "rpi-pico2": arm(0x1000_0000, 0x2008_2000, M33),
    "rpi-pico2-riscv": riscv(0x1000_0000, 0x2000_0000, "rv32i2p1_m2p0_a2p1_c2p0_zicsr2p0_zifencei2p0_zba1p0_zbb1p0_zbs1p0_zbkb1p0"),
    "generic-cortex-m0plus": arm(0x0000_0000, 0x1FFF_F000, M0, ram=0x1FFF_E000),
    "generic-cortex-m3": arm(0x0000_0000, 0x2001_0000, M3),
    "generic-cortex-m4": arm(0x0000_0000, 0x2040_0000, M4),
    "generic-cortex-m7": arm(0x6000_2000, 0x2002_0000, M7_DP),
    "generic-cortex-m33": arm(0x0000_0000, 0x3800_4000, M33, ram=0x3800_0000),
    "generic-rv32": riscv(0x8000_0000, 0x8001_0000),
    "generic-rv32-litex": riscv(0x4000_0000, 0x4010_0000),
}


def test_every_board_has_an_image_here() -> None:
    assert set(IMAGES) == {board.name for board in BOARDS}


@pytest.mark.parametrize("name", IMAGES)
def test_image_is_taken_for_its_board(name) -> None:
    choice = guess_board(IMAGES[name], BOARDS)
    assert choice.name == name
    assert choice.chosen_by == "guess"
    assert choice.title == load_board(name).title
    assert choice.reasons
    assert name not in choice.candidates


@pytest.mark.parametrize("name", IMAGES)
def test_guess_does_not_depend_on_the_order_of_the_boards(name) -> None:
    assert guess_board(IMAGES[name], BOARDS) == guess_board(IMAGES[name], tuple(reversed(BOARDS)))


@pytest.mark.parametrize("name", IMAGES)
def test_candidates_fit(name) -> None:
    fitting = fitting_boards(IMAGES[name], BOARDS)
    choice = guess_board(IMAGES[name], BOARDS)
    assert {choice.name, *choice.candidates} <= set(fitting)
    assert fit_problems(IMAGES[name], load_board(name)) == ()


def test_text_in_the_image_outweighs_the_stack_pointer() -> None:
    image = arm(0x0800_0000, 0x2002_0000, M4, text=b"Zephyr on nucleo_l4r5zi@1")
    choice = guess_board(image, BOARDS)
    assert choice.name == "nucleo-l4r5zi"
    assert any("'NUCLEO_L4R5ZI'" in reason for reason in choice.reasons)
    assert "nucleo-f446re" in choice.candidates


def test_text_does_not_help_a_board_that_does_not_fit() -> None:
    image = arm(0x0800_0000, 0x200A_0000, M4, text=b"NUCLEO_F446RE")
    assert guess_board(image, BOARDS).name == "nucleo-l4r5zi"


def test_file_name_counts_less_than_text() -> None:
    image = arm(0x0800_0000, 0x2001_0000, M4, text=b"STM32L4R5", name="kws_nucleo-f446re.elf")
    assert guess_board(image, BOARDS).name == "nucleo-l4r5zi"
    assert guess_board(replace(image, segments=arm(0x0800_0000, 0x2001_0000).segments), BOARDS).name == "nucleo-f446re"


def test_uf2_family_counts_most() -> None:
    image = arm(0x1000_0000, 0x2004_0000, text=b"RP2350")
    family = {"UF2_family": "RP2040"}
    assert guess_board(replace(image, format="uf2", attributes=family), BOARDS).name == "rpi-pico"
    assert guess_board(image, BOARDS).name == "rpi-pico2"


def test_register_addresses_in_the_code_decide_where_the_stack_does_not() -> None:
    plain = arm(0x0800_0000, 0x2000_4810)
    pool = struct.pack("<II", 0x4002_1000, 0x4800_0000)
    image = replace(plain, segments=(replace(plain.segments[0], data=plain.segments[0].data[:0x100] + pool, memory_size=0x108), plain.segments[1]))
    choice = guess_board(image, BOARDS)
    assert choice.name == "nucleo-l4r5zi"
    assert any("0x40021000, 0x48000000" in reason for reason in choice.reasons)
    shifted = replace(image.segments[0], data=plain.segments[0].data[:0x102] + pool, memory_size=0x10A)
    assert not any("0x40021000" in reason for reason in guess_board(replace(image, segments=(shifted, plain.segments[1])), BOARDS).reasons)


def test_binary_that_only_generic_boards_fit_is_taken_for_the_usual_core() -> None:
    assert guess_board(arm(0x0800_0000, 0x2300_0000), BOARDS).name == "generic-cortex-m4"


def test_m7_image_is_not_taken_for_an_m4_board() -> None:
    choice = guess_board(arm(0x0800_0000, 0x2002_0000, M7_SP), BOARDS)
    assert load_board(choice.name).core == "cortex-m7"
    assert "nucleo-f446re" not in choice.candidates


def test_unknown_instruction_set_is_judged_by_the_vector_table() -> None:
    image = replace(arm(0x0800_0000, 0x2002_4000), isa=None)
    assert guess_board(image, BOARDS).name == "nucleo-g0b1re"
    blank = FirmwareImage(name="a.hex", format="hex", sha256="", isa=None, segments=(Segment(0, 0, b"\0" * 16, 16),))
    assert guess_board(blank, BOARDS).reasons[0] == "the file does not say for which instruction set it is"


def test_image_that_fits_nothing_gets_the_generic_board_and_the_reasons() -> None:
    image = arm(0xB000_0000, 0xB800_0000, M4, ram=0xB700_0000)
    choice = guess_board(image, BOARDS)
    assert choice.name == "generic-cortex-m4"
    assert any("lies in no memory of the board" in reason for reason in choice.reasons)
    assert choice.candidates == ()


def test_helium_image_falls_back_to_the_nearest_core_and_says_so() -> None:
    choice = guess_board(arm(0x0, 0x2000_8000, {"Tag_CPU_arch": "v8.1-M.mainline"}), BOARDS)
    assert choice.name == "generic-cortex-m33"
    assert any("does not execute" in reason for reason in choice.reasons)


@given(
    isa=st.sampled_from([None, Isa.THUMB, Isa.RV32]),
    places=st.lists(st.tuples(st.integers(0, 0xFFFF_FFFF), st.binary(max_size=64), st.integers(0, 1 << 32)), max_size=4),
    vector_table=st.none() | st.integers(0, 0xFFFF_FFFF),
    attributes=st.dictionaries(st.sampled_from(["Tag_CPU_arch", "Tag_FP_arch", "Tag_RISCV_arch", "UF2_family"]), st.text(max_size=20)),
)
def test_whatever_the_image_is_there_is_an_answer(isa, places, vector_table, attributes) -> None:
    segments = tuple(Segment(address, address, data, max(len(data), size)) for address, data, size in sorted(places, key=lambda place: place[0]))
    image = FirmwareImage("x", "bin", "", isa, segments, vector_table=vector_table, attributes=attributes)
    choice = guess_board(image, BOARDS)
    board = load_board(choice.name)
    assert choice.name not in choice.candidates
    assert (choice.name in fitting_boards(image, BOARDS)) == (not fit_problems(image, board))
    assert isa is None or board.is_riscv == (isa is Isa.RV32)


def test_no_boards_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        guess_board(IMAGES["rpi-pico"], ())


def test_problem_names_segment_and_region() -> None:
    image = arm(0x0800_0000, 0x2002_0000, M4, ram_size=0x2_1000)
    (problem,) = fit_problems(image, load_board("nucleo-f446re"))
    assert "segment 1 (run address 0x20000000 .. 0x20021000, 135,168 bytes)" in problem
    assert "runs past the end of sram1 (0x20000000 .. 0x2001c000)" in problem


def test_segment_may_span_neighbouring_memories() -> None:
    assert fit_problems(arm(0x0800_0000, 0x2002_0000, M4, ram_size=0x2_0000), load_board("nucleo-f446re")) == ()
    assert fit_problems(arm(0x0800_0000, 0x200A_0000, M4, ram_size=0xA_0000), load_board("nucleo-l4r5zi")) == ()


@pytest.mark.parametrize(
    ("image", "board", "expected"),
    [
        (IMAGES["esp32-c3"], "nucleo-f446re", "the image is RISC-V code"),
        (IMAGES["nucleo-f446re"], "esp32-c3", "the image is Arm Thumb code"),
        (IMAGES["nucleo-f446re"], "nucleo-g0b1re", "built for Armv7E-M"),
        (arm(0x0800_0000, 0x2002_0000, M7_DP), "disco-f746ng", "FPv5-D16 floating point"),
        (arm(0x0800_0000, 0x2002_0000, M4), "generic-cortex-m3", "no floating-point unit"),
        (arm(0x0800_0000, 0x2003_0000, M4), "nucleo-f446re", "stack pointer 0x20030000"),
        (riscv(0x4200_0020, 0x3FC9_0000, "rv32i2p1_m2p0_a2p1_c2p0_f2p2"), "esp32-c3", "lacks a, f, zaamo, zalrsc"),
    ],
)
def test_problems_say_what_does_not_fit(image, board, expected) -> None:
    problems = fit_problems(image, load_board(board))
    assert any(expected in problem for problem in problems), problems


def test_reset_vector_must_point_to_executable_memory() -> None:
    image = arm(0x0800_0000, 0x2002_0000, M4)
    code = struct.pack("<II", 0x2002_0000, 0x4000_0001) + bytes(64)
    image = replace(image, segments=(Segment(0x0800_0000, 0x0800_0000, code, len(code)), image.segments[1]))
    assert any("reset vector 0x40000001" in problem for problem in fit_problems(image, load_board("nucleo-f446re")))


def test_code_copied_to_ram_is_checked_at_both_addresses() -> None:
    segment = Segment(0x0801_0000, 0x0000_0000, bytes(0x2000), 0x2000)
    image = arm(0x0800_0000, 0x2005_0000, M7_SP)
    fast = replace(image, segments=(image.segments[0], segment, image.segments[1]))
    assert fit_problems(fast, load_board("disco-f746ng")) == ()
    too_big = replace(segment, data=bytes(0x8000), memory_size=0x8000)
    problems = fit_problems(replace(fast, segments=(image.segments[0], too_big, image.segments[1])), load_board("disco-f746ng"))
    assert any("run address 0x00000000" in problem and "past the end of itcm" in problem for problem in problems)


def test_attributes_are_read_as_the_compilers_write_them() -> None:
    assert arm_architecture(arm(0, 0, M3)) == "v7-M"
    assert [floating_point_unit(arm(0, 0, attributes)) for attributes in (M0, M4, M7_SP, M7_DP)] == [None, "fpv4-sp", "fpv5-sp", "fpv5-dp"]
    assert riscv_extensions("rv32i2p1_m2p0_c2p0_zicsr2p0_zmmul1p0") == {"i", "m", "c", "zicsr", "zmmul", "zca"}
    assert riscv_extensions("rv32imac") == {"i", "m", "a", "c", "zmmul", "zaamo", "zalrsc", "zca"}
    assert riscv_extensions("rv32imc2p0") == {"i", "m", "c", "zmmul", "zca"}
    assert riscv_extensions("rv32e1p9_xespv") == {"e", "i", "xespv"}


def test_real_boards_come_before_generic_ones_where_an_image_fits() -> None:
    names = fitting_boards(IMAGES["nucleo-f446re"], BOARDS)
    generic = [name.startswith("generic-") for name in names]
    assert generic == sorted(generic)
    assert "nucleo-f446re" in names


def test_writable_ranges_join_neighbours() -> None:
    assert (0x2000_0000, 0x200A_0000) in writable_ranges(load_board("nucleo-l4r5zi"))
    assert (0x2000_0000, 0x2005_0000) in writable_ranges(load_board("disco-f746ng"))


def with_vectors(image: FirmwareImage, interrupts: int) -> FirmwareImage:
    """The image with a vector table of so many interrupts, all of them handled by its first instruction."""
    first = image.segments[0]
    handler = struct.pack("<I", first.address + 0x101)
    table = first.data[:8] + handler * (14 + interrupts)
    code = table + b"\xff" * 4 + first.data[len(table) + 4 :] + bytes(0x200)
    return replace(image, segments=(replace(first, data=code, memory_size=len(code)), *image.segments[1:]))


def test_names_in_the_whole_file_point_at_the_chip_and_not_only_texts_of_the_image() -> None:
    image = replace(arm(0x0800_0000, 0x2000_4810, M4), contents=b"\x7fELF..stm32g4xx_hal.c\0stm32g474xx.h\0stm32h7_notes\0")
    choice = guess_board(image, BOARDS)
    assert choice.name == "nucleo-g474re"
    assert "the file names the STM32G474" in choice.reasons
    assert choice.doubts == ()


def test_a_sister_of_a_boards_chip_gets_that_board_with_doubts() -> None:
    image = arm(0x0800_0000, 0x2001_8000, M4, text=b"stm32l475xx.h stm32l4xx_hal.c stm32l4xx_it.c")
    choice = guess_board(with_vectors(image, 82), BOARDS)
    assert choice.name == "nucleo-l4r5zi"
    assert any("family STM32L4" in reason for reason in choice.reasons)
    assert choice.doubts == (
        "the file names the STM32L475 (STM32L4 3 times)",
        "the vector table has 82 interrupts, the STM32L4R5ZI has 95",
        "the stack starts at 0x20018000, as where a RAM of 96 KiB ends; that of the STM32L4R5ZI has 640 KiB",
    )


def test_the_number_of_interrupts_tells_chips_apart_that_nothing_else_does() -> None:
    image = arm(0x0000_0000, 0x2000_4810, M4)
    assert guess_board(with_vectors(image, 39), BOARDS).name == "nrf52dk"
    assert guess_board(with_vectors(image, 48), BOARDS).name == "nano-33-ble"
    assert guess_board(with_vectors(image, 39), BOARDS).doubts == ()


def test_a_short_vector_table_and_a_stack_inside_the_ram_cast_no_doubt() -> None:
    """Firmware with a handful of handlers of its own, or an RTOS that boots on a stack among its variables, says nothing of its chip."""
    choice = guess_board(with_vectors(arm(0x0800_0000, 0x2000_4810, M4), 20), BOARDS)
    assert choice.doubts == ()


def test_one_mention_of_another_chip_alone_casts_no_doubt() -> None:
    image = arm(0x0800_0000, 0x200A_0000, M4, text=b"no answer from the nRF52832 module")
    assert guess_board(image, BOARDS).name == "nucleo-l4r5zi"
    assert guess_board(image, BOARDS).doubts == ()


def test_nothing_speaks_against_a_generic_board() -> None:
    image = arm(0x0000_0000, 0x2001_0000, M3, text=b"stm32f103xb.h stm32f1xx_hal.c")
    choice = guess_board(with_vectors(image, 60), BOARDS)
    assert choice.name == "generic-cortex-m3"
    assert choice.doubts == ()
