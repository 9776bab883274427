"""What a provider charged for the training is the investment's compute, unless another compute is stated."""

from datetime import date
from decimal import Decimal

import pytest

from tuneworth.evaluate.money import TrainingCost, compute_money, read_roi

TODAY = date(2026, 11, 28)
PRICED = {
    "price_input": 1, "price_output": 4, "fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150,
    "acceptance": Decimal("0.9"),
}  # fmt: skip
CHARGED = TrainingCost(None, 2_000_000, 12.5, "USD", "Together AI")
RATE = {"USD": Decimal("0.9"), "date": "2026-11-01"}


def money(training=CHARGED, **more):
    table = {"currency": "USD", "requests_per_day": 5000, "prompted": PRICED, "tuned": {**PRICED, "fixed_tokens": 0}}
    settings = read_roi(table | {"running": {"per_month": 0}} | more)
    return compute_money(
        settings, baseline="prompted", candidate="tuned", training=training, draws=20, today=TODAY
    ).to_json()


def test_the_charge_is_measured_compute_and_answers_what_training_costs():
    found = money()
    assert (found["investment"], found["missing"], found["warnings"]) == (12.5, [], [])
    line = next(entry for entry in found["assumptions"] if entry["key"] == "investment.compute")
    assert (line["value"], line["source"], line["detail"]) == (12.5, "measured", "this run, trained at Together AI")


@pytest.mark.parametrize(
    ("investment", "expected"),
    [
        ({"compute": 40}, 40), ({"compute": 0}, 0), ({"compute_hours": 2, "compute_hourly": 3}, 6),
        ({"training_price": Decimal("0.5")}, 1), ({"engineering_hours": 1, "engineering_hourly": 80}, 92.5),
    ],
)  # fmt: skip
def test_a_stated_compute_comes_first_and_other_spending_adds(investment, expected):
    assert money(investment=investment)["investment"] == expected


def test_the_charge_is_exchanged_or_said_to_be_left_out():
    assert money(currency="EUR", exchange=RATE)["investment"] == pytest.approx(12.5 * 0.9)
    unknown = money(currency="EUR")
    assert (unknown["investment"], unknown["missing"]) == (0, ["roi.investment"])
    assert any("12.50 USD for the training at Together AI is not counted" in text for text in unknown["warnings"])


def test_hours_at_a_provider_are_not_hours_of_ones_own_machine():
    assert money(investment={"compute_hourly": 4})["investment"] == 0
    without = money(TrainingCost(None, None, None, "USD", "Fireworks AI"))
    assert (without["investment"], without["missing"]) == (0, ["roi.investment"])
