"""The call tree of programs whose calls are known: tail calls, recursion, longjmp, interrupts and threads."""

from __future__ import annotations

import struct
from functools import cache

import numpy as np
import pytest

from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.image import FirmwareImage
from instsim.image.firmware import Segment, Symbol
from instsim.isa import Isa
from instsim.profile import BlockProfile
from instsim.profile.file import profile_bytes, profile_from_bytes
from tests.emulate.bundled import chip, image_of
from tests.emulate.riscv_assembler import CHIP, FLASH
from tests.emulate.test_exceptions import BUDGET, chip_with_interrupts

# start:   bl outer; r0 = 5; bl recurse; bl catcher; r0 = 6; bl even; stop: b stop
# outer:   calls middle, which jumps to leaf (tail call)
# recurse: calls itself until r0 is 0
# catcher: calls mark (setjmp), then thrower -> deeper -> jump (longjmp back behind mark), then leaf
# even:    calls odd, which calls even, until r0 is 0
# Assembled by GNU as; the Thumb longjmp ends in bx r6, the RV32 one in ret.
THUMB = bytes.fromhex(
    "00f009f8052000f00df800f011f8062000f027f8fee700b500f001f800bd00f000b8704700b5013801d0fff7fbff00bd10b500f007f8002801d100f0"
    "07f8fff7f0ff10bd6d4676460020704700b500f001f800bd00b500f001f800bdad460120304700b5013801d000f001f800bd00b5013801d0fff7f5ff00bd"
)
THUMB_PLACES = (0x00, 0x16, 0x1E, 0x22, 0x24, 0x30, 0x44, 0x4C, 0x54, 0x5C, 0x62, 0x6E)
RISCV = bytes.fromhex(
    "39201545292825201945b92801a0411106c62120b2404101828009a08280411106c67d1511c1e53fb24041018280411106c6392011e10928d537b2404101"
    "82808a84068901458280411106c62120b24041018280411106c62120b2404101828026810545ca808280411106c67d1511c12120b24041018280411106c67d15"
    "11c1e537b24041018280"
)
RISCV_PLACES = (0x00, 0x0E, 0x1A, 0x1C, 0x1E, 0x2E, 0x40, 0x48, 0x54, 0x60, 0x68, 0x78)
NAMES = ("start", "outer", "middle", "leaf", "recurse", "catcher", "mark", "thrower", "deeper", "jump", "even", "odd")
LOAD_STACK_POINTER = 0x20010137
THUMB_FLASH, VECTORS = 0x08000000, 0x100

KNOWN = {
    "start": 1,
    "start outer": 1,
    "start outer middle": 1,
    "start outer leaf": 1,
    "start recurse": 5,
    "start catcher": 1,
    "start catcher mark": 1,
    "start catcher thrower": 1,
    "start catcher thrower deeper": 1,
    "start catcher thrower deeper jump": 1,
    "start catcher leaf": 1,
    "start even": 1,
    "start even odd": 1,
    "start even odd even": 1,
    "start even odd even odd": 1,
    "start even odd even odd even": 1,
    "start even odd even odd even odd": 1,
}


def image(isa: Isa, *, stripped: bool = False) -> FirmwareImage:
    if isa is Isa.THUMB:
        base, code, places = THUMB_FLASH + VECTORS, THUMB, THUMB_PLACES
        data = struct.pack("<II", 0x20001000, base | 1).ljust(VECTORS, b"\0") + code
        start, entry, table = THUMB_FLASH, None, THUMB_FLASH
    else:
        base, code, places = FLASH + 4, RISCV, RISCV_PLACES
        data = LOAD_STACK_POINTER.to_bytes(4, "little") + code
        start, entry, table = FLASH, FLASH, None
    stops = (*places[1:], len(code))
    symbols = tuple(Symbol(name, base + at, stop - at, "function") for name, at, stop in zip(NAMES, places, stops, strict=True))
    if isa is Isa.RV32:
        symbols = (Symbol("start", FLASH, 4 + places[1], "function"), *symbols[1:])
    segments = (Segment(start, start, data, len(data)),)
    return FirmwareImage("test.bin", "bin", "0" * 64, isa, segments, entry=entry, vector_table=table, symbols=() if stripped else symbols)


@cache
def whole(isa: Isa, *, stripped: bool = False, stacks: bool = True) -> BlockProfile:
    spec = chip("cortex-m4") if isa is Isa.THUMB else CHIP
    options = RunOptions(RegionRequest(RegionRule.WHOLE_RUN), budget_cycles=BUDGET, call_stacks=stacks)
    return profile_image(image(isa, stripped=stripped), spec, options)


def paths(profile: BlockProfile) -> dict[str, int]:
    """Calls by chain of callers, for nodes that ran."""
    tree = profile.calls
    assert tree is not None
    names = {span.address: span.name for span in profile.functions}
    ran = np.zeros(tree.parents.size, np.int64)
    np.add.at(ran, tree.nodes, tree.counts)
    for node in range(ran.size - 1, 0, -1):
        ran[tree.parents[node]] += ran[node]
    chains = [""]
    for node in range(1, tree.parents.size):
        chains.append(f"{chains[tree.parents[node]]} {names.get(int(tree.functions[node]), hex(tree.functions[node]))}".strip())
    return {chain: int(tree.calls[node]) for node, chain in enumerate(chains) if node and ran[node]}


def counted(profile: BlockProfile) -> list[int]:
    assert profile.calls is not None
    counts = np.zeros(profile.addresses.size, np.int64)
    np.add.at(counts, profile.calls.blocks, profile.calls.counts)
    return counts.tolist()


@pytest.mark.parametrize("isa", [Isa.THUMB, Isa.RV32])
def test_calls_tail_calls_recursion_and_longjmp(isa: Isa) -> None:
    assert paths(whole(isa)) == KNOWN


@pytest.mark.parametrize("isa", [Isa.THUMB, Isa.RV32])
def test_every_execution_belongs_to_one_node(isa: Isa) -> None:
    profile = whole(isa)
    assert counted(profile) == profile.block_executions.tolist()


@pytest.mark.parametrize("isa", [Isa.THUMB, Isa.RV32])
def test_counts_are_the_same_without_call_stacks(isa: Isa) -> None:
    with_stacks, without = whole(isa), whole(isa, stacks=False)
    assert without.calls is None
    assert with_stacks.executions.tolist() == without.executions.tolist()
    assert with_stacks.fallthroughs.tolist() == without.fallthroughs.tolist()


@pytest.mark.parametrize("isa", [Isa.THUMB, Isa.RV32])
def test_a_stripped_image_has_a_tree_of_addresses(isa: Isa) -> None:
    named, bare = whole(isa), whole(isa, stripped=True)
    assert counted(bare) == bare.block_executions.tolist()
    assert bare.calls is not None
    assert named.calls is not None
    # Only what is jumped to without ever having been called is unknown.
    assert len(set(named.calls.functions.tolist()) - set(bare.calls.functions.tolist())) <= 1


def test_a_call_tree_is_saved_with_its_profile() -> None:
    profile = whole(Isa.THUMB)
    read = profile_from_bytes(profile_bytes(profile), "test")
    assert paths(read) == KNOWN
    assert counted(read) == counted(profile)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m33", "rv32imc"])
def test_threads_and_handlers_have_stacks_of_their_own(core: str) -> None:
    options = RunOptions(RegionRequest(RegionRule.WHOLE_RUN), budget_cycles=BUDGET, call_stacks=True)
    profile = profile_image(image_of("exceptions-scheduler", core), chip_with_interrupts(core), options)
    found = paths(profile)
    start = "_start" if core == "rv32imc" else "Reset_Handler"
    # Main computes in twelve parts what three threads compute in four parts each, preempted all the time.
    assert found[f"{start} main workload"] == 12
    assert sum(calls for chain, calls in found.items() if chain.endswith("thread workload")) == 12
    assert {chain for chain in found if "workload" in chain} <= {f"{start} main workload", "thread workload"}
    assert counted(profile) == profile.block_executions.tolist()


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_a_region_counts_only_what_runs_in_it(core: str) -> None:
    image_with_workload = image_of("kws", core)
    symbol = image_with_workload.symbol("kws_invoke")
    assert symbol is not None
    region = RegionRequest(RegionRule.SYMBOL, symbol.address, fall_back=False)
    profile = profile_image(image_with_workload, chip(core), RunOptions(region, budget_cycles=BUDGET, call_stacks=True))
    calls = {chain.partition("kws_invoke ")[2]: count for chain, count in paths(profile).items()}
    assert (calls["conv_2d"], calls["depthwise_conv_2d"], calls["conv_2d get_eval_tensor"]) == (5, 4, 20)
    missing = [many - few for many, few in zip(profile.block_executions.tolist(), counted(profile), strict=True)]
    # The block that the region begins with is counted before the region opens.
    assert sorted(missing)[-2:] == [0, 1]
    assert min(missing) == 0
