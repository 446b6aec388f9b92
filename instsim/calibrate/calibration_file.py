"""Calibrations as TOML files: figures rounded when they are written, checked when they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from instsim.calibrate.calibration import Calibration, Quality
from instsim.calibrate.model import Domain, FittedModel, Range
from instsim.calibrate.terms import TERMS, Term
from instsim.calibrate.toml_fields import FieldReader, parse_versioned, toml_table
from instsim.calibrate.weight_reading import WeightReading
from instsim.errors import TableError
from instsim.small_files import read_text
from instsim.units import counted

__all__ = ["SCHEMA_VERSION", "calibration_toml", "load_calibration", "parse_calibration"]

SCHEMA_VERSION = 1
"""Raised when a file that was valid would no longer be, or would mean something else."""

_TEXTS = ("name", "board", "regulator", "firmware", "source", "data_digest", "refit", "instsim_version")

_READING = ("slope", "slope_sd", "network_sd", "mean")

_COMMENT = """\
# Made by `instsim calibrate`. A coefficient is in the unit beside it; covariances are those of the coefficients,
# over the variance of the relative error (ln_sd squared)."""


def _range(span: Range) -> list[float]:
    return [float(span.low), float(span.high)]


def _model_tables(model: FittedModel, quality: Quality | None) -> list[str]:
    name = model.quantity
    domain = model.domain
    tables = [
        toml_table(
            name,
            {
                "ln_sd": model.ln_sd,
                "degrees_of_freedom": float(model.degrees_of_freedom),
                "own_ln_sd": model.own_ln_sd,
                "own_degrees_of_freedom": model.own_degrees_of_freedom,
                "between_firmware_ln_sd": model.between_ln_sd,
                "between_firmware_degrees_of_freedom": float(model.between_degrees_of_freedom),
                "measured_time": model.measured_time,
            },
        )
    ]
    if model.reading is not None:
        tables.append(toml_table(f"{name}.weight_reading", {key: getattr(model.reading, key) for key in _READING}))
    for number, (term, coefficient) in enumerate(zip(model.terms, model.coefficients, strict=True)):
        pairs = {
            "kind": term.kind,
            "firmware": term.firmware,
            "coefficient": coefficient,
            "unit": TERMS[term.kind].unit(name),
            "covariance": list(model.covariance[number]),
        }
        tables.append(toml_table(f"[{name}.term]", pairs))
    tables.append(
        toml_table(
            f"{name}.domain",
            {
                "cycles": _range(domain.cycles),
                "clock_hz": _range(domain.clock_hz),
                "supply_v": _range(domain.supply_v),
                "temperature_c": None if domain.temperature_c is None else _range(domain.temperature_c),
                "firmware": list(domain.firmware),
                "assumed_share": float(domain.assumed_share),
            },
        )
    )
    if quality is not None:
        pairs = {
            "runs": quality.runs,
            "left_out_mean": quality.mean,
            "left_out_worst": quality.worst,
            "other_firmware_mean": quality.other_firmware_mean,
        }
        tables.append(toml_table(f"{name}.quality", pairs))
    return tables


def calibration_toml(calibration: Calibration) -> str:
    """Return a calibration as the text of its file.

    Figures are rounded to nine significant digits, so that the file does not depend on the last bits of a linear algebra library.
    """
    head = {
        "schema_version": SCHEMA_VERSION,
        **{
            key: getattr(calibration, key)
            for key in ("name", "board", "clock_hz", "supply_v", "regulator", "firmware", "source", "data_digest", "refit", "instsim_version")
        },
        "notes": calibration.notes or None,
        "fingerprints": [list(pair) for pair in calibration.fingerprints] or None,
    }
    head["clock_hz"], head["supply_v"] = float(calibration.clock_hz), float(calibration.supply_v)
    tables = [_COMMENT, toml_table("", head)]
    if calibration.core:
        tables.append(toml_table("tables", {"core": calibration.core, "core_digest": calibration.core_digest, "memory": calibration.memory}))
    for model, quality in ((calibration.latency, calibration.latency_quality), (calibration.energy, calibration.energy_quality)):
        if model is not None:
            tables += _model_tables(model, quality)
    return "\n\n".join(tables) + "\n"


def _read_domain(table: Any, place: str, problems: list[str]) -> Domain:
    reader = FieldReader(table, place, problems)
    cycles, clock_hz, supply_v = (Range(*reader.numbers(key, 2)) for key in ("cycles", "clock_hz", "supply_v"))
    warmth = reader.numbers("temperature_c", 2, None)
    families = reader.take("firmware", list)
    domain = Domain(cycles, clock_hz, supply_v, Range(*warmth) if warmth else None, tuple(map(str, families or ())), reader.number("assumed_share"))
    reader.close()
    return domain


def _read_model(quantity: str, table: Any, problems: list[str]) -> tuple[FittedModel, Quality | None]:
    reader = FieldReader(table, quantity, problems)
    rows = reader.child("term", None)
    if not isinstance(rows, list) or not rows:
        problems.append(f"{quantity}.term: missing")
        rows = []
    terms, coefficients, covariance = [], [], []
    for number, row in enumerate(rows):
        term = FieldReader(row, f"{quantity}.term[{number}]", problems)
        kind = term.take("kind", str)
        if kind not in TERMS:
            problems.append(f"{quantity}.term[{number}].kind: no term {kind!r}; known: {', '.join(TERMS)}")
        terms.append(Term(kind, term.take("firmware", str, None)))
        coefficients.append(term.number("coefficient", least=None))
        term.take("unit", str)
        covariance.append(tuple(term.numbers("covariance", len(rows))))
        term.close()
    domain = _read_domain(reader.child("domain", None), f"{quantity}.domain", problems)
    reading_table = reader.child("weight_reading", None)
    reading = None
    if reading_table is not None:
        inner = FieldReader(reading_table, f"{quantity}.weight_reading", problems)
        reading = WeightReading(inner.number("slope", least=None), *(inner.number(key) for key in _READING[1:]))
        inner.close()
    quality_table = reader.child("quality", None)
    quality = None
    if quality_table is not None:
        inner = FieldReader(quality_table, f"{quantity}.quality", problems)
        runs = inner.take("runs", int)
        quality = Quality(runs, *(inner.number(key, None) for key in ("left_out_mean", "left_out_worst", "other_firmware_mean")))
        inner.close()
    model = FittedModel(
        quantity,
        tuple(terms),
        tuple(coefficients),
        tuple(covariance),
        reader.number("ln_sd"),
        reader.number("degrees_of_freedom", least=1e-9),
        reader.number("own_ln_sd", None),
        reader.take("own_degrees_of_freedom", int),
        reader.number("between_firmware_ln_sd"),
        reader.number("between_firmware_degrees_of_freedom", least=1e-9),
        domain,
        bool(reader.take("measured_time", bool)),
        reading,
    )
    reader.close()
    return model, quality


def parse_calibration(text: str, path: str = "") -> Calibration:
    """Return the calibration that a file's text holds.

    Raises
    ------
    TableError
        If it is not valid; all problems stand in ``details``.
    """
    hint = "make it again with `instsim calibrate`"
    table = parse_versioned(text, path, "calibration", SCHEMA_VERSION, hint)
    problems: list[str] = []
    reader = FieldReader(table, "", problems)
    reader.take("schema_version", int)
    texts: dict[str, Any] = {
        key: reader.take(key, str) for key in ("name", "board", "regulator", "firmware", "source", "data_digest", "refit", "instsim_version")
    }
    figures: dict[str, Any] = {"clock_hz": reader.number("clock_hz", least=1.0), "supply_v": reader.number("supply_v")}
    notes = reader.take("notes", str, "")
    pairs = reader.take("fingerprints", list, [])
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(item, str) for item in pair) for pair in pairs or []):
        problems.append("fingerprints: not a list of pairs of texts")
        pairs = []
    tables: dict[str, Any] = {"core": "", "core_digest": "", "memory": ""}
    of_tables = reader.child("tables", None)
    if of_tables is not None:
        inner = FieldReader(of_tables, "tables", problems)
        tables = {key: inner.take(key, str) for key in tables}
        inner.close()
    models: dict[str, Any] = {"latency": None, "energy": None, "latency_quality": None, "energy_quality": None}
    for quantity in ("latency", "energy"):
        child = reader.child(quantity, None)
        if child is not None:
            models[quantity], models[f"{quantity}_quality"] = _read_model(quantity, child, problems)
    if models["latency"] is None and models["energy"] is None:
        problems.append("neither latency nor energy")
    reader.close()
    if problems:
        raise TableError(f"{path}: {counted(len(problems), 'problem')} in the calibration", hint=hint, details=tuple(problems))
    fingerprints = tuple((pair[0], pair[1]) for pair in pairs)
    return Calibration(
        **texts, **figures, **tables, **models, notes=notes, fingerprints=fingerprints, digest=hashlib.sha256(text.encode()).hexdigest(), path=path
    )


def load_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Raises
    ------
    TableError
        If the file cannot be read or is not valid.
    """
    return parse_calibration(read_text(path, TableError, hint="`instsim calibrate runs.csv -o FILE` makes one"), str(path))
