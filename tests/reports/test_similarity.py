"""The similarity of outputs to references, and repeated requests, in the report."""

from pathlib import Path
from typing import Any

import pytest

from tuneworth.reports.sections.quality import (
    classifier_ran,
    giveaway_lines,
    no_classifier_lines,
    repeat_rows,
    samples_of,
    similarity_rows,
)
from tuneworth.reports.sections.quality_charts import pairs_figure
from tuneworth.reports.stored import StoredRun

from ..shared import results_of

LENGTH = {"words": {"mean": 12.5, "median": 12.0, "p95": 21.0}}
TOLD: dict[str, Any] = {
    "accuracy": 0.9, "low": 0.8, "high": 0.95, "p_value": 0.005, "length_accuracy": 0.6, "accuracy_with_length": 0.93,
    "telling": [".\n", " <b>"], "n": 200, "reason": None,
}  # fmt: skip


def run(**parts: Any) -> StoredRun:
    part = {"length": {**LENGTH, "references": LENGTH}, "two_sample": TOLD, **parts}
    alike = {"mean": 0.75, "low": 0.7, "high": 0.8, "n": 9}
    return StoredRun(
        Path("r"), results_of({"quality": {"v": {"similarity": {"chrf": alike, "ratio": alike}, **part}}}), {}, {}
    )


def test_a_variant_stands_above_what_people_wrote():
    ours, people = similarity_rows(run())
    assert (ours.name, ours.chrf) == ("v", "75% (70 to 80%)")
    assert ours.distinguished.startswith("90%, statistically significant; 93% with length, 60% by length alone")
    assert (people.words, people.distinguished) == ("12 (21)", "")


def test_what_was_not_measured_gives_its_reason_or_no_row():
    reason = "99 outputs with a good reference; at least 100 are needed"
    unclassified = run(two_sample={"accuracy": None, "reason": reason})
    assert (classifier_ran(run()), classifier_ran(unclassified)) == (True, False)
    assert similarity_rows(unclassified)[0].distinguished == "–"
    assert no_classifier_lines(unclassified) == [
        f"Whether outputs can be distinguished from human answers was not tested: {reason}."
    ]
    assert similarity_rows(run(length=None)) == []
    assert similarity_rows(run(similarity=None, two_sample=None, length={**LENGTH, "references": None}))[0].chrf == "–"


@pytest.mark.parametrize(("p", "lines"), [(0.005, [("v", "“.↵”  “␣<b>”")]), (0.2, [])])
def test_telling_pieces_are_shown_where_the_test_says_anything(p, lines):
    assert giveaway_lines(run(two_sample={**TOLD, "p_value": p})) == lines


def test_repeats_are_shown_where_there_are_any():
    unstable = {"share": 0.2, "low": 0.1, "high": 0.3}
    several = run(samples=3, pass_all={"1": 0.9, "2": 0.85, "3": 0.8}, unstable=unstable)
    (row,) = repeat_rows(several)
    assert (row.samples, row.once, row.always) == (3, "90%", "80%")
    assert row.unstable.startswith("20%")
    assert samples_of(several) == 3
    assert repeat_rows(run()) == []
    assert samples_of(run()) == 1


def test_a_request_with_several_outputs_is_won_more_often_not_alone():
    counts = {"both": 5, "only_candidate": 4, "only_baseline": 2, "neither": 1}
    compared = {"comparison": {"candidate": "c", "baseline": "b", **counts}}
    for samples, name in ((1, "Only c"), (3, "c acceptable more often")):
        quality = {"quality": {"c": {"samples": samples}, "b": {"samples": samples}}}
        assert name in pairs_figure(StoredRun(Path("r"), results_of({**compared, **quality}), {}, {}))
