"""The bibliography behind the tables, ``cost_tables/sources.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from instsim.errors import TableError
from instsim.resources import cost_tables

__all__ = ["Source", "load_sources", "resolve_source", "source_key"]


@dataclass(frozen=True, slots=True)
class Source:
    """An entry of the bibliography.

    Attributes
    ----------
    key : str
        What a table's ``source`` starts with.
    title : str
        What it is, commit included where it is a repository.
    url : str
        Where to find it; empty for judgements and measurements made for instsim.
    kind : str
        ``manual``, ``datasheet``, ``measurement``, ``header``, ``judgement`` and the like.
    """

    key: str
    title: str
    url: str
    kind: str


def source_key(source: str) -> str:
    """Return the key that a ``source`` starts with; what follows is a locator."""
    return source.split(maxsplit=1)[0].rstrip(":,;") if source.strip() else ""


def load_sources() -> dict[str, Source]:
    """Read the bibliography, by key.

    Raises
    ------
    TableError
        If the file is missing or not valid.
    """
    path = cost_tables() / "sources.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return {key: Source(key, row["title"], row.get("url", ""), row.get("kind", "")) for key, row in document.items()}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise TableError(f"bibliography {path}: {error}", hint="the installation is damaged; install instsim again") from error


def resolve_source(source: str) -> tuple[Source | None, str]:
    """Split a ``source`` into its entry of the bibliography (None if it has none) and the locator behind the key."""
    key = source_key(source)
    return load_sources().get(key), source[len(key) :].lstrip(" :,;")
