"""The firmware that comes with the project loads, and says what its manifest says."""

from pathlib import Path

import pytest

from instsim.image import load_image
from instsim.isa.instruction import Isa

FOLDER = Path(__file__).parents[2] / "firmware_elf"
FILES = sorted(FOLDER.glob("elf/*.elf"))

pytestmark = pytest.mark.skipif(not FILES, reason="no firmware built yet")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_bundled_firmware(path):
    image = load_image(path)
    assert image.notes == ()
    assert image.flash_bytes == sum(len(segment.data) for segment in image.segments)
    assert image.static_ram_bytes == sum(section.size for section in image.sections if section.name in (".data", ".bss", ".noinit"))
    assert any("GCC" in compiler for compiler in image.compilers)
    if "cortex" in path.name:
        assert image.isa is Isa.THUMB
        assert image.vector_table == image.segments[0].address
        assert image.attributes["Tag_CPU_arch_profile"] == "Microcontroller"
    else:
        assert image.isa is Isa.RV32
        assert image.attributes["Tag_RISCV_arch"].startswith("rv32i")
    if "stripped" in path.name:
        assert image.symbols == ()
    else:
        assert image.symbol("main") is not None
    if "stripped" not in path.name and image.isa is Isa.THUMB:
        assert any(code.is_code for code in image.code_ranges)
