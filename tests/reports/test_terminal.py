"""A run's answers in a terminal: the sentences of the verdict, the rows of the page, in lines that fit."""

from typing import Any

import pytest

from tuneworth.curate import Curation
from tuneworth.reports import curated_text, verdict_text
from tuneworth.reports.terminal import run_of, way_rows

from ..evaluate.situations import costs, decide, situation, whole
from ..shared import record_of, results_of

HOSTED = {"hourly": 2.5, "requests_per_second": 2, "fixed_tokens": 0, "input_tokens": 150, "output_tokens": 150}


def told(roi=None, **parts):
    results = situation(roi=roi or costs(), **parts) | {"tokens": {}}
    return verdict_text(whole(results | {"verdict": decide(results)}))


def test_it_says_how_sure_between_the_sentence_and_the_numbers():
    lines = told().splitlines()
    sure = next(
        number
        for number, line in enumerate(lines)
        if line.startswith("Confidence: high. The investment pays back within 90 days")
    )
    assert lines[0].startswith("Fine-tune: the tuned model")
    assert lines[sure - 1] == ""
    assert sure < lines.index("Acceptable outputs                 prompted: 70% (63 to 76%)")
    assert any(line.startswith("Strongest reason for doubt: ") for line in lines)


@pytest.mark.slow
def test_no_line_is_wider_than_a_terminal():
    assert max(map(len, told().splitlines())) <= 80
    assert " ".join(told().split()).count("it pays back in 16 days (12 to 25 days).") == 1


def test_the_three_numbers_are_those_of_the_page():
    text = " ".join(told().split())
    for said in ("Test requests 200", "tuned: 94% (90 to 97%)", "+24 points", "Cost per acceptable output prompted: 0.00893 EUR",
                 "Payback 16 days (12 to 25 days)", "likely within 90 days"):  # fmt: skip
        assert said in text, said


def test_a_machine_of_ones_own_is_not_free():
    text = " ".join(told(costs() | {"tuned": HOSTED}).split())
    assert "tuned: 0.0128 EUR" in text  # 60 EUR / (5,000 requests x 94%)
    assert "including machines, at 5,000 requests a day" in text


def test_a_machine_without_a_volume_has_its_day_beside_the_cost():
    assert "tuned: 0 EUR (plus 60 EUR per day for machines)" in " ".join(told(costs(None) | {"tuned": HOSTED}).split())


def test_a_word_of_a_sentence_longer_than_a_line_stays_whole_and_a_name_beside_a_number_is_cut():
    name = "x" * 200
    text = told(others={name: 1.0})
    assert f'"{name}"' in text
    assert max(len(line) for line in text.splitlines() if name not in line) <= 80


def test_a_verdict_of_an_older_run_needs_no_confidence():
    results = situation(roi=costs()) | {"tokens": {}}
    verdict = decide(results)
    del verdict["confidence"]
    assert "Confidence" not in verdict_text(whole(results | {"verdict": verdict}))


SUMMARY: dict[str, Any] = {
    "rows_read": 10, "outcomes": {"kept": 8, "duplicate": 2}, "rules": {"exact_duplicate": 2},
    "splits": {"train": 5, "validation": 1, "test": 2}, "references_failing": {"test": 1}, "split_notes": ["A note."],
    "certificate": {"threshold": 0.8, "pairs_at_or_above": 0, "siblings_at_or_above": 1}, "overrides": {"applied": 0},
    "near_duplicate": {"threshold": 0.8}, "threshold_table": None,
}  # fmt: skip
PAIR = {
    "id": "a",
    "other_id": "b",
    "similarity": 0.81,
    "input": "i",
    "other_input": "j",
    "output": "o",
    "other_output": "p",
}


def test_curating_says_how_many_answers_are_in_train_beside_the_splits_and_in_the_certificate():
    found = {**SUMMARY["certificate"], "answers_verbatim": 2, "answers_similar": 0,
             "answers_in_test": {"verbatim": 2, "similar": 0}}  # fmt: skip
    text = " ".join(curated_text(record_of(SUMMARY | {"certificate": found}, Curation)).split())
    assert "2 test (2 with an output that is also in train)" in text
    assert "but 2 of the 2 test rows (100%) have an output that is also in train, word for word." in text
    assert "in train" not in curated_text(record_of(SUMMARY, Curation))


@pytest.mark.parametrize(("table", "shown"), [
    (None, 0),
    ([{"threshold": 0.8, "dropped": 2, "conflicts": 0, "example": PAIR},
      {"threshold": 0.9, "dropped": 1, "conflicts": 0, "example": PAIR},
      {"threshold": 0.95, "dropped": 0, "conflicts": 0, "example": None}], 1),
])  # fmt: skip
def test_curating_says_what_became_of_the_rows_and_each_borderline_pair_once(table, shown):
    lines = curated_text(record_of(SUMMARY | {"threshold_table": table}, Curation)).splitlines()
    assert lines[:5] == [
        "10 rows read: 8 kept; 2 duplicate", "  by rule: exact_duplicate 2", "splits: 5 train, 1 validation, 2 test",
        "  1 test row breaks a rule but is kept, so that the test is not too easy", "  A note.",
    ]  # fmt: skip
    said = " ".join(lines[5:])
    assert "No held-out request has a training example with the same facts at a similarity of 0.8 or more." in said
    assert said.count('is dropped in favour of "b"') == shown
    assert ("At 0.80" in said) == bool(shown)


def test_forms_of_the_tuned_model_are_no_ways_without_training():
    quality = {name: {"acceptable": {"share": 0.5}} for name in ("prompted", "plain", "tuned")}
    rivals = [{"name": name, "measured": name in quality, "acceptable": {"share": 0.5}}
              for name in ("prompted", "plain", "nearest", "prompted + retry", "tuned + short guide")]  # fmt: skip
    comparison = {"baseline": "prompted", "candidate": "tuned"}
    found = way_rows(run_of(results_of(quality=quality, rivals=rivals, comparison=comparison)))
    assert [row.label for row in found] == ["prompted", "plain", "nearest examples", "prompted, retried"]
