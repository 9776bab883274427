"""A style that is planted in examples is found again; one in a hundred styles that is not, is not."""

import json
import random
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import check_outputs, infer_style, parse_style

WORDS = [
    "amber",
    "basket",
    "candle",
    "desk",
    "ember",
    "frame",
    "garden",
    "hinge",
    "island",
    "jacket",
    "kettle",
    "lantern",
    "marble",
    "needle",
    "orchard",
    "pillow",
    "quilt",
    "ribbon",
    "saddle",
    "table",
    "umbrella",
    "velvet",
    "window",
    "yarn",
    "zipper",
    "anchor",
    "bottle",
    "carpet",
    "drawer",
    "engine",
    "feather",
    "glove",
    "hammer",
]
PACKAGES = ["SOT-23", "TO-220", "SOIC-8", "DIP-14", "QFN-32", "TSSOP-20"]


def line(draw: random.Random, low: int = 4, high: int = 9) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randint(low, high)))


def sentence(draw: random.Random) -> str:
    return f"{line(draw).capitalize()}."


def keys(draw: random.Random) -> str:
    return f"Name: {line(draw, 1, 3)}\nColour: {draw.choice(WORDS)}\nUse: {line(draw, 2, 6)}"


def bullets(draw: random.Random) -> str:
    return "\n".join(f"- {line(draw, 2, 6)}" for _ in range(draw.randint(2, 5)))


def sections(draw: random.Random) -> str:
    return f"## What it is\n{sentence(draw)}\n\n## Who needs it\n{sentence(draw)} {sentence(draw)}"


def record(draw: random.Random) -> str:
    return json.dumps({"name": line(draw, 1, 3), "weight": draw.randint(1, 99), "kind": draw.choice(["big", "small"])})


def facts(draw: random.Random) -> str:
    return ", ".join(line(draw, 1, 3) for _ in range(draw.randint(3, 5)))


def mess(draw: random.Random) -> str:
    """What breaks each of the planted styles."""
    ends = draw.choice(["!", "?", ";", "…"])
    return "\n\n".join(f"{line(draw, 20, 60).upper()} Ünd{ends}{line(draw, 3, 5)}{ends}" for _ in range(3))


PLANTED: dict[str, tuple[Callable[[random.Random], str], set[str]]] = {
    "sentences": (sentence, {"length", "punctuation", "case"}),
    "keys": (keys, {"key_values"}),
    "bullets": (bullets, {"list"}),
    "sections": (sections, {"sections"}),
    "records": (record, {"json"}),
    "facts": (facts, {"pattern", "length"}),
    "lower": (line, {"case", "length", "punctuation"}),
}


def examples(seed: int, make: Callable[[random.Random], str], *, n: int = 400, wrong: float = 0.02) -> pl.DataFrame:
    draw = random.Random(seed)
    broken = set(draw.sample(range(n), round(wrong * n)))
    outputs = [mess(draw) if k in broken else make(draw) for k in range(n)]
    return pl.DataFrame(
        {"output": outputs, "input": [f"request {k}" for k in range(n)], "id": [f"p{k}" for k in range(n)]}
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_style_is_found_in_spite_of_exceptions(name, seed):
    make, kinds = PLANTED[name]
    table = examples(seed, make)
    found = infer_style(table, name=name)
    assert found.schema is not None, found.message
    assert kinds <= {check.kind for check in found.schema.checks if check.level == "must"}, found.text
    accepted = check_outputs(table, found.schema).shares()["acceptable"]
    assert accepted.fill_null(False).mean() >= 0.95
    assert parse_style(found.text) == found.schema


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.1, 0.4, 0.7])
def test_a_field_at_the_end_has_the_level_of_its_share(share):
    draw = random.Random(1)
    packages = draw.choices(PACKAGES, k=400)
    outputs = [f"{line(draw)}, {draw.choice(WORDS) if draw.random() < share else package}" for package in packages]
    fields = [json.dumps({"package": package}) for package in packages]
    table = pl.DataFrame(
        {"output": outputs, "input": [f"package: {p} {n}" for n, p in enumerate(packages)], "fields": fields}
    )
    found = infer_style(table)
    said = {one.check.kind: one.level for one in (*found.evidence, *found.suggestions)}
    wanted = {0.02: "must", 0.1: "should", 0.4: None}
    assert said.get("ends_with", "nothing") == wanted.get(share, "nothing"), found.text


@pytest.mark.slow
@settings(max_examples=8)
@given(st.randoms(use_true_random=False), st.sampled_from(sorted(PLANTED)))
def test_the_order_of_the_examples_changes_nothing(draw, name):
    table = examples(3, PLANTED[name][0], n=120)
    order = list(range(len(table)))
    draw.shuffle(order)
    assert infer_style(table[order]).text == infer_style(table).text


@pytest.mark.slow
@given(st.lists(st.text(max_size=30), min_size=20, max_size=40, unique=True), st.booleans())
def test_any_examples_give_a_style_that_can_be_read_or_none(texts, fielded):
    fields = [json.dumps({"name": text, "items": [text, text]}) if fielded else None for text in texts]
    table = pl.DataFrame({"output": texts, "input": texts, "fields": pl.Series(fields, dtype=pl.String)})
    found = infer_style(table, name=texts[0], source=texts[1])
    assert found.schema is None or parse_style(found.text) == found.schema


@pytest.mark.slow
def test_two_styles_mixed_half_and_half_are_none():
    table = pl.concat([examples(0, record, n=200), examples(1, bullets, n=200), examples(2, mess, n=200)])
    found = infer_style(table.with_columns(id=pl.int_range(600).cast(pl.String)))
    assert not found.found_style, found.text
