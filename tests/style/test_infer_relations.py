"""Inferred rules relate an output to its request where examples do, and hold no noise: what only comes along is no rule."""

import json
import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tuneworth.core import ConfigError
from tuneworth.style import InferredStyle, check_outputs, infer_style, pair_columns, parse_style
from tuneworth.style.infer.wordings import propose_wordings

ROWS = 300
CITIES = ["New Zealand", "Peru", "Chad", "Oman", "Fiji", "Butler CC (KS)", "St. Louis", "Kočár"]
THINGS = ["notebook", "mug", "lamp", "chair", "pot"]


def learn(pair: Callable[[random.Random, int], tuple[Any, str]], rows: int = ROWS) -> InferredStyle:
    """The style of pairs, each made by chance and its number; an input that is not text has fields."""
    chance = random.Random(5)
    pairs = [pair(chance, n) for n in range(rows)]
    given = [value if isinstance(value, str) else json.dumps(value) for value, _ in pairs]
    fields = [None if isinstance(value, str) else text for (value, _), text in zip(pairs, given, strict=True)]
    table = {"input": given, "fields": fields, "output": [output for _, output in pairs]}
    return infer_style(pl.DataFrame(table, schema_overrides={"fields": pl.String}))


def entries(found: InferredStyle, kind: str) -> list[dict[str, Any]]:
    return [dict(one.entry) for one in found.evidence if one.check.kind == kind]


def verdicts(found: InferredStyle, kind: str, request: Any, *outputs: str) -> list[bool]:
    """Whether the rules of a kind accept each output for one request."""
    assert found.schema is not None
    text = request if isinstance(request, str) else json.dumps(request)
    fields = None if isinstance(request, str) else text
    table = pl.DataFrame(
        {"input": [text] * len(outputs), "fields": [fields] * len(outputs), "output": list(outputs)},
        schema_overrides={"fields": pl.String},
    )
    status = check_outputs(table, found.schema).status
    names = [check.id for check in found.schema.checks if check.kind == kind]
    return status.select(pl.all_horizontal(pl.col(names) != "fail")).to_series().to_list()


def query(chance: random.Random, n: int) -> tuple[str, str]:
    city, age = chance.choice(CITIES), chance.randrange(10, 99)
    where = f"City = {city} AND Age > {age}" if n % 2 else f'City = "{city}" AND T1.id = T2.id AND Open = "YES"'
    return f"which players from {city.lower()} are over {age}?", f"SELECT name FROM table_{n} WHERE {where}"


def test_literals_of_a_query_stand_in_the_question():
    found = learn(query)
    (grounded,) = [one for one in entries(found, "grounded") if "literals" in one["facts"]]
    assert grounded["allow"] == ["YES"]  # in every query, whatever the question
    ask = "which players from new zealand are over 30?"
    assert verdicts(
        found, "grounded", ask, 'SELECT name FROM t WHERE City = "New Zealand"', 'SELECT name FROM t WHERE City = "Peru"',
        "SELECT name FROM t WHERE City = Peru AND Age > 30", "SELECT name FROM t WHERE Age > 30",
        "SELECT name FROM t WHERE Age > 31",
    ) == [True, False, False, True, False]  # fmt: skip
    assert found.discrimination is not None
    assert found.discrimination.own > 0.95 > 0.2 > found.discrimination.shuffled


@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        ("SELECT a FROM t WHERE country = 'Peru'", []),
        ('say "peru, chad"', []),
        ("city = 'Republics of Peru'", ["Republics of Peru"]),
        ("city = 'Republic'", []),  # the request has republics
        ("x = T2.id AND y = ( SELECT z )", []),
        ("it's Peru's", []),
        ("age = 12", ["12"]),
        ("age = 3", []),
    ],
)
def test_literals_are_compared_by_their_words_and_numbers_by_value(output, wrong):
    style = parse_style("checks: [{kind: grounded, facts: [literals, operands]}]")
    table = pl.DataFrame({"input": ["three republics: Peru, Chad"], "output": [output]})
    assert check_outputs(table, style).violations["found"].to_list() == wrong


def test_a_relation_that_other_outputs_hold_as_well_is_no_rule():
    found = learn(
        lambda chance, n: ({"thing": chance.choice(THINGS), "shop": "Fieldhouse"}, f"Fieldhouse sells {n} of it.")
    )
    assert entries(found, "covers") == []


def test_the_first_word_of_a_name_is_enough_where_outputs_shorten_it():
    def pair(chance: random.Random, n: int) -> tuple[Any, str]:
        name = "".join(chance.choices("bdfgklmnprst", k=6)).title()
        return {"name": f"{name} {THINGS[n % 5]}-XS-Black"}, f"The {name} goes with anything you wear, number {n}."

    found = learn(pair)
    (covers,) = entries(found, "covers")
    assert (covers["fields"], covers["take"]) == (["name"], "first word")
    assert verdicts(found, "covers", {"name": "Kelp mug-XS"}, "The Kelp goes with anything you wear.") == [True]
    assert verdicts(found, "covers", {"name": "Kelp mug-XS"}, "The Oak goes with anything you wear.") == [False]


def translation(chance: random.Random, n: int) -> tuple[str, str]:
    slot = chance.choice(["%1$s", "{name}", "%d", ""])
    (mark,) = chance.choices(["!", ".", "…"], [1, 14, 10])
    words = "".join(chance.choices("abcdefgh", k=7))
    return f"Open {slot} {words}{mark}", f"Abrir {slot} {words[::-1]}{'...' if mark == '…' else mark}"


def test_placeholders_and_marks_of_the_request_are_kept():
    found = learn(translation, 900)
    kept = {one["id"] for one in entries(found, "pattern")}
    assert kept == {"keep-placeholders", "keep-exclamation-marks", "keep-ellipses"}
    assert not [one for one in entries(found, "punctuation") if "exclamation_marks" in one]
    request = "Open %1$s abcdefg!"
    outputs = ["Abrir %1$s gfedcba!", "Abrir %2$s gfedcba!", "Abrir %1$s %1$s gfedcba!", "Abrir %1$s gfedcba."]
    assert verdicts(found, "pattern", request, *outputs) == [True, False, False, False]


def test_a_pattern_from_the_request_counts_each_text():
    style = parse_style(r"checks: [{kind: pattern, regex: '\{\w+\}', from_request: true}]")
    table = pl.DataFrame(
        {"input": ["{a} {a} {b}"] * 3 + ["plain"], "output": ["{a}{b}{a}", "{a}{b}", "{a}{a}{b}{c}", "x"]}
    )
    results = check_outputs(table, style)
    assert results.status["pattern"].to_list() == ["pass", "fail", "fail", "not applicable"]
    rows = results.violations.select("index", "found", "start", "expected").rows()
    assert rows == [
        (1, None, None, '"{a}" as often as in the request'), (2, "{c}", 9, "only what the request has, as often")
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="from_request"):
        parse_style("checks: [{kind: pattern, regex: x, from_request: true, whole: true}]")


# --- noise ------------------------------------------------------------------------------------------------------------


def proposed(pairs: list[tuple[dict[str, str], str]]) -> dict[str, dict[str, list[str]]]:
    fields = [json.dumps(given) for given, _ in pairs]
    table = {"input": fields, "fields": fields, "output": [output for _, output in pairs]}
    return propose_wordings(pair_columns(pl.DataFrame(table)))


def test_what_comes_with_another_field_is_no_wording():
    chance = random.Random(3)
    pairs = []
    for n in range(900):
        area = chance.choice(["riverside", "city centre"])
        name = chance.choice(["Cotto", "Aromi"] if area == "riverside" else ["Wildwood", "Zizzi"])
        said = area if chance.random() < 0.6 else {"riverside": "river", "city centre": "middle"}[area]
        place = "has north wine" if (name, said) == ("Cotto", "river") else f"is by the {said}"
        pairs.append(({"name": name, "area": area}, f"{name} {place}, {n}."))
    assert proposed(pairs) == {"area": {"city centre": ["middle"], "riverside": ["river"]}}


def test_a_short_word_is_no_wording():
    chance = random.Random(3)
    pairs = []
    for n in range(900):
        code = chance.choice(["aN", "bN", "cN", "dN"])
        said = code if chance.random() < 0.6 else {"aN": "an", "bN": "un", "cN": "in", "dN": "the"}[code]
        pairs.append(({"code": code}, f"Take {said} item, {n}."))
    assert proposed(pairs) == {}


def test_a_value_within_the_name_of_another_field_is_not_near():
    def pair(chance: random.Random, n: int) -> tuple[Any, str]:
        food, price = chance.choice(["Chinese", "Indian", "Thai"]), chance.choice(["cheap", "less than £20", "dear"])
        near = "Raja Indian Cuisine" if food == "Chinese" else "Café Sicilia"
        said = "cheap" if price == "less than £20" and n % 2 else price
        return {"food": food, "price": price, "near": near}, f"A {said} place with {food} food near {near}, number {n}."

    near = {one["field"]: one.get("near") for one in entries(learn(pair, 900), "contradicts")}
    assert near["food"] is None
    assert near["price"] == {"less than £20": ["cheap"]}


def test_known_words_are_neither_tags_nor_what_requests_say():
    def pair(chance: random.Random, n: int) -> tuple[Any, str]:
        colour = chance.choice(["weiss", "blau", "beige"])
        return {
            "colour": colour,
            "number": n,
        }, f"<p>Der Stuhl &amp; Tisch in {colour}<br/>kostet {n} Euro</p>"

    (known,) = entries(learn(pair), "known_words")
    assert known["words"] == ["der", "euro", "in", "kostet", "stuhl", "tisch"]


def test_slots_of_a_template_end_with_their_tokens():
    def pair(chance: random.Random, n: int) -> tuple[Any, str]:
        low, pins = chance.choice(["1.6V", "2.6V", "3.6V"]), chance.randrange(8, 100)
        return {"pins": pins, "n": n}, f"Microcontroller number {n} with {pins} GPIO, supply {low}"

    (template,) = entries(learn(pair), "template")
    assert template["text"] in (
        "Microcontroller number {n} with {pins} GPIO, supply {part 3}",
        "Microcontroller number {part 1} with {part 2} GPIO, supply {part 3}",
    )


def test_empty_items_are_no_form_of_a_list():
    def pair(chance: random.Random, n: int) -> tuple[Any, str]:
        parts = [f"{n}KB RAM", f"{n % 64 + 20} GPIO", *chance.sample(["SPI", "I2C", "ADC", "USB"], 2)]
        return {"n": n}, ", ".join(parts)

    found = learn(pair)
    assert verdicts(found, "pattern", {"n": 84}, "84KB RAM, 40 GPIO, SPI, USB", "84KB RAM, , , 40 GPIO") == [
        True,
        False,
    ]
    assert verdicts(found, "pattern", {"n": 84}, "84KB RAM, 40 GPIO, SPI,") == [False]
