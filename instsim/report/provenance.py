"""What an estimate rests on, as text."""

from __future__ import annotations

from instsim.report.memory_stalls import percent
from instsim.report.parts import Facts, Lines, Part
from instsim.session.estimate import Estimate, Figure
from instsim.units import format_count

__all__ = ["clock_text", "provenance_parts"]

_DIGEST_CHARACTERS = 12

_RULES = {
    "invoke": "found by the interpreter's Invoke",
    "kernels": "found by the operators it ran",
    "symbol": "named by --region",
    "addresses": "named by --from and --to",
    "serial": "marked by the serial dialogue",
    "whole-run": "nothing else was found: everything the firmware did, start-up included",
}

_STOPS = {
    "region-done": "the region had ended",
    "exit": "the firmware exited",
    "budget": "the budget of cycles was used up",
    "deadlock": "the firmware waited for something that never comes",
    "idle": "the firmware came to rest: it waits, and only its timers wake it",
    "waiting": "the firmware waited in a loop for something that never comes",
    "fault": "the firmware faulted",
}


def clock_text(clock_hz: float) -> str:
    """Return a clock in megahertz with no zeros behind: ``120 MHz``."""
    return f"{clock_hz / 1e6:.6g} MHz"


def _digest(digest: str, *, whole: bool) -> str:
    return digest if whole else digest[:_DIGEST_CHARACTERS]


def _figure_source(name: str, figure: Figure) -> tuple[str, str]:
    return name, f"{figure.basis}: {figure.source}" if figure.source else figure.basis


def provenance_parts(estimate: Estimate, *, verbose: bool = False) -> tuple[Part, ...]:
    """Return the parts that say what the figures rest on.

    Parameters
    ----------
    estimate : Estimate
        The figures.
    verbose : bool
        With whole digests, build attributes and the firmware's output.
    """
    provenance, run, firmware = estimate.provenance, estimate.run, estimate.firmware
    shares = sorted(provenance.cycles_by_basis.items(), key=lambda item: (-item[1], item[0]))
    exit_code = f", exit code {run.exit_code}" if run.exit_code is not None else ""
    pairs = [
        ("core table", f"{provenance.core_title} ({provenance.core}, {_digest(provenance.core_digest, whole=verbose)})"),
        ("board file", f"{estimate.board.name} ({_digest(provenance.board_digest, whole=verbose)})"),
        ("clock", f"{clock_text(provenance.clock_hz)}, from {'the board' if provenance.clock_source == 'board' else '--clock'}"),
        ("supply", f"{provenance.supply_v:g} V" if provenance.supply_v else "not given by the board"),
        ("memory", provenance.memory),
        ("cycle costs", ", ".join(f"{percent(share)} {basis}" for basis, share in shares) or "none"),
        _figure_source("latency", estimate.latency),
        _figure_source("energy", estimate.energy),
        _figure_source("power", estimate.power),
        ("calibration", provenance.calibration or "none: figures are nominal"),
        ("region", f"{run.region} ({_RULES.get(run.region_rule, run.region_rule)})"),
        ("run", f"{format_count(run.total_instructions)} instructions from reset, then {_STOPS.get(run.stop_reason, run.stop_reason)}{exit_code}"),
    ]
    if run.executed_on:
        pairs.append(("emulated", f"as {run.executed_on}" + (f", memory map of {run.memory_map}" if run.memory_map else "")))
    if run.timer_reads:
        pairs.append(("timers", f"read {format_count(run.timer_reads)} times inside the region"))
    if run.polled:
        pairs.append(("polled", ", ".join(f"{address:#010x} ({format_count(reads)} reads)" for address, reads in run.polled)))
    pairs += [("compiler" if number == 0 else "", compiler) for number, compiler in enumerate(firmware.compilers)]
    pairs += [
        ("firmware", f"{firmware.name}, {firmware.format}, sha256 {_digest(firmware.sha256, whole=verbose)}"),
        ("instsim", provenance.instsim_version),
    ]
    parts: list[Part] = [Facts("What this rests on", tuple(pairs))]
    if verbose and firmware.attributes:
        parts.append(Facts("Build attributes", tuple(sorted(firmware.attributes.items()))))
    if verbose and run.output:
        parts.append(Lines(tuple(run.output.splitlines()), title="Output of the firmware", style="muted"))
    return tuple(parts)
