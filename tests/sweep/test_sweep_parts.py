"""Models found, results written and read, fronts."""

import itertools
import random

import pytest

from instsim.errors import InputError, UsageError
from instsim.model.layer import Layer
from instsim.sweep.models import find_models, read_models
from instsim.sweep.pareto import figure_pair, pareto_front
from instsim.sweep.results import check_output, read_results, write_results
from instsim.sweep.row import Outcome, SweepRow

LAYER = Layer("SOFTMAX", channels=4, out_channels=4)


def _row(name, **figures):
    return SweepRow.of(name, "d" + name, 10, Outcome(**figures))


def test_a_folder_gives_its_models_sorted_with_those_below(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("z.tflite", "b/a.tflite", "a.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.relative_to(tmp_path).as_posix() for path in find_models(tmp_path)] == ["b/a.tflite", "z.tflite"]


def test_a_list_names_models_beside_it(tmp_path):
    (tmp_path / "list.txt").write_text("# chosen\none.tflite\n\n  sub/two.tflite \n")
    assert find_models(tmp_path / "list.txt") == [tmp_path / "one.tflite", tmp_path / "sub/two.tflite"]


def test_a_place_without_models_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no \.tflite"):
        find_models(tmp_path)
    with pytest.raises(UsageError, match="there is no"):
        find_models(tmp_path / "nowhere")
    (tmp_path / "model.onnx").write_bytes(b"\x08\x07\x12\x07pytorch")
    with pytest.raises(UsageError, match="ONNX") as refused:
        find_models(tmp_path / "model.onnx")
    assert "onnx2tf" in refused.value.hint
    (tmp_path / "text").write_bytes(b"net\0work")
    with pytest.raises(InputError, match="neither"):
        find_models(tmp_path / "text")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(InputError, match="list"):
        find_models(tmp_path / "binary")


def test_paths_bytes_layers_and_names(tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"abc")
    given = [tmp_path / "m.tflite", b"abc", [LAYER], (LAYER, LAYER), ("mine", b"xyz"), tmp_path / "missing.tflite"]
    found = list(read_models(given))
    assert [model.path for model in found] == [str(tmp_path / "m.tflite"), "1", "2", "3", "mine", str(tmp_path / "missing.tflite")]
    assert found[0].digest == found[1].digest != found[4].digest
    assert found[2].digest != found[3].digest
    assert (found[5].content, found[5].digest) == (None, "")
    assert "missing" in found[5].trouble
    with pytest.raises(UsageError, match="model 0"):
        list(read_models([3]))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_results_are_read_as_they_were_written(tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    rows = [
        _row('a,"1"', cycles=1.5, latency_s=0.1, energy_j=2e-6, macs=3, arena_bytes=4, flash_bytes=5, domain="inside"),
        SweepRow.of("b\nc", "", None, Outcome.failure("file", "cannot be read")),
        _row("caf\u00e9"),
    ]
    files = write_results(rows, tmp_path / f"r{suffix}", {"board": "x"})
    assert files == ((tmp_path / "r.csv",) if suffix == ".csv" else (tmp_path / "r.parquet", tmp_path / "r.csv"))
    assert all(read_results(file) == rows for file in files)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(file.name for file in files)


def test_parquet_says_what_the_figures_rest_on(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_results([_row("a", cycles=1.0)], tmp_path / "r.parquet", {"board": "nucleo"})
    schema = parquet.read_schema(tmp_path / "r.parquet")
    assert schema.metadata[b"instsim.board"] == b"nucleo"
    assert {str(schema.field(name).type) for name in ("cycles", "macs", "path")} == {"double", "int64", "string"}


def test_outputs_that_could_not_be_written_are_refused_before_work(tmp_path):
    with pytest.raises(UsageError, match="parquet"):
        check_output(tmp_path / "r.xlsx")
    with pytest.raises(UsageError, match="no folder"):
        check_output(tmp_path / "no" / "r.csv")


def test_a_front_is_what_no_other_beats():
    draw = random.Random(5)
    rows = [_row(str(number), latency_s=draw.randint(1, 30) / 8, flash_bytes=draw.randint(1, 30)) for number in range(200)]
    rows += [SweepRow.of("bad", "x", 1, Outcome.failure("run", "")), _row("no flash", latency_s=0.01)]
    front = pareto_front(rows, ("latency", "flash"))
    known = [row for row in rows if row.flash_bytes is not None]

    def beats(one, other):
        pair, rival = (one.latency_s, one.flash_bytes), (other.latency_s, other.flash_bytes)
        return pair != rival and all(a <= b for a, b in zip(pair, rival, strict=True))

    assert {(row.latency_s, row.flash_bytes) for row in front} == {
        (row.latency_s, row.flash_bytes) for row in known if not any(beats(other, row) for other in known)
    }
    assert all(a.latency_s < b.latency_s and a.flash_bytes > b.flash_bytes for a, b in itertools.pairwise(front))


@pytest.mark.parametrize("text", ["latency", "latency,latency", "latency,speed", "a,b,c", ""])
def test_what_is_no_pair_of_figures_is_refused(text):
    with pytest.raises(UsageError):
        figure_pair(text)
