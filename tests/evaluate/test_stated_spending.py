"""What training and the upkeep cost must be stated before there can be a decision for training; 0 counts."""

from datetime import date
from decimal import Decimal

import pytest

from tuneworth.core import from_json
from tuneworth.evaluate.money import TrainingCost, compute_money, read_roi
from tuneworth.evaluate.results import Money
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("investment", "training"),
    [
        ({"compute": 0}, None), ({"engineering_hours": 0}, None), ({"labelling_pairs": 0}, None), ({"evaluation": 3}, None),
        ({"compute_hourly": 2}, TrainingCost(1.5)), ({"compute_hourly": 0}, TrainingCost(1.5)),
        ({"compute_hours": 1, "compute_hourly": 2}, None), ({"training_price": Decimal("0.5"), "training_tokens": 10**6}, None),
        ({"training_price": Decimal("0.5")}, TrainingCost(2, 4_000_000)),
    ],
)  # fmt: skip
def test_any_stated_or_priced_investment_is_an_answer(investment, training):
    assert money(training, investment=investment, running=MONITORED)["missing"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("investment", "training"),
    [
        (None, None),
        (None, TrainingCost(2, 10**6)),
        ({"training_price": Decimal(3)}, TrainingCost(2)),
        ({"compute_hourly": 2}, None),
        ({"already_spent": 900}, None),
    ],
)
def test_without_one_the_investment_is_missing_and_counted_as_nothing(investment, training):
    found = money(training, investment=investment, running=MONITORED)
    assert found["missing"] == ["roi.investment"]
    assert found["investment"] == 0
    assert found["npv"] > 0


@pytest.mark.parametrize(
    "running", [MONITORED, {"retrain_every_days": 0}, {"style_changes_per_year": 0}, {"per_month": 0}]
)
def test_any_stated_upkeep_is_an_answer(running):
    assert money(investment={"compute": 1}, running=running)["missing"] == []


@pytest.mark.parametrize("running", [None, {"base_model_retires": "2028-01-01"}])
def test_without_one_the_upkeep_is_missing(running):
    assert money(investment={"compute": 1}, running=running)["missing"] == ["roi.running"]


def test_a_batch_has_no_upkeep():
    assert money(requests_per_day=None, requests_total=10, investment={"compute": 1})["missing"] == []


def test_the_command_does_not_say_that_everything_is_stated():
    text = " ".join(money_text(from_json(money(), Money)).split())
    assert "Investment not stated, counted as 0" in text
    assert (
        "The investment and the upkeep of the tuned model are not stated and counted as 0; "
        "state what applies, or 0, so that there can be a verdict."
    ) in text
    assert "Everything else is stated" not in text
    complete = money_text(from_json(money(investment={"compute": 1}, running=MONITORED), Money))
    assert "Everything else is stated" in complete
    assert "counted as 0" not in complete


def test_a_provider_charges_for_the_tokens_of_all_epochs_as_measured_or_stated():
    price = {"training_price": Decimal("0.48")}
    measured = money(TrainingCost(2, 5_000_000), investment=price)
    assert measured["investment"] == pytest.approx(2.4)
    line = next(line for line in measured["derivation"] if line["key"] == "investment")
    assert line["formula"] == "training tokens × price ÷ 1,000,000"
    entry = next(entry for entry in measured["assumptions"] if entry["key"] == "investment.training_tokens")
    assert (entry["source"], entry["detail"]) == ("measured", "this run, all epochs")
    stated = money(TrainingCost(2, 5_000_000), investment=price | {"training_tokens": 10**7, "compute": 1})
    assert stated["investment"] == pytest.approx(5.8)


def test_a_cost_per_month_is_upkeep_of_every_day():
    found = money(investment={"compute": 1}, running={"per_month": Decimal("30.4375")})
    assert found["running_cost_per_day"] == pytest.approx(1)
    line = next(line for line in found["derivation"] if line["key"] == "running.hosting")
    assert (line["formula"], line["result"]) == ("per month ÷ 30.4375", "1 EUR a day")
