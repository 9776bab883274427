"""Fields that a style asks for and no row has."""

import json

import polars as pl
import pytest

from tuneworth.style import missing_fields, pair_columns, parse_style


def told(check: str, fields: list[dict | None]) -> list[str]:
    table = pl.DataFrame(
        {"output": ["x"] * len(fields), "input": [""] * len(fields), "fields": [f and json.dumps(f) for f in fields]},
        schema={"output": pl.String, "input": pl.String, "fields": pl.String},
    )
    return [*missing_fields(parse_style(f"checks:\n  - {check}"), pair_columns(table))]


@pytest.mark.parametrize(
    "check",
    [
        "{kind: clean, when: packge}",
        "{kind: clean, when: {packge: SOT-23}}",
        "{kind: covers, fields: [package, packge]}",
        "{kind: ends_with, any: ['{packge}']}",
        "{kind: forbidden, any: ['sorry', '{packge}']}",
    ],
)
def test_a_misspelled_field_is_said_with_the_nearest_one(check):
    (line,) = told(check, [{"package": "SOT-23"}, {"pins": 3}])
    assert 'needs the field "packge", which no row has; did you mean "package"?' in line


def test_a_field_of_some_rows_is_none_to_speak_of_and_plain_texts_have_none():
    assert told("{kind: covers, fields: [pins]}", [{"package": "SOT-23"}, {"pins": 3}]) == []
    assert told("{kind: covers, fields: [pins]}", []) == []
    (line,) = told("{kind: covers, fields: [pins]}", [None])
    assert "plain text without fields" in line
