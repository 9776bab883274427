"""The kind `json` against another library, and where it says that a value does not fit."""

import json

import jsonschema
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import check_outputs, infer_style, parse_style

SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}}, "required": ["a"]},
    {"type": "array", "items": {"type": ["string", "null"], "maxLength": 2}, "minItems": 1, "uniqueItems": True},
    {"anyOf": [{"type": "number", "minimum": 0}, {"const": {"a": []}}]},
    {"$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "$ref": "#/$defs/tree"},
    {"type": "object", "patternProperties": {"^a": {"type": "boolean"}}, "additionalProperties": False},
    {"not": {"type": "string"}, "if": {"type": "number"}, "then": {"multipleOf": 2}},
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, -1.5, 2.0, "", "x", "y", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ab", "c"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def violations(schema: dict, *outputs: str) -> list[dict]:
    """The violations of outputs; each place must hold what was found."""
    style = parse_style(json.dumps({"checks": [{"kind": "json", "schema": schema}]}))
    rows = check_outputs(pl.DataFrame({"output": outputs, "input": [""] * len(outputs)}), style).violations
    for row in rows.iter_rows(named=True):
        assert row["start"] is None or outputs[row["index"]][row["start"] : row["end"]] == row["found"]
    return rows.to_dicts()


@pytest.mark.slow
@pytest.mark.parametrize("schema", SCHEMAS)
@settings(max_examples=30, deadline=None)
@given(values=st.lists(VALUES, min_size=1, max_size=4), indent=st.sampled_from([None, 2]))
def test_it_agrees_with_another_library(schema, values, indent):
    outputs = [json.dumps(value, indent=indent, ensure_ascii=indent is None) for value in values]
    oracle = jsonschema.Draft202012Validator(schema)
    expected = {index for index, value in enumerate(values) if not oracle.is_valid(value)}
    assert {row["index"] for row in violations(schema, *outputs)} == expected


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from('{}[]",:0123456789.eE-+ \n\\utrfalsnN"ä😀'), max_size=25))
def test_what_python_cannot_read_is_no_json(text):
    try:
        value = json.loads(text, parse_constant=lambda name: 1 / 0)
        readable = "inf" not in repr(value)
    except (ValueError, ZeroDivisionError):
        readable = False
    found = violations({}, text)
    assert bool(found) == (not readable) or "once" in found[0]["expected"] or "surrogate" in found[0]["expected"]


PLACES = [
    ({"properties": {"a": {"items": {"type": "integer"}}}}, '{"b": [1], "a" : [ 1 , "ä x", 2]}', '"ä x"', "$.a[1]: "),
    ({"required": ["b"]}, '{"a": 1}', '{"a": 1}', '$: "b" is a required property'),
    ({"additionalProperties": {"type": "null"}}, '{"a b": 1}', "1", '$["a b"]: '),
    ({"properties": {"d": {"format": "date"}}}, '{"d": "2026-13-01"}', '"2026-13-01"', "$.d: "),
    ({"properties": {"a": {"const": 1}}}, '{"\\u0061": 2}', "2", "$.a: "),
]


@pytest.mark.parametrize(("schema", "output", "text", "expected"), PLACES)
def test_a_value_that_does_not_fit_has_its_place_and_path(schema, output, text, expected):
    (row,) = violations(schema, output)
    assert row["found"] == text
    assert row["expected"].startswith(expected)


@pytest.mark.slow
def test_very_many_wrong_values_are_cut_short():
    rows = violations({"items": {"type": "string"}}, json.dumps(list(range(50_000))))
    assert len(rows) == 21
    assert rows[-1]["expected"] == "nothing more that does not fit"


def test_a_date_that_yaml_reads_is_the_text_that_stands_there():
    style = parse_style("checks: [{kind: json, schema: {const: 2026-01-02}}]")
    results = check_outputs(pl.DataFrame({"output": ['"2026-01-02"', "1"], "input": ["", ""]}), style)
    assert results.status["json"].to_list() == ["pass", "fail"]


def test_a_hostile_pattern_of_a_schema_cannot_hang():
    assert violations({"pattern": "^(a+)+$"}, json.dumps("a" * 100_000 + "b"))


def copied(output: str, request: str, keys: list[str]) -> list[dict]:
    style = parse_style(f"checks: [{{kind: json, from_request: {json.dumps(keys)}}}]")
    pairs = pl.DataFrame({"output": [output], "input": [request]})
    return check_outputs(pairs, style).violations.to_dicts()


def test_texts_of_the_named_keys_are_copied_from_the_request():
    request = "Play  Blue\nMonday by New Order, please"
    fine = {"track": "blue monday", "by": {"artist": ["New Order"]}, "action": "play music"}
    assert copied(json.dumps(fine), request, ["track", "artist"]) == []
    (wrong,) = copied(json.dumps(fine | {"track": "Blue Mon"}), request, ["track", "artist"])
    assert (wrong["found"], wrong["expected"]) == ('"Blue Mon"', "$.track: a text of the request")
    (wrong,) = copied(json.dumps(fine | {"by": {"artist": ["Joy Division"]}}), request, ["track", "artist"])
    assert wrong["expected"].startswith("$.by.artist[0]")
    assert copied(json.dumps({"track": 5}), request, ["track"]) == []  # numbers are facts, which other checks compare


def test_very_many_invented_texts_are_cut_short():
    assert len(copied(json.dumps({"a": [f"x{n}" for n in range(5_000)]}), "y", ["a"])) == 20


@pytest.mark.slow
def test_keys_copied_from_requests_are_inferred():
    rows = [(f"play song number {n} now", json.dumps({"song": f"song number {n}", "n": "one"})) for n in range(100)]
    pairs = pl.DataFrame({"input": [i for i, _ in rows], "output": [o for _, o in rows]})
    style = infer_style(pairs).schema
    assert [c.parameters.from_request for c in style.checks if c.kind == "json" and c.about == "facts"] == [("song",)]
