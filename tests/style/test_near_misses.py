"""How many outputs with one wrong fact a style catches, and the kinds that are learnt to catch them."""

import json
from itertools import product

import polars as pl
import pytest

from tuneworth.style import check_outputs, infer_style, measure_near_misses, parse_style, render_fields

NAMES = [
    "Aroma",
    "Bluebell",
    "Cotto",
    "Dalia",
    "Ember",
    "Fennel",
    "Garden",
    "Harbour",
    "Ivy",
    "Juniper",
    "Kelp",
    "Lotus",
]
FOODS = ["Thai", "French", "Indian", "Greek"]
AREAS = ["old town", "north side", "east end"]


def pairs(rows):
    """A table of (fields or text, output)."""
    table = [
        (output, render_fields(given), json.dumps(given)) if isinstance(given, dict) else (output, given, None)
        for given, output in rows
    ]
    return pl.DataFrame(table, schema=dict.fromkeys(("output", "input", "fields"), pl.String), orient="row")


def restaurants():
    rows = []
    for number, (name, food, area) in enumerate(product(NAMES, FOODS, AREAS)):
        near = NAMES[(NAMES.index(name) + 1 + number % 5) % len(NAMES)]
        given = {"name": name, "food": food, "area": area, "near": near, "smokers": ["yes", "no"][number % 2]}
        denied = "" if number % 2 == 0 else ", no smokers"
        text = [f"{name} serves {food} food in the {area}, near {near}{denied}.",
                f"Near {near}, {name} offers {food} food in the {area}{denied}."][number % 3 % 2]  # fmt: skip
        rows.append((given, text))
    return pairs(rows)


def kinds(inferred):
    return {check.kind: check for check in inferred.schema.checks if check.kind in ("known_segments", "field_context")}


@pytest.mark.slow
def test_learnt_rules_catch_swaps_that_the_others_accept():
    inferred = infer_style(restaurants())
    others = tuple(c for c in inferred.schema.checks if c.kind not in ("known_segments", "field_context"))
    without = measure_near_misses(restaurants(), parse_style("checks: [{kind: length, unit: lines, max: 1}]"))
    assert set(kinds(inferred)) == {"known_segments", "field_context"}
    assert len(others) < len(inferred.schema.checks)
    assert without.by_kind["two values swapped"].caught == 0
    caught = inferred.near_misses.by_kind
    assert caught["two values swapped"].caught > 0.95
    assert caught["negation changed"].caught > 0.95
    assert inferred.near_misses.sentence in inferred.text
    assert int(check_outputs(restaurants(), inferred.schema).shares()["acceptable"].sum()) == len(restaurants())


def test_near_misses_do_not_depend_on_the_order_of_the_rows():
    style = parse_style("checks: [{kind: length, unit: lines, max: 1}]")
    rows, mixed = restaurants(), restaurants().sample(fraction=1.0, shuffle=True, seed=3)
    assert measure_near_misses(rows, style).survivors
    assert measure_near_misses(mixed, style) == measure_near_misses(rows, style)


def test_what_another_row_answers_to_the_same_request_is_no_near_miss():
    names = list(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))
    rows = [({"a": a, "b": b}, text) for a, b in names for text in (f"{a} and {b}", f"{b} and {a}")]
    found = measure_near_misses(pairs(rows), parse_style("checks: [{kind: length, unit: words, max: 3}]"))
    assert "two values swapped" not in found.by_kind
    assert found.by_kind["nearest request"].n == len(rows)


def test_what_a_reference_of_its_own_row_says_is_no_near_miss():
    rows = pairs([({"a": a, "b": b}, f"{a} near {b}") for a, b in zip(NAMES, NAMES[1:] + NAMES[:1], strict=True)])
    style = parse_style("checks: [{kind: length, unit: words, max: 4}]")
    assert measure_near_misses(rows, style).by_kind["two values swapped"].n == len(rows)
    swapped = [[f"{b} NEAR {a}"] for a, b in zip(NAMES, NAMES[1:] + NAMES[:1], strict=True)]
    metas = [json.dumps({"references": one}) for one in swapped]
    for known in (pl.Series("references", swapped), pl.Series("meta", metas)):
        assert "two values swapped" not in measure_near_misses(rows.with_columns(known), style).by_kind


def test_equal_numbers_and_listed_wordings_are_no_near_misses():
    rows = [
        ({"food": food, "size": size, "n": n}, f"Serves {food} food at {size} tables")
        for n, (food, size) in enumerate(product(["Thai", "Siamese"], ["1,000", "1000.0"]))
    ] * 15
    one_line = "checks: [{kind: length, unit: lines, max: 1}]"
    listed = parse_style(f"wordings: {{food: {{Thai: [Siamese]}}}}\n{one_line}")
    assert measure_near_misses(pairs(rows), parse_style(one_line)).by_kind["value of another row"].n == 60
    assert "value of another row" not in measure_near_misses(pairs(rows), listed).by_kind


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("sentence omitted", "{kind: length, unit: sentences, min: 2}"),
        ("negation changed", "{kind: forbidden, any: [not]}"),
        ("number changed", "{kind: forbidden, regex: '-'}"),
    ],
)
def test_a_rule_that_sees_a_fault_catches_it_and_no_other_rule_does(kind, rule):
    rows = pairs([({"name": name, "year": 1900 + n}, f"{name} is a place to eat. It was opened for guests: {1900 + n}.")
                  for n, name in enumerate(NAMES)])  # fmt: skip
    caught = measure_near_misses(rows, parse_style(f"checks: [{rule}]")).by_kind
    assert caught[kind].caught > 0
    assert {name for name, one in caught.items() if one.caught} <= {kind, "value omitted"}


FORMS = [
    (lambda n: ["refund", "delivery", "other"][n % 3], "label"),
    (lambda n: json.dumps({"item": NAMES[n % 12], "size": n}), "same_fields"),
    (lambda n: f"SELECT name FROM shops WHERE size = {n} AND area = '{NAMES[n % 12]}'", "same_result"),
    (lambda n: f"{n * 37}", "equals"),
    (lambda n: f"{NAMES[n % 12]} serves {FOODS[n % 4]} food to {n} guests.", "similar"),
]


@pytest.mark.parametrize(("output", "rule"), FORMS, ids=[rule for _, rule in FORMS])
def test_rules_of_form_name_the_rule_that_would_compare_outputs_with_references(output, rule):
    rows = pairs([(f"{n}: {NAMES[n % 12]}, {FOODS[n % 4]}", output(n)) for n in range(60)])
    found = measure_near_misses(rows, parse_style("checks: [{kind: length, unit: lines, max: 1}]"))
    assert found.rule == rule
    assert f"A {rule} rule would compare each output with its reference" in found.unseen
    compared = {"similar": "equals"}.get(rule, rule)
    found = measure_near_misses(rows, parse_style(f"checks: [{{kind: {compared}}}]"))
    assert (found.rule, found.unseen) == (None, "")
    assert found.caught > 0.95


def test_where_similarity_alone_compares_people_would_see_more():
    rows = pairs([(f"{n}: {NAMES[n % 12]}, {FOODS[n % 4]}", FORMS[4][0](n)) for n in range(60)])
    found = measure_near_misses(rows, parse_style("checks: [{kind: similar, at_least: 0.2}]"))
    assert found.rule == "people"
    assert found.unseen.endswith("Similarity does not show that; votes of people do.")


def test_a_style_without_must_rules_or_for_final_answers_has_no_score():
    final = parse_style("checks: [{kind: final_answer, take: last_number}]")
    assert measure_near_misses(restaurants(), final) is None
    advice = parse_style("checks: [{kind: length, unit: words, max: 3, level: should}]")
    assert measure_near_misses(restaurants(), advice) is None


def test_a_survivor_shows_fields_in_place_of_values():
    found = measure_near_misses(restaurants(), parse_style("checks: [{kind: length, unit: lines, max: 1}]"))
    swapped = next(one.text for one in found.survivors if one.kind == "two values swapped")
    assert "{food}" in swapped
    assert not any(name.lower() in swapped for name in NAMES)


@pytest.mark.slow
def test_segments_of_one_request_are_no_evidence():
    # Each segment is in eight outputs, so a rule that is counted on other outputs of a request would accept all of them.
    words = [f"{a}{b}ly" for a in "bdfgklmnprst" for b in ("ar", "en", "il", "om", "us")]
    rows = [
        ({"name": NAMES[n % 12], "n": n}, f"{NAMES[n % 12]} is {word}, {end}")
        for n, word in enumerate(words)
        for end in "abcdefgh"
    ]
    inferred = infer_style(pairs(rows))
    assert inferred.schema is not None
    assert "known_segments" not in kinds(inferred)


GIVEN = {"name": "Aroma", "near": "Ivy", "v": "30 V", "price": 1200, "day": "2026-03-05", "tags": ["low-noise", "dual"]}


@pytest.mark.parametrize(
    "output",
    ["Aroma near Ivy", "aroma, 30V", "Aroma: $1,200", "5 March 2026", "05.03.2026", "dual, Low Noise", "1200.0, Aroma"],
)
def test_a_segment_is_known_however_its_values_are_written(output):
    known = "['{name} near {near}', '{name}', '{v}', '$ {price}', '{price}', '{day}', '{tags}']"
    style = parse_style(f"checks: [{{kind: known_segments, segments: {known}}}]")
    assert check_outputs(pairs([(GIVEN, output)]), style).status.item() == "pass"


@pytest.mark.parametrize(("output", "found"), [("Aroma by Ivy, 30V", "Aroma by Ivy"), ("Aroma, 31 V", "31 V")])
def test_a_segment_that_no_example_has_is_found(output, found):
    style = parse_style("checks: [{kind: known_segments, segments: ['{name} near {near}', '{name}', '{v}']}]")
    (row,) = check_outputs(pairs([(GIVEN, output)]), style).violations.iter_rows(named=True)
    assert (row["found"], output[row["start"] : row["end"]]) == (found, found)


CONTEXT = """
wordings: {food: {Italian: [pasta]}}
checks:
  - {kind: field_context, never: {near _: [food], the _ $: [name], "{Kind of} _": [name]}, id: places}
  - {kind: field_context, negations: en, explained_by: [failed]}
"""


@pytest.mark.parametrize(
    ("given", "output", "found"),
    [
        ({"food": "Thai", "near": "Ivy"}, "Thai food near Ivy", []),
        ({"food": "Thai", "near": "Ivy"}, "Ivy food near Thai", ["Thai"]),
        ({"food": "Thai", "near": "Thai"}, "near Thai", []),  # two fields have it
        ({"food": "Italian"}, "a place near pasta", ["pasta"]),
        ({"name": "Ivy"}, "the Ivy is open", []),
        ({"name": "Ivy"}, "at the Ivy", ["Ivy"]),
        ({"name": "Ivy", "Kind of": "pub"}, "a Pub Ivy", ["Ivy"]),
        ({"name": "Ivy"}, "Ivy is not open, never", ["not", "never"]),
        ({"name": "Ivy", "open": "no"}, "Ivy is not open", []),
        ({"name": "Ivy", "state": "failed"}, "Ivy isn't open", []),
    ],
)
def test_a_value_in_the_place_of_another_and_a_negation_of_its_own_are_found(given, output, found):
    rows = check_outputs(pairs([(given, output)]), parse_style(CONTEXT)).violations
    assert rows["found"].to_list() == found
    assert [output[a:b] for a, b in rows.select("start", "end").iter_rows()] == found


def orders():
    items, sizes = ["lamp", "chair", "table", "shelf", "stool", "bench"], ["small", "large", "tall", "wide", "plain"]
    rows = []
    for item, size, count in product(items, sizes, range(2, 12)):
        kind = "light" if item == "lamp" else "furniture"
        rows.append(
            (
                f"Send {count} of the {size} {item}, please.",
                json.dumps({"kind": kind, "item": item, "size": size, "count": count}),
            )
        )
    return pairs(rows)


@pytest.mark.slow
def test_values_of_json_are_read_from_their_places_in_the_request():
    inferred = infer_style(orders())
    check = kinds(inferred)["field_context"]
    assert check.parameters.of == "request"
    assert "kind: furniture" in check.parameters.never["lamp"]
    wrong = [
        {"kind": "light", "item": "small", "size": "lamp", "count": 3},
        {"kind": "furniture", "item": "lamp", "size": "small", "count": 3},
    ]
    request = "Send 3 of the small lamp, please."
    results = check_outputs(pairs([(request, json.dumps(one)) for one in wrong]), inferred.schema)
    assert results.status[check.id].to_list() == ["fail", "fail"]
    assert inferred.near_misses.by_kind["two values swapped"].caught > 0.95
