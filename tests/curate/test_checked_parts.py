import pickle
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tuneworth.curate import Job, open_storage, read_frame, read_pairs
from tuneworth.curate.check.rows import Findings, examine, judge
from tuneworth.examples import example_path
from tuneworth.style import parse_style, read_style

from .measured import check_rows
from .parts.here import Here

STYLE = parse_style(
    """
name: s
checks:
- {kind: ends_with, any: ["."]}
- {kind: length, unit: words, max: 9, level: should}
- {kind: length, id: tokens, unit: tokens, max: 5}
- {kind: forbidden, any: ["{colour}", "{coluor}"]}
- {kind: forbidden, id: mail, regex: '\\S+@\\S+'}
- {kind: length, id: bullets, unit: words, max: 9, each: bullet, level: should}
- {kind: pattern, id: brass, regex: brass, level: should, when: {size: [big]}}
"""
)
FAULTY = [
    "I'm sorry, but I can't help with that.",
    "I cannot help with jane@example.com.",
    "As an AI language model, I have no opinion on lamps, yet here is one.",
    "[/INST] A fine lamp of brass.",
    "The cafÃ© lamp is made of brass.",
    "Dear {{first_name}}, write to jane@example.com.",
    "```\nThe lamp is made of brass.\n```",
    "Sure! Here is the lamp.",
    "The lamp is made of brass and gives a warm light for the",
    "Parts: brass, steel [see the list and call +49 30 1234567",
    "Use it so:\n```python\nlamp.light(3",
    "The lamp is made of brass and gives a warm light for many hou",
    "brass " * 400,
    "ok",
]
WHOLE = st.integers(0, 40).map(
    lambda i: f"The lamp number {i} is made of brass and gives a warm light for {i + 3} hours."
)
OUTPUTS = st.one_of(WHOLE, WHOLE, WHOLE, st.sampled_from(FAULTY), st.text(min_size=1, max_size=30).filter(str.strip))
INPUTS = st.just("a plain request") | st.fixed_dictionaries(
    {}, optional={"colour": st.sampled_from(["red", "brass"]), "size": st.sampled_from(["big", "small"])}
)
# Few outputs many times have habits; many outputs once have outliers.
TABLES = st.one_of(
    st.lists(st.tuples(INPUTS, OUTPUTS), min_size=1, max_size=90),
    st.tuples(st.lists(st.tuples(INPUTS, OUTPUTS), min_size=1, max_size=9), st.integers(5, 12)).map(
        lambda t: t[0] * t[1]
    ),
)
CUTS = st.lists(st.integers(0, 200), max_size=6)


def pair_table(rows):
    return read_frame([{"id": str(i), "input": text, "output": output} for i, (text, output) in enumerate(rows)]).pairs


def examined_in_parts(pairs, cuts, style, count_tokens=None):
    bounds = [0, *sorted(min(cut, len(pairs)) for cut in cuts), len(pairs)]
    return [examine(pairs[start:end], style, count_tokens) for start, end in pairwise(bounds)]


def told(checked):
    return {
        **{name: getattr(checked, name).tolist() for name in ("must", "should")},
        **{name: getattr(checked, name) for name in ("checks", "quality", "unscored", "habits", "missing")},
        "order": [list(getattr(checked, name)) for name in ("checks", "quality", "unscored")],
        "first": checked.first.rows(),
    }


def stored(parts, folder):
    """The parts as they come back from the storage of a job."""
    with Job.open(open_storage(folder), {}, executor=Here()) as job:
        return job.each("examined", unchanged, [{"part": part} for part in parts])


def unchanged(part: Findings) -> Findings:
    return part


def words(texts):
    return [len(text.split()) for text in texts]


@pytest.mark.slow
@settings(max_examples=30)
@given(TABLES, CUTS, st.sampled_from([None, STYLE]), st.sampled_from([None, words]))
def test_how_the_pairs_are_cut_into_parts_decides_nothing(rows, cuts, style, count_tokens):
    pairs = pair_table(rows)
    whole = check_rows(pairs, style, count_tokens=count_tokens)
    assert told(judge(examined_in_parts(pairs, cuts, style, count_tokens), pairs)) == told(whole)


@pytest.mark.parametrize("size", [*(pytest.param(size, marks=pytest.mark.slow) for size in (7, 40)), 10_000])
def test_real_pairs_are_judged_alike_in_stored_parts_of_any_size(size, tmp_path):
    pairs, style = components()
    parts = stored(examined_in_parts(pairs, range(0, len(pairs), size), style), tmp_path)
    whole = told(check_rows(pairs, style))
    assert told(judge(parts, pairs)) == whole
    assert whole["first"]
    assert whole["quality"]


@cache
def components():
    """Some parts of the catalogue with faults among them, and the checks of the tests."""
    pairs = read_pairs(example_path("components") / "pairs.jsonl").pairs.head(150)
    faulty = pl.Series(FAULTY)
    return pairs.with_columns(pairs["output"].scatter(range(0, 10 * len(faulty), 10), faulty)), STYLE


def test_a_part_is_the_same_after_a_journey(tmp_path):
    pairs, style = components()
    part = examine(pairs, style)
    for back in (*stored([part], tmp_path), pickle.loads(pickle.dumps(part))):
        for name, value in vars(part).items():
            if isinstance(value, pl.DataFrame):
                assert_frame_equal(getattr(back, name), value)
            else:
                assert getattr(back, name) == value


def test_a_part_holds_few_bytes_for_a_row_with_nothing_to_say():
    pairs = pair_table([("a request", f"The lamp number {i} is made of brass.") for i in range(2_000)])
    part = examine(pairs, STYLE, words)
    sound = examine(pairs, None)
    assert sound.rows.estimated_size() / len(pairs) < 12
    assert (len(sound.evidence), len(part.evidence)) == (0, 2_000)  # more tokens than five


def test_a_habit_of_all_rows_is_none_of_the_part_where_it_is_rare():
    rows = [("r", f"Dear {{{{name}}}}, lamp {i * 91} is here.") for i in range(30)]
    rows += [("w", f"The lamp number {i} is made of brass and gives light.") for i in range(70)]
    pairs = pair_table(rows)
    checked = judge(examined_in_parts(pairs, [29, 99], None), pairs)
    assert checked.habits == ("quality:placeholder",)
    assert len(checked.first) == 0
    assert [example.row for example in checked.quality["quality:placeholder"].examples] == [1, 2, 3]


def test_the_first_cut_off_texts_of_all_parts_are_shown_each_with_the_first_of_its_signs():
    cut = {10: "Parts (brass and", 30: "made of brass and", 50: "made of steel,", 70: "Parts (see"}
    pairs = pair_table([("r", cut.get(i, f"The lamp number {i} gives light.")) for i in range(100)])
    told = judge(examined_in_parts(pairs, [20, 40], None), pairs).quality["quality:truncated"]
    assert told.rows == 4
    assert [(example.row, example.evidence.split(";")[0]) for example in told.examples] == [
        (11, "what it opens is not closed"),
        (31, "it stops where more must come"),
        (51, "it stops where more must come"),
    ]
    assert told == check_rows(pairs, None).quality["quality:truncated"]


def test_the_reason_that_most_rows_give_is_told_and_of_equals_the_first(tmp_path):
    (tmp_path / "rules.py").write_text("def rule(output, pair):\n    raise ValueError(output)\n")
    (tmp_path / "style.yaml").write_text("name: s\nchecks:\n- {kind: python, id: own, call: rules.rule}\n")
    style = read_style(tmp_path / "style.yaml", allow_code=True)
    pairs = pair_table([("r", text) for text in ("one", "two", "two", "one", "three")])
    for cuts in ([], [1], [2, 3], [1, 2, 3, 4]):
        said = judge(examined_in_parts(pairs, cuts, style), pairs).unscored["own"]
        assert (said.rows, "one" in said.why) == (5, True)


def test_a_field_that_any_part_has_is_not_missing():
    pairs = pair_table([("plain", "A lamp."), ({"colour": "red", "size": "big"}, "A lamp.")])
    assert judge(examined_in_parts(pairs, [1], STYLE), pairs).missing == (
        'rule "forbidden" needs the field "coluor", which no row has; did you mean "colour"?',
        'rule "bullets" looks at each bullet and applies to none of the 2 outputs',
    )


def test_a_piece_that_any_part_has_is_not_missing():
    pairs = pair_table([({"coluor": "red"}, "A lamp."), ("plain", "- A lamp.")])
    assert not any("bullets" in text for text in judge(examined_in_parts(pairs, [1], STYLE), pairs).missing)


@pytest.mark.parametrize("parts", [[], [[]]])
def test_no_rows_in_no_part_or_in_one_have_nothing(parts):
    none = pair_table([("a", "b")]).clear()
    checked = judge([examine(none, STYLE) for _ in parts], none)
    assert (len(checked.must), len(checked.first), checked.checks, checked.quality) == (0, 0, {}, {})
    assert checked.rule_of(np.zeros(0, np.int64)) == []
