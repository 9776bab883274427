"""The draws against the point figures, the parts against the whole, and the effect of measured items on the ranges."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.evaluate.money import (
    Account,
    MeasuredVariant,
    Pair,
    collect_quantities,
    compute_money,
    conditions_of,
    read_roi,
    simulated,
)

TODAY = date(2026, 11, 25)
PRICES = {"price_input": 5, "price_output": 20}


def money(table, **options):
    settings_ = read_roi(table, on=TODAY)
    options = {"baseline": "prompted", "candidate": "tuned", "today": TODAY, "draws": 500} | options
    return compute_money(settings_, **options).to_json()


rates = st.integers(1, 100).map(lambda k: Decimal(k) / 100)
tokens = st.integers(0, 3000).map(Decimal)
prices = st.integers(0, 3000).map(lambda k: Decimal(k) / 100)


@st.composite
def tables(draw):
    variants = {
        name: {
            "price_input": draw(prices),
            "price_output": draw(prices),
            "price_cached": draw(prices),
            "cached_share": draw(st.integers(0, 4)) / Decimal(4),
            "fixed_tokens": draw(tokens),
            "input_tokens": draw(tokens),
            "output_tokens": draw(tokens),
            "acceptance": draw(rates),
        }
        for name in ("prompted", "tuned")
    }
    return {
        "requests_per_day": draw(st.integers(1, 10**6)),
        "ramp_days": draw(st.sampled_from([0, 30, 400])),
        "discount_rate": draw(st.sampled_from([Decimal(0), Decimal("0.08")])),
        "failures": draw(st.sampled_from(["ignore", "drop", "repair", "retry"])),
        "failure_cost": draw(rates),
        "tries": draw(st.integers(1, 4)),
        "investment": {"compute": draw(st.integers(0, 5000)), "engineering_hours": 2, "engineering_hourly": 80},
        "running": {
            "monitoring_hours_per_month": draw(st.integers(0, 5)),
            "monitoring_hourly": 60,
            "retrain_every_days": draw(st.sampled_from([0, 90])),
            "retrain_cost": 100,
        },
        **variants,
    }


def accounts(table):
    """The account of a table in exact numbers, in floats, and in a derivation."""
    settings_ = read_roi(table)
    quantities = collect_quantities(settings_, ["prompted", "tuned"], {}, None, today=TODAY)
    values = {key: q.value for key, q in quantities.items() if q.value is not None}
    floats = {key: np.array([float(value)]) for key, value in values.items()}
    conditions = conditions_of(settings_, "prompted", "tuned")
    return Account(values, conditions), Account(floats, conditions, "drawn"), Account(values, conditions, "traced")


@given(tables())
@settings(max_examples=40, deadline=None)
def test_the_parts_add_up_to_the_saving_per_request(table):
    pair = accounts(table)[0].pair
    total = sum(pair.value(f"parts.{key}") for key in ("guide", "model", "failures"))
    assert total == pytest.approx(pair.value("saving_per_request"), rel=Decimal("1e-20"), abs=Decimal("1e-24"))


@given(tables())
@settings(max_examples=40, deadline=None)
def test_swapping_the_options_negates_the_saving(table):
    pair = accounts(table)[0].pair
    back = Pair(pair.values, "back.", pair.after, pair.before, main=pair)
    assert pair.value("saving_per_request") == -back.value("saving_per_request")


@pytest.mark.slow
@given(tables())
@settings(max_examples=50, deadline=None)
def test_draws_point_figures_and_derivation_agree(table):
    exact, drawn, traced = (account.pair for account in accounts(table))
    found = simulated(drawn.values)
    for key in ("npv", "payback_days"):
        there = exact.value(key)
        near = None if there is None else pytest.approx(there, rel=Decimal("1e-18"), abs=Decimal("1e-18"))
        assert traced.value(key) == near
    assert found.npv[0] == pytest.approx(float(exact.value("npv")), rel=1e-9, abs=1e-6)
    days = float("inf") if exact.value("payback_days") is None else float(exact.value("payback_days"))
    # Floats cannot distinguish a saving of zero from never.
    near_nothing = abs(exact.value("saving_per_day")) < Decimal("1e-9")
    assert near_nothing or found.payback_days[0] == pytest.approx(days, rel=1e-6)


@given(tables(), st.integers(2, 9))
@settings(max_examples=50, deadline=None)
def test_more_requests_pay_back_no_later_if_a_request_saves(table, times):
    one = accounts(table)[0]
    more = one.changed({"requests_per_day": one.inputs["requests_per_day"] * times})
    (npv, days), (more_npv, more_days) = (
        [each.pair.value(key) for key in ("npv", "payback_days")] for each in (one, more)
    )
    if one.pair.value("saving_per_request") > 0:
        assert more_npv >= npv
        assert days is None or more_days <= days
    else:
        assert more_npv <= npv


KEYS = ("npv", "payback_days", "break_even_requests_per_day", "break_even_failure_cost", "saving_share")


@given(tables(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_input_equals_a_new_account(table, data):
    account = accounts(table)[0]
    for key in KEYS:
        account.pair.value(key)
    key = data.draw(st.sampled_from(sorted(account.inputs)))
    other = {key: account.inputs[key] * 2 + Decimal("0.25") if key != "tries" else Decimal(3)}
    kept, anew = account.changed(other), Account({**account.inputs, **other}, account.conditions)
    assert [kept.pair.value(key) for key in KEYS] == [anew.pair.value(key) for key in KEYS]


@pytest.mark.parametrize("volume", [0, 5])
@pytest.mark.parametrize("price", [0, 5])
def test_draws_are_defined_without_acceptable_outputs_or_requests(volume, price):
    option = {"price_input": price, "price_output": price, "fixed_tokens": 1, "input_tokens": 1, "output_tokens": 1}
    table = {"requests_per_day": volume, "failures": "drop", "investment": {"compute": 10}}
    for prompted, tuned in ((0, 0), (0, 1), (1, 0)):
        found = money(
            {**table, "prompted": {**option, "acceptance": prompted}, "tuned": {**option, "acceptance": tuned}}
        )
        assert found["variants"]["prompted"]["effective_cost_per_request"] == (
            None if prompted == 0 else 3 * price / 1e6
        )
        assert found["payback_days"] is None
        assert found["probability_of_payback_in_target"] in (0, 1)


def test_draws_and_point_figures_agree_on_machines():
    hosted = {"hourly": 2, "requests_per_second": Decimal("0.01"), "acceptance": Decimal("0.9"), "peak_factor": 2}
    counts = {"fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150}
    exact, drawn, _ = accounts({"requests_per_day": 5000, "prompted": {**PRICES, **counts}, "tuned": hosted})
    # 5,000 x 2 / 86,400 / 0.01 = 11.6
    assert exact.way("tuned").value("machine_cost_per_day") == 24 * 2 * 12
    assert simulated(drawn).npv[0] == pytest.approx(float(exact.pair.value("npv")), rel=1e-9)


def measured(seed=0, n=60, **changes):
    rng = np.random.default_rng(seed)
    base = MeasuredVariant(600.0, rng.integers(80, 120, n) * 1.0, rng.integers(20, 60, n) * 1.0, rng.random(n) < 0.4)
    tuned = MeasuredVariant(20.0, base.input_tokens, rng.integers(20, 40, n) * 1.0, rng.random(n) < 0.9)
    return {"prompted": replace(base, **changes), "tuned": tuned}


@pytest.mark.parametrize(("fixed", "content"), [(60, -60), (80, -80), (600, 0), (0, 0)])
def test_stated_fixed_tokens_are_not_counted_twice(fixed, content):
    calls = measured(fixed_tokens=None)  # 80 to 119 tokens a call, from a provider who does not tell them apart
    mean = float(np.mean(calls["prompted"].input_tokens))
    assert calls["prompted"].input_tokens.min() == 80
    found = money({"prompted": {**PRICES, "fixed_tokens": fixed}, "tuned": PRICES}, measured=calls)
    lines = {line["key"]: line for line in found["assumptions"]}
    assert lines["prompted.fixed_tokens"]["value"] == fixed
    assert lines["prompted.input_tokens"]["value"] == pytest.approx(mean + content)
    assert ("minus the stated" in lines["prompted.input_tokens"]["detail"]) == (content < 0)


def test_measured_values_need_not_be_stated():
    run = measured()
    spending = {"investment": {"compute": 0}, "running": {"per_month": 0}}
    found = money({"requests_per_day": 1000, "prompted": PRICES, "tuned": PRICES} | spending, measured=run)
    variant = found["variants"]["prompted"]
    assert variant["acceptance"] == pytest.approx(run["prompted"].acceptable.mean())
    assert variant["cost_per_request"] == pytest.approx(
        ((600 + run["prompted"].input_tokens.mean()) * 5 + run["prompted"].output_tokens.mean() * 20) / 1e6
    )
    assert next(e for e in found["assumptions"] if e["key"] == "tuned.acceptance")["source"] == "measured"
    assert found["missing"] == []


def test_stated_values_override_measured_ones_with_a_note():
    found = money(
        {"requests_per_day": 1000, "prompted": {**PRICES, "fixed_tokens": 50}, "tuned": PRICES}, measured=measured()
    )
    assert found["variants"]["prompted"]["fixed_tokens"] == 50
    entry = next(e for e in found["assumptions"] if e["key"] == "prompted.fixed_tokens")
    assert entry["source"] == "stated"
    assert "in place of what the run measured" in entry["detail"]


def test_unknown_tokens_are_unknown_and_partly_unknown_ones_are_skipped():
    table = {"requests_per_day": 1000, "prompted": PRICES, "tuned": PRICES}
    unknown = money(table, measured=measured(output_tokens=None))
    assert unknown["missing"][0] == "roi.prompted.output_tokens"
    some = measured()["prompted"].output_tokens.copy()
    some[:10] = np.nan
    found = money(table, measured=measured(output_tokens=some))
    assert found["variants"]["prompted"]["output_tokens"] == pytest.approx(np.nanmean(some))
    assert found["npv_p5"] < found["npv"] < found["npv_p95"]


@pytest.mark.slow
def test_items_are_resampled_in_pairs_and_by_group():
    volume = [1000, 1000, 1000]
    table = {"requests_per_day": volume, "failures": "repair", "failure_cost": 1, "prompted": PRICES, "tuned": PRICES}
    run = measured()
    same = {name: replace(v, acceptable=run["tuned"].acceptable) for name, v in run.items()}
    spread = {
        key: money(table, measured=r)["npv_p95"] - money(table, measured=r)["npv_p5"]
        for key, r in (("a", same), ("b", run))
    }
    assert spread["a"] < spread["b"] / 4  # one outcome for both cancels out; their priors and tokens still vary
    grouped = money(table, measured=run, groups=np.arange(60) // 20)
    assert grouped["npv_p5"] != money(table, measured=run)["npv_p5"]


def test_a_measured_cache_share_needs_no_minimum():
    table = {"requests_per_day": 10, "prompted": {**PRICES, "price_cached": 1}, "tuned": PRICES}
    found = money(table, measured=measured(cached_tokens=np.full(60, 300.0)))
    without = money(table, measured=measured())
    saved = without["variants"]["prompted"]["cost_per_request"] - found["variants"]["prompted"]["cost_per_request"]
    assert saved == pytest.approx(600 * 0.5 * 4 / 1e6)
