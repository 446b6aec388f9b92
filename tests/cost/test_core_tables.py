"""The shipped tables, and what is said of tables that are wrong."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from instsim.cost.core_schema import BASES, EMULATED_CPUS, LARGEST_COST_CYCLES, CoreFile
from instsim.cost.core_table import core_names, list_cores, load_core
from instsim.cost.exception_events import EXCEPTION_EVENTS
from instsim.cost.explain import check, explain
from instsim.cost.pipelines import load_pipeline, pipeline_names
from instsim.cost.sources import load_sources, resolve_source
from instsim.errors import TableError, UsageError
from instsim.isa.instruction import Isa
from instsim.resources import cost_tables

EXPECTED = (
    *("cortex-m0plus", "cortex-m3", "cortex-m33", "cortex-m4", "cortex-m7"),
    *("cv32e40p", "esp32-c3", "hazard3", "ibex-maxperf", "ibex-small"),
)


def rows_of(table):
    rows = {**table.classes, **table.events, **table.parameters}
    return {**rows, **({"divider": table.divider} if table.divider else {})}


def test_the_cores_are_found_in_the_folder():
    assert set(EXPECTED) <= set(core_names())
    assert tuple(table.name for table in list_cores()) == core_names()


@pytest.mark.parametrize("core", core_names())
def test_every_figure_has_a_basis_and_a_source_that_exists(core):
    table = load_core(core)
    assert table.path.stem == table.name
    assert table.emulated_cpu in EMULATED_CPUS
    for name, row in rows_of(table).items():
        assert row.basis in BASES, name
        entry, _ = resolve_source(row.source)
        assert entry is not None, name
        assert entry.title
        # A judgement can only be assumed, and a figure that is assumed says why.
        if entry.kind == "judgement":
            assert row.basis == "assumed", name
            assert resolve_source(row.source)[1], name


@pytest.mark.parametrize("core", core_names())
def test_costs_are_plausible_and_savings_never_exceed_an_instruction(core):
    table = load_core(core)
    # The slowest known: PicoRV32's sequential high product (72), VexRiscv's flush of its instruction cache (73).
    assert all(0 <= row.cycles <= 75 and 0 <= row.per_register <= 2 for row in table.classes.values())
    assert all(-1 <= row.cycles <= (20 if name in EXCEPTION_EVENTS else 10) for name, row in table.events.items())


@pytest.mark.parametrize("name", pipeline_names())
def test_every_pipeline_describes_its_events_and_is_used(name):
    pipeline = load_pipeline(name)
    assert pipeline.name == name
    assert all(rule.description for rule in (*pipeline.events, *pipeline.parameters))
    assert name in {table.pipeline for table in list_cores()}


def test_the_bibliography_is_complete():
    assert all(source.title and source.kind for source in load_sources().values())


def test_a_misspelt_core_is_told_its_near_names():
    with pytest.raises(UsageError, match="cortex-m4"):
        load_core("cortex-m44")
    with pytest.raises(UsageError, match=r"there are .*hazard3"):
        load_core("z80")


@pytest.fixture
def altered(tmp_path):
    """Write a changed copy of the Cortex-M4's table; each change is a pair of texts."""

    def write(*changes):
        text = (cost_tables() / "cores" / "cortex-m4.toml").read_text(encoding="utf-8")
        for old, new in changes:
            assert re.search(old, text, re.MULTILINE), old
            text = re.sub(old, new, text, count=1, flags=re.MULTILINE)
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_table_of_ones_own_is_loaded_by_its_path(altered):
    table = load_core(altered((r'^name = "cortex-m4"', 'name = "mine"')))
    assert (table.name, table.isa) == ("mine", Isa.THUMB)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((r"^divide = .*$", ""), r"classes.divide: missing \(udiv, sdiv\)"),
        ((r"^divide = ", "divid = "), r"classes.divid: unknown class of thumb; did you mean divide\?"),
        ((r"^load-pair = ", "load-pairs = "), r"events.load-pairs: unknown event of cortex_m3m4; did you mean load-pair\?"),
        ((r"^taken-branch = .*$", ""), r"events.taken-branch: missing \(refill"),
        ((r"^alu = { cycles = 1", "alu = { cycles = -1"), r"classes.alu.cycles: input should be greater than or equal to 0, not -1"),
        ((r"^alu = { cycles = 1", "alu = { cycles = 1001"), r"classes.alu.cycles: .*1000, not 1001"),
        ((r"^alu = { cycles = 1", "alu = { cycles = nan"), r"classes.alu.cycles: "),
        ((r"^alu = { cycles = 1", 'alu = { cycles = "1"'), r"classes.alu.cycles: input should be a valid number"),
        ((r"^alu = { cycles = 1", "alu = { cycle = 1"), r"classes.alu.cycle: unknown key; did you mean cycles\?"),
        ((r"^load-pair = { cycles = -1", "load-pair = { cycles = 1"), r"events.load-pair.cycles: a saving is negative or zero, not 1"),
        ((r"^taken-branch = { cycles = 1", "taken-branch = { cycles = -1"), r"events.taken-branch.cycles: a cost is not negative, but -1 is"),
        (
            (r"(^alu = .*)arm-ddi0439 table 3-1", r"\1arm-ddi043 table 3-1"),
            r"classes.alu.source: no source named 'arm-ddi043'; did you mean arm-ddi",
        ),
        ((r'^alu = (.*)basis = "documented"', r'alu = \1basis = "rumoured"'), r"classes.alu.basis: .*'documented'.*not 'rumoured'"),
        (
            (r'value = "any"', 'value = "never"'),
            r"indexed_load_chains.value: .never. is not allowed; allowed: any",
        ),
        ((r"^indexed_load_chains", "indexed_chains"), r"parameters.indexed_chains: unknown parameter"),
        ((r'^pipeline = "cortex_m3m4"', 'pipeline = "cortex_m4"'), r"pipeline: unknown family 'cortex_m4'; did you mean cortex_m"),
        ((r'^pipeline = "cortex_m3m4"', 'pipeline = "ibex"'), r"pipeline: ibex is a family of rv32 cores, and isa is thumb"),
        ((r'^isa = "thumb"', 'isa = "mips"'), r"isa: input should be 'thumb' or 'rv32', not 'mips'"),
        ((r'^fpu = "single"', 'fpu = "none"'), r"classes.fp-add: belongs to the extension 'fp', which this core does not list"),
        ((r'^fpu = "single"', 'fpu = "double"'), r"classes.fp64-add: missing"),
        ((r'"mainline", "dsp"', '"mainline", "mve"'), r"extensions\[1\]: 'mve': unknown extension of thumb; allowed: mainline, dsp"),
        ((r'^model = "cortex-m4"', 'model = "cortex-m5"'), r"divider.model: unknown model 'cortex-m5'; did you mean cortex-m4\?"),
        ((r'^model = "cortex-m4"', 'model = "fixed"'), r"divider.parameters.cycles: missing"),
        ((r"^schema_version = 1", "schema_version = 2"), r"schema_version: input should be 1, not 2"),
        ((r"^\[divider\][\s\S]*", ""), r"divider: missing, but the core divides"),
    ],
)
def test_an_error_is_told_with_its_key_path(altered, change, expected):
    path = altered(change)
    with pytest.raises(TableError) as caught:
        load_core(path)
    assert any(re.search(expected, line) for line in caught.value.details), caught.value.details
    assert str(path) in caught.value.message
    assert check(path) == list(caught.value.details)


def test_all_errors_of_a_file_are_told_at_once(altered):
    path = altered((r"^alu = { cycles = 1", "alu = { cycles = -1"), (r"^divide = .*$", ""), (r"^load-pair = ", "load-pairs = "))
    problems = check(path)
    assert len(problems) >= 4
    assert any("classes.alu" in line for line in problems)
    assert any("classes.divide" in line for line in problems)
    assert any("events.load-pairs" in line for line in problems)
    assert any("events.load-pair:" in line for line in problems)


@pytest.mark.parametrize(
    "text", ["", "name = ", "\x00", "schema_version = 1", "classes = 3", "a = " + "[" * 5000, "[classes]\nalu = 1\n", 'isa = "thumb"\nextensions = 3']
)
def test_any_text_is_an_error_not_a_crash(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    assert check(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(TableError, match="No such file"):
        load_core(tmp_path / "none.toml")


def test_a_valid_table_has_no_problems():
    assert [check(cost_tables() / "cores" / f"{name}.toml") for name in core_names()] == [[]] * len(core_names())


def test_an_event_is_explained_with_its_source():
    explanation = explain(load_core("cortex-m4"), "load-pair")
    assert (explanation.kind, explanation.value, explanation.basis) == ("event", -1, "documented")
    assert explanation.source is not None
    assert "DDI 0439" in explanation.source.title
    assert explanation.locator == "section 3.3.2"


def test_classes_parameters_and_dividers_are_explained():
    core = load_core("cortex-m33")
    assert explain(core, "class:load-multiple").per_register == 1
    assert explain(core, "load_latency").value == 2
    assert explain(core, "divider").value == "cortex-m4"
    assert explain(load_core("hazard3"), "divider").details == {"cycles": 19, "correction_cycles": 1}
    with pytest.raises(UsageError, match="load-wait"):
        explain(core, "load-waits")


def test_every_row_of_every_table_can_be_explained():
    for core in list_cores():
        for name in rows_of(core):
            assert explain(core, name).description


def test_the_published_schema_is_current_and_accepts_the_tables():
    path = cost_tables() / "schema" / "core.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema == json.loads(json.dumps(CoreFile.model_json_schema()))
    for name in core_names():
        jsonschema.validate(tomllib.loads((cost_tables() / "cores" / f"{name}.toml").read_text(encoding="utf-8")), schema)


def test_the_largest_cost_is_the_one_the_documentation_names():
    assert LARGEST_COST_CYCLES == 1000
    assert Path(cost_tables() / "sources.toml").is_file()
