"""The bound of the work of a JSON Schema holds, and what may take too long is stopped."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.style import check_outputs, parse_style
from tuneworth.style.kinds.json_work import SchemaWork

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


def values_in(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(values_in, inside))


def depth_of(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((1 + depth_of(one) for one in inside), default=int(isinstance(value, dict | list)))


@given(SCHEMAS, VALUES)
def test_no_schema_looks_more_often_than_the_bound(schema, value):
    bound = SchemaWork(schema).looks(depth_of(value)) * values_in(value)
    assert looks(schema, value, schema["$defs"]) <= bound


@given(SCHEMAS, st.lists(st.sampled_from("xyz-"), max_size=6))
def test_the_bound_is_of_the_looks_on_the_way_to_one_value(schema, steps):
    value = "s"
    for step in steps:
        value = [value] if step == "-" else {step: value}
    assert looks(schema, value, schema["$defs"]) <= SchemaWork(schema).looks(len(steps))


@pytest.mark.parametrize("keyword", ["properties", "patternProperties", "dependentSchemas"])
def test_the_looks_of_a_tree_are_counted_exactly(keyword):
    again = {keyword: {"x": {"$ref": "#"}}} if keyword != "dependentSchemas" else {"items": {"$ref": "#"}}
    schema = (
        {"allOf": [again, again]} if keyword != "dependentSchemas" else {"dependentSchemas": {"x": again, "y": again}}
    )
    assert SchemaWork(schema).looks(0) == 3
    assert SchemaWork(schema).looks(2) == 3 + 2 * (1 + 3) + 4 * (1 + 3)


def test_alternatives_multiply_and_a_plain_schema_does_not():
    tree = {"anyOf": [{"type": "string"}, {"items": {"$ref": "#"}}]}
    assert SchemaWork(tree).looks(200) < 1_000
    assert SchemaWork({"allOf": [tree, {"items": {"$ref": "#"}}]}).looks(40) > 1e9
    assert SchemaWork({"properties": {"a": {"type": "string"}, "b": {"items": True}}}).looks(200) <= 3


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"if": {"$ref": "#/$defs/a"}}}},
        {"$id": "https://example.org/a", "anyOf": [{"$ref": "a"}]},
        {"$anchor": "top", "oneOf": [{"$ref": "#top"}]},
        {"$dynamicAnchor": "top", "then": {"$dynamicRef": "#top"}},
    ],
)
def test_a_schema_that_refers_to_itself_for_the_same_value_counts_as_endless(schema):
    assert SchemaWork(schema).looks(0) >= 1e18


def test_a_schema_of_too_many_schemas_is_refused():
    with pytest.raises(ValueError, match="more than 50,000 schemas"):
        SchemaWork({"properties": {str(n): {} for n in range(50_001)}})


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
