"""Each kind of form on outputs that keep and break it, with the places it names."""

import json

import polars as pl
import pytest

from tuneworth.core import ConfigError
from tuneworth.style import StyleResults, check_outputs, explain, parse_style, write_guide


def results_of(check: str, *outputs: str, request: str = "") -> StyleResults:
    """The results of one check, written as in a style file, for some outputs."""
    pairs = pl.DataFrame(
        {"output": outputs, "input": [request] * len(outputs)}, schema=dict.fromkeys(("output", "input"), pl.String)
    )
    return check_outputs(pairs, parse_style(f"checks:\n  - {check}"))


def found(check: str, output: str, request: str = "") -> tuple[str, list[tuple[str | None, int | None]]]:
    """The status of one check, and what it found with its start; each place must hold what was found."""
    results = results_of(check, output, request=request)
    rows = list(results.violations.select("found", "start", "end").iter_rows())
    for text, start, end in rows:
        assert start is None or output[start:end] == text
    return results.status.item(), [(text, start) for text, start, _ in rows]


OK = ("pass", [])
NOT_APPLICABLE = ("not applicable", [])


def fail(*places: tuple[str | None, int | None]) -> tuple[str, list[tuple[str | None, int | None]]]:
    return "fail", list(places)


SECTIONS = "{kind: sections, titles: [Use, Care]}"
STRICT = "{kind: sections, titles: [Use, Care], extra: false}"
LIST = "{kind: list, min: 2, max: 3, item_max_words: 4}"
NUMBERED = "{kind: list, marker: '1. '}"
TEMPLATE = "{kind: template, text: 'Size {size} in {colour}.', slots: {size: '[SML]'}}"
KEYS = "{kind: key_values, keys: [Name, Price]}"
STRICT_KEYS = "{kind: key_values, keys: [Name, Price], extra: false}"
ORDER = "{kind: order, parts: {voltage: '[0-9]+V', current: '[0-9]+A', case: 'SOT-[0-9]+'}}"
NONE = "{kind: numbers, space: none}"
ONE = "{kind: numbers, space: one}"
POINT = "{kind: numbers, decimal: '.'}"
COMMA = "{kind: numbers, decimal: ','}"
SENTENCE = "{kind: case, is: sentence}"
TITLE = "{kind: case, is: title}"
UPPER = "{kind: case, is: upper}"
LOWER = "{kind: case, is: lower}"
CASES = [
    ("{kind: length, unit: sentences, max: 1}", "Use approx. 5 V, e.g. from USB.", OK),
    ("{kind: length, unit: sentences, max: 1}", "一句。两句。", fail(("2 sentences", None))),
    ("{kind: pattern, regex: 'x*', min: 0, max: 1}", "abc", fail((None, None))),
    (SECTIONS, "## Use\nEat it.\n\n## Care\nKeep it dry.", OK),
    (SECTIONS, "## Use\n## More\r\n## Care\r\n", OK),
    (STRICT, "## Use\n## More\n## Care", fail(("More", 10))),
    (SECTIONS, "## Care\n## Use", fail(("Care", 3))),
    (SECTIONS, "## Use\n## use\n## Care\n## Care", fail(("Care", 25))),
    (SECTIONS, "## Use\n## care", fail(("care", 10))),
    ("{kind: sections, titles: [Use, Care], ignore_case: true}", "## USE\n## care", OK),
    (SECTIONS, "", fail((None, None), (None, None))),
    (SECTIONS, "## Use\n```\n## Care\n```", fail((None, None))),
    (SECTIONS, "## Use ##\n   ##  Care  ", OK),
    (SECTIONS, "# Use\n### Care", fail((None, None), (None, None))),
    ("{kind: sections, titles: [Use], marker: '**'}", "**Use**\nEat it.", OK),
    (LIST, "- one\n- two", OK),
    (LIST, "Intro:\n- one\n- two\n  more words\n\nEnd.", OK),
    (LIST, "- one", fail(("1 list items", None))),
    (LIST, "nothing", fail((None, None))),
    (LIST, "- a\n- b\n- c\n- d\n- e", fail(("d", 14))),
    (LIST, "- one two three four five\n- b", fail(("one two three four five", 2))),
    (LIST, "- one two three\n  four five\n- b", fail(("one two three", 2))),
    (LIST, "- a\n  - nested one\n  - nested two\n  - three\n- b", OK),
    (LIST, "- a\n - b", OK),
    (LIST, "* a\n* b", fail(("*", 0), ("*", 4))),
    (LIST, "- a\n- b\n```\n- c\n- d\n```", OK),
    (LIST, "- a\n- b\n-30 V is no item", OK),
    (NUMBERED, "1. a\n2. b\n3. c", OK),
    (NUMBERED, "1. a\n1. b\n1. c", OK),
    (NUMBERED, "1. a\n2. b\n\nThen:\n1. c\n2. d", OK),
    (NUMBERED, "1. a\n3. b", fail(("3.", 5))),
    (NUMBERED, "2. a\n3. b", fail(("2.", 0))),
    (NUMBERED, "1) a\n2) b", fail(("1)", 0), ("2)", 5))),
    ("{kind: list, min: 0}", "no list at all", OK),
    (TEMPLATE, "Size M in dark blue.", OK),
    (TEMPLATE, "Size X in blue.", fail(("X in blue.", 5))),
    (TEMPLATE, "Size M on blue.", fail(("on blue.", 7))),
    (TEMPLATE, "Size M in blue", fail((None, None))),
    (TEMPLATE, "Size M in blue.\nMore", fail(("\n", 15))),
    (TEMPLATE, "size M in blue.", fail(("size M in blue.", 0))),
    ("{kind: template, text: '{a}{{b}}', slots: {a: 'x|y'}}", "y{b}", OK),
    ("{kind: template, text: 'a {b}', ignore_case: true}", "A c", OK),
    (KEYS, "Name: Hat\nPrice: 5 EUR", OK),
    (KEYS, "Name: Hat\nColour: red\nNice.\nPrice: 5 EUR", OK),
    (KEYS, "Price: 5\nName: Hat", fail(("Price", 0))),
    (KEYS, "name: Hat\nPrice: 5", fail(("name", 0))),
    (KEYS, "Name: Hat", fail((None, None))),
    (KEYS, "Name: a\nName: b\nPrice: 5", fail(("Name", 8))),
    (STRICT_KEYS, "Name: Hat\nColour: red\nPrice: 5", fail(("Colour", 10))),
    (STRICT_KEYS, "Name: Hat\n  more: of it\nPrice:\n- 5 EUR\n- 6 USD", OK),
    (STRICT_KEYS, "Here it is\nName: Hat\nPrice: 5", fail(("Here it is", 0))),
    ("{kind: key_values, keys: [a, b], separator: ' = '}", "a = 1\nb = 2 = 3", OK),
    (ORDER, "30V, 2A, SOT-23", OK),
    (ORDER, "30V, SOT-23", OK),
    (ORDER, "2A, 30V, SOT-23", fail(("2A", 0))),
    (ORDER, "ä SOT-23, 30V, 2A", fail(("SOT-23", 2))),
    (ORDER, "no part of it, 2A alone", NOT_APPLICABLE),
    (NONE, "30V, 2.5A and -40 up", OK),
    (NONE, "30 V and 2 mA", fail(("30 V", 0), ("2 mA", 9))),
    (NONE, "2 years, 3 in stock, 5 pieces", OK),
    (NONE, "a 36-V amplifier", OK),
    (ONE, "a 2D array, the 50th, 5V", fail(("5V", 22))),
    (POINT, "f(2,3) and [0,0] of (3,5 V)", fail(("3,5", 21))),
    ("{kind: punctuation, dashes: en}", "n - 2 and 2–3", NOT_APPLICABLE),
    (SENTENCE, "Visit London and Paris today", OK),
    (SENTENCE, "Move Saturday, Sunday and Monday to June or July", OK),
    (SENTENCE, "Kleiner Verstärker mit Netzteil und Gehäuse", OK),
    (SENTENCE, "Small Amplifier With Supply and Housing", fail(("Amplifier", 6))),
    (COMMA, "Linux 6.12 with SDL 2.0, version 3.13", OK),
    (COMMA, "Linux 6.12 of 3.5 kg, über 2.5 davon, Gewicht 1.5 kg",
     fail(("3.5", 14), ("2.5", 27), ("1.5", 46))),
    (NONE, "Turn it by 90 degrees in the plane", OK),
    (SENTENCE, "Berlin hosts London, Paris, Madrid with care", OK),
    (SENTENCE, "Sofas. Chairs. Tables. Lamps.", OK),
    (SENTENCE, "np.angle gives the angle", OK),
    (SENTENCE, "`bounds` are kept", OK),
    (ONE, "30 V, 50%, 90° and a 4K screen", OK),
    (ONE, "30V or 30 V", fail(("30V", 0))),
    (ONE, "TO-220, 2N3904, SOT-23-5 and USB3", NOT_APPLICABLE),
    ("{kind: numbers, units: [V, mA]}", "30 V at 2 A", fail(("2 A", 8))),
    (POINT, "3.5 V, 1,000 pieces, 1,000.5 kg", OK),
    (POINT, "3,5 V and 12,75 and 0,125", fail(("3,5", 0), ("12,75", 10), ("0,125", 20))),
    (POINT, "pins 1,2,3 of TO-220,5", NOT_APPLICABLE),
    (COMMA, "3,5 V, 1.000 Stück, 1.000,5 kg", OK),
    (COMMA, "3.5 V in Version 1.2.3 vom 25.11.2026", fail(("3.5", 0))),
    (SENTENCE, "A low-noise amplifier for 5 V.", OK),
    (SENTENCE, "a low-noise amplifier", fail(("a", 0))),
    (SENTENCE, "iPhone case with MOSFET and USB", OK),
    (SENTENCE, "4-pin connector", OK),
    (SENTENCE, "A Very Nice Amplifier For Guitars", fail(("Very", 2))),
    (SENTENCE, "Visit New York today. Bring a coat and some money", OK),
    (SENTENCE, "BUY THESE GOOD THINGS", fail(("BUY THESE GOOD THINGS", 0))),
    (SENTENCE, "مرحبا 你好", NOT_APPLICABLE),
    (TITLE, "The Lord of the Rings, 5 mV iPhone", OK),
    (TITLE, "the Lord of rings", fail(("the", 0), ("rings", 12))),
    (UPPER, "SALE: 30MA AND 5 kg", OK),
    (UPPER, "SALE now", fail(("now", 5))),
    (LOWER, "a dual mosfet with USB, N-channel", OK),
    (LOWER, "a Dual mosfet", fail(("Dual", 2))),
    ("{kind: punctuation, end: none}", "Made by Vishay Inc.", OK),
    ("{kind: punctuation, end: '.'}", 'He said "go."', OK),
    ("{kind: punctuation, end: '.'}", "", fail((None, None))),
    ("{kind: punctuation, quotes: straight}", 'a "b" 5" and it’s', OK),
    ("{kind: punctuation, quotes: straight}", "a “b” c", fail(("“", 2), ("”", 4))),
    ("{kind: punctuation, quotes: curly}", 'a "b" of 5"', fail(('"', 2), ('"', 4))),
    ("{kind: punctuation, quotes: low}", "ein „Wort“", OK),
    ("{kind: punctuation, quotes: none}", "«a»", fail(("«", 0), ("»", 2))),
    ("{kind: punctuation, quotes: curly}", "none here", NOT_APPLICABLE),
    ("{kind: punctuation, dashes: en}", "a – b, 1—2, x-ray", OK),
    ("{kind: punctuation, dashes: en}", "a - b -- c—d, --all", fail(("-", 2), ("--", 6), ("—", 10))),
    ("{kind: punctuation, dashes: none}", "- item\n- 5 - 3", OK),
    ("{kind: json}", '{"a": [1, 2.5, "x"]}', OK),
    ("{kind: json}", "```json\n{}\n```", fail(("```json\n{}\n```", 0))),
    ("{kind: json}", "", fail((None, None))),
    ("{kind: json}", '{"a": 1, "a": 2}', fail((None, None))),
    ("{kind: json}", "[NaN, 1]", fail((None, None))),
    ("{kind: json}", "1e999", fail((None, None))),
    ("{kind: json}", "9" * 5000, fail((None, None))),
    ("{kind: json}", "[" * 10_000 + "]" * 10_000, fail((None, None))),
    ("{kind: json}", "[" * 100_000, fail((None, None))),
    ("{kind: json}", '"\\ud800"', fail((None, None))),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("check", "output", "expected"), CASES)
def test_a_form_is_kept_or_its_breach_has_a_place(check, output, expected):
    assert found(check, output) == expected


@pytest.mark.parametrize(
    ("check", "output", "sentence"),
    [
        ("{kind: length, unit: words, min: 2}", "one", "length: the text has 1 word, expected at least 2 words"),
        (SECTIONS, "## Use", 'sections: the heading "## Care" after "## Use" is missing'),
        (TEMPLATE, "Size X in red.", 'template: found "X in red." where the template has {size} that matches [SML]'),
        (KEYS, "Name: a", 'key_values: the line "Price:" after "Name:" is missing'),
        (ORDER, "2A, 30V", 'order: "2A" is in the wrong place; expected current after voltage'),
        (ORDER, "2A, SOT-23, 30V", 'order: "30V" is in the wrong place; expected voltage before current'),
        (NONE, "30 V", 'numbers: "30 V" should be "30V"'),
        ("{kind: json, schema: {type: array}}", "7", 'json: at $ this value is not of type "array" (this value: 7)'),
        ("{kind: json}", "{", "json: expected valid JSON"),
        (LIST, "", "list: there is no list, expected 2 to 3 list items"),
    ],
)
def test_a_violation_is_explained(check, output, sentence):
    results = results_of(check, output)
    violation = results.violations.row(0, named=True)
    assert explain(results.style.checks[0], violation["found"], violation["expected"]).startswith(sentence)


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (STRICT, "Use these headings, in this order and no others: `## Use`, `## Care`."),
        (LIST, "Write a list of 2 to 3 items, each on a line that begins with `- `; an item has at most 4 words."),
        (NUMBERED, "Write a numbered list, each item on a line that begins with `1. `."),
        (TEMPLATE, "Fill in this template exactly: `Size {size} in {colour}.`, where {size} matches `[SML]`."),
        (KEYS, "Write one line for each of these, in this order: `Name: …`, `Price: …`."),
        (ORDER, "Keep this order where the parts occur: voltage, then current, then case."),
        (NONE, "Write a number and its unit without a space (`30V`)."),
        (SENTENCE, "Write in sentence case: a capital letter at the beginning, small letters except for names."),
        ("{kind: punctuation, quotes: curly, dashes: none}", "Use curly (“ ”) quotation marks. Use no dashes."),
        ("{kind: json}", "Answer with valid JSON and nothing else."),
        ("{kind: length, unit: sentences, min: 1, max: 1}", "Write exactly one sentence."),
    ],
)
def test_a_rule_says_itself_in_the_guide(check, sentence):
    assert f"- {sentence}" in write_guide(parse_style(f"checks: [{check}]"))


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("{kind: pattern, regex: 'a(?!b)'}", 'look-around ("(?!") is not supported'),
        ("{kind: pattern, regex: '(a)\\1'}", "a back-reference"),
        ("{kind: pattern, regex: 'a{1000000}'}", "counted repetitions"),
        ("{kind: sections, titles: []}", "at least one title"),
        ("{kind: sections, titles: [a, a]}", "listed twice"),
        ("{kind: sections, titles: [a], marker: '', extra: false}", "marker"),
        ("{kind: list, marker: ''}", "marker"),
        ("{kind: list, min: 3, max: 2}", "0 <= min <= max"),
        ("{kind: template, text: plain}", "has no {slot}"),
        ("{kind: template, text: '{a', slots: {}}", "single brace"),
        ("{kind: template, text: '{a}', slots: {b: x}}", '"b" do not occur'),
        ("{kind: template, text: '{a}', slots: {a: '(?=x)'}}", "look-around"),
        ("{kind: key_values, keys: ['a: b']}", "contains the separator"),
        ("{kind: order, parts: {a: x}}", "at least two"),
        ("{kind: order, parts: {a: 'x*', b: y}}", "empty text"),
        ("{kind: numbers}", 'needs "space", "units" or "decimal"'),
        ("{kind: numbers, space: two}", '"none" or "one"'),
        ("{kind: case, is: camel}", 'is: expected "sentence"'),
        ("{kind: case}", '"is" is missing'),
        ("{kind: punctuation, quotes: round}", "quotes: expected"),
        ("{kind: json, schema: {type: strng}}", "type: "),
        (
            "{kind: json, schema: {$ref: 'https://example.com/s.json'}}",
            "points outside the schema, and nothing is fetched",
        ),
        ("{kind: json, schema: {$ref: '#/$defs/none'}}", "'/$defs/none' does not exist"),
        ("{kind: json, schema: {pattern: '(?=a)'}}", "linear time"),
        ("{kind: json, schema: no-such-file.json}", "no JSON Schema at no-such-file.json"),
    ],
)
def test_wrong_parameters_are_refused_with_a_reason(check, reason):
    with pytest.raises(ConfigError, match="check 1") as raised:
        parse_style(f"checks:\n  - {check}")
    assert reason in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 3


def test_a_length_in_tokens_needs_a_tokenizer():
    style = parse_style("checks: [{kind: length, unit: tokens, max: 2}]")
    pairs = pl.DataFrame({"output": ["a b", "a b c"], "input": ["", ""]})
    without = check_outputs(pairs, style)
    assert without.status["length"].to_list() == ["unscored", "unscored"]
    assert without.unscored["why"][0].startswith("no tokenizer")
    counted = check_outputs(pairs, style, count_tokens=lambda texts: [len(text.split()) for text in texts])
    assert counted.status["length"].to_list() == ["pass", "fail"]
    assert counted.violations.row(0) == (1, "length", "3 tokens", None, None, "at most 2 tokens")


def test_words_of_the_request_keep_their_capitals():
    request = "brand: Big Blue Widget Company"
    assert found(SENTENCE, "Hats by Big Blue Widget Company", request) == OK
    assert found(LOWER, "hats by Big Blue", request) == OK
    assert found(UPPER, "HATS BY iHat", "brand: iHat") == OK


def test_a_schema_file_lies_beside_the_style_file(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"type": "object", "required": ["a"]}))
    (tmp_path / "s.yaml").write_text("type: object\nrequired: [a]\n")
    for name in ("s.json", "s.yaml"):
        style = parse_style(f"checks: [{{kind: json, schema: {name}}}]", path=tmp_path / "style.yaml")
        results = check_outputs(pl.DataFrame({"output": ['{"a": 1}', "{}"], "input": ["", ""]}), style)
        assert results.status["json"].to_list() == ["pass", "fail"]
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(ConfigError, match="is not valid"):
        parse_style("checks: [{kind: json, schema: s.json}]", path=tmp_path / "style.yaml")


def test_a_schema_elsewhere_is_not_read_even_where_it_could_be(tmp_path):
    (tmp_path / "s.json").write_text("{}")
    with pytest.raises(ConfigError, match="points outside the schema"):
        parse_style(f"checks: [{{kind: json, schema: {{$ref: '{(tmp_path / 's.json').as_uri()}'}}}}]")
