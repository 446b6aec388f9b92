"""Teaching a predictor what a board's memories add: layers run in a firmware with the kernels that taught it, with the memories followed.

Layers of all operators are run in turn, as in a network: the first thing a kernel waits for is its code, which other kernels have pushed out.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from instsim.cost import Charger, CostModel
from instsim.cost.memory_resolution import ResolvedMemory
from instsim.dynamics.memory_system import Access, Cache, MemorySystem
from instsim.errors import ModelError, RunError, SwapError, UsageError
from instsim.image import FirmwareImage, load_image
from instsim.model.layer import PARAMETRIC_KINDS, Layer
from instsim.model.layer_models import layers_tflite
from instsim.predict.predictor import DISPATCH, KindModel, StallModel, TaughtPredictor
from instsim.predict.pricing import PricedKind, price_kind
from instsim.predict.sampling import draw_layer
from instsim.predict.stall_fitting import LayerStalls, fit_stalls
from instsim.predict.training import error_found
from instsim.session.choose import Target, choose_target
from instsim.session.memories import MemorySimulation, memory_use_of, usual_memory
from instsim.session.predictor_checking import check_predictor
from instsim.session.predictor_training import chained_layer
from instsim.session.request import Request
from instsim.session.settings import find_settings
from instsim.session.swapping import make_runner

__all__ = ["StallOptions", "teach_stalls"]

_TOGETHER = 20
"""Layers in one model, each with an input of its own: a machine that follows memories is new for each model, which takes longer than a layer."""

_MOST_DISPATCHED = 16
_REPORTS = 10
"""Parts of the layers after which it is told how far they are."""

_FEWEST_MACS = 3_000
"""Layers with fewer wait for their code to come in, most of all; networks are made of larger ones."""

_NEAR_A_CACHE = (0.5, 4.0)
"""Weights, relative to a cache, of half of the layers: between these sizes it decides what is waited for."""


@dataclass(frozen=True)
class StallOptions:
    """How to teach stalls.

    Attributes
    ----------
    kinds : tuple of str
        Operators; empty for all that the predictor and the firmware have.
    layers, tested : int
        Layers of an operator to learn from (twice as many of those with weights), and fresh ones to find the error with.
    on_kind : callable or None
        ``on_kind(done, total, text)`` behind each operator, and with `done` zero while layers are run.
    """

    kinds: tuple[str, ...] = ()
    layers: int = 200
    tested: int = 60
    on_kind: Callable[[int, int, str], None] | None = None


def teach_stalls(taught: TaughtPredictor, firmware: str | Path | FirmwareImage, request: Request, options: StallOptions) -> TaughtPredictor:
    """Return a predictor that knows what the memories of a board add, beside what it knew.

    Parameters
    ----------
    taught : TaughtPredictor
        The predictor.
    firmware : str, Path or FirmwareImage
        The image that taught it, or another with the same kernels, as one linked for another board's memories.
    request : Request
        Board and clock.
    options : StallOptions
        Operators and budget.

    Raises
    ------
    UsageError
        If the image has other kernels, the board has no memory system, the predictor has no prices for its core, or the firmware sets the memories up
        otherwise than usual.
    SwapError
        If the firmware cannot run other models.
    """
    image = firmware if isinstance(firmware, FirmwareImage) else load_image(firmware, base=request.base)
    target = choose_target(image, request, find_settings(request.settings_folder))
    if target.core.name not in taught.cores:
        raise UsageError(f"the predictor {taught.name} has no prices for {target.core.name}", hint=f"it has them for {', '.join(taught.cores)}")
    usual = usual_memory(target, request)
    if usual is None:
        raise UsageError(f"the memories of {target.board.name} are ideal", hint="name a board with a memory system, and leave out --memory ideal")
    _require_same_kernels(taught, image, request)
    teaching = _Teaching(image, target, request, usual)
    known = [kind for kind in taught.kinds if kind == DISPATCH or kind in teaching.operators]
    missing = [kind for kind in options.kinds if kind not in known]
    if missing:
        raise UsageError(f"{taught.name} or {image.name} has no {', '.join(missing)}", hint=f"both have {', '.join(known)}")
    kinds = dict(taught.kinds)
    wanted = (*options.kinds, DISPATCH) if options.kinds else tuple(known)
    runs = teaching.runs(wanted, options)
    for done, name in enumerate(wanted, 1):
        stalls = teaching.kind(kinds[name], *runs[name])
        if stalls is not None:
            kinds[name] = replace(kinds[name], stalls={**kinds[name].stalls, usual.system.name: stalls})
        if options.on_kind is not None:
            options.on_kind(done, len(wanted), f"{name}: {_said(stalls)}")
    return replace(taught, kinds=kinds, memories={**taught.memories, usual.system.name: usual.table_digest})


def _require_same_kernels(taught: TaughtPredictor, image: FirmwareImage, request: Request) -> None:
    checked = check_predictor(taught, image, replace(request, memory="ideal"))
    differing = [kind.kind for kind in checked.kinds if kind.verdict == "differs"]
    if differing:
        raise UsageError(
            f"{image.name} has other kernels than those that taught {taught.name}: {', '.join(differing)}",
            hint="`instsim predictor train` teaches another predictor on it",
        )


def _said(stalls: StallModel | None) -> str:
    if stalls is None or stalls.error is None:
        return "the firmware took none of its layers"
    return f"{stalls.layers} layers, {stalls.share:.1%} of their cycles stalls, mean error on fresh ones {stalls.error.mean:.2%}"


class _Teaching:
    def __init__(self, image: FirmwareImage, target: Target, request: Request, usual: ResolvedMemory) -> None:
        self._target, self._usual = target, usual
        self._caches = _data_caches(usual.system)
        self._simulations: list[MemorySimulation] = []
        self._runner = make_runner(image, target, request, on_memory=self._simulations.append)
        self._costs = CostModel(target.core, Charger(target.core))
        self._chained = chained_layer(self._runner.facts.operators)

    @property
    def operators(self) -> Sequence[str]:
        return tuple(self._runner.facts.operators)

    def runs(self, kinds: Sequence[str], options: StallOptions) -> dict[str, tuple[list[LayerStalls], list[LayerStalls]]]:
        """Run layers of operators; return those to learn from and fresh ones of each."""
        drawn = [
            (kind, is_fresh, layer)
            for kind in kinds
            if kind != DISPATCH
            for is_fresh, layer in self._drawn(kind, options.layers * (2 if kind in PARAMETRIC_KINDS else 1), options.tested)
        ]
        order = np.random.default_rng(len(drawn)).permutation(len(drawn)).tolist()
        found: dict[str, tuple[list[LayerStalls], list[LayerStalls]]] = {kind: ([], []) for kind in kinds}
        told = 0
        for start in range(0, len(order), _TOGETHER):
            several = [drawn[place] for place in order[start : start + _TOGETHER]]
            ran = self._run([layer._replace(inputs=(-1,) * layer.operands) for _, _, layer in several], start)
            for (kind, is_fresh, _), run in zip(several, ran, strict=True):
                if run is not None:
                    found[kind][is_fresh].append(run)
            parts = _REPORTS * (start + len(several)) // len(order)
            if parts > told and options.on_kind is not None:
                told = parts
                options.on_kind(0, len(kinds), f"{start + len(several):,} of {len(order):,} layers run")
        if DISPATCH in found:
            dispatched = self._dispatched()
            found[DISPATCH] = (dispatched, dispatched)
        return found

    def _drawn(self, kind: str, learnt: int, tested: int) -> Iterator[tuple[bool, Layer]]:
        """Yield layers, and whether each is one of the fresh ones: these are drawn as networks have them, and not near the sizes of caches."""
        generator = np.random.default_rng(zlib.crc32(kind.encode()) + 2)
        for number in range(learnt):
            is_near = kind in PARAMETRIC_KINDS and number % 2 == 1 and bool(self._caches)
            yield False, _draw(kind, generator, self._caches[number // 2 % len(self._caches)].size_bytes if is_near else None)
        for _ in range(tested):
            yield True, _draw(kind, generator, None)

    def kind(self, kind: KindModel, runs: Sequence[LayerStalls], fresh: Sequence[LayerStalls]) -> StallModel | None:
        """Teach one operator; None if none of its layers ran."""
        if not runs or not fresh:
            return None
        model = fit_stalls(kind, self._target.core, runs, self._caches)
        name = self._usual.system.name
        priced = price_kind(replace(kind, stalls={name: model}), self._target.core, name)
        return replace(model, error=error_found(_errors(priced, fresh)))

    def _dispatched(self) -> list[LayerStalls]:
        found = []
        for count in range(1, _MOST_DISPATCHED + 1) if self._chained is not None else ():
            assert self._chained is not None
            rows = self._rows([self._chained] * count, count)
            if rows is not None:
                found.append(LayerStalls(Layer(DISPATCH, height=count), *rows[0]))
        return found

    def _run(self, layers: list[Layer], seed: int) -> list[LayerStalls | None]:
        """Run layers in one model; where the firmware refuses it, in smaller ones, down to one that is left out."""
        rows = self._rows(layers, seed)
        if rows is not None:
            return [LayerStalls(layer._replace(inputs=()), *row) for layer, row in zip(layers, rows[1:], strict=True)]
        if len(layers) == 1:
            return [None]
        half = len(layers) // 2
        return [*self._run(layers[:half], seed), *self._run(layers[half:], seed)]

    def _rows(self, layers: list[Layer], seed: int) -> list[tuple[float, float]] | None:
        """Return cycles and stalls of dispatch and of each layer; None if the firmware refuses the model."""
        try:
            result = self._runner.run(layers_tflite(layers, seed), seed=seed)
        except (SwapError, RunError, ModelError):
            return None
        profile = self._simulations[-1].attach(result.profile)
        if self._simulations[-1].setting_values != {name: setting.value for name, setting in self._usual.settings.items()}:
            raise UsageError(
                f"the firmware sets up the memories of {self._target.board.name} otherwise than usual, which predictions take for granted",
                hint="`instsim estimate FIRMWARE --model MODEL` follows them as they are set up",
            )
        use = memory_use_of(profile, self._target)
        ideal = self._costs.price(profile).cycles.sum(axis=1)
        followed = self._costs.price(profile, memory=use).cycles.sum(axis=1)
        rows = [(float(ideal[0]), float(followed[0] - ideal[0]))] * (1 + len(layers))
        for number, kernel in enumerate(profile.kernels, 1):
            rows[1 + kernel.index] = (float(ideal[number]), float(followed[number] - ideal[number]))
        return rows


def _draw(kind: str, generator: np.random.Generator, cache_bytes: int | None) -> Layer:
    """Draw a layer that is not tiny; `cache_bytes`: with weights that fill such a cache, about."""
    least, most = _NEAR_A_CACHE
    while True:
        layer = draw_layer(kind, generator)
        if cache_bytes is not None and not least * cache_bytes <= layer.weight_bytes <= most * cache_bytes:
            continue
        if not layer.macs or layer.macs >= _FEWEST_MACS:
            return layer


def _data_caches(system: MemorySystem) -> tuple[Cache, ...]:
    """Return the caches that reads go through and that weights may fit, the smallest first."""
    names = {path.cache for path in system.paths if path.access is Access.READ}
    return tuple(sorted((cache for cache in system.caches if cache.name in names), key=lambda cache: cache.size_bytes))


def _errors(priced: PricedKind, fresh: Sequence[LayerStalls]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    true = np.array([run.cycles + run.stalls for run in fresh])
    return np.asarray(priced.cycles([run.layer for run in fresh]) / true - 1.0)
