"""Small models for sweeps."""

from __future__ import annotations

import random
from pathlib import Path

from instsim.model.layer import Layer
from instsim.model.layer_models import layers_tflite
from tests.emulate.bundled import path_of

RUNNER = path_of("dispatch-s28", "cortex-m4")
BOARD = "nucleo-l4r5zi"
PREDICTOR = "tflm-reference-cortex-m4"


def layers(seed: int) -> list[Layer]:
    draw = random.Random(seed)
    size, channels, taps = draw.choice([4, 6, 8]), draw.randint(1, 4), draw.randint(1, 3)
    found = [
        Layer("CONV_2D", size, size, 2, size, size, channels, kernel_height=taps, kernel_width=taps, same_padding=True, per_channel=True),
        Layer("RESHAPE", size, size, channels, 1, 1, size * size * channels),
        Layer("FULLY_CONNECTED", channels=size * size * channels, out_channels=seed + 2),
    ]
    return [*found, Layer("SOFTMAX", channels=seed + 2, out_channels=seed + 2)]


def model(seed: int) -> bytes:
    return layers_tflite(layers(seed), seed)


def fill(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    for seed in range(count):
        (folder / f"net{seed:03}.tflite").write_bytes(model(seed))
    return folder
