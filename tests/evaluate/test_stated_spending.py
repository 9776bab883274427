"""What training and the upkeep cost must be stated before there can be a decision for training; 0 counts."""

from datetime import date
from decimal import Decimal

import pytest

from tuneworth.evaluate.money import TrainingCost, compute_money, read_roi
from tuneworth.reports import money_text

TODAY = date(2026, 11, 25)
PRICED = {
    "price_input": 1, "price_output": 4, "fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150,
    "acceptance": Decimal("0.9"),
}  # fmt: skip
MONITORED = {"monitoring_hours_per_month": 1, "monitoring_hourly": 60}


def money(training=None, **tables):
    table = {"requests_per_day": 5000, "prompted": PRICED, "tuned": {**PRICED, "fixed_tokens": 0}} | tables
    table = {key: value for key, value in table.items() if value is not None}
    return compute_money(
        read_roi(table), baseline="prompted", candidate="tuned", training=training, draws=50, today=TODAY
    ).to_json()


@pytest.mark.parametrize(
    ("investment", "training"),
    [
        ({"compute": 0}, None), ({"engineering_hours": 0}, None), ({"labelling_pairs": 0}, None), ({"evaluation": 3}, None),
        ({"compute_hourly": 2}, TrainingCost(1.5)), ({"compute_hourly": 0}, TrainingCost(1.5)),
        ({"compute_hours": 1, "compute_hourly": 2}, None),
    ],
)  # fmt: skip
def test_any_stated_or_priced_investment_is_an_answer(investment, training):
    assert money(training, investment=investment, running=MONITORED)["missing"] == []


@pytest.mark.parametrize(
    ("investment", "training"),
    [(None, None), (None, TrainingCost(2)), ({"compute_hourly": 2}, None), ({"already_spent": 900}, None)],
)
def test_without_one_the_investment_is_missing_and_counted_as_nothing(investment, training):
    found = money(training, investment=investment, running=MONITORED)
    assert found["missing"] == ["roi.investment"]
    assert found["investment"] == 0
    assert found["npv"] > 0


@pytest.mark.parametrize("running", [MONITORED, {"retrain_every_days": 0}, {"style_changes_per_year": 0}])
def test_any_stated_upkeep_is_an_answer(running):
    assert money(investment={"compute": 1}, running=running)["missing"] == []


@pytest.mark.parametrize("running", [None, {"base_model_retires": "2028-01-01"}])
def test_without_one_the_upkeep_is_missing(running):
    assert money(investment={"compute": 1}, running=running)["missing"] == ["roi.running"]


def test_a_batch_has_no_upkeep():
    assert money(requests_per_day=None, requests_total=10, investment={"compute": 1})["missing"] == []


def test_the_command_does_not_say_that_everything_is_stated():
    text = " ".join(money_text(money()).split())
    assert "Investment not stated, counted as 0" in text
    assert (
        "The investment and the upkeep of the tuned model are not stated and counted as 0; "
        "state what applies, or 0, so that there can be a verdict."
    ) in text
    assert "Everything else is stated" not in text
    complete = money_text(money(investment={"compute": 1}, running=MONITORED))
    assert "Everything else is stated" in complete
    assert "counted as 0" not in complete
