"""Quantities of layers against their definition, place by place."""

import numpy as np
import pytest

from instsim.errors import PredictorError
from instsim.model.layer import Layer, same_padding
from instsim.predict.quantities import QUANTITIES, Quantities
from instsim.predict.sampling import draw_layer
from instsim.predict.vocabulary import conditions_of, means_of, terms_of


def _axis(size, out, kernel, stride, same):
    pad = max((out - 1) * stride + kernel - size, 0) // 2 if same else 0
    inside = before = behind = clipped_before = clipped_behind = clipped = 0
    for place in range(out):
        taps = [place * stride - pad + tap for tap in range(kernel)]
        inside += sum(0 <= tap < size for tap in taps)
        before += sum(tap < 0 for tap in taps)
        behind += sum(tap >= size for tap in taps)
        clipped_before += taps[0] < 0
        clipped_behind += taps[-1] >= size
        clipped += taps[0] < 0 or taps[-1] >= size
    used = {tap for place in range(out) for tap in range(kernel) if 0 <= place * stride - pad + tap < size}
    first = sum(place * stride - pad <= 0 for place in range(out))
    last = sum(place * stride - pad + kernel >= size for place in range(out))
    rest = max(size - ((out - 1) * stride - pad + kernel), 0)
    return inside, before, behind, clipped_before, clipped_behind, clipped, pad, out - clipped, len(used), first, last, rest


def test_taps_and_clipped_windows_are_counted_as_by_hand():
    generator = np.random.default_rng(1)
    layers, rows, columns = [], [], []
    for _ in range(400):
        height, width, kh, kw, sh, sw = (int(v) for v in generator.integers(1, 12, 6))
        same = bool(generator.random() < 0.6)
        if not same:
            kh, kw = min(kh, height), min(kw, width)
        oh, ow = same_padding(height, kh, sh, same=same), same_padding(width, kw, sw, same=same)
        layers.append(
            Layer("CONV_2D", height, width, 1, oh, ow, 1, kernel_height=kh, kernel_width=kw, stride_height=sh, stride_width=sw, same_padding=same)
        )
        rows.append(_axis(height, oh, kh, sh, same))
        columns.append(_axis(width, ow, kw, sw, same))
    quantities = Quantities(layers)
    for axis, expected in (("Y", rows), ("X", columns)):
        for place, name in enumerate(("V", "N", "P", "E", "F", "G", "PAD", "I", "U", "B", "D", "Z")):
            assert quantities.quantity(name + axis).tolist() == [row[place] for row in expected], name + axis


def test_atoms_terms_and_literals():
    quantities = Quantities([Layer("CONV_2D", channels=channels, out_channels=6) for channels in (3, 4, 22, 70)])
    assert quantities.term("C/4").tolist() == [0, 1, 5, 17]
    assert quantities.term("C%4*OC").tolist() == [18, 0, 12, 12]
    assert quantities.term("C%16/4").tolist() == [0, 1, 1, 1]
    assert quantities.term("[C%4==2]").tolist() == [0, 0, 1, 1]
    assert quantities.term("[C>=16]*OC").tolist() == [0, 0, 6, 6]
    assert quantities.literal("C%4==0").tolist() == [False, True, False, False]
    assert quantities.literal("!C>=22").tolist() == [True, True, False, False]
    assert quantities.gate(("C>=4", "!C%4==0")).tolist() == [False, False, True, True]


@pytest.mark.parametrize("text", ["nonsense", "C%0", "C/0", "X Y", "__import__('os')", "[C>4]", "C**OC", "", "ZZ"])
def test_what_is_no_term_is_refused(text):
    with pytest.raises(PredictorError):
        Quantities([Layer("CONV_2D")]).term(text)


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "SOFTMAX", "PAD", "CONCATENATION", "(dispatch)"])
def test_every_word_of_the_vocabulary_means_something(kind):
    generator = np.random.default_rng(2)
    layers = [Layer(kind, height=4)] if kind == "(dispatch)" else [draw_layer(kind, generator) for _ in range(30)]
    quantities = Quantities(layers)
    assert terms_of(kind)[0] == "1"
    for term in (*terms_of(kind), *means_of(kind)):
        assert quantities.term(term).shape == (len(layers),)
    for condition in conditions_of(kind):
        assert quantities.literal(condition).dtype == bool


def test_taking_some_layers_gives_their_quantities():
    generator = np.random.default_rng(3)
    layers = [draw_layer("CONV_2D", generator) for _ in range(20)]
    whole, part = Quantities(layers), Quantities(layers).take(np.array([3, 7, 11]))
    for name in QUANTITIES:
        assert part.quantity(name).tolist() == whole.quantity(name)[[3, 7, 11]].tolist()
