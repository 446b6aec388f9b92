"""`instsim inspect` says what an image is, and works where the image does not."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from instsim.image import load_image
from instsim.resources import firmware_elf


def test_the_sample_is_shown_with_its_model_region_and_operators(instsim):
    ran = instsim("inspect", "--sample", "kws")
    assert (ran.code, ran.err) == (0, "")
    for pattern in (
        r"instruction set +Arm Thumb\n",
        r"reset vector +0x[0-9a-f]{8}, Reset_Handler\n",
        r"architecture +v7E-M\n",
        r"floating point +FPv4-SP-D16\n",
        r"compiler +GCC: \(15:12\.2\.rel1-1\) 12\.2\.1",
        r"board +ST NUCLEO-L4R5ZI \(nucleo-l4r5zi\)",
        r"MACs +2,656,768\n",
        r"inputs +1x49x10x1 int8\n",
        r"CONV_2D +5 +2,368,000\n",
        r"DEPTHWISE_CONV_2D +4 +288,000\n",
        r"region +call 1 of kws_invoke at 0x[0-9a-f]{8}\n",
        r"12  SOFTMAX +1 ",
    ):
        assert re.search(pattern, ran.out), pattern


def test_json_names_every_operator_of_the_model_in_order(instsim, images):
    ran = instsim("inspect", images / "kws-cortex-m4.elf", "--region", "kws_invoke", "--board", "nucleo-l4r5zi", "--format", "json")
    document = json.loads(ran.out)
    assert [operator["index"] for operator in document["operators"]] == list(range(13))
    (model,) = document["models"]
    assert sum(operator["macs"] for operator in document["operators"]) == model["macs"] == 2_656_768
    assert {kind["kind"]: kind["count"] for kind in model["operators"]} == {
        "CONV_2D": 5,
        "DEPTHWISE_CONV_2D": 4,
        "FULLY_CONNECTED": 1,
        "AVERAGE_POOL_2D": 1,
        "RESHAPE": 1,
        "SOFTMAX": 1,
    }
    assert model["outputs"] == [{"shape": [1, 12], "dtype": "int8"}]


def test_json_is_the_same_every_time(instsim, images):
    arguments = ("inspect", images / "kws-rv32imc.elf", "--format", "json")
    assert instsim(*arguments).out == instsim(*arguments).out


def test_facts_of_the_file_agree_with_the_manifest(instsim, images):
    manifest = tomllib.loads((firmware_elf() / "manifest.toml").read_text("utf-8"))["image"]
    wanted = next(image for image in manifest if image["file"].endswith("kws-cortex-m7.elf"))
    document = json.loads(instsim("inspect", images / "kws-cortex-m7.elf", "--no-run", "--format", "json").out)
    assert document["sha256"] == wanted["sha256"]
    (model,) = document["models"]
    assert sum(kind["count"] for kind in model["operators"]) == wanted["kernels_per_inference"]


def test_used_memory_is_what_the_segments_take(instsim, images):
    path = images / "kws-cortex-m4.elf"
    document = json.loads(instsim("inspect", path, "--no-run", "--board", "nucleo-l4r5zi", "--format", "json").out)
    used = {memory["name"]: memory["used_bytes"] for memory in document["memories"]}
    image = load_image(path)
    assert used["flash"] == image.flash_bytes == sum(len(segment.data) for segment in image.segments)
    assert sum(used.values()) - used["flash"] == sum(s.memory_size for s in image.segments if s.writable)
    assert {segment["load_memory"] for segment in document["segments"]} == {"flash", "sram1"}


def test_a_risc_v_image_has_no_vector_table_and_shows_its_isa_string(instsim, images):
    document = json.loads(instsim("inspect", images / "kws-rv32imc.elf", "--no-run", "--format", "json").out)
    assert (document["isa"], document["vectors"]) == ("rv32", None)
    assert document["attributes"]["Tag_RISCV_arch"].startswith("rv32i")


def test_a_stripped_image_says_so_and_still_shows_model_and_operators(instsim, images):
    ran = instsim("inspect", images / "dispatch-s28-stripped-cortex-m4.elf")
    assert ran.code == 0
    assert "symbols                none: the image is stripped" in ran.out
    assert "the image has no symbols; operators are told while the image runs" in ran.out
    assert "Operators that ran" in ran.out


def test_no_run_says_so(instsim, images):
    ran = instsim("inspect", images / "kws-cortex-m4.elf", "--no-run")
    assert ran.code == 0
    assert re.search(r"run +not run, as asked for\n", ran.out)
    assert "Operators that ran" not in ran.out


@pytest.mark.parametrize("name", ["fault-read-cortex-m4.elf", "fault-undefined-rv32imc.elf"])
def test_an_image_that_fails_is_shown_with_the_reason(instsim, images, name):
    ran = instsim("inspect", images / name)
    assert ran.code == 0
    assert re.search(r"run +failed: " + name, ran.out)
    assert "Memory map" in ran.out


def test_an_endless_loop_ends_with_the_budget(instsim, images):
    ran = instsim("inspect", images / "endless-count-cortex-m4.elf", "--budget", "1M")
    assert ran.code == 0
    assert "the budget of 1,000,000 cycles was used up" in ran.out
    assert "failed" not in ran.out


def test_a_board_that_does_not_fit_is_shown_with_what_is_wrong(instsim, images):
    ran = instsim("inspect", images / "kws-cortex-m4.elf", "--board", "rpi-pico")
    assert ran.code == 0
    assert "does not fit  " in ran.out
    assert "not run: the image does not fit rpi-pico" in ran.out


def test_the_static_part_needs_no_emulator(python, images):
    program = (
        "import sys; sys.modules['unicorn'] = None\n"
        "from instsim.cli import main\n"
        f"sys.exit(main(['inspect', {str(images / 'kws-cortex-m4.elf')!r}, '--no-run']))"
    )
    process = python("-c", program)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert b"Operators of model 0" in out


def test_the_report_goes_to_a_file(instsim, images, tmp_path):
    ran = instsim("inspect", images / "kws-cortex-m4.elf", "--no-run", "-o", "kws.txt")
    assert (ran.code, ran.out) == (0, "")
    assert (tmp_path / "kws.txt").read_text("utf-8").startswith("kws-cortex-m4.elf (ELF)")
    assert [path.name for path in tmp_path.iterdir()] == ["kws.txt"]
