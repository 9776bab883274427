"""A stated acceptance is as sure as the number of outputs that it was counted on; whole calls need no fixed tokens."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

from tuneworth.core import ConfigError, as_json
from tuneworth.evaluate.money import MeasuredVariant, collect_quantities, compute_money, draw_values, read_roi

TODAY = date(2026, 11, 28)
TOKENS = {"price_input": 1, "price_output": 4, "fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150}


def table(**tuned):
    return {
        "requests_per_day": 5000, "failures": "repair", "failure_cost": Decimal("0.1"), "investment": {"compute": 100},
        "running": {"per_month": 0}, "prompted": {**TOKENS, "acceptance": Decimal("0.7")}, "tuned": {**TOKENS, **tuned},
    }  # fmt: skip


def money(tuned, measured=None, draws=2000):
    return compute_money(
        read_roi(table(**tuned)), baseline="prompted", candidate="tuned", measured=measured, draws=draws, today=TODAY
    ).to_json()


@pytest.mark.parametrize("n", [5, 50, 5000])
def test_the_draws_are_those_of_the_share_after_so_many_outputs(n):
    roi = read_roi(table(acceptance=Decimal("0.9"), acceptance_n=n))
    quantities = collect_quantities(roi, ["prompted", "tuned"], {}, None, today=TODAY)
    drawn = draw_values(quantities, groups=None, seed=3, draws=4000)["tuned.acceptance"]
    found = stats.kstest(drawn, stats.beta(0.9 * n + 0.5, 0.1 * n + 0.5).cdf)
    assert found.pvalue > 1e-3
    entry = as_json(quantities["tuned.acceptance"].assumption())
    low, likely, high = entry["range"]
    assert (likely, entry["detail"]) == (0.9, f"counted on {n:,} outputs")
    assert np.mean((drawn > low) & (drawn < high)) == pytest.approx(0.9, abs=0.02)


def test_without_a_number_of_outputs_it_is_exact_and_more_outputs_leave_less_open():
    spans = {}
    for n in (None, 50, 5000):
        found = money({"acceptance": Decimal("0.9")} | ({"acceptance_n": n} if n else {}))
        spans[n] = found["npv_p95"] - found["npv_p5"]
        assert ("tuned.acceptance" in [row["key"] for row in found["tornado"]]) == (n is not None)
    assert spans[None] < spans[5000] < spans[50]


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"acceptance_n": 50}, "acceptance_n needs acceptance"),
        ({"acceptance": [Decimal("0.5"), Decimal("0.6"), Decimal("0.9")], "acceptance_n": 50}, "acceptance_n needs"),
        ({"acceptance": Decimal("0.5"), "acceptance_n": 0}, "expected 1 or more outputs"),
    ],
)
def test_a_number_of_outputs_belongs_to_a_single_share(stated, words):
    with pytest.raises(ConfigError, match=words):
        read_roi(table(**stated))


def test_whole_calls_need_no_fixed_tokens():
    calls = np.array([600.0, 700.0]), np.array([100.0, 120.0])
    run = {name: MeasuredVariant(None, *calls, np.array([1.0, 0.0])) for name in ("prompted", "tuned")}
    roi = table() | {name: {"price_input": 1, "price_output": 4} for name in run}
    found = compute_money(
        read_roi(roi), baseline="prompted", candidate="tuned", measured=run, draws=50, today=TODAY
    ).to_json()
    assert found["missing"] == []
    assert found["variants"]["prompted"]["cost_per_request"] == pytest.approx((650 + 4 * 110) / 1e6)
    entry = next(entry for entry in found["assumptions"] if entry["key"] == "prompted.fixed_tokens")
    assert (entry["value"], "whole calls" in entry["detail"]) == (0, True)
    reasons = {row["key"]: row["why"] for row in found["alternatives_out"]}
    assert reasons["cached_guide"] == "there is no known fixed prompt to cache"
