"""How deep the stack went, told by paint: unused stack keeps the pattern it was filled with before the run."""

from __future__ import annotations

import numpy as np

from instsim.emulate.memory import Memory
from instsim.emulate.spec import MemoryKind
from instsim.image import FirmwareImage

__all__ = ["StackPaint"]

_PAINT = 0x5AC396E7
_RESERVATIONS = ("stack", "heap")


class StackPaint:
    """The memory below the initial stack pointer, painted.

    Only memory that holds no variable is painted: from the end of the highest object below the stack pointer on, as the symbols tell; without
    symbols nothing is painted, and untouched memory is told by its zeros.

    Parameters
    ----------
    memory : Memory
        The machine's memory, image loaded, not yet running.
    image : FirmwareImage
        Its symbols and segments bound the stack.
    top : int
        Initial stack pointer.
    """

    def __init__(self, memory: Memory, image: FirmwareImage, top: int) -> None:
        self._memory = memory
        self._top = top & ~3
        self._bottom: int | None = None
        self._pattern = 0
        found = memory.find(top - 4)
        if found is None or found[0].spec.kind is not MemoryKind.RAM:
            return
        start = top - 4 - found[1]
        occupied = [s.virtual_address + s.memory_size for s in image.segments if s.data and start <= s.virtual_address < top]
        occupied += [
            symbol.address + symbol.size
            for symbol in image.symbols
            if symbol.kind == "object" and start <= symbol.address < top and not any(word in symbol.name.lower() for word in _RESERVATIONS)
        ]
        bottom = max((end for end in occupied if end <= top), default=start)
        self._bottom = (bottom + 3) & ~3
        if image.symbols:
            self._pattern = _PAINT
            count = (self._top - self._bottom) // 4
            memory.write(self._bottom, np.full(count, _PAINT, "<u4").tobytes())

    @property
    def high_water_bytes(self) -> int | None:
        """Bytes between the initial stack pointer and the lowest word that was written, above the longest untouched stretch.

        The stretch separates the stack from a heap below it. None where there is no such stretch, or no stack in RAM.
        """
        if self._bottom is None:
            return None
        data = self._memory.read(self._bottom, self._top - self._bottom)
        if not data:
            return None
        untouched = np.frombuffer(data, "<u4") == self._pattern
        edges = np.diff(np.concatenate([[0], untouched.astype(np.int8), [0]]))
        starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        if not starts.size:
            return None
        longest = int(np.argmax(stops - starts))
        return self._top - (self._bottom + 4 * int(stops[longest]))
