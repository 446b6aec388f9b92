"""An annotated function: its instructions sum to what the estimate says of it, on every core, and say why they cost what they cost."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from instsim.cost import CostModel, load_board, load_core
from instsim.errors import ImageError, UsageError
from instsim.image import load_image
from instsim.isa import Isa
from instsim.profile import BlockProfile, FunctionSpan, save_profile
from instsim.profile.block_profile import FirmwareFacts, RunFacts
from instsim.report.text import render_text
from instsim.resources import firmware_elf
from instsim.session.annotating import annotate, annotate_function
from instsim.session.choose import Target
from instsim.session.estimate import BoardChoice
from instsim.session.estimating import estimate_profile
from instsim.session.facade import estimate, profile
from instsim.session.functions_that_ran import find_by_address, find_by_name, functions_that_ran, without_clone
from instsim.session.operator_choice import restrict_to_operator
from instsim.session.request import Request

ELF = firmware_elf() / "elf"
THUMB_CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")
RISCV_CORES = ("esp32-c3", "hazard3", "ibex-small", "ibex-maxperf", "cv32e40p")
KWS = {"cortex-m0plus": "kws-cortex-m0plus", "cortex-m3": "kws-cortex-m0plus"}
RUNS = [
    *((core, KWS.get(core, f"kws-{core}"), "kws_invoke") for core in THUMB_CORES),
    *((core, "kws-rv32imc", "kws_invoke") for core in RISCV_CORES),
    *(
        (core, f"dispatch-{kind}-cortex-m4", None)
        for core in ("cortex-m4", "cortex-m33", "cortex-m7")
        for kind in ("s24", "s28-nested", "s28-stripped")
    ),
    *((core, f"dispatch-{kind}-rv32imc", None) for core in RISCV_CORES for kind in ("s40", "s28-stripped")),
    ("cortex-m4", "divide-cortex-m4", "all"),
    ("cortex-m4", "predicated-cortex-m4", "all"),
    ("cortex-m33", "floating-single-cortex-m33", "all"),
    ("hazard3", "divide-rv32imc", "all"),
]


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def target_of(core: str) -> Target:
    table = load_core(core)
    board = load_board("generic-rv32" if table.isa is Isa.RV32 else "generic-cortex-m4")
    return Target(board, table, board, BoardChoice(board.name, board.title, "option"), 1e8, "board")


@cache
def ran(image: str, region: str | None) -> BlockProfile:
    isa = "rv32" if "rv32" in image else image.split("cortex-")[1]
    return profile(ELF / f"{image}.elf", Request(board="generic-rv32" if isa == "rv32" else f"generic-cortex-{isa}", region=region))


@pytest.mark.parametrize(("core", "image", "region"), RUNS)
def test_instructions_sum_to_the_functions_of_the_estimate(core, image, region):
    what_ran, target = ran(image, region), target_of(core)
    model = CostModel(target.core)
    estimated = estimate_profile(what_ran, target, allow_unpriced=True)
    priced = model.price(what_ran, allow_unpriced=True)
    by_address = {function.address: function for function in estimated.functions if function.name != "(no symbol)"}
    functions = functions_that_ran(what_ran)
    assert functions
    for function in functions:
        annotation = annotate_function(what_ran, model, function, target, priced=priced)
        rows = list(annotation.rows)
        if function.span in what_ran.functions:
            expected = by_address.pop(function.span.address)
            assert annotation.function == expected.name
            assert annotation.cycles == pytest.approx(expected.cycles, rel=1e-12)
            assert annotation.instructions == expected.instructions
        assert math.fsum(row.cycles for row in rows) == pytest.approx(annotation.cycles, rel=1e-12)
        assert math.fsum(event.cycles for event in annotation.events) == pytest.approx(annotation.cycles, rel=1e-12)
        assert sum(row.executions for row in rows) == annotation.instructions
        assert all("exceptions" not in [event.name for event in row.events] for row in rows), "every cycle belongs to an event of an instruction"
        for block in annotation.blocks:
            assert math.fsum(row.cycles for row in block.instructions) == pytest.approx(block.cycles, rel=1e-12)
            assert sum(row.size for row in block.instructions) == block.size
        for row in rows:
            assert math.fsum(event.cycles for event in row.events) == pytest.approx(row.cycles)
            issue = row.events[0]
            assert issue.name == f"class:{row.instruction_class}"
            assert issue.count == pytest.approx(row.executions)
    assert not by_address
    # Functions with and without a symbol are all that ran.
    blocks = np.concatenate([function.blocks for function in functions])
    assert sorted(blocks.tolist()) == np.flatnonzero(what_ran.block_executions).tolist()


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
def test_operators_sum_to_the_region(core):
    what_ran, target = ran("kws-cortex-m4", "kws_invoke"), target_of(core)
    model = CostModel(target.core)
    whole = estimate_profile(what_ran, target)
    convolution = next(function.address for function in whole.functions if function.name == "conv_2d")
    cycles = 0.0
    for number, kernel in enumerate(what_ran.kernels):
        part, words = restrict_to_operator(what_ran, str(kernel.index))
        priced = model.price(part)
        assert priced.total_cycles == pytest.approx(whole.operators[number].cycles, rel=1e-12)
        assert kernel.name in words
        functions = functions_that_ran(part)
        if kernel.name == "CONV_2D":
            annotation = annotate_function(part, model, find_by_address(part, functions, convolution, "conv_2d"), target)
            cycles += annotation.cycles
            assert annotation.region_cycles == pytest.approx(whole.operators[number].cycles)
    assert cycles == pytest.approx(next(f.cycles for f in whole.functions if f.name == "conv_2d"))
    dispatch, _ = restrict_to_operator(what_ran, "dispatch")
    assert model.price(dispatch).total_cycles == pytest.approx(whole.operators[-1].cycles)


@pytest.mark.parametrize(("text", "message"), [("99", "no operator 99 ran"), ("conv", "is no operator"), ("m7:0", "no operator m7:0 ran")])
def test_operators_that_did_not_run(text, message):
    with pytest.raises(UsageError, match=message):
        restrict_to_operator(ran("kws-cortex-m4", "kws_invoke"), text)


def test_an_operator_of_several_subgraphs_has_to_say_which():
    nested = ran("dispatch-s28-nested-cortex-m4", None)
    assert len({kernel.subgraph for kernel in nested.kernels}) > 1
    with pytest.raises(UsageError, match="may mean") as refusal:
        restrict_to_operator(nested, "0")
    assert any("m0:1.0" in line for line in refusal.value.details)
    part, _ = restrict_to_operator(nested, "1.0")
    assert part.executions.shape[0] == 1


def test_branches_say_where_they_went():
    annotation = annotate(ELF / "kws-cortex-m4.elf", Request(board="nucleo-l4r5zi", region="kws_invoke"), function="conv_2d")
    rows = {row.address: row for row in annotation.rows}
    decisions = [row for row in rows.values() if row.taken is not None]
    assert decisions
    for row in decisions:
        assert row.taken is not None
        assert row.fallen_through is not None
        assert row.taken + row.fallen_through == row.executions
    # The innermost loop multiplies and adds once for each of the five convolutions' 2,318,720 MACs.
    inner = max(annotation.blocks, key=lambda block: block.cycles)
    branch = inner.instructions[-1]
    assert (branch.target, branch.executions) == (inner.address, 2_318_720)
    assert branch.taken == inner.executions - 107_200
    assert not any(row.taken is not None for row in rows.values() if row.mnemonic in {"blx", "bl", "b", "pop.w"})


def test_without_a_function_the_costliest_is_annotated():
    request = Request(board="nucleo-l4r5zi", region="kws_invoke")
    annotation = annotate(ELF / "kws-cortex-m4.elf", request)
    assert annotation.function == "conv_2d"
    assert annotation.notes[0] == "the function that cost most of 10 that ran"
    assert annotate(ELF / "kws-cortex-m4.elf", request, operator="1").function == "depthwise_conv_2d"


def test_stalls_that_are_no_memorys_alone_are_said_where_they_are_charged():
    """Pairs of loads from flash and RAM: their share of what the costliest function waits rests on another figure."""
    (note,) = [note for note in annotate(ELF / "kws-cortex-m4.elf", Request(board="nucleo-l4r5zi", region="kws_invoke")).notes if "stall:" in note]
    assert note.startswith("stall:read is counted by misses and holds")
    assert note.endswith("(stall:crossing, fitted)")
    assert not any("stall:" in note for note in annotate(ELF / "kws-cortex-m4.elf", Request(board="generic-cortex-m4", region="kws_invoke")).notes)


def test_an_event_that_nobody_counts_has_no_cycles_of_one():
    found = estimate(ELF / "kws-cortex-m4.elf", Request(board="nucleo-l4r5zi", region="kws_invoke"))
    (crossing,) = [event for event in found.events if event.name == "stall:crossing"]
    assert (crossing.count, crossing.weight_cycles) == (0, 0.0)
    assert crossing.cycles > 1e6
    assert re.search(r"stall:crossing +[\d,]+ +12\.4%", render_text(found, verbose=True))


def test_a_saved_profile_is_annotated_as_the_image_is(tmp_path):
    request = Request(board="nucleo-l4r5zi", region="kws_invoke")
    path = tmp_path / "kws.profile"
    save_profile(profile(ELF / "kws-cortex-m4.elf", request), path)
    saved = annotate(path, Request(board="nucleo-l4r5zi"), function="depthwise_conv_2d")
    assert saved.blocks == annotate(ELF / "kws-cortex-m4.elf", request, function="depthwise_conv_2d").blocks
    assert "no source lines: a saved profile has no source lines" in saved.notes
    assert annotate(path, Request(board="nucleo-l4r5zi"), function=f"{saved.address:#x}").function == "depthwise_conv_2d"
    with pytest.raises(UsageError, match="no function named 'depthwise_con' ran") as refusal:
        annotate(path, Request(board="nucleo-l4r5zi"), function="depthwise_con")
    assert "depthwise_conv_2d" in refusal.value.hint
    with pytest.raises(UsageError, match="a saved profile holds one region"):
        annotate(path, Request(board="nucleo-l4r5zi", region="main"))


def test_a_function_that_did_not_run_is_told_with_those_that_did():
    request = Request(board="nucleo-l4r5zi", region="kws_invoke")
    with pytest.raises(UsageError, match="main did not run in call 1 of kws_invoke") as refusal:
        annotate(ELF / "kws-cortex-m4.elf", request, function="main")
    assert refusal.value.hint.startswith("these did: conv_2d, ")
    with pytest.raises(ImageError, match="no function named"):
        annotate(ELF / "kws-cortex-m4.elf", request, function="conv_3d")


def test_a_stripped_image_has_functions_where_kernels_begin():
    path = ELF / "dispatch-s28-stripped-cortex-m4.elf"
    whole = annotate(path, Request(board="nucleo-l4r5zi"))
    what_ran = ran("dispatch-s28-stripped-cortex-m4", None)
    assert what_ran.functions == ()
    assert whole.function == f"{whole.address:#010x}"
    assert any("has no symbol here" in note for note in whole.notes)
    entries = {kernel.kernel_address for kernel in what_ran.kernels}
    starts = {function.span.address for function in functions_that_ran(what_ran)}
    assert entries <= starts
    # Its symbols tell the same places.
    named = load_image(ELF / "dispatch-s28-cortex-m4.elf")
    assert entries <= {function.address for function in named.functions}


def hand_made(names: tuple[str, ...]) -> BlockProfile:
    """Functions of one block each: `nop; bx lr`, 4 bytes every 16."""
    count = len(names)
    starts = np.array([0x8000000 + 16 * number for number in range(count)], np.int64)
    return BlockProfile(
        isa=Isa.THUMB,
        addresses=starts,
        sizes=np.full(count, 4, np.int64),
        code=b"\x00\xbf\x70\x47" * count,
        executions=np.array([range(1, count + 1)], np.int64),
        fallthroughs=np.zeros((1, count), np.int64),
        kernels=(),
        functions=tuple(FunctionSpan(name, int(start), 4) for name, start in zip(names, starts, strict=True)),
        dividers=(),
        firmware=FirmwareFacts("a.elf", "elf", "00" * 32),
        run=RunFacts("call 1 of f", "symbol", "region-done"),
    )


def test_copies_of_a_function_are_listed():
    what_ran = hand_made(("f.constprop.0", "f.isra.0", "ns::g", "ns::h [clone .part.0]", "other::g"))
    functions = functions_that_ran(what_ran)
    for text in ("f", "g", "f(int)"):
        with pytest.raises(UsageError, match="may mean 2 functions that ran") as refusal:
            find_by_name(what_ran, functions, text)
        assert len(refusal.value.details) == 2
    assert find_by_name(what_ran, functions, "f.isra.0").span.name == "f.isra.0"
    assert find_by_name(what_ran, functions, "h").span.name == "ns::h [clone .part.0]"
    assert find_by_name(what_ran, functions, "ns::g").span.address == 0x8000020
    with pytest.raises(UsageError, match="f did not run") as refusal:
        find_by_address(what_ran, functions, 0x9000000, "f")
    assert refusal.value.hint == "a copy of it ran: f.constprop.0, f.isra.0"


@pytest.mark.parametrize(
    ("name", "plain"),
    [("f.constprop.0", "f"), ("f.part.0.isra.0", "f"), ("a::f [clone .constprop.0]", "a::f"), ("f.cold", "f"), ("f.0", "f.0"), ("v1.2", "v1.2")],
)
def test_what_makes_a_copy_is_cut_off_and_nothing_else(name, plain):
    assert without_clone(name) == plain


def test_an_it_block_across_two_blocks_is_decoded_whole():
    # cmp r0, #0; ite eq; moveq r1, #1 | movne r1, #2; bx lr
    code = bytes.fromhex("0028 0cbf 0121 0221 7047")
    what_ran = replace(
        hand_made(("f",)),
        addresses=np.array([0x8000000, 0x8000006], np.int64),
        sizes=np.array([6, 4], np.int64),
        code=code,
        executions=np.array([[5, 5]], np.int64),
        fallthroughs=np.array([[5, 0]], np.int64),
        functions=(FunctionSpan("f", 0x8000000, 10),),
    )
    target = target_of("cortex-m4")
    annotation = annotate_function(what_ran, CostModel(target.core), functions_that_ran(what_ran)[0], target)
    assert [row.mnemonic for row in annotation.rows] == ["cmp", "ite", "moveq", "movne", "bx"]
