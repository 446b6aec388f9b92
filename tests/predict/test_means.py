"""What data decide is found in the mean, and what they scatter is told."""

import numpy as np
import pytest

from instsim.model.layer import Layer
from instsim.predict.means import data_spread, fit_means
from instsim.predict.quantities import Quantities
from instsim.predict.sampling import draw_layer
from instsim.predict.vocabulary import means_of


def _layers(kind, count, seed):
    generator = np.random.default_rng(seed)
    return [draw_layer(kind, generator) for _ in range(count)]


def _columns(kind, layers):
    quantities = Quantities(layers)
    return np.stack([quantities.term(name) for name in means_of(kind)], axis=1)


def _predicted(found, columns):
    return sum(factor * columns[:, place] for factor, place in found)


def test_a_branch_whose_chance_depends_on_the_activation():
    layers, fresh = _layers("ADD", 240, 1), _layers("ADD", 100, 2)
    generator = np.random.default_rng(3)

    def chance(some):
        return np.array([{0: 0.1, 1: 0.5, 3: 0.7}[layer.activation] for layer in some])

    elements = np.array([layer.output_elements for layer in layers])
    counts = generator.binomial(elements, chance(layers))[:, None]
    (found,) = fit_means(counts, np.ones(1), np.arange(len(layers)), _columns("ADD", layers))
    true = chance(fresh) * [layer.output_elements for layer in fresh]
    assert np.abs(_predicted(found, _columns("ADD", fresh)) / true - 1).max() < 0.02


def test_both_sides_of_a_branch_add_up_to_what_is_exact():
    layers = _layers("FULLY_CONNECTED", 150, 4)
    outputs = Quantities(layers).quantity("Q")
    taken = np.random.default_rng(5).binomial(outputs, 0.3)
    columns = _columns("FULLY_CONNECTED", layers)
    one, other = fit_means(np.stack([taken, outputs - taken], axis=1), np.array([12.0, 1.0]), np.arange(150), columns)
    assert _predicted(one, columns) + _predicted(other, columns) == pytest.approx(outputs, rel=1e-9)


def test_the_largest_of_a_row_is_no_more_than_one():
    """Of the elements of a softmax one is the largest, which takes another path: a constant for each row beside a share of all."""
    layers = _layers("SOFTMAX", 200, 6)
    fresh = [Layer("SOFTMAX", width=rows, channels=classes) for rows, classes in ((1, 1), (30, 1), (1, 2), (1, 100))]
    quantities = Quantities(layers)
    rows, classes = quantities.quantity("R"), quantities.quantity("C")
    counts = (rows + np.random.default_rng(7).binomial(rows * (classes - 1), 0.9))[:, None]
    (found,) = fit_means(counts, np.ones(1), np.arange(len(layers)), _columns("SOFTMAX", layers))
    assert _predicted(found, _columns("SOFTMAX", fresh)) == pytest.approx([1, 30, 1.9, 90.1], rel=0.03)


def test_noise_takes_few_columns():
    layers = _layers("DEPTHWISE_CONV_2D", 120, 8)
    counts = np.random.default_rng(9).binomial(Quantities(layers).quantity("Q"), 0.5)[:, None]
    (found,) = fit_means(counts, np.ones(1), np.arange(120), _columns("DEPTHWISE_CONV_2D", layers))
    assert [means_of("DEPTHWISE_CONV_2D")[place] for _, place in found] == ["Q"]


def test_what_never_ran_is_nothing():
    assert fit_means(np.zeros((30, 2), np.int64), np.ones(2), np.arange(30), np.ones((30, 3), np.int64)) == ((), ())


def test_spread_is_the_variance_of_a_layer_over_its_mean():
    generator = np.random.default_rng(10)
    sizes = generator.integers(50, 5_000, 300)
    cycles = np.concatenate([100.0 * sizes + 10 * generator.binomial(sizes, 0.5) for _ in range(2)])
    expected = 100 * sizes * 0.25 / (105 * sizes)
    assert data_spread(cycles, np.tile(np.arange(300), 2)) == pytest.approx(expected.mean(), rel=0.15)
    assert data_spread(cycles[:300], np.arange(300)) == 0.0
