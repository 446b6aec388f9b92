"""Judge a predictor on layers and networks that it was not taught, beside simpler ways, and write the section of ``docs/prediction.md``.

Usage::

    python tools/predictor_study.py --runner runner.elf --predictor FILE --board BOARD [--networks 200] [--model FILE.tflite]...
    python tools/predictor_study.py --followed-only --runner runner.elf --predictor FILE --board BOARD
    python tools/predictor_study.py --page            # write docs/prediction.md from docs/prediction.json

The truth is the simulator at ideal memory: every layer and every network is run in the runner; networks are run with the board's memories, too, where
the predictor was taught what they add (``--followed-only``: nothing else, as for further boards, in a runner that fits them). Beside the
predictor stand cycles in proportion to multiply-accumulates (the best factor, found on the very networks) and a random forest on the dimensions
(scikit-learn; taught on as many layers of each operator as the predictor). Further layers are run on several inputs each: what
one run is off from their mean, no predictor can know.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from prediction.networks import KNOWN_NETWORKS, draw_network
from prediction.page import page
from prediction.scatter import scatter

from instsim.cost import CostModel
from instsim.errors import SwapError
from instsim.image import load_image
from instsim.model.layer import Layer, LayerNetwork
from instsim.model.layer_models import layers_tflite
from instsim.model.layer_reading import read_layers
from instsim.predict.predictor import DISPATCH
from instsim.predict.sampling import draw_layer
from instsim.session.choose import choose_target
from instsim.session.memories import MemorySimulation, memory_use_of
from instsim.session.predicting import Predictor, load_named
from instsim.session.request import Request
from instsim.session.settings import Settings
from instsim.session.swapping import make_runner
from instsim.swap.runner import ModelRunner

_ROOT = Path(__file__).resolve().parent.parent
_PAGE, _FIGURES = _ROOT / "docs" / "prediction.md", _ROOT / "docs" / "prediction.json"
_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "MAX_POOL_2D", "ADD", "SOFTMAX")
_FOREST_LAYERS = 200
_SEED = 20_000

Floats = npt.NDArray[np.float64]


class _Study:
    def __init__(self, runner: Path, predictor: str, board: str) -> None:
        self.request = Request(board=board, force=True, memory="ideal")
        self._image = load_image(runner)
        self.target = choose_target(self._image, self.request, Settings())
        self.runner: ModelRunner = make_runner(self._image, self.target, self.request)
        self.predictor = Predictor(load_named(predictor), self.request)
        self.with_stalls = Predictor(self.predictor.taught, Request(board=board, force=True))
        self.costs = CostModel(self.target.core)

    def run(self, model: bytes, seed: int) -> tuple[Floats, int]:
        """Return the cycles of dispatch and of every operator in order of the model, and the arena in use."""
        result = self.runner.run(model, seed=seed)
        rows = self.costs.price(result.profile).cycles.sum(axis=1)
        cycles = np.zeros(1 + len(result.profile.kernels))
        cycles[0] = rows[0]
        for row, kernel in zip(rows[1:], result.profile.kernels, strict=True):
            cycles[1 + kernel.index] = row
        return cycles, result.profile.run.arena_used_bytes or 0

    def followed(self, models: Sequence[bytes]) -> dict[str, Any]:
        """Return errors of predictions with stalls on networks run with the board's memories, and those of predictions without."""
        simulations: list[MemorySimulation] = []
        runner = make_runner(self._image, self.target, Request(force=True), on_memory=simulations.append)
        true = []
        for number, model in enumerate(models):
            result = runner.run(model, seed=number)
            use = memory_use_of(simulations[-1].attach(result.profile), self.target)
            true.append(self.costs.price(result.profile, memory=use).total_cycles)
        networks = [read_layers(model) for model in models]
        predicted = self.with_stalls.predict(networks)
        half = [network.predictor_error for network in predicted]
        return {
            "networks": len(models),
            "predictor": _errors(predicted.cycles, np.array(true)),
            "ideal": _errors(self.predictor.predict(networks).cycles, np.array(true)),
            "covered": float(np.mean(np.abs(predicted.cycles / np.array(true) - 1) <= np.array(half))),
        }

    def layers(self, kind: str, count: int, seed: int) -> tuple[list[Layer], Floats]:
        generator = np.random.default_rng(seed)
        found, cycles = [], []
        for number in range(count):
            layer = draw_layer(kind, generator)
            try:
                rows, _ = self.run(layers_tflite([layer], seed + number), seed + number)
            except SwapError:
                continue
            found.append(layer)
            cycles.append(rows[1])
        return found, np.array(cycles)

    def run_layer(self, layer: Layer, weights_seed: int, inputs_seed: int) -> float:
        """Return the cycles of one layer's kernel."""
        profile = self.runner.run(layers_tflite([layer], weights_seed), seed=inputs_seed).profile
        return float(self.costs.price(profile).cycles.sum(axis=1)[1])

    def predict_layers(self, layers: Sequence[Layer]) -> Floats:
        costs = self.predictor.predict([[layer] for layer in layers]).costs
        return np.asarray(costs.cycles - costs.dispatch_cycles)


def _features(layers: Sequence[Layer]) -> Floats:
    numbers = np.array([layer[1:22] for layer in layers], np.float64)
    derived = np.array([[layer.macs, layer.output_elements, layer.input_elements] for layer in layers], np.float64)
    return np.concatenate([numbers, np.log1p(derived), numbers[:, [2, 5]] % 2, numbers[:, [2, 5]] % 4], axis=1)


class _Forest:
    """A random forest for each operator, on the logarithm of the cycles."""

    def __init__(self, taught: dict[str, tuple[list[Layer], Floats]]) -> None:
        from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415 -- only for this comparison

        self._models = {
            kind: RandomForestRegressor(300, random_state=0, n_jobs=1).fit(_features(layers), np.log(cycles))
            for kind, (layers, cycles) in taught.items()
        }

    def layer(self, layer: Layer) -> float:
        model = self._models.get(layer.kind)
        return 0.0 if model is None else float(np.exp(model.predict(_features([layer]))[0]))

    def layers(self, kind: str, layers: Sequence[Layer]) -> Floats:
        return np.asarray(np.exp(self._models[kind].predict(_features(layers))))


def _errors(predicted: Floats, true: Floats) -> dict[str, float]:
    errors = np.abs(predicted / true - 1)
    return {
        "mean": float(errors.mean()),
        "p95": float(np.percentile(errors, 95)),
        "largest": float(errors.max()),
        "within_1": float((errors <= 0.01).mean()),
        "within_5": float((errors <= 0.05).mean()),
    }


def _best_factor(sizes: Floats, true: Floats) -> Floats:
    """Return sizes times the factor with the least mean relative error."""
    ratios = np.sort(true / np.maximum(sizes, 1))
    factor = min(ratios.tolist(), key=lambda ratio: float(np.abs(sizes * ratio / true - 1).mean()))
    return np.asarray(sizes * factor)


def _ranks(values: Floats) -> Floats:
    ranks = np.empty(values.size)
    ranks[np.argsort(values, kind="stable")] = np.arange(values.size)
    return ranks


def _rank_correlation(first: Floats, second: Floats) -> float:
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def study(work: _Study, options: argparse.Namespace) -> dict[str, Any]:
    """Run everything at ideal memory; return the figures of one predictor."""
    taught = work.predictor.taught
    kinds = [kind for kind in _KINDS if kind in taught.kinds and kind in work.runner.facts.operators]
    by_kind: dict[str, Any] = {}
    for_forest = {kind: work.layers(kind, _FOREST_LAYERS, _SEED) for kind in kinds}
    forest = _Forest(for_forest)
    for kind in kinds:
        layers, true = work.layers(kind, options.layers, 2 * _SEED)
        sizes = np.array([layer.macs or layer.output_elements for layer in layers], np.float64)
        by_kind[kind] = {
            "layers": len(layers),
            "predictor": _errors(work.predict_layers(layers), true),
            "macs": _errors(_best_factor(sizes, true), true),
            "forest": _errors(forest.layers(kind, layers), true),
            "data": scatter(kind, options.layers, work.run_layer, work.predictor),
        }
        print(kind, by_kind[kind]["predictor"], by_kind[kind]["data"], flush=True)
    named = {name: layers_tflite(make(), 1) for name, make in KNOWN_NETWORKS.items()}
    named |= {path.name: path.read_bytes() for path in options.model}
    drawn = _drawn(options.networks)
    rows = {name: _network(work, forest, model, 3) for name, model in named.items()}
    for name, row in rows.items():
        print(name, row, flush=True)
    random = [_network(work, forest, model, number) for number, model in enumerate(drawn)]
    true = np.array([row["cycles"] for row in random])
    columns = {name: np.array([row[name] for row in random]) for name in ("predictor", "macs", "forest")}
    columns["macs"] = _best_factor(columns["macs"], true)
    speeds = _speeds(work, drawn)
    return {
        "name": taught.name,
        "kernels": taught.teacher.kernels,
        "core": work.target.core.name,
        "board": work.target.board.name,
        "layers": by_kind,
        "taught": {kind: sum(path.samples for path in taught.kinds[kind].paths) for kind in (*kinds, DISPATCH)},
        "networks": rows,
        "random": {
            "networks": len(random),
            **{name: {**_errors(values, true), "rank_correlation": _rank_correlation(values, true)} for name, values in columns.items()},
            "covered": float(np.mean([abs(row["predictor"] / row["cycles"] - 1) <= row["interval"] for row in random])),
            "arena_error": float(np.mean([abs(row["arena_predicted"] / row["arena"] - 1) for row in random])),
        },
        "speeds": speeds,
        "beside": {other: _beside(other, work, drawn, true) for other in options.beside},
    }


def _beside(name: str, work: _Study, drawn: Sequence[bytes], true: Floats) -> dict[str, float]:
    """Return the errors of another predictor of the core on the same networks."""
    other = Predictor(load_named(name), work.request)
    return _errors(other.predict([read_layers(model) for model in drawn]).cycles, true)


def _drawn(count: int) -> list[bytes]:
    """Return networks drawn at random, the same ones at each call."""
    generator = np.random.default_rng(7)
    return [layers_tflite(draw_network(generator), number) for number in range(count)]


def _network(work: _Study, forest: _Forest, model: bytes, seed: int) -> dict[str, float]:
    rows, arena = work.run(model, seed)
    network: LayerNetwork = read_layers(model)
    predicted = work.predictor.predict([network])[0]
    return {
        "cycles": float(rows.sum()),
        "predictor": predicted.cycles,
        "interval": predicted.predictor_error,
        "macs": float(predicted.macs),
        "forest": float(rows[0]) + sum(forest.layer(layer) for layer in network.layers),
        "arena": arena,
        "arena_predicted": predicted.arena_bytes,
    }


def _speeds(work: _Study, drawn: Sequence[bytes]) -> dict[str, float]:
    """Return models a second, of processor time, from layers and from files."""
    generator = np.random.default_rng(11)
    layers = [draw_network(generator) for _ in range(2_000)]
    work.predictor.predict(layers[:10])
    start = time.process_time()
    work.predictor.predict(layers)
    from_layers = len(layers) / (time.process_time() - start)
    start = time.process_time()
    work.predictor.predict(drawn)
    return {"from_layers": from_layers, "from_files": len(drawn) / (time.process_time() - start)}


def _known_figures() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(_FIGURES.read_text("utf-8")) if _FIGURES.is_file() else {}
    return known


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", type=Path, help="firmware that the predictor was taught on")
    parser.add_argument("--predictor", help="file, or name of one that comes with instsim")
    parser.add_argument("--board")
    parser.add_argument("--layers", type=int, default=200, help="fresh layers of each operator")
    parser.add_argument("--networks", type=int, default=200, help="networks drawn at random")
    parser.add_argument("--followed", type=int, default=60, help="networks run with the board's memories, where the predictor was taught stalls")
    parser.add_argument("--followed-only", action="store_true", help="run nothing but these, and keep the other figures")
    parser.add_argument("--model", type=Path, action="append", default=[], help="further .tflite files")
    parser.add_argument("--beside", action="append", default=[], help="another predictor with prices for the core, taught on another build")
    parser.add_argument("--page", action="store_true", help="write the page only")
    arguments = parser.parse_args()
    if not arguments.page:
        work = _Study(arguments.runner, arguments.predictor, arguments.board)
        taught, memory = work.predictor.taught, work.with_stalls.memory
        found = None if arguments.followed_only else study(work, arguments)
        followed = {memory: work.followed(_drawn(arguments.followed))} if memory is not None and arguments.followed else {}
        # Other predictors may have been judged meanwhile.
        figures = _known_figures()
        stalls = figures.get(taught.name, {}).get("stalls", {}) | followed
        figures[taught.name] = (found or figures[taught.name]) | {
            "stalls": {name: stalls[name] for name in sorted(stalls) if name in taught.memories}
        }
        _FIGURES.write_text(json.dumps(dict(sorted(figures.items())), indent=1) + "\n", "utf-8")
        print(followed)
    _PAGE.write_text(page(_known_figures()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
