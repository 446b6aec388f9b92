"""A predictor's file: JSON, one class of counts a line, so that it can be read and its versions compared."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from instsim.errors import PredictorError
from instsim.isa.instruction import Isa
from instsim.predict.formula import Formula, Piece
from instsim.predict.gates import Gate
from instsim.predict.predictor import ClassRecord, ErrorFound, KindModel, PathModel, StallModel, TaughtPredictor, Teacher
from instsim.predict.quantities import QUANTITIES, Quantities
from instsim.small_files import read_bytes

__all__ = ["FORMAT_VERSION", "load_predictor", "predictor_from", "predictor_text", "save_predictor"]

FORMAT_VERSION = 3
"""Raised when files of before cannot be read any more."""

_FORMAT = "instsim predictor"
_LARGEST_FILE = 64 << 20
_HINT = "`instsim predictor train` writes such files"
_DIGITS = 7


def save_predictor(predictor: TaughtPredictor, path: Path) -> None:
    """Write a predictor; an interrupted write leaves the old file, or none.

    Raises
    ------
    PredictorError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_text(predictor_text(predictor), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise PredictorError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def load_predictor(path: Path) -> TaughtPredictor:
    """Read a predictor.

    Raises
    ------
    PredictorError
        If the file is missing, is none, is damaged, or is of another version.
    """
    return predictor_from(read_bytes(path, PredictorError, what=f"predictor {path}", hint=_HINT, most_bytes=_LARGEST_FILE), str(path))


def predictor_from(contents: bytes, where: str) -> TaughtPredictor:
    """Read a predictor from the bytes of its file; errors as for `load_predictor`."""
    try:
        document = json.loads(contents)
    except (ValueError, RecursionError) as error:
        raise PredictorError(f"{where} is no predictor: {error}", hint=_HINT) from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise PredictorError(f"{where} is no predictor", hint=_HINT)
    if document.get("version") != FORMAT_VERSION:
        raise PredictorError(
            f"{where} is a predictor of version {document.get('version')!r}, and this instsim reads version {FORMAT_VERSION}", hint="train it again"
        )
    try:
        return _Reading(document).predictor()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise PredictorError(f"{where} is damaged: {type(error).__name__} {error}", hint=_HINT) from error


# -- writing ---------------------------------------------------------------------------------------------------------------------


def predictor_text(predictor: TaughtPredictor) -> str:
    """Return a predictor as the text of its file."""
    names = sorted(
        {
            name
            for kind in predictor.kinds.values()
            for path in kind.paths
            for record in path.classes
            for row in record.events.values()
            for name in row
        }
    )
    numbers = {name: place for place, name in enumerate(names)}
    head = {
        "format": _FORMAT,
        "version": FORMAT_VERSION,
        "name": predictor.name,
        "instsim": predictor.instsim_version,
        "cost_stamps": dict(predictor.cost_stamps),
        "memories": dict(predictor.memories),
        "isa": str(predictor.isa),
        "cores": list(predictor.cores),
        "teacher": asdict(predictor.teacher),
        "events": names,
    }
    lines = [f"{_key(name)}{_json(value)}," for name, value in head.items()]
    lines.append('"kinds": [')
    kinds = [_kind_lines(kind, predictor.cores, numbers) for _, kind in sorted(predictor.kinds.items())]
    lines += [line for place, kind in enumerate(kinds) for line in (*kind[:-1], kind[-1] + ("," if place + 1 < len(kinds) else ""))]
    return "\n".join(["{", *lines, "]", "}", ""])


def _kind_lines(kind: KindModel, cores: Sequence[str], numbers: Mapping[str, int]) -> list[str]:
    lines = [
        f"{{{_key('kind')}{_json(kind.kind)},",
        f"{_key('error')}{_json(_found(kind.error))},",
        f"{_key('spread')}{_json(_number(kind.spread_cycles))},",
        f"{_key('domain')}{_json({name: list(span) for name, span in kind.domain.items()})},",
        f"{_key('code_sha256')}{_json(kind.code_sha256)},",
        f"{_key('operands')}{_json({f'{address:#x}': [[key, count] for key, count in keys.items()] for address, keys in kind.operands.items()})},",
        f"{_key('persistent')}{_json(_formula(kind.persistent_bytes))},",
        f"{_key('scratch')}{_json(_formula(kind.scratch_bytes))},",
        f"{_key('stalls')}{_json({memory: _stalls(stalls) for memory, stalls in sorted(kind.stalls.items())})},",
        f"{_key('paths')}[",
    ]
    for place, path in enumerate(kind.paths):
        gates = [[gate.is_negated, *gate.literals] for gate in path.gates]
        lines.append(
            f"{{{_key('if')}{_json(gates)}, {_key('layers')}{path.samples}, {_key('inexact')}{_number(path.inexact_share)}, {_key('classes')}["
        )
        records = [_json(_record(record, cores, numbers)) for record in path.classes]
        lines += [record + "," for record in records[:-1]] + records[-1:]
        lines.append("]}" + ("," if place + 1 < len(kind.paths) else ""))
    return [*lines, "]}"]


def _record(record: ClassRecord, cores: Sequence[str], numbers: Mapping[str, int]) -> list[Any]:
    """Return addresses, formula and, by core, numbers of events with their counts; cores with equal events share one entry."""
    events: list[list[Any]] = []
    for place, core in enumerate(cores):
        row = [number for name, count in record.events[core].items() for number in (numbers[name], _number(count))]
        same = next((entry for entry in events if entry[1:] == row), None)
        if same is not None:
            same[0].append(place)
        else:
            events.append([[place], *row])
    return [[f"{address:x}" for address in record.addresses], _formula(record.formula), events]


def _found(error: ErrorFound | None) -> dict[str, float] | None:
    return None if error is None else {name: _number(value) for name, value in asdict(error).items()}


def _stalls(stalls: StallModel) -> dict[str, Any]:
    paths = [_pieces(pieces) for pieces in stalls.pieces]
    return {"layers": stalls.layers, "share": _number(stalls.share), "error": _found(stalls.error), "paths": paths}


def _formula(formula: Formula) -> list[Any]:
    return ["=" if formula.is_exact else "~", *_pieces(formula.pieces)]


def _pieces(pieces: Sequence[Piece]) -> list[Any]:
    return [[list(gate), *([_number(value), term] for value, term in terms)] for gate, terms in pieces]


def _number(value: float) -> float | int:
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _key(name: str) -> str:
    return f'"{name}": '


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


# -- reading ---------------------------------------------------------------------------------------------------------------------


class _Reading:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._cores: tuple[str, ...] = tuple(_text(core) for core in document["cores"])
        self._events = [_text(name) for name in document["events"]]
        self._probe = Quantities(())

    def predictor(self) -> TaughtPredictor:
        document = self._document
        teacher = document["teacher"]
        kinds = [self._kind(kind) for kind in document["kinds"]]
        return TaughtPredictor(
            _text(document["name"]),
            Isa(document["isa"]),
            self._cores,
            Teacher(
                _text(teacher["name"]),
                _text(teacher["sha256"]),
                tuple(_text(text) for text in teacher["compilers"]),
                _text(teacher["executed_on"]),
                _text(teacher["kernels"]),
                {_text(name): _text(value) for name, value in teacher["provenance"].items()},
            ),
            {kind.kind: kind for kind in kinds},
            _text(document["instsim"]),
            {_text(core): _text(stamp) for core, stamp in document["cost_stamps"].items()},
            {_text(memory): _text(digest) for memory, digest in document.get("memories", {}).items()},
        )

    def _kind(self, kind: Mapping[str, Any]) -> KindModel:
        error = kind["error"]
        return KindModel(
            _text(kind["kind"]),
            tuple(self._path(path) for path in kind["paths"]),
            {int(address, 16): {int(key): int(count) for key, count in keys} for address, keys in kind["operands"].items()},
            {_quantity(name): (int(low), int(high)) for name, (low, high) in kind["domain"].items()},
            None if error is None else _error(error),
            _text(kind["code_sha256"]),
            self._formula(kind["persistent"]),
            self._formula(kind["scratch"]),
            {_text(memory): self._stalls(stalls, len(kind["paths"])) for memory, stalls in kind.get("stalls", {}).items()},
            _finite(kind.get("spread", 0.0)),
        )

    def _stalls(self, stalls: Mapping[str, Any], paths: int) -> StallModel:
        if len(stalls["paths"]) != paths:
            raise ValueError("stalls are not of the operator's paths")
        error = stalls["error"]
        pieces = tuple(self._pieces(path) for path in stalls["paths"])
        return StallModel(pieces, int(stalls["layers"]), _finite(stalls["share"]), None if error is None else _error(error))

    def _path(self, path: Mapping[str, Any]) -> PathModel:
        gates = []
        for negated, *literals in path["if"]:
            for literal in literals:
                self._probe.literal(_text(literal))
            gates.append(Gate(tuple(literals), bool(negated)))
        return PathModel(tuple(gates), tuple(self._record(record) for record in path["classes"]), int(path["layers"]), _finite(path["inexact"]))

    def _record(self, record: Sequence[Any]) -> ClassRecord:
        addresses, formula, entries = record
        events: dict[str, Mapping[str, float]] = {}
        for places, *row in entries:
            counts = {self._events[number]: _finite(count) for number, count in zip(row[::2], row[1::2], strict=True)}
            events |= {self._cores[place]: counts for place in places}
        return ClassRecord(tuple(int(address, 16) for address in addresses), self._formula(formula), events)

    def _formula(self, formula: Sequence[Any]) -> Formula:
        mark, *pieces = formula
        return Formula(self._pieces(pieces), {"=": True, "~": False}[mark])

    def _pieces(self, pieces: Sequence[Any]) -> tuple[Piece, ...]:
        read = []
        for gate, *terms in pieces:
            for literal in gate:
                self._probe.literal(_text(literal))
            for _, term in terms:
                self._probe.term(_text(term))
            read.append(Piece(tuple(gate), tuple((_finite(value), term) for value, term in terms)))
        return tuple(read)


def _error(error: Mapping[str, Any]) -> ErrorFound:
    names = ("mean", "p95", "largest", "bias", "within_1", "within_5")
    return ErrorFound(int(error["layers"]), *(_finite(error[name]) for name in names))


def _quantity(name: str) -> str:
    if name not in QUANTITIES:
        raise ValueError(f"{name!r} is no quantity")
    return name


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)
