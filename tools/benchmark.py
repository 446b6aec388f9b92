"""Speed of counting emulation and of the whole command beside QEMU's, on the same images in one run.

    python tools/benchmark.py IMAGE.elf [...] [--repeats 5]

Each image must run on the QEMU machine of its instruction set (``mps2-an386`` with code at 0, ``virt`` with code at 0x80000000) and leave by
semihosting. Both sides run interleaved; the least of the repeats counts. QEMU counts nothing; instsim counts every block.

Columns: instructions of the run; blocks per instruction; seconds of QEMU's process less an empty one's; seconds of instsim's emulation; their
ratio; seconds of QEMU's process and of ``instsim estimate IMAGE --region all``, warm; and the time the whole command may take,
2.5 x QEMU + 0.5 s. No figure here is asserted by a test.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from instsim.emulate import MachineSpec, MemoryKind, MemorySpec
from instsim.emulate.machine import Machine, StopReason
from instsim.emulate.observed import issued_instructions
from instsim.image import FirmwareImage, load_image
from instsim.isa import Isa

_SEMIHOSTING = ("-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native")
_QEMU = {
    Isa.THUMB: ("qemu-system-arm", "-M", "mps2-an386"),
    Isa.RV32: ("qemu-system-riscv32", "-M", "virt", "-bios", "none"),
}
_BOARDS = {Isa.THUMB: "generic-cortex-m4", Isa.RV32: "generic-rv32"}
_BUDGET_CYCLES = 10**12
_FACTOR, _ALLOWANCE_S = 2.5, 0.5


@dataclass(frozen=True)
class Row:
    """What one image gave; times in seconds."""

    name: str
    instructions: int
    blocks: int
    qemu_s: float
    qemu_empty_s: float
    emulation_s: float
    command_s: float


def _chip(isa: Isa) -> MachineSpec:
    if isa is Isa.THUMB:
        memories: tuple[MemorySpec, ...] = (MemorySpec("rom", MemoryKind.FLASH, 0, 4 << 20), MemorySpec("ram", MemoryKind.RAM, 0x20000000, 4 << 20))
        return MachineSpec("mps2-an386", isa, "cortex-m4", memories, ((0x40000000, 0x20000000), (0xE0000000, 0x100000)), 25e6)
    memories = (MemorySpec("dram", MemoryKind.RAM, 0x80000000, 128 << 20),)
    return MachineSpec("virt", isa, "rv32", memories, ((0x02000000, 0x10000), (0x10000000, 0x1000)), 25e6)


def _timed(command: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return time.perf_counter() - started, done.stdout + done.stderr


def _qemu(isa: Isa, path: Path) -> list[str]:
    return [*_QEMU[isa], *_SEMIHOSTING, "-kernel", str(path)]


def _emulate(image: FirmwareImage) -> tuple[float, Machine]:
    assert image.isa is not None
    machine = Machine(image, _chip(image.isa))
    started = time.perf_counter()
    stop = machine.run(_BUDGET_CYCLES)
    elapsed = time.perf_counter() - started
    if stop.reason is not StopReason.EXIT:
        raise SystemExit(f"{image.name}: {stop.reason}: {stop.message}")
    return elapsed, machine


def measure(path: Path, repeats: int) -> Row:
    """Run one image on both sides."""
    image = load_image(path)
    if image.isa is None or shutil.which(_QEMU[image.isa][0]) is None:
        raise SystemExit(f"{path}: no QEMU for it is installed")
    qemu, empty, emulation, command = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        report = [sys.executable, "-m", "instsim", "estimate", str(path), "--region", "all", "--board", _BOARDS[image.isa], "--no-cache"]
        report += ["-o", f"{folder}/report.txt"]
        _timed(report)
        for _ in range(repeats):
            empty.append(_timed([_QEMU[image.isa][0], "--version"])[0])
            seconds, printed = _timed(_qemu(image.isa, path))
            qemu.append(seconds)
            seconds, machine = _emulate(image)
            emulation.append(seconds)
            if machine.semihosting.text.strip() != printed.strip():
                raise SystemExit(f"{path}: QEMU and instsim print different texts")
            command.append(_timed(report)[0])
    counts = machine.counters.counts()[0]
    return Row(path.name, issued_instructions(machine), int(counts.sum()), min(qemu), min(empty), min(emulation), min(command))


def main() -> None:
    """Measure the images named on the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{'image':40} {'M instr':>8} {'blk/ins':>7} {'QEMU s':>7} {'emul s':>7} {'ratio':>6} {'whole QEMU':>10} {'command':>8} {'allowed':>8}")
    for path in options.images:
        row = measure(path, options.repeats)
        net = max(row.qemu_s - row.qemu_empty_s, 1e-3)
        allowed = _FACTOR * row.qemu_s + _ALLOWANCE_S
        print(
            f"{row.name[:40]:40} {row.instructions / 1e6:8.1f} {row.blocks / row.instructions:7.3f} {net:7.3f} {row.emulation_s:7.3f} "
            f"{row.emulation_s / net:6.2f} {row.qemu_s:10.3f} {row.command_s:8.3f} {allowed:8.3f}"
        )


if __name__ == "__main__":
    main()
