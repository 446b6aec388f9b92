"""Code that lay in RAM is priced from the bytes that ran, whatever lies there when the run has ended."""

from __future__ import annotations

import numpy as np
import pytest

from instsim.isa import decode
from instsim.session.facade import estimate, profile
from instsim.session.request import Request
from tests.emulate.bundled import path_of

BOARDS = {"cortex-m0plus": "nucleo-g0b1re", "cortex-m4": "nucleo-l4r5zi", "cortex-m33": "nucleo-u575zi-q", "rv32imc": "esp32-c3"}
STACKS = range(0x2000_0000, 0x4000_0000)
ROUTINES = {"rv32imc": ["add", "addi", "jalr"], **{core: ["movs", "adds", "adds", "bx"] for core in ("cortex-m0plus", "cortex-m4", "cortex-m33")}}


@pytest.mark.parametrize("core", BOARDS)
def test_code_on_the_stack_is_what_it_was_when_it_ran(core: str) -> None:
    ran = profile(path_of("code-on-stack", core), Request(board=BOARDS[core], region="on_stack", use_cache=False))
    starts = np.concatenate([[0], np.cumsum(ran.sizes)]).tolist()
    text: list[str] = []
    for place, address in enumerate(ran.addresses.tolist()):
        if address in STACKS:
            text += [instruction.mnemonic for instruction in decode(ran.isa, ran.code[starts[place] : starts[place + 1]], address)]
    assert text == ROUTINES[core]


@pytest.mark.parametrize("core", BOARDS)
def test_it_is_priced_without_leave(core: str) -> None:
    answer = estimate(path_of("code-on-stack", core), Request(board=BOARDS[core], use_cache=False))
    assert answer.run.output.strip() == "180"
    assert not any("price" in warning for warning in answer.warnings)
