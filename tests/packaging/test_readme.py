"""What README.md promises is there."""

from __future__ import annotations

import re
from pathlib import Path

from instsim.resources import cost_tables

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    command = (ROOT / ".ci" / "run").read_text("utf-8").rstrip().splitlines()[-1]
    assert command in re.findall(r"```sh\n(.+)\n```", README)


def test_every_core_and_board_is_in_the_table() -> None:
    named = set(re.findall(r"`([a-z0-9-]+)`", README.partition("## Cores and boards")[2].partition("\n## ")[0]))
    there = {path.stem for folder in ("cores", "boards") for path in (cost_tables() / folder).glob("*.toml")}
    assert there - named == set()


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
