"""An inspected image as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from instsim.report.json_report import plain
from instsim.report.names import cut_name, cut_shapes, operator_shapes, shape_text, short_title
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.report.provenance import clock_text
from instsim.session.inspection import Inspection
from instsim.units import format_bytes, format_count

__all__ = ["SCHEMA_VERSION", "inspection_document", "inspection_json", "inspection_parts"]

SCHEMA_VERSION = "1.0"
"""Of the JSON form, major.minor: the minor number rises when keys are added, the major one when a key goes or changes its meaning."""

_ISAS: Mapping[str | None, str] = MappingProxyType({"thumb": "Arm Thumb", "rv32": "RISC-V, 32 bits", None: "not stated by the file"})

_FORMATS: Mapping[str, str] = MappingProxyType({"elf": "ELF", "hex": "Intel HEX", "uf2": "UF2", "bin": "raw binary"})

_CHOSEN: Mapping[str, str] = MappingProxyType({"option": "from --board", "settings": "from the settings file", "guess": "guessed"})

_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "Tag_CPU_name": "processor",
        "Tag_CPU_arch": "architecture",
        "Tag_CPU_arch_profile": "profile",
        "Tag_THUMB_ISA_use": "Thumb",
        "Tag_FP_arch": "floating point",
        "Tag_ABI_HardFP_use": "floating-point precision",
        "Tag_ABI_VFP_args": "floating-point arguments",
        "e_flags_float_abi": "floating-point ABI",
        "Tag_DSP_extension": "DSP extension",
        "Tag_MVE_arch": "vector extension",
        "Tag_CPU_unaligned_access": "unaligned access",
        "Tag_ABI_optimization_goals": "optimised for",
        "Tag_RISCV_arch": "ISA string",
        "Tag_RISCV_stack_align": "stack alignment",
        "Tag_RISCV_unaligned_access": "unaligned access",
        "e_flags_rvc": "compressed instructions",
    }
)
"""Attributes that say what the image needs, by readable names; the others follow in one line."""


def inspection_document(inspection: Inspection) -> dict[str, Any]:
    """Return an inspection as what JSON can hold, ``schema_version`` first."""
    return {"schema_version": SCHEMA_VERSION, **plain(inspection)}


def inspection_json(inspection: Inspection) -> str:
    """Return an inspection as JSON text, byte for byte the same for equal inspections."""
    return json.dumps(inspection_document(inspection), indent=2, allow_nan=False) + "\n"


def inspection_parts(inspection: Inspection) -> tuple[Part, ...]:
    """Return the parts of an inspection's report: the image, its memory, its models, and what would be measured."""
    parts: list[Part] = [
        Heading(inspection.name, _FORMATS.get(inspection.format, inspection.format)),
        _image(inspection),
    ]
    parts += _attributes(inspection)
    parts += [_segments(inspection), *_sections(inspection), _board(inspection), _memories(inspection)]
    parts += [*_models(inspection), _region(inspection), *_operators(inspection)]
    warnings = (*inspection.notes, *(inspection.run.warnings if inspection.run else ()))
    if warnings:
        parts.append(Lines(warnings, title="Notes", style="warning", bullet="! "))
    return tuple(parts)


def _image(inspection: Inspection) -> Facts:
    vectors = inspection.vectors
    pairs = [
        ("instruction set", _ISAS[inspection.isa]),
        ("entry", "none" if inspection.entry is None else f"{inspection.entry:#010x}"),
    ]
    if vectors is not None:
        pairs.append(("vector table", f"{vectors.address:#010x}"))
        if vectors.initial_stack_pointer is not None:
            pairs.append(("initial stack pointer", f"{vectors.initial_stack_pointer:#010x}"))
        if vectors.reset_vector is not None:
            pairs.append(("reset vector", f"{vectors.reset_vector:#010x}" + (f", {vectors.reset_function}" if vectors.reset_function else "")))
    elif inspection.isa != "rv32":
        pairs.append(("vector table", "none found"))
    pairs.append(("flash", format_bytes(inspection.flash_bytes)))
    pairs.append(("static RAM", format_bytes(inspection.static_ram_bytes)))
    symbols = f"{format_count(inspection.symbols)}, of them {format_count(inspection.functions)} functions"
    pairs.append(("symbols", symbols if inspection.symbols else "none: the image is stripped, or its format has none"))
    pairs += [("" if number else "compiler", text) for number, text in enumerate(inspection.compilers or ("not named in the image",))]
    pairs.append(("sha256", inspection.sha256))
    return Facts("Image", tuple(pairs))


def _attributes(inspection: Inspection) -> list[Part]:
    known = [(label, inspection.attributes[tag]) for tag, label in _ATTRIBUTES.items() if tag in inspection.attributes]
    others = [f"{tag} {value}" for tag, value in sorted(inspection.attributes.items()) if tag not in _ATTRIBUTES]
    pairs = [*known, *([("others", ", ".join(others))] if others else [])]
    return [Facts("Build attributes", tuple(pairs))] if pairs else []


def _segments(inspection: Inspection) -> Table:
    columns = (
        Column("#"),
        Column("load address", numeric=False),
        Column("run address", numeric=False),
        Column("in the file"),
        Column("in memory"),
        Column("flags", numeric=False, importance=5),
        Column("where", numeric=False, importance=4),
    )
    rows = []
    for number, segment in enumerate(inspection.segments):
        load, run = segment.load_memory or "no memory", segment.run_memory or "no memory"
        rows.append(
            Row(
                (
                    str(number),
                    f"{segment.load_address:#010x}",
                    f"{segment.run_address:#010x}",
                    f"{segment.file_bytes:,} B",
                    f"{segment.memory_bytes:,} B",
                    segment.flags,
                    load if load == run else f"{load}, runs in {run}",
                )
            )
        )
    return Table("Segments", columns, tuple(rows))


def _sections(inspection: Inspection) -> list[Part]:
    columns = (
        Column("section", numeric=False, least_width=12, most_width=40),
        Column("address", numeric=False),
        Column("load address", numeric=False, importance=4),
        Column("size"),
        Column("flags", numeric=False, importance=5),
    )
    rows = tuple(
        Row(
            (
                section.name,
                f"{section.address:#010x}",
                f"{section.load_address:#010x}" if section.has_bytes else "",
                f"{section.size:,} B",
                f"r{'w' if section.writable else '-'}{'x' if section.executable else '-'}",
            )
        )
        for section in inspection.sections
    )
    return [Table("Sections", columns, rows)] if rows else []


def _board(inspection: Inspection) -> Facts:
    board = inspection.board
    pairs = [("board", f"{short_title(board.title)} ({board.name}), {_CHOSEN.get(board.chosen_by, board.chosen_by)}")]
    pairs.append(("core", f"{inspection.core} at {clock_text(inspection.clock_hz)}"))
    pairs += [("" if number else "because", reason) for number, reason in enumerate(board.reasons)]
    pairs += [("" if number else "but", doubt) for number, doubt in enumerate(board.doubts)]
    if board.chosen_by == "guess":
        pairs.append(("also fits", ", ".join(board.candidates) or "no other board"))
    pairs += [("" if number else "does not fit", problem) for number, problem in enumerate(inspection.fit_problems)]
    return Facts("Board", tuple(pairs), style="warning" if inspection.fit_problems else "")


def _memories(inspection: Inspection) -> Table:
    columns = (
        Column("memory", numeric=False, least_width=8, most_width=24),
        Column("kind", numeric=False, importance=4),
        Column("address", numeric=False),
        Column("size"),
        Column("used"),
        Column("full"),
        Column("also at", numeric=False, least_width=10, importance=2),
    )
    rows = tuple(
        Row(
            (
                memory.name,
                memory.kind,
                f"{memory.address:#010x}",
                f"{memory.size_bytes:,} B",
                f"{memory.used_bytes:,} B",
                f"{100 * memory.used_bytes / memory.size_bytes:.1f}%",
                ", ".join(f"{alias:#010x}" for alias in memory.aliases),
            ),
            "" if memory.used_bytes else "muted",
        )
        for memory in inspection.memories
    )
    note = "Used: what the image loads and reserves; stack and heap count as far as the linker reserved room for them."
    return Table("Memory map", columns, rows, notes=(note,))


def _models(inspection: Inspection) -> list[Part]:
    if not inspection.models:
        return [Lines(("No TensorFlow Lite model was found in the image.",), title="Models", style="muted")]
    parts: list[Part] = []
    for number, model in enumerate(inspection.models):
        pairs = [
            ("address", f"{model.address:#010x}"),
            ("size", format_bytes(model.size_bytes)),
            ("MACs", format_count(model.macs)),
            ("inputs", ", ".join(f"{shape_text(t.shape, batch=True)} {t.dtype}" for t in model.inputs) or "none"),
            ("outputs", ", ".join(f"{shape_text(t.shape, batch=True)} {t.dtype}" for t in model.outputs) or "none"),
        ]
        if model.subgraphs != 1:
            pairs.append(("subgraphs", str(model.subgraphs)))
        if model.description:
            pairs.append(("description", model.description))
        pairs.append(("sha256", model.sha256))
        parts.append(Facts(f"Model {number}", tuple(pairs)))
        columns = (Column("operator", numeric=False, least_width=17, most_width=40), Column("count"), Column("MACs"))
        rows = tuple(Row((item.kind, str(item.count), format_count(item.macs) if item.macs else "")) for item in model.operators)
        total = Row(("total", str(sum(item.count for item in model.operators)), format_count(model.macs)), "strong")
        parts.append(Table(f"Operators of model {number}", columns, rows, (total,)))
    return parts


def _region(inspection: Inspection) -> Facts:
    region, run = inspection.region, inspection.run
    place = "" if region.address is None else f" at {region.address:#010x}"
    if region.end is not None:
        place = f" {region.address:#010x} and {region.end:#010x}"
    named = region.rule in {"invoke", "symbol"}
    pairs = [("region", f"call {region.call} of {region.name}{place}" if named else f"{region.name}{place}"), ("because", region.reason)]
    if run is None:
        pairs += [("" if number else "run", line.strip()) for number, line in enumerate(inspection.run_problem.split("\n"))]
        return Facts("What is measured", tuple(pairs))
    pairs.append(("measured", run.region))
    if run.stack_high_water_bytes is not None:
        pairs.append(("stack, most", format_bytes(run.stack_high_water_bytes)))
    if run.arena_used_bytes is not None:
        size = f" of {format_bytes(run.arena_size_bytes)}" if run.arena_size_bytes else ""
        pairs.append(("tensor arena used", f"{format_bytes(run.arena_used_bytes)}{size}"))
    return Facts("What is measured", tuple(pairs))


def _operators(inspection: Inspection) -> list[Part]:
    if inspection.run is None:
        return []
    if not inspection.operators:
        return [Lines(("No operator was found in the region.",), title="Operators that ran", style="muted")]
    columns = (
        Column("#"),
        Column("operator", numeric=False, least_width=17, most_width=40),
        Column("runs", importance=3),
        Column("shapes", numeric=False, least_width=20, most_width=44, importance=5, cut=cut_shapes),
        Column("MACs", importance=6),
        Column("kernel", numeric=False, least_width=20, most_width=60, importance=4, cut=cut_name),
    )
    models = len({operator.model for operator in inspection.operators}) > 1
    subgraphs = len({operator.subgraph for operator in inspection.operators}) > 1
    rows = []
    for number, operator in enumerate(inspection.operators):
        place = (f"m{operator.model}:" if models else "") + (f"{operator.subgraph}." if subgraphs else "") + str(operator.index)
        rows.append(
            Row(
                (
                    place if operator.index >= 0 else str(number),
                    "  " * _depth(inspection, number) + operator.name,
                    str(operator.executions),
                    operator_shapes(operator.name, operator.inputs, operator.outputs),
                    format_count(operator.macs) if operator.macs else "",
                    operator.kernel,
                )
            )
        )
    return [Table("Operators that ran", columns, tuple(rows))]


def _depth(inspection: Inspection, number: int) -> int:
    depth = 0
    while 0 <= (number := inspection.operators[number].parent) < len(inspection.operators) and depth < len(inspection.operators):
        depth += 1
    return depth
