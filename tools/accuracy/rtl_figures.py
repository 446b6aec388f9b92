"""Compares instsim with the RTL: programs, micro-benchmarks, whole runs."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from accuracy.comparison import Comparison
from accuracy.data_sets import MICRO, PROGRAMS, WHOLE_RUNS
from accuracy.rtl_memories import rtl_memory
from accuracy.rtl_runs import SIMULATED_SOC, WHOLE_RUN, run_program
from instsim.cost import CoreTable, CostModel, load_core
from instsim.profile import BlockProfile, MemoryUse

__all__ = ["RtlBench", "load_bench"]

_FOLDER = Path(__file__).resolve().parents[2] / "firmware_elf" / "rtl"
_MICRO_PREFIX = "micro"
_CROSSING_WORDS = frozenset(("micro_unal",))


@dataclass(frozen=True)
class RtlBench:
    """All RTL programs as profiles, with what each core took for them.

    Attributes
    ----------
    cores : mapping of str to mapping
        ``core``, ``rtl`` and ``configuration`` of each column, and ``memory`` of those that have a memory system.
    profiles : mapping of str to BlockProfile
        By ELF name: regions between markers.
    whole_runs : mapping of str to BlockProfile
        The programs from entry point to exit.
    memories, whole_run_memories : mapping of str to mapping of str to MemoryUse
        What the memory systems made of both, by column and ELF name.
    skipped : mapping of str to str
        Programs that do not run on the machine, with the reason.
    """

    cores: Mapping[str, Mapping[str, str]]
    profiles: Mapping[str, BlockProfile]
    whole_runs: Mapping[str, BlockProfile]
    memories: Mapping[str, Mapping[str, MemoryUse]]
    whole_run_memories: Mapping[str, Mapping[str, MemoryUse]]
    skipped: Mapping[str, str]

    def compare(
        self,
        core: str,
        change_core: Callable[[CoreTable], CoreTable] = lambda table: table,
        change_profile: Callable[[BlockProfile], BlockProfile] = lambda profile: profile,
        *,
        with_memory: bool = True,
    ) -> tuple[Comparison, ...]:
        """Price everything that one core ran.

        Parameters
        ----------
        core : str
            Column of the tables.
        change_core, change_profile : callable
            For ablations: what to leave out.
        with_memory : bool
            Whether the column's memory system counts.
        """
        model = CostModel(change_core(load_core(self.cores[core]["core"])))
        ran = {row["elf"] for row in _rows("cycles.csv") if row[core]}
        uses, whole_uses = (memories.get(core, {}) if with_memory else {} for memories in (self.memories, self.whole_run_memories))
        priced = {
            name: (profile, model.price(change_profile(profile), memory=uses.get(name))) for name, profile in self.profiles.items() if name in ran
        }
        whole = {name: model.price(change_profile(profile), memory=whole_uses.get(name)) for name, profile in self.whole_runs.items()}
        source = f"instsim measurement: {self.cores[core]['rtl']}"
        found = []
        for row in _rows("cycles.csv"):
            if row["elf"] not in priced or not row[core]:
                continue
            profile, estimate = priced[row["elf"]]
            place = 1 + [kernel.name for kernel in profile.kernels].index(row["marker"])
            micro = row["elf"].startswith(_MICRO_PREFIX)
            name = f"{row['elf']}/{row['name']}" if micro else row["elf"]
            found.append(Comparison(MICRO if micro else PROGRAMS, core, name, float(estimate.cycles[place].sum()), float(row[core]), source=source))
        found += [
            Comparison(WHOLE_RUNS, core, row["elf"], whole[row["elf"]].total_cycles, float(row[core]), source=source)
            for row in _rows("whole_runs.csv")
            if row["elf"] in whole and row[core]
        ]
        return tuple(found)


def _rows(name: str) -> Iterable[dict[str, str]]:
    with (_FOLDER / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def load_bench() -> RtlBench:
    """Run all programs of ``firmware_elf/rtl``."""
    profiles, whole_runs, skipped = {}, {}, {}
    for name in dict.fromkeys(row["elf"] for row in _rows("cycles.csv")):
        try:
            profiles[name] = run_program(_elf(name), look_at_accesses=name in _CROSSING_WORDS)
            if not name.startswith(_MICRO_PREFIX):
                whole_runs[name] = run_program(_elf(name), whole_run=True)
        except RuntimeError as error:
            skipped[name] = str(error)
    cores = tomllib.loads((_FOLDER / "cores.toml").read_text(encoding="utf-8"))
    assert all(profile.kernels[0].name == WHOLE_RUN for profile in whole_runs.values())
    memories, whole_run_memories = {}, {}
    for column, facts in cores.items():
        if "memory" in facts:
            timing = rtl_memory(_FOLDER / "memories" / facts["memory"], load_core(facts["core"]), SIMULATED_SOC)
            memories[column] = {name: run_program(_elf(name), memory=timing).memory[0] for name in profiles}
            whole_run_memories[column] = {name: run_program(_elf(name), whole_run=True, memory=timing).memory[0] for name in whole_runs}
    return RtlBench(cores, profiles, whole_runs, memories, whole_run_memories, skipped)


def _elf(name: str) -> Path:
    return _FOLDER / "elf" / f"{name}.elf"
