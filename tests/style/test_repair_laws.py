"""The laws of repair, for every kind of check and for schemas of several rules."""

import json
from collections import Counter

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.style import KINDS, Repaired, check_outputs, parse_style, render_fields, repair
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
                   "preferred: {LDO: [low dropout], red: [Red]}, ignore_case: true",
                   "preferred: {'6 V': [5V], SOT-89: [SOT-23], LDO: [low dropout]}"],
    "punctuation": ["end: none, exclamation_marks: 0", "end: '.', quotes: curly, dashes: en", "quotes: straight, dashes: hyphen",
                    "quotes: none, dashes: none"],
    "clean": ["", "allow: [fences]"],
    "grounded": ["facts: [numbers, codes]", "facts: [names]"],
    "covers": ["fields: [package, size]"],
    "language": ["is: de, min_characters: 5"],
    "readability": ["grade_max: 1"],
    "no_repeats": ["words: 2", "words: 3, of_input: true"],
    "contradicts": ["field: package, values: [SOT-23, SOT-89]", "field: part, silent: true, values: [red, blue]"],
    "sums": ["total: 100", "unit: V, total: 8"],
    "allowed": ["values: [red, blue, Box]", "field: package, separator: ', '", "values: ['5', '3'], regex: '([0-9])A'"],
    "known_words": ["words: [box, red, big]"],
    "known_segments": ["segments: ['{package}', 'box {size}', red]", "segments: [box, red], of: request"],
    "field_context": ["never: {'box _': [size], '_ red': [package]}, negations: en", "never: {red: ['a: 1']}, of: request"],
    "html": ["tags: [p, b], required: [p]", "structure: ['p+']"],
    "python": ["call: json.loads"],
}  # fmt: skip
# What the checks of a kind find or look for; texts are made of the pieces of their rules' kinds, and of a few of all.
PIECES = {
    "length": ["Abcd efgh. ", "\n", "\n\n", "a, b, c", "  "],
    "pattern": [", ", "8", "3A"],
    "sections": ["## Size\nbig\n", "## Part\nbox\n", "**Size**\n", "part:\n", "## Other\n"],
    "list": ["- a\n", "* b\n", "\n1. a", "\n3. b", "\n2) c", "  - d\n", "- a, b, 5V e f\n"],
    "template": ["Part: box, ", "Part: "],
    "json": ['{"a": 1}', "{'a': True,}", "{a: .5}", "[1,2,]", "```json\n", "\n```", "Order 66: ", '"b": 5 "c": 6'],
    "key_values": ["Size: 5 V\n", "part = X1\n", "Part: box\n", "**Size:** 4\n", "Other: x\n"],
    "order": ["5 V", "3A", "SOT-23", "red", "Big", "big red", ", "],
    "numbers": ["30V", "30 V", "5 volts", "3,5", "3.5 V", "1.234,5", "2 A", "1,2", "-5", "5 in"],
    "case": ["Abcd Efgh Ijkl ", "ABCD EFGH IJKL", "box", "Box", "iPhone", "ß", "İ", "30 kV", "usb3"],
    "forbidden": ["X1", "®", "  ", "cheap", "Cheap", "!", "**", "red", "5*3", "30V"],
    "starts_with": ["X1", "Box", "Fuse", "Note:", "note: ", ", X1", "part X1", "30V"],
    "ends_with": ["SOT-23", "sot-23", "SOT", "SOT-23 package", "5", "30 V", ", red", "red,", "SOT23", "low dropout"],
    "vocabulary": ["low dropout", "LDO", "Low-Dropout", "cheap", "5V", "5 V", "red", "Red", "SOT-23", "low"],
    "punctuation": [".", "!", "?", "etc.", '"', "“", "”", " - ", "—", " – ", "!!", ";", "»"],
    "clean": ["```\n", "\n```", "Sure! Here is the text:\n", "Here is the answer for 8 V:\n", "I hope this helps!", "<|end|>",
              "cafÃ©", "25Â°C"],
    "grounded": ["30V", "8", "SOT-23", "X1", "5 V. ", "Box, ", "3A, "],
    "covers": ["SOT-23", "5", "30 V"],
    "language": ["Das ist ein Text. "],
    "readability": ["international organisations "],
    "no_repeats": ["a b c", "a b c, ", "d. ", "package: SOT-23"],
    "contradicts": ["SOT-23", "SOT-89", "red", "blue or red"],
    "sums": ["60% red, 30% blue", "5 V box, 3 V lamp"],
    "allowed": ["red", "Box, red", "5A", "8A"],
    "known_words": ["box", "red", "boxxes", "big/red/big/red"],
    "known_segments": ["box 5", "SOT-23", "red"],
    "field_context": ["box 30 V", "SOT-23 red", "not red", "without "],
    "html": ["<p>", "</p>", "<b>", "</b>", "<i>x</i>"],
    "python": ["8", "[1]"],
}  # fmt: skip
COMMON = [", ", ". ", ".", " ", "\n", "!", "a", "Box", "5V", "😀", "\u202e", "مر", "你。", "\x00", "\ufdd0", "\u2028", "e\u0301",
          "ſ", "Σς"]  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "part": st.sampled_from(["X1", "Box", "30V", "red"]),
        "package": st.sampled_from(["SOT-23", "SOT-23-5", "sot-23", "Box, red"]),
        "size": st.sampled_from([5, "30 V", ["5 V", "3A"], "low dropout", None]),
    },
)
# Half of the checks look at the whole output.
SCOPES = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "each": st.sampled_from(["sentence", "line", "bullet", "paragraph", "item"]),
        "part": st.sampled_from(["first line", "last sentence", "second paragraph", "last item"]),
    },
)
ENTRIES = [f"kind: {kind}{', ' if entry else ''}{entry}" for kind, entries in CHECKS.items() for entry in entries]


@st.composite
def cases(draw: st.DrawFn, *, unsafe: bool = True) -> tuple[list[dict], list[tuple[str, dict]]]:
    """The checks of a style, as read from YAML, with an id each; and texts with their fields."""
    checks = []
    for number, entry in enumerate(draw(st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=4))):
        check = yaml.safe_load(f"{{{entry}}}")
        check |= {"id": f"rule {number}", "level": draw(st.sampled_from(["must", "must", "should"]))}
        possible = [name for name in KINDS[check["kind"]].fix.possible if unsafe or name == "safe"]
        if draw(st.integers(0, 5)) == 0:
            check["fix"] = draw(st.sampled_from([*possible, "off"]))
        checks.append(check | draw(SCOPES))
    pieces = st.sampled_from([piece for check in checks for piece in PIECES[check["kind"]]])
    texts = st.lists(pieces | pieces | st.sampled_from(COMMON), max_size=9).map("".join)
    return checks, draw(st.lists(st.tuples(texts, FIELDS), min_size=1, max_size=4))


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


@pytest.mark.slow
@given(cases(), st.booleans())
def test_repairing_twice_gives_what_repairing_once_gives(case, unsafe):
    checks, rows = case
    once = repaired(checks, rows, unsafe=unsafe)
    again = repaired(checks, [(text, row) for text, (_, row) in zip(once.texts, rows, strict=True)], unsafe=unsafe)
    assert again.texts.to_list() == once.texts.to_list()
    assert again.changed == 0


@pytest.mark.slow
@given(cases(), st.booleans())
def test_no_must_rule_is_broken_that_was_not(case, unsafe):
    checks, rows = case
    after = repaired(checks, rows, unsafe=unsafe)
    before = checked(checks, [text for text, _ in rows], rows)
    for check in checks:
        if check["level"] == "must":
            pairs = zip(before.status[check["id"]], after.results.status[check["id"]], strict=True)
            assert [pair for pair in pairs if pair[1] in ("fail", "unscored") and pair[0] != pair[1]] == []


@pytest.mark.slow
@given(cases(unsafe=False))
def test_a_safe_repair_keeps_numbers_codes_and_field_values(case):
    assert changed_facts(*case) == []


# What rules rewrite or take off is here also a number, a code, or the value of a field that the text names.
TERMS = ["low dropout", "LDO", "red", "Big red", "5V", "6 V", "30", "SOT-23", "SOT-23-5", "X1", "Box"]


@st.composite
def rewritings(draw: st.DrawFn) -> tuple[list[dict], list[tuple[str, dict]]]:
    """Rules that rewrite the value of a field of a pair, and texts with this value."""
    value, other = draw(st.lists(st.sampled_from(TERMS), min_size=2, max_size=2, unique=True))
    rules = [
        {"kind": "vocabulary", "preferred": {other: [value]}},
        {"kind": "forbidden", "any": [value]},
        {"kind": "ends_with", "any": [other]},
        {"kind": "numbers", "space": "one"},
        {"kind": "punctuation", "end": "none"},
    ]
    some = draw(st.lists(st.sampled_from(rules), min_size=1, max_size=3))
    checks = [rule | draw(SCOPES) | {"id": f"rule {number}"} for number, rule in enumerate(some)]
    words = draw(st.lists(st.sampled_from([value, *TERMS]), max_size=3))
    text = draw(st.sampled_from([", ", " ", ". ", "\n"])).join(draw(st.permutations([value, *words])))
    return checks, [(text, {"field": draw(st.sampled_from([value, [other, value]]))})]


@pytest.mark.slow
@given(rewritings())
def test_a_safe_repair_that_rewrites_facts_is_not_made(case):
    assert changed_facts(*case) == []


def changed_facts(checks: list[dict], rows: list[tuple[str, dict]]) -> list:
    """The numbers, codes and field values that a safe repair of these rows takes away or adds."""
    changed: list = []
    for (text, fields), other in zip(rows, repaired(checks, rows).texts, strict=True):
        if text != other:
            changed += [*lost_facts(text, other), *added_facts(text, other, render_fields(fields))]
            items = [item for value in fields.values() for item in (value if isinstance(value, list) else [value])]
            named = [words(str(item)) for item in items if words(str(item)) in words(text)]
            changed += [item for item in named if item not in words(other)]
    return changed


def words(text: str) -> str:
    """The words of a text between spaces, in small letters: marks, case, and the space before a unit do not count."""
    text = "".join(
        f"{c} " if c.isdigit() and after.isalpha() else c for c, after in zip(text, text[1:] + " ", strict=True)
    )
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


@pytest.mark.slow
@given(cases(), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_rules_does_not_matter(case, unsafe, random):
    checks, rows = case
    turned = random.sample(checks, len(checks))
    one, other = repaired(checks, rows, unsafe=unsafe), repaired(turned, rows, unsafe=unsafe)
    assert one.texts.to_list() == other.texts.to_list()
    assert one.changes.equals(other.changes)


@pytest.mark.slow
@given(cases(), st.booleans())
def test_what_breaks_no_rule_is_not_touched(case, unsafe):
    checks, rows = case
    after = repaired(checks, rows, unsafe=unsafe)
    broken = {
        row["index"] for row in checked(checks, [text for text, _ in rows], rows).violations.iter_rows(named=True)
    }
    changed = set(after.changes["index"])
    assert changed <= broken
    for index, (text, _) in enumerate(rows):
        assert (after.texts[index] == text) == (index not in changed)


@pytest.mark.slow
@given(cases(), st.booleans())
def test_the_changes_made_one_after_the_other_give_the_texts(case, unsafe):
    checks, rows = case
    after = repaired(checks, rows, unsafe=unsafe)
    texts = [text for text, _ in rows]
    for (index, _), edits in after.changes.group_by("index", "step", maintain_order=True):
        for edit in reversed(edits.rows(named=True)):
            assert texts[index][edit["start"] : edit["end"]] == edit["before"]
            texts[index] = texts[index][: edit["start"]] + edit["after"] + texts[index][edit["end"] :]
    assert texts == after.texts.to_list()


@pytest.mark.slow
@given(cases(), st.booleans())
def test_what_is_still_broken_is_what_a_check_finds(case, unsafe):
    checks, rows = case
    after = repaired(checks, rows, unsafe=unsafe)
    again = checked(checks, after.texts.to_list(), rows)
    assert after.results.status.equals(again.status)
    assert after.broken.equals(again.violations)
    assert after.results.unscored.sort("index", "check").equals(again.unscored.sort("index", "check"))


@pytest.mark.slow
@given(cases(), st.booleans())
def test_a_row_is_repaired_alone(case, unsafe):
    checks, rows = case
    together = repaired(checks, rows, unsafe=unsafe).texts.to_list()
    assert together == [repaired(checks, [row], unsafe=unsafe).texts[0] for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES)
def test_rules_that_are_off_change_nothing(entry):
    check = yaml.safe_load(f"{{{entry}}}") | {"fix": "off"}
    pieces = PIECES[check["kind"]]
    texts = ["".join(pieces[n::2]) for n in range(2)]
    after = repaired([check], [(text, {"part": "X1", "package": "SOT-23"}) for text in texts], unsafe=True)
    assert (after.texts.to_list(), after.changed) == (texts, 0)
