"""Saved profiles: what goes in comes out, and damage is told, never read."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.errors import ProfileError
from instsim.isa import Isa
from instsim.profile import (
    BlockProfile,
    DividerUse,
    FirmwareFacts,
    FunctionSpan,
    KernelRecord,
    RunFacts,
    TensorShape,
    is_profile,
    load_profile,
    save_profile,
)
from instsim.profile.file import profile_bytes, profile_from_bytes

EXAMPLE = BlockProfile(
    isa=Isa.THUMB,
    addresses=np.array([0x8000000, 0x8000010], np.int64),
    sizes=np.array([4, 6], np.int64),
    code=bytes(range(10)),
    executions=np.array([[1, 2], [3, 4]], np.int64),
    fallthroughs=np.array([[1, 0], [3, 1]], np.int64),
    kernels=(KernelRecord("CONV_2D", 0, 0, 0, 2, -1, (TensorShape((1, 4), "int8"), None), (TensorShape((1, 2), "int8"),), 8, 2, 0x8000010),),
    functions=(FunctionSpan("conv", 0x8000010, 6),),
    dividers=(DividerUse(0x8000002, np.array([5, 9], np.int64), np.array([1, 7], np.int64)),),
    firmware=FirmwareFacts("a.elf", "elf", "00" * 32, ("GCC 12",), {"Tag_CPU_arch": "v7E-M"}, 100, 20),
    run=RunFacts("call 1", "invoke", "region-done", None, 99, "cortex-m4", "board", 64, 10, 20, 1, ((0x40021000, 3),), "out", ("careful",)),
)


def same(one: BlockProfile, other: BlockProfile) -> bool:
    for field in fields(BlockProfile):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "dividers":
            if [(u.address, u.keys.tolist(), u.counts.tolist()) for u in a] != [(u.address, u.keys.tolist(), u.counts.tolist()) for u in b]:
                return False
        elif isinstance(a, np.ndarray):
            if a.dtype != b.dtype or a.tolist() != b.tolist():
                return False
        elif a != b:
            return False
    return True


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "run.profile"
    save_profile(EXAMPLE, path)
    assert is_profile(path)
    assert same(load_profile(path), EXAMPLE)
    assert list(tmp_path.iterdir()) == [path]


def test_same_profile_same_bytes() -> None:
    assert profile_bytes(EXAMPLE) == profile_bytes(profile_from_bytes(profile_bytes(EXAMPLE), "x"))


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_is_an_error_or_harmless(position: int, change: int) -> None:
    data = bytearray(profile_bytes(EXAMPLE))
    data[position % len(data)] ^= change
    try:
        profile_from_bytes(bytes(data), "x")
    except ProfileError as damage:
        told = str(damage)
    else:
        told = "x: "
    assert told.startswith("x: ")


@given(st.integers(0, 10**6))
def test_a_truncated_file_is_an_error(length: int) -> None:
    data = profile_bytes(EXAMPLE)
    with pytest.raises(ProfileError):
        profile_from_bytes(data[: length % len(data)], "x")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sizes": np.array([4, 7], np.int64)}, "code that does not fit"),
        ({"executions": np.array([[1, 2]], np.int64)}, "counts that do not fit"),
        ({"executions": np.array([[1, 2], [3, -4]], np.int64)}, "negative counts"),
        ({"addresses": np.array([0x8000010, 0x8000000], np.int64)}, "out of order"),
    ],
)
def test_contradictions_are_named(change: dict[str, object], problem: str) -> None:
    with pytest.raises(ProfileError, match=problem):
        profile_from_bytes(profile_bytes(replace(EXAMPLE, **change)), "x")


def test_another_version_says_how_to_get_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[profile_bytes.__module__], "FORMAT_VERSION", 0)
    old = profile_bytes(EXAMPLE)
    monkeypatch.undo()
    with pytest.raises(ProfileError, match="profile format 0") as caught:
        profile_from_bytes(old, "x")
    assert "instsim profile" in caught.value.hint


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot write"):
        save_profile(EXAMPLE, tmp_path / "no" / "run.profile")
    with pytest.raises(ProfileError, match="cannot read"):
        load_profile(tmp_path / "no.profile")
