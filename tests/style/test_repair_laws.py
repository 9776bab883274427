"""The laws of repair, for every kind of check and for schemas of several rules."""

import json
from collections import Counter

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.style import KINDS, Repaired, check_outputs, parse_style, repair, render_fields
from tuneworth.style.facts.numbers import facts_in
from tuneworth.style.kinds.grounded import without_numbering

# Parameters of each kind, as in a style file; each fails for some of the texts.
CHECKS = {
    "length": ["unit: words, max: 4", "unit: lines, max: 1", "unit: characters, min: 3, max: 30", "unit: sentences, max: 1"],
    "pattern": ["regex: ', '", "regex: '[0-9]', min: 0, max: 1"],
    "sections": ["titles: [Part, Size], extra: false", "titles: [Size], marker: '**'"],
    "list": ["max: 2, item_max_words: 4", "marker: '1. ', min: 0"],
    "template": ["text: 'Part: {x}, {y}'"],
    "json": ["schema: {type: object, required: [a]}", ""],
    "key_values": ["keys: [Part, Size], extra: false", "keys: [Size], separator: ' = '"],
    "order": ["parts: {volt: '[0-9]+ ?V', amp: '[0-9]+ ?A', case: 'SOT'}", "parts: {big: big, red: red}, ignore_case: true"],
    "numbers": ["space: none, decimal: '.'", "space: one, units: [V, A], decimal: ','"],
    "case": ["is: sentence", "is: title", "is: upper", "is: lower"],
    "forbidden": ["any: ['{part}', '®', '  ']", "any: [cheap, '!'], ignore_case: true", "regex: '[*]+|red'"],
    "starts_with": ["any: ['{part}']", "any: [Box, Fuse]", "any: ['Note:'], ignore_case: true"],
    "ends_with": ["any: ['{package}'], when: package", "any: ['{size}', '{package}'], ignore_case: true", "any: [red]"],
    "vocabulary": ["preferred: {low dropout: [LDO, Low-Dropout]}, forbidden: [cheap]", "preferred: {'5 V': [5V], Red: [red]}",
                   "preferred: {LDO: [low dropout], red: [Red]}, ignore_case: true"],
    "punctuation": ["end: none, exclamation_marks: 0", "end: '.', quotes: curly, dashes: en", "quotes: straight, dashes: hyphen",
                    "quotes: none, dashes: none"],
    "clean": ["", "allow: [fences]"],
    "grounded": ["facts: [numbers, codes]", "facts: [names]"],
    "covers": ["fields: [package, size]"],
    "language": ["is: de, min_characters: 5"],
    "readability": ["grade_max: 1"],
    "no_repeats": ["words: 2", "words: 3, of_input: true"],
    "python": ["call: json.loads"],
}  # fmt: skip
PIECES = [
    *["low dropout", "LDO", "Low-Dropout", "cheap", "Box", "box", "red", "Red", "big", "Fuse", "Abcd Efgh Ijkl", "ABCD EFGH IJKL"],
    *["SOT-23", "sot-23", "SOT-23-5", "SOT", "X1", "30V", "30 V", "5V", "5 V", "5 volts", "3A", "3,5", "3.5 V", "1.234,5", "8"],
    *[", ", ", ", ", ", ". ", ".", "!", "?", "; ", " ", " ", "  ", "\n", "\n\n", '"', "“", "”", " - ", "—", " – ", "®", "**", "'"],
    *["## Part\n", "**Size**\n", "Size: ", "part = ", "- ", "* ", "1. ", "3. ", "\n- ", "\n2) ", "```\n", "```json\n", "\n```"],
    *['{"a": 1}', "{'a': True,}", "{a: .5}", "[1,2,]", "Sure! Here is the text:\n", "I hope this helps!", "<|end|>", "cafÃ©", "ß",
      "İ", "😀", "\u202e", "مر", "你。", "\x00", "\ufdd0", "\u2028", "e\u0301"],
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "part": st.sampled_from(["X1", "Box", "30V", "red"]),
        "package": st.sampled_from(["SOT-23", "SOT-23-5", "sot-23", "Box, red"]),
        "size": st.sampled_from([5, "30 V", ["5 V", "3A"], "low dropout", None]),
    },
)
ROWS = st.lists(st.tuples(TEXTS, FIELDS), min_size=1, max_size=4)
ENTRIES = [f"kind: {kind}{', ' if entry else ''}{entry}" for kind, entries in CHECKS.items() for entry in entries]


@st.composite
def schemas(draw: st.DrawFn, most: int = 5) -> list[dict]:
    """The checks of a style, as read from YAML, with an id each."""
    entries = draw(st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=most))
    checks = []
    for number, entry in enumerate(entries):
        check = yaml.safe_load(f"{{{entry}}}")
        check |= {"id": f"rule {number}", "level": draw(st.sampled_from(["must", "must", "should"]))}
        possible = [*KINDS[check["kind"]].fix.possible, "off"]
        if draw(st.integers(0, 5)) == 0:
            check["fix"] = draw(st.sampled_from(possible))
        checks.append(check)
    return checks


def read(checks: list[dict]):
    return parse_style(yaml.safe_dump({"checks": checks}, allow_unicode=True), allow_code=True)


def repaired(checks: list[dict], rows: list[tuple[str, dict]], *, unsafe: bool = False) -> Repaired:
    return repair(read(checks), [text for text, _ in rows], [fields for _, fields in rows], unsafe=unsafe)


def checked(checks: list[dict], texts: list[str], rows: list[tuple[str, dict]]):
    fields = [json.dumps(row) if row else None for _, row in rows]
    table = pl.DataFrame(
        {"output": texts, "input": [render_fields(row) for _, row in rows], "fields": fields},
        schema={"output": pl.String, "input": pl.String, "fields": pl.String},
    )
    return check_outputs(table, read(checks))


def test_every_kind_is_tried_and_says_how_it_repairs():
    assert set(CHECKS) == set(KINDS)
    for kind in KINDS.values():
        assert bool(kind.fix.says) == bool(kind.fix.possible), kind.name


@given(schemas(), ROWS, st.booleans())
def test_repairing_twice_gives_what_repairing_once_gives(checks, rows, unsafe):
    once = repaired(checks, rows, unsafe=unsafe)
    again = repaired(checks, [(text, row) for text, (_, row) in zip(once.texts, rows, strict=True)], unsafe=unsafe)
    assert again.texts.to_list() == once.texts.to_list()
    assert again.changed == 0


@given(schemas(), ROWS, st.booleans())
def test_no_must_rule_is_broken_that_was_not(checks, rows, unsafe):
    after = repaired(checks, rows, unsafe=unsafe)
    before = checked(checks, [text for text, _ in rows], rows)
    for check in checks:
        if check["level"] == "must":
            pairs = zip(before.status[check["id"]], after.results.status[check["id"]], strict=True)
            assert [pair for pair in pairs if pair[1] in ("fail", "unscored") and pair[0] != pair[1]] == []


@given(schemas(), ROWS)
def test_a_safe_repair_keeps_numbers_codes_and_field_values(checks, rows):
    checks = [check | ({"fix": "safe"} if check.get("fix") == "unsafe" and "safe" in KINDS[check["kind"]].fix.possible
                       else {"fix": "off"} if check.get("fix") == "unsafe" else {}) for check in checks]  # fmt: skip
    after = repaired(checks, rows)
    for (text, fields), other in zip(rows, after.texts, strict=True):
        if text != other:
            assert lost_facts(text, other) == []
            assert added_facts(text, other, render_fields(fields)) == []
            for value in fields.values():
                for item in value if isinstance(value, list) else [value]:
                    assert words(str(item)) not in words(text) or words(str(item)) in words(other)


def words(text: str) -> str:
    """The words of a text between spaces, in small letters: marks and case do not count."""
    return " ".join(["", *"".join(c if c.isalnum() or not c.isascii() else " " for c in text.lower()).split(), ""])


def facts(text: str):
    return facts_in(without_numbering(pl.Series([text]))[0])


def lost_facts(text: str, other: str) -> list[str]:
    """The facts of a text that another one does not state."""
    given = frozenset[tuple]().union(*(fact.gives for fact in facts(other)))
    known = Counter(fact.text for fact in facts(other))
    return [fact.text for fact in facts(text) if not known[fact.text] and fact.needs.isdisjoint(given)]


def added_facts(text: str, other: str, request: str) -> list[str]:
    """The facts of another text that neither the text nor the request states."""
    given = frozenset[tuple]().union(*(fact.gives for fact in [*facts(text), *facts(request), *facts_in(request)]))
    known = Counter(fact.text for fact in facts(text))
    return [fact.text for fact in facts(other) if not known[fact.text] and fact.needs.isdisjoint(given)]


@given(schemas(), ROWS, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_rules_does_not_matter(checks, rows, unsafe, random):
    turned = random.sample(checks, len(checks))
    one, other = repaired(checks, rows, unsafe=unsafe), repaired(turned, rows, unsafe=unsafe)
    assert one.texts.to_list() == other.texts.to_list()
    assert one.changes.equals(other.changes)


@given(schemas(), ROWS, st.booleans())
def test_what_breaks_no_rule_is_not_touched(checks, rows, unsafe):
    after = repaired(checks, rows, unsafe=unsafe)
    broken = {row["index"] for row in checked(checks, [text for text, _ in rows], rows).violations.iter_rows(named=True)}
    changed = set(after.changes["index"])
    assert changed <= broken
    for index, (text, _) in enumerate(rows):
        assert (after.texts[index] == text) == (index not in changed)


@given(schemas(), ROWS, st.booleans())
def test_the_changes_made_one_after_the_other_give_the_texts(checks, rows, unsafe):
    after = repaired(checks, rows, unsafe=unsafe)
    texts = [text for text, _ in rows]
    for (index, _), edits in after.changes.group_by("index", "step", maintain_order=True):
        for edit in reversed(edits.rows(named=True)):
            assert texts[index][edit["start"] : edit["end"]] == edit["before"]
            texts[index] = texts[index][: edit["start"]] + edit["after"] + texts[index][edit["end"] :]
    assert texts == after.texts.to_list()


@given(schemas(), ROWS, st.booleans())
def test_what_is_still_broken_is_what_a_check_finds(checks, rows, unsafe):
    after = repaired(checks, rows, unsafe=unsafe)
    again = checked(checks, after.texts.to_list(), rows)
    assert after.results.status.equals(again.status)
    assert after.broken.equals(again.violations)
    assert after.results.unscored.sort("index", "check").equals(again.unscored.sort("index", "check"))


@given(schemas(most=3), st.lists(st.tuples(TEXTS, FIELDS), min_size=2, max_size=4), st.booleans())
def test_a_row_is_repaired_alone(checks, rows, unsafe):
    together = repaired(checks, rows, unsafe=unsafe).texts.to_list()
    assert together == [repaired(checks, [row], unsafe=unsafe).texts[0] for row in rows]


@pytest.mark.parametrize("entry", ENTRIES)
def test_rules_that_are_off_change_nothing(entry):
    check = yaml.safe_load(f"{{{entry}}}") | {"fix": "off"}
    texts = ["".join(PIECES[n::7]) for n in range(7)]
    after = repaired([check], [(text, {"part": "X1", "package": "SOT-23"}) for text in texts], unsafe=True)
    assert (after.texts.to_list(), after.changed) == (texts, 0)
