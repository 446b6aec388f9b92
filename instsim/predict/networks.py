"""Costs of many networks at once, from a predictor priced for a core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from instsim.model.layer import Layer, LayerNetwork
from instsim.predict.arena import buffers_of, planned_bytes, planning_bytes
from instsim.predict.formula import evaluate
from instsim.predict.predictor import DISPATCH, KindModel, TaughtPredictor
from instsim.predict.pricing import PricedKind
from instsim.predict.quantities import Quantities

__all__ = ["DomainFlag", "LayerCosts", "NetworkCosts", "cost_networks", "domain_reason"]

_INPUTS = Layer._fields.index("inputs")
_FALLBACK_SD = 0.05
_P95_IN_SD = 1.96

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class DomainFlag(IntEnum):
    """How a layer lies to what was taught."""

    INSIDE = 0
    """Every dimension within the range of the taught layers."""
    BEYOND = 1
    """A dimension is larger or smaller than any taught: the formulas are extended."""
    OUTSIDE = 2
    """Something that was not taught at all, such as another type: the figure may be far off."""
    UNKNOWN = 3
    """An operator that the predictor does not have: no figure."""


@dataclass(frozen=True)
class LayerCosts:
    """Costs of distinct layers.

    Attributes
    ----------
    layers : tuple of Layer
        Each once, whatever `Layer.inputs` says.
    cycles, sd : ndarray of float64, shape (layers,)
        Cycles (nan for unknown operators) and their standard deviation, relative.
    flags : ndarray of int64, shape (layers,)
        `DomainFlag`.
    macs, weight_bytes : ndarray of int64, shape (layers,)
        Sizes.
    persistent_bytes, scratch_bytes : ndarray of float64, shape (layers,)
        Room in the arena, for good and while it runs.
    kinds : ndarray of int64, shape (layers,)
        Number of the operator's kind.
    """

    layers: tuple[Layer, ...]
    cycles: Floats
    sd: Floats
    flags: Integers
    macs: Integers
    weight_bytes: Integers
    persistent_bytes: Floats
    scratch_bytes: Floats
    kinds: Integers


@dataclass(frozen=True)
class NetworkCosts:
    """Costs of networks; element ``i`` of each array is that of network ``i``.

    Attributes
    ----------
    cycles : ndarray of float64, shape (networks,)
        Of one inference, dispatch included; nan where an operator is unknown.
    sd : ndarray of float64, shape (networks,)
        Standard deviation of the predictor's error, relative. Errors of one kind of operator are taken to go together.
    dispatch_cycles : ndarray of float64, shape (networks,)
        The interpreter's own part.
    macs, arena_bytes, constant_bytes : ndarray of int64, shape (networks,)
        Multiply-accumulates; arena by the planner's rule and what operators keep in it; constants in flash.
    flags : ndarray of int64, shape (networks,)
        Worst `DomainFlag` of the operators.
    offsets : ndarray of int64, shape (networks + 1,)
        Operators ``offsets[i]:offsets[i + 1]`` belong to network ``i``.
    places : ndarray of int64, shape (operators,)
        Which of the distinct layers each operator is.
    layer_costs : LayerCosts
        Costs of these.
    """

    cycles: Floats
    sd: Floats
    dispatch_cycles: Floats
    macs: Integers
    arena_bytes: Integers
    constant_bytes: Integers
    flags: Integers
    offsets: Integers
    places: Integers
    layer_costs: LayerCosts

    @property
    def weight_bytes(self) -> Floats:
        """Bytes of each network's weights and biases, those of operators that share them once for each."""
        network = np.repeat(np.arange(self.cycles.size), np.diff(self.offsets))
        return np.bincount(network, self.layer_costs.weight_bytes[self.places], self.cycles.size).astype(np.float64)


def cost_networks(
    taught: TaughtPredictor, priced: Mapping[str, PricedKind], networks: Sequence[LayerNetwork], memory: str | None = None
) -> NetworkCosts:
    """Predict the costs of networks.

    Parameters
    ----------
    taught : TaughtPredictor
        For domains, errors and the arena.
    priced : mapping of str to PricedKind
        The same predictor, priced for a core by `instsim.predict.pricing.price_predictor`.
    networks : sequence of LayerNetwork
        Any number.
    memory : str, optional
        Memory system that it was priced with: errors are those of cycles with stalls.
    """
    numbers: dict[tuple[object, ...], int] = {}
    places: list[int] = []
    distinct: list[Layer] = []
    for network in networks:
        for layer in network.layers:
            place = numbers.setdefault(layer[:_INPUTS], len(distinct))
            if place == len(distinct):
                distinct.append(layer)
            places.append(place)
    costs = _layer_costs(taught, priced, tuple(distinct), memory)
    lengths = np.array([len(network.layers) for network in networks], np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    of = np.array(places, np.int64)
    owner = np.repeat(np.arange(lengths.size), lengths)
    dispatch = _dispatch(priced, lengths)
    cycles = np.bincount(owner, costs.cycles[of], lengths.size) + dispatch
    flags = np.zeros(lengths.size, np.int64)
    np.maximum.at(flags, owner, costs.flags[of])
    return NetworkCosts(
        cycles,
        _network_sd(costs, of, owner, cycles),
        dispatch,
        np.bincount(owner, costs.macs[of], lengths.size).astype(np.int64),
        _arena(taught, costs, networks, of, offsets),
        _constant_bytes(costs, networks, of, owner),
        flags,
        offsets,
        of,
        costs,
    )


def _layer_costs(taught: TaughtPredictor, priced: Mapping[str, PricedKind], layers: tuple[Layer, ...], memory: str | None) -> LayerCosts:
    count = len(layers)
    cycles, sd = np.full(count, np.nan), np.full(count, _FALLBACK_SD)
    flags = np.full(count, int(DomainFlag.UNKNOWN), np.int64)
    persistent, scratch = np.zeros(count), np.zeros(count)
    by_kind: dict[str, list[int]] = {}
    for place, layer in enumerate(layers):
        by_kind.setdefault(layer.kind, []).append(place)
    kinds = np.zeros(count, np.int64)
    for number, (name, members) in enumerate(by_kind.items()):
        rows = np.array(members, np.int64)
        kinds[rows] = number
        kind = taught.kinds.get(name)
        if kind is None or name == DISPATCH:
            continue
        chosen = [layers[place] for place in members]
        quantities = Quantities(chosen)
        cycles[rows] = priced[name].of(quantities)
        sd[rows] = _relative_sd(kind, cycles[rows], memory)
        flags[rows] = _flags(kind, chosen, quantities)
        persistent[rows] = evaluate(kind.persistent_bytes.pieces, quantities)
        scratch[rows] = evaluate(kind.scratch_bytes.pieces, quantities)
    return LayerCosts(
        layers,
        cycles,
        sd,
        flags,
        np.array([layer.macs for layer in layers], np.int64),
        np.array([layer.weight_bytes for layer in layers], np.int64),
        persistent,
        scratch,
        kinds,
    )


def _constant_bytes(costs: LayerCosts, networks: Sequence[LayerNetwork], of: Integers, owner: Integers) -> Integers:
    own = np.bincount(owner, costs.weight_bytes[of], len(networks)).astype(np.int64)
    given = [network.constant_bytes for network in networks]
    return np.array([size if found is None else found for size, found in zip(own.tolist(), given, strict=True)], np.int64)


def _relative_sd(kind: KindModel, cycles: Floats, memory: str | None) -> Floats:
    """Return the standard deviation of a predictor's relative error on layers: what was found on fresh ones, and the scatter of small ones' data."""
    stalls = kind.stalls.get(memory or "")
    error = kind.error if stalls is None else stalls.error
    found = _FALLBACK_SD if error is None else max(error.p95 / _P95_IN_SD, 1.25 * error.mean)
    sd: Floats = np.sqrt(found**2 + kind.spread_cycles / np.maximum(cycles, 1.0))
    return sd


def _dispatch(priced: Mapping[str, PricedKind], lengths: Integers) -> Floats:
    if DISPATCH not in priced:
        return np.zeros(lengths.size)
    lengths_once, inverse = np.unique(lengths, return_inverse=True)
    return priced[DISPATCH].cycles([Layer(DISPATCH, height=int(length)) for length in lengths_once])[inverse]


def _network_sd(costs: LayerCosts, of: Integers, owner: Integers, cycles: Floats) -> Floats:
    networks = cycles.size
    kinds = int(costs.kinds.max(initial=0)) + 1
    by_kind = np.bincount(owner * kinds + costs.kinds[of], costs.cycles[of] * costs.sd[of], networks * kinds).reshape(networks, kinds)
    with np.errstate(invalid="ignore", divide="ignore"):
        sd: Floats = np.sqrt((by_kind**2).sum(axis=1)) / cycles
    return sd


def _flags(kind: KindModel, layers: Sequence[Layer], quantities: Quantities) -> Integers:
    flags = np.zeros(len(layers), np.int64)
    for name, (low, high) in kind.domain.items():
        values = quantities.quantity(name)
        flags[(values < low) | (values > high)] = DomainFlag.BEYOND
    outside = [place for place, layer in enumerate(layers) if _untaught(layer)]
    flags[outside] = DomainFlag.OUTSIDE
    return flags


def _untaught(layer: Layer) -> str:
    """Return what of a layer was not taught to any predictor; empty if nothing."""
    if layer.dtype != "int8":
        return f"type {layer.dtype}"
    if layer.weights_dtype != "int8":
        return f"weights of type {layer.weights_dtype}"
    if layer.dilation_height != 1 or layer.dilation_width != 1:
        return f"dilation {layer.dilation_height}x{layer.dilation_width}"
    return "operands of different shapes" if layer.is_broadcast else ""


def domain_reason(taught: TaughtPredictor, layer: Layer) -> str:
    """Return in words why a layer is not inside the domain; empty if it is."""
    kind = taught.kinds.get(layer.kind)
    if kind is None:
        return f"the predictor has no {layer.kind}"
    if _untaught(layer):
        return f"{_untaught(layer)} was not taught"
    quantities = Quantities([layer])
    said = []
    for name, (low, high) in kind.domain.items():
        value = int(quantities.quantity(name)[0])
        if not low <= value <= high:
            said.append(f"{name} is {value}, taught were {low} to {high}")
    return "; ".join(said)


def _arena(taught: TaughtPredictor, costs: LayerCosts, networks: Sequence[LayerNetwork], of: Integers, offsets: Integers) -> Integers:
    owner = np.repeat(np.arange(len(networks)), np.diff(offsets))
    tensors, counts = buffers_of([network.tensors for network in networks])
    own = 1 + np.diff(offsets) + np.bincount(owner, np.array([layer.constant_count for layer in costs.layers], np.int64)[of], len(networks))
    all_tensors = np.array([network.tensor_count or count for network, count in zip(networks, own.astype(np.int64).tolist(), strict=True)], np.int64)
    scratch = np.rint(costs.scratch_bytes[of]).astype(np.int64)
    places = np.flatnonzero(scratch > 0)
    during = places - offsets[owner[places]] + 1
    buffers = np.concatenate([tensors, np.stack([scratch[places], during, during], axis=1)])
    # Scratch buffers are added behind a network's tensors.
    order = np.argsort(np.concatenate([np.repeat(np.arange(counts.size), counts), owner[places]]), kind="stable")
    scratch_counts = np.bincount(owner[places], minlength=counts.size)
    counts += scratch_counts
    dispatch = taught.kinds.get(DISPATCH)
    base = evaluate(dispatch.persistent_bytes.pieces, Quantities([Layer(DISPATCH, height=0)]))[0] if dispatch is not None else 0.0
    # What a model with one layer keeps holds what every model keeps.
    kept = base + np.bincount(owner, costs.persistent_bytes[of] - base, len(networks))
    planned = np.maximum(planned_bytes(buffers[order], counts), planning_bytes(all_tensors + scratch_counts, counts))
    arena: Integers = planned + np.rint(np.maximum(kept, 0.0)).astype(np.int64)
    return arena
