"""Phrases that say a value of a field in other words are found in the outputs, and no others."""

import json
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import check_outputs, infer_style, pair_columns, parse_style
from tuneworth.style.infer.wordings import propose_wordings

SAYS = {
    "yes": ["suits the whole family", "is good for children", "welcomes kids"],
    "no": ["bores each child", "is an adults only place"],
    None: ["opens at noon", "has a garden"],
}


def places(count: int = 600, seed: int = 0) -> pl.DataFrame:
    """Sentences about places: `family` is never written as yes or no; a name of its own comes with one value."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        family = chance.choice(["yes", "yes", "no", None])
        name = chance.choice(["Blue Spice", "The Mill"]) if family == "yes" else chance.choice(["Cotto", "Aromi"])
        fields = {"name": name} | ({"family": family} if family else {})
        rows.append((json.dumps(fields), f"{name} {chance.choice(SAYS[family])} and serves {chance.choice('abcdef')}."))
    return pl.DataFrame({"input": [f for f, _ in rows], "fields": [f for f, _ in rows], "output": [o for _, o in rows]})


def test_the_phrases_that_say_a_value_are_proposed():
    found = propose_wordings(pair_columns(places()))
    assert set(found) == {"family"}  # a name that comes with one value alone does not say it
    for value, texts in found["family"].items():
        for sentence in SAYS[value]:
            assert any(f" {text} " in f" {sentence} " for text in texts), (value, sentence)
        others = [sentence for other, sentences in SAYS.items() if other != value for sentence in sentences]
        assert not [sentence for sentence in others if any(f" {text} " in f" {sentence} " for text in texts)]


@pytest.mark.slow
def test_an_inferred_style_knows_the_wordings():
    found = infer_style(places(3_000))
    assert found.schema is not None
    assert "family" in found.schema.wordings
    assert parse_style(found.text) == found.schema
    (covers,) = [c for c in found.schema.checks if c.kind == "covers" and c.parameters.fields == ("family",)]
    wrong = pl.DataFrame(
        {"output": ["Cotto is good for children.", "Cotto is an adults only place."], "input": ["", ""],
         "fields": [json.dumps({"name": "Cotto", "family": "no"})] * 2}
    )  # fmt: skip
    assert check_outputs(wrong, found.schema).status[covers.id].to_list() == ["fail", "pass"]


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_words_at_random_say_nothing(seed):
    chance = random.Random(seed)
    words = [f"word{chr(97 + n)}" for n in range(20)]
    rows = [(chance.choice(["red", "blue"]), " ".join(chance.choices(words, k=6))) for _ in range(300)]
    fields = [json.dumps({"colour": colour}) for colour, _ in rows]
    table = pl.DataFrame({"input": fields, "fields": fields, "output": [text for _, text in rows]})
    assert propose_wordings(pair_columns(table)) == {}


def test_numbers_are_no_wordings():
    chance = random.Random(1)
    rows = [(chance.choice(["cheap", "dear"]), n) for n in range(400)]
    fields = [json.dumps({"price": price}) for price, _ in rows]
    outputs = [f"It is {20 if price == 'cheap' else 90} pounds, number {n}." for price, n in rows]
    assert propose_wordings(pair_columns(pl.DataFrame({"input": fields, "fields": fields, "output": outputs}))) == {}


def foods(says: dict[str, list[str]], count: int = 600) -> pl.DataFrame:
    """Sentences that say one of two values, each in the ways given for it."""
    chance = random.Random(1)
    values = [chance.choice([*says]) for _ in range(count)]
    given = [json.dumps({"food": value}) for value in values]
    texts = [
        f"{chance.choice(['It', 'Cotto', 'The Mill'])} {chance.choice(says[value])} {n} times."
        for n, value in enumerate(values)
    ]
    return pl.DataFrame({"input": given, "fields": given, "output": texts})


def test_what_comes_with_the_value_itself_as_often_is_no_wording_of_it():
    other = ["serves Chinese rice", "cooks Chinese rice"]
    beside = foods({"English": ["serves English breakfast", "has breakfast", "is British"], "Chinese": other})
    instead = foods({"English": ["serves English dishes", "has breakfast", "is British"], "Chinese": other})
    assert "breakfast" not in propose_wordings(pair_columns(beside))["food"]["English"]
    assert "british" in propose_wordings(pair_columns(beside))["food"]["English"]
    assert "breakfast" in propose_wordings(pair_columns(instead))["food"]["English"]


def test_the_last_words_of_a_value_say_it_and_its_other_parts_do_not():
    says = {
        "city centre": ["is in the city centre", "is in the centre"],
        "less than 20": ["costs less than 20", "costs less"],
        "Populous (company)": ["is by Populous"],
        "Otto and Anna": ["is by Otto and Anna", "is by Anna"],
        "Brik": ["is by Brik"],
        "Zeltmann": ["is by Zeltmann"],
    }
    found = propose_wordings(pair_columns(foods(says)))["food"]
    assert found == {"Populous (company)": ["populous"], "city centre": ["centre"]}


def test_a_wording_does_not_begin_with_a_word_that_any_text_has():
    found = propose_wordings(
        pair_columns(foods({"high": ["is high", "there is a dear place"], "low": ["is low", "has its bargain"]}))
    )
    texts = [text for values in found.get("food", {}).values() for text in values]
    assert texts
    assert not any(text.split()[0] in ("there", "is", "a", "has", "its") for text in texts)
