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
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from instsim.errors import (
        BudgetError,
        BudgetFileError,
        ImageError,
        IncompleteError,
        InputError,
        InstsimError,
        ModelError,
        PredictorError,
        ProfileError,
        RunError,
        SwapError,
        TableError,
        UsageError,
    )
    from instsim.gate.comparing import compare
    from instsim.gate.comparison import Comparison
    from instsim.model.layer import Layer
    from instsim.profile.block_profile import BlockProfile
    from instsim.session.characterizing import Characterization, characterize
    from instsim.session.estimate import Estimate
    from instsim.session.predicting import Predictor
    from instsim.session.request import Request
    from instsim.session.whatif import WhatIf
    from instsim.sweep.row import SweepRow

__version__ = "0.1.0"

__all__ = [
    "BlockProfile",
    "BudgetError",
    "BudgetFileError",
    "Characterization",
    "Comparison",
    "Estimate",
    "ImageError",
    "IncompleteError",
    "InputError",
    "InstsimError",
    "Layer",
    "ModelError",
    "Predictor",
    "PredictorError",
    "ProfileError",
    "Request",
    "RunError",
    "SwapError",
    "SweepRow",
    "TableError",
    "UsageError",
    "WhatIf",
    "__version__",
    "characterize",
    "compare",
    "estimate",
    "load_profile",
    "profile",
    "save_profile",
    "sweep",
    "whatif",
]

_HOMES = {
    "BlockProfile": "instsim.profile.block_profile",
    "Characterization": "instsim.session.characterizing",
    "characterize": "instsim.session.characterizing",
    "Comparison": "instsim.gate.comparison",
    "compare": "instsim.gate.comparing",
    "Estimate": "instsim.session.estimate",
    "Layer": "instsim.model.layer",
    "Predictor": "instsim.session.predicting",
    "Request": "instsim.session.request",
    "SweepRow": "instsim.sweep.row",
    "WhatIf": "instsim.session.whatif",
    **dict.fromkeys(
        (
            "BudgetError",
            "BudgetFileError",
            "ImageError",
            "IncompleteError",
            "InputError",
            "InstsimError",
            "ModelError",
            "PredictorError",
            "ProfileError",
            "RunError",
            "SwapError",
            "TableError",
            "UsageError",
        ),
        "instsim.errors",
    ),
}


def profile(firmware: str | os.PathLike[str], **options: Any) -> BlockProfile:
    """Run a firmware image and return what ran in its region.

    Parameters
    ----------
    firmware : str or path
        ELF, Intel HEX, UF2, or raw binary.
    **options
        Fields of `Request`, described there: ``board``, ``region``, ``call`` and so on. Paths may be `pathlib.Path`; a field of several
        names takes one name or any sequence.

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

    return run(os.fspath(firmware), _request(options))


def estimate(firmware: str | os.PathLike[str] | BlockProfile, **options: Any) -> Estimate:
    """Estimate what one region of a firmware costs on a board.

    Parameters
    ----------
    firmware : str, path or BlockProfile
        An image to run, or a saved profile (the file or the value), which is priced again without running anything.
    **options
        Fields of `Request`, as for `profile`. What decides how an image is run cannot be given for a saved profile.

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

    return run(os.fspath(firmware) if isinstance(firmware, (str, os.PathLike)) else firmware, _request(options))


def whatif(
    firmware: str | os.PathLike[str],
    *,
    clocks_hz: float | Sequence[float] = (),
    wait_states: int | Sequence[int] = (),
    moves: str | Sequence[str] = (),
    **options: Any,
) -> WhatIf:
    """Run a firmware once and price its region at other clocks and wait states, and with parts of it in other memories.

    Parameters
    ----------
    firmware : str or path
        The image.
    clocks_hz : float or sequence of float
        Core clocks to try, each with the wait states that the flash needs there.
    wait_states : int or sequence of int
        Wait states to try at each clock.
    moves : str or sequence of str
        Placements to try, each at every clock beside the image as it was built: ``weights=sram1``, ``FUNCTION=itcm``,
        ``0x08010000-0x08020000=sram1``; several with commas between them go together.
    **options
        Fields of `Request`, as for `estimate`.

    Returns
    -------
    WhatIf
        A row for each memory system, the first one as the firmware is.

    Raises
    ------
    InstsimError
        One of its subclasses: what is wrong, and what to do about it.
    """
    from instsim.session.whatif import whatif as run  # noqa: PLC0415 -- keeps `import instsim` cheap

    return run(
        os.fspath(firmware),
        _request(options),
        clocks_hz=(clocks_hz,) if isinstance(clocks_hz, (int, float)) else tuple(clocks_hz),
        wait_states=(wait_states,) if isinstance(wait_states, int) else tuple(wait_states),
        moves=(moves,) if isinstance(moves, str) else tuple(moves),
    )


def sweep(
    models: Iterable[Any],
    *,
    runner: str | os.PathLike[str] | None = None,
    predictor: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    workers: int = 2,
    scheduler: str | None = None,
    retry_failed: bool = False,
    **options: Any,
) -> Iterator[SweepRow]:
    """Evaluate many models on a board, in a firmware or by a predictor, and yield a row for each as it is done.

    A script that uses workers needs the usual guard, ``if __name__ == "__main__":``, because processes are started.

    Parameters
    ----------
    models : path or iterable
        A folder, a list file, or any iterable, a generator too, of paths, bytes of ``.tflite`` files, `LayerNetwork` values or sequences of
        `Layer`; or of pairs of a name and one of these.
    runner : str or path, optional
        Firmware with TensorFlow Lite Micro's interpreter, in which every model runs.
    predictor : str or path, optional
        A predictor's file or name instead. With neither: the one that suits the board.
    output : str or path, optional
        Result file, ``.parquet`` or ``.csv``, with a journal beside it by which a sweep that was killed goes on; the files are written when the
        rows are used up or the iterator is closed.
    workers : int
        Processes of a local cluster of dask.distributed; 0: this process alone.
    scheduler : str, optional
        Address of a scheduler to use instead.
    retry_failed : bool
        Evaluate models again that failed in an earlier run.
    **options
        Fields of `Request`: ``board``, ``clock_hz``, ``memory`` and so on. Memories are ideal unless ``memory`` asks for more.

    Raises
    ------
    InstsimError
        One of its subclasses. A model that cannot be evaluated is a row, never an error.
    """
    from pathlib import Path  # noqa: PLC0415 -- keeps `import instsim` cheap

    from instsim.sweep.fork_server import start_fork_server  # noqa: PLC0415
    from instsim.sweep.models import find_models  # noqa: PLC0415

    found = find_models(models) if isinstance(models, (str, os.PathLike)) else models
    if workers and scheduler is None:
        start_fork_server()
    from instsim.sweep.sweeping import SweepOptions, make_plan  # noqa: PLC0415 -- takes as long as the other process takes to load
    from instsim.sweep.sweeping import sweep as run  # noqa: PLC0415

    by_runner, by_predictor = (None if path is None else os.fspath(path) for path in (runner, predictor))
    settled = SweepOptions(None if output is None else Path(output), workers, scheduler, retry_failed)
    return run(found, make_plan(by_runner, by_predictor, _request(options)), settled)


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


def _request(options: dict[str, Any]) -> Request:
    from instsim.errors import UsageError  # noqa: PLC0415 -- keeps `import instsim` cheap
    from instsim.session.request import Request  # noqa: PLC0415

    defaults = {name: field.default for name, field in Request.__dataclass_fields__.items()}
    unknown = sorted(set(options) - set(defaults))
    if unknown:
        from difflib import get_close_matches  # noqa: PLC0415 -- wrong usage only

        near = get_close_matches(unknown[0], defaults, 1)
        raise UsageError(f"no option {unknown[0]!r}", hint=f"did you mean {near[0]}?" if near else f"options: {', '.join(defaults)}")
    values = {name: os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in options.items()}
    several = {name for name, default in defaults.items() if isinstance(default, tuple)}
    for name in several & set(values):
        given = values[name]
        values[name] = (given,) if isinstance(given, str) else tuple(given)
    return Request(**values)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'instsim' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps functions where they are when the packages of the same names are imported, which the import system would put in their places."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in ("profile", "sweep") or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
