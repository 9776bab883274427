"""What may take a JSON Schema too long is validated where it can be stopped, and nothing else."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.style import check_outputs, parse_style
from tuneworth.style.kinds.json_value import JsonParameters

NAMES = ["a", "b", "c"]
PLACES = [
    lambda one, two: {"properties": {"x": one, "y": two}, "additionalProperties": one},
    lambda one, two: {"items": one, "contains": two},
    lambda one, two: {"prefixItems": [one, two]},
    lambda one, two: {"allOf": [{"items": one}, {"patternProperties": {"x": two, ".": one}}]},
    lambda one, two: {"anyOf": [{"items": one}, {"properties": {"x": two}}], "not": {"minLength": 1}},
]
REFERENCES = st.sampled_from([{"$ref": f"#/$defs/{name}"} for name in NAMES] + [{"type": "string"}])
SCHEMAS = st.builds(
    lambda places, references: {
        "$ref": "#/$defs/a",
        "$defs": {name: places[n](*references[2 * n : 2 * n + 2]) for n, name in enumerate(NAMES)},
    },
    st.lists(st.sampled_from(PLACES), min_size=3, max_size=3),
    st.lists(REFERENCES, min_size=6, max_size=6),
)
VALUES = st.recursive(
    st.just("s"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=8,
)


def looks(schema, value, definitions):
    """How often schemas are applied to a value and those inside of it, counted one by one and without a short cut."""
    if "$ref" in schema:
        return 1 + looks(definitions[schema["$ref"].removeprefix("#/$defs/")], value, definitions)
    same = [*schema.get("allOf", ()), *schema.get("anyOf", ()), *([schema["not"]] if "not" in schema else [])]
    n = 1 + sum(looks(one, value, definitions) for one in same)
    for number, item in enumerate(value if isinstance(value, list) else ()):
        applied = [schema[key] for key in ("items", "contains") if key in schema]
        applied += schema.get("prefixItems", [])[number : number + 1]
        n += sum(looks(one, item, definitions) for one in applied)
    for name, item in value.items() if isinstance(value, dict) else ():
        named = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        named += [one for pattern, one in schema.get("patternProperties", {}).items() if pattern in (".", name)]
        others = [schema["additionalProperties"]] if not named and "additionalProperties" in schema else []
        n += sum(looks(one, item, definitions) for one in named + others)
    return n


@given(SCHEMAS, VALUES, st.integers(1, 60))
def test_what_is_validated_at_once_is_looked_at_no_more_often_than_the_bound(schema, value, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tuneworth.style.kinds.json_value._MOST_LOOKS", most)
        at_once = not JsonParameters(schema=schema).is_much_work(json.dumps(value))
    assert not at_once or looks(schema, value, schema["$defs"]) <= most


@pytest.mark.parametrize(
    "schema",
    [
        {"items": {"$ref": "#"}},
        {"allOf": [{"items": {"$ref": "#/$defs/a"}}], "$defs": {"a": {"items": {"$ref": "#"}}}},
        {"$id": "https://example.org/a", "anyOf": [{"items": {"$ref": "a"}}]},
        {"$anchor": "top", "items": {"$ref": "#top"}},
        {"$dynamicAnchor": "top", "items": {"$dynamicRef": "#top"}},
        {"items": {"$id": "https://example.org/b", "$ref": "#/$defs/a", "$defs": {"a": {"items": True}}}},
    ],
)
def test_a_schema_that_refers_to_itself_or_to_another_place_is_validated_where_it_can_be_stopped(schema):
    assert JsonParameters(schema=schema).is_much_work("1")


def test_a_plain_schema_is_validated_at_once():
    names = {f"n{n}": {"$ref": "#/$defs/a%20b~1c"} for n in range(40)}
    schema = {"properties": names, "$defs": {"a b/c": {"type": "string"}}, "allOf": [{"$ref": "#/$defs/a%20b~1c"}]}
    assert not JsonParameters(schema=schema).is_much_work(json.dumps({f"n{n}": "" for n in range(40)}))
    assert JsonParameters(schema=schema).is_much_work(json.dumps([""] * 2_000))


def doubled(keyword, times):
    """A schema whose last definition is reached in 2 ** times ways."""
    definitions = {f"a{n}": {keyword: [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(times)}
    return {"$ref": "#/$defs/a0", "$defs": {**definitions, f"a{times}": {"type": "string"}}}


def checked(schema, outputs):
    style = parse_style(f"checks: [{{kind: json, schema: {json.dumps(schema)}}}]")
    return check_outputs(pl.DataFrame({"output": outputs, "input": [""] * len(outputs)}), style)


@pytest.mark.slow
def test_an_output_that_takes_too_long_is_unscored_and_the_others_are_checked(monkeypatch):
    monkeypatch.setattr("tuneworth.style.kinds.json_failures._PATIENCE", 0.3)
    results = checked(doubled("anyOf", 40), ["[1", "1", "2"])
    assert results.status["json"].to_list() == ["fail", "unscored", "unscored"]
    assert results.unscored["why"].unique().item().startswith("the alternatives of the JSON Schema multiply")


@pytest.mark.slow
def test_what_may_take_long_and_does_not_has_the_same_violations(monkeypatch):
    schema = {"items": {"type": "string", "minLength": 2}, "minItems": 2}
    outputs = ['["ab", 1]', '["ab", "abc"]', '["a"]', '"\\ud800"', json.dumps([*range(30)]), '{"\\ud800": "ä"}']
    usual = checked(schema, outputs)
    monkeypatch.setattr("tuneworth.style.kinds.json_value._MOST_LOOKS", 0)
    monkeypatch.setattr("tuneworth.style.kinds.json_failures._PATIENCE", 60)  # on a busy machine
    apart = checked(schema, outputs)
    assert apart.violations.equals(usual.violations)
    assert apart.status.equals(usual.status)
