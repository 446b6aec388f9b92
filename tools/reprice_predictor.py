"""Give a predictor the events of today's cost models, without finding its formulas again.

Usage::

    python tools/reprice_predictor.py PREDICTOR RUNNER BOARD -o FILE

RUNNER must be the image that taught it. Errors on fresh layers are found anew.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from instsim.cost import list_cores
from instsim.errors import UsageError
from instsim.image import load_image
from instsim.model.layer import Layer
from instsim.predict.classes import count_classes
from instsim.predict.cost_stamp import cost_stamp
from instsim.predict.predictor import DISPATCH, KindModel
from instsim.predict.predictor_file import save_predictor
from instsim.predict.pricing import price_kind
from instsim.predict.repricing import reprice_kind
from instsim.predict.samples import Sample, join_samples
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
    request = Request(board=arguments.board, force=True)
    target = choose_target(image, request, Settings())
    teacher = LayerTeacher(make_runner(image, target, request))
    cores = [target.core, *(core for core in list_cores() if core.isa is target.core.isa and core.name != target.core.name)]
    kinds: dict[str, KindModel] = {}
    for name, kind in taught.kinds.items():
        new = reprice_kind(kind, taught.isa, _samples(teacher, name, 20 if name == DISPATCH else arguments.layers, 1_000), cores)
        fresh = _samples(teacher, name, arguments.fresh, 50_000)
        classes = count_classes(join_samples(taught.isa, fresh), cores[:1])
        true = classes.counts @ classes.prices(cores[0])
        kinds[name] = replace(new, error=error_found(price_kind(new, cores[0]).cycles([sample.layer for sample in fresh]) / true - 1.0))
        print(name, kinds[name].error, flush=True)
    priced = [
        core.name for core in cores if all(core.name in record.events for kind in kinds.values() for path in kind.paths for record in path.classes)
    ]
    save_predictor(
        replace(taught, kinds=kinds, cores=tuple(priced), cost_stamps={core.name: cost_stamp(core) for core in cores if core.name in priced}),
        arguments.output,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
