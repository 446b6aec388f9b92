"""One board in full: memory map, operating point and energy, every figure with basis and source."""

from __future__ import annotations

from instsim.cost.board import Board, EnergyPrior, MemoryRegion, energy_interval
from instsim.report.bibliography import sources_parts
from instsim.report.parts import Column, Facts, Lines, Part, Row, Table
from instsim.report.provenance import clock_text
from instsim.units import format_quantity

__all__ = ["board_parts"]

_LEVEL = 0.9
_BOOT = {"vector-table": "from a vector table", "elf-entry": "at the entry point of the ELF file"}


def board_parts(board: Board) -> tuple[Part, ...]:
    """Return the parts that show one board."""
    parts: list[Part] = [Facts(f"{board.title} ({board.name})", _facts(board))]
    if board.notes:
        parts.append(Lines(tuple(" ".join(paragraph.split()) for paragraph in board.notes.split("\n\n")), title="Notes"))
    parts += [_memories(board), *_devices(board), _energy(board), *_identity(board)]
    sources = [board.clock.source, board.supply.source, *(memory.source for memory in board.memories), *(prior.source for prior in board.energy)]
    sources += [memory.wait_states.source for memory in board.memories if memory.wait_states is not None]
    return (*parts, *sources_parts(sources))


def _facts(board: Board) -> tuple[tuple[str, str], ...]:
    clock, supply = board.clock, board.supply
    boot = _BOOT.get(board.boot.kind, board.boot.kind)
    if board.boot.vector_tables:
        boot += f", looked for at {', '.join(f'{address:#010x}' for address in board.boot.vector_tables)}"
    span = f"{clock_text(clock.default_hz)}, of {clock_text(clock.minimum_hz)} to {clock_text(clock.maximum_hz)}"
    volts = f"{supply.voltage_v:g} V, of {supply.minimum_v:g} V to {supply.maximum_v:g} V" if supply.voltage_v else "not given"
    return (
        ("part", board.soc),
        ("core", board.core),
        ("instruction set", board.riscv_isa) if board.riscv_isa else ("FPU", board.fpu),
        ("clock", f"{span}  {clock.basis}, {clock.source}"),
        ("supply", f"{volts}, regulator {supply.regulator}  {supply.basis}, {supply.source}"),
        ("start", boot),
        *_direct_boot(board),
        ("memory system", board.memory_system or "none: memories cost nothing beyond the core's own cycles"),
        ("stands for", "its core alone: no real board") if board.generic else ("stands for", "a real board"),
        ("file", f"{board.name}.toml, sha256 {board.digest}"),
    )


def _direct_boot(board: Board) -> tuple[tuple[str, str], ...]:
    direct = board.boot.direct
    if direct is None:
        return ()
    words = " ".join(f"{word:#010x}" for word in direct.words)
    return (("direct boot", f"by the boot ROM, of images with {words} at {direct.address:#010x}; memory system {direct.memory_system}"),)


def _memories(board: Board) -> Table:
    columns = (
        Column("memory", numeric=False, least_width=8, most_width=24),
        Column("kind", numeric=False),
        Column("address", numeric=False),
        Column("size"),
        Column("also at", numeric=False, least_width=10, importance=3),
        Column("code", numeric=False, importance=2),
        Column("wait states", numeric=False, importance=5),
        Column("basis", numeric=False, importance=6),
        Column("source", numeric=False, least_width=24, importance=4),
    )
    rows = []
    for memory in board.memories:
        cells = (
            memory.name,
            memory.kind,
            f"{memory.address:#010x}",
            f"{memory.size_bytes:,} B",
            ", ".join(f"{alias:#010x}" for alias in memory.aliases),
            "yes" if memory.executable else "no",
            _wait_states(memory),
            memory.basis,
            memory.source,
        )
        rows.append(Row(cells))
    return Table("Memories", columns, tuple(rows))


def _wait_states(memory: MemoryRegion) -> str:
    wait = memory.wait_states
    return "" if wait is None else f"{wait.count} at {clock_text(wait.clock_hz)}, {wait.basis}"


def _devices(board: Board) -> list[Part]:
    columns = (Column("devices", numeric=False, least_width=12), Column("address", numeric=False), Column("size"))
    rows = tuple(Row((device.name, f"{device.address:#010x}", f"{device.size_bytes:,} B")) for device in board.devices)
    return [Table("Device registers", columns, rows)] if rows else []


def _energy(board: Board) -> Table:
    columns = (
        Column("energy/cycle"),
        Column("interval (90%)", numeric=False, importance=6),
        Column("clock"),
        Column("supply", importance=5),
        Column("power", importance=3),
        Column("basis", numeric=False),
        Column("source", numeric=False, least_width=16, importance=4),
        Column("derivation", numeric=False, least_width=24, most_width=100, importance=2),
    )
    return Table("Energy before calibration", columns, tuple(Row(_prior(prior)) for prior in board.energy))


def _prior(prior: EnergyPrior) -> tuple[str, ...]:
    low, high = energy_interval(prior, _LEVEL)
    return (
        format_quantity(prior.joules_per_cycle, "J", 3),
        f"{format_quantity(low, 'J', 3)} to {format_quantity(high, 'J', 3)}",
        clock_text(prior.clock_hz),
        f"{prior.supply_v:g} V" if prior.supply_v else "",
        format_quantity(prior.power_w, "W", 3),
        prior.basis,
        prior.source,
        " ".join(prior.derivation.split()),
    )


def _identity(board: Board) -> list[Part]:
    pairs = (
        ("texts", ", ".join(repr(text) for text in board.strings)),
        ("registers", ", ".join(f"{address:#010x}" for address in board.registers)),
        ("UF2 families", ", ".join(board.uf2_families)),
        ("interrupts", str(board.interrupts or "")),
    )
    known = tuple((name, text) for name, text in pairs if text)
    return [Facts("Recognised in an image by", known)] if known else []
