"""Prices of blocks kept from one run to the next."""

from __future__ import annotations

import pytest

from instsim.cost import BlockPrices, CostModel, load_core
from instsim.isa import Isa

BLOCKS = {0x08000000: bytes.fromhex("0130 0130 7047".replace(" ", "")), 0x08000010: bytes.fromhex("90fbf1f0 7047".replace(" ", ""))}


class Refusing(CostModel):
    """A model that is not to be asked."""

    def static_cycles(self, isa: Isa, address: int, code: bytes) -> float:
        raise AssertionError((isa, address, code))


def test_kept_prices_are_those_of_the_model():
    core = load_core("cortex-m4")
    model = CostModel(core)
    prices = BlockPrices(model, "an image")
    first = {address: prices(address, code) for address, code in BLOCKS.items()}
    assert first == {address: model.static_cycles(Isa.THUMB, address, code) for address, code in BLOCKS.items()}
    prices.keep()
    again = BlockPrices(Refusing(core), "an image")
    assert {address: again(address, code) for address, code in BLOCKS.items()} == first


def test_other_code_another_image_and_another_core_are_priced_anew():
    core = load_core("cortex-m4")
    prices = BlockPrices(CostModel(core), "changing image")
    address, code = next(iter(BLOCKS.items()))
    prices(address, code)
    prices.keep()
    for model, digest, bytes_ in (
        (Refusing(core), "changing image", code[2:]),
        (Refusing(core), "another image", code),
        (Refusing(load_core("cortex-m33")), "changing image", code),
    ):
        with pytest.raises(AssertionError):
            BlockPrices(model, digest)(address, bytes_)
