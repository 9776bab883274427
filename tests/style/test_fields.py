"""Rows that have names of their own: rules are inferred from the most common fields, and the output says so."""

import json

import polars as pl
import pytest

from tuneworth.style import MOST_FIELDS, commonest, infer_style


def pairs(fields: list[dict[str, str]]) -> pl.DataFrame:
    """One pair for each mapping of fields, with an output that begins with the colour."""
    outputs = [f"{row.get('colour', 'plain')} lamp, no. {number}" for number, row in enumerate(fields)]
    given = [json.dumps(row) for row in fields]
    return pl.DataFrame({"output": outputs, "input": given, "fields": given})


def colours(count: int, *, own: int) -> list[dict[str, str]]:
    """Rows with a colour and `own` fields that no other row has."""
    return [
        {**{f"f{row}-{n}": "x" for n in range(own)}, "colour": ("red", "blue", "green")[row % 3]}
        for row in range(count)
    ]


def test_only_the_most_common_fields_are_kept_in_the_order_given():
    counts = {f"f{n}": 1 for n in range(2 * MOST_FIELDS)} | {"colour": 40}
    kept = commonest(counts)
    assert len(kept) == MOST_FIELDS
    assert kept[-1] == "colour"
    assert kept[:2] == ["f0", "f1"]
    assert commonest({"b": 1, "a": 1}) == ["b", "a"]


@pytest.mark.slow
def test_a_field_of_all_rows_is_found_among_hundreds_of_others_and_the_style_says_so():
    inferred = infer_style(pairs(colours(80, own=5)))
    sentence = f"Only the {MOST_FIELDS} most common of 401 fields were looked at."
    assert sentence in inferred.message
    assert f"# {sentence}" in inferred.text
    assert "{colour}" in inferred.text


@pytest.mark.slow
def test_the_order_of_the_rows_does_not_change_which_fields_are_looked_at():
    rows = pairs(colours(80, own=5))
    assert infer_style(rows).text == infer_style(rows.reverse()).text


@pytest.mark.slow
def test_nothing_is_said_where_all_fields_are_looked_at():
    assert "fields were looked at" not in infer_style(pairs(colours(80, own=1))).text
