"""Teaching a predictor on a firmware: models of one layer, run in the place of its own model."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from instsim import __version__, artifacts
from instsim.cost import CoreTable, list_cores, load_core
from instsim.errors import IncompleteError, ModelError, PredictorError, RunError, SwapError, UsageError
from instsim.image import FirmwareImage, load_image
from instsim.model.layer import Layer, chain
from instsim.model.layer_models import WRITABLE_KINDS, layers_tflite
from instsim.predict.arena import buffers_of, planned_bytes
from instsim.predict.cost_stamp import cost_stamp
from instsim.predict.predictor import DISPATCH, KindModel, TaughtPredictor, Teacher
from instsim.predict.predictor_file import load_predictor, save_predictor
from instsim.predict.samples import Sample, kernel_sample
from instsim.predict.training import TrainingPlan, train_kind
from instsim.session.choose import Target, choose_target
from instsim.session.processes import Ended, run_jobs
from instsim.session.request import Request
from instsim.session.settings import find_settings
from instsim.session.swapping import make_runner
from instsim.swap.facts import RunnerFacts
from instsim.swap.runner import ModelRunner

__all__ = ["LayerTeacher", "TrainingOptions", "chained_layer", "train_predictor"]

_CHAINED = (
    Layer("RESHAPE", channels=8, out_channels=8),
    Layer("SOFTMAX", channels=8, out_channels=8),
    Layer("FULLY_CONNECTED", channels=8, out_channels=8),
    Layer("CONV_2D", channels=8, out_channels=8),
)
"""Layers that may follow themselves, the cheapest first."""

_NAME = "{} layers taught, mean error on fresh ones {:.2%}"


@dataclass(frozen=True)
class TrainingOptions:
    """How to teach.

    Attributes
    ----------
    name : str
        Of the predictor.
    kernels : str
        Which kernels the firmware has, in words.
    provenance : mapping of str to str
        What else is known of its making.
    kinds : tuple of str
        Operators to teach; empty for all that the firmware and instsim both know.
    plan : TrainingPlan
        Budget and target of each operator.
    processes : int
        How many operators are taught at once.
    parts : Path or None
        Folder that keeps operators that are done, so that an interrupted training goes on.
    on_kind : callable or None
        ``on_kind(done, total, text)`` behind each operator.
    """

    name: str
    kernels: str = ""
    provenance: dict[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    plan: TrainingPlan = field(default_factory=TrainingPlan)
    processes: int = 2
    parts: Path | None = None
    on_kind: Callable[[int, int, str], None] | None = None


def chained_layer(operators: Collection[str]) -> Layer | None:
    """Return the cheapest layer that may follow itself, of operators that a firmware has: models of many teach the interpreter's own work."""
    return next((layer for layer in _CHAINED if layer.kind in operators), None)


class LayerTeacher:
    """Runs single layers in a firmware.

    Parameters
    ----------
    runner : ModelRunner
        The firmware.
    """

    def __init__(self, runner: ModelRunner) -> None:
        self._runner = runner
        self._chained = chained_layer(runner.facts.operators)

    def run(self, layer: Layer, seed: int) -> Sample | None:
        """Return what a layer executed, None if the runner refuses it."""
        if layer.kind == DISPATCH:
            return self._dispatch(layer, seed)
        try:
            result = self._runner.run(layers_tflite([layer], seed), seed=seed)
        except (SwapError, RunError, ModelError):
            return None
        rows = [number for number, kernel in enumerate(result.profile.kernels, 1) if kernel.name == layer.kind]
        return kernel_sample(layer, result.profile, rows[0], result.profile.run.arena_used_bytes) if rows else None

    def _dispatch(self, layer: Layer, seed: int) -> Sample | None:
        if self._chained is None:
            return None
        layers = [self._chained] * layer.height
        try:
            result = self._runner.run(layers_tflite(layers, seed), seed=seed)
        except (SwapError, RunError, ModelError):
            return None
        used = result.profile.run.arena_used_bytes
        beyond = None if used is None else used - int(planned_bytes(*buffers_of([chain(layers).tensors]))[0])
        return kernel_sample(layer, result.profile, 0, beyond)


def train_predictor(firmware: str | Path | FirmwareImage, request: Request, options: TrainingOptions) -> TaughtPredictor:
    """Teach a predictor on a firmware with TensorFlow Lite Micro's interpreter.

    Parameters
    ----------
    firmware : str, Path or FirmwareImage
        The image; its own model does not matter.
    request : Request
        Board and core.
    options : TrainingOptions
        Names, budget, processes.

    Raises
    ------
    SwapError
        If the firmware cannot run other models.
    IncompleteError
        If the core does not price an instruction of a kernel.
    UsageError
        If an operator was asked for that the firmware does not have, or none is left.
    """
    image = firmware if isinstance(firmware, FirmwareImage) else load_image(firmware, base=request.base)
    target = choose_target(image, request, find_settings(request.settings_folder))
    runner = make_runner(image, target, request)
    kinds = _kinds(options, runner, image.name)
    cores = (target.core, *(core for core in list_cores() if core.isa is target.core.isa and core.name != target.core.name))
    taught: dict[str, KindModel] = {}
    work = _Work(
        image,
        replace(request, on_progress=None),
        runner.facts,
        tuple(core.name if core.path.parent == load_core(core.name).path.parent else str(core.path) for core in cores),
        options.plan,
    )
    parts = _Parts(options, image, target)
    todo = []
    for kind in kinds:
        kept = parts.load(kind)
        if kept is None:
            todo.append(kind)
        else:
            taught[kind] = kept
    _report(options, taught, kinds, None)
    for kind, model in _taught(work, todo, options.processes):
        if model is not None:
            taught[kind] = model
            parts.save(kind, model)
        _report(options, taught, kinds, kind)
    if not set(taught) - {DISPATCH}:
        raise UsageError(f"{image.name} ran none of the layers that instsim knows to make", hint="see which operators it has with `instsim inspect`")
    predictor = _predictor(options, image, cores, taught)
    parts.remove()
    return predictor


def _kinds(options: TrainingOptions, runner: ModelRunner, name: str) -> tuple[str, ...]:
    known = tuple(kind for kind in WRITABLE_KINDS if kind in runner.facts.operators)
    missing = [kind for kind in options.kinds if kind not in known]
    if missing:
        raise UsageError(f"{name} has no {', '.join(missing)}, or instsim cannot make such layers", hint=f"it has {', '.join(known)}")
    return (*(options.kinds or known), DISPATCH)


@dataclass(frozen=True)
class _Work:
    """What a process needs to teach one operator after the other."""

    image: FirmwareImage
    request: Request
    facts: RunnerFacts
    cores: tuple[str, ...]
    plan: TrainingPlan

    def teach(self, kind: str) -> KindModel | None:
        cores = [load_core(name) for name in self.cores]
        target = choose_target(self.image, self.request, find_settings(self.request.settings_folder))
        runner = make_runner(self.image, target, self.request, self.facts)
        return train_kind(kind, cores[0].isa, cores, LayerTeacher(runner).run, plan=self.plan)

    def teach_alone(self, kind: str) -> Iterator[KindModel | None]:
        """Do the same as the job of a process."""
        yield self.teach(kind)


def _taught(work: _Work, kinds: Sequence[str], processes: int) -> Iterator[tuple[str, KindModel | None]]:
    """Yield operators as they are done."""
    if processes < 2 or len(kinds) < 2:
        for kind in kinds:
            yield kind, work.teach(kind)
        return
    for job, model in run_jobs([partial(work.teach_alone, kind) for kind in kinds], processes):
        if isinstance(model, Ended):
            raise RunError(f"the process that taught {kinds[job]} ended with {model.how}", hint="fewer at once need less memory: --workers 1")
        yield kinds[job], model


def _report(options: TrainingOptions, taught: dict[str, KindModel], kinds: Sequence[str], kind: str | None) -> None:
    if options.on_kind is None or (kind is None and not taught):
        return
    model = taught.get(kind or "")
    text = f"{len(taught)} kept from before" if kind is None else f"{kind}: the firmware took none of its layers"
    if model is not None and model.error is not None:
        text = f"{kind}: " + _NAME.format(sum(path.samples for path in model.paths), model.error.mean)
    options.on_kind(len(taught), len(kinds), text)


def _predictor(options: TrainingOptions, image: FirmwareImage, cores: Sequence[CoreTable], taught: dict[str, KindModel]) -> TaughtPredictor:
    priced = [
        core.name for core in cores if all(core.name in record.events for kind in taught.values() for path in kind.paths for record in path.classes)
    ]
    if cores[0].name not in priced:
        raise IncompleteError(f"core {cores[0].name} does not price every instruction of {image.name}")
    return TaughtPredictor(
        options.name,
        cores[0].isa,
        tuple(priced),
        Teacher(image.name, image.sha256, tuple(image.compilers), cores[0].emulated_cpu, options.kernels, dict(options.provenance)),
        taught,
        __version__,
        {core.name: cost_stamp(core) for core in cores if core.name in priced},
    )


class _Parts:
    """Operators that are done, one file each."""

    def __init__(self, options: TrainingOptions, image: FirmwareImage, target: Target) -> None:
        self._folder, self._image, self._options = options.parts, image, options
        stamp = hashlib.sha256(json.dumps([image.sha256, target.core.digest, asdict(options.plan), __version__]).encode())
        stamp.update(artifacts.code_stamp("predict", "cost", "isa", "model").encode())
        self._stamp = stamp.hexdigest()

    def _path(self, kind: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{kind.strip('()').lower()}.json"

    def load(self, kind: str) -> KindModel | None:
        path = self._path(kind)
        if path is None or not path.is_file():
            return None
        try:
            found = load_predictor(path)
        except PredictorError:
            return None
        return found.kinds.get(kind) if found.teacher.provenance.get("stamp") == self._stamp else None

    def save(self, kind: str, model: KindModel) -> None:
        path = self._path(kind)
        if path is None:
            return
        cores = [load_core(name) for name in model.paths[0].classes[0].events]
        part = _predictor(self._options, self._image, cores, {kind: model})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PredictorError(f"cannot write {path.parent}: {error.strerror or error}") from error
        save_predictor(replace(part, teacher=replace(part.teacher, provenance={"stamp": self._stamp})), path)

    def remove(self) -> None:
        if self._folder is not None and self._folder.is_dir():
            shutil.rmtree(self._folder, ignore_errors=True)
