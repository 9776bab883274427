"""Failures of facts may cost more than those of form: the money against a second computation, and the settings."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.evaluate.money import MeasuredVariant, compute_money, read_roi

from .situations import costs


def money(prompted, tuned, *, cost, failures="repair", **more):
    """The money from (acceptable, wrong about facts) of each item; tokens as in the example of the article."""
    measured = {
        name: MeasuredVariant(
            None, None, None, np.array([a for a, _ in rows], float), wrong_facts=np.array([w for _, w in rows], float)
        )
        for name, rows in (("prompted", prompted), ("tuned", tuned))
    }
    roi = read_roi(costs(failures=failures, failure_cost=cost, **more))
    return compute_money(roi, baseline="prompted", candidate="tuned", measured=measured, draws=200).to_json()


ITEM = st.sampled_from([(1, 0), (0, 0), (0, 1)])


@pytest.mark.slow
@given(st.lists(ITEM, min_size=1, max_size=40), st.floats(0, 2), st.floats(0, 9))
def test_each_failure_costs_what_it_breaks(rows, form, facts):
    found = money(rows, rows, cost={"form": round(form, 3), "facts": round(facts, 3)})
    n = len(rows)
    loss = sum(round(facts, 3) if wrong else round(form, 3) * (not good) for good, wrong in rows) / n
    variant = found["variants"]["prompted"]
    assert variant["effective_cost_per_request"] == pytest.approx(variant["cost_per_request"] + loss)


def test_equal_costs_are_one_cost():
    rows = [(1, 0)] * 6 + [(0, 1)] * 3 + [(0, 0)]
    apart, one = money(rows, rows, cost={"form": 0.2, "facts": 0.2}), money(rows, rows, cost=0.2)
    for key in ("saving_per_request", "payback_days", "npv"):
        assert apart[key] == pytest.approx(one[key])


def test_a_model_that_errs_in_facts_pays_only_as_long_as_facts_are_cheap():
    prompted = [(1, 0)] * 68 + [(0, 0)] * 31 + [(0, 1)]
    tuned = [(1, 0)] * 84 + [(0, 0)] + [(0, 1)] * 15
    cheap, dear = (money(prompted, tuned, cost={"form": 0.05, "facts": cost}) for cost in (0.05, 2.0))
    assert cheap["saving_per_request"] > 0 > dear["saving_per_request"]
    assert dear["break_even_failure_cost"] is None


def test_without_wrong_facts_measured_all_failures_cost_what_form_costs():
    roi = read_roi(costs(failures="repair", failure_cost={"form": 0.1, "facts": 5}))
    measured = {name: MeasuredVariant(None, None, None, np.array([1.0, 0.0])) for name in ("prompted", "tuned")}
    found = compute_money(roi, baseline="prompted", candidate="tuned", measured=measured, draws=50).to_json()
    variant = found["variants"]["tuned"]
    assert variant["effective_cost_per_request"] == pytest.approx(variant["cost_per_request"] + 0.05)


def test_the_derivation_says_how_the_costs_are_weighed():
    found = money([(0, 1), (0, 0), (1, 0)], [(1, 0), (1, 0), (0, 0)], cost={"form": 0.1, "facts": 1})
    line = next(line for line in found["derivation"] if line["key"] == "variants.prompted.loss")
    assert line["value"] == pytest.approx(0.55)
    assert "share with wrong facts" in line["formula"]


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ({"failure_cost": {"form": 1}, "failures": "repair"}, "both form and facts; found form"),
        ({"failure_cost": {"form": 1, "fact": 2}, "failures": "repair"}, "both form and facts"),
        ({"failure_cost": {"form": 1, "facts": 2}, "failures": "drop"}, 'failures = "repair" or "retry"'),
        ({"failure_cost": 1, "facts_failure_cost": 2, "failures": "repair"}, "write failure_cost = {form"),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(table, part):
    with pytest.raises(ConfigError, match=part.replace("{", r"\{")):
        read_roi(costs(**table))


def test_ranges_are_allowed_for_both():
    roi = read_roi(costs(failures="repair", failure_cost={"form": [1, 2, 3], "facts": Decimal(9)}))
    assert (roi.failure_cost, roi.facts_failure_cost) == ((1, 2, 3), 9)
