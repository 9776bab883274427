from datetime import date

import numpy as np
import pytest

from tuneworth.evaluate.risks import assess_risks, copies_of
from tuneworth.evaluate.roi_settings import read_roi

TODAY = date(2026, 11, 25)
LINE = "Low dropout regulator, 5 V output, 150 mA, fixed voltage, SOT-23"


def risk(name, results=None, **options):
    return next(r for r in assess_risks(results or {}, today=TODAY, **options) if r["id"] == name)


def test_nothing_known_is_not_checked_and_never_guessed():
    risks = assess_risks({}, today=TODAY)
    assert [r["id"] for r in risks] == [
        "overfitting", "memorisation", "forgetting", "drift", "flexibility", "upkeep", "examples",
    ]  # fmt: skip
    assert {r["status"] for r in risks} == {"not checked"}
    assert all(r["evidence"] and r["value"] is None for r in risks)


def losses(*values):
    return {
        "training": {"log": [{"step": 10 * i, "train_loss": 1.0, "validation_loss": v} for i, v in enumerate(values)]}
    }


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ((2.0, 1.0, 0.9), "ok"),
        ((2.0, 1.0, 1.01), "ok"),
        ((2.0, 1.0, 1.5), "warn"),
        ((2.0,), "not checked"),
        ((2.0, None), "not checked"),
    ],
)
def test_a_validation_loss_that_rises_since_its_best_warns(values, status):
    assert risk("overfitting", losses(*values))["status"] == status


@pytest.mark.parametrize(("right", "test_share", "status"), [(200, 0.5, "over"), (130, 0.6, "ok"), (190, 0.93, "ok")])
def test_better_on_train_than_on_test_is_overfitting(right, test_share, status):
    on_train = np.arange(200) < right
    quality = {"tuned": {"n": 60, "n_effective": 60.0, "acceptable": {"share": test_share}}}
    assert risk("overfitting", {"quality": quality}, acceptable_on_train=on_train)["status"] == status


def test_copies_are_runs_of_eight_words_whatever_their_case_and_punctuation():
    train = ["a b c d e f g h i"]
    assert copies_of(["x B c d, e f g h. i", "a b c d e f g", "a b c d x e f g h i", ""], train).tolist() == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("copied", "natural", "status"), [(30, 0, "over"), (30, 30, "ok"), (0, 20, "ok"), (3, 0, "ok"), (4, 0, "warn")]
)
def test_memorisation_is_counted_above_what_the_references_repeat_anyway(copied, natural, status):
    other = [f"another line number {i} with nothing of the kind in it" for i in range(60)]
    outputs = [LINE if i < copied else other[i] for i in range(60)]
    references = [LINE if i < natural else other[i] for i in range(60)]
    found = risk("memorisation", train_outputs=[LINE], references=references, candidate_outputs=outputs)
    assert found["status"] == status
    assert f"{copied} of 60" in found["evidence"]


def test_memorisation_in_few_groups_is_harder_to_prove():
    outputs, references = [LINE] * 10 + ["short"] * 50, ["short"] * 60
    data = {"train_outputs": [LINE], "references": references, "candidate_outputs": outputs}
    assert risk("memorisation", **data)["status"] == "over"
    assert risk("memorisation", **data, groups=np.arange(60) // 10)["status"] == "warn"


def test_pairs_without_a_usable_reference_are_left_out():
    found = risk("memorisation", train_outputs=[LINE], references=[None, "x"], candidate_outputs=[LINE, "x"])
    assert found["evidence"].startswith("0 of 1")


@pytest.mark.parametrize(("retires", "status"), [("2027-01-14", "warn"), ("2026-01-01", "warn"), ("2029-01-01", "ok")])
def test_a_base_model_that_retires_soon_warns(retires, status):
    roi = read_roi({"running": {"base_model_retires": retires}})
    found = risk(
        "drift", {"variants": {"tuned": {"model": "smollm2-135m"}}, "comparison": {"candidate": "tuned"}}, roi=roi
    )
    assert found["status"] == status
    assert "smollm2-135m" in found["evidence"]


def paid(running, **stated):
    assumptions = [{"key": f"running.{key}", "value": value} for key, value in stated.items()]
    return {
        "money": {
            "running_cost_per_day": running,
            "saving_per_request": 0.01,
            "requests_per_day": 1000.0,
            "assumptions": assumptions,
        }
    }


@pytest.mark.parametrize(("running", "status"), [(0.0, "ok"), (4.0, "ok"), (6.0, "warn")])
def test_upkeep_that_eats_half_of_the_saving_warns(running, status):
    assert risk("upkeep", paid(running), roi=read_roi({}))["status"] == status


def test_upkeep_without_a_known_saving_warns_without_a_limit():
    results = paid(3.0)
    results["money"]["saving_per_request"] = None
    found = risk("upkeep", results, roi=read_roi({}))
    assert (found["status"], found["limit"]) == ("warn", None)


@pytest.mark.parametrize(("changes", "status"), [(1.0, "ok"), (10.0, "warn")])
def test_frequent_changes_of_style_warn(changes, status):
    results = paid(0.0, retrain_cost=200.0, style_changes_per_year=changes)
    assert risk("flexibility", results, roi=read_roi({}))["status"] == status


@pytest.mark.parametrize(
    ("kept", "distinct", "groups", "status"),
    [(1994, 146, None, "warn"), (2000, 1900, 400, "ok"), (60, 60, None, "warn"), (2000, 1900, 12, "warn")],
)
def test_few_distinct_examples_warn(kept, distinct, groups, status):
    data = {"outcomes": {"kept": kept}, "distinct_outputs": distinct, "groups": groups}
    assert risk("examples", {"data": data})["status"] == status
