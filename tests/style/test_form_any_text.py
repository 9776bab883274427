"""What must hold for every text: no kind of form breaks, every place is inside, rows stand alone."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import check_outputs, parse_style
from tuneworth.style.kinds.order import longest_rising

STYLE = parse_style("""
checks:
  - {kind: length, unit: sentences, max: 1}
  - {kind: length, unit: paragraphs, max: 1, id: paragraphs}
  - {kind: pattern, regex: '[ab]*', min: 0, max: 1}
  - {kind: sections, titles: [a, B], extra: false, ignore_case: true}
  - {kind: sections, titles: [a, B], marker: '**', id: bold}
  - {kind: list, max: 1, item_max_words: 1}
  - {kind: list, marker: '1. ', min: 0, id: numbered}
  - {kind: template, text: 'a{x} b{y}', slots: {x: '[0-9]+'}}
  - {kind: key_values, keys: [a, B], extra: false}
  - {kind: order, parts: {number: '[0-9]', letter: '[ab]', mark: '[.!]'}, ignore_case: true}
  - {kind: numbers, space: one, units: [V], decimal: ','}
  - {kind: numbers, space: none, decimal: '.', id: close}
  - {kind: case, is: sentence}
  - {kind: case, is: title, id: title}
  - {kind: case, is: upper, id: upper}
  - {kind: case, is: lower, id: lower}
  - {kind: punctuation, end: none, exclamation_marks: 0, quotes: none, dashes: none}
  - {kind: punctuation, quotes: curly, dashes: en, id: sorts}
  - {kind: json, schema: {type: object, required: [a]}}
  - {kind: allowed, values: [a, B], separator: ','}
  - {kind: html, tags: [b], structure: ['b*']}
  - {kind: punctuation, end: none, each: sentence, id: sentences}
  - {kind: case, is: lower, each: item, part: last paragraph, id: items}
""")
PIECES = [
    *["a", "B", "ß", "İ", "ǅ", "é", "e\u0301", "😀", "\u202e", "مر", "你", "\x00", "\ufdd0", "\ufdd1", "\u2028"],
    *["\n", "\r\n", "\n\n", "  ", "\t", "\xa0", "## a", "**a**", "- ", "* ", "1. ", "3. ", "a: ", "B:", "```\n"],
    *["30 V", "5mA", "3,5", "1.000", "-5", ".", "!", "…", '"', "“", "’", "«", " - ", "--", "–", "—", '{"a": 1}', "["],
    *["Abcd Efgh Ijkl Mnop", "ABCD", "&", "_", "<b>", "</b>", "<p>", "<li ", "<!--"],
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=10).map("".join) | st.text(max_size=20)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_every_place_holds_what_was_found(outputs):
    results = check_outputs(pl.DataFrame({"output": outputs, "input": outputs[::-1]}), STYLE)
    for row in results.violations.iter_rows(named=True):
        if row["start"] is not None:
            assert 0 <= row["start"] < row["end"] <= len(outputs[row["index"]])
            assert outputs[row["index"]][row["start"] : row["end"]] == row["found"]
    failed = {(row, name) for name in results.status.columns for row in (results.status[name] == "fail").arg_true()}
    assert failed == set(results.violations.select("index", "check").iter_rows())


@pytest.mark.slow
@settings(max_examples=8)
@given(st.lists(TEXTS, min_size=2, max_size=5))
def test_a_row_is_judged_alone(outputs):
    together = check_outputs(pl.DataFrame({"output": outputs, "input": [""] * len(outputs)}), STYLE)
    for index, output in enumerate(outputs):
        alone = check_outputs(pl.DataFrame({"output": [output], "input": [""]}), STYLE)
        assert alone.status.row(0) == together.status.row(index)
        rows = together.violations.filter(pl.col("index") == index).drop("index")
        assert alone.violations.drop("index").rows() == rows.rows()


REPEATED = ["a", "A ", "- x\n", "## a\n", "3,5 V ", '"', "[", "a: b\n", "1. ", "Word ", " - ", "\u0301"]


@pytest.mark.slow
@pytest.mark.parametrize("piece", REPEATED)
def test_an_output_of_150_000_characters_is_judged_to_the_end(piece):
    results = check_outputs(pl.DataFrame({"output": [piece * (150_000 // len(piece))], "input": [""]}), STYLE)
    assert results.status.width == len(STYLE.checks)  # a quadratic step would meet the suite's limit of 10 minutes


SAFE = st.sampled_from(["[0-9]+", "[a-c]", "a|bc", "x?", "b+c", "[^,]+", "(?:ab)*"])


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(SAFE, min_size=1, max_size=3), st.lists(st.text("abcx, 01.*(", max_size=3), min_size=4, max_size=4),
       st.lists(st.text("abcx, 01.*(", max_size=8), min_size=1, max_size=4), st.data())  # fmt: skip
def test_a_template_fits_where_python_says_so(slots, literals, texts, data):
    text = literals[0] + "".join(
        f"{{s{n}}}{literal}" for n, literal in zip(range(len(slots)), literals[1:], strict=False)
    )
    filled = "".join(
        literal + (data.draw(st.from_regex(slots[n], fullmatch=True)) if n < len(slots) else "")
        for n, literal in enumerate(literals[: len(slots) + 1])
    )
    pattern = re.compile(
        re.escape(literals[0]) + "".join(f"(?:{slot}){re.escape(literals[n + 1])}" for n, slot in enumerate(slots))
    )
    check = {"kind": "template", "text": text, "slots": {f"s{n}": slot for n, slot in enumerate(slots)}}
    results = check_outputs(pl.DataFrame({"output": [filled, *texts], "input": [""] * (len(texts) + 1)}),
                            parse_style(str({"checks": [check]})))  # fmt: skip
    assert results.status["template"].to_list() == [
        "pass" if pattern.fullmatch(text) else "fail" for text in [filled, *texts]
    ]


@given(st.lists(st.integers(0, 6), max_size=9, unique=True))
def test_the_longest_rising_run_is_longest(numbers):
    places = longest_rising(numbers)
    run = [numbers[place] for place in places]
    assert places == sorted(places)
    assert run == sorted(run)
    best = [1] * len(numbers)
    for i in range(len(numbers)):
        best[i] = max([1, *(best[j] + 1 for j in range(i) if numbers[j] < numbers[i])])
    assert len(run) == max(best, default=0)
