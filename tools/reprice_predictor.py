"""Give a predictor the events of today's cost models, without finding its formulas again.

Usage::

    python tools/reprice_predictor.py PREDICTOR RUNNER BOARD -o FILE

RUNNER must be the image that taught it. Only cores whose cost model has changed since are priced anew. A change that does not touch these kernels
leaves their events as they were: of events old and new, those with the smaller error on fresh layers are kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from instsim.cost import CoreTable, load_core
from instsim.errors import UsageError
from instsim.image import load_image
from instsim.model.layer import Layer
from instsim.predict.classes import count_classes
from instsim.predict.cost_stamp import cost_stamp
from instsim.predict.predictor import DISPATCH, ErrorFound, KindModel, TaughtPredictor
from instsim.predict.predictor_file import save_predictor
from instsim.predict.pricing import price_kind
from instsim.predict.repricing import reprice_kind
from instsim.predict.samples import Sample
from instsim.predict.sampling import draw_layer
from instsim.predict.training import error_found
from instsim.session.choose import choose_target
from instsim.session.predicting import load_named
from instsim.session.predictor_training import LayerTeacher
from instsim.session.request import Request
from instsim.session.settings import Settings
from instsim.session.swapping import make_runner


def _samples(teacher: LayerTeacher, kind: str, count: int, seed: int) -> list[Sample]:
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        layer = Layer(DISPATCH, height=int(generator.integers(1, 17))) if kind == DISPATCH else draw_layer(kind, generator)
        sample = teacher.run(layer, seed + number)
        if sample is not None:
            found.append(sample)
    return found


def _error(kind: KindModel, core: CoreTable, taught: TaughtPredictor, fresh: Sequence[Sample]) -> ErrorFound:
    classes = count_classes(taught.isa, fresh, [core])
    predicted = price_kind(kind, core).cycles([sample.layer for sample in fresh])
    return error_found(predicted / (classes.counts @ classes.prices(core)) - 1.0)


def _with_todays_events(old: KindModel, new: KindModel, core: str) -> KindModel:
    """Return an operator with the events of one core from its new model, and all others as they were."""
    paths = []
    for old_path, new_path in zip(old.paths, new.paths, strict=True):
        classes = [
            replace(record, events={**record.events, core: other.events[core]})
            for record, other in zip(old_path.classes, new_path.classes, strict=True)
        ]
        paths.append(replace(old_path, classes=tuple(classes)))
    return replace(old, paths=tuple(paths))


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictor")
    parser.add_argument("runner", type=Path)
    parser.add_argument("board")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=150, help="of each operator")
    parser.add_argument("--fresh", type=int, default=60, help="layers of each operator to find errors with")
    arguments = parser.parse_args()
    taught = load_named(arguments.predictor)
    image = load_image(arguments.runner)
    if image.sha256 != taught.teacher.sha256:
        raise UsageError(f"{arguments.runner} is not the image that taught {taught.name}")
    stale = [core for core in map(load_core, taught.cores) if taught.cost_stamps.get(core.name) != cost_stamp(core)]
    if not stale:
        print(f"{taught.name} has the events of today's cost models")
        return 0
    print(f"{taught.name}: {', '.join(core.name for core in stale)}", flush=True)
    request = Request(board=arguments.board, force=True)
    teacher = LayerTeacher(make_runner(image, choose_target(image, request, Settings()), request))
    kinds: dict[str, KindModel] = {}
    for name, kind in taught.kinds.items():
        samples = _samples(teacher, name, 20 if name == DISPATCH else arguments.layers, 1_000)
        repriced = reprice_kind(kind, taught.isa, samples, stale)
        fresh = _samples(teacher, name, arguments.fresh, 50_000)
        kinds[name] = kind
        for core in stale:
            kept, new = (_error(candidate, core, taught, fresh) for candidate in (kind, repriced))
            if new.mean < kept.mean:
                kinds[name] = _with_todays_events(kinds[name], repriced, core.name)
            print(f"{name} {core.name}: {kept.mean:.2%} as it was, {new.mean:.2%} with today's events", flush=True)
            if core.name == taught.cores[0]:
                kinds[name] = replace(kinds[name], error=min(kept, new, key=lambda error: error.mean))
    stamps = {core: cost_stamp(load_core(core)) for core in taught.cores}
    save_predictor(replace(taught, kinds=kinds, cost_stamps=stamps), arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
