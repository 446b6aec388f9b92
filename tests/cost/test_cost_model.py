"""Pricing of profiles: linear in the counts, monotone in the costs, cached, and never silent about what it cannot price."""

import dataclasses
import subprocess
import sys
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instsim import artifacts
from instsim.cost.core_table import core_names
from instsim.cost.cost_model import CostModel
from instsim.dynamics.divider import pack_operands
from instsim.errors import IncompleteError, UsageError
from instsim.isa.classes import CLASSES

from .pricing import Isa, loaded, price, profile_of, riscv

THUMB = [
    (0x1000, "20682968 0138 fdd1".replace(" ", "")),  # ldr; ldr; subs; bne
    (0x1008, "4018 0268 c0b2 0846".replace(" ", "")),  # adds; ldr; uxtb; mov
    (0x1010, "20602968 4843 7047".replace(" ", "")),  # str; ldr; muls; bx lr
    (0x1018, "70b5"),
    (0x101A, "0ec8 10bd".replace(" ", "")),
]
RV32 = [
    (0x1000, riscv(0x00042503, 0x00B50533, 0xFE061EE3)),
    (0x100C, riscv(0x952E, 0x02C58533, 0x00A42223, 0x0080006F)),
    (0x1020, riscv(0x4512, 0x8082)),
]
BLOCKS = {Isa.THUMB: THUMB, Isa.RV32: RV32}
EXACTLY_LINEAR = [name for name in core_names() if name not in {"cortex-m7", "hazard3"}]


def counts(isa, rows=2):
    row = st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 1)), min_size=len(BLOCKS[isa]), max_size=len(BLOCKS[isa]))
    return st.lists(row, min_size=rows, max_size=rows).map(
        lambda table: ([[n for n, _ in row] for row in table], [_possible(isa, row) for row in table])
    )


def _possible(isa, row):
    """Fall-throughs that could have happened: no more than the block in sequence ran."""
    ends = [address + len(bytes.fromhex(code)) for address, code in BLOCKS[isa]]
    runs = {address: n for (address, _), (n, _) in zip(BLOCKS[isa], row, strict=True)}
    following = [runs.get(end, n) for end, (n, _) in zip(ends, row, strict=True)]
    return [int(min(n, limit) * share) for (n, share), limit in zip(row, following, strict=True)]


def profile(isa, table):
    return profile_of(isa, BLOCKS[isa], table[0], table[1])


def added(isa, first, second):
    return profile_of(isa, BLOCKS[isa], np.add(first[0], second[0]), np.add(first[1], second[1]))


relaxed = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("core", EXACTLY_LINEAR)
@relaxed
@given(data=st.data())
def test_prices_add_like_counts(core, data):
    isa = loaded(core).isa
    first, second = data.draw(counts(isa)), data.draw(counts(isa))
    total = price(core, added(isa, first, second)).total_cycles
    parts = price(core, profile(isa, first)).total_cycles + price(core, profile(isa, second)).total_cycles
    assert total == pytest.approx(parts)


@pytest.mark.parametrize("core", ["cortex-m7", "hazard3"])
@relaxed
@given(data=st.data())
def test_mispredictions_are_at_least_those_of_the_parts(core, data):
    isa = loaded(core).isa
    first, second = data.draw(counts(isa, rows=1)), data.draw(counts(isa, rows=1))
    events = [{row.name: row.cycles for row in price(core, p).events} for p in (added(isa, first, second), profile(isa, first), profile(isa, second))]
    name = "mispredict" if core == "cortex-m7" else "loop-mispredicted"
    assert events[0].get(name, 0) >= events[1].get(name, 0) + events[2].get(name, 0) - 1e-6


@pytest.mark.parametrize("core", core_names())
@relaxed
@given(data=st.data())
def test_raising_a_cost_never_lowers_the_total(core, data):
    table = loaded(core)
    ran = profile(table.isa, data.draw(counts(table.isa)))
    before = CostModel(table).price(ran).total_cycles
    part = data.draw(st.sampled_from(["classes", "events"]))
    rows = getattr(table, part)
    name = data.draw(st.sampled_from(sorted(rows)))
    raised = dataclasses.replace(rows[name], cycles=rows[name].cycles + data.draw(st.sampled_from([0.25, 1, 3])))
    changed = dataclasses.replace(table, digest=f"changed {name}", **{part: MappingProxyType({**rows, name: raised})})
    assert CostModel(changed).price(ran).total_cycles >= before - 1e-6


@pytest.mark.parametrize("core", core_names())
@relaxed
@given(data=st.data())
def test_the_order_of_the_rows_does_not_matter(core, data):
    isa = loaded(core).isa
    executions, fallthroughs = data.draw(counts(isa, rows=3))
    straight = price(core, profile(isa, (executions, fallthroughs)))
    reverse = price(core, profile(isa, (executions[::-1], fallthroughs[::-1])))
    assert np.array_equal(straight.cycles, reverse.cycles[::-1])
    assert straight.class_instructions == reverse.class_instructions


@pytest.mark.parametrize("core", core_names())
@relaxed
@given(data=st.data())
def test_events_classes_and_blocks_sum_to_the_total(core, data):
    isa = loaded(core).isa
    estimate = price(core, profile(isa, data.draw(counts(isa))))
    assert sum(row.cycles for row in estimate.events) == pytest.approx(estimate.total_cycles)
    assert sum(estimate.class_cycles.values()) == pytest.approx(estimate.total_cycles)
    assert sum(estimate.class_instructions.values()) == estimate.total_instructions
    assert (estimate.cycles >= -1e-9).all()
    assert all(row.cycles == pytest.approx(row.count * row.weight_cycles) for row in estimate.events)


def test_a_pairing_across_a_fall_through_is_priced_on_the_edge():
    # ldr r0, [r4] | ldr r1, [r5]: the second block is entered in sequence nine times of ten
    blocks = [(0x1000, "2068"), (0x1002, "2968")]
    estimate = price("cortex-m4", profile_of(Isa.THUMB, blocks, [9, 10], [9, 10]))
    assert {row.name: row.count for row in estimate.events}["load-pair"] == 9
    assert estimate.total_cycles == 2 * 19 - 9


def test_a_jump_to_the_next_address_is_still_a_jump():
    blocks = [(0x1000, "ffe7"), (0x1002, "0130")]  # b .+2; adds
    estimate = price("cortex-m4", profile_of(Isa.THUMB, blocks, [5, 5], [5, 5]))
    assert {row.name: row.count for row in estimate.events}["taken-branch"] == 5


def test_a_block_behind_an_open_it_block_is_decoded_in_its_state():
    blocks = [(0x1000, "04bf 0120".replace(" ", "")), (0x1004, "4018")]  # itt eq; moveq | addeq
    estimate = price("cortex-m4", profile_of(Isa.THUMB, blocks, [1, 1], [1, 1]))
    assert estimate.class_instructions == {"alu": 2, "it": 1}


@pytest.mark.parametrize(
    ("core", "code", "dividend", "divisor", "expected"),
    [
        ("cortex-m4", "b1fbf2f0", 1000, 3, 5 + 2),  # compendium.i-0.nl
        ("cv32e40p", riscv(0x02C5D533), 5, 1, 34),  # simulated RTL: 3 + leading zeros
        ("ibex-small", riscv(0x02C5D533), 5, 0, 2),
        ("hazard3", riscv(0x02C5C533), -7 % 2**32, 2, 20),
    ],
)
def test_recorded_operands_price_a_divide(core, code, dividend, divisor, expected):
    isa = loaded(core).isa
    key = pack_operands(dividend, divisor, signed=core == "hazard3")
    estimate = price(core, profile_of(isa, [(0x1000, code)], [10], [10], dividers=[(0x1000, [key], [10])]))
    assert estimate.total_cycles == 10 * expected
    assert estimate.events[0].basis == loaded(core).divider.basis


def test_a_divide_without_operands_costs_the_assumed_mean():
    estimate = price("cortex-m4", profile_of(Isa.THUMB, [(0x1000, "b1fbf2f0")], [10], [10]))
    assert estimate.total_cycles == 10 * loaded("cortex-m4").classes["divide"].cycles
    assert estimate.events[0].basis == "assumed"


def test_an_executed_instruction_without_a_price_is_named():
    blocks = [(0x1000, "0130"), (0x2000, "0130 02ef5408".replace(" ", ""))]
    ran = profile_of(Isa.THUMB, blocks, [98, 1], [98, 1], functions=[("convolve", 0x2000, 16)])
    with pytest.raises(IncompleteError) as caught:
        price("cortex-m4", ran)
    text = str(caught.value)
    assert "0x2002" in text
    assert "convolve" in text
    assert "1.00%" in text
    assert "vtst.8" in text
    assert caught.value.hint


def test_allowed_unpriced_instructions_cost_one_assumed_cycle_and_a_warning():
    ran = profile_of(Isa.THUMB, [(0x1000, "02ef5408")], [7], [7])
    estimate = price("cortex-m4", ran, allow_unpriced=True)
    assert estimate.total_cycles == 7
    assert estimate.events[0].basis == "assumed"
    assert "0x1000" in estimate.warnings[0]


def test_an_unpriced_instruction_that_did_not_run_is_no_matter():
    blocks = [(0x1000, "0130"), (0x2000, "02ef5408")]
    assert price("cortex-m4", profile_of(Isa.THUMB, blocks, [5, 0], [5, 0])).total_cycles == 5


def test_a_core_without_an_extension_does_not_price_it():
    with pytest.raises(IncompleteError, match="cortex-m3 has no price"):
        price("cortex-m3", profile_of(Isa.THUMB, [(0x1000, "21fb0200")], [1], [1]))


def test_a_profile_of_another_instruction_set_is_refused():
    with pytest.raises(UsageError, match="rv32"):
        price("hazard3", profile_of(Isa.THUMB, THUMB, [1] * 5, [0] * 5))


def test_an_empty_profile_costs_nothing():
    assert price("cortex-m4", profile_of(Isa.THUMB, [], [[]], [[]])).total_cycles == 0


def test_a_cached_price_is_the_same_price():
    ran = profile_of(Isa.THUMB, THUMB, [10, 20, 30, 40, 50], [1, 20, 0, 40, 0])
    cold = price("cortex-m4", ran)
    assert len(list((artifacts.cache_folder() / "charges").iterdir())) == 1
    warm = price("cortex-m4", ran)
    assert np.array_equal(cold.cycles, warm.cycles)
    assert cold.events == warm.events
    for file in (artifacts.cache_folder() / "charges").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert price("cortex-m4", ran).events == cold.events


def test_a_warm_price_loads_neither_capstone_nor_pydantic(tmp_path):
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from tests_cost_pricing import Isa, price, profile_of
price("cortex-m4", profile_of(Isa.THUMB, [(0x1000, "0130")], [1], [1]))
print([name for name in ("capstone", "pydantic", "unicorn", "llvmlite", "statsmodels") if name in sys.modules])
"""
    source = (__import__("pathlib").Path(__file__).parent / "pricing.py").read_text()
    (tmp_path / "tests_cost_pricing.py").write_text(source)
    runs = [
        subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True).stdout.strip() for _ in range(2)
    ]
    assert "capstone" in runs[0]
    assert runs[1] == "[]"


@pytest.mark.parametrize("core", core_names())
def test_static_cycles_lie_between_the_ways_a_block_can_go(core):
    isa = loaded(core).isa
    address, code = BLOCKS[isa][0]
    model = CostModel(loaded(core))
    ways = [model.price(profile_of(isa, [(address, code)], [1], [n])).total_cycles for n in (0, 1)]
    # A timer needs no prediction history, so a predicted branch may be off by its refill.
    assert min(ways) - 1 <= model.static_cycles(isa, address, bytes.fromhex(code)) <= max(ways) + 1
    assert model.static_cycles(isa, address, b"") == 0


def test_every_class_of_every_core_can_be_priced():
    for core in core_names():
        table = loaded(core)
        assert set(table.classes) == {name for name, row in CLASSES[table.isa].items() if row.extension in table.extensions}
