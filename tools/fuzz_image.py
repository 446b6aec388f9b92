"""Load damaged firmware files and count what happens: only an image or an ImageError may come of it.

Usage: python tools/fuzz_image.py --count 100000 firmware_elf/elf/*.elf

Each input is one of the given files with bits flipped, cut short, with extreme values in header fields, or with blocks swapped. An input that
takes longer than the limit counts as a hang. Exits with 1 if anything but an image or an ImageError came out.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from instsim.errors import ImageError
from instsim.image import load_image

_EXTREMES = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF)
_NUMBER = re.compile(r"0x[0-9a-f]+|[\d,]*\d|for .*?;|b?'.*?'")
_ELF_HEADER_BYTES = 52
_TABLE_BYTES = {"program": 32, "section": 40}


class _Timeout(Exception):  # noqa: N818 -- raised by the alarm, not an error of the loader
    """An input took longer than the limit."""


def _flip_bits(data: bytearray, rng: random.Random) -> None:
    # Most of a file is code, where a flipped bit changes nothing for the loader: aim at the ends, where the headers are, half of the time.
    for _ in range(rng.choice((1, 2, 4, 16))):
        where = rng.choice((rng.randrange(min(256, len(data))), len(data) - 1 - rng.randrange(min(4096, len(data))), rng.randrange(len(data))))
        data[where] ^= 1 << rng.randrange(8)


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.choice((rng.randrange(len(data)), rng.randrange(min(128, len(data))), len(data) - 1 - rng.randrange(min(4096, len(data))))) :]


def _extreme_fields(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 3))):
        size = rng.choice((1, 2, 4))
        value = (rng.choice(_EXTREMES) & (1 << 8 * size) - 1).to_bytes(size, "little")
        where = _header_position(data, rng) if data[:4] == b"\x7fELF" and len(data) > _ELF_HEADER_BYTES else rng.randrange(len(data))
        where = min(where // size * size, max(0, len(data) - size))
        data[where : where + size] = value


def _header_position(data: bytearray, rng: random.Random) -> int:
    table = rng.choice(("elf", "program", "section", "section contents"))
    if table == "elf":
        return rng.randrange(16, _ELF_HEADER_BYTES)
    name = "program" if table == "program" else "section"
    pointer, count_at = (28, 44) if name == "program" else (32, 48)
    start = int.from_bytes(data[pointer : pointer + 4], "little")
    count = max(1, int.from_bytes(data[count_at : count_at + 2], "little"))
    entry = start + rng.randrange(min(count, 64)) * _TABLE_BYTES[name]
    if table == "section contents" and entry + 24 <= len(data):
        offset, size = (int.from_bytes(data[entry + at : entry + at + 4], "little") for at in (16, 20))
        return offset + rng.randrange(min(max(size, 1), 1024))
    return entry + rng.randrange(_TABLE_BYTES[name])


def _swap_blocks(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((4, 16, 32, 40, 256, 512))
    if len(data) < 2 * size:
        return
    first, second = (rng.randrange(0, len(data) - size + 1) for _ in range(2))
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]


_MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (_flip_bits, _truncate, _extreme_fields, _extreme_fields, _swap_blocks)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise _Timeout


def _outcome(path: Path, limit_s: float) -> tuple[str, str]:
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        load_image(path)
    except ImageError as error:
        str(error)
        return "ImageError", _NUMBER.sub("#", error.message.partition(": ")[2])[:70]
    except _Timeout:
        return "hang", traceback.format_exc()
    except Exception:  # noqa: BLE001 -- to find these is what this program is for
        return "exception", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "image", ""


def main() -> int:
    """Run the mutations and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", nargs="+", type=Path, help="files to damage")
    parser.add_argument("--count", type=int, default=10_000, help="inputs to try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=5.0, help="seconds allowed for one input")
    arguments = parser.parse_args()

    originals = [path.read_bytes() for path in arguments.images]
    signal.signal(signal.SIGALRM, _stop)
    outcomes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    slowest_s = 0.0
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        for number in range(arguments.count):
            rng = random.Random(f"{arguments.seed}/{number}")  # noqa: S311 -- repeatable, not secret
            data = bytearray(rng.choice(originals))
            for _ in range(rng.choice((1, 1, 2))):
                if data:
                    rng.choice(_MUTATIONS)(data, rng)
            path.write_bytes(data)
            before = time.perf_counter()
            outcome, detail = _outcome(path, arguments.limit)
            slowest_s = max(slowest_s, time.perf_counter() - before)
            outcomes[outcome] += 1
            if outcome == "ImageError":
                kinds[detail] += 1
            elif detail:
                print(f"input {number} (seed {arguments.seed}): {outcome}\n{detail}", file=sys.stderr)
    elapsed_s = time.perf_counter() - started

    print(f"{arguments.count:,} inputs from {len(originals)} files in {elapsed_s:.0f} s; slowest {slowest_s * 1e3:.0f} ms")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    for outcome, count in outcomes.most_common():
        print(f"  {count:9,}  {outcome}")
    for detail, count in kinds.most_common():
        print(f"  {count:9,}  refused: {detail}")
    return 1 if outcomes["hang"] or outcomes["exception"] else 0


if __name__ == "__main__":
    sys.exit(main())
