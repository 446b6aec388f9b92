"""A request as the options of a command, for messages that say which command to give again."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from instsim.session.request import Request

__all__ = ["command_options"]

_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "board": "--board",
        "core": "--core",
        "clock_hz": "--clock",
        "region": "--region",
        "start": "--from",
        "end": "--to",
        "call": "--call",
        "dispatchers": "--dispatcher",
        "kernels": "--kernels",
        "serial": "--serial",
        "input_file": "--input",
        "unplugged": "--unplugged",
        "expect": "--expect",
        "entry": "--entry",
        "stubs": "--stub",
        "pokes": "--poke",
        "peeks": "--peek",
        "svd": "--svd",
        "base": "--base",
        "budget_cycles": "--budget",
        "memory": "--memory",
    }
)


def command_options(request: Request) -> list[str]:
    """Return the options that choose board, core and clock of a request and decide its run, those at their default left out."""
    usual, words = Request(), list[str]()
    for field, option in _OPTIONS.items():
        value = getattr(request, field)
        if value == getattr(usual, field):
            continue
        if value is True:
            words.append(option)
            continue
        for item in value if isinstance(value, tuple) else (value,):
            words += [option, f"{item:.10g}" if isinstance(item, float) else str(item)]
    return words
