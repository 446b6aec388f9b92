"""Flash that firmware programs while it runs: stores are let through while a controller says so, and clear bits only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from instsim.emulate.memory import PAGE, Bank, Memory
from instsim.emulate.spec import MemoryKind

__all__ = ["FlashProgramming"]

_ERASED = 0xFF
_WORD_BYTES = 4


class FlashProgramming:
    """The chip's flash as its controllers see it.

    Parameters
    ----------
    memory : Memory
        The chip's memories.
    on_close : callable
        Called when stores to pages that were let through have to be refused again.

    Attributes
    ----------
    operations : int
        Times that flash was programmed or erased.
    """

    def __init__(self, memory: Memory, on_close: Callable[[], None]) -> None:
        self._memory = memory
        self._on_close = on_close
        self._is_open = False
        self._before: dict[tuple[str, int], tuple[Bank, npt.NDArray[np.uint8]]] = {}
        self.operations = 0

    def blank(self, address: int, size_bytes: int) -> None:
        """Let what the image leaves free of a stretch of flash read as erased."""
        found = self._memory.find(address)
        if found is None or found[0].spec.kind is not MemoryKind.FLASH:
            return
        bank, start = found
        free = np.ones(min(size_bytes, bank.spec.size - start), bool)
        for offset, size in self._memory.used_spans(bank):
            free[max(0, offset - start) : max(0, offset + size - start)] = False
        bank.bytes[start : start + free.size][free] = _ERASED

    def open(self) -> None:
        """Let stores to flash through."""
        self._is_open = True

    def admit(self, bank: Bank, offset: int) -> bool:
        """Whether a store to the page at an offset of a bank is let through; what the page holds is remembered."""
        if not self._is_open or bank.spec.kind is not MemoryKind.FLASH:
            return False
        key = (bank.spec.name, offset // PAGE * PAGE)
        if key not in self._before:
            self._before[key] = (bank, bank.bytes[key[1] : key[1] + PAGE].copy())
        return True

    def close(self, unit_bytes: int) -> int:
        """Refuse stores again.

        Parameters
        ----------
        unit_bytes : int
            What the controller programs at once.

        Returns
        -------
        int
            Units that were programmed: their bits are those that were set before and in what was stored.
        """
        units = 0
        for (_, offset), (bank, before) in self._before.items():
            page = bank.bytes[offset : offset + PAGE]
            changed = page != before
            page &= before
            units += int(changed.reshape(-1, unit_bytes).any(axis=1).sum())
        return self._finish(units)

    def close_erasing(self, page_bytes: int) -> int:
        """Refuse stores again, and erase the pages (4 KB or a part of it) to whose first word nothing but ones was stored; return how many.

        Of a part of 4 KB whose first word was all ones before, too, a store to it cannot be seen.
        """
        erased = 0
        for (_, offset), (bank, before) in self._before.items():
            for start in range(0, PAGE, page_bytes):
                page, held = bank.bytes[offset + start : offset + start + page_bytes], before[start : start + page_bytes]
                is_erased = bool((page[:_WORD_BYTES] == _ERASED).all()) and (page_bytes == PAGE or not (page == held).all())
                page[:] = _ERASED if is_erased else held
                erased += is_erased
        return self._finish(erased)

    def _finish(self, done: int) -> int:
        self._is_open = False
        if self._before:
            self._before.clear()
            self._on_close()
        self.operations += done > 0
        return done

    def program(self, address: int, data: bytes) -> bool:
        """Clear the bits that are zero in `data`; return False where there is no flash."""
        old = self._flash(address, len(data))
        self.operations += old is not None
        return old is not None and self._memory.write(address, bytes(a & b for a, b in zip(old, data, strict=True)))

    def erase(self, address: int, size_bytes: int) -> bool:
        """Set all bits of a stretch; return False where there is no flash."""
        is_flash = self._flash(address, size_bytes) is not None
        self.operations += is_flash
        return is_flash and self._memory.write(address, bytes([_ERASED]) * size_bytes)

    def _flash(self, address: int, size_bytes: int) -> bytes | None:
        found = self._memory.find(address)
        return self._memory.read(address, size_bytes) if found is not None and found[0].spec.kind is MemoryKind.FLASH else None
