"""A formula for every class of counts on one path of a kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from instsim.predict.exact_fit import Combination, TermTable, information_bits
from instsim.predict.formula import Formula, Piece, gated, scaled
from instsim.predict.gates import Gate, find_gate
from instsim.predict.means import fit_means
from instsim.predict.shares import closest_share, fit_share
from instsim.predict.vocabulary import DIVIDE_TERMS

__all__ = ["Observations", "fit_classes"]

_WORTH_CONDITIONS = 2e-6
_WORTH_SPLIT = 1e-4
_WORTH_SCATTER = 2e-4
_SIMPLE_TERMS = 500
_MOST_TABLES = 160
_MOST_SPLIT = 16
_FEWEST_SAMPLES = 4
_FAVOURITES = 48
_NONE: tuple[Piece, ...] = ()

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Observations:
    """What was counted on one path, and the terms and conditions to explain it with.

    Attributes
    ----------
    groups : ndarray of int64, shape (samples,)
        Samples of one group are of one layer, run with other weights and inputs: what differs between them depends on data.
    counts : ndarray of int64, shape (samples, classes)
        Counts.
    weights : ndarray of float64, shape (classes,)
        Largest share of each class in the cycles of a sample.
    prices : ndarray of float64, shape (classes,)
        Cycles of one count of each class.
    terms, term_names : ndarray of int64, shape (samples, terms), and names
        The simplest first.
    conditions, condition_names : ndarray of bool, shape (samples, conditions), and names
        The likeliest first.
    means, mean_names : ndarray of int64, shape (samples, terms), and names
        Terms of what data decide in the mean.
    """

    groups: Integers
    counts: Integers
    weights: npt.NDArray[np.float64]
    prices: npt.NDArray[np.float64]
    terms: Integers
    term_names: Sequence[str]
    conditions: Flags
    condition_names: Sequence[str]
    means: Integers
    mean_names: Sequence[str]


def fit_classes(seen: Observations) -> tuple[Formula, ...]:
    """Find a formula for each class.

    First combinations of terms that hold in every sample; then, for what is left, ones under a condition, ones on either side of a condition,
    and sums with classes that are understood already. What remains depends on data or addresses. Classes that follow data are sums of terms
    that say what random data do in the mean; another is taken as a share of a class or a term that it follows most closely.

    Parameters
    ----------
    seen : Observations
        Counts and vocabulary.

    Returns
    -------
    tuple of Formula
        One for each class.
    """
    return _Fitting(seen).formulas()


@dataclass
class _Fitting:
    seen: Observations
    found: dict[int, Formula] = field(default_factory=dict)
    varying: set[int] = field(default_factory=set)
    divisible: set[int] = field(default_factory=set)
    _tables: dict[bytes, TermTable] = field(default_factory=dict)
    _used: Counter[int] = field(default_factory=Counter)

    def formulas(self) -> tuple[Formula, ...]:
        every = np.ones(self.seen.counts.shape[0], bool)
        # What a divide takes is a sum of three terms, and nothing else counts the one that is its own.
        self._used.update(self.seen.term_names.index(name) for names in DIVIDE_TERMS.values() for name in names if name in self.seen.term_names)
        order = np.argsort(-self.seen.weights, kind="stable").tolist()
        self.varying = self._following_data()
        follows_data = set(self.varying)
        for _ in range(2):
            for number in [number for number in order if number not in self.found and number not in follows_data]:
                self._accept(number, self._combine(number, every))
        follows_data |= {number for number in order if number not in self.found and self._scatter(number) < _WORTH_SCATTER}
        left = [number for number in order if number not in self.found and number not in follows_data]
        self.divisible = set(left[:_MOST_SPLIT])
        for number in left:
            self._accept(number, self._conditional(number))
        for number in [number for number in order if number not in self.found and number not in follows_data]:
            self._accept(number, self._combine(number, every, triple=self.seen.weights[number] > _WORTH_SPLIT))
        known = self._known()
        exact = dict(self.found)
        self._take_means(known)
        for number in [number for number in order if number not in self.found]:
            pieces = self._inexact(number, known, exact)
            self.found[number] = Formula(pieces, is_exact=False)
        return tuple(self.found[number] for number in range(self.seen.counts.shape[1]))

    def _take_means(self, known: Sequence[int]) -> None:
        """Give formulas to all classes that follow data."""
        numbers = sorted(self.varying)
        if not numbers:
            return
        counts = self.seen.counts[:, numbers]
        offered: list[tuple[Piece, ...]] = [(Piece((), ((1.0, name),)),) for name in self.seen.mean_names]
        columns = self.seen.means
        if not offered:
            # Where nobody knows what decides, the closest classes that are understood have to do.
            followed = self._followed(counts, known)
            offered = [pieces for _, pieces in followed]
            columns = np.array([values for values, _ in followed], np.int64).reshape(len(followed), counts.shape[0]).T
        found = fit_means(counts, self.seen.prices[numbers], self.seen.groups, columns)
        for number, parts in zip(numbers, found, strict=True):
            self.found[number] = Formula(merged([piece for factor, place in parts for piece in scaled(offered[place], factor)]), is_exact=False)

    def _followed(self, counts: Integers, known: Sequence[int]) -> list[tuple[Integers, tuple[Piece, ...]]]:
        """Return the classes that are understood which each of some classes follows most closely."""
        found: dict[bytes, tuple[Integers, tuple[Piece, ...]]] = {}
        understood = self.seen.counts[:, known]
        for column in counts.T:
            closest = closest_share(column, understood)
            if closest is not None:
                values = understood[:, closest[2]]
                found.setdefault(values.tobytes(), (values, self.found[known[closest[2]]].pieces))
        return list(found.values())

    def _accept(self, number: int, pieces: tuple[Piece, ...] | None) -> None:
        if pieces is not None:
            self.found[number] = Formula(pieces)

    def _following_data(self) -> set[int]:
        """Return the classes that samples of one layer count differently."""
        order = np.argsort(self.seen.groups, kind="stable")
        groups, counts = self.seen.groups[order], self.seen.counts[order]
        differs = (counts[1:] != counts[:-1]) & (groups[1:] == groups[:-1])[:, None]
        return set(np.flatnonzero(differs.any(axis=0)).tolist())

    def _scatter(self, number: int) -> float:
        """Return what the scatter of a class about its mean share of another makes of a sample's cycles."""
        closest = closest_share(self.seen.counts[:, number], self.seen.counts[:, self._known()])
        return np.inf if closest is None else closest[0] * float(self.seen.weights[number])

    def _known(self) -> list[int]:
        return [number for number, formula in self.found.items() if formula.is_exact]

    def _table(self, rows: Flags, terms: int) -> TermTable:
        key = np.packbits(rows).tobytes() + terms.to_bytes(4, "little")
        if key not in self._tables:
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()
            self._tables[key] = TermTable(self.seen.terms[rows, :terms])
        return self._tables[key]

    def _combine(self, number: int, rows: Flags, *, triple: bool = False, simple: bool = False) -> tuple[Piece, ...] | None:
        """Return the combination of terms that a class is in some samples; `simple`: of the simplest terms only."""
        known = self._known()
        favourites = tuple(sorted(column for column, _ in self._used.most_common(_FAVOURITES))) if triple else ()
        counts, others = self.seen.counts[rows, number], self.seen.counts[rows][:, known]
        every = self.seen.terms.shape[1]
        for terms in dict.fromkeys((min(_SIMPLE_TERMS, every), min(_SIMPLE_TERMS, every) if simple else every)):
            found = self._table(rows, terms).solve(counts, others, tuple(column for column in favourites if column < terms))
            if found is not None:
                return self._pieces(found, known)
        return None

    def _pieces(self, found: Combination, known: Sequence[int]) -> tuple[Piece, ...]:
        own: list[tuple[float, str]] = []
        pieces: list[Piece] = []
        for coefficient, column in found.terms:
            if column >= 0:
                self._used[column] += 1
                own.append((float(coefficient), self.seen.term_names[column]))
            else:
                pieces += scaled(self.found[known[-1 - column]].pieces, coefficient)
        return merged((*([Piece((), tuple(own))] if own else []), *pieces))

    def _conditional(self, number: int) -> tuple[Piece, ...] | None:
        counts = self.seen.counts[:, number]
        if self.seen.weights[number] < _WORTH_CONDITIONS:
            return None
        ran = counts > 0
        gate = None
        if not ran.all():
            gate = find_gate(ran, self.seen.conditions, self.seen.condition_names)
            if gate is not None and ran.sum() >= _FEWEST_SAMPLES:
                inside = self._combine(number, ran)
                if inside is None and number in self.divisible:
                    inside = self._split(number, ran)
                if inside is not None:
                    return merged(gated(inside, gate.literals, negated=gate.is_negated))
        if number in self.divisible:
            return self._split(number, np.ones_like(ran))
        return None

    def _split(self, number: int, rows: Flags) -> tuple[Piece, ...] | None:
        """Return one combination where a condition holds and another where it does not."""
        if information_bits(self.seen.counts[rows, number]) < 2 * rows.sum() ** 0.5:
            return None
        for place, name in enumerate(self.seen.condition_names):
            inside, outside = rows & self.seen.conditions[:, place], rows & ~self.seen.conditions[:, place]
            if min(inside.sum(), outside.sum()) < _FEWEST_SAMPLES:
                continue
            first = self._combine(number, inside, simple=True)
            if first is None:
                continue
            second = self._combine(number, outside)
            if second is not None:
                return merged((*gated(first, (name,)), *gated(second, (f"!{name}",))))
        return None

    def _inexact(self, number: int, known: Sequence[int], exact: dict[int, Formula]) -> tuple[Piece, ...]:
        """Return an exact formula for the larger part of the samples if there is one, and a share for the rest."""
        counts = self.seen.counts[:, number]
        ran = counts > 0
        gate: Gate | None = None
        rows = np.ones_like(ran)
        if not ran.all() and self.seen.weights[number] > _WORTH_CONDITIONS:
            gate = find_gate(ran, self.seen.conditions, self.seen.condition_names)
            rows = ran if gate is not None else rows
        pieces = self._partly_exact(number, rows, known, exact) if number not in self.varying else None
        if pieces is None:
            pieces = self._share(number, rows, known, exact)
        return pieces if gate is None else merged(gated(pieces, gate.literals, negated=gate.is_negated))

    def _partly_exact(self, number: int, rows: Flags, known: Sequence[int], exact: dict[int, Formula]) -> tuple[Piece, ...] | None:
        if number not in self.divisible or rows.sum() < 2 * _FEWEST_SAMPLES:
            return None
        best: tuple[int, str, tuple[Piece, ...], Flags] | None = None
        for place, name in enumerate(self.seen.condition_names):
            for text, holds in ((name, self.seen.conditions[:, place]), (f"!{name}", ~self.seen.conditions[:, place])):
                inside = rows & holds
                size = int(inside.sum())
                if size < 2 * _FEWEST_SAMPLES or size == rows.sum() or (best is not None and size <= best[0]):
                    continue
                pieces = self._combine(number, inside, simple=True)
                if pieces is not None:
                    best = (size, text, pieces, rows & ~holds)
        if best is None:
            return None
        _, text, pieces, rest = best
        other = text[1:] if text.startswith("!") else f"!{text}"
        return merged((*gated(pieces, (text,)), *gated(self._share(number, rest, known, exact), (other,))))

    def _share(self, number: int, rows: Flags, known: Sequence[int], exact: dict[int, Formula]) -> tuple[Piece, ...]:
        counts = self.seen.counts[rows, number]
        if not counts.any():
            return _NONE
        terms = self.seen.terms[rows] if self.seen.weights[number] > _WORTH_CONDITIONS else self.seen.terms[rows][:, :40]
        share = fit_share(counts, self.seen.counts[rows][:, known], terms)
        pieces: list[Piece] = []
        for factor, column in share:
            pieces += [Piece((), ((factor, self.seen.term_names[column]),))] if column >= 0 else scaled(exact[known[-1 - column]].pieces, factor)
        return merged(tuple(pieces))


def merged(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the same sum with one piece for each gate and one coefficient for each term; gates that contradict themselves go."""
    sums: dict[tuple[str, ...], dict[str, float]] = {}
    for gate, terms in pieces:
        literals = tuple(sorted(set(gate)))
        if any(f"!{text}" in literals for text in literals):
            continue
        row = sums.setdefault(literals, {})
        for coefficient, term in terms:
            row[term] = row.get(term, 0.0) + coefficient
    kept = {gate: {term: value for term, value in row.items() if value} for gate, row in sums.items()}
    return tuple(Piece(gate, tuple((value, term) for term, value in row.items())) for gate, row in kept.items() if row)
