"""The call tree in the formats of other programs: speedscope, KCachegrind and flame graph tools. Weights are cycles, rounded to whole ones.

Formats: speedscope's ``file-format-schema.json`` (jlfwong/speedscope), Valgrind's manual, "Callgrind Format Specification", and the folded
stacks of brendangregg/FlameGraph (``stackcollapse``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from instsim.errors import UsageError
from instsim.report.parts import printable
from instsim.session.estimate import Estimate, EstimatedCall

__all__ = ["render_callgrind", "render_folded", "render_speedscope"]

_SPEEDSCOPE_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def _calls(estimate: Estimate) -> tuple[EstimatedCall, ...]:
    if not estimate.calls:
        raise UsageError("there is no call tree to export", hint="run the image with --call-stacks; a saved profile has one if it was made with it")
    return estimate.calls


def _whole_cycles(calls: Sequence[EstimatedCall]) -> list[int]:
    """Round exclusive cycles so that they sum to the rounded total: what is lost at one node is made up at the next."""
    rounded, before, exact = [], 0, 0.0
    for call in calls:
        exact += call.cycles
        rounded.append(max(0, round(exact) - before))
        before += rounded[-1]
    return rounded


def render_folded(estimate: Estimate) -> str:
    """Return folded stacks: a line for each node that spent cycles, functions from the root joined by semicolons, then its own cycles.

    Raises
    ------
    UsageError
        If the estimate holds no call tree.
    """
    calls = _calls(estimate)
    stacks: list[str] = []
    lines = []
    for call, cycles in zip(calls, _whole_cycles(calls), strict=True):
        name = printable(call.name).replace(";", ":")
        stacks.append(f"{stacks[call.parent]};{name}" if call.parent >= 0 else name)
        if cycles:
            lines.append(f"{stacks[-1]} {cycles}\n")
    return "".join(lines)


def render_speedscope(estimate: Estimate) -> str:
    """Return a speedscope file with one sampled profile: each sample is a stack of the call tree, its weight the cycles spent there.

    Raises
    ------
    UsageError
        If the estimate holds no call tree.
    """
    calls = _calls(estimate)
    frames: dict[tuple[str, int], int] = {}
    stacks: list[list[int]] = []
    samples, weights = [], []
    for call, cycles in zip(calls, _whole_cycles(calls), strict=True):
        frame = frames.setdefault((call.name, call.address), len(frames))
        stacks.append([*(stacks[call.parent] if call.parent >= 0 else ()), frame])
        if cycles:
            samples.append(stacks[-1])
            weights.append(cycles)
    name = f"{estimate.firmware.name} on {estimate.board.name}"
    document = {
        "$schema": _SPEEDSCOPE_SCHEMA,
        "version": "0.0.1",
        "name": name,
        "exporter": f"instsim {estimate.provenance.instsim_version}",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": function} for function, _ in frames]},
        "profiles": [
            {
                "type": "sampled",
                "name": f"{name}, cycles",
                "unit": "none",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def render_callgrind(estimate: Estimate) -> str:
    """Return a Callgrind profile: cycles of each function, and for each caller and callee the calls and their inclusive cycles.

    Lines of source are not known: all costs stand at line 0.

    Raises
    ------
    UsageError
        If the estimate holds no call tree.
    """
    calls = _calls(estimate)
    own = _whole_cycles(calls)
    inclusive = list(own)
    for place in range(len(calls) - 1, -1, -1):
        if calls[place].parent >= 0:
            inclusive[calls[place].parent] += inclusive[place]
    places: dict[tuple[str, int], int] = {}
    costs: dict[int, int] = {}
    edges: dict[int, dict[int, tuple[int, int]]] = {}
    functions = [places.setdefault((call.name, call.address), len(places) + 1) for call in calls]
    for place, call in enumerate(calls):
        costs[functions[place]] = costs.get(functions[place], 0) + own[place]
        if call.parent >= 0:
            targets = edges.setdefault(functions[call.parent], {})
            times, cycles = targets.get(functions[place], (0, 0))
            targets[functions[place]] = times + max(1, call.calls), cycles + inclusive[place]
    names = {number: _callgrind_name(*key, places) for key, number in places.items()}
    lines = [
        "# callgrind format",
        "version: 1",
        f"creator: instsim {printable(estimate.provenance.instsim_version)}",
        f"cmd: {printable(estimate.firmware.name)}",
        f"desc: Trigger: {printable(estimate.run.region)}",
        "positions: line",
        "events: Cycles",
        f"summary: {sum(own)}",
        "",
        "fl=(1) ???",
    ]
    written: set[int] = set()

    def named(number: int) -> str:
        if number in written:
            return f"({number})"
        written.add(number)
        return f"({number}) {names[number]}"

    for number in places.values():
        lines += [f"fn={named(number)}", f"0 {costs[number]}"]
        for target, (times, cycles) in edges.get(number, {}).items():
            lines += [f"cfn={named(target)}", f"calls={times} 0", f"0 {cycles}"]
        lines.append("")
    lines.append(f"totals: {sum(own)}")
    return "\n".join(lines) + "\n"


def _callgrind_name(name: str, address: int, places: dict[tuple[str, int], int]) -> str:
    shared = sum(other == name for other, _ in places) > 1
    return printable(f"{name} at {address:#010x}" if shared else name)
