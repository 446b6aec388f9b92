"""What the caller asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["DEFAULT_BUDGET_CYCLES", "Request"]

DEFAULT_BUDGET_CYCLES = 20_000_000_000


@dataclass(frozen=True)
class Request:
    """Options of a profile or an estimate; everything has a default.

    Attributes
    ----------
    board : str or None
        Name of a board or path of a board file; None: from the settings, else guessed from the image.
    core : str or None
        Name or path of a core table, instead of the board's.
    clock_hz : float or None
        Core clock, instead of the board's.
    region : str or None
        Function to measure, entry to return; ``"all"`` for the whole run.
    start, end : int or str or None
        Measure from one address or symbol to another instead.
    call : int
        Which call of the region, from 1.
    dispatchers : tuple of str
        Functions of which each indirect call is an operator.
    kernels : tuple of str
        Names or shell patterns (``tvmgen_*``) of functions of which each call is an operator.
    base : int or None
        Load address of a raw binary.
    budget_cycles : int
        Most cycles of virtual time.
    allow_unpriced : bool
        Charge one cycle for an instruction without a price instead of refusing.
    force : bool
        Run an image on a board that it does not fit.
    board_chosen_by : str
        Who named `board`: ``option``, or ``sample`` for the board that a sample is for.
    run_on : str or None
        Board whose memory map the image runs in, where it is linked for another chip than the one that is priced.
    settings_folder : str or None
        Where to look for ``instsim.toml`` and ``pyproject.toml``; None: the current folder and above.
    on_progress : callable or None
        ``on_progress(cycles)`` every few million cycles.
    serial : str or None
        Dialogue on the serial wire: ``eembc``, or the path of a script.
    input_file : str or None
        Input that the built-in dialogue loads, or that `model` gets: a NumPy file (``.npy``, ``.npz``), or raw bytes of all inputs in order.
    unplugged : bool
        Nobody is at the other end of the USB cable; else a host is, which opens the firmware's serial port.
    expect : tuple of str
        Regular expressions that what the firmware prints must hold.
    entry : str or None
        Function (or address) to start at instead of at reset.
    stubs : tuple of str
        ``SYMBOL=VALUE``: functions that return a value instead of running.
    pokes : tuple of str
        ``PLACE=FILE``: files to write into memory before the region.
    peeks : tuple of str
        ``PLACE:BYTES=FILE``: memory to write to files behind the region.
    svd : str or None
        CMSIS-SVD file with reset values of registers that are not modelled.
    use_cache : bool
        Take what ran from the cache, where this very image ran the same way before.
    calibration : str or None
        Name or path of a calibration, ``none`` for nominal figures; None: from the settings, else one that comes with instsim and matches.
    firmware_family : str or None
        Family of firmware that the image belongs to, as the calibration names it; None: what the image says.
    weight_bytes : float or None
        Bytes of weights that the region uses, each time it uses them: what reading them does to energy, where the image does not show its operators;
        None: what the operators show.
    level : float
        Coverage of the intervals, above 0 and below 1.
    call_stacks : bool
        Keep the call tree: who called whom, and what that cost with all that was called. The run itself slows down by a tenth to a third.
    model : str or bytes or None
        Another ``.tflite`` model (its path, or its contents) to run in place of the firmware's own.
    save_outputs : str or None
        Folder for the outputs of `model`, as NumPy files.
    verify : bool
        Compare the outputs of `model` with those of the package ``tflite-micro``.
    allow_float : bool
        Let `model` compute with floating-point numbers.
    memory : {'exact', 'sampled', 'ideal'} or None
        How the board's memories (wait states, caches, prefetch) are followed: at every access, in samples of the run, or not at all. None: as the
        settings say, else exactly.
    """

    board: str | None = None
    core: str | None = None
    clock_hz: float | None = None
    region: str | None = None
    start: int | str | None = None
    end: int | str | None = None
    call: int = 1
    dispatchers: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    base: int | None = None
    budget_cycles: int = DEFAULT_BUDGET_CYCLES
    allow_unpriced: bool = False
    force: bool = False
    board_chosen_by: str = "option"
    run_on: str | None = None
    settings_folder: str | None = None
    on_progress: Callable[[int], None] | None = None
    serial: str | None = None
    input_file: str | None = None
    unplugged: bool = False
    expect: tuple[str, ...] = ()
    entry: str | None = None
    stubs: tuple[str, ...] = ()
    pokes: tuple[str, ...] = ()
    peeks: tuple[str, ...] = ()
    svd: str | None = None
    use_cache: bool = True
    calibration: str | None = None
    firmware_family: str | None = None
    weight_bytes: float | None = None
    level: float = 0.9
    call_stacks: bool = False
    model: str | bytes | None = None
    save_outputs: str | None = None
    verify: bool = False
    allow_float: bool = False
    memory: str | None = None

    @property
    def is_kept(self) -> bool:
        """Whether what runs is kept for the next time."""
        return self.use_cache and not self.uses_files

    @property
    def uses_files(self) -> bool:
        """Whether the run reads or writes files beside the image."""
        return any((self.serial, self.input_file, self.pokes, self.peeks, self.svd, self.save_outputs))
