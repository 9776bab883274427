"""Copies in disguise: which of them curating finds, and which it does not. docs/curation.md has the table."""

import html
import json
import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuneworth.curate import curate, read_frame
from tuneworth.curate.match import relate
from tuneworth.curate.paraphrases import Meaning, load_embedding
from tuneworth.examples import example_path
from tuneworth.style import field_text

from .measured import corpus_of

PLANTED = 60
LOOKALIKES = str.maketrans("aceopxyiABCEHKMOPTX", "асеорхуіАВСЕНКМОРТХ")
NUMBERS = dict(
    zip(
        ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"],
        ["three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        strict=True,
    )
)
SYNONYMS = {
    "Write": "Compose",
    "line": "entry",
    "part": "component",
    "comes": "is supplied",
    "pins": "leads",
    "rated": "specified",
    "catalogue": "catalog",
}

Disguise = Callable[[str, random.Random], str]


def inside(mark: str) -> Disguise:
    """The mark within each word of four letters or more."""
    return lambda text, chance: re.sub(r"[^\W\d_]{4,}", lambda w: w.group()[:2] + mark + w.group()[2:], text)


def marked_up(text: str, chance: random.Random) -> str:
    words = text.split()
    for place in chance.sample(range(len(words)), 5):
        words[place] = chance.choice(["<b>{}</b>", "**{}**", "_{}_", "<span class='x'>{}</span>", "`{}`"]).format(
            words[place]
        )
    return f"<p>{' '.join(words)}</p>"


def sorted_words(text: str, chance: random.Random) -> str:
    return " ".join(sorted(text.split()))


DISGUISES: dict[str, Disguise] = {
    "case": lambda text, chance: text.upper(),
    "whitespace": lambda text, chance: text.replace(" ", chance.choice(["  ", " \n", "\t", "\u00a0"])),
    "markup": marked_up,
    "entities": lambda text, chance: "".join(f"&#{ord(c)};" if chance.random() < 0.3 else html.escape(c) for c in text),
    "invisible characters": inside("\u200b"),
    "soft hyphens": inside("\u00ad"),
    "combining marks": inside("\u0301"),
    "homoglyphs": lambda text, chance: text.translate(LOOKALIKES),
    "full-width letters": lambda text, chance: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "number words": lambda text, chance: re.sub(r"\b\d+(?= pins)", lambda n: NUMBERS.get(n.group(), n.group()), text),
    "stuck words": lambda text, chance: re.sub(r"(\d|\.) (?=[A-Z][a-z]{2})", r"\1", text),
    "polite prefix": lambda text, chance: f"Please {text[0].lower()}{text[1:]}",
    "a longer prefix": lambda text, chance: f"Hello, could you do me a favour and help me with this? {text} Thank you!",
    "ticket number": lambda text, chance: f"[#{chance.randrange(10**5, 10**6)}] {text}",
    "synonyms": lambda text, chance: re.sub(r"\w+", lambda w: SYNONYMS.get(w.group(), w.group()), text),
    "sorted words": sorted_words,
}  # fmt: skip


@cache
def requests() -> Sequence[dict[str, Any]]:
    """300 rows about parts of different families."""
    rows = [
        json.loads(line)
        for line in (example_path("components") / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    chance = random.Random(16)
    chance.shuffle(rows)
    found = {}
    for row in rows:
        family = row["family"]
        if family not in found and row["input"]["pins"]:
            found[family] = {name: row[name] for name in ("id", "input", "output")}
    return list(found.values())[:300]


def as_text(fields: dict[str, Any]) -> str:
    return (
        f"Write one catalogue line for the part {fields['part']} in the category {fields['category']}. "
        f"It comes in {fields['package']} with {fields['pins']} pins: {', '.join(fields['pin_names'])}. "
        f"Keywords: {fields['keywords']}. "
        f"It is rated {', '.join(fields['ratings']) or 'as usual'}."
    )


def as_lines(fields: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {field_text(value)}" for name, value in fields.items())


def as_brackets(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name}[{field_text(value)}]" for name, value in fields.items())


def in_another_order(fields: Any, form: Callable[[dict[str, Any]], Any], chance: random.Random) -> Any:
    """The same request with its fields shuffled."""
    known = next(row["input"] for row in requests() if form(row["input"]) == fields)
    names = list(known)
    chance.shuffle(names)
    return form({name: known[name] for name in names})


def found(rows: Sequence[dict[str, Any]], disguise: Callable[[Any, random.Random], Any]) -> tuple[int, int, int]:
    """Of the planted copies: dropped for the original or in its place, tied to it as siblings, and not found."""
    chance = random.Random(16)
    changed = [row for row in rows if str(disguise(row["input"], random.Random(16))) != str(row["input"])]
    planted = [
        {**row, "id": f"copy of {row['id']}", "input": disguise(row["input"], chance)}
        for row in chance.sample(changed, PLANTED)
    ]
    every = [*rows, *planted]
    outcome = dict(curate(every).ledger.select("id", "outcome").rows())
    relations = relate(corpus_of(read_frame(every).pairs), threshold=0.8, rank=np.arange(len(every)))
    place = {row["id"]: int(relations.subject[n]) for n, row in enumerate(every)}
    siblings = set(zip(relations.siblings.left.tolist(), relations.siblings.right.tolist(), strict=True))
    dropped = tied = 0
    for copy in (row["id"] for row in planted):
        original = copy.removeprefix("copy of ")
        if "duplicate" in (outcome[copy], outcome[original]):
            dropped += 1
        elif tuple(sorted((place[copy], place[original]))) in siblings:
            tied += 1
    return dropped, tied, PLANTED - dropped - tied


def table() -> dict[str, tuple[int, int, int]]:
    """The table of docs/curation.md."""
    text = (Path(__file__).parents[2] / "docs" / "curation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    return {name: (int(a), int(b), int(c)) for name, a, b, c in rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", DISGUISES)
def test_a_copy_in_disguise_is_found_as_the_table_says(name):
    rows = [{**row, "input": as_text(row["input"])} for row in requests()]
    assert found(rows, DISGUISES[name]) == table()[name]


@pytest.mark.slow
@pytest.mark.parametrize("form", [dict, json.dumps, as_lines, as_brackets])
def test_a_copy_with_its_fields_in_another_order_is_dropped(form):
    rows = [{**row, "input": form(row["input"])} for row in requests()]
    assert (
        found(rows, lambda fields, chance: in_another_order(fields, form, chance)) == table()["fields in another order"]
    )


def test_every_row_of_the_table_is_measured():
    assert {*DISGUISES, "fields in another order"} == set(table())
    assert all(sum(counts) == PLANTED for counts in table().values())


@pytest.mark.slow
def test_none_of_the_copies_that_are_found_is_across_the_split():
    rows = [{"id": row["id"], "input": as_text(row["input"]), "output": row["output"]} for row in requests()]
    chance = random.Random(3)
    caught = [name for name, counts in table().items() if not counts[2] and name in DISGUISES]
    planted = [
        {**row, "id": f"copy of {row['id']}", "input": DISGUISES[caught[n % len(caught)]](row["input"], chance)}
        for n, row in enumerate(chance.sample(rows, 10 * len(caught)))
    ]
    split = dict(curate([*rows, *planted]).kept.select("id", "split").rows())
    both = [(split[row["id"]], split[original]) for row in planted
            if row["id"] in split and (original := row["id"].removeprefix("copy of ")) in split]  # fmt: skip
    assert both
    assert all(one == other for one, other in both)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a longer prefix", "ticket number", "synonyms", "sorted words"])
def test_what_characters_miss_is_nearest_in_meaning_as_the_table_says(name, monkeypatch):
    monkeypatch.setattr("tuneworth.curate.paraphrases._LISTED", 1_000)
    chance = random.Random(16)
    rows = [{**row, "input": as_text(row["input"]), "split": "train"} for row in requests()]
    planted = [
        {**row, "id": f"copy of {row['id']}", "input": DISGUISES[name](row["input"], chance), "split": "test"}
        for row in chance.sample(rows, PLANTED)
    ]
    pairs = read_frame([*rows, *planted]).pairs
    meaning = Meaning(corpus_of(pairs), np.arange(len(pairs)), load_embedding(True), similar=1.01)
    listed = meaning.across(np.arange(len(pairs)), pairs["id"], pairs["split"]).rows
    right = sum(row.id == f"copy of {row.train_id}" for row in listed)
    text = (Path(__file__).parents[2] / "docs" / "curation.md").read_text(encoding="utf-8")
    said = re.search(rf"^\| {name} \|.* (\d+) of 60 are nearest in meaning", text, re.MULTILINE)
    assert said is not None
    assert right == int(said[1])
