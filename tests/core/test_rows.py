"""Rows as text: value, range and note, and as lines of a terminal."""

import doctest
import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import Row, filled, range_text, row_lines, row_text, say, unbroken, value_text


def test_the_examples_of_the_module_hold():
    assert doctest.testmod(importlib.import_module("tuneworth.core.tables")).failed == 0


@pytest.mark.parametrize(("row", "text"), [
    (Row("a", "", 0.863, "share", 0.758, 0.926), "86% (76 to 93%)"),
    (Row("a", "", None, "share"), "not measured"),
    (Row("a", "", 0.997, "chance"), "over 99%"),
    (Row("a", "", -0.043, "points", -0.1, 0.014), "-4.3 points (-10 to +1.4 points)"),
    (Row("a", "", None, "days", 33.7, None), "never (34 days to never)"),
    (Row("a", "", 5014.3, "EUR", -20, 9000, "over a year"), "5,014 EUR (-20 to 9,000 EUR), over a year"),
    (Row("a", "", "none acceptable", "EUR", 0.5, None), "none acceptable (from 0.50 EUR)"),
    (Row("a", "", 1, "request"), "1 request"),
    (Row("a", "", 1234), "1,234"),
    (Row("a", "", 2.3e9, "bytes"), "2.3 GB"),
    (Row("a", "", 200, "seconds"), "3 min 20 s"),
])  # fmt: skip
def test_each_unit_has_its_form(row, text):
    assert row_text(row) == text
    assert row_text(row, unbroken).replace("\xa0", " ").replace("−", "-") == text


@pytest.mark.parametrize("unit", ["share", "points", "days", "EUR"])
def test_a_range_equal_to_the_value_is_omitted(unit):
    assert range_text(Row("a", "", 0.5, unit, 0.5, 0.5)) == range_text(Row("a", "", 0.5, unit)) == ""


@given(
    st.text(st.characters(categories=["L", "N"], include_characters=" "), max_size=300),
    st.integers(20, 120),
    st.integers(0, 10),
)
def test_lines_fit_the_terminal_and_lose_no_word(text, columns, indent):
    lines = filled(text, indent=indent, columns=columns)
    assert " ".join(lines).split() == text.split()
    assert all(len(line) <= columns or len(line.split()) == 1 for line in lines)


def test_labels_form_a_column_and_numbers_keep_their_units():
    rows = [Row("a", "Saved", 0.4, "share", note="x" * 30 + " 200 EUR"), Row("b", "Payback", None, "days")]
    lines = row_lines(rows, label=10, columns=48)
    assert lines == [f"Saved      40%, {'x' * 30}", f"{'':11}200 EUR", "Payback    never"]
    assert value_text(rows[1], say) == "never"
