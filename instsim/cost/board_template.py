"""A commented starter file for a board of one's own."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

from instsim.cost.board import Board, DirectBoot, MemoryRegion
from instsim.cost.board_devices import DEVICE_MODELS, BoardDevice
from instsim.cost.boards import board_names, load_board
from instsim.errors import UsageError

__all__ = ["new_board"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")

_GENERAL_JOULES_PER_CYCLE = 290e-12
_GENERAL_LN_SD = 0.6
_LARGEST_DECIMAL = 9999
"""Numbers above are addresses and patterns of bits."""


def new_board(like: str, name: str) -> str:
    """Return the text of a board file to start from: core, memories and devices of a known board, with a comment on every field.

    Parameters
    ----------
    like : str
        Name or path of the board to start from.
    name : str
        Name of the new board: lower-case letters, digits, ``.``, ``-`` and ``_``.

    Returns
    -------
    str
        TOML, valid as it stands. Its energy prior is the general one, marked assumed: a figure measured on another board is no
        figure of this one.

    Raises
    ------
    UsageError
        If the name is not one, or is taken by a board that comes with instsim.
    TableError
        If `like` cannot be loaded.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a board", hint="use lower-case letters, digits, '.', '-' and '_', such as my-board")
    if name in board_names():
        raise UsageError(f"the name {name!r} is taken by a board that comes with instsim", hint="choose another, such as my-board")
    board = load_board(like)
    return "\n".join((*_head(board, name), *_operating_point(board), *_memory_map(board), *_devices(board), *_energy(board), *_identity())) + "\n"


def _text(value: str) -> str:
    # JSON's string escapes are all valid in TOML basic strings.
    return json.dumps(value, ensure_ascii=False)


def _number(value: int) -> str:
    digits = f"{value:X}"
    groups = [digits[max(0, end - 4) : end] for end in range(len(digits), 0, -4)]
    return "0x" + "_".join(reversed(groups))


def _address(value: int) -> str:
    return f"0x{value >> 16:04X}_{value & 0xFFFF:04X}"


def _comment(text: str) -> Iterator[str]:
    yield from (f"# {line}" for line in textwrap.wrap(text, 118))


def _head(board: Board, name: str) -> Iterator[str]:
    yield from _comment(
        f"Board {name}, started from {board.name} ({board.title}). Check it with `instsim tables check {name}.toml`, use it with "
        f"`instsim estimate firmware.elf --board {name}.toml`. Every figure has a basis (documented, measured, derived, assumed) and "
        "a source: a key of instsim's bibliography or of [sources] at the end of this file, then free text."
    )
    yield f"schema_version = {board.schema_version}"
    yield f"name = {_text(name)}"
    yield f"title = {_text(f'My board ({board.soc}, {board.core})')}"
    yield f"soc = {_text(board.soc)}"
    yield "# Name of a core table (`instsim cores`)."
    yield f"core = {_text(board.core)}"
    if board.is_riscv:
        yield "# Extensions the core executes; images that ask for others are refused."
        yield f"riscv_isa = {_text(board.riscv_isa)}"
    else:
        yield "# Floating-point unit: none, fpv4-sp (Cortex-M4), fpv5-sp or fpv5-dp (Cortex-M7, M33)."
        yield f"fpu = {_text(board.fpu)}"
    if board.priority_bits is not None:
        yield "# Bits of an interrupt's priority that the part has."
        yield f"priority_bits = {board.priority_bits}"
    yield from _memory_system(board)


def _memory_system(board: Board) -> Iterator[str]:
    yield from _comment(
        "Memory system: caches, wait states and what a miss costs, in terms of the memories named below; its name in `instsim boards`, or a path. "
        "Without this line every access costs nothing beyond the core's own cycles."
    )
    yield f"memory_system = {_text(board.memory_system)}"


def _operating_point(board: Board) -> Iterator[str]:
    clock, supply = board.clock, board.supply
    yield ""
    yield "# Core clock in hertz, as the firmware sets it up; --clock overrides default_hz."
    yield "[clock]"
    yield f"default_hz = {clock.default_hz:.10g}"
    yield f"minimum_hz = {clock.minimum_hz:.10g}"
    yield f"maximum_hz = {clock.maximum_hz:.10g}"
    yield f"basis = {_text(clock.basis)}"
    yield f"source = {_text(clock.source)}"
    yield ""
    yield from _comment(
        "Supply of the device in volts. regulator: 'ldo' if a linear regulator makes the core voltage (energy then follows the "
        "supply), 'switched' for a switched one, 'unknown'."
    )
    yield "[supply]"
    yield f"voltage_v = {supply.voltage_v:g}"
    yield f"minimum_v = {supply.minimum_v:g}"
    yield f"maximum_v = {supply.maximum_v:g}"
    yield f"regulator = {_text(supply.regulator)}"
    yield f"basis = {_text(supply.basis)}"
    yield f"source = {_text(supply.source)}"


def _direct_boot(direct: DirectBoot) -> Iterator[str]:
    yield ""
    yield from _comment("Images that hold these words are run by the boot ROM itself: they find the memories as this memory system has them.")
    yield "[boot.direct]"
    yield f"address = {_address(direct.address)}"
    yield f"words = [{', '.join(_address(word) for word in direct.words)}]"
    yield f"memory_system = {_text(direct.memory_system)}"
    yield f"basis = {_text(direct.basis)}"
    yield f"source = {_text(direct.source)}"


def _memory_map(board: Board) -> Iterator[str]:
    yield ""
    yield "# 'vector-table' for Cortex-M (where a table is looked for, the usual place first), 'elf-entry' for RISC-V."
    yield "[boot]"
    yield f"kind = {_text(board.boot.kind)}"
    if board.boot.stack_pointer is not None:
        yield f"stack_pointer = {_address(board.boot.stack_pointer)}"
    if board.boot.vector_tables:
        yield f"vector_tables = [{', '.join(_address(address) for address in board.boot.vector_tables)}]"
    if board.boot.direct is not None:
        yield from _direct_boot(board.boot.direct)
    yield ""
    yield from _comment(
        "One [[memory]] for each memory, sizes in bytes: kind flash, ram, rom, tcm, device, external-flash or external-ram. aliases: "
        "further addresses of the whole memory. The linker script of a project for the board has most of this."
    )
    for region in board.memories:
        yield from _memory(region)


def _devices(board: Board) -> Iterator[str]:
    yield "# Address ranges that hold device registers; memories inside them are listed above."
    for window in board.devices:
        yield "[[device]]"
        yield f"name = {_text(window.name)}"
        yield f"address = {_address(window.address)}"
        yield f"size_bytes = {_number(window.size_bytes)}"
        if window.mirror_of is not None:
            yield f"mirror_of = {_address(window.mirror_of)}"
        if window.atomic_aliases:
            yield "atomic_aliases = true"
        yield ""
    if board.models:
        yield from _comment(
            "Devices that are modelled: clocks, serial ports, timers and so on of the part. Registers that no model has read what was last written."
        )
    for device in board.models:
        yield from _device(device)


def _device(device: BoardDevice) -> Iterator[str]:
    yield "[[device]]"
    yield f"name = {_text(device.name)}"
    yield f"model = {_text(device.model)}"
    yield f"address = {_address(device.address)}"
    if device.size_bytes != DEVICE_MODELS[device.model].size_bytes:
        yield f"size_bytes = {_number(device.size_bytes)}"
    if device.irqs:
        yield f"irq = {device.irqs[0] if len(device.irqs) == 1 else list(device.irqs)}"
    for name, value in device.parameters:
        yield f"{name} = {_parameter(value)}"
    yield ""


def _parameter(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_parameter, value))}]"
    return f"0x{value:X}" if isinstance(value, int) and value > _LARGEST_DECIMAL else str(value)


def _memory(region: MemoryRegion) -> Iterator[str]:
    yield "[[memory]]"
    yield f"name = {_text(region.name)}"
    yield f"kind = {_text(region.kind)}"
    yield f"address = {_address(region.address)}"
    yield f"size_bytes = {_number(region.size_bytes)}"
    if region.aliases:
        yield f"aliases = [{', '.join(_address(alias) for alias in region.aliases)}]"
    if not region.executable:
        yield "executable = false"
    if region.ignores_stores:
        yield "ignores_stores = true"
    if region.contents:
        yield f"contents = {_text(region.contents)}"
    if region.wait_states is not None:
        wait = region.wait_states
        yield "# An access takes count + 1 cycles of clock_hz, the clock of the memory's bus. Change it with the clock."
        yield (
            f"wait_states = {{ count = {wait.count}, clock_hz = {wait.clock_hz:.10g}, basis = {_text(wait.basis)}, source = {_text(wait.source)} }}"
        )
    yield f"basis = {_text(region.basis)}"
    yield f"source = {_text(region.source)}"
    yield ""


def _energy(board: Board) -> Iterator[str]:
    yield from _comment(
        "Energy of a cycle before calibration. Without a figure keep this one. With a data-sheet current: current x supply / clock x "
        "1.65, ln_sd 0.39, basis 'derived'. Measured: energy of an inference / its cycles, ln_sd 0.15, basis 'measured'. "
        "More [[energy]] tables may follow for other clocks or supplies."
    )
    yield "[[energy]]"
    yield f"joules_per_cycle = {_GENERAL_JOULES_PER_CYCLE:g}"
    yield f"clock_hz = {board.clock.default_hz:.10g}"
    yield f"supply_v = {board.supply.voltage_v:g}"
    yield f"ln_sd = {_GENERAL_LN_SD:g}"
    yield 'basis = "assumed"'
    yield 'source = "instsim-energy-prior general prior"'
    yield 'derivation = "no measurement of this board yet"'


def _identity() -> Iterator[str]:
    yield ""
    yield "# Texts in an image that point at this board, the most telling first; they serve the guess when no board is named."
    yield "[identity]"
    yield "strings = []"
    yield ""
    yield "# Your own sources: a key that `source` fields start with."
    yield "[sources.my-notes]"
    yield 'title = "My own measurements and notes"'
