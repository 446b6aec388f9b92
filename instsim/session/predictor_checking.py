"""Whether a predictor speaks of the kernels that a firmware has."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from instsim.cost import CoreTable
from instsim.image import FirmwareImage, load_image
from instsim.predict.classes import count_classes
from instsim.predict.predictor import DISPATCH, KindModel, TaughtPredictor
from instsim.predict.pricing import price_kind
from instsim.predict.samples import Sample
from instsim.predict.sampling import draw_layer
from instsim.session.choose import choose_target
from instsim.session.predictor_training import LayerTeacher
from instsim.session.request import Request
from instsim.session.settings import find_settings
from instsim.session.swapping import make_runner

__all__ = ["KindCheck", "PredictorCheck", "check_predictor"]

_LAYERS = 6
_LEAST_TOLERANCE = 0.01
_TOLERANCE_IN_ERRORS = 3.0


@dataclass(frozen=True, slots=True)
class KindCheck:
    """One operator.

    Attributes
    ----------
    kind : str
        Its name.
    verdict : {'same', 'differs', 'absent', 'untaught'}
        Whether the firmware's kernel is what was taught; ``absent`` if the firmware lacks it, ``untaught`` if the predictor does.
    layers : int
        Layers that were run.
    error : float
        Largest relative error of the prediction among them.
    bias : float
        Mean relative error: below zero where the firmware's kernel takes longer.
    tolerance : float
        What the predictor's own error allows.
    """

    kind: str
    verdict: str
    layers: int = 0
    error: float = 0.0
    bias: float = 0.0
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class PredictorCheck:
    """A predictor held against a firmware.

    Attributes
    ----------
    predictor, firmware : str
        Names.
    is_teacher : bool
        Whether it is the very image that taught it; nothing is run then.
    kinds : tuple of KindCheck
        By operator.
    """

    predictor: str
    firmware: str
    is_teacher: bool
    kinds: tuple[KindCheck, ...]

    @property
    def fits(self) -> bool:
        """Whether no kernel differs."""
        return all(kind.verdict != "differs" for kind in self.kinds)


def check_predictor(taught: TaughtPredictor, firmware: str | Path | FirmwareImage, request: Request) -> PredictorCheck:
    """Run a few layers of each operator in a firmware and hold them against a predictor.

    Parameters
    ----------
    taught : TaughtPredictor
        The predictor.
    firmware : str, Path or FirmwareImage
        A firmware with TensorFlow Lite Micro's interpreter.
    request : Request
        Board and core.

    Raises
    ------
    SwapError
        If the firmware cannot run other models.
    UsageError
        If the predictor has no prices for the core.
    """
    image = firmware if isinstance(firmware, FirmwareImage) else load_image(firmware, base=request.base)
    if image.sha256 == taught.teacher.sha256:
        return PredictorCheck(taught.name, image.name, is_teacher=True, kinds=tuple(KindCheck(kind, "same") for kind in sorted(taught.kinds)))
    target = choose_target(image, request, find_settings(request.settings_folder))
    runner = make_runner(image, target, request)
    teacher = LayerTeacher(runner)
    found = []
    for name, kind in sorted(taught.kinds.items()):
        if name == DISPATCH:
            continue
        if name not in runner.facts.operators:
            found.append(KindCheck(name, "absent"))
            continue
        generator = np.random.default_rng(zlib.crc32(name.encode()) + 1)
        samples = [sample for seed in range(_LAYERS) if (sample := teacher.run(draw_layer(name, generator), seed)) is not None]
        price = price_kind(kind, target.core)
        predicted = price.cycles([sample.layer for sample in samples])
        found.append(_judged(kind, samples, predicted, _cycles(samples, target.core)))
    found += [KindCheck(name, "untaught") for name in sorted(set(runner.facts.operators) - set(taught.kinds))]
    return PredictorCheck(taught.name, image.name, is_teacher=False, kinds=tuple(found))


def _cycles(samples: list[Sample], core: CoreTable) -> npt.NDArray[np.float64]:
    if not samples:
        return np.zeros(0)
    classes = count_classes(core.isa, samples, [core])
    cycles: npt.NDArray[np.float64] = classes.counts @ classes.prices(core)
    return cycles


def _judged(kind: KindModel, samples: list[Sample], predicted: npt.NDArray[np.float64], cycles: npt.NDArray[np.float64]) -> KindCheck:
    if not samples:
        return KindCheck(kind.kind, "absent")
    errors = predicted / cycles - 1.0
    own = 0.0 if kind.error is None else max(kind.error.p95, kind.error.largest)
    tolerance = max(_LEAST_TOLERANCE, _TOLERANCE_IN_ERRORS * own)
    worst = float(np.abs(errors).max())
    # The middle layer decides: one that is far off may be one whose path was hardly taught.
    verdict = "same" if float(np.median(np.abs(errors))) <= tolerance else "differs"
    return KindCheck(kind.kind, verdict, len(samples), worst, float(errors.mean()), tolerance)
