"""How fast sweeps in a firmware are with one worker and with two, and what the machine allows.

    python tools/sweep_benchmark.py RUNNER BOARD MODELS [--repeats 3]

Three figures for one and for two, in turn, the best of the repeats: bare processes that do nothing but evaluate models (two at once share caches
and memory, on some machines a core: more than their ratio no scheduler can give); the evaluation in a sweep, as `instsim sweep` says it; and the
whole command, start and end included. On a machine of two cores nothing else should run. Bounds: 15,000 models of a keyword spotter's size an
hour and core; two workers 1.8 times one.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from instsim.session.request import Request
from instsim.sweep.evaluating import swap_plan
from instsim.sweep.models import find_models

_WARM_MODELS = 20


def _evaluate(runner: str, board: str, models: str) -> None:
    """Evaluate models once somebody says so, and print how many a second."""
    evaluator = swap_plan(runner, Request(board=board)).start()
    contents = [path.read_bytes() for path in find_models(models)]
    evaluator.run(contents[:_WARM_MODELS])
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.perf_counter()
    evaluator.run(contents)
    print(len(contents) / (time.perf_counter() - started))


def _bare(count: int, places: list[str]) -> float:
    """Return the models a second of so many processes at once."""
    command = [sys.executable, __file__, "--evaluate", *places]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in processes)


def _sweep(workers: int, runner: str, board: str, models: str) -> tuple[float, float]:
    """Return models a second while they are evaluated, and the seconds of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "instsim", "sweep", models, "--runner", runner, "--board", board, "--workers", str(workers)]
        started = time.perf_counter()
        done = subprocess.run([*command, "-o", str(Path(folder) / "r.csv")], capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - started
    said = re.search(r"([\d,]+) an hour", done.stderr)
    assert said is not None, done.stderr
    return float(said[1].replace(",", "")) / 3600, seconds


def main() -> int:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs=3, metavar=("RUNNER", "BOARD", "MODELS"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--evaluate", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.evaluate:
        _evaluate(*options.places)
        return 0
    bare: dict[int, float] = {}
    rates: dict[int, float] = {}
    seconds: dict[int, float] = {}
    for _ in range(options.repeats):
        for count in (1, 2):
            bare[count] = max(bare.get(count, 0.0), _bare(count, options.places))
            rate, whole = _sweep(count, *options.places)
            rates[count] = max(rates.get(count, 0.0), rate)
            seconds[count] = min(seconds.get(count, whole), whole)
    print(f"{'':34} {'one':>8} {'two':>8} {'ratio':>6}")
    print(f"{'bare processes, models/s':34} {bare[1]:8.1f} {bare[2]:8.1f} {bare[2] / bare[1]:6.2f}")
    print(f"{'evaluation in a sweep, models/s':34} {rates[1]:8.1f} {rates[2]:8.1f} {rates[2] / rates[1]:6.2f}")
    print(f"{'whole command, s':34} {seconds[1]:8.1f} {seconds[2]:8.1f} {seconds[1] / seconds[2]:6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
