"""What the schemas of all tables share: strict models, and how their errors are told."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from instsim.cost.sources import source_key

__all__ = ["StrictTable", "Text", "form_problems", "suggestion", "unknown_sources", "with_tuples"]

Text = Annotated[str, Field(min_length=1)]
"""A text that says something."""

_UNION_TAGS = frozenset({"bool", "int", "float", "str"})


class StrictTable(BaseModel):
    """A table without unknown keys, whose values have the types they should have."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def with_tuples(value: Any) -> Any:
    """Return a document with tuples for the lists that the TOML parser made, which strict and frozen models would refuse."""
    if isinstance(value, list):
        return tuple(with_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: with_tuples(item) for key, item in value.items()}
    return value


def suggestion(name: str, allowed: Iterable[str], otherwise: str = "") -> str:
    """Return the nearest of the allowed names as the end of a message, or what to say where none is near."""
    near = get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else otherwise


def form_problems(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """Tell each error of a form in a line that begins with its key path.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    model : type
        Model of the whole file, to name the keys that are allowed where an unknown one stands.
    """
    problems = error.errors(include_url=False)
    for problem in problems:
        location = tuple(part for part in problem["loc"] if part not in _UNION_TAGS)
        where = _key_path(location)
        if problem["type"] == "tuple_type":
            written = f"[[{where}]]" if isinstance(problem["input"], dict) else f"{where} = [...]"
            yield f"{where}: takes a list: {written}"
        elif problem["type"] == "too_short" and any(_lies_in(other["loc"], location) for other in problems):
            continue  # it has items, and what is wrong with them is told
        elif problem["type"] == "extra_forbidden":
            table = _table_at(location, model)
            allowed = tuple(field.alias or name for name, field in table.model_fields.items()) if table is not None else ()
            otherwise = f"; allowed: {', '.join(allowed)}" if allowed else ""
            yield f"{where}: unknown key{suggestion(str(location[-1]), allowed, otherwise)}"
        elif problem["type"] == "missing":
            yield f"{where}: missing"
        else:
            message = problem["msg"]
            yield f"{where}: {message[0].lower()}{message[1:]}, not {problem['input']!r:.80}"


def _lies_in(place: tuple[int | str, ...], location: tuple[int | str, ...]) -> bool:
    return len(place) > len(location) and place[: len(location)] == location


def unknown_sources(rows: Iterable[tuple[str, object]], known: AbstractSet[str], otherwise: str = "") -> Iterator[str]:
    """Tell each source whose key is not in the bibliography; ``rows`` are key paths and sources."""
    for where, source in rows:
        if isinstance(source, str) and source and source_key(source) not in known:
            yield f"{where}: no source named {source_key(source)!r}{suggestion(source_key(source), known, otherwise)}"


def _key_path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "file"


def _table_at(location: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel] | None:
    """Model of the table that holds the last key of a location."""
    for part in location[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            found = _model_in(model.model_fields[part].annotation)
            if found is None:
                return None
            model = found
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
