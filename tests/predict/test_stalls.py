"""Stalls as sums over the classes that a predictor knows."""

from dataclasses import replace

import numpy as np
import pytest

from instsim.cost import load_core
from instsim.dynamics.memory_system import Cache
from instsim.predict.formula import Formula, Piece
from instsim.predict.gates import Gate
from instsim.predict.predictor import ClassRecord, KindModel, PathModel
from instsim.predict.pricing import price_kind
from instsim.predict.quantities import Quantities
from instsim.predict.sampling import draw_layer
from instsim.predict.stall_fitting import LayerStalls, fit_stalls

CORE = load_core("cortex-m4")
MEMORY = "flash of five wait states"
CACHE = Cache("data lines", line_bytes=32, sets=1, ways=8)


def _record(term):
    return ClassRecord((0x1000,), Formula((Piece((), ((1.0, term),)),)), {CORE.name: {"class:alu": 20.0}})


KIND = KindModel(
    "CONV_2D",
    (
        PathModel((Gate(("T==1",)),), (_record("P*OC*C"), _record("P*OC")), 50, 0.0),
        PathModel((Gate(("!T==1",)),), (_record("VY*VX*C*OC"), _record("P*OC"), _record("P*K")), 50, 0.0),
    ),
    {},
    {},
    None,
    "",
)


def _layers(count, seed):
    generator = np.random.default_rng(seed)
    return [draw_layer("CONV_2D", generator) for _ in range(count)]


def _stalls(quantities):
    """A line for each turn of one loop, the weights again for each pixel where they are larger than the cache, and a cold start."""
    loops = np.where(quantities.literal("T==1"), 1.5 * quantities.term("P*OC"), 0.5 * quantities.term("P*K"))
    reread = np.where(quantities.literal(f"K*OC>={CACHE.size_bytes + 1}"), 2.0 * quantities.term("P*OC"), 0)
    return 300 + loops + reread


def _runs(layers):
    quantities = Quantities(layers)
    ideal, stalls = price_kind(KIND, CORE).of(quantities), _stalls(quantities)
    return [LayerStalls(*row) for row in zip(layers, ideal.tolist(), stalls.tolist(), strict=True)]


def test_waits_of_loops_cold_starts_and_caches_are_recovered():
    model = fit_stalls(KIND, CORE, _runs(_layers(300, 1)), [CACHE])
    fresh = _runs(_layers(100, 2))
    together = price_kind(replace(KIND, stalls={MEMORY: model}), CORE, MEMORY).cycles([run.layer for run in fresh])
    errors = np.abs(together / np.array([run.cycles + run.stalls for run in fresh]) - 1)
    assert errors.mean() < 0.002
    assert model.layers == 300
    assert 0 < model.share < 1


def test_waits_are_never_negative():
    runs = [LayerStalls(run.layer, run.cycles, max(0.0, run.stalls - 0.2 * run.cycles)) for run in _runs(_layers(200, 3))]
    model = fit_stalls(KIND, CORE, runs, [CACHE])
    assert all(value > 0 for pieces in model.pieces for piece in pieces for value, _ in piece.terms)


def test_a_path_that_was_hardly_run_takes_the_share_of_its_cycles():
    runs = [run for run in _runs(_layers(200, 4)) if run.layer.kernel_height * run.layer.kernel_width > 1]
    model = fit_stalls(KIND, CORE, runs, [CACHE])
    share = sum(run.stalls for run in runs) / sum(run.cycles for run in runs)
    (piece,) = model.pieces[0]
    assert {term: value for value, term in piece.terms}["P*OC*C"] == pytest.approx(share * price_kind(KIND, CORE).pieces[0][0].terms[0][0])


def test_without_a_memory_that_was_taught_nothing_is_added():
    model = fit_stalls(KIND, CORE, _runs(_layers(100, 5)), [CACHE])
    taught = replace(KIND, stalls={MEMORY: model})
    layers = _layers(20, 6)
    ideal = price_kind(KIND, CORE).cycles(layers)
    assert price_kind(taught, CORE).cycles(layers).tolist() == ideal.tolist()
    assert price_kind(taught, CORE, "another flash").cycles(layers).tolist() == ideal.tolist()
    assert (price_kind(taught, CORE, MEMORY).cycles(layers) > ideal).all()


def test_weights_that_a_cache_holds_are_waited_for_once_and_larger_ones_by_every_output():
    cache = Cache("unified", line_bytes=32, sets=64, ways=8)
    layers = [layer for layer in _layers(500, 4) if layer.has_bias]
    quantities = Quantities(layers)
    once, again = quantities.term("UY*UX*C*OC"), quantities.term("RE*C*OC")
    stalls = 9.5 * (once + np.where(quantities.literal(f"KV*OC>={cache.size_bytes + 1}"), again, 0))
    ideal = price_kind(KIND, CORE).of(quantities)
    model = fit_stalls(KIND, CORE, [LayerStalls(*row) for row in zip(layers, ideal.tolist(), stalls.tolist(), strict=True)], [cache])
    networks = _layers(200, 5)
    quantities = Quantities(networks)
    true = 9.5 * (quantities.term("UY*UX*C*OC") + np.where(quantities.literal(f"KV*OC>={cache.size_bytes + 1}"), quantities.term("RE*C*OC"), 0))
    added = price_kind(replace(KIND, stalls={MEMORY: model}), CORE, MEMORY).of(quantities) - price_kind(KIND, CORE).of(quantities)
    assert (np.abs(added - true) <= 0.01 * true).mean() > 0.97


def test_a_path_with_few_layers_takes_what_weights_add_from_the_others():
    cache = Cache("unified", line_bytes=32, sets=16, ways=8)

    def runs(layers):
        quantities = Quantities(layers)
        reread = np.where(quantities.literal(f"KV*OC>={cache.size_bytes + 1}"), 4.0 * quantities.term("RE*C*OC"), 0)
        stalls = 4.0 * quantities.term("UY*UX*C*OC") + reread
        return [LayerStalls(*row) for row in zip(layers, price_kind(KIND, CORE).of(quantities).tolist(), stalls.tolist(), strict=True)]

    layers = _layers(600, 6)
    pointwise = [layer for layer in layers if layer.kernel_height == layer.kernel_width == 1]
    small, large = ([layer for layer in pointwise if (layer.channels * layer.out_channels <= cache.size_bytes) == fits] for fits in (True, False))
    others = [layer for layer in layers if layer.kernel_height * layer.kernel_width > 1]
    model = fit_stalls(KIND, CORE, runs([*others, *small[:30], *large[:2]]), [cache])
    fresh = runs(large[2:])
    together = price_kind(replace(KIND, stalls={MEMORY: model}), CORE, MEMORY).cycles([run.layer for run in fresh])
    errors = np.abs(together / np.array([run.cycles + run.stalls for run in fresh]) - 1)
    assert errors.mean() < 0.02
