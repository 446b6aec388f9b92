"""The one source of made-up numbers: a linear congruential generator that firmware and Python step alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["INCREMENT", "MULTIPLIER", "Noise"]

#: Constants of Numerical Recipes' ``ranqd1``; passed to the firmware as macros.
MULTIPLIER = 1664525
INCREMENT = 1013904223


class Noise:
    """A stream of made-up numbers.

    Parameters
    ----------
    seed : int
        32-bit start of the generator.
    """

    def __init__(self, seed: int) -> None:
        self._state = seed

    def _next(self) -> int:
        self._state = (self._state * MULTIPLIER + INCREMENT) & 0xFFFFFFFF
        return self._state

    def int8(self, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
        """Return the upper bytes of the next states, as the firmware's ``fill_with_noise`` stores them."""
        count = int(np.prod(shape))
        return np.array([self._next() >> 24 for _ in range(count)], np.uint8).view(np.int8).reshape(shape)

    def weights(self, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
        """Return 8-bit weights in -127 .. 127, the range that symmetric quantisation uses."""
        return np.maximum(self.int8(shape), -127).astype(np.int8)

    def integers(self, count: int, bound: int) -> npt.NDArray[np.int32]:
        """Return `count` integers in ``-bound`` .. ``bound``."""
        return np.array([(self._next() >> 8) % (2 * bound + 1) - bound for _ in range(count)], np.int32)

    def fractions(self, count: int) -> list[float]:
        """Return `count` numbers in [0, 1), multiples of 1/256."""
        return [(self._next() >> 24) / 256 for _ in range(count)]
