"""The GitHub Action's script, the example workflow's budgets and the pytest plugin do what the documentation says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from instsim.gate.budget_file import load_plan
from instsim.resources import firmware_elf

ROOT = Path(__file__).parents[2]
IMAGE = firmware_elf() / "elf" / "dispatch-s28-cortex-m4.elf"


def script(step: str) -> str:
    """Return the shell script of a step of action.yml."""
    text = (ROOT / "action.yml").read_text("utf-8")
    found = re.search(rf"- name: {re.escape(step)}\n.*?      run: \|\n((?:        [^\n]*\n|\n)+)", text, re.DOTALL)
    assert found is not None
    return textwrap.dedent(found[1])


def run_check(folder: Path, **inputs: str) -> tuple[dict[str, str], str, str]:
    """Run the action's main step as GitHub would; return outputs, log and summary."""
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("no bash here")
    command = folder / "temp" / "instsim" / "bin" / "instsim"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m instsim "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {"IMAGES": "", "BOARDS": "", "BUDGET": "", "BASELINE": "", "BASE_IMAGE": ""} | inputs
    output, summary = folder / "output", folder / "summary"
    done = subprocess.run(
        [shell, "-eo", "pipefail", "-c", script("Check the budgets")],
        cwd=folder,
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": path,
            "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return outputs, done.stdout, summary.read_text() if summary.exists() else ""


def test_the_action_passes_images_with_spaces_and_boards(tmp_path: Path) -> None:
    name = "an image; touch owned.elf"
    shutil.copy(IMAGE, tmp_path / name)
    (tmp_path / "b.toml").write_text("[[budget]]\ncycles = 1e9\n")
    outputs, log, summary = run_check(tmp_path, IMAGES=f"{name}\n", BOARDS="nucleo-l4r5zi\nnucleo-f446re", BUDGET="b.toml", BASE_IMAGE=str(IMAGE))
    assert outputs["exit-code"] == "0"
    assert outputs["has-report"] == "true"
    assert log.strip() == "::notice title=instsim check::2 of 2 limits hold"
    assert "instsim check passed" in summary
    assert "both sides are the same image" in summary
    assert not (tmp_path / "owned.elf").exists()
    assert {path.name for path in (tmp_path / "temp" / "instsim-report").iterdir()} == {"check.json", "check.xml", "check.md"}


def test_the_action_reports_a_broken_budget_and_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(f'[[image]]\nfile = "{IMAGE}"\nboards = ["nucleo-l4r5zi"]\n[[budget]]\ncycles = 1\n')
    outputs, log, summary = run_check(tmp_path, BUDGET="b.toml")
    assert outputs["exit-code"] == "4"
    assert log.startswith("::error file=b.toml,line=5,")
    assert "FAILED" in summary
    shutil.rmtree(tmp_path / "temp")
    (tmp_path / "output").unlink()
    outputs, log, _ = run_check(tmp_path, BUDGET="none.toml")
    assert outputs["exit-code"] == "1"
    assert "has-report" not in outputs


def test_every_input_of_the_action_is_documented() -> None:
    text = (ROOT / "action.yml").read_text("utf-8")
    inputs = re.findall(r"^  ([a-z-]+):\n    description", text.partition("outputs:")[0], re.MULTILINE)
    outputs = re.findall(r"^  ([a-z-]+):\n    description", text.partition("outputs:")[2], re.MULTILINE)
    documented = (ROOT / "docs" / "ci.md").read_text("utf-8")
    assert len(inputs) > 5
    for name in (*inputs, *outputs):
        assert f"`{name}`" in documented
    # What a user gives never becomes a part of a script.
    for step in ("Install instsim", "Check the budgets", "Comment on the pull request"):
        assert "${{" not in script(step)


def test_the_budgets_of_the_documentation_are_valid(tmp_path: Path) -> None:
    documented = (ROOT / "docs" / "ci.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", documented, re.DOTALL)
    path = tmp_path / "budgets.toml"
    path.write_text(example, encoding="utf-8")
    plan = load_plan(path)
    assert [task.name for task in plan.images] == ["kws", "anomaly"]
    assert {budget.metric for budget in plan.budgets} == {"ram_bytes", "latency_ms", "cycles", "energy_uj", "flash_bytes"}


def test_the_pytest_plugin(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent(f"""
        import pytest

        @pytest.mark.instsim(firmware="{IMAGE}", board="nucleo-l4r5zi")
        def test_marked(instsim_estimate):
            assert instsim_estimate.board.name == "nucleo-l4r5zi"
            assert instsim_estimate.cycles > 1000

        def test_call(instsim_run):
            assert instsim_run("{IMAGE}", board="nucleo-f446re").board.name == "nucleo-f446re"

        def test_unmarked(instsim_estimate):
            pass
        """)
    )
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "instsim.pytest_plugin", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout
    assert "1 error" in done.stdout
    assert "say what to estimate" in done.stdout
