"""The dialogue of EEMBC's runner with firmware of the MLPerf Tiny benchmark.

Commands and messages: github.com/eembc/energyrunner and github.com/mlcommons/tiny, ``benchmark/api/internally_implemented.cpp``. The firmware
prints ``m-ready`` when it waits for a command; commands end in ``%``. It marks an inference by its time (``m-lap-us-``) before and behind it,
or, where it is built for energy measurements, by a pulse on a pin.
"""

from __future__ import annotations

import random
import struct
from enum import StrEnum

from instsim.emulate.serial import RegionMark, SerialScript, SerialStep

__all__ = ["Benchmark", "eembc_script", "input_bytes", "random_input"]

_READY = r"m-ready"
_CHUNK_BYTES = 31
_SLOW_MS = 120_000.0
_PACE_US, _DELAY_US = 2.0, 50.0
"""Faster than any wire, so that little time goes by in loops that wait for a byte; each byte still waits for the one before."""


class Benchmark(StrEnum):
    """A benchmark of MLPerf Tiny."""

    KEYWORDS = "kws"
    IMAGES = "ic"
    WAKE_WORDS = "vww"
    ANOMALY = "ad"


_INPUT_BYTES = {Benchmark.KEYWORDS: 490, Benchmark.IMAGES: 3072, Benchmark.WAKE_WORDS: 27648, Benchmark.ANOMALY: 2560}


def input_bytes(benchmark: Benchmark) -> int:
    """Return the size of an input of a benchmark, as its runner's files hold it."""
    return _INPUT_BYTES[benchmark]


def random_input(benchmark: Benchmark, seed: int = 1) -> bytes:
    """Return an input of a benchmark's size: the same one for a seed; floats between -10 and 10 for anomaly detection, else any bytes."""
    source = random.Random(seed)  # noqa: S311 -- a reproducible input, no secret
    size = _INPUT_BYTES[benchmark]
    if benchmark is Benchmark.ANOMALY:
        return b"".join(struct.pack("<f", source.uniform(-10.0, 10.0)) for _ in range(size // 4))
    return bytes(source.randrange(256) for _ in range(size))


def eembc_script(data: bytes, iterations: int = 1) -> SerialScript:
    """Return the dialogue that loads an input and runs inferences, then asks for the results.

    Parameters
    ----------
    data : bytes
        The input, as the runner's files hold it.
    iterations : int
        Inferences between the two timestamps.
    """
    commands = ["name%", "profile%", "timestamp%", f"db load {len(data)}%"]
    commands += [f"db {data[start : start + _CHUNK_BYTES].hex()}%" for start in range(0, len(data), _CHUNK_BYTES)]
    commands.append(f"infer {iterations} 0%")
    steps = [SerialStep(_READY, command.encode(), _PACE_US, _DELAY_US) for command in commands]
    steps += [
        SerialStep(r"m-infer-start[^\n]*\n"),
        SerialStep(r"lap-us-\d+\r?\n", mark=RegionMark.START, pulse=True),
        SerialStep(r"[^\r\n]", mark=RegionMark.STOP, pulse=True, timeout_ms=_SLOW_MS),
        SerialStep(_READY, b"results%", _PACE_US, _DELAY_US),
        SerialStep(_READY),
    ]
    return SerialScript("eembc", tuple(steps))
