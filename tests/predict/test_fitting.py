"""Known formulas are recovered exactly from counts, and no formula is claimed where there is none."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instsim.predict.class_fitting import Observations, fit_classes
from instsim.predict.exact_fit import TermTable, information_bits
from instsim.predict.formula import Piece, evaluate, gated
from instsim.predict.gates import Gate, find_gate
from instsim.predict.paths import assign_paths, find_paths
from instsim.predict.quantities import Quantities
from instsim.predict.sampling import draw_layer
from instsim.predict.vocabulary import conditions_of, means_of, separations_of, terms_of

KIND = "DEPTHWISE_CONV_2D"
NO_CLASSES = np.zeros((60, 0), np.int64)


def _layers(count, seed, kind=KIND):
    generator = np.random.default_rng(seed)
    return [draw_layer(kind, generator) for _ in range(count)]


def _observed(layers, counts, kind=KIND, weights=None):
    quantities = Quantities(layers)
    terms, conditions, means = terms_of(kind), conditions_of(kind), means_of(kind)
    numbers: dict = {}
    return Observations(
        np.array([numbers.setdefault(layer, len(numbers)) for layer in layers]),
        np.asarray(counts, np.int64),
        np.full(np.asarray(counts).shape[1], 0.1) if weights is None else np.asarray(weights),
        np.ones(np.asarray(counts).shape[1]),
        np.stack([quantities.term(name) for name in terms], axis=1),
        terms,
        np.stack([quantities.literal(name) for name in conditions], axis=1),
        conditions,
        np.stack([quantities.term(name) for name in means], axis=1),
        means,
    )


TRAINING, FRESH = _layers(60, 1), _layers(80, 2)
SIMPLE = [term for term in terms_of(KIND)[:400] if len(np.unique(Quantities(TRAINING).term(term))) > 25]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 8), st.sampled_from(SIMPLE)), min_size=1, max_size=2, unique_by=lambda pair: pair[1]))
def test_sums_of_one_and_two_products_are_recovered(parts):
    def count(layers):
        quantities = Quantities(layers)
        return sum(factor * quantities.term(term) for factor, term in parts)

    (formula,) = fit_classes(_observed(TRAINING, count(TRAINING)[:, None]))
    assert formula.is_exact
    assert evaluate(formula.pieces, Quantities(FRESH)).tolist() == count(FRESH).tolist()


def test_a_count_under_a_condition_and_one_that_differs_on_its_two_sides():
    layers, fresh = _layers(120, 3), _layers(80, 4)

    def counts(some):
        q = Quantities(some)
        under = np.where(q.literal("C%4==0"), q.term("VY*VX*C/4"), 0)
        either = np.where(q.literal("T==1"), q.term("P*OC"), q.term("OH*KH*OW*C"))
        return np.stack([q.term("P"), under, either], axis=1)

    formulas = fit_classes(_observed(layers, counts(layers)))
    for column, formula in enumerate(formulas):
        assert formula.is_exact
        assert evaluate(formula.pieces, Quantities(fresh)).tolist() == counts(fresh)[:, column].tolist()


def test_what_differs_between_runs_of_one_layer_is_a_share_and_never_exact():
    layers = _layers(40, 5)
    layers += layers[:12]
    generator = np.random.default_rng(6)
    elements = Quantities(layers).term("P*OC")
    formulas = fit_classes(_observed(layers, np.stack([elements, generator.binomial(elements, 0.25)], axis=1)))
    assert formulas[0].is_exact
    assert not formulas[1].is_exact
    predicted, whole = evaluate(formulas[1].pieces, Quantities(FRESH)), Quantities(FRESH).term("P*OC")
    assert np.abs(predicted / whole - 0.25).max() < 0.02


def test_noise_has_no_exact_formula():
    noise = np.random.default_rng(7).integers(1, 10_000, (60, 1))
    (formula,) = fit_classes(_observed(TRAINING, noise))
    assert not formula.is_exact


def test_a_count_that_is_nearly_always_zero_is_no_evidence_for_a_formula():
    quantities = Quantities(TRAINING)
    table = TermTable(np.stack([quantities.term(term) for term in terms_of(KIND)], axis=1))
    rare = np.zeros(60, np.int64)
    rare[17] = 3
    assert information_bits(rare) < 10
    assert table.solve(rare, NO_CLASSES) is None


def test_sums_with_classes_that_are_known():
    quantities = Quantities(TRAINING)
    columns = np.stack([quantities.term(term) for term in terms_of(KIND)], axis=1)
    known = np.random.default_rng(8).integers(1, 1000, (60, 2))
    found = TermTable(columns).solve(known[:, 0] - known[:, 1] + 2 * quantities.term("P"), known)
    assert found is not None
    assert {column for _, column in found.terms if column < 0} == {-1, -2}


@pytest.mark.parametrize(
    ("literals", "negated"), [(("T==1",), False), (("KH==3", "KW==3"), False), (("M==1", "C%4==0"), True), (("!M==1", "C>=4", "T>=2"), False)]
)
def test_gates_are_found(literals, negated):
    layers, fresh = _layers(300, 9), _layers(300, 10)
    quantities, other = Quantities(layers), Quantities(fresh)
    names = conditions_of(KIND)
    wanted = quantities.gate(literals) != negated
    gate = find_gate(wanted, np.stack([quantities.literal(name) for name in names], axis=1), names)
    assert gate is not None
    assert ((other.gate(gate.literals) != gate.is_negated) == (other.gate(literals) != negated)).mean() > 0.97


def test_no_gate_for_what_no_condition_tells():
    quantities = Quantities(TRAINING)
    names = conditions_of(KIND)
    flags = np.random.default_rng(11).random(60) < 0.5
    assert find_gate(flags, np.stack([quantities.literal(name) for name in names], axis=1), names) is None


def test_the_opposite_of_a_gate_is_open_where_it_is_closed():
    quantities = Quantities(TRAINING)
    for gate in (Gate(("T==1",)), Gate(("!T==1",)), Gate(("T==1", "M==1")), Gate(("T==1", "M==1"), is_negated=True)):
        opposite = gate.opposite()
        one, other = (quantities.gate(g.literals) != g.is_negated for g in (gate, opposite))
        assert (one != other).all()
        assert opposite.opposite() == gate


def test_paths_are_told_from_the_blocks_that_ran():
    layers, fresh = _layers(200, 12), _layers(100, 13)

    def kernel(quantities):
        return np.where(quantities.gate(("KH==3", "KW==3")), 1, np.where(quantities.literal("M==1"), 2, 3))

    taken = kernel(Quantities(layers))
    ran = np.stack([np.ones(200, bool), *((taken == number) for number in (1, 1, 2, 2, 3, 3))], axis=1)
    quantities = Quantities(layers)
    names = conditions_of(KIND)
    paths = find_paths(ran, np.full(7, 40), np.stack([quantities.literal(name) for name in names], axis=1), names)
    assert len(paths) == 3
    chosen, truth = assign_paths(paths, Quantities(fresh)), kernel(Quantities(fresh))
    assert len({(a, b) for a, b in zip(chosen.tolist(), truth.tolist(), strict=True)}) == 3


def test_what_follows_data_is_told_apart_where_conditions_say_so():
    generator = np.random.default_rng(14)
    layers = [draw_layer("ADD", generator) for _ in range(200)]
    names, separations = conditions_of("ADD"), separations_of("ADD")
    quantities = Quantities(layers)
    conditions = np.stack([quantities.literal(name) for name in names], axis=1)
    ran = np.ones((200, 3), bool)
    assert find_paths(ran, np.full(3, 40), conditions, names) == ((),)
    paths = find_paths(ran, np.full(3, 40), conditions, names, {name: quantities.literal(name) for name in separations})
    chosen = assign_paths(paths, quantities)
    assert len({(path, layer.rectified) for path, layer in zip(chosen.tolist(), layers, strict=True)}) == len(paths) == 3


def test_a_negated_gate_takes_away_what_lies_inside():
    quantities = Quantities(TRAINING)
    pieces = (Piece((), ((2.0, "P"),)),)
    literals = ("T==1", "M==1")
    expected = np.where(quantities.gate(literals), 0, 2 * quantities.term("P"))
    assert evaluate(gated(pieces, literals, negated=True), quantities).tolist() == expected.tolist()


def _divide(dividend, divisor):
    return 2 if not dividend else 5 if dividend.bit_length() == divisor.bit_length() else 3


def test_what_a_divide_by_the_number_of_outputs_takes():
    """On a Cortex-M4 the number of an output's group divided by all: by the widths of both, which are equal from the largest power of two on."""
    layers, fresh = _layers(120, 15, "CONV_2D"), _layers(60, 16, "CONV_2D")

    def counts(some):
        divides = [sum(_divide(number, layer.out_channels) for number in range(layer.out_channels)) for layer in some]
        places = Quantities(some).quantity("P")
        return np.stack([places, places * [layer.out_channels for layer in some], places * divides], axis=1)

    *_, formula = fit_classes(_observed(layers, counts(layers), "CONV_2D"))
    assert formula.is_exact
    assert evaluate(formula.pieces, Quantities(fresh)).tolist() == counts(fresh)[:, 2].tolist()
