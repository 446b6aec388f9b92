"""Predictions of networks as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from instsim.predict.networks import DomainFlag
from instsim.report.names import short_title
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.report.text import interval_text, percent
from instsim.session.estimate import Figure
from instsim.session.predicting import PredictedNetwork, PredictedOperator, Predictions, Predictor
from instsim.units import format_bytes, format_count, format_quantity, round_figure

__all__ = ["prediction_document", "prediction_parts", "render_prediction_csv"]

_FLAGS = {DomainFlag.INSIDE: "", DomainFlag.BEYOND: "beyond", DomainFlag.OUTSIDE: "outside", DomainFlag.UNKNOWN: "unknown"}


def _count(value: float) -> str:
    return format_count(value) if math.isfinite(value) else "?"


def _quantity(value: float, unit: str) -> str:
    return format_quantity(value, unit) if math.isfinite(value) else "?"


def _own_error(network: PredictedNetwork) -> str:
    known = math.isfinite(network.predictor_error)
    return f"predictor's own error {network.predictor_error:.2%} ({network.latency.level:.0%})" if known else ""


def prediction_parts(predictor: Predictor, predictions: Predictions) -> tuple[Part, ...]:
    """Return the parts of a report: one network in full, several as a table."""
    target = predictor.target
    title = f"{short_title(target.board.title)}: {target.core.title} at {target.clock_hz / 1e6:g} MHz"
    networks = list(predictions)
    parts: list[Part] = []
    if len(networks) == 1:
        parts.append(Heading(f"{networks[0].name or 'network'} on {title}", f"{target.board.name}, predicted, nothing was run"))
        parts += _one(networks[0])
    else:
        parts.append(Heading(f"{len(networks)} networks on {title}", f"{target.board.name}, predicted, nothing was run"))
        parts.append(_several(networks))
    warnings = dict.fromkeys(warning for network in networks for warning in network.warnings)
    if warnings:
        parts.append(Lines(tuple(warnings), title="Warnings", style="warning", bullet="! "))
    parts.append(Facts("What this rests on", _basis(predictor, networks), style="muted"))
    return tuple(parts)


def _basis(predictor: Predictor, networks: Sequence[PredictedNetwork]) -> tuple[tuple[str, str], ...]:
    taught = predictor.taught
    teacher = taught.teacher
    return (
        ("predictor", f"{taught.name}, taught on {teacher.name} ({teacher.sha256[:12]})"),
        ("kernels", teacher.kernels or "those of that firmware"),
        ("compiler", ", ".join(teacher.compilers) or "unknown"),
        *teacher.provenance.items(),
        ("core table", f"{predictor.target.core.name} ({predictor.target.core.digest[:12]})"),
        ("memory", predictor.memory_text),
        ("latency", networks[0].latency.source if networks else ""),
        ("energy", f"{networks[0].energy.basis}: {networks[0].energy.source}" if networks else ""),
    )


def _one(network: PredictedNetwork) -> list[Part]:
    rows = [
        Row(("latency", _quantity(network.latency.value, "s"), interval_text(network.latency), network.latency.basis), "strong"),
        Row(("energy", _quantity(network.energy.value, "J"), interval_text(network.energy), network.energy.basis)),
        Row(("cycles", _count(network.cycles), _own_error(network), "")),
        Row(("MACs", format_count(network.macs), "", "")),
        Row(("arena", format_bytes(network.arena_bytes), "", "")),
        Row(
            (
                "constants",
                format_bytes(network.constant_bytes),
                "" if network.file_bytes is None else f"{format_bytes(network.file_bytes)} as a file",
                "",
            )
        ),
    ]
    columns = (Column("", numeric=False), Column(""), Column("", numeric=False, least_width=12), Column("", numeric=False))
    parts: list[Part] = [Table("", columns, tuple(rows)), _operators(network)]
    said = [f"{place} {operator.layer.kind}: {operator.reason}" for place, operator in enumerate(network.operators) if operator.reason]
    if said:
        parts.append(Lines(tuple(said), title="Not within what was taught", style="warning", bullet="! "))
    return parts


def _dims(operator: PredictedOperator) -> str:
    layer = operator.layer
    if layer.kind == "FULLY_CONNECTED":
        rows = f"{layer.batch}x" if layer.batch > 1 else ""
        return f"{rows}{layer.channels} -> {rows}{layer.out_channels}"
    return f"{layer.height}x{layer.width}x{layer.channels} -> {layer.out_height}x{layer.out_width}x{layer.out_channels}"


def _operators(network: PredictedNetwork) -> Table:
    columns = (
        Column("#"),
        Column("operator", numeric=False, least_width=17, most_width=40),
        Column("shapes", numeric=False, least_width=20, most_width=44, importance=5),
        Column("MACs", importance=4),
        Column("weights B", importance=3),
        Column("cycles"),
        Column("share"),
        Column("latency", importance=2),
        Column("energy", importance=1),
        Column("", numeric=False),
    )
    rows = []
    for place, operator in enumerate(network.operators):
        layer = operator.layer
        share = operator.cycles / network.cycles if network.cycles else 0.0
        cells = (
            str(place),
            layer.kind,
            _dims(operator),
            format_count(layer.macs) if layer.macs else "",
            format_count(layer.weight_bytes) if layer.weight_bytes else "",
            _count(operator.cycles),
            percent(share) if math.isfinite(share) else "?",
            _quantity(operator.latency_s, "s"),
            _quantity(operator.energy_j, "J"),
            _FLAGS[operator.flag],
        )
        rows.append(Row(cells))
    rows.append(Row(("", "(dispatch)", "", "", "", _count(network.dispatch_cycles), "", "", "", ""), "muted"))
    total = (
        "",
        "total",
        "",
        format_count(network.macs),
        format_count(sum(operator.layer.weight_bytes for operator in network.operators)),
        _count(network.cycles),
        "",
        _quantity(network.latency.value, "s"),
        _quantity(network.energy.value, "J"),
        "",
    )
    return Table("Operators", columns, tuple(rows), (Row(total, "strong"),))


def _several(networks: Sequence[PredictedNetwork]) -> Table:
    columns = (
        Column("network", numeric=False, least_width=16, most_width=48),
        Column("MACs", importance=3),
        Column("cycles"),
        Column("error", importance=2),
        Column("latency"),
        Column("", numeric=False, importance=1),
        Column("energy"),
        Column("", numeric=False, importance=1),
        Column("arena"),
        Column("constants"),
        Column("", numeric=False),
    )
    rows = [
        Row(
            (
                network.name,
                format_count(network.macs),
                _count(network.cycles),
                f"{network.predictor_error:.2%}" if math.isfinite(network.predictor_error) else "?",
                _quantity(network.latency.value, "s"),
                interval_text(network.latency),
                _quantity(network.energy.value, "J"),
                interval_text(network.energy),
                format_bytes(network.arena_bytes),
                format_bytes(network.constant_bytes),
                _FLAGS[network.flag],
            )
        )
        for network in networks
    ]
    return Table("Networks", columns, tuple(rows))


# -- JSON and CSV ----------------------------------------------------------------------------------------------------------------


def _number(value: float | None) -> float | int | None:
    return None if value is None or not math.isfinite(value) else round_figure(value)


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": _number(figure.value),
        "unit": figure.unit,
        "basis": figure.basis,
        "low": _number(figure.low),
        "high": _number(figure.high),
        "level": figure.level,
        "source": figure.source,
    }


def prediction_document(predictor: Predictor, predictions: Predictions) -> dict[str, Any]:
    """Return predictions as a JSON document; what is not known is null."""
    target, taught = predictor.target, predictor.taught
    return {
        "schema": "instsim-prediction",
        "schema_version": 1,
        "board": target.board.name,
        "core": target.core.name,
        "clock_hz": target.clock_hz,
        "memory": predictor.memory_text,
        "predictor": {
            "name": taught.name,
            "runner": taught.teacher.name,
            "runner_sha256": taught.teacher.sha256,
            "kernels": taught.teacher.kernels,
            "compilers": list(taught.teacher.compilers),
            "provenance": dict(taught.teacher.provenance),
        },
        "networks": [_network(network) for network in predictions],
    }


def _network(network: PredictedNetwork) -> dict[str, Any]:
    return {
        "name": network.name,
        "cycles": _number(network.cycles),
        "predictor_error": _number(network.predictor_error),
        "latency": _figure(network.latency),
        "energy": _figure(network.energy),
        "macs": network.macs,
        "arena_bytes": network.arena_bytes,
        "constant_bytes": network.constant_bytes,
        "file_bytes": network.file_bytes,
        "domain": network.flag.name.lower(),
        "dispatch_cycles": _number(network.dispatch_cycles),
        "operators": [
            {
                "kind": operator.layer.kind,
                "cycles": _number(operator.cycles),
                "latency_s": _number(operator.latency_s),
                "energy_j": _number(operator.energy_j),
                "macs": operator.layer.macs,
                "weight_bytes": operator.layer.weight_bytes,
                "domain": operator.flag.name.lower(),
                "reason": operator.reason,
            }
            for operator in network.operators
        ],
        "warnings": list(network.warnings),
    }


_CSV = (
    *("name", "cycles", "predictor_error", "latency_s", "latency_low_s", "latency_high_s", "energy_j", "energy_low_j", "energy_high_j"),
    *("macs", "arena_bytes", "constant_bytes", "file_bytes", "domain"),
)


def render_prediction_csv(predictions: Predictions) -> str:
    """Return one row a network (RFC 4180), units in the column names; what is not known is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(_CSV)
    for network in predictions:
        figures = (
            network.cycles,
            network.predictor_error,
            *(getattr(figure, field) for figure in (network.latency, network.energy) for field in ("value", "low", "high")),
        )
        rest = (network.macs, network.arena_bytes, network.constant_bytes, network.file_bytes, network.flag.name.lower())
        writer.writerow(["" if value is None else value for value in (network.name, *map(_number, figures), *rest)])
    return stream.getvalue()
