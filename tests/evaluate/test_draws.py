"""The draws of measured items cover the truth as often as they claim, also if everything is acceptable."""

from decimal import Decimal

import numpy as np
import pytest

from tuneworth.evaluate import share_interval
from tuneworth.evaluate.money import MeasuredVariant, Quantity, compute_money, draw_values, read_roi
from tuneworth.evaluate.money.simulate import MOST_BLOCKS

PRICES = {"price_input": 5, "price_output": 20}


def quantity(key, items):
    return Quantity(key, Decimal(repr(float(np.mean(items)))), "", "measured", items=np.asarray(items, dtype=float))


def drawn_difference(prompted, tuned, *, groups=None, draws=1500):
    named = {"prompted.acceptance": prompted, "tuned.acceptance": tuned}
    drawn = draw_values({k: quantity(k, v) for k, v in named.items()}, groups=groups, seed=0, draws=draws)
    return drawn["tuned.acceptance"] - drawn["prompted.acceptance"]


def outcomes(rng, n, prompted, tuned, together):
    """Paired outcomes; `together` is the share of items on which the same random number decides both."""
    shared = rng.random(n) < together
    chance = rng.random((2, n))
    chance[1] = np.where(shared, chance[0], chance[1])
    return chance[0] < prompted, chance[1] < tuned


def covered(n, prompted, tuned, together, *, worlds, size=1):
    rng, hits = np.random.default_rng(n), 0
    for _ in range(worlds):
        items = outcomes(rng, n // size, prompted, tuned, together)
        pair = [np.repeat(outcome, size) for outcome in items]
        groups = None if size == 1 else np.repeat(np.arange(n // size), size)
        low, high = np.quantile(drawn_difference(*pair, groups=groups, draws=600), [0.05, 0.95])
        hits += low - 1e-12 <= tuned - prompted <= high + 1e-12
    return hits / worlds


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 20, 80, 300])
@pytest.mark.parametrize(
    ("prompted", "tuned", "together"),
    [(0.7, 0.94, 0.3), (0.5, 0.5, 0.3), (0.9, 0.95, 0.3), (0.97, 0.99, 0), (0.7, 1, 0), (1, 1, 0), (0.05, 0.97, 0)],
)
def test_the_5_to_95_percent_range_of_the_difference_covers_the_truth(n, prompted, tuned, together):
    # The nominal value is 90%; 300 scenarios give it to 1.7 points, and eight items have few outcomes.
    assert covered(n, prompted, tuned, together, worlds=300) >= (0.82 if n == 8 else 0.84)


@pytest.mark.slow
@pytest.mark.parametrize("n", [80, 300])
def test_the_range_covers_the_truth_for_items_in_groups_of_ten(n):
    assert covered(n, 0.7, 0.94, 0.3, worlds=300, size=10) >= 0.82


def test_some_extreme_scenarios_are_covered_where_a_plain_bootstrap_covers_one_in_four():
    assert covered(20, 0.97, 0.99, 0, worlds=40) >= 0.9
    assert covered(8, 0.95, 0.97, 0, worlds=40) >= 0.9


def test_eight_of_eight_is_not_certain_and_three_hundred_nearly_is():
    few = draw_values({"a.acceptance": quantity("a.acceptance", np.ones(8))}, groups=None, seed=0, draws=4000)
    low = np.quantile(few["a.acceptance"], 0.05)
    assert low == pytest.approx(0.79, abs=0.02)  # the 5% point of Beta(8.5, 0.5)
    many = draw_values({"a.acceptance": quantity("a.acceptance", np.ones(300))}, groups=None, seed=0, draws=4000)
    assert np.quantile(many["a.acceptance"], 0.05) > 0.99


def test_all_acceptable_in_few_groups_counts_as_few_items():
    key, items, groups = "a.acceptance", np.ones(80), np.repeat(np.arange(8), 10)
    grouped = draw_values({key: quantity(key, items)}, groups=groups, seed=0, draws=4000)[key]
    worth = round(share_interval(items, groups).n_effective)
    alone = draw_values({key: quantity(key, np.ones(worth))}, groups=None, seed=0, draws=4000)[key]
    assert worth < 40
    assert np.quantile(grouped, [0.05, 0.5]) == pytest.approx(np.quantile(alone, [0.05, 0.5]), abs=0.02)


def test_the_spread_is_that_of_independent_items_and_the_middle_their_share():
    rng = np.random.default_rng(0)
    items = rng.random(400) < 0.8
    drawn = draw_values({"a.acceptance": quantity("a.acceptance", items)}, groups=None, seed=0, draws=4000)
    share = items.mean()
    assert drawn["a.acceptance"].mean() == pytest.approx(share, abs=0.002)
    assert drawn["a.acceptance"].std() == pytest.approx(np.sqrt(share * (1 - share) / 400), rel=0.06)


def test_very_many_items_are_merged_into_blocks_with_the_same_spread():
    rng = np.random.default_rng(0)
    items = rng.gamma(2, 50, MOST_BLOCKS * 4)
    drawn = draw_values({"a.output_tokens": quantity("a.output_tokens", items)}, groups=None, seed=0, draws=300)
    drawn = drawn["a.output_tokens"]
    assert drawn.mean() == pytest.approx(items.mean(), rel=1e-3)
    assert drawn.std() == pytest.approx(items.std() / np.sqrt(len(items)), rel=0.15)


def test_variants_with_different_items_are_rejected():
    named = {"a.acceptance": np.ones(3), "b.acceptance": np.ones(4)}
    with pytest.raises(ValueError, match="the same items in the same order"):
        draw_values({k: quantity(k, v) for k, v in named.items()}, groups=None, seed=0, draws=3)


def retried(repeats, *, tries=2, **table):
    tokens = np.full(len(repeats), 100.0)
    run = {
        name: MeasuredVariant(500.0, tokens, tokens, repeats.mean(axis=1), repeats=repeats)
        for name in ("prompted", "tuned")
    }
    priced = {"prompted": PRICES, "tuned": PRICES}
    settings = read_roi(
        {"requests_per_day": 10, "failures": "retry", "failure_cost": 1, "tries": tries, **priced, **table}
    )
    return compute_money(settings, baseline="prompted", candidate="tuned", measured=run, draws=200).to_json()


def test_retries_do_not_rescue_items_that_always_fail():
    stubborn = np.repeat([[1.0], [0.0]], 10, axis=0) @ np.ones((1, 4))  # half of the items always, half never
    found = retried(stubborn)
    one = (600 * 5 + 100 * 20) / 1e6
    variant = found["variants"]["prompted"]
    assert variant["cost_per_request"] == pytest.approx(one)
    # Independence would give 1.5 calls and a quarter failing, but every first failure fails again.
    assert variant["effective_cost_per_request"] == pytest.approx(1.5 * one + 0.5)
    source = {entry["key"]: entry for entry in found["assumptions"]}
    assert source["prompted.rescued"]["value"] == 0
    assert "from 4 outputs of each of 20 items" in source["prompted.rescued"]["detail"]
    assert found["npv_p5"] is not None


def test_measured_independent_failures_agree_with_the_formula():
    rng = np.random.default_rng(1)
    found = retried((rng.random((3000, 5)) < 0.6).astype(float), tries=3)
    variant = found["variants"]["prompted"]
    a, one = variant["acceptance"], variant["cost_per_request"]
    expected = one * (1 - (1 - a) ** 3) / a + (1 - a) ** 3
    assert variant["effective_cost_per_request"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("repeats", "tries", "part"),
    [(np.ones((4, 2)), 3, "2 outputs of each item for 3 tries"), (None, 2, "no repeated outputs")],
)
def test_without_enough_repeats_independence_is_assumed_and_reported(repeats, tries, part):
    tokens, accepted = np.full(4, 100.0), np.array([1.0, 0, 1, 1])
    run = {name: MeasuredVariant(500.0, tokens, tokens, accepted, repeats=repeats) for name in ("prompted", "tuned")}
    table = {"requests_per_day": 10, "failures": "retry", "failure_cost": 1, "tries": tries}
    settings = read_roi({**table, "prompted": PRICES, "tuned": PRICES})
    found = compute_money(settings, baseline="prompted", candidate="tuned", measured=run, draws=20).to_json()
    entry = next(entry for entry in found["assumptions"] if entry["key"] == "tuned.independent_tries")
    assert entry["source"] == "default"
    assert part in entry["detail"]
    assert "tuned.rescued" not in {entry["key"] for entry in found["assumptions"]}


def test_a_verdict_on_eight_pairs_is_not_certain():
    run = {
        "prompted": MeasuredVariant(500.0, np.full(8, 100.0), np.full(8, 100.0), np.array([1.0] * 4 + [0.0] * 4)),
        "tuned": MeasuredVariant(20.0, np.full(8, 100.0), np.full(8, 100.0), np.ones(8)),
    }
    table = {"requests_per_day": 1000, "failures": "repair", "failure_cost": 1, "investment": {"compute": 30_000}}
    settings = read_roi({**table, "prompted": PRICES, "tuned": PRICES})
    found = compute_money(settings, baseline="prompted", candidate="tuned", measured=run, draws=2000).to_json()
    assert 0.5 < found["probability_of_payback_in_target"] < 0.99
    assert found["payback_days_p95"] > 1.5 * found["payback_days"]
