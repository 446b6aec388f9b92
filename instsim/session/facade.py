"""The public calls: profile a firmware, estimate it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from instsim.cost import BlockPrices, CostModel, load_board
from instsim.errors import ImageError, ProfileError, RunError, UsageError
from instsim.image import FirmwareImage, load_image
from instsim.profile import BlockProfile, is_profile, load_profile
from instsim.session.calibrated import calibrated
from instsim.session.choose import Target, choose_target
from instsim.session.estimate import BoardChoice, Estimate
from instsim.session.estimating import estimate_profile
from instsim.session.machines import machine_spec
from instsim.session.memories import Variant, memory_simulation, refuse_unfollowed
from instsim.session.model_file import check_model_options
from instsim.session.regions import find_region, find_watch
from instsim.session.remembered import remembered_profile
from instsim.session.request import Request
from instsim.session.settings import Settings, find_settings
from instsim.session.surroundings import checked_patterns, find_entry, find_peeks, find_pokes, find_register_resets, find_serial, find_stubs

__all__ = ["estimate", "kept_estimate", "load_firmware", "profile", "profile_for", "saved_target", "with_settings"]

_RUN_OPTIONS = (
    *("region", "start", "end", "call", "dispatchers", "kernels", "serial", "input_file", "unplugged", "expect", "entry", "stubs"),
    *("pokes", "peeks", "svd", "base", "budget_cycles", "model", "save_outputs", "verify", "allow_float"),
)
"""What a request says of a run."""
_NAMES = {
    "budget_cycles": "budget",
    "dispatchers": "dispatcher",
    "end": "to",
    "input_file": "input",
    "peeks": "peek",
    "pokes": "poke",
    "start": "from",
    "stubs": "stub",
}
"""Options whose names on the command line are others."""


def profile(firmware: str | Path | FirmwareImage, request: Request | None = None) -> BlockProfile:
    """Run a firmware and return what ran in its region.

    Parameters
    ----------
    firmware : str, Path or FirmwareImage
        The image.
    request : Request, optional
        Board (for its memory map), region, budget.

    Raises
    ------
    InstsimError
        See `instsim.errors`.
    """
    request = request or Request()
    settings = find_settings(request.settings_folder)
    image = firmware if isinstance(firmware, FirmwareImage) else load_firmware(firmware, request, settings)
    return profile_for(image, choose_target(image, request, settings), with_settings(request, settings))


def profile_for(image: FirmwareImage, target: Target, request: Request, variants: Sequence[Variant] = ()) -> BlockProfile:
    """Run an image on a target that is settled already, or take what ran from the cache.

    Parameters
    ----------
    image, target, request : FirmwareImage, Target, Request
        What runs, where, and how.
    variants : sequence of Variant
        Memory systems to simulate behind the board's own.
    """
    try:
        if request.is_kept:
            return remembered_profile(image, target, request, lambda: _run(image, target, request, variants), variants)
        return _run(image, target, request, variants)
    except RunError as error:
        if target.choice.chosen_by == "guess":
            raise _with_guess(error, target.choice) from error
        raise


def _with_guess(error: RunError, choice: BoardChoice) -> RunError:
    """Return an error that says which board was guessed: a wrong one is the first thing to rule out."""
    guess = f"the board was guessed: {choice.name} ('instsim inspect' shows why)"
    if choice.doubts:
        guess += f", but {'; '.join(choice.doubts)}"
    return type(error)(error.message, hint=error.hint, details=(*error.details, guess))


def _run(image: FirmwareImage, target: Target, request: Request, variants: Sequence[Variant]) -> BlockProfile:
    if request.model is not None:
        from instsim.session.swapping import swapped_profile  # noqa: PLC0415 -- loads Unicorn

        return swapped_profile(image, target, request)
    check_model_options(request)
    from instsim.emulate.run import RunOptions, profile_image  # noqa: PLC0415 -- loads Unicorn

    prices = BlockPrices(CostModel(target.core), image.sha256)
    memories = memory_simulation(target, request, variants)
    script = find_serial(image, request, target.machine_board)
    options = RunOptions(
        region=find_region(image, request, script),
        serial=script,
        usb_host=not request.unplugged,
        expect=checked_patterns(request.expect),
        entry=find_entry(image, request),
        stubs=find_stubs(request),
        pokes=find_pokes(image, request),
        peeks=(peeks := find_peeks(image, request)).places,
        on_peek=peeks.write,
        register_resets=find_register_resets(request),
        watch=find_watch(image, request),
        budget_cycles=request.budget_cycles,
        block_cycles=prices,
        memory_timing=None if memories is None else memories.timing,
        on_progress=request.on_progress,
        call_stacks=request.call_stacks,
    )
    ran = profile_image(image, machine_spec(target.machine_board, target.core, target.clock_hz), options)
    prices.keep()
    return ran if memories is None else memories.attach(ran)


def estimate(firmware: str | Path | FirmwareImage | BlockProfile, request: Request | None = None) -> Estimate:
    """Estimate what one region of a firmware costs.

    Parameters
    ----------
    firmware : str, Path, FirmwareImage or BlockProfile
        An image, or a saved profile, which is priced again without running anything.
    request : Request, optional
        Board, core, clock, region; everything has a default.

    Raises
    ------
    InstsimError
        See `instsim.errors`.
    """
    return _estimate(firmware, request or Request(), profile_for)


def kept_estimate(firmware: str | Path | FirmwareImage | BlockProfile, request: Request) -> Estimate | None:
    """Estimate what needs no run: a saved profile, or an image that was run before and has not changed.

    Returns
    -------
    Estimate or None
        The same as `estimate` gives; None if the image would have to run.
    """
    try:
        return _estimate(firmware, request, _kept_profile)
    except _WouldRun:
        return None


class _WouldRun(Exception):  # noqa: N818 -- no error: never leaves this module
    """An image would have to run."""


def _kept_profile(image: FirmwareImage, target: Target, request: Request) -> BlockProfile:
    if not request.is_kept:
        raise _WouldRun
    return remembered_profile(image, target, request, _would_run)


def _would_run() -> NoReturn:
    raise _WouldRun


def _estimate(
    firmware: str | Path | FirmwareImage | BlockProfile, request: Request, profiled: Callable[[FirmwareImage, Target, Request], BlockProfile]
) -> Estimate:
    settings = find_settings(request.settings_folder)
    if isinstance(firmware, (str, Path)) and is_profile(Path(firmware)):
        firmware = load_profile(Path(firmware))
    if isinstance(firmware, BlockProfile):
        saved = replace(firmware, memory=()) if (request.memory or settings.memory) == "ideal" else firmware
        return _priced(saved, saved_target(firmware, request, settings), request, settings)
    image = firmware if isinstance(firmware, FirmwareImage) else load_firmware(firmware, request, settings)
    target = choose_target(image, request, settings)
    ran = profiled(image, target, with_settings(request, settings))
    return _priced(ran, target, request, settings)


def _priced(ran: BlockProfile, target: Target, request: Request, settings: Settings) -> Estimate:
    nominal = estimate_profile(ran, target, allow_unpriced=request.allow_unpriced, level=request.level)
    return calibrated(nominal, target, request, settings)


def load_firmware(path: str | Path, request: Request, settings: Settings) -> FirmwareImage:
    """Load an image; a raw binary that does not tell its address goes where the named board starts."""
    try:
        return load_image(path, base=request.base)
    except ImageError:
        named = request.board or settings.board
        tables = load_board(named).boot.vector_tables if named is not None and request.base is None else ()
        if not tables or not Path(path).is_file():
            raise
        try:
            return load_image(path, base=tables[0])
        except ImageError:
            pass
        raise


def with_settings(request: Request, settings: Settings) -> Request:
    """Return the request with the settings' region and way to follow memories, unless it names them itself."""
    unset = request.region is None and request.start is None and request.end is None and request.model is None
    region = settings.region if unset and settings.region is not None else request.region
    return replace(request, region=region, memory=request.memory or settings.memory)


def saved_target(saved: BlockProfile, request: Request, settings: Settings) -> Target:
    """Settle board, core and clock for a saved profile.

    Raises
    ------
    UsageError
        If the request asks for what only another run could tell.
    ProfileError
        If the profile is of another instruction set than the core's.
    """
    asked = [f"--{_NAMES.get(name, name).replace('_', '-')}" for name in _RUN_OPTIONS if getattr(request, name) != getattr(Request, name)]
    if asked:
        again = "profile the image again with these options"
        raise UsageError(f"a saved profile holds one region of one run; what {' and '.join(asked)} asks for needs the image", hint=again)
    if request.call_stacks and saved.calls is None:
        raise UsageError(f"the profile of {saved.firmware.name} has no call tree", hint="profile the image again with --call-stacks")
    target = choose_target(None, request, settings, fallback=saved.run.memory_map)
    if target.core.isa is not saved.isa:
        raise ProfileError(
            f"the profile of {saved.firmware.name} is {saved.isa} code, {target.core.name} runs {target.core.isa}",
            hint="choose a board with such a core",
        )
    refuse_unfollowed(saved, target, request.memory)
    choice = target.choice
    if choice.chosen_by == "profile":
        choice = BoardChoice(choice.name, choice.title, "profile", ("the board it was profiled on",))
    return replace(target, choice=choice)
