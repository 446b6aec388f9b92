"""``instsim compare``: two versions of the sample through every format, and what can go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

IDEAL = ("--memory", "ideal")
BOARD = ("--board", "nucleo-l4r5zi", "--region", "kws_invoke", *IDEAL)


@pytest.fixture
def versions(images: Path) -> dict[str, Path]:
    return {name: images / f"{name}-cortex-m4.elf" for name in ("kws", "kws-pool-delay", "kws-small")}


def test_one_per_cent_in_one_operator_is_found_exactly(instsim, versions) -> None:
    ran = instsim("compare", versions["kws"], versions["kws-pool-delay"], *BOARD, "--format", "json")
    assert ran.code == 0
    document = json.loads(ran.out)
    assert document["is_exact"]
    assert not document["not_shared"]
    changed = [row for row in document["operators"] if row["status"] != "same"]
    assert [(row["name"], row["place_after"]) for row in changed] == [("AVERAGE_POOL_2D", "0.0.9")]
    # 226 turns of a loop of subs and a taken branch (4 cycles), and the way there and on.
    assert changed[0]["cycles"]["difference"] == 226 * 4 + 1
    assert changed[0]["cycles"]["relative"] == pytest.approx(0.01, abs=2e-5)
    functions = {row["name"]: row["status"] for row in document["functions"] if row["status"] not in {"same", "moved"}}
    assert functions == {"delayed_average_pool_2d": "new"}
    assert {row["name"]: row["change"]["difference"] for row in document["symbols"] if row["status"] == "new"}.keys() == {"delayed_average_pool_2d"}


def test_a_version_optimised_for_size(instsim, versions) -> None:
    document = json.loads(instsim("compare", versions["kws"], versions["kws-small"], *BOARD, "--format", "json").out)
    quantities = {row["name"]: row["change"] for row in document["quantities"]}
    assert quantities["cycles"]["relative"] > 1
    assert quantities["flash"]["difference"] < 0
    assert quantities["stack"]["difference"] > 0
    assert all(row["status"] == "changed" for row in document["operators"])
    for rows in ("operators", "functions", "classes"):
        field = "cycles" if rows == "operators" else "change"
        assert sum(row[field]["difference"] for row in document[rows]) == pytest.approx(quantities["cycles"]["difference"])


def test_text_and_markdown(instsim, versions, tmp_path) -> None:
    text = instsim("compare", versions["kws"], versions["kws-pool-delay"], *BOARD).out
    assert "exact under the model" in text
    assert "+1.00%" in text
    ran = instsim("compare", versions["kws"], versions["kws-pool-delay"], *BOARD, "--format", "markdown", "-o", "comment.md")
    assert ran.code == 0
    assert "<details><summary>Functions</summary>" in (tmp_path / "comment.md").read_text()


def test_images_profiles_and_reports_give_the_same_comparison(instsim, versions, tmp_path) -> None:
    for name in ("kws", "kws-pool-delay"):
        assert instsim("profile", versions[name], *BOARD, "-o", f"{name}.profile").code == 0
        assert instsim("estimate", versions[name], *BOARD, "--format", "json", "-o", f"{name}.json").code == 0
    wanted = instsim("compare", versions["kws"], versions["kws-pool-delay"], *BOARD, "--format", "json").out
    profiles = instsim("compare", "kws.profile", "kws-pool-delay.profile", "--board", "nucleo-l4r5zi", "--format", "json")
    reports = instsim("compare", "kws.json", "kws-pool-delay.json", "--format", "json")
    mixed = instsim("compare", "kws.json", versions["kws-pool-delay"], "--region", "kws_invoke", *IDEAL, "--format", "json")
    swapped = instsim("compare", versions["kws"], "kws-pool-delay.json", "--region", "kws_invoke", *IDEAL, "--format", "json")
    for ran in (profiles, reports, mixed, swapped):
        assert ran.code == 0, ran.err
        document, expected = json.loads(ran.out), json.loads(wanted)
        for key in ("before", "after", "is_exact", "functions", "classes", "symbols"):
            assert document[key] == expected[key]
        assert [row["change"]["difference"] for row in document["quantities"]] == pytest.approx(
            [row["change"]["difference"] for row in expected["quantities"]], rel=1e-3
        )


def test_two_boards_are_not_a_pair(instsim, versions) -> None:
    instsim("estimate", versions["kws"], *BOARD, "--format", "json", "-o", "l4.json")
    instsim("estimate", versions["kws"], "--board", "nucleo-f446re", "--region", "kws_invoke", "--format", "json", "-o", "f4.json")
    ran = instsim("compare", "l4.json", "f4.json")
    assert ran.code == 0
    assert "Not a pair" in ran.out
    assert "board: nucleo-l4r5zi before, nucleo-f446re after" in ran.out
    assert "exact under the model" not in ran.out.replace("instructions", "").split("latency")[1].split("\n")[0]


def test_without_a_board_both_sides_are_on_one(instsim, versions) -> None:
    document = json.loads(instsim("compare", versions["kws"], versions["kws-pool-delay"], "--format", "json").out)
    assert document["is_exact"]
    assert document["before"]["board"] == document["after"]["board"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("a.elf",), 2, "Missing argument"),
        (("none.elf", "none.elf"), 1, "none.elf"),
        (("report.json", "report.json", "--board", "nucleo-l4r5zi"), 2, "changes nothing"),
        (("report.json", "report.json"), 1, "holds no estimate"),
        (("broken.json", "report.json"), 1, "not JSON"),
    ],
)
def test_bad_input(instsim, tmp_path, arguments, code, said) -> None:
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "broken.json").write_text("{")
    ran = instsim("compare", *arguments)
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err
