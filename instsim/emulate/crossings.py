"""Loads and stores whose bytes lie in two words: some cores split them in two accesses.

Looking at every access here makes a run many times slower, so nobody does unless asked to; the memory simulation counts them as it goes.
"""

from __future__ import annotations

from typing import Any

import unicorn

from instsim.emulate.engine import Engine

__all__ = ["WordCrossings"]

_WORD_BYTES = 4


class WordCrossings:
    """Counts of split accesses since it was made, by address of the instruction.

    Parameters
    ----------
    engine : Engine
        Not yet running.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.counts: dict[int, int] = {}
        engine.uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self._access)

    def _access(self, _uc: Any, _kind: int, address: int, size: int, _value: int, _data: Any) -> None:
        if address % _WORD_BYTES + size > _WORD_BYTES:
            pc = self._engine.pc
            self.counts[pc] = self.counts.get(pc, 0) + 1
