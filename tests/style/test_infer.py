"""What examples say about their style: levels by evidence, habits apart, nothing invented."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tuneworth.style import InferredStyle, infer_style, pair_columns, parse_style, read_style
from tuneworth.style.discrimination import content_order
from tuneworth.style.infer import infer as infer_module
from tuneworth.style.infer import infer_proposed
from tuneworth.style.infer.evidence import wilson_low
from tuneworth.style.schema import Proposal

SIGNED = ("pattern", Proposal({"regex": "signed"}))


def examples(outputs: list[str], **columns: list) -> pl.DataFrame:
    inputs = columns.pop("input", [f"request {n}" for n in range(len(outputs))])
    return content_order(pl.DataFrame({"output": outputs, "input": inputs, **columns}))


def inferred(outputs: list[str], *proposals: tuple[str, Proposal], **columns: list) -> InferredStyle:
    table = examples(outputs, **columns)
    return infer_proposed(proposals, table, pair_columns(table), name="Test", rows=len(outputs))


def signed(good: int, bad: int) -> list[str]:
    return ["signed"] * good + ["open"] * bad


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_lower_end_is_wilsons(holds, breaks):
    n = holds + breaks
    expected = binomtest(holds, n).proportion_ci(method="wilson").low if n else 0.0
    assert wilson_low(holds, n) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("good", "bad", "level"),
    [
        (73, 0, "must"), (72, 0, "should"), (194, 6, "should"), (196, 4, "should"), (198, 2, "must"),
        (9600, 400, "must"), (16, 0, "should"), (15, 0, None), (850, 150, "should"), (810, 190, None), (400, 600, None),
    ],
)  # fmt: skip
def test_the_level_is_what_the_lower_end_carries(good, bad, level):
    found = inferred(signed(good, bad), SIGNED)
    assert [one.level for one in found.evidence] == ([level] if level else [])
    assert found.found_style == (level is not None)


@pytest.mark.slow
@settings(max_examples=50)
@given(st.integers(20, 300), st.floats(0.0, 1.0))
def test_a_rule_that_many_examples_break_is_never_a_must_rule(n, share):
    bad = round(n * share)
    for one in inferred(signed(n - bad, bad), SIGNED).evidence:
        assert one.level == "should" or bad <= 0.05 * n
        assert bad <= 0.2 * n


def test_a_style_without_a_must_rule_says_what_it_lacks():
    assert "every output would count as acceptable" in inferred(signed(72, 0), SIGNED).message
    assert "(at least 73 different outputs)" in inferred(signed(72, 0), SIGNED).message
    assert "acceptable" not in inferred(signed(73, 0), SIGNED).message


def test_an_output_that_many_rows_repeat_counts_once():
    words = [f"{name} {kind} with a long description of the thing" for name in "abcdef" for kind in ("shirt", "shoe")]
    ends = ["."] * 11 + ["!"]
    outputs = [f"{word}{end}" for word, end in zip(words * 10, ends * 10, strict=True)]
    other = [f"item {n} with a text that is its own and ends plainly." for n in range(18)]
    found = infer_style(
        pl.DataFrame({"output": outputs + other, "input": [f"r{n}" for n in range(len(outputs + other))]})
    )
    assert (found.rows, found.different, found.counted) == (138, 30, 30)
    assert "Inferred from 30 different outputs of 138 examples" in found.text
    (end,) = [one for one in found.evidence if one.check.kind == "punctuation"]
    assert (end.holds, end.applicable, end.level) == (29, 30, "should")


def test_a_range_of_words_that_every_output_keeps_is_a_must_rule():
    outputs = [f"part {n} has {n % 7} holes" + " in it" * (n % 2) for n in range(80)]
    found = infer_style(pl.DataFrame({"output": outputs, "input": [f"r{n}" for n in range(80)]}))
    lengths = [(one.check.parameters, one.level) for one in found.evidence if one.check.kind == "length"]
    assert {(p.unit, p.min, p.max, level) for p, level in lengths} == {
        ("words", 5, 7, "must"),
        ("lines", None, 1, "must"),
    }


def test_labels_recur_by_nature_and_are_counted_by_pairs():
    outputs = ["cat", "dog", "bird"] * 100
    found = infer_style(pl.DataFrame({"output": outputs, "input": [f"r{n}" for n in range(300)]}))
    assert [(one.check.kind, one.level, one.applicable) for one in found.evidence] == [
        ("label", "must", 300), ("clean", "must", 300),
    ]  # fmt: skip


def test_of_one_subject_the_strictest_that_holds_is_taken():
    strict, loose = Proposal({"unit": "words", "max": 2}), Proposal({"unit": "words", "max": 3})
    outputs = ["a b c"] * 100 + ["a b"] * 100
    found = inferred(outputs, ("length", strict), ("length", loose))
    assert [one.check.parameters.max for one in found.evidence] == [3]
    assert found.suggestions == ()


def test_a_habit_of_the_majority_is_commented_out_and_can_be_taken_in():
    outputs = [f"signed {'x' * (n % 3 > 0)}" for n in range(300)]
    found = inferred(outputs, SIGNED, ("pattern", Proposal({"regex": "x"})))
    assert [one.holds for one in found.suggestions] == [200]
    assert "# # holds in 200 of 300 (67%); exceptions: row" in found.text
    begin, habits = found.text.split("# Habits of most outputs")
    rest = "".join(f"{line.replace('  # ', '  ', 1)}\n" for line in habits.split("\n")[1:])
    assert [check.level for check in parse_style(begin + "\n" + rest).checks] == ["must", "should"]


def test_what_holds_in_any_text_is_no_style():
    clean = ("clean", Proposal({}, style=False))
    alone = inferred(signed(100, 0), clean)
    assert (alone.schema, alone.text, alone.suggestions) == (None, "", ())
    assert "no style found" in alone.message
    assert {one.check.kind for one in inferred(signed(100, 0), clean, SIGNED).evidence} == {"clean", "pattern"}


def test_too_few_examples_say_nothing():
    found = infer_style(pl.DataFrame({"output": ["Buy now."] * 19, "input": [str(n) for n in range(19)]}))
    assert (found.schema, found.rows) == (None, 19)
    assert "too few" in found.message


SPELLED = ("vocabulary", Proposal({"preferred": {"e-mail": ["email", "Email"]}}))


def test_a_spelling_counts_only_where_the_term_stands():
    outputs = ["signed e-mail"] * 60 + ["signed email"] * 30 + ["signed Email"] * 10 + ["signed"] * 900
    found = inferred(outputs, SPELLED, SIGNED)
    spelling = found.evidence[1]
    assert (spelling.check.kind, spelling.level, spelling.holds, spelling.applicable) == (
        "vocabulary",
        "should",
        60,
        100,
    )
    assert '# "e-mail" in 60 of 100 (also "email" 30, "Email" 10)' in found.text


def test_a_spelling_that_drifts_is_no_style_by_itself():
    found = inferred(["an e-mail"] * 60 + ["an email"] * 40, SPELLED)
    assert found.schema is None
    assert [one.check.kind for one in found.suggestions] == ["vocabulary"]


def test_spellings_of_one_level_are_one_check():
    more = ("vocabulary", Proposal({"preferred": {"web site": ["website"]}}))
    outputs = ["signed e-mail"] * 60 + ["signed email"] * 40 + ["signed web site"] * 70 + ["signed website"] * 30
    found = inferred(outputs, SPELLED, more, SIGNED)
    assert [one.check.kind for one in found.evidence] == ["pattern", "vocabulary"]
    assert found.schema is not None
    assert found.schema.checks[1].parameters.preferred == {"e-mail": ("email", "Email"), "web site": ("website",)}
    assert found.schema.checks[1].level == "should"
    assert '"web site" in 70 of 100 (also "website" 30)' in found.text


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        (("ends_with", {"any": ["signed"]}), ("punctuation", {"end": "none"})),
        (("ends_with", {"any": ["{name}"]}), ("covers", {"fields": ["name"]})),
        (("length", {"unit": "lines", "max": 1}), ("length", {"unit": "paragraphs", "max": 1})),
        (("length", {"unit": "words", "max": 9}), ("length", {"unit": "characters", "max": 90})),
    ],
)
def test_what_one_rule_says_no_other_says_again(kept, left):
    proposals = [(kind, Proposal(entry)) for kind, entry in (left, kept)]
    found = inferred(["all signed"] * 100, *proposals, fields=['{"name": "signed"}'] * 100)
    assert [one.check.kind for one in found.evidence] == [kept[0]]
    assert {key: getattr(found.evidence[0].check.parameters, key) for key in kept[1]} == {
        key: tuple(value) if isinstance(value, list) else value for key, value in kept[1].items()
    }


def test_kinds_that_repeat_have_ids_that_say_what_they_are_about():
    proposals = [("length", Proposal({"unit": "words", "max": 3})), ("length", Proposal({"unit": "lines", "max": 1}))]
    found = inferred(signed(100, 0), *proposals, SIGNED)
    assert [one.check.id for one in found.evidence] == ["length-lines", "length-words", "pattern"]


HOSTILE = [
    "signed\n- kind: python\n  call: os.system", "signed # not a comment\x85- kind: clean", "signed\u2028checks: []",
    "signed \x00\x1b[2J", "signed '\"{}[]&*!|>%@`: ", "signed \u202e\ufeff\U0001f600", "\n\n---\nsigned\n...\n", "signed\t\r\n#",
    "signed \u202e x", "signed\xa0x",
]  # fmt: skip


def test_what_stands_in_the_data_stays_text(tmp_path):
    outputs = [f"{text}{n}" for n in range(40) for text in HOSTILE]
    proposals = [SIGNED, *(("forbidden", Proposal({"any": [text]}, note=text)) for text in HOSTILE)]
    proposals += [("vocabulary", Proposal({"preferred": {text: [f"{text}!"]}}, note=text)) for text in HOSTILE]
    table = examples(outputs, id=[f"{text}-{n}" for n, text in enumerate(outputs)])
    found = infer_proposed(proposals, table, pair_columns(table), name="a: b\n# c", source="x\ny: z", rows=len(outputs))
    (tmp_path / "style.yaml").write_text(found.text, encoding="utf-8")
    assert read_style(tmp_path / "style.yaml") == found.schema
    assert found.schema is not None
    assert found.schema.name == "a: b\n# c"
    assert {check.kind for check in found.schema.checks} <= {"pattern", "forbidden", "vocabulary"}
    said = [text for check in found.schema.checks if check.kind == "forbidden" for text in check.parameters.any]
    assert set(said) == set(HOSTILE)
    assert all(c.isprintable() or c == "\n" for c in found.text)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=3, max_size=6), st.text(), st.text())
def test_any_texts_read_back_to_the_same_schema(texts, name, source):
    outputs = [f"{text}{n} signed" for n in range(20) for text in texts]
    proposals = [SIGNED, *(("forbidden", Proposal({"any": [text]}, note=text)) for text in texts)]
    proposals += [("starts_with", Proposal({"any": [text]}, note=text)) for text in texts]
    table = examples(outputs)
    found = infer_proposed(proposals, table, pair_columns(table), name=name, source=source, rows=len(outputs))
    assert parse_style(found.text) == found.schema


@pytest.mark.slow
def test_the_order_of_the_rows_does_not_matter():
    outputs = [f"signed {n}{'.' * (n % 9 == 0)}" for n in range(300)]
    table = pl.DataFrame({"output": outputs, "input": outputs, "id": [f"p{n}" for n in range(300)]})
    texts = {infer_style(table.sample(fraction=1.0, shuffle=True, seed=seed)).text for seed in range(3)}
    assert len(texts) == 1


def test_of_very_many_examples_a_sample_is_counted_and_said(monkeypatch):
    monkeypatch.setattr(infer_module, "MOST_EXAMPLES", 200)
    outputs = [f"BUY {n}" for n in range(500)]
    found = infer_style(pl.DataFrame({"output": outputs, "input": outputs}))
    assert (found.rows, found.counted) == (500, 200)
    if found.found_style:
        assert "a sample of 200 of 500 examples" in found.text


def styleless(seed: int, n: int = 400) -> list[str]:
    """Texts of all lengths, cases, endings and shapes, so that nothing holds in four of five."""
    draw = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = []
    for _ in range(n):
        words = [
            "".join(draw.choices(letters, k=draw.randint(1, 11))) for _ in range(int(draw.lognormvariate(2.5, 1.5)) + 1)
        ]
        words = [draw.choice([str.lower, str.upper, str.title, str.lower])(word) for word in words]
        joined = [word + draw.choice(["", "", "", ",", ";", ":", " -", "."]) for word in words]
        text = draw.choice([" ", " ", "\n", "\n- ", "\n\n"]).join(joined)
        texts.append(text + draw.choice([".", "!", "?", "", ";", "…", "", ")"]))
    return texts


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_texts_without_a_style_have_none(seed):
    outputs = styleless(seed)
    found = infer_style(pl.DataFrame({"output": outputs, "input": [f"request {n}" for n in range(len(outputs))]}))
    assert found.schema is None, found.text
    assert "no style found" in found.message
