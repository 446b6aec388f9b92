"""Finds whole-number combinations of few terms that reproduce a count in every sample.

Columns are compared by a linear hash modulo 2**64: ``hash(y) - a hash(u)`` is the hash of ``y - a u``, so one sorted table of all small
multiples of all terms answers which one or two of them make a count, without a regression. Hits are verified, and a hit counts only if the
count holds more information than naming the terms takes: a count that is zero but in two of hundred samples is made by hundreds of products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST_COEFFICIENT", "Combination", "TermTable", "information_bits"]

LARGEST_COEFFICIENT = 24
"""Inner loops are unrolled up to sixteen times; nothing larger was met."""

_PAIR_COEFFICIENTS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16)
_MARGIN_BITS = 6.0
_MOST_MATCHES = 400
_MOST_JUDGED = 20
_MOST_TRIPLE_SUMS = 150_000

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


class Combination(NamedTuple):
    """Terms that together make a count.

    Attributes
    ----------
    terms : tuple of (int, int)
        Coefficient and column of each.
    bits : float
        What naming it takes.
    """

    terms: tuple[tuple[int, int], ...]
    bits: float


def information_bits(counts: Integers) -> float:
    """Return the empirical entropy of a count over all samples, in bits."""
    _, occurrences = np.unique(counts, return_counts=True)
    shares = occurrences / counts.size
    return float(-(shares * np.log2(shares)).sum() * counts.size)


@dataclass(frozen=True)
class _Multiples:
    hashes: Hashes
    columns: Integers
    coefficients: Integers

    def find(self, targets: Hashes) -> tuple[Integers, Integers]:
        """Return pairs of (target, entry) with equal hashes; of equal entries only the first."""
        places = np.searchsorted(self.hashes, targets)
        places[places == self.hashes.size] = 0
        hits = np.flatnonzero(self.hashes[places] == targets)
        return hits, places[hits]


class TermTable:
    """All small multiples of all terms over some samples.

    Parameters
    ----------
    columns : ndarray of int64, shape (samples, terms)
        Values of the terms, the simplest first.
    """

    def __init__(self, columns: Integers) -> None:
        samples, terms = columns.shape
        self._columns = columns
        generator = np.random.default_rng(samples)
        self._factors: Hashes = np.asarray(generator.integers(0, 1 << 63, samples, dtype=np.uint64)) * np.uint64(2) + np.uint64(1)
        every = self._hash(columns)
        # Terms that no sample tells apart are one: the simplest stands for all of them.
        _, first = np.unique(every, return_index=True)
        kept = np.sort(first[columns[:, first].any(axis=0)]) if samples else first[:0]
        self.kept: Integers = kept.astype(np.int64)
        self._hashes = every[kept]
        self._every = every
        self.bits = np.log2(np.arange(terms) + 2.0)
        self._single = self._multiples(range(1, LARGEST_COEFFICIENT + 1))
        self._entropies: dict[int, float] = {}
        self._pairs: _Multiples | None = None
        self._sums: tuple[tuple[int, ...], Hashes, Integers] | None = None

    def _hash(self, columns: Integers) -> Hashes:
        with np.errstate(over="ignore"):
            hashes: Hashes = (columns.astype(np.uint64) * self._factors.reshape(-1, 1)).sum(axis=0, dtype=np.uint64)
        return hashes

    def _multiples(self, coefficients: Sequence[int]) -> _Multiples:
        factors = np.array([*coefficients, *(-value for value in coefficients)], np.int64)
        with np.errstate(over="ignore"):
            hashes: Hashes = np.multiply.outer(factors.astype(np.uint64), self._hashes).ravel()
        columns = np.tile(self.kept, factors.size)
        order = np.argsort(hashes, kind="stable")
        return _Multiples(hashes[order], columns[order], np.repeat(factors, self.kept.size)[order])

    def aliases(self, column: int) -> Integers:
        """Return all terms that the samples do not tell from one."""
        return np.flatnonzero(self._every == self._every[column])

    def matches(self, counts: Integers, known: Integers, favourites: Sequence[int] = ()) -> list[Combination]:
        """Return the combinations that make a count, the likeliest first.

        Parameters
        ----------
        counts : ndarray of int64, shape (samples,)
            The count.
        known : ndarray of int64, shape (samples, classes)
            Counts whose formulas are known already; class ``k`` appears in combinations as column ``-1 - k``.
        favourites : sequence of int
            Terms of which combinations of three may hold two; none: no combination of three is tried.
        """
        bits_known = np.log2(known.shape[1] + 1.0) + 1.0
        target = self._hash(counts[:, None])
        found: list[tuple[tuple[int, int], ...]] = [()] if not counts.any() else []
        found += [
            ((int(self._single.coefficients[entry]), int(self._single.columns[entry])),) for _, entry in zip(*self._single.find(target), strict=True)
        ]
        if not found:
            found += self._with_known(target, known)
            found += self._two(target)
        if not found and len(favourites) > 1:
            found += self._three(target, favourites)
        combinations = []
        for terms in found[:_MOST_MATCHES]:
            total = np.zeros(counts.size, np.int64)
            bits = 0.0
            for coefficient, column in terms:
                total = total + coefficient * (self._columns[:, column] if column >= 0 else known[:, -1 - column])
                bits += np.log2(abs(coefficient)) + (coefficient < 0) + (self.bits[column] if column >= 0 else bits_known)
            if (total == counts).all():
                combinations.append(Combination(terms, float(bits)))
        combinations.sort(key=lambda combination: (combination.bits, combination.terms))
        return combinations

    def solve(self, counts: Integers, known: Integers, favourites: Sequence[int] = ()) -> Combination | None:
        """Return the likeliest combination that makes a count, if the samples are evidence enough for it."""
        found = self.matches(counts, known, favourites)
        if not found:
            return None
        if (counts == counts[0]).all():
            return found[0] if len(found[0].terms) < 2 and (not found[0].terms or found[0].terms[0][1] == 0) else None
        return next((combination for combination in found[:_MOST_JUDGED] if self._is_supported(counts, combination)), None)

    def _is_supported(self, counts: Integers, combination: Combination) -> bool:
        """Tell whether the count, and each term's part in it, hold more information than naming them takes."""
        if information_bits(counts) < combination.bits + _MARGIN_BITS:
            return False
        own = [column for _, column in combination.terms if column > 0]
        return all(self._entropy(column) >= self.bits[column] + _MARGIN_BITS for column in own)

    def _entropy(self, column: int) -> float:
        if column not in self._entropies:
            self._entropies[column] = information_bits(self._columns[:, column])
        return self._entropies[column]

    def _with_known(self, target: Hashes, known: Integers) -> list[tuple[tuple[int, int], ...]]:
        if not known.shape[1]:
            return []
        hashes = self._hash(known)
        left, right = np.triu_indices(known.shape[1], 1)
        none = np.full(known.shape[1], -1)
        # Each row: sign and class, twice; class -1 is none.
        rows = [(sign, np.arange(known.shape[1]), 0, none) for sign in (1, -1)]
        rows += [(first, left, second, right) for first in (1, -1) for second in (1, -1)]
        sums = np.concatenate([_times(hashes[one], sign) + _times(hashes[two], other) for sign, one, other, two in rows])
        starts = np.cumsum([0, *(one.size for _, one, _, _ in rows)])
        with np.errstate(over="ignore"):
            rest = target[0] - sums

        def chosen(place: int) -> tuple[tuple[int, int], ...]:
            row = int(np.searchsorted(starts, place, side="right")) - 1
            sign, one, other, two = rows[row]
            inside = place - int(starts[row])
            parts = ((sign, -1 - int(one[inside])), (other, -1 - int(two[inside])))
            return parts if other else parts[:1]

        found = [chosen(place) for place in np.flatnonzero(rest == 0).tolist()]
        for place, entry in zip(*self._single.find(rest), strict=True):
            found.append((*chosen(int(place)), (int(self._single.coefficients[entry]), int(self._single.columns[entry]))))
        return found

    def _two(self, target: Hashes) -> list[tuple[tuple[int, int], ...]]:
        if self._pairs is None:
            self._pairs = self._multiples(_PAIR_COEFFICIENTS)
        table = self._pairs
        with np.errstate(over="ignore"):
            places, entries = table.find(target[0] - table.hashes)
        return [
            (
                (int(table.coefficients[place]), int(table.columns[place])),
                (int(table.coefficients[entry]), int(table.columns[entry])),
            )
            for place, entry in zip(places.tolist(), entries.tolist(), strict=True)
            if table.columns[place] < table.columns[entry]
        ]

    def _three(self, target: Hashes, favourites: Sequence[int]) -> list[tuple[tuple[int, int], ...]]:
        key = tuple(favourites)
        if self._sums is None or self._sums[0] != key:
            factors = np.array([1, -1, 2, -2], np.int64)
            columns = np.array(favourites, np.int64)
            multiples = np.stack([np.tile(columns, factors.size), np.repeat(factors, columns.size)], axis=1)
            with np.errstate(over="ignore"):
                hashes = multiples[:, 1].astype(np.uint64) * self._every[multiples[:, 0]]
            left, right = np.triu_indices(len(multiples), 1)
            left, right = left[:_MOST_TRIPLE_SUMS], right[:_MOST_TRIPLE_SUMS]
            apart = multiples[left, 0] != multiples[right, 0]
            left, right = left[apart], right[apart]
            with np.errstate(over="ignore"):
                sums = hashes[left] + hashes[right]
            self._sums = (key, sums, np.concatenate([multiples[left], multiples[right]], axis=1))
        _, sums, parts = self._sums
        if self._pairs is None:
            self._pairs = self._multiples(_PAIR_COEFFICIENTS)
        table = self._pairs
        with np.errstate(over="ignore"):
            places, entries = table.find(target[0] - sums)
        return [
            (
                (int(parts[place, 1]), int(parts[place, 0])),
                (int(parts[place, 3]), int(parts[place, 2])),
                (int(table.coefficients[entry]), int(table.columns[entry])),
            )
            for place, entry in zip(places.tolist(), entries.tolist(), strict=True)
            if table.columns[entry] not in (parts[place, 0], parts[place, 2])
        ]


def _times(hashes: Hashes, factor: int) -> Hashes:
    with np.errstate(over="ignore"):
        product: Hashes = hashes * np.uint64(factor % (1 << 64))
    return product
