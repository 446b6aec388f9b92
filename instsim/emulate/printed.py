"""What the firmware printed, by whatever way, and what it was expected to print."""

from __future__ import annotations

import re

from instsim.emulate.machine import Machine
from instsim.emulate.stops import Stop, StopReason
from instsim.errors import RunError

__all__ = ["await_output", "printed_text"]

_PATIENCE_S = 2.0
_SLICE_S = 0.01
_SHOWN_CHARACTERS = 400


def printed_text(machine: Machine) -> str:
    """Return what the firmware printed by semihosting and on its serial ports."""
    return machine.semihosting.text + machine.devices.around.wire.text


def await_output(machine: Machine, patterns: tuple[str, ...], stop: Stop) -> None:
    """Let the firmware run on behind its region until its output holds every pattern, two seconds of virtual time at the most.

    Parameters
    ----------
    machine : Machine
        Where it stopped.
    patterns : tuple of str
        Regular expressions.
    stop : Stop
        Why it stopped: only firmware that has not ended is run on.

    Raises
    ------
    RunError
        If one of the patterns does not come, with what the firmware printed.
    """
    if not patterns:
        return
    wanted = [re.compile(pattern, re.MULTILINE) for pattern in patterns]
    end = machine.now_cycles() + int(_PATIENCE_S * machine.spec.clock_hz)
    while True:
        text = printed_text(machine)
        missing = [pattern for pattern in wanted if not pattern.search(text)]
        if not missing:
            return
        if stop.reason not in (StopReason.REGION_DONE, StopReason.BUDGET) or machine.now_cycles() >= end:
            break
        stop = machine.run(min(end, machine.now_cycles() + int(_SLICE_S * machine.spec.clock_hz)))
    name = machine.image.name
    raise RunError(
        f"{name}: what it printed does not hold {', '.join(repr(pattern.pattern) for pattern in missing)}",
        hint="no estimate is given for a run with another result than --expect says",
        details=(f"it printed {text[-_SHOWN_CHARACTERS:]!r}" if text else "it printed nothing",),
    )
