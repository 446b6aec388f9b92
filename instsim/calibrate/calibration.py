"""A calibration as a value: models, what they hold for, and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass

from instsim.calibrate.model import FittedModel

__all__ = ["Calibration", "Quality"]


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a model predicts runs it was not fitted on.

    Attributes
    ----------
    runs : int
        Behind the model.
    mean, worst : float or None
        Leave-one-image-out relative errors, absolute; None where the others cannot predict one.
    other_firmware_mean : float or None
        The same, a whole family of firmware left out.
    """

    runs: int
    mean: float | None = None
    worst: float | None = None
    other_firmware_mean: float | None = None


@dataclass(frozen=True)
class Calibration:
    """What was learned from the runs of one board.

    Attributes
    ----------
    name : str
        Of the file.
    board : str
        Name of the board.
    core, core_digest, memory : str
        Core table and memory model that the cycles were predicted with; empty where the runs' cycles were given.
    clock_hz, supply_v : float
        Operating point: the middle of the runs where they differ.
    regulator : str
        What makes the core voltage.
    firmware : str
        What ran, in words.
    latency, energy : FittedModel or None
        None where nothing was measured.
    latency_quality, energy_quality : Quality or None
        Beside each.
    source : str
        Where the runs come from.
    data_digest : str
        SHA-256 of the runs.
    refit : str
        The command that makes it again.
    instsim_version : str
        Of the tool that made it.
    notes : str
        What a reader should know.
    fingerprints : tuple of (str, str)
        What an image says of its firmware (runtime and compiler; the digest of one that says nothing), and the family it belongs to.
    digest : str
        SHA-256 of the file; empty before it is saved.
    path : str
        The file; empty before it is saved.
    """

    name: str
    board: str
    core: str
    core_digest: str
    memory: str
    clock_hz: float
    supply_v: float
    regulator: str
    firmware: str
    latency: FittedModel | None
    energy: FittedModel | None
    latency_quality: Quality | None
    energy_quality: Quality | None
    source: str
    data_digest: str
    refit: str
    instsim_version: str
    notes: str = ""
    fingerprints: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    path: str = ""
