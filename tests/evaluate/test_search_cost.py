"""What the search for a prompt cost is the prompt's own investment."""

import numpy as np
import pytest

from tuneworth.evaluate.money import MeasuredVariant, compute_money, read_roi

from .situations import TODAY, costs, other


def money(search_cost, *, baseline="searched"):
    measured = {
        name: MeasuredVariant(None, None, None, np.repeat([1.0, 0.0], (8, 2)), tuned=name == "tuned")
        for name in ("prompted", "searched", "tuned")
    }
    measured["searched"] = MeasuredVariant(
        None, None, None, np.repeat([1.0, 0.0], (8, 2)), search_cost=search_cost
    )  # fmt: skip
    roi = read_roi(costs() | {"searched": other()})
    return compute_money(roi, baseline=baseline, candidate="tuned", measured=measured, draws=100, today=TODAY).to_json()


@pytest.mark.slow
@pytest.mark.parametrize("cost", [0.0, 50.0, 500.0])
def test_training_has_to_earn_only_what_it_costs_more_than_the_search(cost):
    found, without = money(cost), money(None)
    assert found["npv"] == pytest.approx(without["npv"] + cost)
    expected = max(200 - cost, 0) / found["saving_per_day"]
    assert found["payback_days"] == pytest.approx(expected)
    assert found["investment"] == without["investment"] == 200


def test_other_rivals_keep_the_whole_investment():
    found = money(50.0, baseline="prompted")
    tuning = next(entry["tuning"] for entry in found["alternatives"] if entry["name"] == "searched")
    assert tuning["npv"] == pytest.approx(found["npv"] + 50)
    assert tuning["npv_p50"] > found["npv_p50"]


@pytest.mark.slow
def test_the_derivation_shows_the_difference():
    lines = {line["key"]: line for line in money(50.0)["derivation"]}
    assert lines["invested"]["value"] == 150
    assert lines["payback_days"]["value"] == pytest.approx(150 / lines["saving_per_day"]["value"])
    assert "invested" not in {line["key"] for line in money(None)["derivation"]}
