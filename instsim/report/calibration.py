"""A calibration that was just fitted, as text: coefficients with intervals, errors on runs left out, what the runs cannot tell."""

from __future__ import annotations

import math

from instsim.calibrate.choosing import Choice
from instsim.calibrate.fit_board import BoardFit
from instsim.calibrate.fitting import Fit
from instsim.calibrate.known_boards import Shrinkage
from instsim.calibrate.student_t import quantile
from instsim.calibrate.terms import TERMS
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.units import format_count

__all__ = ["calibration_parts"]

_LEVEL = 0.9


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f}%"


def _degrees(count: int, what: str = "") -> str:
    return f"{count} {what}degree{'' if count == 1 else 's'} of freedom"


def _coefficients(fit: Fit) -> Table:
    model = fit.model
    reach = quantile(0.5 + _LEVEL / 2, model.degrees_of_freedom)
    rows = []
    for term, value, error in zip(model.terms, model.coefficients, fit.standard_errors, strict=True):
        kind = TERMS[term.kind]
        unit = kind.unit(model.quantity)
        interval = f"{value - reach * error:.4g} to {value + reach * error:.4g}"
        rows.append(Row((term.label, f"{value:.5g}", interval, unit, kind.meaning)))
    columns = (
        Column("term", numeric=False, least_width=12),
        Column("coefficient"),
        Column(f"{_LEVEL:.0%} interval"),
        Column("unit", numeric=False),
        Column("meaning", numeric=False, least_width=10, importance=2),
    )
    return Table(f"{model.quantity.capitalize()}: coefficients", columns, tuple(rows))


def _facts(choice: Choice) -> Facts:
    fit = choice.fit
    model, left = fit.model, fit.left_out
    own = "none left" if model.own_ln_sd is None else f"{_percent(model.own_ln_sd)} with {_degrees(model.own_degrees_of_freedom)}"
    pairs = [
        ("runs", f"{len(fit.influence)}, {_degrees(model.own_degrees_of_freedom, 'residual ')}"),
        ("scatter of the runs", own),
        ("with known boards", f"{_percent(model.ln_sd)} with {model.degrees_of_freedom:.3g} degrees of freedom; intervals rest on this"),
        ("one image left out", f"mean {_percent(left.mean_absolute)}, worst {_percent(left.worst)}" if left.known else "takes a second image"),
    ]
    groups = fit.groups_left_out
    if groups is not None:
        pairs.append(("one firmware left out", f"mean {_percent(groups.mean_absolute)}, worst {_percent(groups.worst)}"))
    pairs.append(("other firmware adds", f"{_percent(model.between_ln_sd)} spread"))
    if model.quantity == "energy":
        pairs.append(("weight-reading", _reading(choice)))
    domain = model.domain
    clocks = f"{domain.clock_hz.low / 1e6:g} to {domain.clock_hz.high / 1e6:g} MHz" if domain.clock_hz.low != domain.clock_hz.high else ""
    pairs.append(("holds for", f"{format_count(domain.cycles.low)} to {format_count(domain.cycles.high)} cycles{', ' + clocks if clocks else ''}"))
    pairs.append(("firmware", "; ".join(domain.firmware) or "not named"))
    if len(model.terms) > 1:
        pairs.append(("condition number", f"{fit.condition_number:.3g}"))
    return Facts("", tuple(pairs))


def _reading(choice: Choice) -> str:
    reading = choice.fit.model.reading
    if reading is None:
        if any("weight-reading" in candidate.terms for candidate in choice.candidates):
            return "left out: the runs refute it"
        return "left out: not all runs tell their weights (column weight_bytes)"
    change = reading.ratio(reading.mean + 0.1) - 1.0
    return f"{100 * change:+.1f}% power for 0.1 byte of weights a cycle more than the runs' {reading.mean:.3g}, from known boards"


def _candidates(choice: Choice) -> Table:
    columns = (Column("model", numeric=False, least_width=16), Column("left out, rms"), Column("verdict", numeric=False, least_width=16))
    rows = tuple(
        Row((" + ".join(candidate.terms), _percent(candidate.left_out.rms), candidate.verdict), "strong" if candidate.verdict == "chosen" else "")
        for candidate in choice.candidates
    )
    fit = choice.fit
    aicc = "not defined for so few runs" if fit.aicc is None else f"{fit.aicc:.1f}"
    return Table("Models looked at", columns, rows, notes=(f"Chosen by the error on runs left out. AICc of the chosen one: {aicc}.",))


def _runs(fit: Fit) -> Table:
    columns = (
        Column("run", numeric=False, least_width=16),
        Column("residual"),
        Column("left out"),
        Column("leverage", importance=2),
        Column("Cook's distance", importance=1),
    )
    rows = tuple(
        Row(
            (
                item.place,
                f"{100 * item.residual:+.1f}%",
                "-" if item.left_out is None else f"{100 * item.left_out:+.1f}%",
                f"{item.leverage:.2f}",
                "-" if item.cooks_distance is None else f"{item.cooks_distance:.2f}",
            )
        )
        for item in fit.influence
    )
    notes = ("Residual: measured over fitted, less 1. Left out: what the other runs predict for it, over measured, less 1.",)
    return Table("Runs", columns, rows, notes=notes)


def _others(found: Shrinkage) -> Table:
    """Return what other boards said, and what became of the coefficients."""
    prior = found.prior
    total = math.fsum(board.weight for board, _ in prior.boards)
    unit, scale = ("measured over nominal", 1.0) if prior.quantity == "latency" else ("pJ a cycle", 1e12)
    rows = [
        Row((board.calibration.name, f"{board.distance:.2f}", f"{board.weight / total:.0%}", f"{scale * math.exp(value):.4g}"))
        for board, value in prior.boards
    ]
    columns = (Column("calibration", numeric=False, least_width=16), Column("distance"), Column("weight"), Column(unit))
    mean, factor = scale * math.exp(prior.ln_mean), math.exp(prior.ln_sd)
    spread = f"Their mean is {mean:.4g}; a new board lies a factor of {factor:.3g} from it (one standard deviation)."
    named = f"{TERMS[found.term].unit(prior.quantity)} ({found.term})".lstrip()
    if found.own:
        did = f"The runs weigh {100 * found.own_weight:.1f}%, these {100 * (1 - found.own_weight):.1f}%: "
        did += ", ".join(f"{before:.5g} became {after:.5g}" for before, after in zip(found.own, found.shrunk, strict=True))
        did += f" {named}. Errors on runs left out are those of the runs alone."
    else:
        did = f"No run: {found.shrunk[0]:.5g} {named}, as theirs."
    return Table(f"{prior.quantity.capitalize()}: other boards", columns, tuple(rows), notes=(spread, did))


def calibration_parts(fitted: BoardFit) -> tuple[Part, ...]:
    """Return the parts of the report on a fit.

    Parameters
    ----------
    fitted : BoardFit
        Models, diagnostics and warnings.
    """
    calibration = fitted.calibration
    where = f"{calibration.clock_hz / 1e6:g} MHz" + (f", {calibration.supply_v:g} V" if calibration.supply_v else "")
    parts: list[Part] = [Heading(f"Calibration of {calibration.board} at {where}", calibration.source)]
    for choice in (fitted.latency, fitted.energy):
        if choice is not None:
            parts += [_coefficients(choice.fit), _facts(choice), _candidates(choice), _runs(choice.fit)]
    parts += [_others(shrinkage) for shrinkage in fitted.shrinkages]
    if calibration.energy is None:
        parts.append(Lines(("No run has an energy: energy stays nominal.",), style="muted"))
    if calibration.latency is None:
        parts.append(Lines(("No run has a latency: latency stays nominal.",), style="muted"))
    if fitted.warnings:
        parts.append(Lines(fitted.warnings, title="Warnings", style="warning", bullet="! "))
    return tuple(parts)
