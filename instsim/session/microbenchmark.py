"""The bundled microbenchmark: its builds, and what each known core would measure with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from instsim.calibrate.microbenchmark_log import EMPTY, LogRow, MicrobenchmarkLog, log_text, parse_log
from instsim.cost import CoreTable, CostModel, list_cores, load_board, load_core
from instsim.errors import IncompleteError, UsageError
from instsim.image import load_image
from instsim.isa.instruction import Isa
from instsim.profile import BlockProfile, owners
from instsim.resources import firmware_elf
from instsim.session.choose import Target
from instsim.session.estimate import BoardChoice
from instsim.session.facade import profile_for
from instsim.session.request import Request

__all__ = ["Build", "KnownCore", "build_for", "builds", "find_build", "microbenchmark_sources"]

_NAME = "microbenchmark"
_REGION = "microbenchmark_run"
_ARMV6M, _RISCV, _ESP32C3 = "cortex-m0plus", "rv32imc", "esp32-c3"
_MEASURING_CYCLES = 20
"""What a simulated log adds to each loop for reading the counter, which is no part of the loops' functions; it cancels."""

_DIGITS = 9


@dataclass(frozen=True)
class KnownCore:
    """What a core of the tables would measure.

    Attributes
    ----------
    core : CoreTable
        Its table.
    cycles : mapping of str to float
        Cycles of one unit of each row, without memory.
    events : mapping of str to mapping of str to float
        What a unit of each row is made of: how often each event of the table occurs in it.
    loops : mapping of str to (float, float)
        Cycles of one call of the short and of the long loop.
    """

    core: CoreTable
    cycles: Mapping[str, float]
    events: Mapping[str, Mapping[str, float]]
    loops: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Build:
    """One build of the microbenchmark.

    Attributes
    ----------
    name : str
        As its log names it.
    path : Path
        Its ELF file.
    isa : Isa
        Instruction set.
    """

    name: str
    path: Path
    isa: Isa

    @property
    def flash_address(self) -> int:
        """Where its code lies."""
        return min(segment.address for segment in load_image(self.path).segments if segment.data)

    @cached_property
    def profile(self) -> BlockProfile:
        """What a run of it executes: the same on every core, for no path depends on time."""
        board = load_board(f"generic-{'rv32' if self.isa is Isa.RV32 else self.name}")
        core = next(core for core in list_cores() if core.name == board.core)
        target = Target(board, core, board, BoardChoice(board.name, board.title, "option"), board.clock_hz, "board")
        return profile_for(load_image(self.path), target, Request(region=_REGION, memory="ideal"))

    @cached_property
    def printed(self) -> MicrobenchmarkLog:
        """The log that the emulated run printed: its rows name the loops. Its cycles are a timer's, which takes blocks at their mean price."""
        return parse_log(self.profile.run.output, self.path.name)

    def on(self, core: CoreTable) -> KnownCore:
        """Return what a core would measure.

        Raises
        ------
        IncompleteError
            If the core has no price for an instruction of this build: it cannot run it.
        """
        ran = self.profile
        model = CostModel(core)
        by_block = model.price(ran).cycles.sum(axis=0)
        owner = owners(ran.functions, ran.addresses)
        charged = model.charges_of(ran, np.flatnonzero(owner >= 0))
        charged_to = owners(ran.functions, charged.address)
        place = {span.name: index for index, span in enumerate(ran.functions)}
        executions = ran.executions.sum(axis=0)
        cycles, events, loops = {}, {}, {}
        for row in self.printed.rows:
            name = f"row_{row.name.replace('-', '_')}"
            spans = [place[f"{name}_{loop}"] for loop in ("short", "long")]
            calls = [float(executions[np.searchsorted(ran.addresses, ran.functions[span].address)]) for span in spans]
            short, long = (float(by_block[owner == span].sum()) / count for span, count in zip(spans, calls, strict=True))
            loops[row.name] = short, long
            if row.name == EMPTY:
                continue
            cycles[row.name] = (long - short) / row.units
            occurrences = np.zeros(len(charged.events))
            for span, count, sign in zip(spans, calls, (-1.0, 1.0), strict=True):
                chosen = charged_to == span
                np.add.at(occurrences, charged.event[chosen], sign * charged.occurrences[chosen] / count / row.units)
            events[row.name] = {event: float(n) for event, n in zip(charged.events, occurrences.round(_DIGITS), strict=True) if n}
        return KnownCore(core, cycles, events, loops)

    def on_named(self, name: str) -> KnownCore:
        """Return what a core would measure, by the name or file of its table.

        Raises
        ------
        UsageError
            If there is no such table, or its core cannot run this build.
        """
        return self._on(load_core(name))

    def _on(self, core: CoreTable) -> KnownCore:
        if core.isa is not self.isa:
            raise UsageError(f"the build {self.name} is {self.isa} code, {core.name} runs {core.isa}")
        try:
            return self.on(core)
        except IncompleteError as error:
            raise UsageError(f"{core.name} cannot run the build {self.name}", hint="choose another", details=error.details) from error

    def known_cores(self) -> tuple[KnownCore, ...]:
        """Return every core of the tables that can run this build, by name."""
        found = []
        for core in list_cores():
            if core.isa is not self.isa:
                continue
            try:
                found.append(self.on(core))
            except IncompleteError:
                continue
        return tuple(found)

    def log_of(self, core: CoreTable) -> str:
        """Return the text that a board with this core would print, if its table were right and its memory without wait states.

        Raises
        ------
        UsageError
            If the core cannot run this build.
        """
        known = self._on(core)
        rows = []
        for row in self.printed.rows:
            short, long = (round(value) + _MEASURING_CYCLES for value in known.loops[row.name])
            rows.append(LogRow(row.name, row.turns, row.short_units, row.long_units, short, short, long, long))
        return log_text(self.name, self.printed.counter, rows)


def builds() -> tuple[Build, ...]:
    """Return the builds that come with instsim."""
    folder = firmware_elf()
    images = tomllib.loads((folder / "manifest.toml").read_text("utf-8"))["image"]
    found = []
    for image in images:
        stem, _, variant = image["name"].partition("-")
        if stem == _NAME:
            isa = Isa.RV32 if image["core"].startswith("rv32") else Isa.THUMB
            found.append(Build(variant or image["core"], folder / image["file"], isa))
    return tuple(found)


def find_build(name: str) -> Build:
    """Return a build by its name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    known = {build.name: build for build in builds()}
    if name not in known:
        raise UsageError(f"the microbenchmark has no build {name!r}", hint=f"builds: {', '.join(known)}")
    return known[name]


def build_for(core: CoreTable) -> Build:
    """Return the build that is meant for a core.

    Raises
    ------
    UsageError
        If there is none.
    """
    if core.isa is Isa.THUMB:
        return find_build(_ARMV6M if core.emulated_cpu == "cortex-m0" else core.emulated_cpu)
    return find_build(_ESP32C3 if core.name == _ESP32C3 else _RISCV)


def microbenchmark_sources() -> tuple[Path, ...]:
    """Return the source files of the microbenchmark that a project of one's own takes in."""
    folder = firmware_elf() / "src" / _NAME
    return tuple(sorted(path for path in folder.iterdir() if path.name != "main.c"))
