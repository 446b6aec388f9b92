"""With the cross compilers at hand: the committed images are what the sources give, and QEMU's processors agree with the reference."""

import re
import shutil
from pathlib import Path

import build_firmware
import pytest
from firmware_samples.catalogue import all_recipes
from firmware_samples.recipe import CORES
from firmware_samples.toolchain import link_image, run_in_qemu

from instsim import resources

SOURCES = resources.firmware_elf() / "src"
COMPILERS = [f"{core.toolchain}-gcc" for core in CORES.values()]
RUNNABLE = [(recipe, CORES[core]) for recipe in all_recipes() for core in recipe.cores if recipe.outcome == "exit" and recipe.runs_in_qemu]

pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(not all(map(shutil.which, COMPILERS)), reason="needs gcc-arm-none-eabi and gcc-riscv64-unknown-elf"),
]


def test_sources_give_the_committed_images():
    assert build_firmware.check_all() == 0


@pytest.mark.parametrize(("recipe", "core"), RUNNABLE, ids=lambda value: value.name)
def test_qemu_prints_what_the_reference_says(recipe, core, tmp_path):
    if not shutil.which(core.qemu[0]):
        pytest.skip(f"needs {core.qemu[0]}")
    model = Path("../models") / f"{recipe.network.name}.tflite" if recipe.network else None
    image = tmp_path / "image.elf"
    link_image(recipe, core, SOURCES, image, model=model, origins=core.qemu_origins)
    assert run_in_qemu(core, image) == (recipe.stdout(core), recipe.expected_exit_code)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc"])
def test_the_microbenchmark_runs_to_its_end_elsewhere(core, tmp_path):
    # QEMU has no cycle counter worth the name, but it executes every row, and its log has the form.
    recipe, target = next((recipe, CORES[core]) for recipe in all_recipes() if recipe.name == "microbenchmark" and recipe.cores == (core,))
    if not shutil.which(target.qemu[0]):
        pytest.skip(f"needs {target.qemu[0]}")
    image = tmp_path / "image.elf"
    link_image(recipe, target, SOURCES, image, origins=target.qemu_origins)
    text, status = run_in_qemu(target, image)
    assert status == 0
    assert re.fullmatch(recipe.stdout_pattern, text)
