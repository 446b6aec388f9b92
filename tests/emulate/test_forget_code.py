"""Code that is not there yet is not looked at: start-up code may still have to copy it."""

from __future__ import annotations

import pytest

from instsim.emulate.machine import Machine
from instsim.emulate.memory import PAGE
from instsim.emulate.spec import MemoryKind
from tests.emulate.bundled import chip, image_of


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_forgetting_code_of_a_page_that_never_ran_is_no_fetch(core: str) -> None:
    machine = Machine(image_of("kws", core), chip(core))
    ram = next(bank for bank in machine.memory.banks if bank.spec.kind is MemoryKind.RAM)
    page = ram.spec.address + 4 * PAGE
    machine.engine.forget_code(page)
    assert not machine.counters.has_page(page)
