"""Mean cycles of blocks for the clocks that a running firmware reads, kept on disk: an image that runs again need not be decoded again."""

from __future__ import annotations

import hashlib
import json

from instsim import artifacts
from instsim.cost.cost_model import CostModel

__all__ = ["BlockPrices"]

_KIND = "block-prices"


class BlockPrices:
    """What `CostModel.static_cycles` says of the blocks of one image, and of their beginnings; called with address and bytes.

    Parameters
    ----------
    model : CostModel
        Prices the blocks.
    image_digest : str
        Tells the images apart; a block with other bytes at the same address has a price of its own.
    """

    def __init__(self, model: CostModel, image_digest: str) -> None:
        self._model = model
        stamp = f"{model.schedule_stamp}\n{image_digest}"
        self._key = hashlib.sha256(stamp.encode()).hexdigest()
        self._known: dict[tuple[int, bytes], float] | None = None
        self._has_new = False

    def __call__(self, address: int, code: bytes) -> float:
        """Return a block's mean cycles."""
        if self._known is None:
            stored = artifacts.load(_KIND, self._key)
            self._known = {} if stored is None else {(at, bytes.fromhex(text)): cycles for at, text, cycles in json.loads(stored)}
        cycles = self._known.get((address, code))
        if cycles is None:
            cycles = self._known[address, code] = self._model.static_cycles(self._model.core.isa, address, code)
            self._has_new = True
        return cycles

    def keep(self) -> None:
        """Keep the prices for the next run of the image."""
        if self._known is not None and self._has_new:
            artifacts.store(_KIND, self._key, json.dumps([(at, code.hex(), cycles) for (at, code), cycles in self._known.items()]).encode())
            self._has_new = False
