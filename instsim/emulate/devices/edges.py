"""Changes of output pins, as a logic analyser on the board would see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Edge", "EdgeLog"]

_MOST_EDGES = 100_000


@dataclass(frozen=True, slots=True)
class Edge:
    """One change of one pin.

    Attributes
    ----------
    at_cycle : int
        Core cycles since reset.
    port : str
        Name of the device.
    pin : int
        Its number in the port.
    level : bool
        The new level.
    """

    at_cycle: int
    port: str
    pin: int
    level: bool


class EdgeLog:
    """All edges in order, the first hundred thousand kept."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.count = 0
        self.watcher: Callable[[Edge], None] | None = None
        """Called with each edge."""

    def add(self, edge: Edge) -> None:
        """Record an edge."""
        self.count += 1
        if len(self.edges) < _MOST_EDGES:
            self.edges.append(edge)
        if self.watcher is not None:
            self.watcher(edge)
