"""What the draws say about tuning against each rival: the same as if that rival were the baseline."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from tuneworth.evaluate.money import MeasuredVariant, compute_money, read_roi

TODAY = date(2026, 11, 25)
KEYS = ("probability_of_payback_in_target", "probability_npv_positive", "npv_p5", "npv_p50", "npv_p95",
        "payback_days_p5", "payback_days_p50", "payback_days_p95")  # fmt: skip
NAMES = ("nearest", "prompted + repair", "small, else prompted", "template")
PRICED = {"price_input": Decimal(1), "price_output": Decimal(4)}


def variant(seed, fixed, share, *, n=60, **more):
    chance = np.random.default_rng(seed)
    tokens = chance.integers(50, 200, n).astype(float), chance.integers(20, 90, n).astype(float)
    return MeasuredVariant(fixed, *tokens, (chance.random(n) < share).astype(float), model="m", **more)


def runs(rivals=4, share=0.9):
    found = {"prompted": variant(0, 900.0, 0.85), "tuned": variant(1, 10.0, 0.9, tuned=True)}
    names = [*NAMES, *(f"way {i}" for i in range(4, rivals))][:rivals]
    return found | {name: variant(2 + i, 200.0 + 90 * i, share) for i, name in enumerate(names)}


def money(*, baseline="prompted", measured=None, draws=400, **changes):
    table = {
        "requests_per_day": 20_000, "failures": "repair", "failure_cost": Decimal("0.002"),
        "investment": {"compute": 100, "engineering_hours": [2, 4, 9], "engineering_hourly": 60},
        "running": {"monitoring_hours_per_month": 0}, "prompted": PRICED, "tuned": PRICED, **changes,
    }  # fmt: skip
    return compute_money(
        read_roi(table, on=TODAY), baseline=baseline, candidate="tuned", measured=measured or runs(),
        groups=np.arange(60) // 2, draws=draws, today=TODAY,
    ).to_json()  # fmt: skip


def rivals(found):
    return {row["name"]: row["tuning"] for row in found["alternatives"] if row["key"] == "variant"}


RAMPED = {"ramp_days": 40, "discount_rate": Decimal("0.1")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"), [("nearest", {}), ("template", RAMPED), ("template", {"failures": "drop"})]
)
def test_the_draws_against_a_rival_are_those_of_the_rival_as_the_baseline(name, changes):
    here, there = rivals(money(**changes))[name], money(baseline=name, **changes)
    for key in (*KEYS, "npv", "payback_days", "saving_per_request"):
        assert here[key] == (None if there[key] is None else pytest.approx(there[key], rel=1e-9)), key


@pytest.mark.slow
def test_a_batch_has_a_probability_of_a_gain_and_no_days():
    table = {"requests_total": 10**6, "requests_per_day": None}
    del table["requests_per_day"]
    found = compute_money(
        read_roi({**table, "prompted": PRICED, "tuned": PRICED, "investment": {"compute": 5}}, on=TODAY),
        baseline="prompted", candidate="tuned", measured=runs(), draws=300, today=TODAY,
    ).to_json()  # fmt: skip
    row = rivals(found)["nearest"]
    assert row["probability_npv_positive"] is not None
    assert [row[key] for key in KEYS if "payback" in key] == [None] * 4


@pytest.mark.slow
def test_an_alternative_with_unknown_outputs_has_no_draws_and_a_cached_guide_has_them():
    found = money(prompted={**PRICED, "price_cached": Decimal("0.1"), "min_cached_tokens": 0})
    rows = {row["key"]: row["tuning"] for row in found["alternatives"]}
    assert rows["short_guide"]["npv_p50"] is None
    assert rows["cached_guide"]["npv_p5"] < rows["cached_guide"]["npv"] < rows["cached_guide"]["npv_p95"]


@pytest.mark.slow
def test_every_alternative_says_what_an_acceptable_output_costs():
    for row in money()["alternatives"]:
        assert row["cost_per_acceptable_output"] == pytest.approx(row["cost_per_request"] / row["acceptance"])


@pytest.mark.slow
def test_beyond_each_flip_every_rival_has_its_draws():
    found, seen = money(), set()
    for flip in found["flips"]:
        rows = {row["name"]: row["tuning"] for row in flip["beyond"]["alternatives"]}
        assert set(NAMES) <= set(rows)
        if flip["key"] != "tuned.price_input" or flip["to"] < flip["from"]:
            continue
        seen.add(flip["key"])
        past = Decimal(repr(flip["to"] * 1.01))
        moved = rivals(money(tuned={**PRICED, "price_input": past}))
        for name in NAMES:
            for key in KEYS:
                assert rows[name][key] == (
                    None if moved[name][key] is None else pytest.approx(moved[name][key], rel=1e-6)
                )
    assert seen


@pytest.mark.slow
def test_a_flip_is_where_the_weakest_case_against_any_rival_changes():
    """The candidate beats the baseline at any price of its own that is near; against the rivals it stops paying earlier."""
    alone = money(measured={name: run for name, run in runs().items() if name in ("prompted", "tuned")})
    found = money()

    def highest(each, at_least):
        return [flip["to"] for flip in each["flips"] if flip["key"] == "tuned.price_input" and flip["to"] > at_least]

    assert min(highest(found, 1)) < min(highest(alone, 1))


@pytest.mark.slow
def test_a_rival_that_is_surely_worse_changes_no_answer():
    bad = runs(share=0.2)
    alone = money(measured={name: run for name, run in bad.items() if name in ("prompted", "tuned")}, failures="ignore")
    found = money(measured=bad, failures="ignore")
    here, there = ([f["to"] for f in each["flips"] if not f["key"].endswith("acceptance")] for each in (found, alone))
    assert here == pytest.approx(there)


@pytest.mark.slow
def test_the_lowest_failure_cost_at_which_it_pays_is_that_of_the_dearest_case():
    dear = {"price_input": Decimal(8), "price_output": Decimal(32)}
    better = runs(share=0.9) | {"tuned": variant(1, 10.0, 0.99, tuned=True), "prompted": variant(0, 900.0, 0.5)}
    only = {name: run for name, run in better.items() if name in ("prompted", "tuned")}
    alone, found = (money(measured=each, failures="ignore", failure_cost=0, tuned=dear) for each in (only, better))
    assert alone["carrying_failure_cost"] < found["carrying_failure_cost"]
