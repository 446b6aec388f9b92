"""What devices and interrupts cost the emulation: the region of a firmware with and without them, in one process.

Usage::

    python tools/device_benchmark.py IMAGE BOARD [--serial eembc] [--region SYMBOL] [--base ADDRESS] [--repeats 5]

Both ways boot and talk alike. In the bare one, everything that is due later (timer interrupts, what a host sends) is dropped as the region begins,
so that the emulator runs it undisturbed. They run in turn; the least processor time of the region counts, and speeds are compared by instruction,
because handlers run some as well. Memories are ideal, blocks have been priced before, as in a command that is given again. No figure here is
asserted by a test.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmark_run import prepare_run, read_command_line

from instsim.emulate import run
from instsim.emulate.observed import issued_instructions
from instsim.emulate.region_access import RegionAccess
from instsim.session.request import Request

_WAYS = ("with devices", "bare")


class _TimedRegion(RegionAccess):
    """Takes the processor time at the region's ends, and silences what is to come where it is asked to."""

    def __init__(self, machine: Any, *access: Any, times: list[tuple[float, int]], is_bare: bool) -> None:
        super().__init__(machine, *access)
        self._machine, self._times, self._is_bare = machine, times, is_bare

    def before(self) -> None:
        """Note the start."""
        super().before()
        if self._is_bare:
            self._machine.events._heap.clear()  # noqa: SLF001 -- nothing else may ever do that
        self._times.append((time.process_time(), issued_instructions(self._machine)))

    def after(self) -> None:
        """Note the end; the first counts."""
        super().after()
        self._times.append((time.process_time(), issued_instructions(self._machine)))


def _measure(path: Path, request: Request, *, is_bare: bool) -> tuple[float, int, float]:
    """Return processor seconds and instructions of the region, and processor seconds of the whole run."""
    prepared = prepare_run(path, request)
    times: list[tuple[float, int]] = []
    started = time.process_time()
    with patch.object(run, "RegionAccess", partial(_TimedRegion, times=times, is_bare=is_bare)):
        run.profile_image(prepared.image, prepared.spec, prepared.options)
    whole = time.process_time() - started
    prepared.prices.keep()
    if len(times) == 1:
        sys.exit(f"{path}: the region never began; give --region or --serial")
    (start_s, first), (end_s, last) = times[:2]
    return end_s - start_s, last - first, whole


def main() -> int:
    """Read the command line, run, print."""
    path, asked, repeats = read_command_line("Speed of the emulation with devices beside its bare speed.", 5)
    request = replace(asked, memory="ideal")
    found: dict[str, list[tuple[float, int, float]]] = {way: [] for way in _WAYS}
    for _ in range(repeats):
        for way in _WAYS:
            found[way].append(_measure(path, request, is_bare=way == "bare"))
    print(f"{path.name} on {request.board}")
    print(f"{'region':14s} {'cpu s':>8s} {'M instr':>9s} {'M instr/s':>10s} {'of bare':>8s} {'whole cpu s':>12s}")
    bare = min(seconds / count for seconds, count, _ in found["bare"])
    for way in _WAYS:
        seconds, count, _ = min(found[way])
        whole = min(row[2] for row in found[way])
        print(f"{way:14s} {seconds:8.3f} {count / 1e6:9.1f} {count / seconds / 1e6:10.1f} {bare * count / seconds:8.2f} {whole:12.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
