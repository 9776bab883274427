import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import as_json
from tuneworth.curate import CurateSettings, QualityFinding, SplitShares, curate, read_frame
from tuneworth.curate.match.relations import find_canned
from tuneworth.curate.split.assign import effective_size, effective_splits
from tuneworth.style import parse_style

from .measured import check_rows, corpus_of

WHOLE = [f"The lamp number {i} is made of brass and gives a warm light for {i + 3} hours." for i in range(40)]


def table(outputs):
    rows = [{"input": f"request {i} about thing {i * 37}", "output": output} for i, output in enumerate(outputs)]
    return read_frame(rows).pairs


def rules(output, others=WHOLE):
    quality = check_rows(table([*others, output]), None).quality
    assert {example.row for told in quality.values() for example in told.examples} <= {len(others) + 1}
    return set(quality)


def cut_off(outputs):
    none = QualityFinding(rows=0, share=0, level="should", examples=[])
    return check_rows(table(outputs), None).quality.get("quality:truncated", none)


BAD = [
    ("I'm sorry, but I can't help with that.", "quality:refusal"),
    ("I cannot assist with this request.", "quality:refusal"),
    ("As an AI language model, I have no opinion on lamps, yet here is one.", "quality:remains"),
    ("A fine lamp of brass that gives light.<|im_end|>", "quality:remains"),
    ("[/INST] A fine lamp of brass that gives light.", "quality:remains"),
    ("The cafÃ© lamp is made of brass and gives light.", "quality:mojibake"),
    ("The lamp is â€œgoodâ€\x9d and made of brass.", "quality:mojibake"),
    ("The lamp of [insert company name] is made of brass.", "quality:placeholder"),
    ("Dear {{first_name}}, the lamp is made of brass.", "quality:placeholder"),
    ("Lorem ipsum dolor sit amet, a lamp of brass.", "quality:placeholder"),
    ("```\nThe lamp is made of brass.\n```", "quality:fence"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("output", "rule"), BAD)
def test_what_is_no_output_in_any_style_is_found(output, rule):
    assert rule in rules(output)


CUT = [
    "The lamp is made of brass and gives a warm light for the",
    "The lamp is made of brass, steel and",
    "The lamp is made of brass,",
    "The lamp is made of brass (and gives a warm",
    "Parts: brass, steel [see the list",
    '{"name": "lamp", "made": ["brass"], "light": ',
    '{"name": "lamp", "sizes": {"a": 1}, "light": 3',
    "Use it so:\n```python\nlamp.light(3",
    "The lamp is made of brass and gives a warm light for many hou",
    "Die Lampe ist aus Messing und",
    "The lamp is made of brass and of stain-",
]


@pytest.mark.slow
@pytest.mark.parametrize("output", CUT)
def test_a_text_that_is_cut_off_is_found(output):
    assert "quality:truncated" in rules(output)


WHOLE_ENDS = [
    "The lamp is made of brass.",
    "Is the lamp made of brass?",
    "Here it is: a lamp!",
    "He said “a lamp of brass”",
    "A lamp (of brass)",
    "So sad :(",
    "A lamp of brass 🙂",
    '{"name": "lamp"}',
    "[1, 2, 3]",
    "- brass\n- steel",
    "1. brass\n2. steel and glass with a long line of words",
    "Dear friend,\n\nthe lamp is here.\n\nBest regards\nThe team",
    "```python\nlamp.light(3)\n```",
    "See https://example.org/lamps",
    "Vitamin A",
    "Grade A-",
    "Cl-",
    "Written in C++",
    "| brass | steel |",
    "Yes",
    "42",
    "Half-open: [0, 1)",
    "# A heading alone",
    "Press OR",
    "ランプは真鍮製です。",
    "यह दीपक पीतल का है।",
    "<p>A lamp of brass</p>",
    "x = lamp.light(3)",
    "C:\\lamps\\brass",
    "Thanks,\nthe lamp makers",
]


@pytest.mark.slow
@pytest.mark.parametrize("output", WHOLE_ENDS)
def test_a_whole_text_is_not_called_cut_off(output):
    assert "quality:truncated" not in rules(output)


def test_lines_without_a_mark_are_whole_where_others_have_none():
    lines = [f"Linear regulator, {i}V, TO-220" for i in range(60)]
    (found,) = cut_off([*lines, "Boost regulator, adjustable output,"]).examples
    assert (found.row, found.start, found.end) == (61, 0, 35)
    assert found.evidence == 'it stops where more must come; it ends "Boost regulator, adjustable output,"'


def test_an_ending_that_many_share_is_their_habit():
    assert not cut_off([f"line {i}," for i in range(40)] + WHOLE).rows


def test_few_outputs_have_no_habit():
    assert [example.row for example in cut_off(["made of brass and", "made of"]).examples] == [1]


def test_only_extreme_lengths_are_told():
    texts = [f"A lamp of brass with {'very ' * (i % 7)}warm light." for i in range(80)]
    assert rules("A lamp of brass. " * 40, texts) == {"quality:length"}
    assert rules("A lamp of brass. " * 6, texts) == set()
    assert rules("Ok.", texts) == {"quality:length"}
    assert rules("A lamp of brass. " * 2, ["A lamp of brass."] * 80) == set()


def test_markup_that_a_text_is_about_stays():
    assert rules('The token "<|im_end|>" ends a turn.') == set()
    assert rules("The character `\ufffd` replaces another.") == set()


def test_a_refusal_leaves_train_but_not_test_and_the_ledger_says_why():
    rows = [{"id": str(i), "input": f"request {i} {i * 37}", "output": text} for i, text in enumerate(WHOLE * 3)]
    places = range(3, 120, 11)
    for place in places:
        rows[place]["output"] = f"I'm sorry, but I can't help with that ({place})."
    done = curate(rows)
    refused = done.ledger.filter(pl.col("id").is_in([str(place) for place in places]))
    gone = refused.filter(outcome="invalid")
    assert set(gone["rule"]) == {"quality:refusal"}
    assert all("sorry" in text for text in gone["evidence"])
    assert set(refused.filter(outcome="kept")["split"]) <= {"test"}
    assert not done.kept.filter(pl.col("output").str.starts_with("I'm sorry"))["reference_ok"].any()
    assert done.summary["quality"]["quality:refusal"]["rows"] == len(places)
    assert done.summary["quality"]["quality:refusal"]["level"] == "must"
    assert done.summary["quality"]["quality:refusal"]["examples"][0]["id"] == "3"


def test_a_rule_that_fits_many_is_reported_and_not_applied():
    rows = [{"input": f"r {i} {i * 37}", "output": f"Dear {{{{name}}}}, lamp {i * 91} is here."} for i in range(60)]
    done = curate([*rows, *({"input": f"w {i} {i * 53}", "output": text} for i, text in enumerate(WHOLE))])
    assert done.summary["outcomes"]["invalid"] == 0
    assert done.summary["quality"]["quality:placeholder"]["level"] == "should"
    assert "60 of 100 outputs" in next(w["text"] for w in done.summary["warnings"] if w["code"] == "quality_habit")


def test_the_schemas_own_check_of_leftovers_wins():
    style = parse_style("name: s\nchecks:\n- kind: clean\n  allow: [placeholders]\n")
    pairs = table([*WHOLE, "Dear {{name}}, a lamp.", "I'm sorry, but I can't help with that."])
    checked = check_rows(pairs, style)
    assert checked.first.select("index", "rule").rows() == [(41, "style:clean")]
    assert checked.must.tolist() == [0] * 41 + [1]
    assert "quality:refusal" not in checked.quality


def test_quality_comes_before_style_and_both_count():
    style = parse_style(
        "name: s\nchecks:\n- kind: ends_with\n  any: ['!']\n- kind: length\n  unit: words\n  max: 5\n  level: should\n"
    )
    checked = check_rows(table([*WHOLE, "I cannot help with that lamp.", "A lamp!"]), style)
    assert checked.rule_of(np.array([40, 41, 0])) == ["quality:refusal", None, "style:ends_with"]
    assert (checked.must[40], checked.should[40], checked.must[41]) == (2, 1, 0)
    assert as_json(checked.checks["ends_with"]) == {"fail": 41, "share": 41 / 42}


def test_no_rows_and_no_schema_have_nothing():
    checked = check_rows(table(WHOLE).clear(), None)
    assert (len(checked.must), len(checked.first), checked.quality) == (0, 0, {})


def test_the_whole_copy_of_a_cut_off_text_stays():
    text = "The lamp is made of brass and gives a warm and pleasant light for many hours, in every room."
    pair = {"input": "describe the brass lamp with warm light", "output": text}
    rows = [{**pair, "id": "cut", "output": text[:-1] + ","}, {**pair, "id": "whole"}]
    rows += [{"id": f"f{i}", "input": f"filler {i} {i * 71}", "output": w} for i, w in enumerate(WHOLE)]
    done = curate(rows, settings=CurateSettings(split=SplitShares(train=1)))
    assert dict(done.ledger.filter(pl.col("id").is_in(["cut", "whole"])).select("id", "outcome").rows()) == {
        "cut": "duplicate", "whole": "kept"
    }  # fmt: skip


def test_evidence_never_repeats_personal_data():
    style = parse_style("name: s\nchecks:\n- kind: forbidden\n  regex: '\\S+@\\S+'\n")
    checked = check_rows(table([*WHOLE, "Write to jane@example.com.", "I cannot help with jane@example.com."]), style)
    said = checked.evidence_of(np.array([40, 41]))
    assert "[E-MAIL]" in said[0]
    assert "jane" not in str(said) + str(checked.quality)


def canned(rows):
    pairs = read_frame([{"input": text, "output": output} for text, output in rows]).pairs
    return find_canned(corpus_of(pairs))


def test_canned_answers_are_counted_by_their_different_inputs():
    thanks = "Thank you for your message, we will answer soon."
    found = canned(
        [
            *((f"question {i}", thanks) for i in range(9)),
            ("question 1", thanks.upper()),
            *zip("abc", WHOLE[:3], strict=True),
        ]
    )
    assert as_json(found.worst[0]) == {"output": thanks.upper(), "rows": 10, "inputs": 9}
    assert (found.rows, found.outputs, found.distinct, found.labels) == (10, 1, 4, False)


def test_labels_are_not_called_canned():
    found = canned([(f"review {i}", ("good", "bad")[i % 2]) for i in range(40)])
    assert (found.rows, found.labels) == (0, True)
    assert [(w.output, w.inputs) for w in found.worst] == [("bad", 20), ("good", 20)]


def test_a_canned_output_is_shown_masked_and_short():
    output = "x" * 190 + " jane@example.com and more words to read than a label has"
    assert canned([(f"q {i}", output) for i in range(6)]).worst[0].output == "x" * 190 + " [E-MAIL] …"


def test_tied_rows_weigh_less():
    assert effective_size(np.arange(12)) == 12
    assert effective_size(np.zeros(12, int)) == 1
    assert effective_size(np.array([0, 0, 0, 1])) == pytest.approx(1.6)
    assert effective_size(np.zeros(0, int)) == 0
    split = np.array(["train", "train", "test", "test"], object)
    assert effective_splits(np.array([0, 1, 2, 2]), split) == {"train": 2, "validation": 0, "test": 1}


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_the_weight_lies_between_one_and_the_number_of_sets(component):
    weight = effective_size(np.array(component))
    assert 1 - 1e-9 <= weight <= len(set(component)) + 1e-9


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(
        st.text(max_size=30).filter(str.strip) | st.sampled_from([o for o, _ in BAD] + CUT + WHOLE_ENDS),
        min_size=1,
        max_size=30,
    )
)
def test_any_outputs_can_be_judged_and_places_lie_inside(outputs):
    pairs = table(outputs)
    examples = {rule: told.examples for rule, told in check_rows(pairs, None).quality.items()}
    assert all(0 < len(shown) == len({example.row for example in shown}) <= 3 for shown in examples.values())
    for example in (example for shown in examples.values() for example in shown):
        assert 0 <= example.start <= example.end <= len(pairs["output"][example.row - 1])
        assert example.evidence
