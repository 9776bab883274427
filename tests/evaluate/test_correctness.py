"""Correct outputs, by class and field: against scikit-learn, and what must not depend on them."""

import json
import random
import sqlite3
from contextlib import closing

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support  # type: ignore[import-untyped]

from tuneworth.core import as_json
from tuneworth.evaluate import EvaluateSettings, Raw, RunContext, Variant, evaluate_outputs
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.results import Results
from tuneworth.evaluate.verdict.doubts import found_doubts
from tuneworth.evaluate.verdict.evidence import Evidence
from tuneworth.style import parse_style

LABELS = ["refund", "delivery", "account", "other"]
LABEL = "checks:\n  - {kind: label, labels: [refund, delivery, account, other]}\n"


def table(rows: list[dict]) -> pl.DataFrame:
    """The pair table of rows with `input`, `output` and perhaps `meta`."""
    return pl.DataFrame(
        {
            "id": [str(n) for n in range(len(rows))], "input": [row["input"] for row in rows],
            "output": [row["output"] for row in rows], "fields": None, "group": None, "system": None, "reference_ok": True,
            "row": range(len(rows)), "meta": [json.dumps(row["meta"]) if "meta" in row else None for row in rows],
        },
        schema_overrides={"fields": pl.String, "group": pl.String, "meta": pl.String, "system": pl.String},
    )  # fmt: skip


def evaluated(style: str, rows: list[dict], *, train: pl.DataFrame | None = None, **outputs: list[str]) -> Results:
    """The results of collected outputs by variant on these pairs; with `train`, also of rivals that need no call."""
    pairs = table(rows)
    ids = pairs["id"]
    raws = []
    for name, texts in outputs.items():
        lines = [
            {**dict.fromkeys(OUTPUT_SCHEMA), "id": id, "variant": name, "sample": 0, "output": text}
            for id, text in zip(ids, texts, strict=True)
        ]
        variant = Variant(name, "outputs", tuned=name == "tuned")
        raws.append(Raw(variant, pl.DataFrame(lines, schema=OUTPUT_SCHEMA)))
    found = evaluate_outputs(
        pairs, raws, parse_style(style, where="test"), candidate="tuned", margin=0.03,
        settings=None if train is None else EvaluateSettings(), context=RunContext(train=train),
    )  # fmt: skip
    return found.results


def requests(right: list[str]) -> list[dict]:
    return [{"input": f"message number {n} of a customer", "output": label} for n, label in enumerate(right)]


def guesses(right: list[str], share: float, seed: int) -> list[str]:
    """Labels of which this share is right."""
    drawn = random.Random(seed)
    return [label if drawn.random() < share else drawn.choice([*LABELS, "no label at all"]) for label in right]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(LABELS), min_size=5, max_size=60), st.integers(0, 1000))
def test_classes_and_confusion_are_those_of_scikit_learn(right, seed):
    given_ = guesses(right, 0.6, seed)
    found = evaluated(LABEL, requests(right), prompted=guesses(right, 0.9, seed + 1), tuned=given_).correctness
    assert found is not None
    assert (found.metric, found.n, found.without_reference) == ("labels", len(right), 0)
    scores = found.variants["tuned"]
    assert scores.accuracy.share == pytest.approx(np.mean([a == b for a, b in zip(right, given_, strict=True)]))
    present = sorted(set(right))
    precision, recall, f1, support = precision_recall_fscore_support(right, given_, labels=present, zero_division=0)
    classes = {one.name: one for one in scores.classes or ()}
    for label, *expected in zip(present, precision, recall, f1, support, strict=True):
        one = classes[label]
        assert [one.precision.share or 0, one.recall.share or 0, one.f1 or 0, one.support] == pytest.approx(expected)
    assert scores.macro_f1 == pytest.approx(np.mean(f1))
    cells = {(cell.reference, cell.output): cell.n for cell in scores.confusion or ()}
    matrix = confusion_matrix(right, given_, labels=LABELS)
    for i, wanted in enumerate(LABELS):
        for j, label in enumerate(LABELS):
            assert cells.get((wanted, label), 0) == matrix[i][j]
    assert sum(cells.values()) == len(right)


def test_a_worse_classifier_is_kept_from_production_whatever_its_form():
    right = [LABELS[n % 4] for n in range(400)]
    results = evaluated(LABEL, requests(right), prompted=guesses(right, 0.95, 1), tuned=guesses(right, 0.6, 2))
    assert results.verdict is not None
    assert results.verdict.decision == "keep prompting"
    for name, share in (("prompted", 0.96), ("tuned", 0.68)):
        quality = results.quality[name]
        assert quality.correct is not None
        assert quality.correct == quality.acceptable
        assert quality.correct.share == pytest.approx(share, abs=0.04)
        assert quality.consistent.share is None


def test_classes_in_which_the_candidate_is_worse_come_first():
    right = [LABELS[n % 4] for n in range(200)]
    worse = ["other" if label == "refund" and n % 3 else label for n, label in enumerate(right)]
    found = evaluated(LABEL, requests(right), prompted=right, tuned=worse).correctness
    assert found is not None
    assert found.differences is not None
    first = found.differences[0]
    assert (first.name, first.n) == ("refund", 50)
    assert first.high < 0
    assert first.p_holm is not None
    assert first.p_holm < 0.01
    assert [one.value for one in found.differences[1:]] == [0, 0, 0]


def test_a_step_about_wrong_answers_asks_for_pairs_of_their_kinds():
    right = [LABELS[n % 4] for n in range(200)]
    found = evaluated(LABEL, requests(right), prompted=guesses(right, 0.5, 1), tuned=guesses(right, 0.8, 2))
    assert found.verdict is not None
    steps = " ".join(step.do for step in found.verdict.steps)
    assert "pairs of the kinds that the tuned model gets wrong by `label` (section Correctness)" in steps


FIELDS = "checks:\n  - {kind: json}\n  - {kind: same_fields, ignore: [case]}\n"


def test_fields_are_counted_by_what_is_missing_extra_and_wrong():
    right = [{"city": f"Town{n}", "seats": n % 5 + 1} for n in range(40)]
    rows = [{"input": f"a table in {one['city']} for {one['seats']}", "output": json.dumps(one)} for one in right]
    wrong = [{**one, "seats": one["seats"] + 1} for one in right[:10]] + [{"city": one["city"]} for one in right[10:15]]
    wrong += [{**one, "time": 3} for one in right[15:18]] + right[18:]
    found = evaluated(FIELDS, rows, prompted=[row["output"] for row in rows], tuned=[json.dumps(one) for one in wrong])
    assert found.correctness is not None
    tuned = found.correctness.variants["tuned"]
    fields = {one.name: (one.support, one.found, one.right) for one in tuned.fields or ()}
    assert fields == {"city": (40, 40, 40), "seats": (40, 35, 25), "time": (0, 3, 0)}
    assert tuned.accuracy.share == pytest.approx(22 / 40)


def test_errors_are_counted_by_kind_with_the_first_requests_that_show_them(tmp_path):
    database = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(database)) as made:
        made.executescript("create table sold (n integer); insert into sold values (1), (2), (3);")
    answers = "checks: [{kind: final_answer, take: last_number}]"
    query = f"checks: [{{kind: same_result, database: {database}}}]"
    for style, right, wrong, kinds in (
        (answers, "it is 7", {"it is 8": 3, "no idea": 2, "": 1}, {"other answer": 3, "no answer": 3}),
        (query, "select n from sold", {"select 9": 2, "select x from sold": 4}, {"query fails": 4, "other result": 2}),
        ("checks: [{kind: equals}]", "yes", {"no": 2}, {"other text": 2}),
    ):
        said = [text for text, n in wrong.items() for _ in range(n)]
        said += [right] * (30 - len(said))
        rows = [{"input": f"question {n}", "output": right} for n in range(30)]
        found = evaluated(style, rows, prompted=[right] * 30, tuned=said).correctness
        assert found is not None
        errors = found.variants["tuned"].errors
        assert {one.kind: one.n for one in errors} == kinds
        assert [one.n for one in errors] == sorted(kinds.values(), reverse=True)
        assert all(set(one.ids) <= {str(n) for n in range(sum(wrong.values()))} and one.ids for one in errors)
        assert list(found.variants["prompted"].errors) == []


def test_one_of_several_references_is_enough_and_they_are_counted():
    rows = [
        {"input": f"question {n}", "output": "Paris", "meta": {"references": ["the French capital"]}} for n in range(30)
    ]
    rows += [{"input": "question 0", "output": "Lutetia"}]
    answers = ["the French capital"] * 30 + ["Paris"]
    found = evaluated("checks: [{kind: equals}]", rows, prompted=answers, tuned=answers)
    assert found.correctness is not None
    assert (found.correctness.several_references, found.correctness.variants["tuned"].accuracy.share) == (31, 1.0)


def test_two_labels_of_one_request_are_no_references_of_one_another_unless_the_data_says_so():
    right = [LABELS[n % 4] for n in range(60)]
    rows = requests(right) + [{"input": f"question {n}", "output": "refund"} for n in range(6)]
    rows += [{"input": f"question {n}", "output": "other" if n % 2 else "Refund"} for n in range(6)]
    answers = [*right, *["refund"] * 12]
    found = evaluated(LABEL, rows, prompted=answers, tuned=answers).correctness
    assert found is not None
    assert found.variants["tuned"].accuracy.share == pytest.approx(69 / 72)  # three of "other" are missed
    assert (found.contradicted, found.several_references) == (6, 6)
    stated = [{**row, "meta": {"references": ["refund", "other"]}} for row in rows]
    found = evaluated(LABEL, stated, prompted=answers, tuned=answers).correctness
    assert found is not None
    assert (found.contradicted, found.variants["tuned"].accuracy.share) == (0, 1.0)


def test_pairs_without_a_reference_are_judged_by_the_other_rules():
    rows = [{"input": f"question {n}", "output": "Paris" if n % 2 else ""} for n in range(60)]
    style = "checks: [{kind: equals}, {kind: length, unit: words, max: 1}]"
    found = evaluated(style, rows, prompted=["Paris"] * 60, tuned=["Lyon"] * 60)
    assert found.correctness is not None
    assert (found.correctness.n, found.correctness.without_reference) == (30, 30)
    tuned = found.quality["tuned"]
    assert tuned.correct is not None
    assert (tuned.correct.share, tuned.acceptable.share) == (0.0, 0.5)


def test_rules_without_a_reference_leave_the_results_as_they_were():
    rows = requests(["refund"] * 30)
    found = as_json(
        evaluated("checks: [{kind: length, unit: words, max: 1}]", rows, prompted=["a"] * 30, tuned=["b"] * 30)
    )
    assert "correctness" not in found
    assert "correct" not in found["quality"]["tuned"]


def test_a_loss_that_the_rules_do_not_see_is_the_first_doubt():
    """The tuned model's outputs have the right form, and more of them, but are about something else."""
    words = ["lamp", "chair", "table", "shelf", "clock", "mirror"]
    rows = [{"input": f"describe item {n}", "output": f"A {words[n % 6]} of oak for room {n % 9}."} for n in range(300)]
    good = [row["output"] if n % 4 else "none" for n, row in enumerate(rows)]
    wrong = [f"A {words[(n + 1) % 6]} of steel." for n in range(300)]
    style = "checks:\n  - {kind: length, unit: words, min: 3}\n"
    found = evaluated(style, rows, prompted=good, tuned=wrong)
    assert found.comparison is not None
    assert found.comparison.similarity is not None
    assert (found.comparison.similarity.chrf.high or 0) < 0
    doubts = found_doubts(Evidence(found, 0.03, 0.03), "fine-tune")
    assert doubts[0].kind == "contradicted"
    assert "less like the references" in doubts[0].text
    assert found_doubts(Evidence(found, 0.03, 0.03), "keep prompting")[0].kind != "contradicted"


def test_the_same_answer_in_other_words_is_no_doubt():
    rows = [{"input": f"what is {n} + 9?", "output": f"Adding nine to it gives the sum of {n + 9}"} for n in range(200)]
    good = [row["output"] if n % 4 else "none" for n, row in enumerate(rows)]
    style = "checks: [{kind: final_answer, take: last_number}]"
    found = evaluated(style, rows, prompted=good, tuned=[str(n + 9) for n in range(200)])
    assert found.comparison is not None
    assert found.comparison.similarity is not None
    assert (found.comparison.similarity.chrf.high or 0) < 0
    assert (found.good, found.quality["tuned"].acceptable.share) == ("correct", 1.0)
    assert found_doubts(Evidence(found, 0.03, 0.03), "fine-tune")[0].kind != "contradicted"


def test_outputs_are_called_correct_only_where_references_alone_decide():
    rows = requests(["refund", "delivery"] * 30)
    right = [row["output"] for row in rows]
    short = "  - {kind: length, unit: words, max: 1}\n"

    def called(style: str, said: list[str], rows: list[dict] = rows) -> tuple[str, list[str]]:
        found = evaluated(style, rows, prompted=right, tuned=said)
        assert found.verdict is not None
        return found.good, list(found.verdict.rests_on)

    assert called(LABEL, right) == ("correct", ["references"])
    assert called(LABEL + short, right) == ("correct", ["rules", "references"])
    around = LABEL.replace("kind: label", "kind: label, text_around: allowed")
    assert called(around + short, [f"it is {label}" for label in right]) == ("acceptable", ["rules", "references"])
    assert called(LABEL, right, [*rows[1:], {**rows[0], "output": ""}])[0] == "acceptable"
    assert called("checks:\n" + short, right) == ("acceptable", ["rules"])


def test_the_most_frequent_label_and_a_plain_classifier_are_rivals_of_a_label_task():
    words = {"refund": "money back", "delivery": "parcel late", "account": "password login", "other": "question about"}
    right = [LABELS[n % 4 if n % 3 else 0] for n in range(240)]
    rows = [{"input": f"{words[label]} case {n}", "output": label} for n, label in enumerate(right)]
    train = table(rows[:120])
    found = evaluated(LABEL, rows[120:], train=train, prompted=guesses(right[120:], 0.8, 1), tuned=right[120:])
    measured = {row.name: row for row in found.rivals}
    assert found.variants["classifier"].way == "classifier"
    assert found.quality["classifier"].acceptable.share == 1.0
    assert found.quality["majority"].acceptable.share == pytest.approx(right[120:].count("refund") / 120)
    assert measured["classifier"].strongest
    assert found.tokens["classifier"].total == 0
    short = "checks: [{kind: length, unit: words, max: 1}]"
    plain = evaluated(short, rows[120:], train=train, prompted=right[120:], tuned=right[120:])
    assert "classifier" not in plain.variants
