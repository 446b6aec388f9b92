"""Which terms the runs support: by leave-one-out error, simplest first, and never against physics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from instsim.calibrate.fitting import Errors, Fit, Sample, at_mean_reading, fit, spans
from instsim.calibrate.spread import Spread
from instsim.calibrate.terms import TERMS, Term
from instsim.errors import InputError

__all__ = ["Candidate", "Choice", "choose_energy", "choose_latency"]

_RUNS_FOR_A_TERM_MORE = 5
_MUST_FALL_TO = 0.9
"""A larger model is taken if its leave-one-out error is at most this much of the smaller one's: an error that falls less may well fall by chance."""

_ROUNDING = 1e-9
"""An error as small as this is one of arithmetic."""

_CHOSEN = "chosen"

_EXTRA = ("constant", "stalls", "flash-reads", "warmth")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that was looked at.

    Attributes
    ----------
    terms : tuple of str
        Labels of its terms; ``weight-reading`` behind them where what known boards show of that is in it.
    left_out : Errors
        Leave-one-out errors.
    verdict : str
        ``chosen``, or why it was not.
    """

    terms: tuple[str, ...]
    left_out: Errors
    verdict: str


@dataclass(frozen=True)
class Choice:
    """The model chosen, and what it was chosen from."""

    fit: Fit
    candidates: tuple[Candidate, ...]


def _impossible(terms: Sequence[Term], fitted: Fit) -> str:
    """Say which coefficient makes no physical sense; empty if all do."""
    for term, value in zip(terms, fitted.model.coefficients, strict=True):
        if value < 0 and not TERMS[term.kind].may_be_negative:
            unit = TERMS[term.kind].unit(fitted.model.quantity)
            what = "no inference gives energy back" if fitted.model.quantity == "energy" else "nothing takes less than no time"
            return f"refused: {term.label} comes out as {value:.3g}{f' {unit}' if unit else ''}, and {what}"
    return ""


class _Search:
    """Looks at models of one quantity, remembers each, and keeps the best."""

    def __init__(self, quantity: str, samples: Sequence[Sample], spread: Spread, *, measured_time: bool) -> None:
        self._quantity, self._samples, self._spread, self._measured_time = quantity, samples, spread, measured_time
        self.best: Fit | None = None
        self._seen: list[tuple[tuple[Term, ...], Errors, str]] = []

    def look(self, terms: Sequence[Term], *, better_than: float = _MUST_FALL_TO) -> bool:
        """Fit a model, and take it if it beats the best so far."""
        terms = tuple(terms)
        try:
            fitted = fit(self._quantity, terms, self._samples, self._spread, measured_time=self._measured_time)
        except InputError as error:
            self._seen.append((terms, Errors(()), f"not possible: {error.message}"))
            return False
        reason = _impossible(terms, fitted)
        if not reason and self.best is not None and not fitted.left_out.rms <= better_than * self.best.left_out.rms - _ROUNDING:
            reason = "not better"
        self._seen.append((terms, fitted.left_out, reason))
        if reason:
            return False
        self.best = fitted
        return True

    def choice(self) -> Choice:
        if self.best is None:
            reasons = tuple(f"{' + '.join(term.label for term in terms)}: {reason}" for terms, _, reason in self._seen)
            raise InputError(f"no model of {self._quantity} fits the runs", hint="look at units and at the runs named", details=reasons)
        chosen = self.best.model.terms
        reading = () if self._spread.reading is None else ("weight-reading",)
        return Choice(
            self.best,
            tuple(
                Candidate((*(term.label for term in terms), *reading), errors, _CHOSEN if terms == chosen else reason or "a larger model was better")
                for terms, errors, reason in self._seen
            ),
        )


def _runs(samples: Sequence[Sample]) -> int:
    """Return how many runs there are that do not repeat each other."""
    return len({sample.key for sample in samples})


def _families(samples: Sequence[Sample]) -> list[str]:
    return sorted({sample.point.firmware for sample in samples})


def _by_family(search: _Search, kind: str, samples: Sequence[Sample]) -> None:
    """Look at a coefficient for each family of firmware, where each has two runs at least."""
    families = _families(samples)
    counts = [len({sample.key for sample in samples if sample.point.firmware == family}) for family in families]
    if len(families) > 1 and min(counts) > 1:
        search.look([Term(kind, family) for family in families])


def _grow(search: _Search, samples: Sequence[Sample], against: str) -> None:
    """Add terms one at a time while the leave-one-out error falls and there are runs for them."""
    grown = True
    runs = _runs(samples)
    while grown and search.best is not None:
        grown = False
        terms = search.best.model.terms
        for kind in _EXTRA:
            # Two runs beyond the terms, so that the error of prediction is more than a guess.
            if runs < max(_RUNS_FOR_A_TERM_MORE, len(terms) + 3) or any(term.kind == kind for term in terms):
                continue
            if kind == "warmth" and not _varies([sample.point.temperature_c or 0.0 for sample in samples]):
                continue
            if kind == "warmth" and search.best.model.quantity == "latency":
                continue
            if spans(kind, samples, against=against):
                grown = search.look([*terms, Term(kind)]) or grown


def _varies(values: Sequence[float], factor: float = 1.02) -> bool:
    return max(values) > factor * min(values)


def choose_latency(samples: Sequence[Sample], spread: Spread) -> Choice:
    """Choose a model of latency on cycles.

    Parameters
    ----------
    samples : sequence of Sample
        Runs with a measured latency.
    spread : Spread
        Of latency over prediction, on known boards.

    Raises
    ------
    InputError
        If no model fits.
    """
    search = _Search("latency", samples, spread, measured_time=False)
    search.look([Term("nominal-time")])
    _by_family(search, "nominal-time", samples)
    _grow(search, samples, "nominal-time")
    return search.choice()


_DYNAMIC = {"ldo": ("cycles*V",), "switched": ("cycles", "cycles*V^2"), "unknown": ("cycles*V", "cycles*V^2", "cycles")}


def choose_energy(samples: Sequence[Sample], spread: Spread, regulator: str, *, measured_time: bool) -> Choice:
    """Choose a model of energy.

    Parameters
    ----------
    samples : sequence of Sample
        Runs with a measured energy.
    spread : Spread
        Of energy at measured latency, on known boards.
    regulator : {'ldo', 'switched', 'unknown'}
        What makes the core voltage of the board.
    measured_time : bool
        Whether the runs' time was measured.

    Notes
    -----
    What reading weights does is taken from known boards; five runs or more may refute it, by a left-out error that falls by a tenth without it.

    One clock and one supply: energy is a power times time, through the origin. Where they vary: energy of a cycle (following the supply as the
    regulator has it), and static power times time where the runs carry it.

    Raises
    ------
    InputError
        If no model fits.
    """
    level, beside = at_mean_reading(samples, spread)
    choice = _search_energy(level, beside, regulator, measured_time=measured_time)
    if beside.reading is None or _runs(samples) < _RUNS_FOR_A_TERM_MORE:
        return choice
    without = _search_energy(samples, beside.without_reading(), regulator, measured_time=measured_time)
    best = choice.fit.left_out.rms
    if math.isfinite(best) and without.fit.left_out.rms <= _MUST_FALL_TO * best - _ROUNDING:
        return Choice(without.fit, (*without.candidates, *_passed_over(choice.candidates, "better without weight-reading")))
    return Choice(choice.fit, (*choice.candidates, *_passed_over(without.candidates, "not better without weight-reading")))


def _passed_over(candidates: Sequence[Candidate], reason: str) -> list[Candidate]:
    """Return the one that was chosen among models of the other kind, with why it is not."""
    return [replace(candidate, verdict=reason) for candidate in candidates if candidate.verdict == _CHOSEN]


def _search_energy(samples: Sequence[Sample], spread: Spread, regulator: str, *, measured_time: bool) -> Choice:
    search = _Search("energy", samples, spread, measured_time=measured_time)
    points = [sample.point for sample in samples]
    supplied = all(point.supply_v > 0 for point in points)
    clocks_vary = _varies([point.clock_hz for point in points])
    supplies_vary = supplied and _varies([point.supply_v for point in points])
    if not clocks_vary and not supplies_vary:
        search.look([Term("time")])
        _by_family(search, "time", samples)
        _grow(search, samples, "time")
        return search.choice()
    dynamic = _DYNAMIC.get(regulator, _DYNAMIC["unknown"]) if supplies_vary else ("cycles",)
    static = ("time", "time*V") if supplies_vary else ("time",)
    enough = _runs(samples) >= 4
    for kind in dynamic:
        # Between models of one size the smaller error decides; the regulator's own comes first and wins a draw.
        search.look([Term(kind)], better_than=1.0 if search.best is None else 0.999)
    if enough:
        pairs = [(first, second) for first in dynamic for second in static]
        better = _MUST_FALL_TO
        for first, second in pairs:
            if search.look([Term(first), Term(second)], better_than=better):
                better = 0.999
    _grow(search, samples, "time")
    return search.choice()
