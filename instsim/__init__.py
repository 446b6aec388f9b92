"""instsim: latency and energy of microcontroller firmware, predicted offline from the compiled image.

>>> import instsim
>>> result = instsim.estimate("firmware.elf", board="nucleo-l4r5zi")
>>> result.cycles, result.latency.value, result.energy.value

Importing this package loads nothing else: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instsim.errors import (
        BudgetError,
        BudgetFileError,
        ImageError,
        IncompleteError,
        InputError,
        InstsimError,
        ModelError,
        ProfileError,
        RunError,
        TableError,
        UsageError,
    )
    from instsim.gate.comparing import compare
    from instsim.gate.comparison import Comparison
    from instsim.profile.block_profile import BlockProfile
    from instsim.session.estimate import Estimate
    from instsim.session.request import Request

__version__ = "0.1.0"

__all__ = [
    "BlockProfile",
    "BudgetError",
    "BudgetFileError",
    "Comparison",
    "Estimate",
    "ImageError",
    "IncompleteError",
    "InputError",
    "InstsimError",
    "ModelError",
    "ProfileError",
    "Request",
    "RunError",
    "TableError",
    "UsageError",
    "__version__",
    "compare",
    "estimate",
    "load_profile",
    "profile",
    "save_profile",
]

_HOMES = {
    "BlockProfile": "instsim.profile.block_profile",
    "Comparison": "instsim.gate.comparison",
    "compare": "instsim.gate.comparing",
    "Estimate": "instsim.session.estimate",
    "Request": "instsim.session.request",
    **dict.fromkeys(
        (
            "BudgetError",
            "BudgetFileError",
            "ImageError",
            "IncompleteError",
            "InputError",
            "InstsimError",
            "ModelError",
            "ProfileError",
            "RunError",
            "TableError",
            "UsageError",
        ),
        "instsim.errors",
    ),
}


def profile(
    firmware: str | os.PathLike[str],
    *,
    board: str | None = None,
    core: str | None = None,
    clock_hz: float | None = None,
    region: str | None = None,
    start: int | str | None = None,
    end: int | str | None = None,
    call: int = 1,
    dispatchers: Sequence[str] = (),
    kernels: Sequence[str] = (),
    base: int | None = None,
    budget_cycles: int = 20_000_000_000,
    force: bool = False,
    run_on: str | None = None,
    settings_folder: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
    use_cache: bool = True,
) -> BlockProfile:
    """Run a firmware image and return what ran in its region.

    Parameters
    ----------
    firmware : str or path
        ELF, Intel HEX, UF2, or raw binary.
    board : str, optional
        Name of a board or path of a board file. Default: from ``instsim.toml`` or ``pyproject.toml``, else guessed from the image.
    core : str, optional
        Name or path of a core table, instead of the board's.
    clock_hz : float, optional
        Core clock in hertz, instead of the board's.
    region : str, optional
        Function to measure, from its entry to its return; ``"all"`` for the whole run. Default: one call of the interpreter's ``Invoke``.
    start, end : int or str, optional
        Measure from one address or symbol to another instead.
    call : int
        Which call of the region, from 1.
    dispatchers : sequence of str
        Functions of which each indirect call is an operator.
    kernels : sequence of str
        Names or shell patterns of functions of which each call is an operator.
    base : int, optional
        Load address of a raw binary.
    budget_cycles : int
        Most cycles of virtual time.
    force : bool
        Run an image on a board that it does not fit.
    run_on : str, optional
        Board whose memory map the image runs in, where it is linked for another chip than the one that is priced.
    settings_folder : str or path, optional
        Where to look for settings, and above; the current folder by default.
    on_progress : callable, optional
        ``on_progress(cycles)`` every few million cycles.
    use_cache : bool
        Take what ran from the cache, where this very image ran the same way before.

    Returns
    -------
    BlockProfile
        To be estimated as it is or saved with `save_profile`.

    Raises
    ------
    InstsimError
        One of its subclasses: what is wrong, and what to do about it.
    """
    from instsim.session.facade import profile as run  # noqa: PLC0415 -- keeps `import instsim` cheap
    from instsim.session.request import Request  # noqa: PLC0415

    request = Request(
        board=board,
        core=core,
        clock_hz=clock_hz,
        region=region,
        start=start,
        end=end,
        call=call,
        dispatchers=_names(dispatchers),
        kernels=_names(kernels),
        base=base,
        budget_cycles=budget_cycles,
        force=force,
        run_on=run_on,
        settings_folder=None if settings_folder is None else os.fspath(settings_folder),
        on_progress=on_progress,
        use_cache=use_cache,
    )
    return run(os.fspath(firmware), request)


def estimate(
    firmware: str | os.PathLike[str] | BlockProfile,
    *,
    board: str | None = None,
    core: str | None = None,
    clock_hz: float | None = None,
    region: str | None = None,
    start: int | str | None = None,
    end: int | str | None = None,
    call: int = 1,
    dispatchers: Sequence[str] = (),
    kernels: Sequence[str] = (),
    base: int | None = None,
    budget_cycles: int = 20_000_000_000,
    allow_unpriced: bool = False,
    calibration: str | os.PathLike[str] | None = None,
    firmware_family: str | None = None,
    level: float = 0.9,
    force: bool = False,
    run_on: str | None = None,
    settings_folder: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
    use_cache: bool = True,
) -> Estimate:
    """Estimate what one region of a firmware costs on a board.

    Parameters
    ----------
    firmware : str, path or BlockProfile
        An image to run, or a saved profile (the file or the value), which is priced again without running anything.
    board, core, clock_hz, region, start, end, call, dispatchers, kernels, base, budget_cycles, force, run_on, settings_folder, on_progress, use_cache
        As for `profile`. What decides how an image is run cannot be given for a saved profile.
    allow_unpriced : bool
        Charge one cycle for an instruction that has no price, instead of refusing.
    calibration : str or path, optional
        File that ``instsim calibrate`` wrote, or the name of one that comes with instsim; ``"none"`` for nominal figures. Default: from the
        settings, else one that comes with instsim for this board, clock and supply.
    firmware_family : str, optional
        Family of the firmware as the calibration names it, where the image does not say.
    level : float
        Coverage of the intervals, above 0 and below 1.

    Returns
    -------
    Estimate
        Cycles, latency in seconds, energy in joules, operators, functions, and what the answer rests on.

    Raises
    ------
    InstsimError
        One of its subclasses: what is wrong, and what to do about it.
    """
    from instsim.session.facade import estimate as run  # noqa: PLC0415 -- keeps `import instsim` cheap
    from instsim.session.request import Request  # noqa: PLC0415

    request = Request(
        board=board,
        core=core,
        clock_hz=clock_hz,
        region=region,
        start=start,
        end=end,
        call=call,
        dispatchers=_names(dispatchers),
        kernels=_names(kernels),
        base=base,
        budget_cycles=budget_cycles,
        allow_unpriced=allow_unpriced,
        calibration=None if calibration is None else os.fspath(calibration),
        firmware_family=firmware_family,
        level=level,
        force=force,
        run_on=run_on,
        settings_folder=None if settings_folder is None else os.fspath(settings_folder),
        on_progress=on_progress,
        use_cache=use_cache,
    )
    return run(os.fspath(firmware) if isinstance(firmware, (str, os.PathLike)) else firmware, request)


def load_profile(path: str | os.PathLike[str]) -> BlockProfile:
    """Read a profile that `save_profile` or ``instsim profile`` wrote.

    Raises
    ------
    ProfileError
        If the file is missing, damaged, or of another version.
    """
    from pathlib import Path  # noqa: PLC0415 -- keeps `import instsim` cheap

    from instsim.profile.file import load_profile as load  # noqa: PLC0415

    return load(Path(path))


def save_profile(what_ran: BlockProfile, path: str | os.PathLike[str]) -> None:
    """Write a profile to a file; an interrupted write leaves the old file, or none.

    Raises
    ------
    ProfileError
        If the file cannot be written.
    """
    from pathlib import Path  # noqa: PLC0415 -- keeps `import instsim` cheap

    from instsim.profile.file import save_profile as save  # noqa: PLC0415

    save(what_ran, Path(path))


def _names(given: Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'instsim' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps the function `profile` where it is when the package of the same name is imported, which the import system would put in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "profile" or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
