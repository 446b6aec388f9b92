"""How many networks a second predictors predict from layer descriptions, on one core.

    python tools/prediction_benchmark.py [PREDICTOR BOARD ...] [--networks 2000] [--repeats 5] [--rounds 3]

Networks are drawn at random (`tools/prediction/networks.py`): some ten layers each, two thirds of which no other network has. Processor time of
`Predictor.predict`, layers to intervals of latency and energy, the best of the repeats; all predictors are timed in each round. Bound: 10,000.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import product

import numpy as np
from prediction.networks import draw_network

from instsim.session.predicting import Predictor

_SHIPPED = ("tflm-reference-cortex-m4", "nucleo-l4r5zi", "tflm-cmsis-nn-cortex-m4", "nucleo-l4r5zi", "tflm-reference-rv32imc", "esp32-c3")


def main() -> int:
    """Read the command line, predict, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", metavar="PREDICTOR BOARD", default=_SHIPPED)
    parser.add_argument("--networks", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if len(options.places) % 2:
        parser.error("give a predictor and a board, in turn")
    generator = np.random.default_rng(11)
    networks = [draw_network(generator) for _ in range(options.networks)]
    predictors = {name: Predictor(name, board=board, memory="ideal") for name, board in zip(options.places[::2], options.places[1::2], strict=True)}
    best = dict.fromkeys(predictors, 0.0)
    for _, (name, predictor) in product(range(options.rounds), predictors.items()):
        for _ in range(options.repeats):
            started = time.process_time()
            predictor.predict(networks)
            best[name] = max(best[name], options.networks / (time.process_time() - started))
    for name, rate in best.items():
        print(f"{name:32} {rate:9,.0f} networks a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
