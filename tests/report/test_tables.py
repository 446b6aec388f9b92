"""Tables fit their width by cutting what may be cut and leaving out what matters least."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.report.parts import Column, Facts, Heading, Lines, Row, Table, cut_end, printable
from instsim.report.tables import render

TABLE = Table(
    "Things",
    (Column("name", numeric=False, least_width=6), Column("count"), Column("extra", importance=1)),
    (Row(("a long name", "1", "22222222")), Row(("b", "1,000", "3"))),
    (Row(("total", "1,001", "22222225"), "strong"),),
    ("A note.",),
)


def test_a_table_without_width_is_as_wide_as_its_cells():
    assert render([TABLE]) == (
        "Things\n"
        "  name         count     extra\n"
        "  ----------------------------\n"
        "  a long name      1  22222222\n"
        "  b            1,000         3\n"
        "  ----------------------------\n"
        "  total        1,001  22222225\n"
        "  A note.\n"
    )


def test_first_cells_are_cut():
    assert "  a lo..      1  22222222\n" in render([TABLE], width=25)


def test_then_the_least_important_column_leaves_and_the_others_are_whole_again():
    text = render([TABLE], width=24)
    assert "  a long name      1\n" in text
    assert "extra" not in text.splitlines()[1]
    assert text.endswith("  Left out at this\n  width: extra.\n")


def test_a_table_without_headers_has_no_rule():
    table = Table("", (Column("", numeric=False), Column("")), (Row(("a", "1")), Row(("bb", "22"))))
    assert render([table]) == "  a    1\n  bb  22\n"


def test_facts_wrap_below_their_value():
    facts = Facts("Facts", (("one", "first words and more words"), ("", "continued"), ("three", "x")))
    assert render([facts], width=34) == "Facts\n  one    first words and more\n         words\n         continued\n  three  x\n"


def test_lines_and_headings():
    assert render([Heading("Subject", "detail"), Lines(("a", "b"), title="List", bullet="! ")]) == "Subject (detail)\n\nList\n  ! a\n  ! b\n"
    assert render([Heading("Subject")]) == "Subject\n"


@pytest.mark.parametrize(
    ("text", "ascii_only", "expected"),
    [
        ("a\x1b[1m", False, r"a\x1b[1m"),
        ("tab\t\n", False, r"tab\t\n"),
        ("\u00fc", False, "\u00fc"),
        ("\u00fc", True, r"\xfc"),
        ("\u202e", False, r"\u202e"),
    ],
)
def test_printable(text, ascii_only, expected):
    assert printable(text, ascii_only=ascii_only) == expected


def test_cut_end_never_exceeds_the_width():
    assert cut_end("abcdef", 6) == "abcdef"
    assert cut_end("abcdef", 5) == "abc.."
    assert cut_end("abcdef", 1) == "."


@given(
    st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40)), max_size=4),
    st.lists(st.sampled_from([None, 1, 5, 12]), min_size=3, max_size=3),
    st.integers(8, 90),
)
def test_rows_of_any_content_keep_to_the_width(cells, least, width):
    columns = tuple(Column(f"c{number}", numeric=number > 0, least_width=value, importance=number) for number, value in enumerate(least))
    for line in render([Table("", columns, tuple(Row(row) for row in cells))], width=width).splitlines():
        # Notes are never narrower than a readable text.
        assert len(line) <= max(width, 16)
