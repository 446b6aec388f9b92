"""From a model to its row's figures: in a firmware, by swap, or by a predictor."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from instsim import __version__
from instsim.cost import Charger, CostModel
from instsim.errors import IncompleteError, InstsimError, ModelError, SwapError, UsageError
from instsim.image import FirmwareImage
from instsim.model.layer import LayerNetwork
from instsim.model.layer_models import layers_tflite
from instsim.model.layer_reading import read_layers
from instsim.predict.networks import DomainFlag
from instsim.predict.predictor import TaughtPredictor
from instsim.resources import cost_tables
from instsim.session.calibrated import calibrated
from instsim.session.choose import Target, choose_target
from instsim.session.estimating import estimate_profile
from instsim.session.facade import load_firmware, with_settings
from instsim.session.memories import MemorySimulation, memory_simulation
from instsim.session.predicting import Predictor, find_predictor
from instsim.session.request import Request
from instsim.session.settings import Settings, find_settings
from instsim.session.swapping import make_runner
from instsim.swap.facts import RunnerFacts
from instsim.sweep.row import Outcome

__all__ = ["Evaluator", "Plan", "PredictorPlan", "SwapPlan", "predictor_plan", "swap_plan"]

Content = bytes | LayerNetwork


class Evaluator(Protocol):
    """Finds the figures of models; lives in one process."""

    def run(self, models: Sequence[Content]) -> list[Outcome]:
        """Return one outcome for each model."""


@dataclass(frozen=True)
class Plan(ABC):
    """What a process needs to evaluate models; it can be pickled.

    Attributes
    ----------
    request, settings : Request, Settings
        Board, core, clock, calibration.
    setting : str
        Digest of all that decides a model's figures.
    facts : mapping of str to str
        The same in words.
    """

    request: Request
    settings: Settings
    setting: str
    facts: Mapping[str, str]

    group_size = 1
    """Models that are best evaluated together."""

    @abstractmethod
    def start(self) -> Evaluator:
        """Return the evaluator, in the process that uses it.

        Raises
        ------
        UsageError
            If this process would find other figures, because its tables differ.
        """

    def _check(self, setting: str) -> None:
        if setting != self.setting:
            raise UsageError(
                "a worker has other tables than this process", hint="install the same version of instsim, and the same tables, everywhere"
            )


@dataclass(frozen=True)
class SwapPlan(Plan):
    """Every model runs in a firmware.

    Attributes
    ----------
    image : FirmwareImage
        The runner.
    learned : RunnerFacts
        What is known of it.
    """

    image: FirmwareImage
    learned: RunnerFacts

    def start(self) -> Evaluator:
        """Return the evaluator; see `Plan.start`."""
        target = choose_target(self.image, self.request, self.settings)
        self._check(_digest(_swap_facts(self.image, target, self.request, self.settings)))
        return _SwapEvaluator(self, target)


@dataclass(frozen=True)
class PredictorPlan(Plan):
    """Every model is predicted.

    Attributes
    ----------
    taught : TaughtPredictor
        By whom.
    source : str
        Digest of its file.
    """

    taught: TaughtPredictor
    source: str

    group_size = 16
    """Few enough that each model's calibration is its own, and does not depend on its neighbours (see `instsim.session.predicting`)."""

    def start(self) -> Evaluator:
        """Return the evaluator; see `Plan.start`."""
        predictor = Predictor(self.taught, self.request)
        self._check(_digest(_predictor_facts(self.taught, self.source, predictor.target, self.request, self.settings)))
        return _PredictorEvaluator(predictor)


def swap_plan(runner: str | Path | FirmwareImage, request: Request) -> SwapPlan:
    """Learn a runner and return how models run in it. Memories are ideal unless the request asks for more.

    Raises
    ------
    ImageError, UsageError, TableError
        If image, board or settings cannot be used.
    SwapError
        If the firmware cannot be a runner.
    """
    settings = find_settings(request.settings_folder)
    request = _settled(request, settings)
    image = runner if isinstance(runner, FirmwareImage) else load_firmware(runner, request, settings)
    target = choose_target(image, request, settings)
    learned = make_runner(image, target, request).facts
    facts = _swap_facts(image, target, request, settings)
    return SwapPlan(request, settings, _digest(facts), facts, image, learned)


def predictor_plan(name: str | Path | None, request: Request) -> PredictorPlan:
    """Load a predictor and return how models are predicted by it.

    Raises
    ------
    UsageError, TableError
        If there is no board, no such predictor, or none with prices for the board's core.
    PredictorError
        If its file cannot be read.
    """
    settings = find_settings(request.settings_folder)
    request = _settled(request, settings)
    predictor = Predictor(name, request)
    taught = find_predictor(name, predictor.target)
    source = hashlib.sha256(repr(taught).encode()).hexdigest()
    facts = _predictor_facts(taught, source, predictor.target, request, settings)
    return PredictorPlan(request, settings, _digest(facts), facts, taught, source)


def _settled(request: Request, settings: Settings) -> Request:
    """Return the request as every process takes it: no callbacks, memories and settings' folder spelled out."""
    folder = str(Path(request.settings_folder or ".").resolve())
    return replace(with_settings(request, settings), on_progress=None, memory=request.memory or "ideal", region=None, settings_folder=folder)


def _common_facts(target: Target, request: Request, settings: Settings) -> dict[str, str]:
    named = request.calibration or settings.calibration
    calibration = "that of the tables" if named is None else named
    if named is not None and Path(named).is_file():
        calibration = f"{Path(named).name} {hashlib.sha256(Path(named).read_bytes()).hexdigest()[:16]}"
    return {
        "version": __version__,
        "board": f"{target.board.name} {target.board.digest}",
        "core": f"{target.core.name} {target.core.digest}",
        "clock_hz": f"{target.clock_hz:g}",
        "tables": _tables_digest(),
        "calibration": calibration,
        "firmware_family": request.firmware_family or "",
        "level": f"{request.level:g}",
    }


def _swap_facts(image: FirmwareImage, target: Target, request: Request, settings: Settings) -> dict[str, str]:
    svd = "" if request.svd is None else hashlib.sha256(Path(request.svd).read_bytes()).hexdigest()[:16]
    return {
        **_common_facts(target, request, settings),
        "by": "swap",
        "runner": f"{image.name} {image.sha256}",
        "memory": request.memory or "",
        "allow_float": str(request.allow_float),
        "allow_unpriced": str(request.allow_unpriced),
        "budget_cycles": str(request.budget_cycles),
        "svd": svd,
    }


def _predictor_facts(taught: TaughtPredictor, source: str, target: Target, request: Request, settings: Settings) -> dict[str, str]:
    return {**_common_facts(target, request, settings), "by": "predictor", "predictor": f"{taught.name} {source}"}


def _digest(facts: Mapping[str, str]) -> str:
    # A runner's name does not change what it computes.
    told = {name: text.rpartition(" ")[2] if name in ("runner", "board", "core", "predictor") else text for name, text in facts.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _tables_digest() -> str:
    """Return a digest of all tables that come with instsim, but for predictors."""
    root = cost_tables()
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.toml")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


class _SwapEvaluator:
    """One machine that runs model after model."""

    def __init__(self, plan: SwapPlan, target: Target) -> None:
        self._plan, self._target = plan, target
        self._simulations: list[MemorySimulation] = []
        self._cost_model = CostModel(target.core, Charger(target.core))
        self._runner = self._make()

    def _make(self) -> object:
        plan = self._plan
        simulated = plan.request.memory != "ideal" and memory_simulation(self._target, plan.request) is not None
        return make_runner(plan.image, self._target, plan.request, plan.learned, self._simulations.append if simulated else None)

    def run(self, models: Sequence[Content]) -> list[Outcome]:
        """Return one outcome for each model."""
        return [self._one(model) for model in models]

    def _one(self, model: Content) -> Outcome:
        try:
            return self._figures(model if isinstance(model, bytes) else layers_tflite(model.layers))
        except InstsimError as error:
            return _refusal(error)
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
            # Nobody's intention: the machine may be in any state.
            self._runner = self._make()
            return Outcome.failure("other", f"{type(error).__name__}: {error}")

    def _figures(self, data: bytes) -> Outcome:
        from instsim.swap.runner import ModelRunner  # noqa: PLC0415 -- loads Unicorn

        plan, runner = self._plan, self._runner
        assert isinstance(runner, ModelRunner)
        self._simulations.clear()
        ran = runner.run(data, allow_float=plan.request.allow_float, find_arena_need=True)
        profile = self._simulations[-1].attach(ran.profile) if self._simulations else ran.profile
        nominal = estimate_profile(
            profile, self._target, allow_unpriced=plan.request.allow_unpriced, level=plan.request.level, cost_model=self._cost_model
        )
        estimate = calibrated(nominal, self._target, plan.request, plan.settings)
        return Outcome(
            cycles=estimate.cycles,
            latency_s=estimate.latency.value,
            latency_low_s=estimate.latency.low,
            latency_high_s=estimate.latency.high,
            energy_j=estimate.energy.value,
            energy_low_j=estimate.energy.low,
            energy_high_j=estimate.energy.high,
            macs=sum(operator.macs for operator in estimate.operators),
            arena_bytes=ran.arena_need_bytes,
            flash_bytes=_constant_bytes(data),
        )


class _PredictorEvaluator:
    """A predictor that is priced once."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def run(self, models: Sequence[Content]) -> list[Outcome]:
        """Return one outcome for each model."""
        outcomes: dict[int, Outcome] = {}
        networks: dict[int, LayerNetwork] = {}
        for number, model in enumerate(models):
            try:
                networks[number] = model if isinstance(model, LayerNetwork) else read_layers(model)
            except InstsimError as error:
                outcomes[number] = _refusal(error)
        if networks:
            outcomes |= zip(networks, self._predict(tuple(networks.values())), strict=True)
        return [outcomes[number] for number in range(len(models))]

    def _predict(self, networks: tuple[LayerNetwork, ...]) -> list[Outcome]:
        found = self._predictor.predict(networks)
        costs = found.costs
        return [
            Outcome(
                cycles=float(costs.cycles[number]),
                latency_s=float(found.latency_s[number]),
                latency_low_s=float(found.latency_low_s[number]),
                latency_high_s=float(found.latency_high_s[number]),
                energy_j=float(found.energy_j[number]),
                energy_low_j=float(found.energy_low_j[number]),
                energy_high_j=float(found.energy_high_j[number]),
                macs=int(costs.macs[number]),
                arena_bytes=int(costs.arena_bytes[number]),
                flash_bytes=int(costs.constant_bytes[number]),
                domain=DomainFlag(int(costs.flags[number])).name.lower(),
            )
            if np.isfinite(costs.cycles[number])
            else Outcome.failure("operator", next(operator.reason for operator in found[number].operators if operator.flag is DomainFlag.UNKNOWN))
            for number in range(len(networks))
        ]


def _constant_bytes(data: bytes) -> int | None:
    try:
        return read_layers(data).constant_bytes
    except ModelError:
        return None


def _refusal(error: InstsimError) -> Outcome:
    if isinstance(error, SwapError):
        reason = error.reason
    elif isinstance(error, ModelError):
        reason = "model"
    elif isinstance(error, IncompleteError):
        reason = "unpriced"
    else:
        reason = "run"
    return Outcome.failure(reason, f"{error.message} {'; '.join(error.details)}".rstrip())
