"""The two sides of a comparison: images, saved profiles or estimates, brought onto one board."""

from __future__ import annotations

from dataclasses import replace

from instsim.gate.comparing import compare
from instsim.gate.comparison import Comparison
from instsim.session.estimate import Estimate
from instsim.session.facade import estimate
from instsim.session.request import Request

__all__ = ["compare_pair"]


def compare_pair(before: str | Estimate, after: str | Estimate, request: Request) -> Comparison:
    """Estimate what is not estimated yet, and compare.

    Parameters
    ----------
    before, after : str or Estimate
        File of an image or of a saved profile, or an estimate as it is. Where nobody names a board, both sides get that of the side that has
        one, or the guess for `before`: two guesses could differ.
    request : Request
        For what has to be estimated.

    Raises
    ------
    InstsimError
        If a side cannot be estimated.
    """
    if isinstance(after, Estimate) and not isinstance(before, Estimate):
        first = estimate(before, _on_board_of(after, request))
        return compare(first, after)
    first = before if isinstance(before, Estimate) else estimate(before, request)
    second = after if isinstance(after, Estimate) else estimate(after, _on_board_of(first, request))
    return compare(first, second)


def _on_board_of(other: Estimate, request: Request) -> Request:
    if request.board is not None:
        return request
    rests_on = other.provenance
    clock_hz = rests_on.clock_hz if rests_on.clock_source != "board" and request.clock_hz is None else request.clock_hz
    return replace(request, board=other.board.name, core=request.core or rests_on.core, clock_hz=clock_hz, board_chosen_by=other.board.chosen_by)
