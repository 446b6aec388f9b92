"""Files that a user names are read up to a limit, and what is wrong is an error of the caller's kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from instsim.errors import BudgetFileError, InputError, TableError
from instsim.small_files import read_bytes, read_text


def test_a_file_comes_whole_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_bytes(path, InputError, most_bytes=5) == b"12345"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        read_bytes(path, InputError, most_bytes=4)


def test_text_may_have_a_byte_order_mark_and_nothing_but_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfb\xc3\xa9\r\n")
    assert read_text(path, TableError) == "b\u00e9\r\n"
    path.write_bytes(b"ab\xff")
    with pytest.raises(BudgetFileError, match=r"budgets: not UTF-8 text \(byte 2\)") as caught:
        read_text(path, BudgetFileError, what="budgets", hint="one", text_hint="other")
    assert caught.value.hint == "other"


@pytest.mark.parametrize("name", ["absent", "."])
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableError, match="cannot be read: ") as caught:
        read_text(tmp_path / name, TableError, hint="make one")
    assert caught.value.hint == "make one"
