"""What was learned of a runner, kept between runs: to learn takes longer than a small model."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import asdict

from instsim import artifacts
from instsim.emulate.arena import Arena
from instsim.isa import IndirectCall
from instsim.swap.facts import Drive, RunnerFacts, SetUpCall

__all__ = ["facts_bytes", "facts_from_bytes", "keep_facts", "kept_facts"]

_KIND = "runners"


def kept_facts(key: str) -> RunnerFacts | None:
    """Return what was kept under a digest of image, machine and version."""
    stored = artifacts.load(_KIND, key)
    if stored is not None:
        with suppress(ValueError, KeyError, TypeError):  # written by code that had the same stamp and another form
            return facts_from_bytes(stored)
    return None


def keep_facts(key: str, facts: RunnerFacts) -> None:
    """Keep what was learned for `kept_facts`."""
    artifacts.store(_KIND, key, facts_bytes(facts))


def facts_bytes(facts: RunnerFacts) -> bytes:
    """Return what was learned as JSON."""
    document = asdict(facts) | {"own_model": b64encode(facts.own_model).decode(), "operators": sorted(facts.operators)}
    return json.dumps(document).encode()


def facts_from_bytes(data: bytes) -> RunnerFacts:
    """Return what `facts_bytes` was given.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is something else.
    """
    document = json.loads(data)
    set_up = document["set_up"]
    return RunnerFacts(
        **document
        | {
            "own_model": b64decode(document["own_model"]),
            "offset_readers": tuple(document["offset_readers"]),
            "arena": Arena(**document["arena"]),
            "arena_movers": tuple(document["arena_movers"]),
            "sites": tuple(IndirectCall(**site) for site in document["sites"]),
            "operators": frozenset(document["operators"]),
            "drive": Drive(document["drive"]),
            "set_up": None if set_up is None else SetUpCall(**set_up),
        }
    )
