"""``instsim calibrate`` and ``instsim plan`` as a user meets them."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import time
import tomllib
from pathlib import Path

import pytest

from instsim.image import load_image

BOARD = ("--board", "nucleo-l4r5zi")
IMAGES = ("dispatch-s36", "dispatch-s28", "dispatch-s24")


@pytest.fixture
def runs(images, tmp_path, monkeypatch):
    """Return a file of three runs, with an empty cache."""
    monkeypatch.setenv("INSTSIM_CACHE_DIR", str(tmp_path / "cache"))
    lines = ["image,latency_us,power_mw"]
    for number, name in enumerate(IMAGES, 1):
        shutil.copy(images / f"{name}-cortex-m4.elf", tmp_path / f"{name}.elf")
        lines.append(f"{name}.elf,{number * 100},5{number}")
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_the_report_does_not_depend_on_processes_or_the_cache(instsim, runs):
    ways = (("--no-cache", "--workers", 1), ("--no-cache", "--workers", 2), ("-j", 2), ())
    found = [instsim("calibrate", runs, *BOARD, "--format", "json", *way) for way in ways]
    assert {ran.code for ran in found} == {0}
    assert len({ran.out for ran in found}) == 1


def test_an_image_that_says_nothing_of_its_firmware_is_known_by_its_bytes(instsim, tmp_path, images):
    bare = [tmp_path / f"{name}.bin" for name in ("divide", "calls", "counters")]
    for path in bare:
        # Without operators, and as a .bin without what the compiler says of itself.
        image = load_image(images / f"{path.stem}-cortex-m4.elf")
        path.write_bytes(next(segment.data for segment in image.segments if segment.address == 0x08000000))
    (tmp_path / "runs.csv").write_text("image,latency_us,firmware\ndivide.bin,100,mine\ncalls.bin,100,mine\n", "utf-8")
    where = (*BOARD, "--region", "all")
    assert instsim("calibrate", "runs.csv", *where, "-o", "own.toml").code == 0
    known, other = (instsim("estimate", path, *where, "--calibration", "own.toml") for path in (bare[0], bare[-1]))
    assert (known.code, other.code) == (0, 0)
    assert "calibrated with other firmware" not in known.out
    assert "calibrated with other firmware" in other.out


def test_images_that_do_not_run_are_named_in_the_order_of_the_rows(instsim, images, runs, tmp_path):
    shutil.copy(images / "fault-read-cortex-m4.elf", tmp_path / "fault.elf")
    (tmp_path / "broken.elf").write_bytes(b"\x7fELF and nothing else")
    runs.write_text("image,latency_us\nfault.elf,1\ndispatch-s28.elf,2\nbroken.elf,3\n", "utf-8")
    ran = instsim("calibrate", runs, *BOARD, "-o", "x.toml", "--workers", 2)
    assert ran.code == 1
    assert "2 images" in ran.err
    places = [ran.err.index(f"line {line}: {name}") for line, name in ((2, "fault.elf"), (4, "broken.elf"))]
    assert places == sorted(places)
    assert not (tmp_path / "x.toml").exists()


def test_other_boards_may_stand_in_or_help(instsim, runs, tmp_path):
    own = instsim("calibrate", runs, *BOARD, "-o", "own.toml")
    drawn = instsim("calibrate", runs, "--board", "nucleo-f446re", "--like", "own.toml", "--like", "nucleo-u575zi-q", "-o", "drawn.toml")
    none = instsim("calibrate", "--board", "nucleo-f446re", "--like", tmp_path, "-o", "none.toml")
    assert (own.code, drawn.code, none.code) == (0, 0, 0)
    assert "other boards" not in own.out
    for part in ("Latency: other boards", "Energy: other boards", "nucleo-u575zi-q@160MHz-1.8V", "The runs weigh", "became"):
        assert part in drawn.out
    assert "no run of this board" in none.out
    estimated = instsim("estimate", tmp_path / "dispatch-s36.elf", "--board", "nucleo-f446re", "--calibration", "none.toml")
    assert estimated.code == 0
    assert estimated.out.count("calibrated") >= 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--like", "nucleo-l4r5z"), ("did you mean nucleo-l4r5zi?",)),
        (("--like", "runs.csv"), ("not TOML",)),
        (("--like", "all", "--table"), ("--table",)),
        ((), ("give a file of runs", "--template")),
    ],
)
def test_what_is_wrong_with_other_boards_is_said(instsim, runs, arguments, words):
    ran = instsim("calibrate", *([runs] if "--table" in arguments else []), *BOARD, *arguments)
    assert ran.code in {1, 2}
    assert all(word in ran.err for word in words)


def test_the_command_that_fits_again_is_the_one_that_was_given(instsim, runs, tmp_path):
    given = ("--clock", "80MHz", "--region", "all", "--call", "1", "--dispatcher", "main", "--budget", "3G", "--memory", "ideal")
    first = instsim("calibrate", runs, *BOARD, *given, "--like", "nucleo-u575zi-q", "-o", "own file.toml")
    assert first.code == 0
    before = (tmp_path / "own file.toml").read_bytes()
    command = tomllib.loads(before.decode())["refit"]
    again = instsim(*shlex.split(command)[1:])
    assert again.code == 0
    assert (tmp_path / "own file.toml").read_bytes() == before
    assert again.out == first.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cycles,latency_us\n1000000,8.4\n2000000,16.7\n", "latency is 0.00"),
        ("cycles,latency_ms,energy_mj\n1000000,8.4,420\n2000000,16.7,840\n", "energy is 4.2e+05 pJ a cycle"),
        ("cycles,latency_ms,clock_mhz\n1000000,12.5,80\n2000000,25,80\n", "measured at a clock of 80 MHz, the board has 120 MHz"),
    ],
)
def test_what_no_board_does_is_doubted(instsim, tmp_path, text, words):
    (tmp_path / "runs.csv").write_text(text, "utf-8")
    ran = instsim("calibrate", "runs.csv", *BOARD)
    assert ran.code == 0
    assert words in ran.out


def test_files_are_not_overwritten_unasked_and_a_plot_needs_runs(instsim, runs, tmp_path):
    for name in ("own.toml", "own.png"):
        (tmp_path / name).write_text("mine", "utf-8")
    for option, name in (("-o", "own.toml"), ("--plot", "own.png")):
        ran = instsim("calibrate", runs, *BOARD, option, name)
        assert (ran.code, "exists already" in ran.err) == (2, True)
        assert (tmp_path / name).read_text("utf-8") == "mine"
    ran = instsim("calibrate", *BOARD, "--like", "all", "--plot", "new.png")
    assert (ran.code, "a plot shows runs" in ran.err) == (2, True)


def test_a_plan_of_what_was_measured_says_so(instsim, runs):
    ran = instsim("plan", *(f"{name}.elf" for name in IMAGES), *BOARD, "--measured", runs)
    assert ran.code == 2
    assert "not been measured yet" in ran.err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("arguments", [("calibrate", "runs.csv"), ("plan", "one.elf", "two.elf")])
def test_ctrl_c_ends_all_processes_with_one_line(python, images, tmp_path, arguments):
    endless = (images / "endless-count-cortex-m4.elf").read_bytes()
    for number, name in enumerate(("one", "two")):
        (tmp_path / f"{name}.elf").write_bytes(endless + bytes(number))
    (tmp_path / "runs.csv").write_text("image,latency_ms\none.elf,1\ntwo.elf,1\n", "utf-8")
    process = python("-c", "import os; os.setpgid(0, 0); import instsim.cli; instsim.cli.console()", *arguments, *BOARD, "--budget", "1000000G")
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and len(_group(process.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out, err.strip()) == (130, b"", b"instsim: interrupted")


def _group(leader: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == leader:
                found.append(int(folder.name))
        except ProcessLookupError:
            continue
    return found
