"""Chips that firmware names, and how many interrupts its vector table has."""

from __future__ import annotations

import struct

import pytest

from instsim.image.chip_names import ChipName, chip_in_text, named_chip
from instsim.image.firmware import FirmwareImage, Segment
from instsim.image.vector_table import count_interrupts
from instsim.isa import Isa


def image(data: bytes, contents: bytes = b"", isa: Isa = Isa.THUMB) -> FirmwareImage:
    return FirmwareImage("a.elf", "elf", "0" * 64, isa, (Segment(0, 0, data, len(data)),), contents=contents)


@pytest.mark.parametrize(
    ("text", "family", "part"),
    [
        ("STM32L4R5ZI", "STM32L4", "STM32L4R5"),
        ("stm32l4xx_hal_rcc.c", "STM32L4", ""),
        ("STM32WB55", "STM32WB5", ""),
        ("stm32u575xx.h", "STM32U5", "STM32U575"),
        ("STM32H7A3ZI-Q", "STM32H7", "STM32H7A3"),
        ("nRF52840", "nRF52", "nRF52840"),
        ("nrf52_errata_16", "nRF52", ""),
        ("nRF9160", "nRF91", "nRF9160"),
        ("ESP32-C3", "ESP32-C3", ""),
        ("esp32c6_rom", "ESP32-C6", ""),
        ("samd21g18a", "SAMD2", "SAMD21"),
        ("MIMXRT1062", "MIMXRT10", "MIMXRT1062"),
    ],
)
def test_names_are_told_apart_into_family_and_part(text: str, family: str, part: str) -> None:
    assert chip_in_text(text) == ChipName(family, part)


@pytest.mark.parametrize("text", ["stm32cube", "RP2040", "samples", "nrf_drv_clock", "generic"])
def test_what_is_no_chip_is_not_taken_for_one(text: str) -> None:
    assert chip_in_text(text) is None


def test_the_family_named_most_often_wins_and_its_part_named_most_often() -> None:
    text = b"stm32h7 stm32h743 STM32G4xx stm32g4xx stm32g474xx stm32g474 stm32g431"
    assert named_chip(image(text)) == ChipName("STM32G4", "STM32G474", 5)


def test_the_whole_file_is_searched_where_the_image_has_it() -> None:
    assert named_chip(image(b"nRF52832", contents=b"nrf52840 nrf52840")) == ChipName("nRF52", "nRF52840", 2)


def test_chips_of_another_instruction_set_are_neighbours() -> None:
    text = b"esp32c3 esp32c3 esp32c3 stm32f407"
    assert named_chip(image(text)) == ChipName("STM32F4", "STM32F407", 1)
    assert named_chip(image(text, isa=Isa.RV32)) == ChipName("ESP32-C3", "", 3)


def test_interrupts_are_counted_up_to_the_last_handler() -> None:
    handlers = [0x101] * 15 + [0x101] * 10 + [0, 0, 0x101, 0, 0]
    data = struct.pack("<31I", 0x2000_1000, *handlers) + b"\xff\xff\xff\xff" + bytes(0x200)
    segments = (Segment(0, 0, data, len(data)),)
    assert count_interrupts(segments, 0) == 13
    assert count_interrupts(segments, 0x1000) == 0
