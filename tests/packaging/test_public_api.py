"""The names of `import instsim`."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import instsim
from instsim.resources import firmware_elf
from instsim.session.request import Request

SAMPLE = firmware_elf() / "elf" / "kws-cortex-m0plus.elf"


def test_every_field_of_a_request_is_an_option() -> None:
    request = instsim._request({field.name: field.default for field in dataclasses.fields(Request)})
    assert request == Request()


def test_an_unknown_option_is_named_with_its_neighbour() -> None:
    with pytest.raises(instsim.UsageError, match="no option 'bord'") as caught:
        instsim.estimate(SAMPLE, bord="nucleo-g0b1re")
    assert "did you mean board?" in caught.value.hint


def test_import_loads_no_third_party_package() -> None:
    program = "import sys, instsim; print([m for m in ('numpy', 'click', 'unicorn', 'instsim.session', 'instsim.errors') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_is_there() -> None:
    for name in instsim.__all__:
        assert getattr(instsim, name) is not None
    assert set(instsim.__all__) <= set(dir(instsim))


def test_every_error_is_public() -> None:
    errors = importlib.import_module("instsim.errors")
    assert {name for name in errors.__all__ if isinstance(getattr(errors, name), type)} <= set(instsim.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'estimte'"):
        instsim.estimte  # type: ignore[attr-defined]  # noqa: B018


def test_profile_stays_a_function_when_the_package_of_that_name_is_imported() -> None:
    program = "import instsim, instsim.profile.file; from instsim.profile import load_profile as f; print(instsim.profile.__name__, f.__module__)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "profile instsim.profile.file\n"


def test_a_saved_profile_is_estimated_as_the_image_is(tmp_path: Path) -> None:
    options = {"board": "nucleo-g0b1re", "region": "kws_invoke", "settings_folder": tmp_path}
    ran = instsim.profile(SAMPLE, **options)
    instsim.save_profile(ran, tmp_path / "run.profile")
    direct = instsim.estimate(str(SAMPLE), **options)
    assert isinstance(direct, instsim.Estimate)
    for again in (ran, tmp_path / "run.profile", instsim.load_profile(str(tmp_path / "run.profile"))):
        assert instsim.estimate(again, board="nucleo-g0b1re", settings_folder=tmp_path) == direct


def test_one_name_for_kernels_is_one_pattern(tmp_path: Path) -> None:
    one = instsim.profile(SAMPLE, region="kws_invoke", kernels="conv_*", settings_folder=tmp_path)
    several = instsim.profile(SAMPLE, region="kws_invoke", kernels=["conv_*"], settings_folder=tmp_path)
    assert [kernel.name for kernel in one.kernels] == [kernel.name for kernel in several.kernels] != []


def test_bad_input_is_an_error_of_instsim(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no firmware")
    with pytest.raises(instsim.ImageError):
        instsim.estimate(tmp_path / "notes.txt", board="nucleo-g0b1re", settings_folder=tmp_path)
