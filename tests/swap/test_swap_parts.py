"""Parts of swapping a model that need no run of one."""

from __future__ import annotations

import itertools
import struct
from dataclasses import replace

import pytest

from instsim.emulate import MachineSpec, MemoryKind, MemorySpec
from instsim.errors import SwapError
from instsim.isa import Isa
from instsim.profile import SwapFacts
from instsim.swap.checks import check_model
from instsim.swap.fitting import fit_warnings
from instsim.swap.redirect import redirected_model
from instsim.swap.spare import CONGRUENCE_BYTES, add_spare
from tests.emulate.bundled import chip, image_of
from tests.swap.swapping import model, runner

_SWAP = SwapFacts("m", "", 1_000, "", 4_096, arena_need_bytes=1_000)


def test_spare_memory_lies_where_nothing_else_does() -> None:
    facts = runner("dispatch-s28", "cortex-m4").facts
    spec, spare = add_spare(chip("cortex-m4"), facts)
    spans = sorted(
        [(m.address, m.address + m.size) for m in spec.memories]
        + [(alias, alias + m.size) for m in spec.memories for alias in m.aliases]
        + [(start, start + size) for start, size in spec.device_windows]
    )
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    assert (spare.model_stands_for, spare.arena_stands_for) == ("flash", "ram")
    assert spare.model.address % CONGRUENCE_BYTES == 0


def test_a_full_address_space_is_refused() -> None:
    facts = runner("dispatch-s28", "cortex-m4").facts
    full = MachineSpec("full", Isa.THUMB, "cortex-m4", (MemorySpec("all", MemoryKind.RAM, 0, 0xE0000000),), (), 1e6)
    with pytest.raises(SwapError, match="no free stretch"):
        add_spare(full, facts)


def test_one_word_leads_to_the_other_root_wherever_that_lies() -> None:
    facts = runner("dispatch-s28", "cortex-m4").facts
    root = int.from_bytes(model("kws")[:4], "little")
    for address in (0x1000_0000, 0x0100_0000):
        (word,) = struct.unpack("<I", redirected_model(facts, model("kws"), address))
        assert (facts.model_address + word) % (1 << 32) == address + root


def test_a_root_table_that_stays_leads_each_field_to_the_other_model() -> None:
    facts = replace(runner("dispatch-s28", "cortex-m4").facts, is_folded=True)
    other, address = model("kws"), 0x1000_0000
    body = redirected_model(facts, other, address)
    assert len(body) == len(facts.own_model)
    root, new_root = facts.root_offset, int.from_bytes(other[:4], "little")
    for field in (6, 8, 12):
        old, new = _field(body, root, field), _field(other, new_root, field)
        reached = facts.model_address + old + int.from_bytes(body[old : old + 4], "little")
        assert reached % (1 << 32) == address + new + int.from_bytes(other[new : new + 4], "little")


def _field(buffer: bytes, table: int, field: int) -> int:
    index = table - struct.unpack_from("<i", buffer, table)[0]
    return table + int.from_bytes(buffer[index + field : index + field + 2], "little")


def test_what_the_chip_has_no_room_for_is_named() -> None:
    found, image = runner("dispatch-s28", "cortex-m4"), image_of("dispatch-s28", "cortex-m4")
    assert fit_warnings(image, found, _SWAP) == ()
    (flash,) = fit_warnings(image, found, replace(_SWAP, model_bytes=3 << 20))
    assert flash.startswith("the model would not fit test: it takes 3,145,728 B")
    (ram,) = fit_warnings(image, found, replace(_SWAP, arena_need_bytes=1 << 20))
    assert ram.startswith("its tensor arena would not fit test: it takes 1,048,576 B")
    assert "the ram has" in ram


def test_room_of_the_own_model_and_arena_counts_as_free() -> None:
    found, image = runner("dispatch-s28", "cortex-m4"), image_of("dispatch-s28", "cortex-m4")
    flash = 2 << 20
    for size in range(flash - image.flash_bytes, flash - image.flash_bytes + 8_192, 512):
        fits = size <= flash - image.flash_bytes + 4_096
        assert (fit_warnings(image, found, replace(_SWAP, model_bytes=size)) == ()) == fits


@pytest.mark.parametrize(
    ("old", "new", "reason", "message"),
    [
        ((1, 49, 10, 1), (-1, 49, 10, 1), "shape", "a tensor of unknown shape: .* is \\[-1, 49, 10, 1\\]"),
        ((1, 49, 10, 1), (1, 1 << 30, 10, 1), "size", "more than the 67,108,864"),
    ],
)
def test_shapes_that_no_chip_has_are_refused(old: tuple[int, ...], new: tuple[int, ...], reason: str, message: str) -> None:
    data = bytearray(model("kws"))
    at = data.index(struct.pack("<4i", *old))
    data[at : at + 16] = struct.pack("<4i", *new)
    with pytest.raises(SwapError, match=message) as raised:
        check_model(bytes(data), frozenset(), "runner")
    assert raised.value.reason == reason


def test_a_model_that_no_address_space_holds_is_refused() -> None:
    with pytest.raises(SwapError, match="mapped for one") as raised:
        check_model(model("kws") + bytes(1 << 26), frozenset(), "runner")
    assert raised.value.reason == "size"


def test_operators_with_a_name_like_one_it_has_are_pointed_at() -> None:
    with pytest.raises(SwapError) as raised:
        check_model(model("small"), frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "RESHAPE", "SOFTMAX", "AVERAGE_POOL_2D_X"}), "runner")
    assert "AVERAGE_POOL_2D: it has AVERAGE_POOL_2D_X" in raised.value.details
