"""Which rows of two estimates belong together: operators by their place, kind and shapes, all else by name."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from instsim.session.estimate import EstimatedOperator

__all__ = ["operator_place", "pair_by_name", "pair_operators"]

Row = TypeVar("Row")
Pair = tuple[Row | None, Row | None]


def operator_place(operator: EstimatedOperator) -> str:
    """Return an operator's place in the image's models as ``model.subgraph.index``; empty where it has none."""
    return "" if operator.index < 0 else f"{operator.model}.{operator.subgraph}.{operator.index}"


def pair_operators(before: Sequence[EstimatedOperator], after: Sequence[EstimatedOperator]) -> list[Pair[EstimatedOperator]]:
    """Match the operators of two estimates.

    First those of the same place, kind and shapes; of the others those of the same kind and shapes, in their order (a layer put in front
    moves all behind it); then those of the same place and kind (a layer whose shapes changed), and at last the same kind in order.

    Returns
    -------
    list of (before, after)
        Every operator once; None where it has no partner. In the order of `after`, what is gone behind it.
    """
    stages: tuple[Callable[[EstimatedOperator], Hashable], ...] = (
        lambda row: (operator_place(row), row.name, row.inputs, row.outputs),
        lambda row: (row.name, row.inputs, row.outputs),
        lambda row: (operator_place(row), row.name),
        lambda row: row.name,
    )
    return _pair(before, after, stages)


def pair_by_name(before: Sequence[Row], after: Sequence[Row], name: Callable[[Row], Hashable]) -> list[Pair[Row]]:
    """Match rows of the same name; those that share one, in their order."""
    return _pair(before, after, (name,))


def _pair(before: Sequence[Row], after: Sequence[Row], stages: Iterable[Callable[[Row], Hashable]]) -> list[Pair[Row]]:
    partners: dict[int, int] = {}
    left = list(range(len(before)))
    for key in stages:
        waiting: dict[Hashable, deque[int]] = defaultdict(deque)
        for index in left:
            waiting[key(before[index])].append(index)
        for index, row in enumerate(after):
            if index not in partners and waiting[key(row)]:
                partners[index] = waiting[key(row)].popleft()
        taken = set(partners.values())
        left = [index for index in left if index not in taken]
    pairs: list[Pair[Row]] = [(before[partners[index]] if index in partners else None, row) for index, row in enumerate(after)]
    return pairs + [(before[index], None) for index in left]
