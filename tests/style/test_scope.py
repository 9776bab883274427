"""Checks that are limited to pieces of the outputs: each sentence, the last line."""

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.style import (
    check_outputs,
    check_sentence,
    explain,
    missing_fields,
    pair_columns,
    parse_style,
    write_guide,
)


def table(*outputs: str, fields: str | None = None) -> pl.DataFrame:
    columns = {"output": outputs, "input": [""] * len(outputs), "fields": [fields] * len(outputs)}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def found(check: str, output: str, fields: str | None = None) -> tuple[str, list[str | None]]:
    results = check_outputs(table(output, fields=fields), parse_style(f"checks:\n  - {check}"))
    for text, start, end in results.violations.select("found", "start", "end").iter_rows():
        assert start is None or output[start:end] == text
    return results.status.item(), results.violations["found"].to_list()


def pieces(scope: str, output: str) -> list[str | None]:
    """The pieces of an output, as the places of a check that nothing passes."""
    return found(f"{{kind: pattern, regex: '(?s).+', max: 0, min: 0, {scope}}}", output)[1]


HTML = "<p>One. Two</p>\n<ul><li>A b</li><li>C <b>d</b></li></ul><ol><li>E</li></ol><p>Last"
TEXT = "Dr. No came. He left!  Why?\n\n- one\n  more\n* two.\n1. three\nEnd e.g. here\n\n  \nLast one."
PIECES = [
    ("each: sentence", TEXT,
     ["Dr. No came.", "He left!", "Why?", "- one", "more", "* two.", "1. three", "End e.g. here", "Last one."]),
    ("each: line", "a\r\n\n b \nc", ["a", "b", "c"]),
    ("each: paragraph", TEXT, ["Dr. No came. He left!  Why?", "- one\n  more\n* two.\n1. three\nEnd e.g. here", "Last one."]),
    ("each: bullet", TEXT, ["one\n  more", "two."]),
    ("each: item", TEXT, ["one\n  more", "two.", "three"]),
    ("each: item", "```\n- code\n```\n- item\n\n  apart", ["item"]),
    ("each: paragraph", HTML, ["One. Two", "Last"]),
    ("each: bullet", HTML, ["A b", "C <b>d</b>"]),
    ("each: item", HTML, ["A b", "C <b>d</b>", "E"]),
    ("each: sentence", "<p>One. Two</p><p>Three</p>", ["One.", "Two", "Three"]),
    ("each: sentence", "一句。两句", ["一句。", "两句"]),
    ("part: first sentence", TEXT, ["Dr. No came."]),
    ("part: second paragraph", "a\n\nb\n\nc", ["b"]),
    ("part: third line", "a\nb\nc\nd", ["c"]),
    ("part: last bullet", TEXT, ["two."]),
    ("part: third paragraph", "a\n\nb", []),
    ("{each: sentence, part: last paragraph}"[1:-1], "A. B.\n\n  C. D", ["C.", "D"]),
    ("each: line", "", []),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "output", "expected"), PIECES)
def test_outputs_are_cut_into_pieces(scope, output, expected):
    assert pieces(scope, output) == expected


CASES = [
    ("{kind: length, unit: words, max: 3, each: sentence}", "One two. One two three four.", "fail", ["4 words"]),
    ("{kind: punctuation, end: ., each: bullet}", "- One.\n- Two", "fail", ["o"]),
    ("{kind: punctuation, end: ., each: bullet}", "- One.\n- Two.", "pass", []),
    ("{kind: punctuation, end: ., each: bullet}", "No list", "not applicable", []),
    ("{kind: starts_with, any: [We], part: last sentence}", "They go. We stay.", "pass", []),
    ("{kind: starts_with, any: [We], part: last sentence}", "We go. They stay.", "fail", ["They"]),
    ("{kind: covers, fields: [name], part: first sentence}", "It is Ada. Yes.", "pass", []),
    ("{kind: covers, fields: [name], part: first sentence}", "It is he. Ada.", "fail", [None]),
    ("{kind: covers, fields: [age], part: first sentence}", "It is he. Ada.", "not applicable", []),
    ("{kind: allowed, values: [a, b], each: line}", "a\n\nc\nb", "fail", ["c"]),
    ("{kind: language, is: en, each: line}", "short", "not applicable", []),
    ("{kind: length, unit: tokens, max: 1, each: line}", "a b", "unscored", []),
]


@pytest.mark.parametrize(("check", "output", "status", "expected"), CASES)
def test_a_check_of_pieces_finds_what_is_wrong_in_one(check, output, status, expected):
    assert found(check, output, '{"name": "Ada"}') == (status, expected)


@pytest.mark.parametrize(
    "check", ["kind: no_repeats, words: 2", "kind: known_words, words: [a]", "kind: grounded", "kind: json"]
)
def test_a_check_of_pieces_applies_to_no_output_where_none_has_them(check):
    assert found(f"{{{check}, each: bullet}}", "a b a b") == ("not applicable", [])


def test_a_violation_without_a_place_names_its_piece():
    style = parse_style("checks: [{kind: length, unit: words, max: 3, each: sentence}]")
    row = check_outputs(table("One two. One two three four."), style).violations.row(0, named=True)
    sentence = explain(style.checks[0], row["found"], row["expected"])
    assert sentence == 'length: the text has 4 words, expected at most 3 words in the sentence "One two three four."'


def test_the_guide_says_which_pieces():
    style = parse_style(
        "checks: [{kind: length, unit: words, max: 3, each: sentence, part: first paragraph, when: name},"
        " {kind: length, unit: words, max: 9, id: all}]"
    )
    text = "Where there is a name: in each sentence of the first paragraph: write at most 3 words."
    assert check_sentence(style.checks[0]) == text
    assert f"- {text}\n- Write at most 9 words." in write_guide(style)


@pytest.mark.parametrize(("scope", "problem"), [
    ("each: word", ".each: expected sentence or line or bullet or paragraph or item, found"),
    ("part: fourth line", ".part: expected a place and a piece such as first paragraph, found"),
    ("part: 3", ".part: expected a place and a piece"),
])  # fmt: skip
def test_a_piece_that_does_not_exist_is_refused(scope, problem):
    with pytest.raises(ConfigError) as error:
        parse_style(f"checks: [{{kind: length, max: 3, {scope}}}]")
    assert problem in str(error.value)


def test_pieces_that_no_output_has_are_reported():
    style = parse_style("checks: [{kind: length, max: 9, each: bullet}, {kind: length, max: 9, each: line, id: l}]")
    assert [*missing_fields(style, pair_columns(table("a", "b")))] == [
        'rule "length" looks at each bullet and applies to none of the 2 outputs'
    ]


PARTS = [
    "a",
    "B. ",
    "! ",
    "\n",
    "\n\n",
    "- ",
    "  x",
    "1. ",
    "<p>",
    "</p>",
    "<li>",
    "<ul>",
    "…",
    "e.g. ",
    "\ufdd0",
    "\u2028",
    "😀",
]
SCOPES = ["each: sentence", "each: line", "each: bullet", "each: paragraph", "each: item", "part: last line"]


@pytest.mark.slow
@settings(max_examples=30)
@given(
    st.sampled_from(SCOPES),
    st.lists(st.lists(st.sampled_from(PARTS), max_size=12).map("".join), min_size=1, max_size=3),
)
def test_pieces_are_in_order_do_not_overlap_and_are_found_alone(scope, outputs):
    check = f"checks: [{{kind: pattern, regex: '(?s).+', max: 0, min: 0, {scope}}}]"
    together = check_outputs(table(*outputs), parse_style(check)).violations
    for index, output in enumerate(outputs):
        rows = together.filter(pl.col("index") == index)
        assert rows["found"].to_list() == pieces(scope, output)
        spans = [*rows.select("start", "end").iter_rows()]
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["a. ", "- a\n", "<li>", "<p>a", "\n\n", "1. ", "<p", "a", ".", "<p <p>"])
@pytest.mark.parametrize("scope", SCOPES)
def test_long_outputs_are_cut_to_the_end(scope, piece):
    style = parse_style(f"checks: [{{kind: length, unit: words, max: 1000000, {scope}}}]")
    assert check_outputs(table(piece * (100_000 // len(piece))), style).status.item() in ("pass", "not applicable")
