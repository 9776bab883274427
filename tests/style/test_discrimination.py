"""How well rules tell a right answer from a wrong one: own outputs, those of other requests, and the inputs alone."""

import json
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.style import Columns, Discrimination, Passing, check_outputs, measure_discrimination, parse_style
from tuneworth.style.discrimination import inputs_alone, other_outputs

COLOURS = ("red", "blue", "green", "white", "black")
FORM = parse_style("checks: [{kind: length, unit: words, max: 12}, {kind: punctuation, end: .}]")
FACTS = parse_style("checks: [{kind: covers, fields: [colour, size]}]")
BOTH = parse_style(
    "checks: [{kind: punctuation, end: .}, {kind: covers, fields: [colour], level: should}, {kind: grounded}]"
)


def shares(own: float, shuffled: float) -> Discrimination:
    return Discrimination(own=own, shuffled=shuffled, fields_only=0.0, rows=100, by_check={})


def boxes(count: int = 60) -> pl.DataFrame:
    """Pairs about boxes, each with its colour and size in the output."""
    rows = []
    for n in range(count):
        fields = {"colour": COLOURS[n % 5], "size": f"{10 + n} cm"}
        text = "\n".join(f"{name}: {value}" for name, value in fields.items())
        rows.append((text, json.dumps(fields), f"A {fields['colour']} box of {fields['size']}."))
    return pl.DataFrame(rows, schema=["input", "fields", "output"], orient="row")


def test_rules_of_form_accept_answers_to_other_requests_and_say_so() -> None:
    found = measure_discrimination(boxes(), FORM)
    assert found is not None
    assert (found.own, found.shuffled) == (1.0, 1.0)
    assert found.weak
    assert found.sentence == "These rules accept 100% of answers to other requests: they check form only."


def test_rules_of_fact_reject_answers_to_other_requests() -> None:
    found = measure_discrimination(boxes(), FACTS)
    assert found is not None
    assert (found.own, found.shuffled, found.fields_only) == (1.0, 0.0, 1.0)
    assert not found.weak
    assert "100% of the examples' own outputs and 0% of answers to other requests" in found.sentence


def test_only_must_rules_count_and_each_is_listed() -> None:
    found = measure_discrimination(boxes(), BOTH)
    assert found is not None
    assert list(found.by_check) == ["punctuation", "grounded"]
    assert found.by_check["punctuation"].difference == 0
    assert found.by_check["grounded"].difference == 1
    assert found.by_check["punctuation"].fields_only == 0
    assert found.by_check["grounded"] == Passing(own=1.0, shuffled=0.0, fields_only=1.0)


def test_shares_equal_those_of_checking_the_swapped_table() -> None:
    pairs = boxes(40)
    swapped = pairs.with_columns(output=other_outputs(pairs["input"], pairs["output"]))
    expected = check_outputs(swapped, BOTH).shares()["acceptable"].mean()
    found = measure_discrimination(pairs, BOTH)
    assert found is not None
    assert found.rows == 40
    assert found.shuffled == pytest.approx(expected)


def test_the_order_of_the_rows_does_not_matter() -> None:
    pairs = boxes()
    assert measure_discrimination(pairs, BOTH) == measure_discrimination(
        pairs.sample(fraction=1.0, shuffle=True, seed=3), BOTH
    )


def test_too_few_examples_or_no_must_rule_give_no_measure() -> None:
    same = pl.DataFrame({"input": ["a"] * 50, "output": ["b."] * 50})
    assert measure_discrimination(boxes(19), FORM) is None
    assert measure_discrimination(same, FORM) is None
    assert measure_discrimination(boxes().clear(), FORM) is None
    assert measure_discrimination(boxes(), parse_style("checks: [{kind: punctuation, end: ., level: should}]")) is None


def test_rules_that_hardly_accept_anything_are_not_called_rules_of_form() -> None:
    found = shares(own=0.1, shuffled=0.0)
    assert found.weak
    assert "accept 10% of the examples' own and 0% of answers to other requests" in found.sentence
    assert "form only" not in found.sentence


def test_twenty_points_are_enough() -> None:
    assert not shares(own=0.7, shuffled=0.5).weak
    assert shares(own=0.7, shuffled=0.51).weak


def test_a_text_of_the_input_alone_has_the_fields_or_the_plain_text() -> None:
    columns = Columns(
        pl.Series("output", ["x", "y"]), pl.Series("input", ["colour: red\nsizes: 1, 2", "plain"]),
        pl.Series("fields", ['{"colour": "red", "none": null, "sizes": [1, 2]}', None], dtype=pl.String),
    )  # fmt: skip
    assert inputs_alone(columns).to_list() == ["red, 1, 2", "plain"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), max_size=60), st.randoms())
def test_a_swapped_output_is_of_another_request_and_another_text(
    rows: list[tuple[str, str]], chance: random.Random
) -> None:
    chance.shuffle(rows)
    inputs, outputs = (
        pl.Series(name, [row[at] for row in rows], dtype=pl.String) for at, name in enumerate(("i", "o"))
    )
    other = other_outputs(inputs, outputs).to_list()
    assert len(other) == len(rows)
    for (input_text, output), found in zip(rows, other, strict=True):
        assert found is None or any(found == o and i != input_text and o != output for i, o in rows)
    largest = max(([row[0] for row in rows].count(text) for text in "abcdef"), default=0)
    if rows and largest <= len(rows) / 2:  # then only an equal text is left out
        assert all(found is not None or len({o for _, o in rows}) < len(rows) for found in other)
