"""From names to addresses: the region to measure and the kernels to follow."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from instsim.emulate import KernelWatch, RegionRequest, RegionRule
from instsim.emulate.serial import SerialScript
from instsim.errors import UsageError
from instsim.image import FirmwareImage, Symbol, demangle, resolve_function, short_name
from instsim.session.request import Request

__all__ = ["find_region", "find_watch", "place_address"]

_INVOKE = (
    "_ZN6tflite16MicroInterpreter6InvokeEv",
    "_ZN6tflite21MicroInterpreterGraph14InvokeSubgraphEi",
    "_ZN6tflite10MicroGraph14InvokeSubgraphEi",
)
"""The interpreter's loop in every era: ``Invoke`` itself, else (inlined by link-time optimisation) the subgraph's loop."""

_ENGINES = (
    (re.compile(r"tvmgen_\w+___tvm_main__|tvmgen_\w+_run"), ("tvmgen_*_fused_*",)),
    (re.compile(r"ai_\w+_run|stai_\w+_run"), ("forward_*",)),
    (re.compile(r"eml_net_predict"), ("eml_net_layer_forward",)),
    (re.compile(r"invoke"), ("convolve_*", "depthwise_*", "fully_connected*", "avg_pooling*", "add_fp*", "mat_mul*", "conv1x1_*")),
)
"""Entry points of engines without an interpreter, and the functions that are their kernels: microTVM, X-CUBE-AI, emlearn, TinyEngine."""


def find_region(image: FirmwareImage, request: Request, script: SerialScript | None = None) -> RegionRequest:
    """Decide what to measure.

    Parameters
    ----------
    image : FirmwareImage
        Its symbols.
    request : Request
        What the caller asked for.
    script : SerialScript, optional
        The serial dialogue, which may say where the region begins and ends.

    Returns
    -------
    RegionRequest
        The caller's region; else the dialogue's; else one call of the interpreter's ``Invoke`` or of another engine's entry; else the inference
        found by its kernels, with the whole run to fall back on.

    Raises
    ------
    UsageError
        If the options contradict each other.
    ImageError
        If a symbol is missing; near names are suggested.
    """
    if request.call < 1:
        raise UsageError(f"--call {request.call}: calls are counted from 1")
    if request.region is not None and (request.start is not None or request.end is not None):
        raise UsageError("--region and --from/--to name two different regions", hint="give one of them")
    if (request.start is None) != (request.end is None):
        raise UsageError("--from and --to belong together")
    if request.start is not None and request.end is not None:
        start, end = place_address(image, request.start), place_address(image, request.end)
        return RegionRequest(RegionRule.ADDRESSES, start, end, request.call, fall_back=False)
    if request.region == "all":
        return RegionRequest(RegionRule.WHOLE_RUN)
    if request.region is not None:
        symbol = resolve_function(image, request.region)
        return RegionRequest(RegionRule.SYMBOL, symbol.address, None, request.call, demangle(symbol.name), fall_back=False)
    if request.entry is not None:
        address = place_address(image, request.entry)
        named = next((f.name for f in image.functions if f.address == address), f"{address:#x}")
        return RegionRequest(RegionRule.SYMBOL, address, None, request.call, demangle(named), fall_back=False)
    if script is not None and script.marks_region:
        return RegionRequest(RegionRule.SERIAL, name=script.name, fall_back=False)
    first = request.call == 1
    for name in _INVOKE:
        found = image.symbol(name)
        if found is not None:
            return RegionRequest(RegionRule.INVOKE, found.address, None, request.call, demangle(found.name), fall_back=first)
    entry = _engine_entry(image)
    if entry is not None:
        return RegionRequest(RegionRule.INVOKE, entry[0].address, None, request.call, demangle(entry[0].name), fall_back=first)
    return RegionRequest(RegionRule.KERNELS, call=request.call, fall_back=first)


def find_watch(image: FirmwareImage, request: Request) -> KernelWatch:
    """Find the kernels that have to be followed by name.

    Raises
    ------
    ImageError
        If a dispatcher's symbol is missing.
    UsageError
        If a pattern matches no function.
    """
    dispatchers = []
    for name in request.dispatchers:
        symbol = resolve_function(image, name)
        dispatchers.append((symbol.address, symbol.address + max(symbol.size, 2)))
    patterns = request.kernels
    if not patterns and not dispatchers:
        entry = _engine_entry(image) if not any(image.symbol(name) for name in _INVOKE) else None
        patterns = entry[1] if entry else ()
    functions = []
    for pattern in patterns:
        named = [(f, short_name(f.name)) for f in image.functions]
        matching = [(f.address, short) for f, short in named if fnmatchcase(f.name, pattern) or fnmatchcase(short, pattern)]
        if not matching and request.kernels:
            raise UsageError(f"--kernels {pattern}: no function of {image.name} has such a name")
        functions += matching
    names = tuple((f.address, short_name(f.name)) for f in image.functions) if dispatchers else ()
    return KernelWatch(tuple(dict(functions).items()), tuple(dispatchers), names)


def _engine_entry(image: FirmwareImage) -> tuple[Symbol, tuple[str, ...]] | None:
    for pattern, kernels in _ENGINES:
        for function in image.functions:
            if pattern.fullmatch(function.name) and any(fnmatchcase(f.name, k) for f in image.functions for k in kernels):
                return function, kernels
    return None


def place_address(image: FirmwareImage, place: int | str) -> int:
    """Return the address that a number, or a function's symbol, means; the Thumb bit removed."""
    if isinstance(place, int):
        return place & ~1
    try:
        return int(place, 0) & ~1
    except ValueError:
        return resolve_function(image, place).address
