"""The operators of an estimate as CSV (RFC 4180), one row each, units in the column names."""

from __future__ import annotations

import csv
import io

from instsim.profile.block_profile import TensorShape
from instsim.report.names import shape_text
from instsim.session.estimate import Estimate, EstimatedOperator
from instsim.units import round_figure

__all__ = ["render_csv"]

_COLUMNS = (
    "model",
    "subgraph",
    "index",
    "operator",
    "parent_row",
    "executions",
    "inputs",
    "outputs",
    "macs",
    "output_elements",
    "cycles",
    "inclusive_cycles",
    "instructions",
    "share_of_cycles",
    "cycles_per_mac",
    "latency_s",
    "energy_share_j",
    "kernel",
    "stall_cycles",
)


def _tensors(tensors: tuple[TensorShape | None, ...]) -> str:
    return "; ".join("-" if tensor is None else f"{shape_text(tensor.shape, batch=True)} {tensor.dtype}" for tensor in tensors)


def _row(operator: EstimatedOperator) -> tuple[object, ...]:
    known = operator.index >= 0
    return (
        operator.model if known else "",
        operator.subgraph if known else "",
        operator.index if known else "",
        operator.name,
        operator.parent if operator.parent >= 0 else "",
        operator.executions,
        _tensors(operator.inputs),
        _tensors(operator.outputs),
        operator.macs,
        operator.elements,
        round_figure(operator.cycles),
        round_figure(operator.inclusive_cycles),
        operator.instructions,
        round_figure(operator.share),
        "" if operator.cycles_per_mac is None else round_figure(operator.cycles_per_mac),
        round_figure(operator.latency_s),
        round_figure(operator.energy_j),
        operator.kernel,
        round_figure(operator.stall_cycles),
    )


def render_csv(estimate: Estimate) -> str:
    """Return the operators as CSV: a header, one row for each operator in order, the dispatch row last.

    Lines end with CR LF. Figures are in full, with nine significant digits; absent ones are empty. Energy is the region's energy in
    proportion to cycles.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows(_row(operator) for operator in estimate.operators)
    return text.getvalue()
