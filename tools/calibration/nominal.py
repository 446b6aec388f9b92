"""How far latency predicted without a calibration lies from what boards took, over all programs that were compared."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from accuracy.comparison import Comparison
from accuracy.data_sets import BOARD_SETS

from instsim.cost import board_names, load_board, load_core
from instsim.isa import Isa

__all__ = ["Nominal", "nominal_spreads"]

_OPERATOR = re.compile(r"\d+ [A-Z_0-9]+")


@dataclass(frozen=True, slots=True)
class Nominal:
    """Spread of ``ln(measured / predicted)`` on boards of one instruction set.

    Attributes
    ----------
    isa : Isa
        Instruction set.
    ln_bias, ln_sd, degrees_of_freedom : float
        Mean over the groups, standard deviation about it, and what that rests on.
    programs, groups : int
        How many programs in how many groups were compared.
    """

    isa: Isa
    ln_bias: float
    ln_sd: float
    degrees_of_freedom: float
    programs: int
    groups: int


def nominal_spreads(rows: Sequence[Comparison]) -> list[Nominal]:
    """Return the spread of each instruction set.

    A group is a data set on a board or core. What shares a board, a compiler or a code generator errs alike, so that every group counts the same
    and is one degree of freedom, however many programs it has. Programs that were built again err by their compiler too, which widens the spread;
    those that a table was developed on narrow it.

    Parameters
    ----------
    rows : sequence of Comparison
        With memories followed, or of programs that ran without wait states. Operators of a network count as the one program that they are.
    """
    groups: dict[tuple[str, str], list[float]] = {}
    networks: dict[tuple[str, str], list[Comparison]] = {}
    for row in rows:
        if row.data_set not in BOARD_SETS:
            continue
        if _OPERATOR.fullmatch(row.name):
            networks.setdefault((row.data_set, row.core.rpartition(", ")[0]), []).append(row)
        else:
            groups.setdefault((row.data_set, row.core), []).append(math.log(row.measured_cycles / row.predicted_cycles))
    for key, operators in networks.items():
        groups[key] = [math.log(sum(row.measured_cycles for row in operators) / sum(row.predicted_cycles for row in operators))]
    by_isa: dict[Isa, list[list[float]]] = {}
    for (_, core), errors in groups.items():
        by_isa.setdefault(_isa(core.partition(",")[0]), []).append(errors)
    return [_spread(isa, members) for isa, members in sorted(by_isa.items())]


def _isa(name: str) -> Isa:
    return load_core(load_board(name).core if name in board_names() else name).isa


def _spread(isa: Isa, groups: Sequence[Sequence[float]]) -> Nominal:
    bias = fmean(fmean(errors) for errors in groups)
    degrees = len(groups) - 1
    variance = sum(fmean((error - bias) ** 2 for error in errors) for errors in groups) / degrees
    return Nominal(isa, bias, math.sqrt(variance * (1 + 1 / len(groups))), float(degrees), sum(map(len, groups)), len(groups))
