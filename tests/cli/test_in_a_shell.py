"""What a shell does to a command: pipes that close, full disks, Ctrl-C, locales, narrow terminals."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

INSTSIM = ("-m", "instsim")
ESTIMATE = ("estimate", "--region", "kws_invoke", "--board", "nucleo-l4r5zi")


def test_a_reader_that_leaves_early_is_no_error(python, images):
    reading, writing = os.pipe()
    process = python(*INSTSIM, *ESTIMATE, "-v", images / "kws-cortex-m4.elf", stdout=writing)
    os.close(writing)
    os.close(reading)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [ESTIMATE, ("inspect", "--no-run"), (*ESTIMATE, "--format", "json")])
def test_a_full_disk_is_told_in_a_sentence(python, images, arguments):
    with Path("/dev/full").open("wb") as full:
        process = python(*INSTSIM, *arguments, images / "kws-cortex-m4.elf", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == b"instsim: error: cannot write to standard output: No space left on device\n"


def test_streams_that_are_closed_from_the_start_change_nothing_else(images, tmp_path):
    def run(redirection: str, image: Path) -> subprocess.CompletedProcess[bytes]:
        command = ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, *INSTSIM, *ESTIMATE, image]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        return subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, env=environment)

    image = images / "kws-cortex-m4.elf"
    open_ones, no_output, no_messages = (run(redirection, image) for redirection in ("", ">&-", "2>&-"))
    assert (open_ones.returncode, open_ones.stdout, open_ones.stderr) == (0, no_messages.stdout, no_messages.stderr)
    assert (no_output.returncode, no_output.stdout, no_output.stderr) == (0, b"", b"")
    missing = run("2>&-", tmp_path / "none.elf")
    assert (missing.returncode, missing.stdout, missing.stderr) == (1, b"", b"")


def test_a_name_that_is_no_text_is_shown_escaped(python, images, tmp_path):
    image = os.fsencode(tmp_path) + b"/n\xff.elf"
    try:
        Path(os.fsdecode(image)).write_bytes((images / "kws-cortex-m4.elf").read_bytes())
    except OSError:
        pytest.skip("names are UTF-8 here")
    process = python(*INSTSIM, *ESTIMATE, os.fsdecode(image), "--format", "json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)["firmware"]["name"] == "n\\xff.elf"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a folder in use cannot be removed")
def test_a_folder_that_is_gone_is_told(images, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'rmdir ../gone && exec "$0" "$@"', sys.executable, *INSTSIM, *ESTIMATE, images / "kws-cortex-m4.elf"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    ran = subprocess.run(command, capture_output=True, check=False, cwd=gone, env=environment)
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.startswith(b"instsim: error: the current folder cannot be used")


def until_it_emulates(process):
    """Wait until a process has loaded the emulator, however slow the machine is."""
    maps = Path(f"/proc/{process.pid}/maps")
    deadline = time.monotonic() + 60
    while maps.exists() and process.poll() is None and "libunicorn" not in maps.read_text("utf-8") and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.5)


@pytest.mark.parametrize("command", ["estimate", "profile", "inspect"])
def test_ctrl_c_ends_an_endless_run_cleanly(python, images, tmp_path, command):
    process = python(*INSTSIM, command, images / "endless-count-cortex-m4.elf", "--budget", "1000000G")
    try:
        until_it_emulates(process)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert err.strip() == b"instsim: interrupted"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("environment", [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}])
@pytest.mark.parametrize("arguments", [("boards",), ("cores",), ("boards", "show", "nucleo-l4r5zi"), ("estimate", "missing-\u00e9\u4e00.elf")])
def test_a_locale_without_unicode_is_enough(python, arguments, environment):
    process = python(*INSTSIM, *arguments, **environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (1 if arguments[0] == "estimate" else 0)
    assert b"Traceback" not in err
    assert (out + err).isascii()


def test_a_pipe_stays_a_pipe(instsim, images, tmp_path):
    # Written to a temporary file and moved, as reports are, it would take the pipe's place.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("utf-8")), daemon=True)
    reader.start()
    ran = instsim("inspect", images / "kws-cortex-m4.elf", "--no-run", "-o", "pipe")
    reader.join(timeout=30)
    assert ran.code == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert read[0].startswith("kws-cortex-m4.elf (ELF)")


def test_a_file_behind_a_link_is_written_and_the_link_kept(instsim, images, tmp_path):
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "report.txt"
    target.write_text("old", "utf-8")
    target.chmod(0o600)
    (tmp_path / "link.txt").symlink_to(target)
    assert instsim("inspect", images / "kws-cortex-m4.elf", "--no-run", "-o", "link.txt").code == 0
    assert (tmp_path / "link.txt").is_symlink()
    assert target.read_text("utf-8").startswith("kws-cortex-m4.elf (ELF)")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["report.txt"]


def in_a_terminal(columns, *arguments, **environment):
    """Run a command in a terminal of its own and return its exit code and what it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    cleared = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"}}
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "instsim", *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**cleared, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": path, **environment},
        start_new_session=True,
    )
    os.close(slave)
    written = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1)[0]:
            continue
        try:
            chunk = os.read(master, 65536)
        except OSError:  # what Linux answers when the other side has closed
            break
        if not chunk:
            break
        written += chunk
    os.close(master)
    return process.wait(timeout=30), written.decode("utf-8")


def shown(text):
    # A return without a new line is the progress line, drawn over and over on a slow machine.
    return re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize(
    "arguments",
    [
        ("boards",),
        ("cores",),
        ("boards", "show", "rpi-pico2"),
        ("tables", "show", "cortex-m4"),
        ("tables", "show", "stm32u5"),
        ("inspect", "--sample", "kws"),
    ],
)
def test_lines_fit_the_terminal(columns, arguments):
    code, text = in_a_terminal(columns, *arguments)
    assert code == 0
    assert "\x1b[1m" in text
    assert max(map(len, shown(text))) <= columns


def test_no_color_means_no_color():
    code, text = in_a_terminal(100, "boards", NO_COLOR="1")
    assert code == 0
    assert "nucleo-l4r5zi" in text
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)


def test_help_loads_nothing_heavy(python):
    program = (
        "import sys\n"
        "from instsim.cli import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'numpy', 'unicorn', 'capstone', 'pydantic', 'rich', 'elftools', 'llvmlite', 'statsmodels', 'tflite', 'flatbuffers'}\n"
        "print(sorted(heavy & sys.modules.keys()), file=sys.stderr)\n"
    )
    process = python("-c", program)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"[]\n")
    for name in (b"estimate", b"profile", b"inspect", b"boards", b"cores", b"tables"):
        assert re.search(rb"\n  " + name + rb" +[A-Z]", out)


@pytest.mark.parametrize(
    "command", [(), ("estimate",), ("profile",), ("inspect",), ("boards",), ("boards", "new"), ("cores",), ("tables",), ("tables", "explain")]
)
def test_every_command_has_help(instsim, command):
    ran = instsim(*command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage: instsim")
