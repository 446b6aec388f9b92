"""A calibration that was just fitted, as JSON."""

from __future__ import annotations

import math
from typing import Any

from instsim.calibrate.choosing import Choice
from instsim.calibrate.fit_board import BoardFit
from instsim.calibrate.known_boards import Shrinkage
from instsim.calibrate.terms import TERMS
from instsim.report.json_report import plain
from instsim.units import round_figure

__all__ = ["SCHEMA_VERSION", "calibration_document"]

SCHEMA_VERSION = "1.0"


def calibration_document(fitted: BoardFit) -> dict[str, Any]:
    """Return a fit as what JSON can hold, figures rounded to nine significant digits; figures that are not known are null.

    Parameters
    ----------
    fitted : BoardFit
        Models, diagnostics and warnings.
    """
    calibration = fitted.calibration
    keys = ("name", "board", "core", "core_digest", "memory", "clock_hz", "supply_v", "regulator", "firmware", "source", "data_digest")
    return {
        "schema_version": SCHEMA_VERSION,
        **{key: plain(getattr(calibration, key)) for key in (*keys, "refit", "instsim_version")},
        "latency": _quantity(fitted.latency),
        "energy": _quantity(fitted.energy),
        "other_boards": [_others(found) for found in fitted.shrinkages],
        "warnings": list(fitted.warnings),
    }


def _others(found: Shrinkage) -> dict[str, Any]:
    prior = found.prior
    return {
        "quantity": prior.quantity,
        "boards": [
            {
                "calibration": board.calibration.name,
                "digest": board.calibration.digest,
                "distance": round_figure(board.distance),
                "ln_value": round_figure(value),
            }
            for board, value in prior.boards
        ],
        **{key: plain(getattr(prior, key)) for key in ("ln_mean", "ln_sd", "degrees_of_freedom")},
        "term": found.term,
        "own_coefficients": plain(found.own),
        "coefficients": plain(found.shrunk),
        "own_weight": round_figure(found.own_weight),
    }


def _quantity(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    fit, model = choice.fit, choice.fit.model
    terms = [
        {
            "kind": term.kind,
            "firmware": term.firmware,
            "coefficient": round_figure(value),
            "standard_error": round_figure(error),
            "unit": TERMS[term.kind].unit(model.quantity),
        }
        for term, value, error in zip(model.terms, model.coefficients, fit.standard_errors, strict=True)
    ]
    return {
        "terms": terms,
        "runs": len(fit.influence),
        **{
            key: plain(getattr(model, key))
            for key in ("ln_sd", "degrees_of_freedom", "own_ln_sd", "own_degrees_of_freedom", "between_ln_sd", "domain", "measured_time", "reading")
        },
        "left_out": {"mean": plain(fit.left_out.mean_absolute), "worst": plain(fit.left_out.worst)},
        "other_firmware_left_out": None if fit.groups_left_out is None else {"mean": plain(fit.groups_left_out.mean_absolute)},
        "aicc": plain(fit.aicc),
        "condition_number": round_figure(fit.condition_number),
        "alike": [{"terms": [first, second], "correlation": round_figure(value)} for first, second, value in fit.alike],
        "runs_of_the_fit": plain(fit.influence),
        "models": [
            {
                "terms": list(candidate.terms),
                "left_out_rms": round_figure(candidate.left_out.rms) if math.isfinite(candidate.left_out.rms) else None,
                "verdict": candidate.verdict,
            }
            for candidate in choice.candidates
        ],
    }
