"""A charger that has seen other profiles says what one that has seen none says."""

from dataclasses import fields, replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from instsim.cost import Charger, core_names
from instsim.image import load_image
from instsim.isa.transfers import ends_in_transfer, instruction_offsets
from instsim.profile.basic_blocks import BEHIND_BYTES
from tests.emulate.bundled import path_of

from .pricing import Isa, loaded, profile_of

CPU = {Isa.THUMB: "cortex-m4", Isa.RV32: "rv32imc"}


def _blocks(isa):
    """Blocks of a bundled firmware's first functions: address and code."""
    image = load_image(path_of("dispatch-s28", CPU[isa]))
    found = []
    for function in image.functions[:40]:
        code = image.read(function.address, function.size) or b""
        start = 0
        for place, end in pairwise([*instruction_offsets(isa, code), len(code)]):
            if ends_in_transfer(isa, code[place:end]) or end == len(code):
                found.append((function.address + start, code[start:end].hex()))
                start = end
    return found


@pytest.mark.parametrize("core", core_names())
@pytest.mark.parametrize("with_code_behind", [False, True])
def test_what_was_charged_before_changes_nothing(core, with_code_behind):
    core = loaded(core)
    blocks = _blocks(core.isa)
    draw = Random(3)
    charger = Charger(core)
    differing = set()
    for _ in range(4):
        # Blocks that are left out have other blocks in front, behind, and in their loops.
        chosen = sorted(draw.sample(blocks, len(blocks) * 2 // 3))
        profile = profile_of(core.isa, chosen, [1] * len(chosen), [0] * len(chosen))
        if with_code_behind:
            profile = replace(profile, code_behind=bytes(draw.choices(profile.code, k=BEHIND_BYTES * len(chosen))))
        found, fresh = charger.charge(profile), Charger(core).charge(profile)
        for field in fields(fresh):
            one, other = getattr(found, field.name), getattr(fresh, field.name)
            assert np.array_equal(one, other), field.name
        differing.add(fresh.block.size)
    assert len(differing) > 1
