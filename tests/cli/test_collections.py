"""A process that calls the command line as a function keeps its garbage collection."""

from __future__ import annotations

import gc

from instsim.cli import main


def test_a_call_leaves_the_thresholds_of_the_garbage_collection_alone() -> None:
    before = gc.get_threshold()
    assert main(["--version"]) == 0
    assert gc.get_threshold() == before
