"""Each kind of check on outputs that keep and break it, and the places it names."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import check_outputs, parse_style


def result(check: str, output: str, fields: dict | None = None, request: str = "") -> tuple[str, list[str | None]]:
    """The status of one check for one output, and what it found."""
    style = parse_style(f"checks:\n  - {check}")
    pairs = pl.DataFrame(
        {"output": [output], "input": [request], "fields": [json.dumps(fields) if fields is not None else None]},
        schema={"output": pl.String, "input": pl.String, "fields": pl.String},
    )
    results = check_outputs(pairs, style)
    return results.status.row(0)[0], results.violations["found"].to_list()


CASES = [
    ("{kind: length, unit: words, min: 2, max: 3}", "one two", {}, "pass", []),
    ("{kind: length, unit: words, min: 2, max: 3}", "one", {}, "fail", ["1 words"]),
    ("{kind: length, unit: words, min: 2, max: 3}", "a b c d", {}, "fail", ["4 words"]),
    ("{kind: length, unit: characters, max: 3}", "äöü", {}, "pass", []),
    ("{kind: length, unit: lines, max: 1}", "one line\n", {}, "pass", []),
    ("{kind: length, unit: lines, max: 1}", "two\nlines", {}, "fail", ["2 lines"]),
    ("{kind: length, unit: sentences, max: 2}", "One. Two! Three", {}, "fail", ["3 sentences"]),
    ("{kind: length, unit: sentences, max: 2}", "It costs 2.5 EUR. Buy.", {}, "pass", []),
    ("{kind: length, unit: paragraphs, max: 1}", "a\n\nb", {}, "fail", ["2 paragraphs"]),
    ("{kind: pattern, regex: ', '}", "a, b", {}, "pass", []),
    ("{kind: pattern, regex: ', '}", "a b", {}, "fail", [None]),
    ("{kind: pattern, regex: ';', max: 0, min: 0}", "a; b; c", {}, "fail", [";", ";"]),
    ("{kind: pattern, regex: '[A-Z]+', whole: true}", "ABC", {}, "pass", []),
    ("{kind: pattern, regex: '[A-Z]+', whole: true}", "ABc", {}, "fail", [None]),
    ("{kind: pattern, regex: '[A-Z]+', whole: true, ignore_case: true}", "ABc", {}, "pass", []),
    ("{kind: ends_with, any: ['{package}']}", "Diode, SOT-23", {"package": "SOT-23"}, "pass", []),
    ("{kind: ends_with, any: ['{package}']}", "Diode, SOT-23", {"package": "TO-92"}, "fail", ["SOT-23"]),
    ("{kind: ends_with, any: ['{package}'], ignore_case: true}", "Diode, sot-23", {"package": "SOT-23"}, "pass", []),
    ("{kind: ends_with, any: ['{package}']}", "Diode", {"package": None}, "not applicable", []),
    ("{kind: ends_with, any: ['{package}', 'module']}", "A module", {}, "pass", []),
    ("{kind: starts_with, any: ['Buy', 'Get']}", "Get it", {}, "pass", []),
    ("{kind: starts_with, any: ['Buy', 'Get']}", "Go away", {}, "fail", ["Go"]),
    ("{kind: ends_with, any: [x], when: colour}", "y", {"colour": ""}, "not applicable", []),
    ("{kind: ends_with, any: [x], when: {colour: red}}", "y", {"colour": "red"}, "fail", ["y"]),
    ("{kind: ends_with, any: [x], when: {colour: [red, blue]}}", "y", {"colour": "green"}, "not applicable", []),
    ("{kind: order, parts: {v: '[0-9]+V', a: '[0-9]+A'}}", "2A, 30V", {}, "fail", ["2A"]),
    ("{kind: order, parts: {v: '[0-9]+V', a: '[0-9]+A'}}", "30V, 2A", {}, "pass", []),
    ("{kind: order, parts: {v: '[0-9]+V', a: '[0-9]+A'}}", "30V alone", {}, "not applicable", []),
    ("{kind: covers, fields: [n]}", "10 mm", {"n": "10 x 20 mm"}, "fail", [None]),
    ("{kind: covers, fields: [n]}", "20 by 10 mm", {"n": "10 x 20 mm"}, "pass", []),
    ("{kind: covers, fields: [n]}", "5 pieces", {"n": "1,200 m"}, "fail", [None]),
    ("{kind: covers, fields: [n]}", "1200 m", {"n": "1,200 m"}, "pass", []),
    ("{kind: punctuation, end: none}", "A line", {}, "pass", []),
    ("{kind: punctuation, end: none}", "A line.", {}, "fail", ["."]),
    ("{kind: punctuation, end: '.'}", "A line", {}, "fail", ["e"]),
    ("{kind: punctuation, exclamation_marks: 1}", "Hot! Hot!", {}, "fail", ["!", "!"]),
    ("{kind: forbidden, any: ['{part}'], ignore_case: true}", "The lm317 rocks", {"part": "LM317"}, "fail", ["lm317"]),
    ("{kind: forbidden, any: ['{part}']}", "The lm317 rocks", {"part": "LM317"}, "pass", []),
    ("{kind: forbidden, any: ['cheap', 'best']}", "best and cheap", {}, "fail", ["best", "cheap"]),
    ("{kind: forbidden, regex: '\\bbest\\b'}", "bestow the best", {}, "fail", ["best"]),
    ("{kind: vocabulary, preferred: {Low Dropout: [LDO, Low Drop]}}", "An LDO, Low Drop", {}, "fail", ["LDO", "Low Drop"]),
    ("{kind: vocabulary, preferred: {LDO regulator: LDO}}", "An LDO regulator", {}, "pass", []),
    ("{kind: vocabulary, preferred: {a: aLDO}}", "xaLDOx", {}, "pass", []),
    ("{kind: vocabulary, required: [warranty]}", "No such word", {}, "fail", [None]),
    ("{kind: vocabulary, forbidden: [cheap], ignore_case: true}", "Cheap cheaper", {}, "fail", ["Cheap"]),
    ("{kind: clean}", "A fine diode, SOT-23", {}, "pass", []),
    ("{kind: clean}", "Sure, here it is", {}, "fail", ["Sure, here"]),
    ("{kind: clean}", "```\ncode\n```", {}, "fail", ["```", "```"]),
    ("{kind: clean, allow: [fences]}", "```\ncode\n```", {}, "pass", []),
    ("{kind: clean}", "Call [insert name] now", {}, "fail", ["[insert name]"]),
    ("{kind: clean}", "CafÃ© au lait", {}, "fail", ["Ã©"]),
    ("{kind: clean}", "I'm sorry, but I can't help with that", {}, "fail", ["I'm sorry, but I can't help with that"]),
    ("{kind: covers, fields: [ratings]}", "30V, 2 A diode", {"ratings": ["30 V", "2 A"]}, "pass", []),
    ("{kind: covers, fields: [ratings]}", "30V diode", {"ratings": ["30 V", "2 A"]}, "fail", [None]),
    ("{kind: covers, fields: [colour]}", "A RED hat", {"colour": "red"}, "pass", []),
]  # fmt: skip


@pytest.mark.parametrize(("check", "output", "fields", "status", "found"), CASES)
def test_a_check_finds_what_breaks_it(check, output, fields, status, found):
    assert result(check, output, fields) == (status, found)


GROUNDED = [
    ("30V, 2A Diode", "ratings: 30 V, 2 A", []),
    ("30V, 2A Diode", "ratings: 30 A, 2 A", ["30V"]),
    ("31V Diode", "ratings: 30 V", ["31V"]),
    ("12 pieces", "count: 120", ["12"]),
    ("1,000 pieces", "count: 1000", []),
    ("5.0V", "ratings: 5 V", []),
    ("4.5-24V supply", "ratings: 4.5-24 V", []),
    ("Diode, SOT-23", "package: SOT-23-5", []),
    ("Diode, SOT-89", "package: SOT-23-5", ["SOT-89"]),
    ("a sot23 case", "package: SOT-23", []),
    ("5V", "package: SOT-23-5", ["5V"]),
    ("no fact at all", "ratings: 5 V", []),
    ("10µA", "ratings: 10 uA", []),
    ("10mOhm", "ratings: 10 mΩ", []),
    ("3kVAC", "ratings: 3 kV", []),
]


@pytest.mark.parametrize(("output", "request_text", "found"), GROUNDED)
def test_a_stated_fact_stands_in_the_request(output, request_text, found):
    assert result("{kind: grounded}", output, request=request_text)[1] == found


def test_a_line_of_the_request_is_an_echo_and_a_short_value_is_none():
    request = "keywords: amplifier differential optical\npins: 8"
    assert result("{kind: clean}", f"Here.\n{request}", request=request)[1] == [
        "keywords: amplifier differential optical"
    ]


def test_a_hostile_pattern_cannot_hang_the_program():
    assert result("{kind: pattern, regex: '(a+)+$', min: 1}", "a" * 200_000 + "b")[0] == "fail"


def test_an_empty_table_gives_empty_results():
    pairs = pl.DataFrame(schema={"output": pl.String, "input": pl.String, "fields": pl.String})
    results = check_outputs(pairs, parse_style("checks: [{kind: clean}, {kind: grounded}]"))
    assert len(results.status) == len(results.violations) == 0
    assert results.shares().columns == ["consistent", "faithful", "correct", "acceptable"]


STYLE = parse_style("""
checks:
  - {kind: forbidden, regex: '[a-c]{2}'}
  - {kind: forbidden, any: [é, '{part}'], ignore_case: true, id: texts}
  - {kind: vocabulary, forbidden: [ab, ß], ignore_case: true}
  - {kind: pattern, regex: '[0-9]', min: 0, max: 1}
  - {kind: ends_with, any: [zz]}
  - {kind: punctuation, end: none, exclamation_marks: 0}
  - {kind: grounded}
  - {kind: clean}
""")
TEXT = st.text(st.sampled_from("abcAB é0123.!ß😀\n\ufdd0\ufdd1-Vmkİ"), max_size=30)


@pytest.mark.slow
@settings(deadline=None)  # the first use of a pattern compiles it
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_a_place_holds_what_was_found(rows):
    outputs = [output for output, _ in rows]
    fields = [json.dumps({"part": part}) for _, part in rows]
    results = check_outputs(pl.DataFrame({"output": outputs, "input": [""] * len(rows), "fields": fields}), STYLE)
    for row in results.violations.filter(pl.col("start").is_not_null()).iter_rows(named=True):
        assert outputs[row["index"]][row["start"] : row["end"]] == row["found"]


@pytest.mark.slow
@settings(deadline=None)  # the first use of a pattern compiles it
@given(st.lists(TEXT, min_size=1, max_size=6), st.data())
def test_rows_do_not_influence_each_other(outputs, data):
    order = data.draw(st.permutations(range(len(outputs))))

    def statuses(texts):
        table = pl.DataFrame({"output": texts, "input": [""] * len(texts), "fields": [None] * len(texts)})
        return check_outputs(table, STYLE).status.rows()

    assert [statuses(outputs)[i] for i in order] == statuses([outputs[i] for i in order])
