"""What ran inside one operator, out of a profile of all of them."""

from __future__ import annotations

import re
from dataclasses import replace

from instsim.errors import UsageError
from instsim.profile import BlockProfile, KernelRecord

__all__ = ["restrict_to_operator"]

_PLACE = re.compile(r"(?:m(?P<model>\d+):)?(?:(?P<subgraph>\d+)\.)?(?P<index>\d+)")
_SHOWN = 8
_INTERRUPTS = "(interrupts)"


def restrict_to_operator(profile: BlockProfile, text: str) -> tuple[BlockProfile, str]:
    """Return a profile of what ran in one operator, without the operators that it called.

    Parameters
    ----------
    profile : BlockProfile
        What ran in the region.
    text : str
        Its number as an estimate shows it: ``3``, ``0.3`` where there are several subgraphs, ``m1:3`` where there are several models;
        ``dispatch`` for what ran outside all operators, and the names of other rows that stand in brackets (``interrupts``).

    Returns
    -------
    tuple of (BlockProfile, str)
        Its only row is the operator's; and the operator in words.

    Raises
    ------
    UsageError
        If there is no such operator, or several.
    """
    text = text.strip()
    if text == "dispatch":
        return _row(profile, 0), "the dispatch between operators"
    named = [number for number, kernel in enumerate(profile.kernels) if kernel.name == f"({text})"]
    if named:
        return _row(profile, named[0] + 1), f"the {text}"
    match = _PLACE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no operator", hint="give its number as `instsim estimate` shows it, or `dispatch`")
    wanted = {name: int(value) for name, value in match.groupdict().items() if value is not None}
    found = [number for number, kernel in enumerate(profile.kernels) if all(_place(kernel, number)[name] == value for name, value in wanted.items())]
    if len(found) == 1:
        return _row(profile, found[0] + 1), _described(profile.kernels[found[0]], found[0])
    if found:
        raise UsageError(
            f"operator {text} may mean {len(found)} operators",
            details=tuple(_described(profile.kernels[number], number, whole=True) for number in found[:_SHOWN]),
            hint="give subgraph or model too, as in 0.3 or m1:3",
        )
    numbers = [
        kernel.name.strip("()") if kernel.name.startswith("(") else str(_place(kernel, n)["index"]) for n, kernel in enumerate(profile.kernels)
    ]
    known = f"operators: {', '.join(numbers[:40])}" if numbers else "no operator was found in the region"
    raise UsageError(f"no operator {text} ran in {profile.run.region}", hint=known)


def _place(kernel: KernelRecord, number: int) -> dict[str, int]:
    # Kernels of engines without a model in the image are counted in order of execution.
    return {"model": kernel.model, "subgraph": kernel.subgraph, "index": kernel.index if kernel.index >= 0 else number}


def _described(kernel: KernelRecord, number: int, *, whole: bool = False) -> str:
    place = _place(kernel, number)
    prefix = f"m{place['model']}:{place['subgraph']}." if whole else ""
    return f"operator {prefix}{place['index']} ({kernel.name})"


def _row(profile: BlockProfile, row: int) -> BlockProfile:
    rows = slice(row, row + 1)
    # Changes to handlers and back are charged to the interrupts' own row, or to what is outside of all where there is none.
    own = next((number for number, kernel in enumerate(profile.kernels, 1) if kernel.name == _INTERRUPTS), 0)
    run = profile.run if row == own else replace(profile.run, exceptions=())
    outcomes = profile.buffer_outcomes
    return replace(
        profile,
        executions=profile.executions[rows],
        fallthroughs=profile.fallthroughs[rows],
        buffer_outcomes=None if outcomes is None else outcomes[:, rows],
        run=run,
        memory=tuple(use.rows([row]) for use in profile.memory),
        crossings=tuple(replace(use, counts=use.counts[rows]) for use in profile.crossings),
        kernels=(),
    )
