"""What ran, kept between runs: an image that did not change is not run again.

A profile is kept, not an estimate: it holds what takes long to find, and pricing it again leaves every table in force as it is now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import fields

from instsim import __version__, artifacts
from instsim.cost.memory_table import load_memory
from instsim.errors import ProfileError
from instsim.image import FirmwareImage
from instsim.profile import BlockProfile
from instsim.profile.file import profile_bytes, profile_from_bytes
from instsim.session.choose import Target
from instsim.session.memories import Variant
from instsim.session.model_file import model_name, read_model_file
from instsim.session.request import Request

__all__ = ["remembered_profile", "run_key"]

_KIND = "profiles"
_FILES_KEPT = 1024
_ROOMS = ("cost", "dynamics", "emulate", "image", "isa", "model", "profile", "session", "swap")
_NOT_OF_THE_RUN = frozenset(
    {
        "allow_unpriced",
        "board",
        "board_chosen_by",
        "calibration",
        "clock_hz",
        "core",
        "firmware_family",
        "force",
        "level",
        "model",
        "on_progress",
        "settings_folder",
        "use_cache",
        "weight_bytes",
    }
)
"""Fields of a request that change nothing beside what the target already says; the model is told by its contents."""


def remembered_profile(
    image: FirmwareImage, target: Target, request: Request, run: Callable[[], BlockProfile], variants: Sequence[Variant] = ()
) -> BlockProfile:
    """Return what ran: kept from an earlier run with the same image, machine, region and version of instsim, else from `run`.

    Parameters
    ----------
    image : FirmwareImage
        What runs; its digest and name count.
    target : Target
        The machine. Board file and core table count as a whole: firmware that reads a timer sees the prices of its blocks.
    request : Request
        Region, kernels and budget.
    run : callable
        Runs the image; whatever it raises is raised here, and nothing is kept.
    variants : sequence of Variant
        Memory systems that are simulated behind the board's own.
    """
    model = "" if request.model is None else f"{model_name(request.model)} {hashlib.sha256(read_model_file(request.model)).hexdigest()}"
    key = run_key(image, target, request, repr(tuple(variants)), model)
    stored = artifacts.load(_KIND, key)
    if stored is not None:
        try:
            return profile_from_bytes(stored, image.name)
        except ProfileError:
            pass  # Written by code that had the same stamp and another form: as good as absent.
    data = profile_bytes(run())
    artifacts.store(_KIND, key, data, files_kept=_FILES_KEPT)
    # Read back, so that the first answer and the later ones come from the very same value.
    return profile_from_bytes(data, image.name)


def run_key(image: FirmwareImage, target: Target, request: Request, *told: str) -> str:
    """Return a digest of image, machine, request and version, and of what else the caller is told that decides what runs."""
    facts = [
        __version__,
        artifacts.code_stamp(*_ROOMS),
        image.sha256,
        image.name,
        target.machine_board.digest,
        target.machine_board.name,
        target.core.digest,
        load_memory(target.board.memory_system).digest if target.board.memory_system else "",
        repr(target.clock_hz),
        *told,
        *(f"{field.name}={getattr(request, field.name)!r}" for field in fields(request) if field.name not in _NOT_OF_THE_RUN),
    ]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()
