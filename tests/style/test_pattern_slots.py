"""Patterns with `{field}` in them: the value of the field, taken literally."""

import json
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import check_outputs, check_sentence, missing_fields, pair_columns, parse_style


def judged(check: str, output: str, fields) -> tuple[str, list[str | None]]:
    pairs = pl.DataFrame({"output": [output], "input": [""], "fields": [json.dumps(fields)]})
    results = check_outputs(pairs, parse_style(json.dumps({"checks": [{"kind": "pattern", **check}]})))
    for found, start, end in results.violations.select("found", "start", "end").iter_rows():
        assert start is None or output[start:end] == found
    return results.status.item(), results.violations["found"].to_list()


CASES = [
    ({"regex": r"\b{a}\b.*{b}"}, "use x.y and (z)", {"a": "x.y", "b": "(z)"}, "pass", []),
    ({"regex": r"\b{a}\b"}, "use xzy", {"a": "x.y"}, "fail", [None]),
    ({"regex": "{a}", "max": 1}, "a a a", {"a": "a"}, "fail", ["a", "a", "a"]),
    ({"regex": "{a}", "min": 0, "max": 0}, "the A+", {"a": "A+"}, "fail", ["A+"]),
    ({"regex": "{a}", "ignore_case": True}, "the a+", {"a": "A+"}, "pass", []),
    ({"regex": "{a}!", "whole": True}, "A!", {"a": "A"}, "pass", []),
    ({"regex": "{a}!", "whole": True}, "A!!", {"a": "A"}, "fail", [None]),
    ({"regex": "{a}"}, "x", {"b": "x"}, "not applicable", []),
    ({"regex": "{a}"}, "x", {"a": "x" * 50_000}, "unscored", []),
    ({"regex": r"\p{Lu}{2}"}, "AB", {}, "pass", []),
    ({"regex": r"\x{41}{1,2}\{a\}"}, "A{a}", {}, "pass", []),
    ({"regex": "{customer rating}"}, "5 of 5", {"customer rating": "5 of 5"}, "pass", []),
]


@pytest.mark.parametrize(("check", "output", "fields", "status", "found"), CASES)
def test_a_slot_stands_for_the_value_of_its_field(check, output, fields, status, found):
    assert judged(check, output, fields) == (status, found)


def test_a_slot_of_a_field_that_no_row_has_is_reported():
    pairs = pl.DataFrame({"output": ["a"], "input": [""], "fields": ['{"colour": "red"}']})
    style = parse_style("checks: [{kind: pattern, regex: '{color}'}]")
    expected = ['rule "pattern" needs the field "color", which no row has; did you mean "colour"?']
    assert [*missing_fields(style, pair_columns(pairs))] == expected
    sentence = "The pattern `{color}` occurs at least once. `{color}` stands for the color in the request."
    assert check_sentence(style.checks[0]) == sentence


@settings(deadline=None)
@given(st.text(min_size=1, max_size=5), st.text(max_size=12))
def test_a_value_is_found_where_python_finds_it(value, text):
    count = len(re.findall(re.escape(value), text))
    assert judged({"regex": "{a}", "min": 0, "max": 0}, text, {"a": value})[0] == ("fail" if count else "pass")
