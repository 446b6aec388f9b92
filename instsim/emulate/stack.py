"""How deep the stack went, told by paint: unused stack keeps the pattern it was filled with before the run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from instsim.emulate.memory import Memory
from instsim.emulate.spec import MemoryKind
from instsim.image import FirmwareImage

__all__ = ["StackPaint"]

_PAINT = 0x5AC396E7
_RESERVATIONS = ("stack", "heap")
_FILLED_WORDS = 16
_LARGEST_HOLE = 16


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
        self._below = ""
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
        self._below = next((symbol.name for symbol in image.symbols if symbol.address + symbol.size == bottom and symbol.kind == "object"), "")
        if image.symbols:
            self._pattern = _PAINT
            count = (self._top - self._bottom) // 4
            memory.write(self._bottom, np.full(count, _PAINT, "<u4").tobytes())

    @property
    def overflow(self) -> str:
        """What to say if the stack has used its room to the bottom, so that it may have run over what lies below; empty if it has not.

        Frames leave holes, so a sixteenth of the room may lie untouched in one piece; a stack that ends and a heap that grows towards it have
        more between them. Room that was filled with one value does not count: that is start-up code clearing or painting memory.
        """
        if self._bottom is None or not self._pattern or self._bottom >= self._top:
            return ""
        words = np.frombuffer(self._memory.read(self._bottom, self._top - self._bottom) or b"", "<u4")
        if not words.size or (words[:_FILLED_WORDS] == words[0]).all() or self._longest_stretch(words)[1] > words.size // _LARGEST_HOLE:
            return ""
        what = f"static data, {self._below} at the end" if self._below else "the memory below"
        room = f"all {words.size * 4:,} bytes from {self._top:#010x} down to {self._bottom:#010x}"
        return f"stack overflow: the stack has used {room}, and may have overwritten {what}"

    @property
    def high_water_bytes(self) -> int | None:
        """Bytes between the initial stack pointer and the lowest word that was written, above the longest untouched stretch.

        The stretch separates the stack from a heap below it. All of its room for a stack that overflowed. None where there is no such stretch, or no
        stack in RAM.
        """
        if self._bottom is None:
            return None
        data = self._memory.read(self._bottom, self._top - self._bottom)
        if not data:
            return None
        if self.overflow:
            return self._top - self._bottom
        stop, size = self._longest_stretch(np.frombuffer(data, "<u4"))
        return self._top - (self._bottom + 4 * stop) if size else None

    def _longest_stretch(self, words: npt.NDArray[np.uint32]) -> tuple[int, int]:
        """Return end and size of the longest stretch of untouched words; (0, 0) if none is."""
        edges = np.diff(np.concatenate([[0], (words == self._pattern).astype(np.int8), [0]]))
        starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        if not starts.size:
            return 0, 0
        longest = int(np.argmax(stops - starts))
        return int(stops[longest]), int(stops[longest] - starts[longest])
