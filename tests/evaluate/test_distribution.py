"""The distributions of the draws: shares against direct counts, bands against a known volume."""

import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import as_json
from tuneworth.evaluate.money import (
    Account,
    collect_quantities,
    conditions_of,
    draw_values,
    npv_distribution,
    payback_distribution,
    read_roi,
    simulated,
)

from .test_uncertainty import TODAY, measured, money

COUNTS = {"fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150}
PROMPTED = {"price_input": 5, "price_output": 20, **COUNTS}
TUNED = {**PROMPTED, "fixed_tokens": 0}
CERTAIN = {
    "requests_per_day": [5000, 5000, 5000], "investment": {"compute": 200}, "prompted": PROMPTED, "tuned": TUNED,
}  # fmt: skip
RANGED = CERTAIN | {
    "investment": {"compute": [100, 200, 600]}, "running": {"monitoring_hours_per_month": [0, 1, 9], "monitoring_hourly": 60},
}  # fmt: skip


def shares(found):
    return [each["share"] for each in found["bins"]] + [
        v for k, v in found.items() if k in ("never", "beyond", "below")
    ]


drawn = st.lists(
    st.one_of(
        st.floats(0, 1e9, allow_subnormal=False).filter(lambda x: x == 0 or x > 1e-6),
        st.sampled_from([0.0, 1e-9, 14.0, 14.0, 1e12, float("inf")]),
    ),
    min_size=1,
    max_size=60,
)


@given(drawn, st.floats(0.5, 3650))
def test_each_draw_of_the_payback_is_counted_once(days, target):
    found = as_json(payback_distribution(np.array(days), target))
    assert sum(shares(found)) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in shares(found))
    assert len(found["bins"]) <= 60
    for before, after in zip(found["bins"], found["bins"][1:], strict=False):
        assert before["to"] == after["from"]
    json.dumps(found, allow_nan=False)


values = st.lists(
    st.one_of(st.floats(-1e9, 1e9), st.sampled_from([0.0, -3.5, float("inf"), float("-inf")])), min_size=1, max_size=60
)


@given(values)
def test_each_draw_of_the_value_is_counted_once(npv):
    found = as_json(npv_distribution(np.array(npv)))
    assert sum(shares(found)) == pytest.approx(1)
    json.dumps(found, allow_nan=False)


@given(drawn, st.floats(0.5, 3650))
def test_the_bins_equal_direct_counts(days, target):
    found, days = as_json(payback_distribution(np.array(days), target)), np.array(days)
    for each in found["bins"]:
        inside = (days >= each["from"]) & ((days < each["to"]) | (days == each["from"]))
        assert each["share"] == pytest.approx(np.mean(inside))
    if found["bins"]:
        last = found["bins"][-1]
        assert found["beyond"] == pytest.approx(
            np.mean((days > last["from"]) & (days >= last["to"]) & np.isfinite(days))
        )


@given(drawn, st.floats(0.5, 3650))
def test_no_payback_in_time_is_beyond_the_bins(days, target):
    found, days = as_json(payback_distribution(np.array(days), target)), np.array(days)
    assert found["beyond"] <= np.mean(np.isfinite(days) & (days > target)) + 1e-12


def test_the_bars_reach_the_target_where_a_late_payback_is_in_time():
    days = np.concatenate([np.linspace(10, 20, 990), np.linspace(70, 85, 10)])
    found = as_json(payback_distribution(days, 90))
    assert found["beyond"] == 0
    assert found["bins"][-1]["to"] > 85


def test_bins_are_round_and_reach_from_the_first_draw_to_the_99th_percentile():
    days = np.random.default_rng(0).triangular(10, 20, 60, 10_000)
    found = as_json(payback_distribution(days, 20))
    edges = [each["from"] for each in found["bins"]] + [found["bins"][-1]["to"]]
    assert edges[0] <= days.min() < edges[1]
    assert edges[-2] <= np.quantile(days, 0.99) <= edges[-1]
    assert edges[1] - edges[0] == 2
    assert 12 <= len(found["bins"]) <= 26


def test_a_few_very_late_paybacks_do_not_push_the_rest_into_one_bin():
    days = np.concatenate([np.linspace(10, 100, 900), np.geomspace(1e4, 1e9, 100)])
    found = as_json(payback_distribution(days, 90))
    assert found["bins"][-1]["to"] <= 250
    assert found["beyond"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("days", "bins", "never"),
    [([14.0] * 5, [(14.0, 14.0, 1.0)], 0), ([np.inf] * 5, [], 1), ([0.0] * 4 + [np.inf], [(0.0, 0.0, 0.8)], 0.2)],
)
def test_one_value_and_none_have_their_distribution(days, bins, never):
    found = as_json(payback_distribution(np.array(days), 90.0))
    assert [(each["from"], each["to"], each["share"]) for each in found["bins"]] == bins
    assert (found["never"], found["beyond"], found["target_days"]) == (never, 0, 90.0)


@pytest.mark.slow
def test_the_distribution_of_an_account_is_that_of_its_draws():
    settings = read_roi(RANGED)
    quantities = collect_quantities(settings, ["prompted", "tuned"], {}, None, today=TODAY)
    futures = draw_values(quantities, groups=None, seed=3, draws=2000)
    days = simulated(Account(futures, conditions_of(settings, "prompted", "tuned"), "drawn")).payback_days
    found = money(RANGED, draws=2000, seed=3)
    spread = found["payback_distribution"]
    assert spread["never"] == np.mean(~np.isfinite(days))
    for each in spread["bins"]:
        assert each["share"] == np.mean((days >= each["from"]) & (days < each["to"]))
    assert money(RANGED, draws=2000, seed=3)["payback_distribution"] == spread
    assert money(RANGED, draws=2000, seed=4)["payback_distribution"] != spread
    assert sum(shares(found["npv_distribution"])) == pytest.approx(1)


def test_without_other_ranges_a_volume_has_one_value():
    for row in money(CERTAIN | {"requests_per_day": 5000})["volume_curve"]:
        assert row["npv_p5"] == row["npv_p95"] == pytest.approx(row["npv"], rel=1e-9)


@pytest.mark.slow
def test_at_the_stated_volume_the_band_is_the_range_of_the_value():
    volume = money(RANGED)["volume_curve"][3]["requests_per_day"]
    exact = Decimal(repr(volume))
    found = money(RANGED | {"requests_per_day": [exact, exact, exact]})
    before = next(row for row in money(RANGED)["volume_curve"] if row["requests_per_day"] == volume)
    assert (before["npv_p5"], before["npv_p95"]) == pytest.approx((found["npv_p5"], found["npv_p95"]))
    assert before["npv_p5"] < before["npv"] < before["npv_p95"]


def test_if_only_the_volume_varies_the_curve_gives_the_range_of_the_payback():
    found = money(CERTAIN | {"requests_per_day": [1000, 5000, 9000]}, draws=4000)
    volumes = [row["requests_per_day"] for row in found["volume_curve"]]
    paid = [row["payback_days"] for row in found["volume_curve"]]
    # Days x volume is constant along the curve, so percentiles of the days are volumes on it.
    product = {round(v * d, 2) for v, d in zip(volumes, paid, strict=True)}
    assert len(product) == 1
    low, high = (product.copy().pop() / found[key] for key in ("payback_days_p95", "payback_days_p5"))
    drawn = np.random.default_rng(0).triangular(1000, 5000, 9000, 100_000)
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.05, 0.95])), rel=0.03)


@pytest.mark.parametrize("key", ["payback_distribution", "npv_distribution"])
def test_without_a_price_there_is_no_distribution(key):
    found = money({"requests_per_day": 10, "prompted": PROMPTED, "tuned": {"price_input": 1, "price_output": 1}})
    assert found[key] is None
    assert found["volume_curve"] == []


def test_a_batch_has_only_a_distribution_of_its_value():
    found = money(
        {"requests_total": 1000, "failures": "repair", "failure_cost": [0, 1, 2],
         "prompted": {"price_input": 5, "price_output": 20}, "tuned": {"price_input": 5, "price_output": 20}},
        measured=measured(),
    )  # fmt: skip
    assert found["payback_distribution"] is None
    assert sum(shares(found["npv_distribution"])) == pytest.approx(1)
