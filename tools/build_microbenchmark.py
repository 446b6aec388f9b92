r"""Build the microbenchmark for one board: linked to its memories, printing on one of its serial ports.

Usage::

    python tools/build_microbenchmark.py --board my-board.toml -o microbenchmark.elf                # prints by semihosting
    python tools/build_microbenchmark.py --board nucleo-l4r5zi --uart usart2 \
        --setup 0x4002104C=0x1 --setup 0x40021058=0x20000 ... -o microbenchmark.elf                 # prints on a serial port

A board file tells where memories and serial ports lie, not which pins lead out and what clocks them: registers that have to be written
first are given with ``--setup``, in order. Needs the cross compilers that ``tools/build_firmware.py`` needs.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from firmware_samples.microbenchmark import microbenchmark_recipe
from firmware_samples.recipe import CORES
from firmware_samples.toolchain import link_image

from instsim.cost import load_board
from instsim.cost.board import Board
from instsim.errors import InstsimError

_SOURCES = Path(__file__).resolve().parent.parent / "firmware_elf" / "src"

#: Model of a serial port in board files: offsets of status and data, the bit that says ready, and what switches it on (offset, value).
_PORTS = {
    "stm32-usart-v1": (0x00, 0x04, 0x80, (0x0C, 0x200C)),
    "stm32-usart-v2": (0x1C, 0x28, 0x80, (0x00, 0x000D)),
    "stm32-lpuart": (0x1C, 0x28, 0x80, (0x00, 0x000D)),
}


def _register_write(text: str) -> tuple[int, int]:
    """Return address and value of ``ADDRESS=VALUE``."""
    address, equals, value = text.partition("=")
    try:
        if equals:
            return int(address, 0), int(value, 0)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not ADDRESS=VALUE, as in 0x4002104C=0x1")


def _port_defines(board: Board, name: str, setup: list[tuple[int, int]]) -> tuple[str, ...]:
    ports = {device.name: device for device in board.models if device.model in _PORTS}
    if name not in ports:
        raise SystemExit(f"{board.name} has no serial port {name!r} that can be written here; it has: {', '.join(ports) or 'none'}")
    port = ports[name]
    status, data, ready, (control, enable) = _PORTS[port.model]
    writes = [*setup, (port.address + control, enable)]
    return (
        f"UART_STATUS={port.address + status:#x}",
        f"UART_DATA={port.address + data:#x}",
        f"UART_READY={ready:#x}",
        "UART_SETUP=" + ",".join(f"{{{address:#x}u,{value:#x}u}}" for address, value in writes),
    )


def main() -> int:
    """Read the command line and build the image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", required=True, help="name or file of the board")
    parser.add_argument("--core", choices=sorted(CORES), help="what to compile for; default: the board's core")
    parser.add_argument("--uart", metavar="NAME", help="serial port of the board file to print on, instead of semihosting")
    parser.add_argument(
        "--setup", action="append", type=_register_write, default=[], metavar="ADDRESS=VALUE", help="a register to write before printing"
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.setup and not arguments.uart:
        parser.error("--setup is for the serial port of --uart")
    if arguments.output.is_dir() or not arguments.output.parent.is_dir():
        parser.error(f"-o {arguments.output}: a folder, or in a folder that there is not")
    try:
        board = load_board(arguments.board)
    except InstsimError as error:
        raise SystemExit(str(error)) from error
    if arguments.core and CORES[arguments.core].name.startswith("rv") is not board.is_riscv:
        parser.error(f"--core {arguments.core}: {board.name} has a {board.core}")
    name = arguments.core or (board.core if board.core in CORES else "rv32imc" if board.is_riscv else "")
    if not name:
        raise SystemExit(f"no build for {board.core}: choose one with --core")
    flash = next((memory.address for memory in board.memories if "flash" in memory.kind), None)
    ram = max((memory for memory in board.memories if memory.kind == "ram" and memory.writable), key=lambda memory: memory.size_bytes, default=None)
    if flash is None or ram is None:
        raise SystemExit(f"{board.name}: no flash, or no RAM")
    defines = _port_defines(board, arguments.uart, arguments.setup) if arguments.uart else ()
    build = "esp32-c3" if board.core == "esp32-c3" else name
    if build == "esp32-c3":
        defines = (*defines, "MICROBENCHMARK_ESP32C3")
    recipe = replace(microbenchmark_recipe(name, build, defines), link_flags=(f"-Wl,--defsym=__ram_bytes={ram.size_bytes:#x}",))
    link_image(recipe, CORES[name], _SOURCES, arguments.output.resolve(), origins=(flash, ram.address))
    return 0


if __name__ == "__main__":
    sys.exit(main())
