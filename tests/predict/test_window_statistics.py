"""Rises of running maxima and sums over taps against sums over every window."""

import numpy as np
import pytest

from instsim.model.layer import Layer, same_padding
from instsim.predict.quantities import Quantities

GENERATOR = np.random.default_rng(5)


def _layers(count):
    for _ in range(count):
        height, width, kh, kw, sh, sw = (int(value) for value in GENERATOR.integers(1, 14, 6))
        same = bool(GENERATOR.random() < 0.6)
        if not same:
            kh, kw = min(kh, height), min(kw, width)
        shape = same_padding(height, kh, sh, same=same), same_padding(width, kw, sw, same=same)
        yield Layer(
            "MAX_POOL_2D", height, width, 3, *shape, 3, kernel_height=kh, kernel_width=kw, stride_height=sh, stride_width=sw, same_padding=same
        )


def _taps(size, out, kernel, stride, *, same):
    before = max((out - 1) * stride + kernel - size, 0) // 2 if same else 0
    return [sum(0 <= place * stride - before + tap < size for tap in range(kernel)) for place in range(out)]


def _windows(layer):
    rows = _taps(layer.height, layer.out_height, layer.kernel_height, layer.stride_height, same=layer.same_padding)
    columns = _taps(layer.width, layer.out_width, layer.kernel_width, layer.stride_width, same=layer.same_padding)
    return [down * across for down in rows for across in columns]


@pytest.mark.parametrize("layer", list(_layers(60)))
def test_rises_are_harmonic_numbers_less_one(layer):
    true = sum(sum(1 / rank for rank in range(2, taps + 1)) for taps in _windows(layer))
    assert Quantities([layer]).quantity("MX")[0] / 1000 == pytest.approx(true, rel=0.001, abs=0.003 * len(_windows(layer)))


def test_rises_are_those_of_a_running_maximum():
    values = np.random.default_rng(6).random((4000, 9))
    highest = np.maximum.accumulate(values, axis=1)
    counted = (values[:, 1:] > highest[:, :-1]).sum(axis=1).mean()
    layer = Layer("MAX_POOL_2D", 3, 3, 1, 1, 1, 1, kernel_height=3, kernel_width=3)
    assert Quantities([layer]).quantity("MX")[0] / 1000 == pytest.approx(counted, rel=0.03)


@pytest.mark.parametrize("layer", list(_layers(60)))
def test_sums_over_taps_are_those_over_every_window(layer):
    taps = np.array(_windows(layer))
    found = {name: Quantities([layer]).quantity(name)[0] for name in ("SB", "SL", "SR", "SI")}
    assert found["SB"] == sum(int(count).bit_length() for count in taps)
    assert found["SL"] / 1000 == pytest.approx(np.log(taps).sum(), abs=0.001)
    assert found["SR"] / 1000 == pytest.approx((taps**-0.5).sum(), abs=0.001)
    assert found["SI"] / 1000 == pytest.approx((1 / taps).sum(), abs=0.001)


def test_layers_are_counted_alike_alone_and_together():
    layers = list(_layers(40))
    for name in ("SB", "SL", "SR", "SI", "MX"):
        assert Quantities(layers).quantity(name).tolist() == [int(Quantities([layer]).quantity(name)[0]) for layer in layers]


def test_large_outputs_need_no_memory_of_their_size():
    layer = Layer("MAX_POOL_2D", 1 << 28, 1, 1, 1 << 28, 1, 1, kernel_height=3, same_padding=True)
    harmonic = 1 / 2 + 1 / 3
    assert Quantities([layer]).quantity("MX")[0] == pytest.approx(1000 * harmonic * (1 << 28), rel=0.001)
    assert Quantities([layer]).quantity("SB")[0] == pytest.approx(2 * (1 << 28), abs=2)
