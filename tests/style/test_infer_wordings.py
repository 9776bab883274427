"""Phrases that say a value of a field in other words are found in the outputs, and no others."""

import json
import random

import polars as pl
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
