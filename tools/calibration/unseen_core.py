"""What the log of the microbenchmark is worth on a core that no table knows: every core in turn is left out of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import numpy.typing as npt
from accuracy.data_sets import PROGRAMS
from accuracy.rtl_figures import RtlBench, load_bench
from prediction.networks import draw_network

from instsim.calibrate.device_descriptor import distance
from instsim.calibrate.microbenchmark_log import parse_log
from instsim.cost import CoreTable
from instsim.model.layer import LayerNetwork, chain
from instsim.predict.networks import cost_networks
from instsim.predict.predictor import TaughtPredictor
from instsim.predict.pricing import price_predictor
from instsim.session.characterizing import ALIKE, Characterization, characterized
from instsim.session.microbenchmark import Build, KnownCore, find_build
from instsim.session.predicting import load_named
from instsim.session.starting_table import described_core

__all__ = ["programs_on_unseen_cores", "transfer_curve"]

_PREDICTORS = {"tflm-reference-cortex-m4": "cortex-m4", "tflm-cmsis-nn-cortex-m4": "cortex-m4", "tflm-reference-rv32imc": "rv32imc"}
"""Predictors, and the build whose log their cores are characterized by."""

_SEED = 15
_NETWORKS, _DRAWS, _RUNS = 60, 30, (0, 1, 2, 3, 5, 10)

Floats = npt.NDArray[np.float64]


def _others(core: str, known: Mapping[str, KnownCore]) -> list[KnownCore]:
    """Return the cores that remain when one, and those that no log tells from it, are left out."""
    return [other for other in known.values() if distance(other.cycles, known[core].cycles) > ALIKE]


def _characterized(core: str, build: Build, known: Mapping[str, KnownCore]) -> Characterization:
    return characterized(parse_log(build.log_of(known[core].core)), _others(core, known), f"unseen-{core}")


def programs_on_unseen_cores() -> str:
    """Return errors on the RTL programs, with each core's own table left out, as Markdown."""
    build = find_build("rv32imc")
    known = {found.core.name: found for found in build.known_cores()}
    bench = load_bench()
    bench = replace(bench, profiles={name: ran for name, ran in bench.profiles.items() if not name.startswith("micro")}, whole_runs={})
    lines = [
        "### Cores that no table knows",
        "",
        "Cores whose cycles come from RTL, each taken as unknown ([characterize.md](characterize.md)): its own table, and those that no log tells",
        "from it, are left out. Its log is what its own table gives, which agrees with the RTL on micro-benchmarks; errors are those of the sixteen",
        "RTL programs, of which the log knows nothing.",
        "",
        "| unknown core | nearest | distance | table of | as it is: mean, worst | refitted to the log: mean, worst | its own table: mean, worst |",
        "|---|---|---|---|---|---|---|",
    ]
    means: list[tuple[float, float]] = []
    for column, facts in bench.cores.items():
        found = _characterized(facts["core"], build, known)
        nearest, start, own = (
            _errors(bench, column, table) for table in (found.nearest.core, described_core(found.descriptor), known[facts["core"]].core)
        )
        means.append((fmean(nearest), fmean(start)))
        cells = (column, found.nearest.core.name, f"{found.distance:.2f}", found.base.core.name, *map(_two, (nearest, start, own)))
        lines.append(f"| {' | '.join(cells)} |")
    before, after = (fmean(column) for column in zip(*means, strict=True))
    lines.append(f"| all |  |  |  | {before:.1%} | {after:.1%} |  |")
    return "\n".join(lines)


def _errors(bench: RtlBench, column: str, table: CoreTable) -> list[float]:
    rows = [row for row in bench.compare(column, change_core=lambda _: table) if row.data_set == PROGRAMS]
    return [abs(row.predicted_cycles / row.measured_cycles - 1.0) for row in rows]


def _two(errors: Sequence[float]) -> str:
    return f"{fmean(errors):.1%}, {max(errors):.1%}"


@dataclass(frozen=True)
class _Ways:
    """Predicted cycles of many networks, by each way to predict them, and what they are held to."""

    true: Floats
    by_way: Mapping[str, Floats]


def transfer_curve() -> str:
    """Return the learning curve of predictors on cores that they were not taught for, as Markdown."""
    columns = ("MACs", "nearest core's table", "descriptor")
    lines = [
        "[Predictors](predict.md) on a core that has no table, from none to ten measured runs. **Synthetic**: what is measured is the predictor with",
        "the core's own table, because no public data holds one set of networks on many cores. Each core of a predictor in turn is unknown.",
        f"Of {_NETWORKS} random networks the runs are drawn {_DRAWS} times; a factor is fitted to them (least squares on relative errors), and the",
        "others are predicted. Mean error; without a run multiply-accumulates predict nothing. On RISC-V a descriptor (`--descriptor`) is better",
        "at every number of runs. The pipelines of Cortex-M4, M7 and M33 differ in rules that no weight of another's has: there it halves the",
        "error while there is no run, and with runs the nearest core's table does as well.",
        "",
        f"| predictor | unknown cores | runs | {' | '.join(columns)} |",
        "|---|---|---|---|---|---|",
    ]
    for name, build_name in _PREDICTORS.items():
        build, taught = find_build(build_name), load_named(name)
        known = {found.core.name: found for found in build.known_cores() if found.core.name in taught.cores}
        ways = [_ways(core, build, known, taught) for core in known if _others(core, known)]
        for runs in _RUNS:
            errors = {way: [error for of_core in ways for error in _learn(of_core, way, runs)] for way in columns}
            cells = [f"{fmean(errors[way]):.1%}" if errors[way] else "-" for way in columns]
            lines.append(f"| {name} | {len(ways)} | {runs} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _networks() -> tuple[LayerNetwork, ...]:
    generator = np.random.default_rng(_SEED)
    return tuple(chain(draw_network(generator)) for _ in range(_NETWORKS))


def _ways(core: str, build: Build, known: Mapping[str, KnownCore], taught: TaughtPredictor) -> _Ways:
    networks = _networks()
    found = _characterized(core, build, known)

    def cycles(table: CoreTable) -> Floats:
        return cost_networks(taught, price_predictor(taught, table), networks).cycles

    macs = np.array([float(sum(layer.macs for layer in network.layers)) for network in networks])
    by_way = {"MACs": macs, "nearest core's table": cycles(found.nearest.core), "descriptor": cycles(described_core(found.descriptor))}
    return _Ways(cycles(known[core].core), by_way)


def _learn(ways: _Ways, way: str, runs: int) -> list[float]:
    """Return errors of the networks that were not measured, over all draws of those that were."""
    predicted, true = ways.by_way[way], ways.true
    if not runs:
        return [] if way == "MACs" else np.abs(predicted / true - 1.0).tolist()
    generator = np.random.default_rng(_SEED)
    errors: list[float] = []
    for _ in range(_DRAWS):
        order = generator.permutation(true.size)
        measured, left = order[:runs], order[runs:]
        ratio = predicted[measured] / true[measured]
        factor = ratio.sum() / (ratio**2).sum()
        errors += np.abs(factor * predicted[left] / true[left] - 1.0).tolist()
    return errors
