"""``tools/build_microbenchmark.py``: wrong usage is answered before a compiler is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "build_microbenchmark.py"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--board", "nosuch"), "no board named 'nosuch'"),
        (("--board", "nucleo-l4r5zi", "--uart", "usart9"), "no serial port 'usart9'"),
        (("--board", "nucleo-l4r5zi", "--uart", "usart2", "--setup", "5"), "'5' is not ADDRESS=VALUE"),
        (("--board", "nucleo-l4r5zi", "--setup", "0x4002104C=0x1"), "--setup is for the serial port of --uart"),
        (("--board", "nucleo-l4r5zi", "--core", "rv32imc"), "nucleo-l4r5zi has a cortex-m4"),
        (("--board", "nucleo-l4r5zi", "-o", "missing/out.elf"), "in a folder that there is not"),
    ],
)
def test_wrong_usage_is_told_and_nothing_written(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = subprocess.run([sys.executable, TOOL, "-o", "out.elf", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode in (1, 2)
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())
