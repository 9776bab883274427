"""The check that an output, or a part of it, is one of a set of values."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.style import check_outputs, infer_style, parse_style, write_guide


def table(outputs, fields=None) -> pl.DataFrame:
    rows = [json.dumps(f) if f is not None else None for f in fields or [None] * len(outputs)]
    columns = {"output": outputs, "input": [row or "" for row in rows], "fields": rows}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def result(check: str, output: str, fields=None) -> tuple[str, list[tuple[str | None, str]]]:
    results = check_outputs(table([output], [fields]), parse_style(f"checks:\n  - {check}"))
    for found, start, end in results.violations.select("found", "start", "end").iter_rows():
        assert start is None or output[start:end] == found
    return results.status.row(0)[0], list(results.violations.select("found", "expected").iter_rows())


LABELS = "{kind: allowed, values: [yes, maybe so]}".replace("yes", "'yes'")
TAGS = "{kind: allowed, values: [a, b], separator: ', '}"
FIELD = "{kind: allowed, field: choices}"
TABLES = "{kind: allowed, field: tables, regex: '(?i)from (\\w+)'}"
ONE = 'one of "yes" or "maybe so"'
CASES = [
    (LABELS, "yes", None, "pass", []),
    (LABELS, " maybe so\n", None, "pass", []),
    (LABELS, "Yes", None, "fail", [("Yes", ONE)]),
    (LABELS.replace("}", ", ignore_case: true}"), "Yes", None, "pass", []),
    (LABELS, "yes!", None, "fail", [("yes!", ONE)]),
    (LABELS, "", None, "fail", [(None, ONE)]),
    (TAGS, "a,b, a", None, "pass", []),
    (TAGS, "a, c, d", None, "fail", [("c", 'one of "a" or "b"'), ("d", 'one of "a" or "b"')]),
    (TAGS, "a,", None, "fail", [(None, 'one of "a" or "b"')]),
    (FIELD, "pear", {"choices": ["apple", "pear"]}, "pass", []),
    (FIELD, "pear", {"choices": "apple, pear; plum"}, "pass", []),
    (FIELD, "ear", {"choices": "apple, pear"}, "fail", [("ear", 'one of "apple, pear", "apple" or "pear"')]),
    (FIELD, "ear", {"other": 1}, "not applicable", []),
    (FIELD, "ear", None, "not applicable", []),
    (TABLES, "SELECT 1 FROM a JOIN b", {"tables": ["a"]}, "pass", []),
    (TABLES, "SELECT 1 FROM b, x from a", {"tables": ["a"]}, "fail", [("b", 'one of "a"')]),
    (TABLES, "SELECT 1", {"tables": ["a"]}, "not applicable", []),
    ("{kind: allowed, values: ['1'], regex: '[0-9]+'}", "1 or 22", None, "fail", [("22", 'one of "1"')]),
]


@pytest.mark.parametrize(("check", "output", "fields", "status", "found"), CASES)
def test_an_output_is_one_of_the_values(check, output, fields, status, found):
    assert result(check, output, fields) == (status, found)


def test_the_guide_says_which_values():
    guide = write_guide(parse_style(f"checks:\n  - {LABELS}\n  - {FIELD}\n  - {TAGS}\n  - {TABLES}"))
    assert '- Answer with exactly "yes" or "maybe so".' in guide
    assert "- Answer with exactly a value of choices in the request." in guide
    assert '- Write nothing but these values, separated by ",": "a" or "b".' in guide
    assert "- Whatever matches `(?i)from (\\w+)` is a value of tables in the request." in guide


@pytest.mark.slow
def test_infer_proposes_the_field_that_outputs_come_from():
    fields = [{"choices": [f"a{n}", f"b{n}"], "n": n} for n in range(80)]
    chosen = infer_style(table([f"a{n}" for n in range(80)], fields))
    assert [one.entry for one in chosen.evidence if one.check.kind == "allowed"] == [
        {"kind": "allowed", "field": "choices"}
    ]


@given(st.lists(st.text(" ,ab\n", max_size=6), min_size=1, max_size=5))
def test_a_list_passes_exactly_if_each_piece_is_a_value(outputs):
    results = check_outputs(table(outputs), parse_style(f"checks: [{TAGS}]"))
    expected = ["pass" if all(p.strip() in ("a", "b") for p in text.split(",")) else "fail" for text in outputs]
    assert results.status["allowed"].to_list() == expected
