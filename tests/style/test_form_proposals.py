"""What the kinds of form propose from examples: a style that is there, and nothing where there is none."""

import json
import random
import re
from collections.abc import Callable

import polars as pl
import pytest

from tuneworth.style import KINDS, check_outputs, pair_columns, parse_style

FORM = [
    name for name, kind in KINDS.items() if kind.about == "form" and name not in ("starts_with", "ends_with", "clean")
]
WORDS = re.findall(
    r"\w+", "quick brown fox jumps over lazy dog while rain falls on hills and nobody knows why it matters"
)


def proposed(outputs: list[str]) -> list[tuple[str, dict, bool, float]]:
    """Each proposal of a kind of form: kind, entry, whether it is style, and the share of outputs that keep it."""
    pairs = pl.DataFrame({"output": outputs, "input": [""] * len(outputs)})
    found = []
    for name in FORM:
        for proposal in KINDS[name].propose(pair_columns(pairs)):
            style = parse_style(json.dumps({"checks": [{"kind": name, **proposal.entry}]}))
            status = check_outputs(pairs, style).status.to_series()
            applies = (status != "not applicable").sum()
            found.append((name, dict(proposal.entry), proposal.style, (status == "pass").sum() / max(applies, 1)))
    return found


def some(chance: random.Random, low: int, high: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(low, high)))


def styleless(chance: random.Random) -> str:
    """A text of any length, ending and form."""
    forms: list[Callable[[], str]] = [
        lambda: " ".join(
            some(chance, 2, 20).capitalize() + chance.choice([".", "!", "?", "..."])
            for _ in range(chance.randint(1, 9))
        ),
        lambda: "\n".join(
            chance.choice(["- ", "* ", "1. ", ""]) + some(chance, 1, 6) for _ in range(chance.randint(2, 8))
        ),
        lambda: ", ".join(some(chance, 1, 3) for _ in range(chance.randint(1, 9))),
        lambda: some(chance, 1, 9).title(),
        lambda: some(chance, 1, 9).upper(),
        lambda: " ".join(
            [chance.choice(["12V", "7 V", "3.5", "3,5"]), some(chance, 1, 60), chance.choice(["5kg", "6 kg"])]
        ),
        lambda: (
            chance.choice(["“a”", '"a"', "«a»"])
            + chance.choice([" - ", " – ", "—"])
            + some(chance, 1, 5)
            + chance.choice(".;:")
        ),
    ]
    return chance.choice(forms)()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [60, 1_000])
def test_texts_without_a_style_suggest_none(seed, count):
    chance = random.Random(seed)
    held = [
        (name, entry)
        for name, entry, style, share in proposed([styleless(chance) for _ in range(count)])
        if style and share >= 0.8
    ]
    assert held == []


PLANTED: list[tuple[str, dict, Callable[[random.Random], str]]] = [
    # The two others have seven words: a range that outputs do not keep would refuse them.
    ("length", {"unit": "words", "min": 3, "max": 7}, lambda c: some(c, 3, 5)),
    (
        "pattern",
        {"regex": "; ", "say": "Separate the facts with a semicolon and a space."},
        lambda c: "; ".join(some(c, 1, 3) for _ in range(c.randint(2, 5))),
    ),
    (
        "pattern",
        {"regex": r"[A-Z]{2}\-[0-9]{3,4}", "whole": True},
        lambda c: f"{c.choice(['AB', 'XY'])}-{c.randint(100, 1999)}",
    ),
    (
        "sections",
        {"titles": ["Use", "Care"], "extra": False},
        lambda c: f"## Use\n{some(c, 3, 20)}\n\n## Care\n{some(c, 3, 20)}",
    ),
    (
        "sections",
        {"titles": ["Use", "Care"], "marker": "**", "extra": False},
        lambda c: f"**Use**\n{some(c, 3, 9)}\n**Care**\n{some(c, 3, 9)}",
    ),
    (
        "list",
        {"marker": "* ", "min": 3, "max": 5},
        lambda c: "\n".join(f"* {some(c, 2, 20)}" for _ in range(c.randint(3, 5))),
    ),
    ("list", {"marker": "1. "}, lambda c: "\n".join(f"{n + 1}. {some(c, 2, 6)}" for n in range(c.randint(3, 5)))),
    (
        "template",
        {"text": "Thank you {part 1}, your order {part 2} arrives soon."},
        lambda c: f"Thank you {c.choice(WORDS)}, your order {c.randint(1, 9999)} arrives soon.",
    ),
    (
        "key_values",
        {"keys": ["Name", "Price"], "extra": False},
        lambda c: f"Name: {some(c, 1, 3)}\nPrice: {c.randint(1, 99)} EUR",
    ),
    (
        "key_values",
        {"keys": ["a", "b"], "separator": " = ", "extra": False},
        lambda c: f"a = {some(c, 1, 3)}\nb = {c.random()}",
    ),
    (
        "json",
        {
            "schema": {
                "type": "object",
                "properties": {"label": {"type": "string", "enum": ["no", "yes"]}, "n": {"type": "integer"}},
                "required": ["label", "n"],
                "additionalProperties": False,
            }
        },
        lambda c: json.dumps({"label": c.choice(["yes", "no"]), "n": c.randint(0, 99)}),
    ),
    ("numbers", {"space": "one"}, lambda c: f"{some(c, 1, 40)} {c.randint(1, 99)} kg"),
    ("numbers", {"decimal": ","}, lambda c: f"{some(c, 1, 40)} {c.randint(1, 99)},{c.randint(1, 9)}"),
    ("case", {"is": "title"}, lambda c: some(c, 4, 9).title()),
    ("case", {"is": "sentence"}, lambda c: some(c, 4, 9).capitalize()),
    ("case", {"is": "lower"}, lambda c: some(c, 4, 9)),
    ("case", {"is": "upper"}, lambda c: some(c, 4, 9).upper()),
    ("punctuation", {"end": "none"}, lambda c: some(c, 4, 9)),
    ("punctuation", {"end": "!"}, lambda c: some(c, 4, 9) + "!"),
    ("punctuation", {"quotes": "curly"}, lambda c: f"{some(c, 1, 5)} “{some(c, 1, 5)}”"),
    ("punctuation", {"dashes": "em"}, lambda c: f"{some(c, 1, 5)}—{some(c, 1, 5)}"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "entry", "write"), PLANTED)
def test_a_style_that_is_there_is_proposed(kind, entry, write):
    chance = random.Random(1)
    # Two of three hundred are written otherwise.
    outputs = [write(chance) if n % 150 else "Ganz Anders geschrieben. Und 3 kg schwer" for n in range(300)]
    found = [
        (share, held)
        for name, held, style, share in proposed(outputs)
        if name == kind and style and entry.items() <= held.items()
    ]
    assert found, proposed(outputs)
    assert found[0][0] >= 0.95


def test_outputs_in_json_have_no_style_of_writing():
    outputs = [json.dumps({"a": some(random.Random(n), 2, 4), "b": n}) for n in range(100)]
    assert {name for name, _, style, _ in proposed(outputs) if style} == {"json"}


def test_nothing_is_proposed_from_nothing():
    assert proposed([]) == []
    assert not [row for row in proposed([""] * 50) if row[2]]
