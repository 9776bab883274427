"""The kinds of wording: what keeps and what breaks them, the places, the sentences, what they propose."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.style import KINDS, check_outputs, explain, pair_columns, parse_style, write_guide
from tuneworth.style.kinds.no_repeats import repeats
from tuneworth.style.kinds.readability import reading_grades, syllables

GERMAN = "Dieser Verstärker hat einen sehr kleinen Eingangsstrom."
PLAIN = (
    "We make good tea. It is hot and it is sweet. You can drink it at home. You can take it with you. It costs little."
)
HARD = (
    "Considerable sophistication characterises contemporary semiconductor manufacturing, necessitating extraordinarily "
    "meticulous environmental considerations throughout international production organisations and facilities everywhere, "
    "notwithstanding occasional difficulties."
)
SIX = "one two three four five six"


def table(outputs, requests=None, fields=None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "output": outputs,
            "input": requests or [""] * len(outputs),
            "fields": [json.dumps(f) if f is not None else None for f in fields or [None] * len(outputs)],
        },
        schema={"output": pl.String, "input": pl.String, "fields": pl.String},
    )


def result(check: str, output: str, fields=None, request: str = "") -> tuple[str, list[str | None]]:
    results = check_outputs(table([output], [request], [fields]), parse_style(f"checks:\n  - {check}"))
    for found, start, end in results.violations.select("found", "start", "end").iter_rows():
        assert start is None or output[start:end] == found
    return results.status.row(0)[0], results.violations["found"].to_list()


CASES = [
    ("{kind: language, is: en}", "The quick brown fox jumps over the lazy dog.", None, "pass", []),
    ("{kind: language, is: en}", GERMAN, None, "fail", [GERMAN]),
    ("{kind: language, is: de}", GERMAN, None, "pass", []),
    ("{kind: language, is: en}", "这是一台性能非常好的低噪声运算放大器，适用于音频设备。", None, "fail",
     ["这是一台性能非常好的低噪声运算放大器，适用于音频设备。"]),
    ("{kind: language, is: en}", "Ein Satz.", None, "not applicable", []),
    ("{kind: language, is: en, min_characters: 60}", GERMAN, None, "not applicable", []),
    ("{kind: language, is: en}", "Dual N-Channel MOSFET, 30V", None, "pass", []),
    ("{kind: language, is: en}", "5000W unidirectional Transient Voltage Suppressor, P-600", None, "pass", []),
    ("{kind: language, is: en}", "BC847BS, 2N7002DW, LM358, NE555, SOT-363", None, "pass", []),
    ("{kind: language, is: nb}", "Dette er en helt vanlig norsk setning om en forsterker.", None, "pass", []),
    ("{kind: language, is: hr}", "Ово је сасвим обична српска реченица о појачалу.", None, "pass", []),
    ("{kind: readability, grade_max: 6}", PLAIN, None, "pass", []),
    ("{kind: readability, grade_max: 6}", HARD, None, "fail", ["grade 43.7"]),
    ("{kind: readability, grade_min: 6}", PLAIN, None, "fail", ["grade -1.3"]),
    ("{kind: readability, grade_max: 6}", "Too short to have a grade.", None, "not applicable", []),
    ("{kind: readability, grade_max: 1}", " ".join([GERMAN] * 4), None, "not applicable", []),
    ("{kind: no_repeats}", f"{SIX} seven", None, "pass", []),
    ("{kind: no_repeats}", f"{SIX}. Then {SIX.title()}, again", None, "fail", [SIX.title()]),
    ("{kind: no_repeats}", f"{SIX} seven, {SIX} seven, {SIX} seven", None, "fail", [f"{SIX} seven, {SIX} seven"]),
    ("{kind: no_repeats}", f"{SIX} x {SIX} y {SIX}", None, "fail", [SIX]),
    ("{kind: no_repeats, words: 2}", "so very good, and so very bad", None, "fail", ["so very"]),
    ("{kind: no_repeats}", "ha " * 8, None, "fail", ["ha ha ha ha ha ha ha"]),
    ("{kind: no_repeats, words: 3}", "0 0 0 0 0 0 1.5 1.5 1.5 1.5", None, "pass", []),
    ("{kind: vocabulary, preferred: {Low Dropout: [Low Drop, Drop Out]}}", "Low Drop Out", None, "fail", ["Low Drop"]),
    ("{kind: vocabulary, forbidden: [ΟΔΟΣ], ignore_case: true}", "η οδος, Οδοσ", None, "fail", ["οδος", "Οδοσ"]),
    ("{kind: vocabulary, forbidden: [straße], ignore_case: true}", "die STRAẞE", None, "fail", ["STRAẞE"]),
    ("{kind: vocabulary, forbidden: [café]}", "cafés, café.", None, "fail", ["café"]),
    ("{kind: vocabulary, preferred: {C: 'C++'}}", "C++ and C", None, "fail", ["C++"]),
    ("{kind: vocabulary, preferred: {LDO: [ldo, ldos]}, ignore_case: true}", "Ldo, LDO, LDOS", None, "fail", ["Ldo", "LDOS"]),
    ("{kind: vocabulary, preferred: {LDO: [ldos]}, ignore_case: true}", "Ldo, ldo, LDO", None, "pass", []),
    ("{kind: forbidden, any: ['{part}'], ignore_case: true}", "İİ the İX1", {"part": "İX1"}, "fail", ["İX1"]),
    ("{kind: forbidden, any: ['{part}'], ignore_case: true}", "İ then ix1", {"part": "IX1"}, "fail", ["ix1"]),
    ("{kind: forbidden, any: ['{part}'], ignore_case: true}", "İ then nothing", {"part": "IX1"}, "pass", []),
    ("{kind: forbidden, any: ['{part}'], ignore_case: true}", "a ix1", {"part": None}, "not applicable", []),
    ("{kind: forbidden, any: [six], ignore_case: true}", "the ſix", None, "fail", ["ſix"]),
    ("{kind: forbidden, any: ['.*']}", "a .* b", None, "fail", [".*"]),
    ("{kind: covers, fields: [pins]}", "A diode, SOIC-8, 18 V", {"pins": 8}, "fail", [None]),
    ("{kind: covers, fields: [pins]}", "A diode with 8 pins", {"pins": 8}, "pass", []),
    ("{kind: covers, fields: [name]}", "Train plays rock.", {"name": "Train (band)"}, "pass", []),
    ("{kind: covers, fields: [name]}", "The trainer plays.", {"name": "Train (band)"}, "fail", [None]),
    ("{kind: covers, fields: [name]}", "The band plays.", {"name": "Train (band)"}, "fail", [None]),
    ("{kind: covers, fields: [name]}", "Milk, fresh", {"name": "Milk (2%)"}, "fail", [None]),
    ("{kind: covers, fields: [name]}", "Milk, fresh", {"name": "(fresh)"}, "pass", []),
    ("{kind: covers, fields: [name]}", "Marks and Spencer sells it", {"name": "Marks & Spencer"}, "pass", []),
    ("{kind: covers, fields: [name]}", "Marks&Spencer sells it", {"name": "Marks and Spencer"}, "pass", []),
    ("{kind: covers, fields: [name]}", "Marks, Spencer", {"name": "Marks & Spencer"}, "fail", [None]),
    ("{kind: covers, fields: [name]}", "In Saint Mary Abbots", {"name": "St. Mary Abbots"}, "pass", []),
    ("{kind: covers, fields: [name]}", "In St Mary Abbots", {"name": "Saint Mary Abbots"}, "pass", []),
    ("{kind: covers, fields: [pins]}", "A diode with eight pins", {"pins": 8}, "pass", []),
    ("{kind: covers, fields: [pins]}", "A diode with 28 pins", {"pins": "twenty-eight"}, "pass", []),
    ("{kind: covers, fields: [pins]}", "Twenty-eight 5 V pins", {"pins": "28 pins"}, "pass", []),
    ("{kind: covers, fields: [pins]}", "A diode with seven pins, 18 V", {"pins": 8}, "fail", [None]),
    ("{kind: covers, fields: [pins]}", "A diode with 8 pins", {"pins": "seven"}, "fail", [None]),
    ("{kind: covers, fields: [colour]}", "Undyed hat, infrared", {"colour": "red"}, "fail", [None]),
    ("{kind: covers, fields: [colour]}", "Hat (RED)", {"colour": ["red"]}, "pass", []),
    ("{kind: covers, fields: [colour, size]}", "Hat in red", {"colour": "red", "size": ["S", "M"]}, "fail", [None, None]),
    ("{kind: covers, fields: [colour]}", "Hat", {"size": "S"}, "not applicable", []),
    ("{kind: covers, fields: [maker]}", "A TRANSZORB® diode", {"maker": "Transzorb®"}, "pass", []),
    ("{kind: covers, fields: [pins]}", "In, out, +, ~{EN}", {"pins": ["+", "~{EN}"]}, "pass", []),
    ("{kind: covers, fields: [pins]}", "In, out", {"pins": ["+"]}, "fail", [None]),
    ("{kind: covers, fields: [mass]}", "A bag of 30 MG", {"mass": "30 mg"}, "pass", []),
    ("{kind: covers, fields: [mass]}", "A bag of 30000 MG", {"mass": "30 g"}, "fail", [None]),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("check", "output", "fields", "status", "found"), CASES)
def test_a_check_finds_what_breaks_it(check, output, fields, status, found):
    assert result(check, output, fields) == (status, found)


def test_phrases_of_the_request_count_where_they_are_asked_for():
    assert result("{kind: no_repeats}", f"Say {SIX}", request=SIX)[0] == "pass"
    assert result("{kind: no_repeats, of_input: true}", f"Say {SIX}!", request=f"{SIX} seven") == ("fail", [SIX])
    assert result("{kind: no_repeats, of_input: true}", f"{SIX} {SIX}", request="one two") == ("fail", [SIX])


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("{kind: language, is: english}", '"is" must be a two-letter language code'),
        ("{kind: language}", '"is" is missing'),
        ("{kind: language, is: en, min_characters: 0}", "must be at least 1"),
        ("{kind: readability}", 'needs "grade_min" or "grade_max"'),
        ("{kind: readability, grade_min: 9, grade_max: 5}", "is above"),
        ("{kind: no_repeats, words: 1}", "must be from 2 to 1000"),
        ("{kind: no_repeats, words: 18446744073709551616}", "must be from 2 to 1000"),
        ("{kind: python, call: rules.f}", "pass --allow-code"),
    ],
)
def test_parameters_that_cannot_be_are_refused(check, said):
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        parse_style(f"checks:\n  - {check}")


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("{kind: language, is: de}", "Write in German."),
        ("{kind: readability, grade_max: 8}", "school grade 8 or lower (Flesch-Kincaid)."),
        ("{kind: readability, grade_min: 3, grade_max: 8}", "school grades 3 to 8"),
        (
            "{kind: no_repeats, of_input: true}",
            "use no phrase of 6 or more words twice, and copy none from the request.",
        ),
        ("{kind: covers, fields: [a, b]}", "Mention every value of a and b."),
    ],
)
def test_a_rule_says_itself_in_a_sentence(check, sentence):
    assert sentence in write_guide(parse_style(f"checks:\n  - {check}"))


@pytest.mark.parametrize(
    ("check", "output", "fields", "sentence"),
    [
        ("{kind: vocabulary, required: [warranty]}", "x", None, 'vocabulary: the term "warranty" is missing'),
        ("{kind: vocabulary, preferred: {A b: [Ab]}}", "Ab", None, 'vocabulary: found "Ab", expected "A b"'),
        ("{kind: forbidden, any: [cheap]}", "cheap", None, 'forbidden: "cheap" must not stand here'),
        ("{kind: clean}", "TODO: x", None, 'clean: "TODO:" is left over; expected no placeholders'),
        ("{kind: covers, fields: [c]}", "x", {"c": "red"}, 'covers: the output leaves out the c "red"'),
        ("{kind: readability, grade_max: 6}", HARD, None, "shorter sentences and words lower it"),
        ("{kind: language, is: en}", GERMAN, None, "expected English, not German"),
    ],
)
def test_a_violation_is_explained(check, output, fields, sentence):
    style = parse_style(f"checks:\n  - {check}")
    (violation,) = check_outputs(table([output], fields=[fields]), style).violations.to_dicts()
    assert sentence in explain(style.checks[0], violation["found"], violation["expected"])


# Counts of the CMU Pronouncing Dictionary.
SYLLABLES = {
    "a": 1, "make": 1, "table": 2, "used": 1, "wanted": 2, "files": 1, "boxes": 2, "nation": 2,
    "being": 2, "video": 3, "amplifier": 4, "voltage": 2, "regulator": 4, "the": 1, "people": 2, "actual": 3,
    "organism": 4, "radio": 3, "rhythm": 1,
}  # fmt: skip


@pytest.mark.parametrize(("word", "count"), SYLLABLES.items())
def test_syllables_are_counted_by_spelling(word, count):
    assert syllables(word) == count


def test_the_grade_is_the_formula_of_kincaid():
    words = PLAIN.lower().replace(".", "").split()
    expected = 0.39 * len(words) / 5 + 11.8 * sum(map(syllables, words)) / len(words) - 15.59
    assert reading_grades(pl.Series([PLAIN]))[0] == pytest.approx(expected)
    # A number with a point closes no sentence, a last sentence without a mark is one.
    assert reading_grades(pl.Series([PLAIN.removesuffix(".") + " now at 2.5 EUR"]))[0] > expected


def repeats_slowly(text: str, words: int) -> bool:
    tokens = text.lower().split()
    grams = [tuple(tokens[n : n + words]) for n in range(len(tokens) - words + 1)]
    return any(gram in grams[:n] and not all(w.isnumeric() for w in gram) for n, gram in enumerate(grams))


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["a", "B", "b", "cc", "7"]), max_size=12).map(" ".join), min_size=1, max_size=5)
)
def test_a_repeat_is_found_exactly_where_there_is_one(outputs):
    results = check_outputs(table(outputs), parse_style("checks: [{kind: no_repeats, words: 2}]"))
    assert results.status["no_repeats"].to_list() == ["fail" if repeats_slowly(t, 2) else "pass" for t in outputs]


@pytest.mark.slow
def test_repeats_take_time_in_proportion_to_the_text():
    text = "again and again the same few words " * 30_000
    ((start, end, copied),) = repeats(text, words=6)
    assert text[start:end].startswith("again and")
    assert (end, copied) == (len(text) - 1, False)


STYLE = parse_style("""
checks:
  - {kind: language, is: en, min_characters: 1}
  - {kind: readability, grade_max: 1}
  - {kind: no_repeats, words: 2, of_input: true}
  - {kind: vocabulary, forbidden: [ab, ß, ς, İ], preferred: {a b: [a-b, A/B]}, ignore_case: true}
  - {kind: forbidden, any: ['{part}', 'é'], ignore_case: true}
  - {kind: covers, fields: [part]}
  - {kind: starts_with, any: ['{part}'], ignore_case: true}
  - {kind: clean}
""")
TEXT = st.text(st.sampled_from("abAB é0123.!ßẞςσİſK\u0301😀\n\ufdd0\ufdd1-/{}[]`"), max_size=40) | st.text(max_size=20)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_no_text_breaks_a_check_and_each_place_holds_what_was_found(rows):
    rows = [
        (output.encode("utf-8", "ignore").decode(), part.encode("utf-8", "ignore").decode()) for output, part in rows
    ]
    results = check_outputs(table([o for o, _ in rows], [p for _, p in rows], [{"part": p} for _, p in rows]), STYLE)
    assert len(results.status) == len(rows)
    for index, found, start, end in results.violations.select("index", "found", "start", "end").iter_rows():
        assert start is None or (0 <= start <= end <= len(rows[index][0]) and rows[index][0][start:end] == found)


def proposed(kind: str, outputs, fields=None) -> list[dict]:
    return [dict(p.entry) for p in KINDS[kind].propose(pair_columns(table(outputs, fields=fields)))]


PARTS = [{"part": f"LM{n}", "package": "SOT-23" if n % 2 else "TO-220", "pins": n % 3 + 3} for n in range(40)]


def test_a_field_at_the_end_is_proposed_where_it_is_given():
    outputs = [f"Regulator, {n} V, {part['package']}" for n, part in enumerate(PARTS)]
    assert proposed("ends_with", outputs, PARTS) == [{"any": ["{package}"], "when": "package"}]
    small = [output.lower() if n % 4 == 0 else output for n, output in enumerate(outputs)]
    assert proposed("ends_with", small, PARTS)[1] == {"any": ["{package}"], "when": "package", "ignore_case": True}
    assert {"any": ["{package}"], "when": "package"} not in proposed("ends_with", [f"{o}X" for o in outputs], PARTS)


def test_a_field_inside_a_longer_word_is_no_field_at_the_end():
    outputs = [f"Diode, HTS{part['package']}" for part in PARTS]
    assert {"any": ["{package}"], "when": "package"} not in proposed("ends_with", outputs, PARTS)


def test_a_number_that_ends_a_code_is_no_field_at_the_end():
    outputs = [f"Diode, model SOIC-{part['pins']}" for part in PARTS]
    entries = proposed("ends_with", outputs, [{"pins": part["pins"]} for part in PARTS])
    assert not [entry for entry in entries if "{pins}" in entry["any"]]


def test_a_text_at_the_beginning_of_all_is_proposed_as_long_as_it_goes():
    outputs = [f"Buy now the {word} and save" for word in "abcdefghij" * 4]
    assert {"any": ["Buy now the"]} in proposed("starts_with", outputs)
    assert {"any": ["and save"]} in proposed("ends_with", outputs)


def test_a_few_words_to_choose_from_are_proposed_together():
    outputs = [f"{word}: mend the number {n} thing" for n, word in enumerate(["feat", "fix", "docs"] * 20)]
    assert proposed("starts_with", outputs) == [{"any": ["docs:", "feat:", "fix:"]}]
    assert proposed("starts_with", ["good", "bad"] * 30) == []  # labels, not beginnings


def test_a_name_of_the_item_that_outputs_leave_out_is_proposed_as_forbidden():
    outputs = [f"Regulator, {part['package']}" for part in PARTS]
    assert proposed("forbidden", outputs, PARTS) == [{"any": ["{part}"], "ignore_case": True}]
    assert proposed("forbidden", [f"{part['part']} regulator" for part in PARTS], PARTS) == []


def test_fields_that_outputs_hold_are_proposed_as_covered():
    outputs = [f"Regulator in {part['package']}" for part in PARTS]
    assert proposed("covers", outputs, PARTS) == [{"fields": ["package"]}]


@pytest.mark.slow
def test_a_spelling_is_proposed_where_a_term_is_frequent_and_drifts():
    drifting = [f"An e-mail to house {n}" if n % 4 else f"An email to house {n}" for n in range(400)]
    (entry,) = proposed("vocabulary", drifting)
    assert entry == {"preferred": {"e-mail": ["email"]}}
    assert proposed("vocabulary", drifting + [f"A letter to house {n}" for n in range(90_000)]) == []  # a rare term
    assert (
        proposed("vocabulary", ["An email to a house"] * 1_000 + ["An e-mail to a house"] * 5) == []
    )  # hardly a drift


def test_what_any_text_keeps_is_no_style_by_itself():
    outputs = [f"{PLAIN} Number {n} is a nice one to have in the house." for n in range(30)]
    columns = pair_columns(table(outputs))
    told = {kind: [(dict(p.entry), p.style) for p in KINDS[kind].propose(columns)] for kind in KINDS}
    assert told["clean"] == [({}, False)]
    assert told["language"] == [({"is": "en"}, False)]
    assert told["no_repeats"] == [({}, False)]
    (readable,) = told["readability"]
    assert readable[1]
    assert readable[0]["grade_max"] <= 5


@pytest.mark.parametrize(
    "kind", ["language", "readability", "no_repeats", "covers", "forbidden", "starts_with", "vocabulary"]
)
def test_an_empty_table_proposes_nothing(kind):
    assert proposed(kind, []) == proposed(kind, ["", ""]) == []
