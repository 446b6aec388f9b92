"""Serial dialogues by name or from a file: read, validated whole, all errors told at once."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from instsim.emulate.serial import RegionMark, SerialScript, SerialStep
from instsim.errors import UsageError
from instsim.image import FirmwareImage
from instsim.session.eembc import Benchmark, eembc_script, input_bytes, random_input
from instsim.small_files import read_bytes, read_text
from instsim.units import counted

__all__ = ["find_script"]

_BUILT_IN = "eembc"
_LARGEST_FILE = 1 << 24
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    expect: str = ""
    send: str | None = None
    send_hex: str | None = None
    send_file: str | None = None
    pace_us: _Positive = 10.0
    delay_us: _NotNegative = 200.0
    timeout_ms: _Positive = 10_000.0
    region: Literal["start", "stop"] | None = None


class _Script(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    port: str = ""
    step: Annotated[tuple[_Step, ...], Field(min_length=1)]


def find_script(image: FirmwareImage, serial: str, data: bytes | None, ports: tuple[str, ...]) -> SerialScript:
    """Return the dialogue that ``--serial`` names.

    Parameters
    ----------
    image : FirmwareImage
        What will run; the built-in dialogue reads its benchmark's name in it.
    serial : str
        ``eembc``, or the path of a TOML file.
    data : bytes or None
        Input of the built-in dialogue; None for a random one of the benchmark's size.
    ports : tuple of str
        Names of the board's devices, which a script may name as its port.

    Raises
    ------
    UsageError
        If there is no such dialogue, the file is not valid, the input's size is not known, or the input is empty or of another size.
    """
    if serial == _BUILT_IN:
        if data == b"":
            raise UsageError("the file of --input is empty", hint="give the input as the benchmark's runner has it, or leave --input out")
        if data is None:
            return eembc_script(random_input(_benchmark(image)))
        named = _benchmarks(image)
        if len(named) == 1 and len(data) != input_bytes(named[0]):
            raise UsageError(
                f"the file of --input has {len(data):,} bytes, an input of this benchmark ({named[0]}) has {input_bytes(named[0]):,}",
                hint="give the input as the benchmark's runner has it, or leave --input out",
            )
        return eembc_script(data)
    if not serial.endswith(".toml") and not Path(serial).exists():
        hint = f"`--serial {_BUILT_IN}`, or the path of a .toml file"
        raise UsageError(f"no serial dialogue named {serial!r}", hint=hint)
    if data is not None:
        raise UsageError("--input goes with --serial eembc", hint="in a script of your own, give the file in a step: send_file = ...")
    return _read(Path(serial), ports)


def _benchmarks(image: FirmwareImage) -> list[Benchmark]:
    """Return the benchmarks that are named in an image."""
    return [b for b in Benchmark if any(re.search(rb"\b%s\d\d\b" % b.value.encode(), segment.data) for segment in image.segments)]


def _benchmark(image: FirmwareImage) -> Benchmark:
    found = _benchmarks(image)
    if len(found) != 1:
        names = ", ".join(found) or "none"
        raise UsageError(
            f"{image.name}: which benchmark this is does not show (named in the image: {names})", hint="give the model's input with --input FILE"
        )
    return found[0]


def _read(path: Path, ports: tuple[str, ...]) -> SerialScript:
    what, hint = f"serial script {path}", "it is a TOML file of [[step]] tables"
    try:
        document = tomllib.loads(read_text(path, UsageError, what=what, text_hint=hint))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{what}: {error}", hint=hint) from error
    problems: list[str] = []
    steps: list[SerialStep] = []
    script: _Script | None = None
    try:
        script = _Script.model_validate(document)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            where = ".".join(f"[{part}]" if isinstance(part, int) else part for part in problem["loc"]).replace(".[", "[")
            known = _Step.model_fields if len(problem["loc"]) > 1 else _Script.model_fields
            near = get_close_matches(str(problem["loc"][-1]), known, n=1) if problem["type"] == "extra_forbidden" else []
            text = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"].lower()
            problems.append(f"{where}: {text}{f'; did you mean {near[0]}?' if near else ''}")
    if script is not None:
        for index, step in enumerate(script.step):
            steps.append(_step(step, f"step[{index}]", path, problems))
        if script.port and script.port not in ports:
            near = get_close_matches(script.port, ports, n=1)
            problems.append(f"port: the board has no device {script.port!r}{f'; did you mean {near[0]}?' if near else ''}")
        marks = [step.region for step in script.step if step.region is not None]
        if marks not in ([], ["start", "stop"]):
            problems.append("region: one step starts it and a later one stops it")
    if problems or script is None:
        count = counted(len(problems), "error")
        raise UsageError(
            f"serial script {path} is not valid: {count}", hint="keys of a [[step]]: " + ", ".join(_Step.model_fields), details=tuple(problems)
        )
    return SerialScript(path.name, tuple(steps), script.port)


def _step(step: _Step, where: str, script: Path, problems: list[str]) -> SerialStep:
    given = [name for name in ("send", "send_hex", "send_file") if getattr(step, name) is not None]
    if len(given) > 1:
        problems.append(f"{where}: {' and '.join(given)}: give one of them")
    if not given and not step.expect:
        problems.append(f"{where}: neither expects nor sends anything")
    data = b""
    if step.expect:
        try:
            re.compile(step.expect.encode())
        except re.error as error:
            problems.append(f"{where}.expect: {error}")
    if step.send is not None:
        data = step.send.encode()
    elif step.send_hex is not None:
        try:
            data = bytes.fromhex(step.send_hex)
        except ValueError as error:
            problems.append(f"{where}.send_hex: {error}")
    elif step.send_file is not None:
        try:
            path = script.parent / step.send_file
            data = read_bytes(path, UsageError, what=f"{where}.send_file {path}", most_bytes=_LARGEST_FILE)
        except UsageError as error:
            problems.append(str(error).splitlines()[0])
    region = None if step.region is None else RegionMark(step.region)
    return SerialStep(step.expect, data, step.pace_us, step.delay_us, step.timeout_ms, region)
