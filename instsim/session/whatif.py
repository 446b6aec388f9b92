"""What if: one run's cost at other clocks and wait states, and with parts of the image in other memories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from instsim.cost import Board
from instsim.cost.memory_settings import WAIT_STATES
from instsim.cost.memory_table import load_memory
from instsim.errors import UsageError
from instsim.image import FirmwareImage
from instsim.profile import BlockProfile, is_profile
from instsim.profile.block_profile import FirmwareFacts, RunFacts
from instsim.session.choose import Target, choose_target
from instsim.session.estimate import BoardChoice, EstimatedMemory, Provenance
from instsim.session.estimating import estimate_profile
from instsim.session.facade import load_firmware, profile_for, with_settings
from instsim.session.memories import Variant, estimated_memory, is_same_clock
from instsim.session.placing import Move, find_moves
from instsim.session.request import Request
from instsim.session.settings import find_settings

__all__ = ["AS_BUILT", "PlacedBytes", "WhatIf", "WhatIfRow", "whatif"]

AS_BUILT = "as built"
_MOST_ROWS = 64


@dataclass(frozen=True, slots=True)
class PlacedBytes:
    """One placement that was tried.

    Attributes
    ----------
    placement : str
        In words, as the rows name it.
    size_bytes : int
        Bytes moved.
    """

    placement: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WhatIfRow:
    """The region at one clock, with wait states and a placement. Changes are relative to the first row: 0.05 is 5 % more.

    Attributes
    ----------
    clock_hz : float
        Core clock.
    wait_states : int or None
        Wait states of the flash; None where it has none to set.
    wait_states_from : {'programmed', 'from the clock', 'given', ''}
        Who set them; empty without wait states.
    works : bool
        False where the wait states are too few for the clock: the real chip would fail.
    placement : str
        ``as built``, or what lies elsewhere: ``weights in sram1``.
    cycles : float
        Cycles of the region.
    stall_cycles, stall_share : float
        Those spent waiting for memory, and their share.
    latency_s, energy_j : float
        Cycles over clock; cycles times the energy of a cycle that the board's prior has at the clock.
    cycles_change, latency_change, energy_change : float
        Over the first row.
    memory : EstimatedMemory
        Stalls by memory and cause, settings.
    """

    clock_hz: float
    wait_states: int | None
    wait_states_from: str
    works: bool
    placement: str
    cycles: float
    stall_cycles: float
    stall_share: float
    latency_s: float
    energy_j: float
    cycles_change: float
    latency_change: float
    energy_change: float
    memory: EstimatedMemory


@dataclass(frozen=True)
class WhatIf:
    """One run on several memory systems.

    Attributes
    ----------
    firmware : FirmwareFacts
        The image.
    run : RunFacts
        How it ran.
    board : BoardChoice
        The board, and how it was chosen.
    provenance : Provenance
        What the figures of the first row rest on.
    instructions : int
        Issued instructions of the region, the same in every row.
    ideal_cycles : float
        Cycles of the region if it never waited for memory.
    rows : tuple of WhatIfRow
        The first one as the firmware is and sets itself up.
    placements : tuple of PlacedBytes
        What was moved.
    energy_source : str
        What the energies rest on.
    warnings : tuple of str
        Everything a reader should know before trusting the figures.
    """

    firmware: FirmwareFacts
    run: RunFacts
    board: BoardChoice
    provenance: Provenance
    instructions: int
    ideal_cycles: float
    rows: tuple[WhatIfRow, ...]
    placements: tuple[PlacedBytes, ...]
    energy_source: str
    warnings: tuple[str, ...] = ()


def whatif(
    firmware: str | Path | FirmwareImage,
    request: Request | None = None,
    *,
    clocks_hz: Sequence[float] = (),
    wait_states: Sequence[int] = (),
    moves: Sequence[str] = (),
) -> WhatIf:
    """Run a firmware once and price the region on several memory systems.

    Parameters
    ----------
    firmware : str, Path or FirmwareImage
        The image.
    request : Request, optional
        Board, region and all that an estimate takes; its clock is that of the first row.
    clocks_hz : sequence of float
        Core clocks to try; that of the first row if empty. Each gets the fewest wait states that the flash needs there.
    wait_states : sequence of int
        Wait states to try at each clock, instead.
    moves : sequence of str
        Placements to try, see `instsim.session.placing.find_moves`; each at every clock and wait state, beside the image as it was built.

    Raises
    ------
    UsageError
        If there is nothing to try, the board has no memory system, a clock is outside its table, or a placement is not possible.
    InstsimError
        Whatever an estimate may raise.
    """
    request = request or Request()
    if not (clocks_hz or wait_states or moves):
        raise UsageError("nothing to try", hint="give --clock, --wait-states or --move: instsim whatif firmware.elf --clock 40MHz,80MHz")
    if isinstance(firmware, (str, Path)) and is_profile(Path(firmware)):
        raise UsageError(f"{firmware} is a saved profile, which does not hold the accesses to memory", hint="give the image: it has to run again")
    if request.model is not None:
        raise UsageError("--model does not go with what-if questions", hint="estimate it with --model, once for each clock")
    settings = find_settings(request.settings_folder)
    request = with_settings(request, settings)
    image = firmware if isinstance(firmware, FirmwareImage) else load_firmware(firmware, request, settings)
    target = choose_target(image, request, settings)
    _check_board(target, request)
    placed = find_moves(image, target.board, moves)
    variants, names = _variants(target, clocks_hz, wait_states, placed)
    ran = profile_for(image, target, request, variants)
    return _priced(ran, target, request, placed, names)


def _check_board(target: Target, request: Request) -> None:
    if request.memory == "ideal":
        raise UsageError("ideal memories cost the same wherever things lie", hint="leave --memory ideal (or the settings' memory) out")
    if not target.board.memory_system:
        raise UsageError(
            f"the memories of {target.board.name} are not modelled, so nothing about them would change",
            hint="choose a board with a memory system: `instsim boards show BOARD` names it; docs/boards.md says how to write one",
        )
    if target.machine_board is not target.board:
        raise UsageError(
            f"the image runs in the memory map of {target.machine_board.name}, so the memories of {target.board.name} would see other addresses",
            hint=f"take an image that is linked for {target.board.name}",
        )


def _variants(
    target: Target, clocks_hz: Sequence[float], wait_states: Sequence[int], moves: Sequence[Move]
) -> tuple[tuple[Variant, ...], tuple[str, ...]]:
    """Return the memory systems behind the board's own, and the names of their placements."""
    clocks = list(dict.fromkeys(float(clock) for clock in clocks_hz)) or [target.clock_hz]
    waits: list[int | None] = list(dict.fromkeys(wait_states)) or [None]
    placements = list({move.text: (move.text, move.placement) for move in moves}.values())
    variants, names = [], []
    for clock, count, (name, placement) in product(clocks, waits, [(AS_BUILT, ()), *placements]):
        same_clock = is_same_clock(clock, target.clock_hz)
        if same_clock and count is None and not placement:
            continue  # the board's own
        overridden = not is_same_clock(clock, target.board.clock_hz)
        variants.append(Variant(target.clock_hz if same_clock else clock, overridden, count, placement))
        names.append(name)
    if len(variants) >= _MOST_ROWS:
        raise UsageError(
            f"{len(variants) + 1} memory systems in one run, at most {_MOST_ROWS} are possible", hint="ask with fewer clocks or placements"
        )
    return tuple(variants), (AS_BUILT, *names)


def _priced(ran: BlockProfile, target: Target, request: Request, moves: Sequence[Move], names: Sequence[str]) -> WhatIf:
    base = estimate_profile(ran, target, allow_unpriced=request.allow_unpriced)
    own = ran.memory[0]
    ideal = base.cycles - own.total_stall_cycles
    setting = _wait_state_setting(target.board)
    rows: list[WhatIfRow] = []
    warnings = [*base.warnings]
    for use, name in zip(ran.memory, names, strict=True):
        cycles = ideal + use.total_stall_cycles
        energy_j = cycles * target.energy_prior(use.clock_hz).joules_per_cycle
        latency_s = cycles / use.clock_hz
        first = rows[0] if rows else None
        text = use.settings.get(setting, "")
        count = int(text.split()[0]) if text else None
        rows.append(
            WhatIfRow(
                clock_hz=use.clock_hz,
                wait_states=count,
                wait_states_from=text.partition("(")[2].rstrip(")"),
                works=count is None or count >= (_needed(target.board, use.clock_hz) or 0),
                placement=name,
                cycles=cycles,
                stall_cycles=use.total_stall_cycles,
                stall_share=_ratio(use.total_stall_cycles, cycles),
                latency_s=latency_s,
                energy_j=energy_j,
                cycles_change=_ratio(cycles, first.cycles) - 1.0 if first else 0.0,
                latency_change=_ratio(latency_s, first.latency_s) - 1.0 if first else 0.0,
                energy_change=_ratio(energy_j, first.energy_j) - 1.0 if first else 0.0,
                memory=estimated_memory(use, cycles, target.board),
            )
        )
        warnings += use.warnings
        warnings += _clock_warnings(target.board, use.clock_hz)
    warnings += [warning for move in moves for warning in move.warnings]
    if ran.run.timer_reads and len({row.clock_hz for row in rows}) > 1:
        warnings.append("the region reads a clock, and ran with the time of the first row: at another clock it may take another path")
    return WhatIf(
        firmware=base.firmware,
        run=base.run,
        board=base.board,
        provenance=base.provenance,
        instructions=base.instructions,
        ideal_cycles=ideal,
        rows=tuple(rows),
        placements=tuple(PlacedBytes(move.text, move.size_bytes) for move in moves),
        energy_source=base.energy.source,
        warnings=tuple(dict.fromkeys((*warnings, *base.run.warnings))),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _wait_state_setting(board: Board) -> str:
    waits = load_memory(board.memory_system).wait_states
    return "" if waits is None else waits.setting or WAIT_STATES


def _needed(board: Board, clock_hz: float) -> int | None:
    waits = load_memory(board.memory_system).wait_states
    return None if waits is None else waits.default.wait_states_at(clock_hz / waits.core_clocks_per_bus_clock)


def _clock_warnings(board: Board, clock_hz: float) -> list[str]:
    if clock_hz <= board.clock.maximum_hz * 1.0001 or board.generic:
        return []
    return [f"{clock_hz / 1e6:g} MHz is above the {board.clock.maximum_hz / 1e6:g} MHz that {board.name} is made for"]
