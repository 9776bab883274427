"""Which rows an edit of a check can change: never too few."""

import json

import polars as pl
import pytest

from tuneworth.style import Columns, parse_style, touched_rows

STYLE = """
wordings:
  colour: {blue: [azure], red: [crimson]}
checks:
  - {kind: covers, fields: [colour]}
  - {kind: contradicts, field: colour, values: [blue, red]}
  - {kind: grounded, allow: [X1]}
  - {kind: known_words, words: [a]}
  - {kind: length, max: 3}
"""
ROWS = [
    ("An Azure lamp", {"colour": "navy mix"}), ("NAVY lamp", {"colour": "red"}), ("a lamp", {"colour": "red"}),
    ("a navys lamp", None), ("STRASSE", {"colour": "blue"}), ("lamp", {"colour": "in der Straße"}),
]  # fmt: skip
COLUMNS = Columns(
    pl.Series([text for text, _ in ROWS]),
    pl.Series([json.dumps(fields or "a request") for _, fields in ROWS]),
    pl.Series(
        [None if fields is None else json.dumps(fields, ensure_ascii=False) for _, fields in ROWS], dtype=pl.String
    ),
)
FAILED = pl.Series([True, False, False, True, False, False])


def touched(check: str, old: str, new: str) -> list[int] | None:
    """The rows that an edit of the style's text can change, of one check."""
    assert old in STYLE
    before, after = (
        next(one for one in parse_style(text).checks if one.id == check) for text in (STYLE, STYLE.replace(old, new))
    )
    rows = touched_rows(before, after, FAILED, COLUMNS)
    return None if rows is None else rows.arg_true().to_list()


@pytest.mark.parametrize(
    ("check", "old", "new", "rows"),
    [
        ("covers", "[azure]", "[azure, navy]", [0, 1, 3]), ("contradicts", "[azure]", "[azure, navy]", [0, 1, 3]),
        ("contradicts", "[azure]", "[azure, strasse]", [4, 5]), ("contradicts", "[blue, red]", "[blue, red, navy]", [0, 1, 3]),
        ("grounded", "[azure]", "[azure, navy]", [0, 3]), ("grounded", "[X1]", "[X1, X2]", [0, 3]),
        ("known_words", "words: [a]", "words: [a, b]", [0, 3]), ("known_words", "words: [a]", "words: [a], allow: [b]", [0, 3]),
        # The first wording of a value, a list that is shorter, other words or another parameter may change any row.
        ("covers", "red: [crimson]", "red: [crimson], green: [lime]", None), ("covers", "[azure]", "[]", None),
        ("grounded", "[X1]", "[X2]", None), ("grounded", "[X1]", "[X1], facts: [numbers]", None),
        ("contradicts", "[blue, red]", "[blue]", None), ("length", "max: 3", "max: 4", None),
        ("contradicts", "[blue, red]", "[red, blue, navy]", None), ("contradicts", "[blue, red]", "[red, blue]", None),
        ("length", "max: 3", "max: 3, when: colour", None), ("covers", "[colour]", "[colour, size]", None),
    ],
)  # fmt: skip
def test_rows_that_an_edit_can_change(check: str, old: str, new: str, rows: list[int] | None):
    assert touched(check, old, new) == rows
