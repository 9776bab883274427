from datetime import date

import numpy as np
import pytest

from tuneworth.evaluate import Outcomes
from tuneworth.evaluate.money import compute_money, read_roi
from tuneworth.evaluate.results import Risk
from tuneworth.evaluate.risks.risks import assess_risks

from ..shared import record_of, results_of

TODAY = date(2026, 11, 25)
LINE = "Low dropout regulator, 5 V output, 150 mA, fixed voltage, SOT-23"
PRICED = {
    "price_input": 1, "price_output": 1, "fixed_tokens": 1, "input_tokens": 1, "output_tokens": 1, "acceptance": 1,
}  # fmt: skip


def risk(name, results=None, **options):
    return next(r for r in assess_risks(results_of(results or {}), today=TODAY, **options) if r.id == name)


def test_unknown_risks_are_not_checked_and_never_guessed():
    risks = assess_risks(results_of(), today=TODAY)
    assert [r.id for r in risks] == [
        "overfitting", "memorisation", "forgetting", "drift", "flexibility", "upkeep", "examples",
    ]  # fmt: skip
    assert {r.status for r in risks} == {"not checked"}
    assert all(r.evidence and r.value is None for r in risks)


def test_every_risk_shows_whether_it_was_measured_or_how_to_check_it():
    for found in assess_risks(results_of(), today=TODAY):
        assert not found.measured
        assert found.evidence.endswith(found.to_check)


def test_the_outputs_reach_the_risks_that_need_them():
    ours = {"candidate_outputs": [LINE] * 60, "references": ["short"] * 60, "train_outputs": [LINE]}
    assert risk("memorisation", **ours).status == "over"
    assert risk("memorisation", **ours, inputs=[LINE] * 60).status == "ok"
    right = np.arange(60) < 30
    found = risk("overfitting", acceptable=right, acceptable_on_train=Outcomes(np.ones(100)), groups=np.arange(60))
    assert found.status == "over"
    references = [None if i >= 30 else "good" for i in range(60)]
    found = risk("overfitting", acceptable=right, acceptable_on_train=np.ones(100), references=references)
    assert found.status == "ok"
    forgotten = record_of({"id": "forgetting", "status": "over", "value": -0.3}, Risk)
    assert risk("forgetting", forgetting=forgotten) == forgotten


@pytest.mark.parametrize(("retires", "status"), [("2027-01-14", "warn"), ("2026-01-01", "warn"), ("2029-01-01", "ok")])
def test_a_base_model_that_retires_soon_warns(retires, status):
    roi = read_roi({"running": {"base_model_retires": retires}})
    found = risk(
        "drift", {"variants": {"tuned": {"model": "smollm2-135m"}}, "comparison": {"candidate": "tuned"}}, roi=roi
    )
    assert found.status == status
    assert "smollm2-135m" in found.evidence


def paid(running, **stated):
    assumptions = [{"key": f"running.{key}", "value": value, "source": "stated"} for key, value in stated.items()]
    return {
        "money": {
            "running_cost_per_day": running,
            "saving_per_request": 0.01,
            "requests_per_day": 1000.0,
            "assumptions": assumptions,
        }
    }


def test_a_retirement_before_the_payback_warns_at_any_distance():
    roi = read_roi({"running": {"base_model_retires": "2029-01-01"}})
    found = risk("drift", {"money": {"payback_days": 2000.0}}, roi=roi)
    assert (found.status, found.limit, found.unit) == ("warn", 2000.0, "days")
    assert "before the investment pays back" in found.evidence
    never = risk("drift", {"money": {"payback_days": None, "saving_per_day": 3.0}}, roi=roi)
    assert (never.status, never.evidence.endswith("before the investment pays back")) == ("warn", True)
    assert risk("drift", {"money": {"payback_days": None, "saving_per_day": -3.0}}, roi=roi).status == "ok"


def test_the_base_model_is_named_with_its_fingerprint():
    results = {
        "variants": {"tuned": {"model": "m"}},
        "provenance": {"model": {"name": "m", "sha256": "0123456789abcdef"}},
    }
    assert "the adapter fits m only (weights with SHA-256 0123456789ab)" in risk("drift", results).evidence
    results["provenance"]["model"]["name"] = "another"
    assert "SHA-256" not in risk("drift", results).evidence


@pytest.mark.parametrize(("running", "status"), [(0.0, "ok"), (4.0, "ok"), (6.0, "warn")])
def test_upkeep_of_half_the_saving_warns(running, status):
    results = paid(running, monitoring_hours_per_month=1.0)
    assert risk("upkeep", results, roi=read_roi({})).status == status


def test_unstated_upkeep_is_not_checked():
    found = risk("upkeep", paid(0.0), roi=read_roi({}))
    assert (found.status, found.value) == ("not checked", None)
    money = compute_money(
        read_roi({"requests_per_day": 9, "prompted": PRICED, "tuned": PRICED}), baseline="prompted", candidate="tuned"
    )
    assert risk("upkeep", {"money": money.to_json()}, roi=read_roi({})).status == "not checked"


def test_upkeep_shows_its_share_of_the_saving_and_the_cost_of_retraining():
    found = risk("upkeep", paid(4.0, retrain_every_days=100, retrain_cost=150), roi=read_roi({}))
    assert "including 1.50 EUR for retraining every 100 days" in found.evidence
    assert "40% of what its requests save" in found.evidence


def test_upkeep_without_a_known_saving_warns_without_a_limit():
    results = paid(3.0)
    results["money"]["saving_per_request"] = None
    found = risk("upkeep", results, roi=read_roi({}))
    assert (found.status, found.limit) == ("warn", None)


@pytest.mark.parametrize(("changes", "status"), [(1.0, "ok"), (10.0, "warn")])
def test_frequent_style_changes_warn(changes, status):
    results = paid(0.0, retrain_cost=200.0, style_changes_per_year=changes)
    assert risk("flexibility", results, roi=read_roi({})).status == status


@pytest.mark.parametrize(("seconds", "status"), [(600.0, "ok"), (90_000.0, "warn")])
def test_without_a_cost_a_style_change_takes_the_time_of_this_training(seconds, status):
    found = risk("flexibility", {"training": {"seconds": seconds}})
    assert (found.status, found.measured) == (status, True)
    assert found.value == pytest.approx(seconds / 86_400)


def test_a_style_change_shows_its_cost_and_its_time():
    results = paid(0.0, retrain_cost=200.0, style_changes_per_year=2.0) | {
        "training": {"seconds": 300.0},
        "provenance": {"seconds": {"evaluate": 180.0}},
    }
    found = risk("flexibility", results, roi=read_roi({}))
    assert "200 EUR" in found.evidence
    assert "8 min" in found.evidence
    assert found.days_per_change == pytest.approx(480 / 86_400)


@pytest.mark.parametrize(
    ("kept", "distinct", "groups", "status"),
    [(1994, 146, None, "warn"), (2000, 1900, 400, "ok"), (60, 60, None, "warn"), (2000, 1900, 12, "warn")],
)
def test_few_distinct_examples_warn(kept, distinct, groups, status):
    data = {"outcomes": {"kept": kept}, "distinct_outputs": distinct, "groups": groups}
    assert risk("examples", {"data": data}).status == status


def test_the_way_to_check_a_risk_is_an_instruction():
    """Every such text follows "To check it, " on the page and "; to check it, " in the evidence."""
    told = [risk.to_check for risk in assess_risks(results_of(), today=TODAY) if risk.to_check]
    assert len(told) > 3
    assert {text.split()[0] for text in told} <= {"set", "state", "run", "evaluate", "add", "start"}
