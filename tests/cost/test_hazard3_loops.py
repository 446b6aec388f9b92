"""Loops on Hazard3 against its simulated RTL (firmware_elf/rtl/loops.csv), and the target buffer against hand-followed sequences."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from instsim.cost.core_table import load_core
from instsim.cost.cost_model import CostModel
from instsim.cost.hazard3_fetch import behind_jump_stall, steady_stall
from instsim.dynamics.target_buffer import BlockEnd, Outcome, TargetBuffer
from instsim.isa.decode import make_decoder
from instsim.isa.instruction import Isa
from tests.cost.pricing import profile_of

LOOPS = Path(__file__).parents[2] / "firmware_elf" / "rtl" / "loops.csv"
NOP16, NOP32 = 0x0001, 0x00000013
PASSES = 100


def row_id(row):
    return f"{row['offset']}-{row['count_down_bits']}{row['body']}{row['branch_bits']}"


def loop_code(row):
    """Code of the row's loop at its offset; registers do not matter to its time."""
    sizes = [int(row["count_down_bits"]) // 8, *({"H": 2, "W": 4}[letter] for letter in row["body"])]
    code = b"".join(NOP16.to_bytes(2, "little") if size == 2 else NOP32.to_bytes(4, "little") for size in sizes)
    back = -len(code)
    if row["branch_bits"] == "16":
        bits = back & 0x1FF
        c_bnez = 0xE001 | (bits >> 8 & 1) << 12 | (bits >> 3 & 3) << 10 | (bits >> 6 & 3) << 5 | (bits >> 1 & 3) << 3 | (bits >> 5 & 1) << 2
        return code + c_bnez.to_bytes(2, "little")
    bits = back & 0x1FFF
    bne = 0x1063 | (bits >> 12) << 31 | (bits >> 5 & 63) << 25 | (bits >> 1 & 15) << 8 | (bits >> 11 & 1) << 7 | 10 << 15
    return code + bne.to_bytes(4, "little")


def loops():
    with LOOPS.open(newline="") as stream:
        return list(csv.DictReader(stream))


def loop_cycles(row, core):
    """Cycles of a hundred passes, as the machine would profile them."""
    start = 0x1000 + int(row["offset"])
    code = loop_code(row)
    branch = start + len(code) - int(row["branch_bits"]) // 8
    buffer = TargetBuffer()
    for number in range(PASSES):
        buffer.step(BlockEnd(start + len(code), branch, start if number < PASSES - 1 else start + len(code)))
    profile = profile_of(Isa.RV32, [(start, code.hex())], [PASSES], [1])
    outcomes = np.array([[[buffer.outcomes.get((branch, outcome), 0)]] for outcome in Outcome])
    return CostModel(load_core(core)).price(replace(profile, buffer_outcomes=outcomes)).total_cycles


@pytest.mark.parametrize("row", loops(), ids=row_id)
def test_every_loop_takes_what_the_rtl_takes(row):
    # The measured figure holds the marker, what loads the counter, and the jump to the loop: up to nine cycles in a hundred passes.
    for column, core in (("hazard3", "hazard3"), ("ibex_small", "ibex-small"), ("ibex_maxperf", "ibex-maxperf"), ("cv32e40p", "cv32e40p")):
        measured = float(row[column]) * PASSES
        assert measured - 9 <= loop_cycles(row, core) <= measured + 2, column


@pytest.mark.parametrize("row", loops(), ids=row_id)
def test_loops_with_static_prediction(row):
    for column, core in (("ibex_maxbp", "ibex-maxbp"), ("vex_imac", "vexriscv-imac")):
        measured = float(row[column]) * PASSES
        assert measured - 9 <= loop_cycles(row, core) <= measured + 2, column


def test_a_full_word_loop_of_as_many_words_as_instructions_waits_where_the_queue_was_full():
    # Six instructions, six words: the queue fills during the 16-bit pair and asks for nothing in that cycle.
    decoder = make_decoder(Isa.RV32)
    code = b"".join(word.to_bytes(4 if word & 3 == 3 else 2, "little") for word in (NOP32, NOP16, NOP32, NOP32, NOP32, NOP16))
    path = decoder.decode(code, 0x1002)
    assert steady_stall(path, [1.0] * 6) == 1


def test_fetch_is_not_ahead_behind_a_jump():
    # Landed on the second half of a word, branch in the next, target a 32-bit instruction across two more: four words for two instructions.
    decoder = make_decoder(Isa.RV32)
    block = decoder.decode(NOP16.to_bytes(2, "little") * 2, 0x1002)
    split = decoder.decode(NOP32.to_bytes(4, "little"), 0x0F02)[0]
    aligned = decoder.decode(NOP32.to_bytes(4, "little"), 0x0F00)[0]
    assert behind_jump_stall(block, [1.0, 1.0], split) == 1
    assert behind_jump_stall(block, [1.0, 1.0], aligned) == 0


def run_loops(inner, outer):
    """Outer loop 0x100-0x10f around inner loop 0x104-0x10b; return the buffer."""
    buffer = TargetBuffer()
    for number in range(outer):
        buffer.step(BlockEnd(0x104, None, 0x104))
        for turn in range(inner):
            buffer.step(BlockEnd(0x10C, 0x108, 0x104 if turn < inner - 1 else 0x10C))
        buffer.step(BlockEnd(0x110, 0x10C, 0x100 if number < outer - 1 else 0x110))
    return buffer.outcomes


def test_an_inner_loop_takes_the_buffer_from_the_outer_one():
    # Each inner run: the first jump back is not predicted, the exit is mispredicted. The outer branch is never in the buffer when it comes.
    assert run_loops(5, 4) == {(0x108, Outcome.HIT): 12, (0x108, Outcome.HIT_BEHIND_JUMP): 4, (0x108, Outcome.EXIT): 4}


def test_an_inner_loop_of_one_pass_leaves_the_buffer_to_the_outer_one():
    assert run_loops(1, 10) == {(0x10C, Outcome.HIT): 8, (0x10C, Outcome.EXIT): 1}


def test_a_loop_of_one_word_is_never_predicted():
    buffer = TargetBuffer()
    for _ in range(50):
        buffer.step(BlockEnd(0x104, 0x102, 0x100))
    assert not buffer.outcomes
