"""The disk cache gives back what was stored, or nothing."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instsim import artifacts


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(artifacts.ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_stored_data_comes_back():
    artifacts.store("kind", "a1", b"data")
    assert artifacts.load("kind", "a1") == b"data"


def test_a_missing_key_is_none():
    assert artifacts.load("kind", "a1") is None


def test_the_last_store_wins():
    artifacts.store("kind", "a1", b"one")
    artifacts.store("kind", "a1", b"two")
    assert artifacts.load("kind", "a1") == b"two"


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=40), position=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_damaged_file_is_absent_and_can_be_rewritten(data, position, flip):
    artifacts.store("kind", "damaged", data)
    path = artifacts.cache_folder() / "kind" / "damaged"
    contents = bytearray(path.read_bytes())
    contents[position % len(contents)] ^= flip
    path.write_bytes(contents)
    assert artifacts.load("kind", "damaged") is None
    artifacts.store("kind", "damaged", data)
    assert artifacts.load("kind", "damaged") == data


@settings(deadline=None)  # the disk may be busy
@given(length=st.integers(0, 35))
def test_a_truncated_file_is_absent(length):
    artifacts.store("kind", "short", b"data")
    path = artifacts.cache_folder() / "kind" / "short"
    path.write_bytes(path.read_bytes()[:length])
    assert artifacts.load("kind", "short") is None


def test_no_temporary_file_stays(cache):
    artifacts.store("kind", "a1", b"data")
    assert [path.name for path in (cache / "kind").iterdir()] == ["a1"]


def test_a_folder_that_cannot_be_made_is_no_error(cache):
    Path(cache).write_text("a file where the folder should be")
    artifacts.store("kind", "a1", b"data")
    assert artifacts.load("kind", "a1") is None


@pytest.mark.parametrize("key", ["", "../a", "a/b", ".hidden", "a" * 200])
def test_a_key_never_leaves_the_folder(key):
    with pytest.raises(ValueError, match="not a name"):
        artifacts.store("kind", key, b"")


def test_the_longest_unused_files_go(cache):
    for number in range(5):
        artifacts.store("kind", f"k{number}", b"", files_kept=3)
        os.utime(cache / "kind" / f"k{number}", (number, number))
        artifacts.load("kind", "k0")
    assert sorted(path.name for path in (cache / "kind").iterdir()) == ["k0", "k3", "k4"]


def test_a_package_has_a_stamp_without_being_imported(tmp_path, monkeypatch):
    package = tmp_path / "stamped_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    plain = artifacts.package_stamp("stamped_package")
    assert plain == artifacts.package_stamp("stamped_package")
    (package / "_version.py").write_text("version = '1'\n")
    first = artifacts.package_stamp("stamped_package")
    (package / "_version.py").write_text("version = '2'\n")
    assert len({plain, first, artifacts.package_stamp("stamped_package")}) == 3
    with pytest.raises(ModuleNotFoundError):
        artifacts.package_stamp("no_such_package_anywhere")


def test_a_toml_file_says_the_same_when_it_was_kept(cache):
    contents = b'a = 1\nb = 1.5e-3\nc = inf\n[d]\nnames = ["x", "\\u00e9"]\nyes = true\n[[d.rows]]\nbig = 0xFFFFFFFFFF\n'
    first = artifacts.toml_document(contents)
    (kept,) = (cache / "toml").iterdir()
    assert kept.is_file()
    assert artifacts.toml_document(contents) == first == tomllib.loads(contents.decode())


def test_a_toml_file_with_a_date_is_read_each_time(cache):
    contents = b"day = 2026-01-02\n"
    assert artifacts.toml_document(contents) == artifacts.toml_document(contents) == tomllib.loads(contents.decode())
    assert not (cache / "toml").exists()


@pytest.mark.parametrize("contents", [b"a = ", b"a = '\xff'"])
def test_what_is_no_toml_is_a_value_error(contents):
    with pytest.raises(ValueError, match=r"Invalid value|utf-8"):
        artifacts.toml_document(contents)
