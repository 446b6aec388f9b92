"""Basic blocks belong to the run, not to the way an emulator cut the code."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from instsim.isa import Isa
from instsim.profile import TranslationBlocks, to_basic_blocks

NOP, BRANCH = b"\x00\xbf", b"\xfe\xd0"  # Thumb nop, beq


@st.composite
def walks(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int]]]:
    """A little program of nops and conditional branches, and a walk through it: runs (start, end) between jumps."""
    length = draw(st.integers(4, 24))
    branches = draw(st.sets(st.integers(0, length - 1), min_size=1)) | {length - 1}
    code = b"".join(BRANCH if place in branches else NOP for place in range(length))
    runs = []
    place = 0
    for _ in range(draw(st.integers(1, 12))):
        start = place
        while True:
            while place not in branches:
                place += 1
            place += 1
            if place >= length or draw(st.booleans()):
                break
        runs.append((2 * start, 2 * place))
        place = draw(st.integers(0, length - 1))
    return code, runs


def cut(runs: list[tuple[int, int]], code: bytes, page: int | None) -> TranslationBlocks:
    """Count the walk as an emulator would that ends its blocks at branches and at page borders."""
    executions: Counter[tuple[int, int]] = Counter()
    fallthroughs: Counter[tuple[int, int]] = Counter()
    for start, stop in runs:
        place = start
        while place < stop:
            end = place
            while True:
                is_branch = code[end : end + 2] == BRANCH
                end += 2
                if is_branch or (page is not None and end % page == 0) or end >= stop:
                    break
            executions[place, end - place] += 1
            if end < stop:
                fallthroughs[place, end - place] += 1
            place = end
    blocks = sorted(executions)
    return TranslationBlocks(
        np.array([a for a, _ in blocks], np.int64),
        np.array([s for _, s in blocks], np.int64),
        np.array([[executions[b] for b in blocks]], np.int64),
        np.array([[fallthroughs[b] for b in blocks]], np.int64),
    )


@given(walks(), st.sampled_from([2, 4, 6, 10, 16]))
def test_page_borders_do_not_show(walk: tuple[bytes, list[tuple[int, int]]], page: int) -> None:
    code, runs = walk
    results = [to_basic_blocks(Isa.THUMB, cut(runs, code, border), lambda a, s: code[a : a + s]) for border in (None, page)]
    plain, paged = results
    assert plain.addresses.tolist() == paged.addresses.tolist()
    assert plain.sizes.tolist() == paged.sizes.tolist()
    assert plain.executions.tolist() == paged.executions.tolist()
    assert plain.fallthroughs.tolist() == paged.fallthroughs.tolist()


@given(walks(), st.sampled_from([None, 4, 10]))
def test_every_instruction_runs_as_often_as_in_the_walk(walk: tuple[bytes, list[tuple[int, int]]], page: int | None) -> None:
    code, runs = walk
    blocks = to_basic_blocks(Isa.THUMB, cut(runs, code, page), lambda a, s: code[a : a + s])
    counted: Counter[int] = Counter()
    for address, size, count in zip(blocks.addresses.tolist(), blocks.sizes.tolist(), blocks.executions[0].tolist(), strict=True):
        counted.update(dict.fromkeys(range(address, address + size, 2), count))
    walked: Counter[int] = Counter()
    for start, stop in runs:
        walked.update(range(start, stop, 2))
    assert counted == walked


@given(walks())
def test_a_block_ends_at_a_branch_or_before_another_block(walk: tuple[bytes, list[tuple[int, int]]]) -> None:
    code, runs = walk
    blocks = to_basic_blocks(Isa.THUMB, cut(runs, code, None), lambda a, s: code[a : a + s])
    starts = set(blocks.addresses.tolist())
    for address, size in zip(blocks.addresses.tolist(), blocks.sizes.tolist(), strict=True):
        end = address + size
        assert code[end - 2 : end] == BRANCH or end in starts
        assert BRANCH not in [code[place : place + 2] for place in range(address, end - 2, 2)]


@given(walks())
def test_falls_through_as_often_as_the_walk_went_on(walk: tuple[bytes, list[tuple[int, int]]]) -> None:
    code, runs = walk
    blocks = to_basic_blocks(Isa.THUMB, cut(runs, code, None), lambda a, s: code[a : a + s])
    for address, size, onward in zip(blocks.addresses.tolist(), blocks.sizes.tolist(), blocks.fallthroughs[0].tolist(), strict=True):
        assert onward == sum(start < address + size < stop for start, stop in runs)


def test_blocks_that_never_ran_give_nothing() -> None:
    zeros = np.zeros((2, 1), np.int64)
    blocks = to_basic_blocks(Isa.THUMB, TranslationBlocks(np.array([8]), np.array([4]), zeros, zeros), lambda _a, s: NOP * (s // 2))
    assert blocks.addresses.size == 0
    assert blocks.executions.shape == (2, 0)
