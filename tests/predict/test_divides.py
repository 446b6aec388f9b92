"""Divides whose time depends on their operands are counted by their cycles, layer by layer."""

import numpy as np
import pytest

from instsim.cost import load_core
from instsim.dynamics.divider import divider_cycles, pack_operands
from instsim.model.layer import Layer
from instsim.predict.classes import DIVIDE_PREFIX, count_classes
from instsim.predict.samples import Sample
from instsim.profile.block_profile import DividerUse

START = 0x0800_0000
SDIV_AND_RETURN = bytes.fromhex("90fbf1f07047")
"""``sdiv r0, r0, r1`` and ``bx lr``."""

CORE = load_core("cortex-m4")


def _sample(keys):
    """Return what a layer executed whose divides met some operands."""
    met, counts = np.unique(np.array(keys, np.int64), return_counts=True)
    return Sample(
        Layer("MEAN"),
        np.array([START]),
        np.array([len(SDIV_AND_RETURN)]),
        np.array([len(keys)]),
        np.array([0]),
        SDIV_AND_RETURN,
        bytes(16),
        dividers=(DividerUse(START, met, counts.astype(np.int64)),),
    )


def _cycles(samples):
    classes = count_classes(CORE.isa, samples, [CORE])
    return classes, classes.counts @ classes.prices(CORE)


def test_each_layer_is_charged_for_its_own_operands():
    short, long = pack_operands(3, 2, signed=True), pack_operands(1 << 30, 3, signed=True)
    own = divider_cycles(CORE.divider.model, np.array([short, long]), CORE.divider.parameters)
    assert own[0] < own[1]
    layers = [[short] * 10, [long] * 10, [short] * 4 + [long] * 6]
    _, cycles = _cycles([_sample(keys) for keys in layers])
    _, alone = _cycles([_sample([short] * 10)])
    others = alone[0] - 10 * own[0]
    assert cycles == pytest.approx([others + sum(own[int(key == long)] for key in keys) for keys in layers])


def test_a_divide_that_always_takes_the_same_is_counted_like_anything_else():
    key = pack_operands(100, 7, signed=True)
    classes, _ = _cycles([_sample([key] * count) for count in (3, 5, 9)])
    (events,) = classes.events[CORE.name]
    assert events[f"{DIVIDE_PREFIX}{START:#x}"] == 1
    assert classes.counts.ravel().tolist() == [3, 5, 9]
