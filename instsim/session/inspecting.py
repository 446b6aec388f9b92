"""Inspect a firmware image: what its file tells, and, where it can be run, which operators it executes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from instsim.errors import ImageError, InstsimError
from instsim.image import FirmwareImage, load_image
from instsim.profile import BlockProfile, TensorShape, functions_of, is_profile
from instsim.session.board_fit import fit_problems
from instsim.session.choose import Target, choose_target
from instsim.session.facade import profile_for, with_settings
from instsim.session.inspection import (
    InspectedMemory,
    InspectedModel,
    InspectedOperator,
    InspectedRegion,
    InspectedSegment,
    InspectedVectors,
    Inspection,
    OperatorKind,
)
from instsim.session.regions import find_region
from instsim.session.request import Request
from instsim.session.settings import find_settings

__all__ = ["inspect_image"]


def inspect_image(firmware: str | Path | FirmwareImage, request: Request | None = None, *, run: bool = True) -> Inspection:
    """Say what an image is, and what an estimate would measure.

    Parameters
    ----------
    firmware : str, Path or FirmwareImage
        The image.
    request : Request, optional
        Board, core, region and budget, as for an estimate. A board that the image does not fit is shown with what is wrong.
    run : bool
        Run the image to find its operators. If that fails, the reason stands in ``run_problem``, and all else is there.

    Raises
    ------
    InstsimError
        If the image cannot be read, or the request names a board, core or function that does not exist.
    """
    request = request or Request()
    if not isinstance(firmware, FirmwareImage) and is_profile(Path(firmware)):
        raise ImageError(f"{firmware}: a saved profile, not a firmware image", hint="`instsim estimate` reads profiles")
    image = firmware if isinstance(firmware, FirmwareImage) else load_image(firmware, base=request.base)
    settings = find_settings(request.settings_folder)
    target = choose_target(image, replace(request, force=True), settings)
    request = with_settings(request, settings)
    problems = fit_problems(image, target.board)
    ran, run_problem = None, "not run, as asked for"
    region = _region(image, request)
    if run:
        ran, run_problem = _run(image, target, request, problems)
    return Inspection(
        name=image.name,
        format=image.format,
        sha256=image.sha256,
        isa=None if image.isa is None else image.isa.value,
        entry=image.entry,
        vectors=_vectors(image),
        attributes=dict(image.attributes),
        compilers=image.compilers,
        flash_bytes=image.flash_bytes,
        static_ram_bytes=image.static_ram_bytes,
        symbols=len(image.symbols),
        functions=len(image.functions),
        segments=_segments(image, target),
        sections=image.sections,
        board=target.choice,
        core=target.core.name,
        clock_hz=target.clock_hz,
        fit_problems=problems,
        memories=_memories(image, target),
        models=_models(image),
        region=region,
        notes=image.notes,
        run=None if ran is None else ran.run,
        run_problem=run_problem,
        operators=() if ran is None else _operators(ran),
    )


def _run(image: FirmwareImage, target: Target, request: Request, problems: tuple[str, ...]) -> tuple[BlockProfile | None, str]:
    if problems and not request.force:
        return None, f"not run: the image does not fit {target.board.name}"
    try:
        return profile_for(image, target, request), ""
    except InstsimError as error:
        return None, f"failed: {error}"


def _function_at(image: FirmwareImage, address: int) -> str:
    import numpy as np  # noqa: PLC0415 -- as late as the functions that want arrays

    found = functions_of(image, np.array([address], np.int64))
    return found[0].name if found else ""


def _vectors(image: FirmwareImage) -> InspectedVectors | None:
    if image.vector_table is None:
        return None
    reset = image.reset_vector
    name = _function_at(image, reset & ~1) if reset is not None else ""
    return InspectedVectors(image.vector_table, image.initial_stack_pointer, reset, name)


def _segments(image: FirmwareImage, target: Target) -> tuple[InspectedSegment, ...]:
    def memory(address: int) -> str:
        found = target.board.region_at(address)
        return found.name if found else ""

    return tuple(
        InspectedSegment(
            s.address,
            s.virtual_address,
            len(s.data),
            s.memory_size,
            f"r{'w' if s.writable else '-'}{'x' if s.executable else '-'}",
            memory(s.address),
            memory(s.virtual_address),
        )
        for s in image.segments
    )


def _occupied(image: FirmwareImage) -> Iterator[tuple[int, int]]:
    """Start and stop of everything the image takes, where it is loaded and where it runs."""
    for segment in image.segments:
        if segment.data:
            yield segment.address, segment.address + len(segment.data)
        yield segment.virtual_address, segment.virtual_address + segment.memory_size


def _memories(image: FirmwareImage, target: Target) -> tuple[InspectedMemory, ...]:
    occupied = tuple(_occupied(image))
    found = []
    for memory in target.board.memories:
        # Through whichever alias bytes are reached, they are the same bytes: count in offsets from the memory's start.
        parts = [
            (max(start, low) - low, min(stop, high) - low)
            for low, high in memory.ranges
            for start, stop in occupied
            if max(start, low) < min(stop, high)
        ]
        found.append(InspectedMemory(memory.name, memory.kind, memory.address, memory.size_bytes, memory.aliases, _union_bytes(parts)))
    return tuple(found)


def _union_bytes(ranges: Iterable[tuple[int, int]]) -> int:
    total = reached = 0
    for start, stop in sorted(ranges):
        total += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return total


def _models(image: FirmwareImage) -> tuple[InspectedModel, ...]:
    from instsim.model import find_models  # noqa: PLC0415 -- loads flatbuffers

    found = []
    for segment in image.segments:
        for model in find_models(segment.data, segment.address):
            description = model.description
            kinds: dict[str, tuple[int, int]] = {}
            for operator in description.operators:
                count, macs = kinds.get(operator.kind, (0, 0))
                kinds[operator.kind] = (count + 1, macs + operator.macs)
            ordered = sorted(kinds.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
            found.append(
                InspectedModel(
                    address=model.address,
                    size_bytes=description.size,
                    sha256=description.sha256,
                    description=description.description,
                    subgraphs=description.subgraphs,
                    operators=tuple(OperatorKind(kind, count, macs) for kind, (count, macs) in ordered),
                    macs=description.macs,
                    inputs=tuple(TensorShape(tensor.shape, tensor.dtype) for tensor in description.inputs),
                    outputs=tuple(TensorShape(tensor.shape, tensor.dtype) for tensor in description.outputs),
                )
            )
    return tuple(found)


def _region(image: FirmwareImage, request: Request) -> InspectedRegion:
    found = find_region(image, request)
    rule = found.rule.value
    name = found.name
    match rule:
        case "invoke":
            reason = "the image has this symbol, the entry of an inference engine"
        case "symbol":
            reason = "the region asked for"
        case "addresses":
            name, reason = "between two addresses", "the region asked for"
        case "whole-run":
            name, reason = "the whole run, from reset to the stop", "the region asked for"
        case _:
            name = "one inference, from its first operator to its last"
            stripped = "the image has no symbols" if not image.symbols else "no symbol of an inference engine was found"
            reason = f"{stripped}; operators are told while the image runs, and if there are none, the whole run is measured"
    return InspectedRegion(rule, name, found.entry, found.end, found.call, reason)


def _operators(ran: BlockProfile) -> tuple[InspectedOperator, ...]:
    names = {span.address: span.name for span in ran.functions}
    return tuple(
        InspectedOperator(
            name=kernel.name,
            model=kernel.model,
            subgraph=kernel.subgraph,
            index=kernel.index,
            executions=kernel.executions,
            parent=kernel.parent,
            inputs=kernel.inputs,
            outputs=kernel.outputs,
            macs=kernel.macs,
            kernel=names.get(kernel.kernel_address, f"{kernel.kernel_address:#010x}"),
            kernel_address=kernel.kernel_address,
        )
        for kernel in ran.kernels
    )
