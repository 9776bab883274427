"""What each kind repairs, what it leaves alone, and the key `fix`."""

import gc
import re

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.examples import example_path
from tuneworth.style import KINDS, Columns, pair_columns, parse_style, read_style, repair, repair_columns
from tuneworth.style.edits import Planned, subsets
from tuneworth.style.fact_guard import preserved
from tuneworth.style.parts import facts_of


def style(*checks: str):
    return parse_style("checks:\n" + "\n".join(f"  - {{{check}}}" for check in checks))


def fixed(check: str, text: str, fields: dict | None = None, **more) -> str:
    return repair(style(check), [text], [fields], **more).texts[0]


SAFE = [
    ("kind: punctuation, end: none", "Fuse, 3A.", "Fuse, 3A"),
    ("kind: punctuation, end: none", "Fuse, etc.;", "Fuse, etc."),
    ("kind: punctuation, end: none", "What?", "What?"),
    ("kind: punctuation, end: '.'", "A fuse, ", "A fuse. "),
    ("kind: punctuation, end: '.'", 'He said "yes"', 'He said "yes".'),
    ("kind: punctuation, end: '.'", "Is it?", "Is it?"),
    ("kind: punctuation, exclamation_marks: 0", "Wow!! Buy! Yahoo! mail", "Wow. Buy. Yahoo! mail"),
    ("kind: punctuation, exclamation_marks: 1", "Wow! Buy!", "Wow! Buy."),
    ("kind: punctuation, quotes: curly", 'a "big" 5" box', 'a “big” 5" box'),
    ("kind: punctuation, quotes: angle", "„ja“", "«ja»"),
    ("kind: punctuation, dashes: hyphen", "big—red – new", "big - red - new"),
    ("kind: punctuation, dashes: en", "3 - 5 and big - red", "3 - 5 and big – red"),
    ("kind: numbers, space: none", "30 V, 5 mA and 50 %", "30V, 5mA and 50%"),
    ("kind: numbers, space: one, units: [V]", "30V and 5 volts", "30 V and 5 V"),
    ("kind: numbers, decimal: '.'", "1.234,5 and 3,5 but 1,000", "1,234.5 and 3.5 but 1,000"),
    ("kind: case, is: title", "a box of steel", "A Box of Steel"),
    ("kind: case, is: upper", "Box at 3 kHz", "BOX AT 3 kHz"),
    ("kind: case, is: lower", "Big LED Box", "big LED box"),
    ("kind: case, is: sentence", "a box", "A box"),
    ("kind: vocabulary, preferred: {low dropout: [LDO]}", "LDO, LDOs", "low dropout, LDOs"),
    ("kind: vocabulary, preferred: {low dropout: [ldo]}, ignore_case: true", "LDO with LDO", "Low dropout with low dropout"),
    ("kind: forbidden, any: ['®', '  ']", "Box®  big", "Box big"),
    ("kind: forbidden, any: [red]", "red box", "red box"),
    ("kind: order, parts: {volt: '[0-9]+V', amp: '[0-9]+A'}", "Fuse, 3A, 5V.", "Fuse, 5V, 3A."),
    ("kind: order, parts: {volt: '[0-9]+V', amp: '[0-9]+A'}", "ü, 3A (a, b), 5V", "ü, 5V, 3A (a, b)"),
    ("kind: order, parts: {volt: '[0-9]+V', amp: '[0-9]+A'}", "3A at 5V", "3A at 5V"),
    ("kind: length, unit: lines, max: 2", "\na\n\n\nb\n ", "a\nb"),
    ("kind: list", "* a\n* b\n  + c", "- a\n- b\n  + c"),
    ("kind: list", "1. a\n2. b", "- a\n- b"),
    ("kind: list, marker: '1. '", "1. a\n3. b\n3. c", "1. a\n2. b\n3. c"),
    ("kind: list, marker: '1. '", "- a\n- b", "1. a\n2. b"),
    ("kind: sections, titles: [A, B]", "**a**\nx\n\n# B:\ny", "## A\nx\n\n## B\ny"),
    ("kind: sections, titles: [A, B]", "Hi\n## B\ny\n\n## C\nz\n\n## A\nx", "Hi\n## A\nx\n\n## C\nz\n\n## B\ny"),
    ("kind: key_values, keys: [Name, Size]", "size = 5 cm\n- thick\nname: Box", "Name: Box\nSize: 5 cm\n- thick"),
    ("kind: key_values, keys: [Name]", "**Name:** Box", "Name: Box"),
    ("kind: json", "```json\n{'a': True, b: [1,2,]}\n```", '{"a": true, "b": [1,2]}'),
    ("kind: json", 'Here: {"a": "x\ny" "b": .5}. Bye', '{"a": "x\\ny", "b": 0.5}'),
    ("kind: json", "{'a': 'it's'}", "{'a': 'it's'}"),
    ("kind: json", '{"a": NaN}', '{"a": NaN}'),
    ("kind: json", '{"a": 1} or {"a": 2}', '{"a": 1} or {"a": 2}'),
    ("kind: clean", "Sure! Here is the text:\n```\nA lamp.\n```", "A lamp."),
    ("kind: clean", "A lamp. I hope this helps! Let me know if you would like me to change it.", "A lamp."),
    ("kind: clean", "cafÃ© au lait<|im_end|>", "café au lait"),
    ("kind: clean", "Sorry, I cannot help with that.", "Sorry, I cannot help with that."),
    ("kind: clean", "```\na\n```\nand\n```\nb\n```", "```\na\n```\nand\n```\nb\n```"),
    ("kind: ends_with, any: [Kind regards]", "Hi.\nBye.", "Hi.\nBye.\nKind regards"),
    ("kind: ends_with, any: [red, blue]", "blue, big", "big, blue"),
    ("kind: ends_with, any: [red, blue]", "green", "green"),
    ("kind: starts_with, any: ['Note:']", "it is big.", "Note: it is big."),
    ("kind: starts_with, any: ['feat: ']", "big", "feat: big"),
    ("kind: starts_with, any: ['feat:'], ignore_case: true", "", ""),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("check", "text", "expected"), SAFE)
def test_a_safe_repair(check, text, expected):
    assert fixed(check, text) == expected
    assert fixed(check, expected) == expected


PACKAGE = [
    ("LDO regulator, 5V", "LDO regulator, 5V, SOT-23-5"),  # added
    ("LDO, SOT-23-5, big", "LDO, big, SOT-23-5"),  # moved
    ("LDO, sot-23-5", "LDO, SOT-23-5"),  # in its case
    ("LDO, SOT-23-5.", "LDO, SOT-23-5"),  # without the mark
    ("LDO, SOT-23", "LDO, SOT-23-5"),  # completed
    ("LDO, SOT23-5", "LDO, SOT-23-5"),  # with its marks
    ("LDO, SOT-23-5 package", "LDO, SOT-23-5"),
    ("LDO, SOT-23-5 long tab", "LDO, SOT-23-5 long tab"),  # it says more already
    ("An LDO.", "An LDO. SOT-23-5"),
    ("LDO, SOT-23-5, big.", "LDO, big, SOT-23-5"),
    ("LDO, big.", "LDO, big, SOT-23-5"),
    ("It is big, and it is red. It is new.", "It is big, and it is red. It is new. SOT-23-5"),
    ("LDO, SOT-89", "LDO, SOT-89"),  # another code is there: both together would be two packages
]


@pytest.mark.parametrize(("text", "expected"), PACKAGE)
def test_a_fields_value_is_put_at_the_end(text, expected):
    assert fixed("kind: ends_with, any: ['{package}'], when: package", text, {"package": "SOT-23-5"}) == expected


def test_facts_change_places_and_the_marks_and_the_capital_letter_stay():
    check = "kind: order, parts: {volt: '[0-9]+V', amp: '[0-9]+A'}"
    assert fixed(check, "Fuse, 3A, 5V.") == "Fuse, 5V, 3A."
    assert fixed(check, "Rated 3A, about 5V.") == "About 5V, Rated 3A."


def test_as_many_sentences_are_kept_as_fit():
    for most, kept in ((1, "One."), (2, "One. Two."), (3, "One. Two. Three.")):
        text = "One. Two. Three. Four."
        assert fixed(f"kind: length, unit: sentences, max: {most}", text, unsafe=True) == kept


def test_a_fields_value_is_put_at_the_start():
    check = "kind: starts_with, any: ['{part}']"
    assert fixed(check, "Lamp, X1, big", {"part": "X1"}) == "X1, Lamp, big"
    assert fixed(check, "Lamp", {}) == "Lamp"


UNSAFE = [
    ("kind: length, unit: words, max: 4", "One two three. Four five six.", "One two three."),
    ("kind: length, unit: words, max: 3", "one, two, three, four.", "one, two, three."),
    ("kind: length, unit: sentences, max: 1", "One. Two.", "One."),
    ("kind: list, max: 2", "- a\n- b\n- c\n- d", "- a\n- b"),
    ("kind: list, max: 1", "- a\n- b\nand more", "- a\n- b\nand more"),
    ("kind: no_repeats, words: 3", "a b c, d, a b c, e", "a b c, d, e"),
    ("kind: no_repeats, words: 3", "DC DC DC DC DC DC BIG", "DC BIG"),
    ("kind: forbidden, any: [X1]", "Lamp X1, X1, big", "Lamp, big"),
    ("kind: vocabulary, forbidden: [cheap]", "A cheap lamp", "A lamp"),
    ("kind: grounded", "A lamp, 5V, red.", "A lamp, red."),
    ("kind: grounded", "It is 5V. It is red.", "It is red."),
    ("kind: grounded", "5V", "5V"),
    ("kind: case, is: sentence", "Brown Wooden Wardrobe With Handles", "Brown wooden wardrobe with handles"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("check", "text", "expected"), UNSAFE)
def test_an_unsafe_repair_is_made_only_where_it_is_allowed(check, text, expected):
    assert fixed(check, text) == text
    assert fixed(f"{check}, fix: unsafe", text) == expected
    assert fixed(check, text, unsafe=True) == expected
    possible = KINDS[yaml.safe_load(f"{{{check}}}")["kind"]].fix.possible
    assert fixed(f"{check}, fix: {'safe' if 'safe' in possible else 'off'}", text, unsafe=True) == text


KEPT = [
    ("kind: vocabulary, preferred: {'6 V': [5V]}", "5V, big", {}),  # a number
    ("kind: vocabulary, preferred: {SOT-89: [SOT-23]}", "SOT-23, big", {}),  # a code
    (
        "kind: vocabulary, preferred: {LDO: [low dropout]}",
        "low dropout, big",
        {"type": "low dropout"},
    ),  # a field's value
    ("kind: vocabulary, preferred: {LDO: [low dropout]}", "low dropout, big", {"types": ["a", "Low-Dropout"]}),
    ("kind: json", 'Order 66: {"a": 1,}', {}),
    ("kind: ends_with, any: ['Type 7']", "big", {}),  # a number that the request does not state
]


@pytest.mark.parametrize(("check", "text", "fields"), KEPT)
def test_a_safe_repair_that_would_change_a_fact_is_not_made(check, text, fields):
    after = repair(style(check), [text], [fields])
    assert (after.texts[0], after.changed, len(after.broken)) == (text, 0, 1)


def test_the_space_before_a_unit_is_no_part_of_a_fields_value():
    assert fixed("kind: numbers, space: none", "Fuse, 30 V", {"volts": "30 V"}) == "Fuse, 30V"
    assert fixed("kind: numbers, space: one", "Fuse, 30V", {"volts": ["30V"]}) == "Fuse, 30 V"


def test_a_repair_that_would_break_another_must_rule_is_not_made():
    checks = ("kind: ends_with, any: ['{package}']", "kind: length, unit: words, max: 3")
    assert repair(style(*checks), ["a b c", "a b"], [{"package": "X"}] * 2).texts.to_list() == ["a b c", "a b, X"]
    soft = (checks[0], f"{checks[1]}, level: should")
    assert repair(style(*soft), ["a b c"], [{"package": "X"}]).texts.to_list() == ["a b c, X"]
    assert repair(style(f"{checks[0]}, level: should", soft[1]), ["a b c"], [{"package": "X"}]).texts[0] == "a b c"


def test_rules_that_ask_for_the_opposite_end_with_the_same_text_in_either_order():
    one, other = "kind: punctuation, end: none, id: a", "kind: punctuation, end: '.', id: b"
    ends = {repair(style(*checks), ["box!"]).texts[0] for checks in ((one, other), (other, one))}
    assert len(ends) == 1


def test_of_many_edits_only_the_bad_one_is_left_out():
    text = " ".join(["LDO"] * 20 + ["LDO5"] + ["LDO"] * 20)
    checks = ("kind: vocabulary, preferred: {low: [LDO]}", "kind: pattern, regex: 'LDO LDO5', level: must")
    after = repair(style(*checks), [text])
    assert after.texts[0].split().count("LDO") == 1
    assert "LDO LDO5" in after.texts[0]


def test_each_change_names_its_rule_and_its_place():
    after = repair(style("kind: punctuation, end: none", "kind: numbers, space: none"), ["ok", "a, 30 V."])
    assert after.changes.rows() == [(1, 0, "numbers", "30 V", "30V", 3, 7), (1, 0, "punctuation", ".", "", 7, 8)]
    assert after.texts.to_list() == ["ok", "a, 30V"]
    assert after.before.status.row(1) == ("fail", "fail")
    assert after.broken.is_empty()


def test_an_empty_table_has_an_empty_answer():
    after = repair(style("kind: clean"), [])
    assert (after.texts.to_list(), after.changed) == ([], 0)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("kind: language, is: en, fix: safe", 'fix: "safe" does nothing; no repair exists for the kind language'),
        ("kind: grounded, fix: safe", 'only "unsafe" or "off" has an effect on the kind grounded'),
        ("kind: clean, fix: unsafe", 'only "safe" or "off" has an effect on the kind clean'),
        ("kind: clean, fix: always", "expected safe or unsafe or off, found"),
    ],
)
def test_a_wrong_key_is_said_with_what_is_possible(check, words):
    with pytest.raises(ConfigError, match=words):
        style(check)


def test_a_bare_off_is_off():
    assert [check.fix for check in style("kind: clean, fix: off", "kind: case, is: upper").checks] == ["off", None]


@pytest.mark.slow
def test_the_shipped_example_gains_hundreds_of_lines():
    from tuneworth.curate import DataSettings, read_pairs

    folder = example_path("components")
    pairs = read_pairs(folder / "pairs.jsonl", DataSettings(path="", group="family")).pairs
    after = repair_columns(pair_columns(pairs), read_style(folder / "style.yaml"))
    good, now = (int(results.shares()["acceptable"].sum()) for results in (after.before, after.results))
    assert good == 1_303
    assert now >= 1_800
    assert set(after.changes["rule"]) == {"package-last", "one-spelling", "no-full-stop"}


EVERY = style(
    "kind: punctuation, end: none, exclamation_marks: 0, quotes: curly", "kind: clean", "kind: list, id: l, max: 3",
    "kind: length, unit: words, max: 9", "kind: length, unit: lines, max: 2, id: lines", "kind: grounded, facts: [numbers]",
    "kind: json, level: should", "kind: no_repeats, level: should", "kind: ends_with, any: ['red']",
    "kind: vocabulary, preferred: {low dropout: [LDO]}", "kind: key_values, keys: [Part], level: should",
    "kind: sections, titles: [Part], level: should", "kind: list, marker: '1. ', id: numbered, level: should",
)  # fmt: skip
HOSTILE = [
    "a, ",
    "LDO ",
    '"',
    "- x\n",
    "3. x\n",
    "! ",
    "5V, ",
    "```\n",
    "{",
    "[1,",
    " ",
    "\n",
    "(",
    "Sure! ",
    "\u202e",
    "Ã©",
]


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_text_is_repaired_by_every_rule(piece):
    text = piece * (1_200 // len(piece))
    once = repair(EVERY, [text], unsafe=True)
    assert repair(EVERY, once.texts.to_list(), unsafe=True).changed == 0


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_text_of_thirty_thousand_characters_is_repaired_to_the_end(piece):
    assert len(repair(EVERY, [piece * (30_000 // len(piece))], unsafe=True).texts) == 1


PIECES = [
    ("kind: punctuation, end: ., each: line", "a\n\n  b \nc.", "a.\n\n  b. \nc."),
    ("kind: punctuation, end: none, each: bullet", "See:\n- one.\n- two\n\nEnd.", "See:\n- one\n- two\n\nEnd."),
    ("kind: case, is: sentence, each: sentence", "one. two three.  Four", "One. Two three.  Four"),
    ("kind: case, is: upper, part: first line", "note\nsmall", "NOTE\nsmall"),
    ("kind: numbers, space: none, part: last paragraph", "5 V\n\n6 V and 7 V", "5 V\n\n6V and 7V"),
    ("kind: order, parts: {volt: '[0-9]+V', amp: '[0-9]+A'}, each: line", "x, 3A, 5V\ny, 1A, 2V", "x, 5V, 3A\ny, 2V, 1A"),
    ("kind: starts_with, any: ['Note: '], part: last paragraph", "Hi.\n\nIt is.", "Hi.\n\nNote: It is."),
    ("kind: vocabulary, preferred: {low dropout: [LDO]}, part: second sentence", "LDO. LDO. LDO.", "LDO. low dropout. LDO."),
    ("kind: punctuation, end: ., each: item", "<ul><li>One</li><li>Two.</li></ul>", "<ul><li>One.</li><li>Two.</li></ul>"),
    ("kind: punctuation, end: ., each: sentence, part: last line", "😀 a\nü", "😀 a\nü."),
]  # fmt: skip


@pytest.mark.parametrize(("check", "text", "expected"), PIECES)
def test_a_check_of_pieces_repairs_each_of_them_in_its_place(check, text, expected):
    after = repair(style(check), ["", text], [{}] * 2)
    assert after.texts.to_list() == ["", expected]
    assert all(
        text[start:end] == before for before, start, end in after.changes.select("before", "start", "end").rows()
    )


def test_an_unsafe_repair_shortens_the_piece_that_is_too_long():
    text = "One, two, three. One two."
    assert fixed("kind: length, unit: words, max: 2, each: sentence, fix: unsafe", text) == "One, two. One two."


def test_a_piece_is_not_repaired_where_the_condition_of_its_check_does_not_hold():
    check = "kind: ends_with, any: ['{package}'], when: package, each: line"
    after = repair(style(check), ["a\nb"] * 2, [{"package": "X1"}, {}])
    assert after.texts.to_list() == ["a, X1\nb, X1", "a\nb"]


@pytest.mark.parametrize(("text", "package", "expected"), [
    ("NPN transistor, 45V", "TO-92", "NPN transistor, 45V, TO-92"),
    ("NPN transistor, TO-92-3", "SOT-23", "NPN transistor, TO-92-3"),
    ("Regulator in 5-Pin SOT-23 package", "SOT-89", "Regulator in 5-Pin SOT-23 package"),
    ("Regulator, TO-220", "TO-220-5", "Regulator, TO-220-5"),
    ("TO-92, NPN transistor", "TO-92", "NPN transistor, TO-92"),
])  # fmt: skip
def test_a_value_is_not_put_beside_another_one_of_its_kind(text, package, expected):
    style = parse_style("checks: [{kind: ends_with, any: ['{package}'], when: package}]")
    assert repair(style, [text], [{"package": package}]).texts.to_list() == [expected]


RANKS = st.tuples(st.integers(0, 2), st.just("rule"))
EDITS = st.builds(
    lambda rank, start, size, text: Planned(rank, start, start + size, text, "rule"),
    RANKS, st.integers(0, 12), st.integers(0, 4), st.sampled_from(["", "x"]),
)  # fmt: skip


@given(st.lists(EDITS, min_size=1, max_size=8, unique=True))
def test_the_edits_tried_first_are_all_that_overlap_none_of_a_lower_rank(edits: list[Planned]):
    def overlap(one: Planned, other: Planned) -> bool:
        return one[1:3] == other[1:3] or (one.start < other.end and other.start < one.end)

    kept: list[Planned] = []
    for edit in sorted(edits):
        if not any(overlap(edit, other) for other in kept):
            kept.append(edit)
    assert next(subsets(edits, 100)) == tuple(sorted(kept, key=lambda edit: (edit.start, edit.end)))


@given(st.text(alphabet="ab ,;\n\t\u00a0.", max_size=30))
def test_the_facts_of_a_text_are_what_its_separators_leave(text: str):
    pieces = [piece.strip() for piece in re.split(r"[,;][ \t\u00a0]+|\n\s*", text)]
    assert [text[start:end] for start, end in facts_of(text)] == [piece for piece in pieces if piece]


@given(st.lists(st.sampled_from(["5 V", "3 A", "SOT-23", "7 mm"]), max_size=6), st.data())
def test_a_text_keeps_its_facts_in_any_order_and_loses_none_unseen(facts: list[str], data: st.DataObject):
    moved = data.draw(st.permutations(facts))
    none = pl.Series([None, None], dtype=pl.String)
    after = Columns(pl.Series([", ".join(moved), ", ".join(moved[1:])]), pl.Series(["", ""]), none)
    assert preserved(pl.Series([", ".join(facts)] * 2), after).to_list() == [True, not facts]


def test_a_repair_leaves_the_collection_of_cycles_as_it_was():
    for running in (True, False):
        (gc.enable if running else gc.disable)()
        repair(parse_style("checks: [{kind: punctuation, end: none}]"), ["A."])
        assert gc.isenabled() == running
    gc.enable()


@pytest.mark.parametrize(("text", "after"), [
    ("Fuse, 30V.", "Fuse, 30V"), ("Fuse, approx. 30V.", "Fuse, approx. 30V"), ("Wow!", "Wow"),
    ("It is on. It may be off.", "It is on. It may be off."), ("Loading…", "Loading…"), ("Really?", "Really?"),
    ("One of these:", "One of these:"),
])  # fmt: skip
def test_the_mark_at_the_end_goes_where_it_says_nothing(text, after):
    style = parse_style("checks: [{kind: punctuation, end: none}]")
    assert repair(style, [text]).texts.to_list() == [after]
