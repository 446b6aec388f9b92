"""A counter that runs from the machine's clock: the heart of every timer."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

__all__ = ["Counter"]


class Counter:
    """Counts up from zero to a limit and starts again.

    Parameters
    ----------
    now_cycles : callable
        Core cycles since reset.
    """

    def __init__(self, now_cycles: Callable[[], int]) -> None:
        self._now = now_cycles
        # A step takes `_cycles / _steps_in` core cycles; `_since` counts in core cycles times `_steps_in`. Whole numbers, because every access asks.
        self._cycles, self._steps_in = 1, 1
        self._since = 0
        self._value = 0
        self.limit = 0xFFFFFFFF
        self.is_running = False

    def _steps(self) -> int:
        """Return the steps since the value was settled last; the clock can go back a little when blocks get their price."""
        return max(0, (self._now() * self._steps_in - self._since) // self._cycles) if self.is_running else 0

    def settle(self) -> int:
        """Bring the value up to now; return how often it has started again since it was settled last."""
        steps = self._steps()
        self._since += steps * self._cycles
        wraps, self._value = divmod(self._value + steps, self.limit + 1)
        return wraps

    @property
    def cycles_per_step(self) -> Fraction:
        """Core cycles to one step."""
        return Fraction(self._cycles, self._steps_in)

    @property
    def value(self) -> int:
        """The count."""
        return (self._value + self._steps()) % (self.limit + 1)

    def set(self, value: int) -> None:
        """Set the count."""
        self._since = self._now() * self._steps_in
        self._value = value % (self.limit + 1)

    def run(self, running: object) -> None:
        """Start or stop."""
        self.settle()
        if bool(running) != self.is_running:
            self._since = self._now() * self._steps_in
        self.is_running = bool(running)

    def change(self, cycles_per_step: Fraction | int, limit: int) -> None:
        """Change the rate and the limit; the count goes on from where it is."""
        self.settle()
        cycles, steps = cycles_per_step.as_integer_ratio()
        self._since = self._since * steps // self._steps_in
        self._cycles, self._steps_in, self.limit = cycles, steps, limit
        self._value %= limit + 1

    def cycle_of(self, target: int) -> int | None:
        """Return the first whole core cycle at which the count is next `target`, later than now; None if it stands still or never gets there."""
        if not self.is_running or not 0 <= target <= self.limit:
            return None
        self.settle()
        steps = (target - self._value) % (self.limit + 1) or self.limit + 1
        return -(-(self._since + steps * self._cycles) // self._steps_in)
