"""Predictions of networks that nobody has built a firmware for yet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from instsim import __version__
from instsim.cost import energy_interval, load_core
from instsim.errors import ModelError, UsageError
from instsim.model.layer import Layer, LayerNetwork, chain, layers_problem
from instsim.model.layer_reading import read_layers
from instsim.predict.cost_stamp import cost_stamp
from instsim.predict.networks import DomainFlag, NetworkCosts, cost_networks, domain_reason
from instsim.predict.predictor import TaughtPredictor
from instsim.predict.predictor_file import load_predictor
from instsim.predict.pricing import PricedKind, price_predictor, priced_as
from instsim.profile import FirmwareFacts, RunFacts
from instsim.resources import cost_tables
from instsim.session.calibrated import calibrated
from instsim.session.choose import Target, choose_target
from instsim.session.described import described_target
from instsim.session.estimate import Estimate, EstimatedOperator, Figure, Provenance
from instsim.session.memories import IDEAL_MEMORY, memory_table_text, usual_memory
from instsim.session.model_file import read_model_file
from instsim.session.request import Request
from instsim.session.settings import Settings, find_settings

__all__ = ["Model", "PredictedNetwork", "PredictedOperator", "Predictions", "Predictor", "find_predictor", "load_named", "shipped_predictors"]

Model = str | Path | bytes | LayerNetwork | Sequence[Layer]
"""A file, its bytes, or layers."""

Floats = npt.NDArray[np.float64]

_DIMENSIONS = slice(1, Layer._fields.index("same_padding"))
_LAYER_HINT = "instsim.Layer describes one"

_POINT_CYCLES = 1e6
_GRID = 24
"""Operating points at which a calibration is evaluated when there are many networks; between them it is interpolated."""


@dataclass(frozen=True, slots=True)
class PredictedOperator:
    """One operator of a predicted network.

    Attributes
    ----------
    layer : Layer
        Its dimensions.
    cycles, latency_s, energy_j : float
        Shares of the network's; nan if the predictor does not know the operator.
    flag : DomainFlag
        How it lies to what was taught.
    reason : str
        Why it is not inside.
    """

    layer: Layer
    cycles: float
    latency_s: float
    energy_j: float
    flag: DomainFlag
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PredictedNetwork:
    """One predicted network.

    Attributes
    ----------
    name : str
        Of its file, if there is one.
    cycles : float
        Of one inference.
    predictor_error : float
        Half the interval of the predictor's own error, relative, at the level of the figures.
    latency, energy : Figure
        With intervals of the predictor's error and the board's calibration together.
    macs, arena_bytes, constant_bytes : int
        Multiply-accumulates; tensor arena; constants.
    file_bytes : int or None
        Size of the model's file.
    operators : tuple of PredictedOperator
        In order of execution.
    dispatch_cycles : float
        The interpreter's own part of the cycles.
    flag : DomainFlag
        The worst of the operators'.
    warnings : tuple of str
        What a reader should know.
    """

    name: str
    cycles: float
    predictor_error: float
    latency: Figure
    energy: Figure
    macs: int
    arena_bytes: int
    constant_bytes: int
    file_bytes: int | None
    operators: tuple[PredictedOperator, ...]
    dispatch_cycles: float
    flag: DomainFlag
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Predictions(Sequence[PredictedNetwork]):
    """Predictions of networks: arrays over all of them, and one value for each on demand.

    Attributes
    ----------
    costs : NetworkCosts
        Cycles, MACs, arenas, domain flags.
    latency_s, latency_low_s, latency_high_s : ndarray of float64, shape (networks,)
        Latency and its interval.
    energy_j, energy_low_j, energy_high_j : ndarray of float64, shape (networks,)
        Energy and its interval.
    """

    costs: NetworkCosts
    latency_s: Floats
    latency_low_s: Floats
    latency_high_s: Floats
    energy_j: Floats
    energy_low_j: Floats
    energy_high_j: Floats
    _networks: tuple[LayerNetwork, ...]
    _predictor: Predictor
    _warnings: tuple[str, ...]
    _words: tuple[Figure, Figure]

    @property
    def cycles(self) -> Floats:
        """Cycles of one inference of each network; nan where an operator is unknown."""
        return self.costs.cycles

    def __len__(self) -> int:
        return len(self._networks)

    def __iter__(self) -> Iterator[PredictedNetwork]:
        return (self.network(number) for number in range(len(self)))

    def __getitem__(self, number: int) -> PredictedNetwork:  # type: ignore[override]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        return self.network(number % len(self))

    def network(self, number: int) -> PredictedNetwork:
        """Return one network with its operators."""
        costs, network = self.costs, self._networks[number]
        cycles = float(costs.cycles[number])
        latency, energy = self._words
        level = latency.level
        places = costs.places[costs.offsets[number] : costs.offsets[number + 1]]
        latency_s, energy_j = float(self.latency_s[number]), float(self.energy_j[number])
        operators = []
        for layer, place in zip(network.layers, places.tolist(), strict=True):
            own = float(costs.layer_costs.cycles[place])
            flag = DomainFlag(int(costs.layer_costs.flags[place]))
            reason = domain_reason(self._predictor.taught, layer) if flag else ""
            share = own / cycles if cycles else 0.0
            operators.append(PredictedOperator(layer, own, share * latency_s, share * energy_j, flag, reason))
        return PredictedNetwork(
            network.name,
            cycles,
            NormalDist().inv_cdf(0.5 + level / 2) * float(costs.sd[number]),
            _figure(latency, latency_s, self.latency_low_s[number], self.latency_high_s[number]),
            _figure(energy, energy_j, self.energy_low_j[number], self.energy_high_j[number]),
            int(costs.macs[number]),
            int(costs.arena_bytes[number]),
            int(costs.constant_bytes[number]),
            network.file_bytes,
            tuple(operators),
            float(costs.dispatch_cycles[number]),
            DomainFlag(int(costs.flags[number])),
            (*network.remarks, *self._warnings),
        )


def _figure(words: Figure, value: float, low: float, high: float) -> Figure:
    known = math.isfinite(low) and math.isfinite(high)
    return Figure(value, words.unit, words.basis, float(low) if known else None, float(high) if known else None, words.level, words.source)


def shipped_predictors() -> Mapping[str, Path]:
    """Return the files of the predictors that come with instsim, by name."""
    return {path.stem: path for path in sorted((cost_tables() / "predictors").glob("*.json"))}


def load_named(name: str | Path) -> TaughtPredictor:
    """Load a predictor from a file, or one that comes with instsim by its name; errors as for `find_predictor`."""
    shipped = shipped_predictors()
    path = Path(name)
    if path.is_file() or path.suffix or len(path.parts) > 1:
        return load_predictor(path)
    if str(name) not in shipped:
        raise UsageError(f"no predictor is named {str(name)!r}", hint=f"there are {', '.join(shipped) or 'none'}; or give a file")
    return load_predictor(shipped[str(name)])


def find_predictor(name: str | Path | None, target: Target) -> TaughtPredictor:
    """Load a predictor: a file, one that comes with instsim by its name, or the one that suits a core best.

    Raises
    ------
    UsageError
        If there is none of that name, or none for the core.
    PredictorError
        If the file cannot be read.
    """
    if name is not None:
        return load_named(name)
    shipped = shipped_predictors()
    found = [(taught, priced_as(taught, target.core)) for taught in map(load_predictor, shipped.values())]
    suitable = [(taught, events_of) for taught, events_of in found if events_of is not None]
    if not suitable:
        hint = "teach one on a firmware: `instsim predictor train runner.elf --board BOARD -o FILE`"
        raise UsageError(f"no predictor comes with instsim for the core {target.core.name}", hint=hint)
    # First the kernels that whoever asks for speed would link, then one taught on this very core: another core's build of them is nearer than others.
    return min(suitable, key=lambda pair: ("cmsis" not in pair[0].name, pair[0].cores.index(pair[1]), pair[0].name))[0]


class Predictor:
    """Predicts latency, energy and memory of networks on a board.

    Parameters
    ----------
    taught : TaughtPredictor, str, Path or None
        A predictor, its file, or the name of one that comes with instsim; None: the one that suits the board best.
    request : Request, optional
        Board, core, clock, calibration and level of the intervals.
    descriptor : str or Path, optional
        A device descriptor (`instsim.characterize`): the core is the one it stands for, instead of the board's.
    **options
        Fields of `Request`, instead of one: ``board="nucleo-l4r5zi"``.

    Raises
    ------
    UsageError
        If there is no board, or the predictor has no prices for its core.
    PredictorError, TableError
        If the file of the predictor, or of the descriptor, cannot be used.
    """

    def __init__(
        self,
        taught: TaughtPredictor | str | Path | None = None,
        request: Request | None = None,
        *,
        descriptor: str | Path | None = None,
        **options: Any,
    ) -> None:
        unknown = sorted(set(options) - set(Request.__dataclass_fields__))
        if unknown:
            raise UsageError(f"no option {unknown[0]!r}", hint=f"options: {', '.join(Request.__dataclass_fields__)}")
        self._request = replace(request or Request(), **options)
        self._settings: Settings = find_settings(self._request.settings_folder)
        if self._request.board is None and self._settings.board is None:
            raise UsageError("a prediction is for a board, and none was named", hint="name one with --board; `instsim boards` lists them")
        self.target = choose_target(None, self._request, self._settings)
        if descriptor is not None:
            self.target = described_target(self.target, Path(descriptor), self._request)
        self.taught = taught if isinstance(taught, TaughtPredictor) else find_predictor(taught, self.target)
        events_of = priced_as(self.taught, self.target.core)
        if events_of is None:
            raise UsageError(
                f"the predictor {self.taught.name} has no prices for {self.target.core.name}",
                hint=f"it has them for {', '.join(self.taught.cores)}; `instsim predictor train` teaches another",
            )
        self._events_of = events_of
        # What was taught is what this core waits: another with its events, or one described by measurements, may wait otherwise.
        is_taught = bool(self.taught.memories) and events_of == self.target.core.name
        self._usual = usual = usual_memory(self.target, self._request) if is_taught else None
        self.memory = usual.system.name if usual is not None and usual.system.name in self.taught.memories else None
        self._priced: Mapping[str, PricedKind] = price_predictor(self.taught, self.target.core, self.memory)

    def predict(self, models: Sequence[Model]) -> Predictions:
        """Predict networks, all at once.

        Parameters
        ----------
        models : sequence
            Each a path, the bytes of a ``.tflite`` file, a `LayerNetwork`, or a sequence of `Layer` in order of execution.

        Raises
        ------
        UsageError
            If no sequence is given, but one model.
        ModelError
            If a file is not a model, is damaged, or leaves a shape open; if layers make no network.
        """
        if isinstance(models, (str, bytes, Path, LayerNetwork)) or not hasattr(models, "__iter__"):
            raise UsageError("models are given as a sequence, even a single one", hint="as in predict([model])")
        given = tuple(models)
        try:
            networks = tuple(_network(model) for model in given)
            costs = cost_networks(self.taught, self._priced, networks, self.memory)
        except (ArithmeticError, LookupError, TypeError) as error:
            # Looking at every layer beforehand would take as long as predicting them.
            problem = _impossible(given)
            if not problem:
                raise
            raise ModelError(problem, hint=_LAYER_HINT) from error
        # What is less than one is less than what was taught.
        beyond = np.flatnonzero(costs.layer_costs.flags == DomainFlag.BEYOND).tolist()
        doubtful = any(min(cast("tuple[int, ...]", costs.layer_costs.layers[place][_DIMENSIONS])) < 1 for place in beyond)
        if doubtful and (problem := _impossible(given)):
            raise ModelError(problem, hint=_LAYER_HINT)
        latency, energy, warnings = self._figures(costs)
        return Predictions(costs, *latency[:3], *energy[:3], networks, self, warnings, (latency[3], energy[3]))

    def _figures(self, costs: NetworkCosts) -> tuple[tuple[Floats, Floats, Floats, Figure], tuple[Floats, Floats, Floats, Figure], tuple[str, ...]]:
        known = costs.cycles[np.isfinite(costs.cycles) & (costs.cycles > 0)]
        if not known.size:
            known = np.ones(1)
        grid = np.unique(known)
        if grid.size > _GRID:
            grid = np.geomspace(grid[0], grid[-1], _GRID)
        estimates = [self._calibrated(float(cycles), 0.0) for cycles in grid]
        half = NormalDist().inv_cdf(0.5 + self._request.level / 2) * costs.sd
        latency = _spread(grid, [estimate.latency for estimate in estimates], costs.cycles, half)
        without = _spread(grid, [estimate.energy for estimate in estimates], costs.cycles, half)
        # Energy is exponential in weights a cycle: none and one byte tell all between, at any operating point; at one that no network decides, so
        # that a network's figures are the same to the last digit whatever it is predicted with.
        at_none, at_one = (self._calibrated(_POINT_CYCLES, per_cycle).energy for per_cycle in (0.0, 1.0))
        energy = _reading(without, at_none, at_one, costs.weight_bytes / costs.cycles)
        said = [warning for estimate in estimates for warning in estimate.warnings]
        return latency, energy, tuple(dict.fromkeys((*self.target.warnings, *self._remarks(costs), *said)))

    @property
    def memory_text(self) -> str:
        """What is assumed of the board's memories, in words."""
        return IDEAL_MEMORY if self.memory is None else f"{self.memory}: stalls as taught"

    def _remarks(self, costs: NetworkCosts) -> list[str]:
        """Return what of the board or the predictor makes figures doubtful."""
        remarks = []
        flashes = [memory.wait_states for memory in self.target.board.memories if memory.kind == "flash"]
        waits = max((flash.count for flash in flashes if flash is not None), default=0)
        if self.memory is not None:
            untaught = sorted({layer.kind for layer in costs.layer_costs.layers if layer.kind in self.taught.kinds} - self._kinds_with_stalls())
            if untaught:
                remarks.append(f"memory is taken as ideal for {', '.join(untaught)}: {self.taught.name} was not taught their stalls")
            if self._usual is not None and self.taught.memories[self.memory] != self._usual.table_digest:
                remarks.append(
                    f"the table of the board's memories has changed since {self.taught.name} was taught its stalls; `instsim predictor stalls` "
                    "teaches them again"
                )
        elif waits:
            remarks.append(
                f"memory is taken as ideal: the flash of {self.target.board.name} has {waits} wait states, so the board is slower, most where "
                "weights are read once; `instsim estimate runner.elf --model FILE` follows them"
            )
        elif self.target.board.memory_system:
            remarks.append(
                f"memory is taken as ideal: {self.target.board.name} reads its flash through a cache, so the board is slower; "
                "`instsim estimate runner.elf --model FILE` follows it"
            )
        core = self.target.core if self._events_of == self.target.core.name else load_core(self._events_of)
        if self.taught.cost_stamps.get(core.name) != cost_stamp(core):
            remarks.append(
                f"cost models have changed since {self.taught.name} was taught: its cycles may be some percent off; "
                "`instsim predictor train` teaches it again"
            )
        return remarks

    def _kinds_with_stalls(self) -> set[str]:
        return {name for name, kind in self.taught.kinds.items() if self.memory in kind.stalls}

    def _calibrated(self, cycles: float, weights_per_cycle: float) -> Estimate:
        return calibrated(self.nominal(cycles), self.target, self._request, self._settings, weight_bytes=weights_per_cycle * cycles)

    def nominal(self, cycles: float) -> Estimate:
        """Return the estimate of a network of so many cycles, as tables have it."""
        target, level = self.target, self._request.level
        prior = target.energy_prior()
        low_j, high_j = energy_interval(prior, level)
        clock_hz = target.clock_hz
        operator = EstimatedOperator("network", 0, 0, 0, 1, (), (), 0, 0, cycles, 0, cycles, 1.0, None, 0.0, 0.0, "")
        teacher = self.taught.teacher
        return Estimate(
            firmware=FirmwareFacts(teacher.name, "", teacher.sha256, teacher.compilers),
            run=RunFacts("one inference", "invoke", "region-done"),
            board=target.choice,
            provenance=Provenance(
                __version__,
                target.core.name,
                target.core.title,
                target.core.digest,
                target.board.digest,
                clock_hz,
                prior.supply_v,
                target.clock_source,
                IDEAL_MEMORY if self._usual is None or self.memory is None else memory_table_text(self.target.board.memory_system, self._usual),
                {},
            ),
            cycles=cycles,
            instructions=0,
            latency=Figure(cycles / clock_hz, "s", "nominal", level=level, source="cycles over clock"),
            energy=Figure(
                cycles * prior.joules_per_cycle, "J", "nominal", cycles * low_j, cycles * high_j, level, f"{prior.derivation} ({prior.basis})"
            ),
            power=Figure(prior.joules_per_cycle * clock_hz, "W", "nominal", low_j * clock_hz, high_j * clock_hz, level),
            operators=(operator,),
            functions=(),
            classes=(),
            events=(),
        )


def _impossible(models: Sequence[Model]) -> str:
    """Return what is wrong with the first network that is given as layers and cannot be one; empty if there is none."""
    for number, model in enumerate(models):
        if isinstance(model, (list, tuple)) and (problem := layers_problem(model)):
            return f"network {number}, {problem}"
    return ""


def _network(model: Model) -> LayerNetwork:
    if isinstance(model, LayerNetwork):
        return model
    if isinstance(model, bytes):
        return read_layers(model)
    if isinstance(model, (str, Path)):
        return read_layers(read_model_file(str(model)), Path(model).name)
    layers: tuple[Layer, ...] = tuple(model) if hasattr(model, "__iter__") else ()
    if not hasattr(model, "__iter__") or not all(isinstance(layer, Layer) for layer in layers):
        raise ModelError("a network is given as a path, as bytes, or as layers", hint=_LAYER_HINT)
    return chain(layers)


def _reading(
    energy: tuple[Floats, Floats, Floats, Figure], without: Figure, at_one: Figure, weights_per_cycle: Floats
) -> tuple[Floats, Floats, Floats, Figure]:
    """Return energies of networks that read weights, from those of such as read none, by what one byte a cycle does to a figure and its interval."""

    def scaled(values: Floats, before: float | None, after: float | None) -> Floats:
        return values * (after / before) ** weights_per_cycle if before and after else values

    value, low, high, words = energy
    return (
        scaled(value, without.value, at_one.value),
        scaled(low, without.low, at_one.low),
        scaled(high, without.high, at_one.high),
        words,
    )


def _spread(grid: Floats, figures: Sequence[Figure], cycles: Floats, half: Floats) -> tuple[Floats, Floats, Floats, Figure]:
    """Interpolate a figure over the cycles, and widen its interval by the predictor's own error."""
    at = np.log(np.where(cycles > 0, cycles, np.nan))
    points = np.log(grid)
    value = np.exp(np.interp(at, points, np.log([figure.value for figure in figures])))
    value[~np.isfinite(at)] = np.nan
    lows = [figure.low for figure in figures]
    highs = [figure.high for figure in figures]
    if any(low is None or low <= 0 for low in lows) or any(high is None for high in highs):
        # Nothing supports an interval of the board's figure, however good the predictor is.
        return value, np.full(value.size, np.nan), np.full(value.size, np.nan), figures[0]
    below = np.interp(at, points, np.log([figure.value / (figure.low or 1.0) for figure in figures]))
    above = np.interp(at, points, np.log([(figure.high or 1.0) / figure.value for figure in figures]))
    return value, value * np.exp(-np.copysign(np.hypot(below, half), below)), value * np.exp(np.hypot(above, half)), figures[0]
