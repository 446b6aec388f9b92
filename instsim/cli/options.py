"""Options that several commands share, and their types."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from instsim.errors import UsageError

__all__ = [
    "Clocks",
    "Name",
    "Number",
    "Numbers",
    "OutputFile",
    "board_options",
    "calibration_options",
    "firmware_argument",
    "model_options",
    "output_option",
    "request_from",
    "run_options",
    "sample_image",
    "target_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])

_CLOCK = re.compile(r"\s*([0-9.]+(?:e[0-9]+)?)\s*(g|m|k)?(?:hz)?\s*", re.IGNORECASE)
_SCALES = {"g": 1e9, "m": 1e6, "k": 1e3, "": 1.0}


class _Clock(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic in newer versions of click only
    name = "hz"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = _CLOCK.fullmatch(str(value))
        try:
            return float(match[1]) * _SCALES[(match[2] or "").lower()] if match else self._refuse(value, param, ctx)
        except ValueError:
            return self._refuse(value, param, ctx)

    def _refuse(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        self.fail(f"{value!r} is not a clock: give hertz, or a unit as in 80MHz", param, ctx)


class Clocks(_Clock):
    """Clocks with commas between them: ``40MHz,80MHz``."""

    name = "hz,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a tuple of clocks in hertz, or fail with what is wrong."""
        convert = super().convert
        return value if isinstance(value, tuple) else tuple(convert(part, param, ctx) for part in str(value).split(","))


class Number(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A whole number, decimal or ``0x`` hexadecimal, with an optional ``k``, ``M`` or ``G``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or fail with what is wrong."""
        if isinstance(value, int):
            return value
        text = str(value).strip().lower()
        scale = _SCALES.get(text[-1:], 1.0) if not text.startswith("0x") else 1.0
        digits = text[:-1] if scale != 1.0 else text
        try:
            number = int(digits, 0) if scale == 1.0 else int(float(digits) * scale)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if number < 0:
            self.fail(f"{value!r} is negative", param, ctx)
        return number


class Numbers(Number):
    """Whole numbers with commas between them: ``0,2,5``."""

    name = "number,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a tuple of numbers, or fail with what is wrong."""
        convert = super().convert
        return value if isinstance(value, tuple) else tuple(convert(part, param, ctx) for part in str(value).split(","))


class Name(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A name; an empty one is a mistake (an unset variable of a shell), not the default."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, or fail if there is none."""
        text = str(value).strip()
        if not text:
            self.fail("the value is empty", param, ctx)
        return text


def _stack(command: Command, *decorators: Callable[[Any], Any]) -> Command:
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def firmware_argument(command: Command) -> Command:
    """Add the argument FIRMWARE and the option --sample that stands in for it."""
    return _stack(
        command,
        click.argument("firmware", required=False, type=click.Path(path_type=Path)),
        click.option("--sample", type=Name(), metavar="NAME", help="A bundled firmware instead of FIRMWARE: kws (int8 keyword spotting)."),
    )


def board_options(command: Command) -> Command:
    """Add --board and --core."""
    return _stack(
        command,
        click.option("-b", "--board", type=Name(), metavar="BOARD", help="Board name or board file. Default: the settings file, else a guess."),
        click.option("--core", type=Name(), metavar="CORE", help="Core table, instead of the board's."),
    )


def target_options(command: Command) -> Command:
    """Add --board, --core and --clock."""
    return _stack(
        command,
        board_options,
        click.option("--clock", "clock_hz", type=_Clock(), help="Core clock, as in 80MHz. Default: the board's."),
    )


def calibration_options(command: Command) -> Command:
    """Add --calibration, --firmware and --level."""
    return _stack(
        command,
        click.option(
            "--calibration",
            type=Name(),
            metavar="FILE",
            help="Calibration of the board: a file of `instsim calibrate`, a name, or 'none'. Default: the settings file, else one that comes along.",
        ),
        click.option("--firmware", "firmware_family", type=Name(), metavar="NAME", help="Family of the firmware, as the calibration names it."),
        click.option(
            "--level",
            type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
            default=0.9,
            show_default=True,
            help="Coverage of the intervals.",
        ),
    )


def model_options(command: Command) -> Command:
    """Add --model and what goes with it."""
    return _stack(
        command,
        click.option("--model", type=Name(), metavar="FILE", help="Run this .tflite model in the firmware, instead of the one it was built with."),
        click.option("--save-outputs", type=Name(), metavar="FOLDER", help="Write what --model computes, as .npy files."),
        click.option("--verify", is_flag=True, help="No answer unless --model computes what tflite-micro does (the extra 'verify')."),
        click.option("--allow-float", is_flag=True, help="Let --model compute with floating-point numbers."),
    )


def run_options(command: Command, *, budget: str = "20G") -> Command:
    """Add what decides how an image is run and what is measured; `budget` is the default of --budget."""
    return _stack(
        command,
        click.option("--region", type=Name(), metavar="SYMBOL", help="Measure one call of this function; 'all': the whole run. Default: one Invoke."),
        click.option("--from", "start", type=Name(), metavar="PLACE", help="Measure from this address or symbol ..."),
        click.option("--to", "end", type=Name(), metavar="PLACE", help="... until this one is reached."),
        click.option("--call", type=click.IntRange(min=1), default=1, show_default=True, help="Which call of the region."),
        click.option(
            "--dispatcher", "dispatchers", type=Name(), metavar="SYMBOL", multiple=True, help="Each indirect call of this function is an operator."
        ),
        click.option(
            "--kernels", type=Name(), metavar="PATTERN", multiple=True, help="Each call of such a function is an operator, as in 'tvmgen_*_fused_*'."
        ),
        click.option("--serial", type=Name(), metavar="SCRIPT", help="Dialogue on the serial wire: a .toml file, or 'eembc' for MLPerf Tiny images."),
        click.option("--input", "input_file", type=Name(), metavar="FILE", help="What --serial eembc loads, or --model gets. Default: random."),
        click.option("--unplugged", is_flag=True, help="No host at the USB port. Default: one that opens the firmware's serial port."),
        click.option("--expect", type=Name(), metavar="REGEX", multiple=True, help="No estimate unless the firmware prints this."),
        click.option("--entry", type=Name(), metavar="SYMBOL", help="Start at this function, with data and stack prepared, instead of at reset."),
        click.option("--stub", "stubs", type=Name(), metavar="SYMBOL=VALUE", multiple=True, help="This function returns VALUE instead of running."),
        click.option("--poke", "pokes", type=Name(), metavar="PLACE=FILE", multiple=True, help="Write FILE to memory before the region."),
        click.option("--peek", "peeks", type=Name(), metavar="PLACE:BYTES=FILE", multiple=True, help="Write memory to FILE behind the region."),
        click.option("--svd", type=Name(), metavar="FILE", help="Reset values of registers that are not modelled, from a CMSIS-SVD file."),
        click.option("--base", type=Number(), metavar="ADDRESS", help="Load address of a raw binary."),
        click.option(
            "--budget",
            "budget_cycles",
            type=Number(),
            default=budget,
            show_default=True,
            metavar="CYCLES",
            help="Run so many cycles at the most; an access to a device counts as 3,000.",
        ),
        click.option("--call-stacks", is_flag=True, help="Keep the call tree, for flame graphs and inclusive costs; slower."),
        click.option("--force", is_flag=True, help="Run an image on a board that it does not fit."),
        click.option(
            "--memory",
            type=click.Choice(["exact", "sampled", "ideal"]),
            help="Follow wait states and caches at every access, in samples of the run, or not at all. Default: the settings file, else exact.",
        ),
        click.option("--cache/--no-cache", "use_cache", default=True, help="Whether an image that did not change may be left unrun."),
    )


class OutputFile(click.Path):
    """A file to write: its folder must exist before any work is done for it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail if it cannot be written to."""
        path: Any = super().convert(value, param, ctx)
        if not path.parent.is_dir():
            self.fail(f"there is no folder {str(path.parent)!r}", param, ctx)
        return path


def workers_option(command: Command) -> Command:
    """Add --workers, of commands that run many images."""
    return _stack(
        command,
        click.option("-j", "--workers", type=click.IntRange(min=1), metavar="N", help="Processes at once. Default: one for each processor."),
    )


def output_option(command: Command) -> Command:
    """Add -o."""
    return _stack(command, click.option("-o", "--output", type=OutputFile(path_type=Path, dir_okay=False), help="Write to a file."))


def request_from(options: dict[str, Any]) -> Any:
    """Make a `Request` of the options that a command was given."""
    from instsim.session.request import Request  # noqa: PLC0415 -- not for --help

    known = set(Request.__dataclass_fields__)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, (list, tuple)) else value for name, value in options.items() if name in known}
    return Request(**values)


def sample_image(firmware: Path | None, sample: str | None, options: dict[str, Any]) -> Path:
    """Return the image to run: FIRMWARE, or the bundled sample's file for the core in question; may set the board and region that go with it.

    Raises
    ------
    UsageError
        If both or neither are given, or there is no such sample.
    """
    if (firmware is None) == (sample is None):
        name = click.get_current_context().info_name
        raise UsageError("give either FIRMWARE or --sample", hint=f"instsim {name} firmware.elf, or instsim {name} --sample kws")
    if firmware is not None:
        return firmware
    from instsim.session.samples import choose_sample  # noqa: PLC0415 -- not for --help

    assert sample is not None
    found = choose_sample(sample, request_from(options))
    if not options.get("board"):
        options["board"], options["board_chosen_by"] = found.board, found.chosen_by
    options["run_on"] = found.run_on
    if not any(options.get(key) for key in ("region", "start", "end", "model")):
        options["region"] = found.region
    return found.path
