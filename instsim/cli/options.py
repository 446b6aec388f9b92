"""Options that several commands share, and their types."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from instsim.errors import UsageError

__all__ = ["Number", "firmware_argument", "output_option", "request_from", "run_options", "sample_image", "target_options", "write_output"]

Command = TypeVar("Command", bound=Callable[..., Any])

_CLOCK = re.compile(r"\s*([0-9.]+(?:e[0-9]+)?)\s*(g|m|k)?(?:hz)?\s*", re.IGNORECASE)
_SCALES = {"g": 1e9, "m": 1e6, "k": 1e3, "": 1.0}


class _Clock(click.ParamType):
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


class Number(click.ParamType):
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
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if number < 0:
            self.fail(f"{value!r} is negative", param, ctx)
        return number


def _stack(command: Command, *decorators: Callable[[Any], Any]) -> Command:
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def firmware_argument(command: Command) -> Command:
    """Add the argument FIRMWARE and the option --sample that stands in for it."""
    return _stack(
        command,
        click.argument("firmware", required=False, type=click.Path(path_type=Path)),
        click.option("--sample", metavar="NAME", help="A bundled firmware instead of FIRMWARE: kws (int8 keyword spotting)."),
    )


def target_options(command: Command) -> Command:
    """Add --board, --core and --clock."""
    return _stack(
        command,
        click.option("-b", "--board", metavar="BOARD", help="Board name or board file. Default: the settings file, else a guess."),
        click.option("--core", metavar="CORE", help="Core table, instead of the board's."),
        click.option("--clock", "clock_hz", type=_Clock(), help="Core clock, as in 80MHz. Default: the board's."),
    )


def run_options(command: Command) -> Command:
    """Add what decides how an image is run and what is measured."""
    return _stack(
        command,
        click.option("--region", metavar="SYMBOL", help="Measure one call of this function; 'all': the whole run. Default: the interpreter's Invoke."),
        click.option("--from", "start", metavar="PLACE", help="Measure from this address or symbol ..."),
        click.option("--to", "end", metavar="PLACE", help="... until this one is reached."),
        click.option("--call", type=click.IntRange(min=1), default=1, show_default=True, help="Which call of the region."),
        click.option("--dispatcher", "dispatchers", metavar="SYMBOL", multiple=True, help="Each indirect call of this function is an operator."),
        click.option("--kernels", metavar="PATTERN", multiple=True, help="Each call of such a function is an operator, as in 'tvmgen_*_fused_*'."),
        click.option("--base", type=Number(), metavar="ADDRESS", help="Load address of a raw binary."),
        click.option("--budget", "budget_cycles", type=Number(), default="20G", show_default=True, metavar="CYCLES", help="Give up after so many cycles."),
        click.option("--force", is_flag=True, help="Run an image on a board that it does not fit."),
    )


def output_option(command: Command) -> Command:
    """Add -o."""
    return _stack(command, click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file."))


def request_from(options: dict[str, Any]) -> Any:
    """Make a `Request` of the options that a command was given."""
    from instsim.session.request import Request  # noqa: PLC0415 -- not for --help

    known = set(Request.__dataclass_fields__)
    return Request(**{name: tuple(value) if isinstance(value, (list, tuple)) else value for name, value in options.items() if name in known})


def sample_image(firmware: Path | None, sample: str | None, options: dict[str, Any]) -> Path:
    """Return the image to run: FIRMWARE, or the bundled sample's file for the core in question; may set the board and region that go with it.

    Raises
    ------
    UsageError
        If both or neither are given, or there is no such sample.
    """
    if (firmware is None) == (sample is None):
        raise UsageError("give either FIRMWARE or --sample", hint="instsim estimate firmware.elf, or instsim estimate --sample kws")
    if firmware is not None:
        return firmware
    from instsim.session.samples import choose_sample  # noqa: PLC0415 -- not for --help

    assert sample is not None
    found = choose_sample(sample, request_from(options))
    options["board"] = options.get("board") or found.board
    if not any(options.get(key) for key in ("region", "start", "end")):
        options["region"] = found.region
    return found.path


def write_output(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file as a whole.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    temporary = output.with_name(f".{output.name}.partial")
    try:
        temporary.write_text(text if text.endswith("\n") else text + "\n", "utf-8")
        temporary.replace(output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from error
