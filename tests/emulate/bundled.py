"""Bundled firmware and a plain chip to run it on, for tests of the emulator."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from instsim.emulate import MachineSpec, MemoryKind, MemorySpec
from instsim.image import FirmwareImage, load_image
from instsim.isa import Isa
from instsim.resources import firmware_elf

_CPUS = {"cortex-m0plus": "cortex-m0", "rv32imc": "rv32"}


@cache
def manifest() -> tuple[dict[str, Any], ...]:
    return tuple(tomllib.loads((firmware_elf() / "manifest.toml").read_text("utf-8"))["image"])


def entry(name: str, core: str) -> dict[str, Any]:
    return next(image for image in manifest() if image["name"] == name and image["core"] == core)


def image_of(name: str, core: str) -> FirmwareImage:
    return load_image(path_of(name, core))


def path_of(name: str, core: str) -> Path:
    return firmware_elf() / entry(name, core)["file"]


def chip(core: str) -> MachineSpec:
    """A chip with the memory map that the bundled images are linked for."""
    if core.startswith("rv32"):
        memories = (
            MemorySpec("rp2350-rom", MemoryKind.FLASH, 0x00000000, 64 << 10),
            MemorySpec("esp32-c3-rom", MemoryKind.FLASH, 0x40000000, 384 << 10),
            MemorySpec("flash", MemoryKind.FLASH, 0x42000000, 4 << 20),
            MemorySpec("ram", MemoryKind.RAM, 0x3FC80000, 320 << 10),
        )
        return MachineSpec("test", Isa.RV32, "rv32", memories, ((0x60000000, 0x100000),), 160e6)
    memories = (
        MemorySpec("flash", MemoryKind.FLASH, 0x08000000, 2 << 20, (0,)),
        MemorySpec("ram", MemoryKind.RAM, 0x20000000, 640 << 10),
    )
    return MachineSpec("test", Isa.THUMB, _CPUS.get(core, core), memories, ((0x40000000, 0x20000000), (0xE0000000, 0x100000)), 120e6)
