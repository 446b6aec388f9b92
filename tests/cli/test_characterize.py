"""``instsim characterize`` from the firmware to the table."""

from __future__ import annotations

import json

import pytest

from instsim.calibrate.device_descriptor import load_descriptor
from instsim.image import load_image


def test_from_a_log_to_a_table_that_estimates(instsim, tmp_path) -> None:
    ran = instsim("characterize", "--simulate", "cortex-m33", "--build", "cortex-m4", "-o", "device.txt")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    ran = instsim("characterize", "device.txt", "-o", "device.descriptor.toml", "--table", "device-core.toml", "--core", "cortex-m4")
    assert ran.code == 0
    assert "compared  cortex-m4 (Arm Cortex-M4F), distance 0.3" in ran.out
    assert "others    cortex-m33 0.000" in ran.out
    assert "cortex-m4 without wait states: what is above it is waiting" in ran.out
    assert "A table to start from" in ran.out
    assert "use it with --core device-core.toml" in ran.err
    assert "instsim predict --descriptor device.descriptor.toml" in ran.err
    descriptor = load_descriptor(tmp_path / "device.descriptor.toml")
    assert (descriptor.name, descriptor.nearest, descriptor.build) == ("device-core", "cortex-m4", "cortex-m4")
    assert instsim("tables", "check", "device-core.toml").code == 0
    ran = instsim("estimate", "--sample", "kws", "--board", "generic-cortex-m4", "--core", "device-core.toml", "--format", "json")
    assert json.loads(ran.out)["provenance"]["core"] == "device-core"
    assert json.loads(ran.out)["provenance"]["cycles_by_basis"]["measured"] > 0.1


def test_json_holds_the_vector_and_the_weights(instsim, tmp_path) -> None:
    instsim("characterize", "--simulate", "ibex-small", "-o", "device.txt")
    ran = instsim("characterize", "device.txt", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert document["schema_version"] == "1.0"
    assert document["descriptor"]["nearest"] == "ibex-small"
    assert document["normalized"]["alu"] == 1
    assert document["normalized"]["divide-long"] == 37
    assert document["neighbours"][0] == {"core": "ibex-small", "title": document["neighbours"][0]["title"], "distance": 0}
    assert document["changed"] == []


def test_the_firmware_and_its_sources_are_written(instsim, tmp_path) -> None:
    ran = instsim("characterize", "--firmware", "rv32imc", "-o", "fw.elf")
    assert ran.code == 0
    assert "0x42000000" in ran.err
    assert load_image(tmp_path / "fw.elf").isa is not None
    ran = instsim("characterize", "--sources", "here")
    assert ran.code == 0
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert names == {"memory_rows.inc", "microbenchmark.c", "microbenchmark.h", "row.inc", "rows_arm.S", "rows_riscv.S"}
    ran = instsim("characterize", "--sources", "here")
    assert (ran.code, "exists already" in ran.err) == (2, True)
    assert instsim("characterize", "--sources", "here", "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give one of LOG, --firmware, --sources and --simulate"),
        (("log.txt", "--simulate", "cortex-m4"), 2, "give one of"),
        (("absent.txt",), 1, "absent.txt: cannot be read"),
        (("--firmware", "cortex-m5"), 2, "has no build 'cortex-m5'"),
        (("--simulate", "cortex-m5"), 2, "cortex-m5"),
        (("--simulate", "cortex-m4", "--build", "rv32imc"), 2, "cortex-m4 runs thumb"),
        (("broken.txt",), 1, "no line begins with 'instsim-microbenchmark'"),
        (("broken.txt", "-o", "broken.txt"), 2, "broken.txt exists already"),
        (("broken.txt", "--table", "broken.txt"), 2, "broken.txt exists already"),
        (("broken.txt", "-o", "one.toml", "--table", "./one.toml"), 2, "-o and --table both name one.toml"),
        (("broken.txt", "--table", "missing/one.toml"), 2, "there is no folder 'missing'"),
    ],
)
def test_wrong_usage_is_answered(instsim, tmp_path, arguments, code, message) -> None:
    (tmp_path / "broken.txt").write_bytes(b"\xff\x00 nothing here\n")
    ran = instsim("characterize", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
