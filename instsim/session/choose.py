"""Which board and core an answer is for: the option, else the settings, else a guess."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from instsim.cost import Board, CoreTable, EnergyPrior, list_boards, load_board, load_core
from instsim.cost.memory_table import load_memory
from instsim.errors import ImageError, UsageError
from instsim.image import FirmwareImage
from instsim.resources import cost_tables
from instsim.session.board_fit import fit_problems, fitting_boards
from instsim.session.estimate import BoardChoice
from instsim.session.guess import guess_board
from instsim.session.request import Request
from instsim.session.settings import Settings

__all__ = ["Target", "choose_target", "named_board"]

_CLOCK_RANGE_HZ = (1e3, 1e10)
_OTHER_CORE_SPREAD = 0.6
"""Spread of the energy of a cycle, as a logarithm, where nobody has measured the core: that of the generic boards."""


@dataclass(frozen=True)
class Target:
    """The operating point an answer is for.

    Attributes
    ----------
    board, core : Board, CoreTable
        Tables in force.
    machine_board : Board
        Board whose memory map the image runs in.
    choice : BoardChoice
        Who chose the board and why.
    clock_hz : float
        Core clock.
    clock_source : str
        ``board``, ``settings`` or ``option``.
    warnings : tuple of str
        What does not fit.
    is_foreign_core : bool
        Whether the board has another core than `core`: what is known of boards does not hold for the two together.
    """

    board: Board
    core: CoreTable
    machine_board: Board
    choice: BoardChoice
    clock_hz: float
    clock_source: str
    warnings: tuple[str, ...] = ()
    is_foreign_core: bool = False

    def energy_prior(self, clock_hz: float | None = None) -> EnergyPrior:
        """Return the board's energy of a cycle, at the target's clock or another one; wider for a core that the board does not have."""
        prior = self.board.energy_prior(clock_hz or self.clock_hz)
        if not self.is_foreign_core:
            return prior
        derivation = f"{prior.derivation}; of the {self.board.core} that the board has, used for {self.core.name}"
        return replace(prior, basis="assumed", ln_sd=math.hypot(prior.ln_sd, _OTHER_CORE_SPREAD), derivation=derivation)


def choose_target(image: FirmwareImage | None, request: Request, settings: Settings, fallback: str | None = None) -> Target:
    """Settle board, core and clock.

    Parameters
    ----------
    image : FirmwareImage or None
        Needed for a guess, and to check that it fits; None for a saved profile.
    request : Request
        Options win over settings, settings over the guess.
    settings : Settings
        The project's defaults.
    fallback : str, optional
        Board to take instead of a guess where there is no image.

    Raises
    ------
    UsageError
        If board, core or clock do not exist or do not go together.
    ImageError
        If the image does not fit the board that was asked for.
    """
    named = request.board or settings.board
    warnings: list[str] = []
    if named is not None:
        try:
            board = load_board(named)
        except UsageError as error:
            raise error if request.board else UsageError(f"{settings.path}: {error.message}", hint=error.hint) from error
        choice = BoardChoice(board.name, board.title, request.board_chosen_by if request.board else "settings")
        problems = fit_problems(image, board) if image is not None and request.run_on is None else ()
        if problems and image is not None:
            if not request.force:
                fitting = fitting_boards(image, list_boards())
                known = f"boards it fits: {', '.join(fitting)}" if fitting else "it fits no board that comes with instsim, see 'instsim boards new'"
                hint = f"{known}; --force runs it all the same"
                raise ImageError(f"{image.name} does not fit {board.name}", hint=hint, details=problems)
            warnings += problems
    elif image is not None:
        choice = guess_board(image, list_boards())
        board = load_board(choice.name)
        warnings += fit_problems(image, board)
        warnings += _other_chip(choice, board)
    else:
        board = load_board(fallback or "")
        choice = BoardChoice(board.name, board.title, "profile")
    if image is not None and request.run_on is None:
        board, told = _as_booted(board, image)
        warnings += told
    core = load_core(request.core or settings.core or board.core)
    if image is not None and image.isa is not None and core.isa is not image.isa:
        raise UsageError(f"{image.name} is {image.isa} code, the core table {core.name} is for {core.isa}", hint="choose another --core or --board")
    is_foreign = core.name != board.core and _is_other_core(core, load_core(board.core), board)
    if is_foreign:
        warnings.append(
            f"{board.name} has the core {board.core}, not {core.name}: cycles are those of {core.name}, "
            "no interval of latency is known for such a chip, and its energy is a guess"
        )
    clock_hz, source = board.clock_hz, "board"
    for value, origin in ((settings.clock_hz, "settings"), (request.clock_hz, "option")):
        if value is not None:
            clock_hz, source = float(value), origin
    if not _CLOCK_RANGE_HZ[0] <= clock_hz <= _CLOCK_RANGE_HZ[1]:
        raise UsageError(f"a clock of {clock_hz:g} Hz makes no sense", hint="give it in hertz or with a unit: --clock 80MHz")
    if clock_hz > board.clock.maximum_hz * 1.0001 and not board.generic:
        warnings.append(f"{clock_hz / 1e6:g} MHz is above the {board.clock.maximum_hz / 1e6:g} MHz that {board.name} is made for")
    return Target(board, core, load_board(request.run_on) if request.run_on else board, choice, clock_hz, source, tuple(warnings), is_foreign)


def _is_other_core(core: CoreTable, own: CoreTable, board: Board) -> bool:
    """Whether a core table is not of the core that a board has; generic boards have any.

    A table that comes with instsim under another name is of another core; one of the user's own may be the board's core measured anew.

    Raises
    ------
    UsageError
        If it is of another instruction set.
    """
    if core.isa is not own.isa:
        hint = "leave --core out, or choose a board with such a core: 'instsim boards' lists them"
        raise UsageError(f"{board.name} has a {own.isa} core ({own.name}), the core table {core.name} is for {core.isa}", hint=hint)
    comes_along = core.path.parent == cost_tables() / "cores"
    return not board.generic and (comes_along or (core.pipeline, core.emulated_cpu) != (own.pipeline, own.emulated_cpu))


def named_board(request: Request, settings: Settings, what: str) -> str:
    """Return the board that the request or the settings name, for what cannot be had of a guess.

    Raises
    ------
    UsageError
        If neither names one.
    """
    named = request.board or settings.board
    if named is None:
        raise UsageError(f"{what} belongs to a board", hint="--board NAME, or the path of your board file")
    return named


def _as_booted(board: Board, image: FirmwareImage) -> tuple[Board, tuple[str, ...]]:
    """Return the board as an image finds it, and what to say if that is not as boot loaders leave it."""
    direct = board.boot.direct
    if direct is None or image.read(direct.address, 4 * len(direct.words)) != b"".join(word.to_bytes(4, "little") for word in direct.words):
        return board, ()
    title = load_memory(direct.memory_system).title
    text = (
        f"the boot ROM of the {board.soc} runs this image by itself (direct boot): memories are priced as it leaves them ({title}), "
        "not as a boot loader sets them up; if the firmware changes that, it is not followed"
    )
    return replace(board, memory_system=direct.memory_system), (text,)


def _other_chip(choice: BoardChoice, board: Board) -> tuple[str, ...]:
    """Return the warning that a guessed board's chip is not the image's."""
    if not choice.doubts:
        return ()
    text = f"the chip looks like another than the {board.soc} of {board.name}, which was guessed: {'; '.join(choice.doubts)}"
    return (f"{text}. Figures are for the {board.soc}: clock, wait states, memories and devices may differ ('instsim boards new')",)
