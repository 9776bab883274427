"""Flip points: the verdict is different beyond each one and unchanged before it."""

import copy

import numpy as np
import pytest

from tuneworth.evaluate.money import account
from tuneworth.evaluate.money.simulate import Chance

from .situations import built, costs, decide, other, situation

EQUAL, BETTER = (960, 10, 10, 20), (134, 54, 6, 6)
REPAIR = {"failures": "repair", "failure_cost": 0.01}
HOSTED = {"hourly": 0.5, "fixed_tokens": 0, "input_tokens": 150, "output_tokens": 150, "requests_per_second": 5}
CACHED = {**other(), "fixed_tokens": 3000, "price_cached": 0.5}

CASES = {
    "pays": (EQUAL, costs()),
    "too few requests": (EQUAL, costs(20)),
    "better and dearer, a failure costs nothing": (BETTER, costs(tuned=12)),
    "better and dearer, failures repaired": (BETTER, costs(tuned=12, **REPAIR)),
    "failures dropped": (BETTER, costs(tuned=7, failures="drop")),
    "failures tried again": (BETTER, costs(tuned=7, failures="retry", tries=2, failure_cost=0.01)),
    "in between": (EQUAL, costs(target_payback_days=17)),
    "ranges": (EQUAL, costs([500, 2000, 6000], investment=[100, 200, 500], horizon_days=[200, 365, 400])),
    "a batch": (EQUAL, costs(None, requests_total=50_000)),
    "a ramp and a discount": (EQUAL, costs(ramp_days=60, discount_rate=0.1)),
    "retraining": (EQUAL, costs(running={"retrain_every_days": 200, "retrain_cost": 150})),
    "a machine of one's own": (EQUAL, costs(3000) | {"tuned": HOSTED}),
    "a cached guide that does for less": (EQUAL, costs(tuned=6.8) | {"prompted": CACHED}),
    "a cached guide that does not": (EQUAL, costs(tuned=4) | {"prompted": CACHED}),
    "nothing to invest": (EQUAL, costs(investment=0)),
}  # fmt: skip


def moved(table, key, value, start):
    """The [roi] table with one input changed; a range moves with its middle."""
    table = copy.deepcopy(table)
    *path, last = key.split(".")
    place = table
    for part in path:
        place = place.setdefault(part, {})
    old = place.get(last, start)
    # For token prices, a range keeps its shape.
    place[last] = [end * value / old[1] for end in old] if isinstance(old, list) else value
    if key == "failure_cost" and table.get("failures", "ignore") == "ignore":
        table["failures"] = "repair"
    return table


QUICK = ("a batch",)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow(15)) for name in CASES]
)
def test_the_verdict_changes_beyond_each_flip_point_and_not_before(name, monkeypatch):
    cells, table = CASES[name]
    found = decide(situation(cells, roi=table), margin=0.03)
    stated = [flip for flip in found["flips"] if not flip["key"].endswith(("acceptance", "cached_share"))]
    assert stated
    stated = stated[list(CASES).index(name) % 2 :: 2] or stated  # most inputs have a flip point in several cases
    monkeypatch.setattr(account, "solve_flips", lambda *_, **__: [])  # a verdict needs none, and they take longest
    for flip in stated:
        out = 1.01 if flip["to"] > (flip["from"] or 0) else 0.99
        decisions = [
            decide(situation(cells, roi=moved(table, flip["key"], flip["to"] * step, flip["from"])), margin=0.03)[
                "decision"
            ]
            for step in (2 - out, out)
        ]
        assert decisions[1] == flip["decision"] != decisions[0], flip
        assert flip["decision"] != found["decision"]


def test_the_inputs_that_a_person_sets_have_flip_points():
    keys = {flip["key"] for flip in decide(situation(BETTER, roi=costs(**REPAIR)), margin=0.03)["flips"]}
    assert {"requests_per_day", "tuned.price_output", "investment.compute", "tuned.acceptance"} <= keys
    keys = {flip["key"] for flip in decide(situation(BETTER, roi=costs(tuned=12)), margin=0.03)["flips"]}
    assert "failure_cost" in keys


@pytest.mark.slow
def test_the_failure_cost_in_a_verdict_makes_it_fine_tune():
    results = situation(BETTER, roi=costs(tuned=12))
    least = results["money"]["carrying_failure_cost"]
    for factor in (1.01, 0.9):
        stated = costs(tuned=12, failures="repair", failure_cost=least * factor)
        assert (decide(situation(BETTER, roi=stated), margin=0.03)["decision"] == "fine-tune") == (factor > 1)


def test_a_lower_share_flips_the_verdict_where_non_inferiority_ends():
    results = situation((170, 20, 6, 4), roi=costs())
    share, low = results["quality"]["tuned"]["acceptable"]["share"], results["comparison"]["low_one_sided"]
    flips = [flip for flip in decide(results, margin=0.03)["flips"] if flip["key"] == "tuned.acceptance"]
    assert flips[0]["to"] == pytest.approx(share - low - 0.03)
    assert flips[0]["decision"] == "cannot tell yet"


def test_a_share_stated_for_the_money_does_not_change_the_comparison():
    table = costs(tuned=12, **REPAIR)
    table["tuned"]["acceptance"] = 0.99
    flips = decide(situation(BETTER, roi=table), margin=0.03)["flips"]
    assert {flip["decision"] for flip in flips} <= {"fine-tune", "keep prompting", "cannot tell yet"}


def test_the_same_results_give_the_same_flips():
    rng = np.random.default_rng(0)
    outcomes = {"prompted": (rng.random(100) < 0.7) * 1.0, "tuned": (rng.random(100) < 0.95) * 1.0}
    first, second = (decide(built(outcomes, roi=costs(**REPAIR)), margin=0.03)["flips"] for _ in range(2))
    assert first == second != []


@pytest.mark.parametrize(
    ("in_time", "gain", "clear"),
    [(0.95, 1, True), (0.65, 1, True), (0.85, 1, False), (0.55, 1, False), (0.95, 0.55, False)],
)
def test_a_few_draws_tell_a_chance_only_far_from_every_limit(in_time, gain, clear):
    assert Chance(in_time, gain, 1.0).clear is clear
