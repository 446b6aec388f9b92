"""Search for a network under budgets of energy and memory, with instsim's figures and with multiply-accumulates instead; see docs/nas.md.

    pip install instsim 'optuna>=5'
    python tools/search_example.py --board nucleo-l4r5zi --energy-mj 10 --arena-kib 24 --flash-kib 48 --runner runner.elf

Nothing is trained: what is maximized is the number of multiply-accumulates, which stands for capacity (among networks that fit a device, those with
more operations tend to be the more accurate: Lin et al., MCUNet, NeurIPS 2020). A real search trains, or scores, where `capacity` is called.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import instsim
from instsim.model.layer import Layer
from instsim.session.predicting import PredictedNetwork, Predictor
from instsim.session.request import Request

CHANNELS = (8, 16, 24, 32, 48, 64, 96)
MOST_BLOCKS = 6
ROWS, COLUMNS, CLASSES = 49, 10, 12
REFERENCE = {"filters": 64, "taps": 4, "blocks": 4, **{f"channels{block}": 64 for block in range(4)}, **{f"kernel{block}": 3 for block in range(4)}}
"""The network of MLPerf Tiny's keyword spotting: whoever counts multiply-accumulates knows what one network costs, and scales."""


@dataclass(frozen=True)
class Budget:
    """What a network may need: joules of an inference, bytes of arena and of constants."""

    energy_j: float
    arena_bytes: int
    flash_bytes: int

    def excess(self, energy_j: float, network: PredictedNetwork) -> float:
        """Return the worst relative excess, negative within the budget."""
        return max(energy_j / self.energy_j, network.arena_bytes / self.arena_bytes, network.constant_bytes / self.flash_bytes) - 1.0


def layers_of(choices: dict[str, Any]) -> list[Layer]:
    """Return a keyword spotter of the DS-CNN family: a convolution, depthwise separable blocks, a mean and a classifier."""
    rows, columns, channels = -(-ROWS // 2), -(-COLUMNS // 2), choices["filters"]
    taps = choices["taps"]
    common: dict[str, Any] = {"same_padding": True, "activation": 1, "per_channel": True}
    first = Layer("CONV_2D", ROWS, COLUMNS, 1, rows, columns, channels, 1, 10, taps, 2, 2, **common)
    found = [first]
    for block in range(choices["blocks"]):
        size, wide = choices[f"kernel{block}"], choices[f"channels{block}"]
        found += [
            Layer("DEPTHWISE_CONV_2D", rows, columns, channels, rows, columns, channels, 1, size, size, **common),
            Layer("CONV_2D", rows, columns, channels, rows, columns, wide, **common),
        ]
        channels = wide
    return [
        *found,
        Layer("AVERAGE_POOL_2D", rows, columns, channels, 1, 1, channels, 1, rows, columns),
        Layer("RESHAPE", 1, 1, channels, 1, 1, channels),
        Layer("FULLY_CONNECTED", channels=channels, out_channels=CLASSES),
        Layer("SOFTMAX", channels=CLASSES, out_channels=CLASSES),
    ]


def choose(trial: Any) -> dict[str, Any]:
    """Let Optuna choose a network."""
    return {
        "filters": trial.suggest_categorical("filters", CHANNELS),
        "taps": trial.suggest_categorical("taps", (3, 4, 8)),
        "blocks": trial.suggest_int("blocks", 1, MOST_BLOCKS),
        # All of them, whatever the number of blocks, so that the space is the same for every trial.
        **{f"channels{block}": trial.suggest_categorical(f"channels{block}", CHANNELS) for block in range(MOST_BLOCKS)},
        **{f"kernel{block}": trial.suggest_categorical(f"kernel{block}", (3, 5)) for block in range(MOST_BLOCKS)},
    }


def capacity(network: PredictedNetwork) -> float:
    """Return what is maximized."""
    return network.macs / 1e6


def search(predictor: Predictor, budget: Budget, energy_of: Callable[[PredictedNetwork], float], trials: int, seed: int) -> list[Layer]:
    """Return the layers of the best network within the budget, by an energy that somebody believes in."""
    import optuna  # noqa: PLC0415 -- needed by this example alone

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        network = predictor.predict([layers_of(choose(trial))])[0]
        trial.set_constraint("budget", budget.excess(energy_of(network), network))
        return capacity(network)

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    try:
        # The best of those that keep to the constraint.
        return layers_of(study.best_trial.params)
    except ValueError:
        raise SystemExit("no network within the budget was found") from None


def main() -> None:
    """Search twice, and hold what was found against the firmware, if there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", default="nucleo-l4r5zi")
    parser.add_argument("--predictor")
    parser.add_argument("--runner", help="firmware in which the networks that were found are run, for the last column")
    parser.add_argument("--energy-mj", type=float, default=10.0)
    parser.add_argument("--arena-kib", type=float, default=24.0)
    parser.add_argument("--flash-kib", type=float, default=48.0)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    budget = Budget(options.energy_mj / 1e3, int(options.arena_kib * 1024), int(options.flash_kib * 1024))
    predictor = Predictor(options.predictor, Request(board=options.board), memory="ideal")
    reference = predictor.predict([layers_of(REFERENCE)])[0]
    joules_per_mac = reference.energy.value / reference.macs
    print(f"{'energy by':12}{'MACs':>12}{'energy mJ':>12}{'arena B':>10}{'flash B':>10}{'of budget':>11}{'in firmware':>13}{'seconds':>9}")
    for name, energy_of in (("instsim", lambda network: network.energy.value), ("MACs", lambda network: network.macs * joules_per_mac)):
        begun = time.monotonic()
        layers = search(predictor, budget, energy_of, options.trials, options.seed)
        seconds = time.monotonic() - begun
        network = predictor.predict([layers])[0]
        firmware = ""
        if options.runner:
            (row,) = instsim.sweep([layers], runner=options.runner, board=options.board, workers=0)
            firmware = f"{row.energy_j * 1e3:.3f}" if row.energy_j is not None else row.reason
        print(
            f"{name:12}{network.macs:12,}{network.energy.value * 1e3:12.3f}{network.arena_bytes:10,}{network.constant_bytes:10,}"
            f"{network.energy.value / budget.energy_j:11.1%}{firmware:>13}{seconds:9.1f}"
        )
        print("  " + " ".join(f"{layer.kind[0]}{layer.kernel_height}x{layer.kernel_width}:{layer.out_channels}" for layer in layers[:-4]))


if __name__ == "__main__":
    main()
