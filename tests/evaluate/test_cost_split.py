"""The change in cost, split exactly: parts that add up, a second computation over all orders, shared requests."""

import json
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate.history.cost import FACTORS, shapley

from ..shared import results_of
from .judged_sides import compared, line, outcomes, side

CALL = {
    "fixed_tokens": 20, "input_tokens": 80.0, "output_tokens": 20.0, "price_input": 1.0, "price_cached": None,
    "price_cache_write": None, "price_output": 4.0, "cached_share": None, "acceptance": 0.5, "wrong_facts": None,
    "extra_calls": None, "rescued": None, "requests_per_second": None, "cached_share_stated": False,
    "min_cached_tokens": None,
    "prices_like": None, "free": False, "metered": True, "self_hosted": False, "hourly": None, "min_replicas": None,
    "peak_factor": None, "sent": None, "second": None,
}  # fmt: skip
PLAN = {
    "currency": "EUR", "failures": "repair", "failure_cost": 0.1, "facts_failure_cost": None, "tries": 3,
    "requests_per_day": 1000, "requests_total": None, "ramp_days": 0, "horizon_days": 365, "days_to_retirement": None,
    "discount_rate": 0, "target_payback_days": 90, "investment": 100, "upkeep_per_day": 0,
}  # fmt: skip


def priced(name, good, *, call=None, plan=None, measured=None, variants=None):
    """A run with money: what its formulas say of the variant, and what it measured itself."""
    inputs = {
        **PLAN,
        **(plan or {}),
        "baseline": "tuned",
        "candidate": "tuned",
        "variants": variants or {"tuned": {**CALL, **(call or {})}},
    }
    results = {
        "money": {"currency": inputs["currency"], "formula_inputs": inputs},
        "quality": {"tuned": {"acceptable": {"share": CALL["acceptance"]}, "faithful": {"share": None}}},
        "tokens": {"tuned": {"fixed": 20, "input": CALL["input_tokens"], "output": CALL["output_tokens"]}},
        **(measured or {}),
    }
    return side(name, outcomes(good), results=results_of(results))


def cost(before, after):
    return compared(before, after)["cost"]


prices = st.floats(0.01, 20, allow_nan=False)
calls = st.fixed_dictionaries(
    {"input_tokens": st.floats(1, 4000), "output_tokens": st.floats(1, 900), "fixed_tokens": st.integers(0, 2000),
     "price_input": prices, "price_output": prices, "acceptance": st.floats(0.05, 1)}
)  # fmt: skip
plans = st.fixed_dictionaries({"failure_cost": st.floats(0, 2)})
modes = st.sampled_from(["repair", "retry", "drop", "ignore"])


@pytest.mark.slow
@given(calls, calls, plans, plans, modes)
def test_the_parts_add_up_to_the_change(first, second, plan, other, mode):
    found = cost(
        priced("A", [1, 0], call=first, plan={**plan, "failures": mode}),
        priced("B", [1, 0], call=second, plan={**other, "failures": mode}),
    )
    for split in (found["per_request"], found["per_usable_output"]):
        assert sum(split["parts"].values()) == pytest.approx(split["change"], rel=1e-12, abs=1e-15)
        assert split["change"] == pytest.approx(split["after"] - split["before"], rel=1e-9, abs=1e-12)


@pytest.mark.slow
@given(st.lists(st.fractions(-10, 10), min_size=8, max_size=8))
def test_the_parts_add_up_exactly_and_are_the_mean_over_all_orders(costs):
    factors = ("a", "b", "c")
    value = {
        frozenset(f for f, bit in zip(factors, f"{at:03b}", strict=True) if bit == "1"): one
        for at, one in enumerate(costs)
    }
    parts = shapley(value.__getitem__, factors)
    assert sum(parts.values()) == value[frozenset(factors)] - value[frozenset()]
    means = dict.fromkeys(factors, Fraction(0))
    for order in permutations(factors):
        for at, factor in enumerate(order):
            means[factor] += (value[frozenset(order[: at + 1])] - value[frozenset(order[:at])]) / 6
    assert parts == means


def request_cost(call):
    tokens = (call["fixed_tokens"] + call["input_tokens"]) * call["price_input"] + call["output_tokens"] * call[
        "price_output"
    ]
    return tokens / 1e6


def test_the_split_agrees_with_a_second_computation():
    """Cost with repair, by hand: tokens × prices + share of failures × the cost of a failure, over all orders."""
    first, second = (
        {**CALL, "input_tokens": 70.0},
        {**CALL, "input_tokens": 300.0, "price_input": 2.5, "acceptance": 0.9},
    )
    plan = {"failure_cost": 0.3}

    def total(changed):
        tokens, price, failing = (second if factor in changed else first for factor in FACTORS[:3])
        call = {**tokens, "price_input": price["price_input"], "price_output": price["price_output"]}
        failure = 0.3 if "prices" in changed else 0.1
        return request_cost(call) + (1 - failing["acceptance"]) * failure

    expected = dict.fromkeys(FACTORS[:3], 0.0)
    for order in permutations(expected):
        for at, factor in enumerate(order):
            expected[factor] += (total(order[: at + 1]) - total(order[:at])) / 6
    found = cost(priced("A", [1, 0], call=first), priced("B", [1, 0], call=second, plan=plan))["per_usable_output"]
    assert {name: found["parts"][name] for name in expected} == pytest.approx(expected)
    assert found["parts"]["volume"] == 0


@pytest.mark.slow
@given(calls, calls)
def test_the_other_order_turns_the_sign_of_every_part(first, second):
    runs = priced("A", [1, 0], call=first), priced("B", [1, 0], call=second)
    there, back = cost(*runs), cost(*reversed(runs))
    for figure in ("per_request", "per_usable_output"):
        assert there[figure]["parts"] == pytest.approx({name: -part for name, part in back[figure]["parts"].items()})


def test_what_a_run_measured_is_counted_on_the_shared_requests():
    before, after = priced("A", [1, 0, 0, 0]), priced("B", [1, 1, 0, 0])
    for name in ("r2", "r3"):  # a test set that shrank: these two are in the first run only
        del after.lines[name]
    after.lines["r0"][0]["output_tokens"] = 60
    found = cost(before, after)
    first, second = 100 * 1.0 + 20 * 4.0, 100 * 1.0 + 40 * 4.0
    assert found["per_request"]["before"] == pytest.approx(first / 1e6)
    assert found["per_request"]["after"] == pytest.approx(second / 1e6)
    assert found["per_usable_output"]["before"] == pytest.approx(first / 1e6 + 0.5 * 0.1)
    assert found["per_usable_output"]["after"] == pytest.approx(second / 1e6 + 0 * 0.1)


def test_a_variant_that_is_priced_only_after_repair_costs_the_same_tokens():
    measured = {
        "variants": {"tuned": {"way": "model", "of": []}, "tuned + repair": {"way": "repair", "of": ["tuned"]}},
        "quality": {"tuned": {"acceptable": {"share": 0.5}}, "tuned + repair": {"acceptable": {"share": 1.0}}},
    }
    plain = priced("A", [1, 0], measured=measured, variants={"tuned + repair": {**CALL, "acceptance": 1.0}})
    found = cost(plain, priced("B", [1, 1]))
    assert found["per_usable_output"]["before"] == pytest.approx(180e-6 + 0.5 * 0.1)
    assert found["per_usable_output"]["parts"]["failures"] == pytest.approx(-0.05)


def test_what_was_stated_stays():
    stated = {"output_tokens": 500.0, "acceptance": 0.9}
    found = cost(priced("A", [1, 0], call=stated), priced("B", [1, 0], call=stated))
    assert found["per_request"]["after"] == pytest.approx((100 + 500 * 4) / 1e6)
    assert found["per_usable_output"]["change"] == 0


def test_machines_are_shared_by_the_volume_which_is_a_factor_of_its_own():
    call = {
        "self_hosted": True,
        "metered": False,
        "hourly": 2.0,
        "min_replicas": 1,
        "peak_factor": 1,
        "requests_per_second": 10.0,
    }
    found = cost(priced("A", [1, 1], call=call), priced("B", [1, 1], call=call, plan={"requests_per_day": 2000}))
    split = found["per_usable_output"]
    assert split["figure"] == "cost_with_machines"
    assert split["parts"]["volume"] == pytest.approx(split["change"]) == pytest.approx(-48 / 1000 + 48 / 2000)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (priced("B", [1, 0], plan={"currency": "USD"}), "EUR and USD"),
        (side("B", outcomes([1, 0])), "no prices are stated for B"),
    ],
)
def test_why_costs_are_not_compared_is_said(after, words):
    found = cost(priced("A", [1, 0]), after)
    assert found["per_request"] is None
    assert words in found["why_not"]


def test_what_a_cascade_sends_on_counts_as_failures():
    first, second = ({"second": {**CALL, "price_input": 10.0}, "sent": sent} for sent in (0.1, 0.3))
    split = cost(priced("A", [1, 0], call=first), priced("B", [1, 0], call=second))["per_request"]
    assert (
        split["parts"]["failures"] == pytest.approx(split["change"]) == pytest.approx(0.2 * (100 * 10 + 20 * 4) / 1e6)
    )
    assert split["parts"]["tokens"] == split["parts"]["prices"] == 0


def test_failures_treated_differently_leave_the_cost_of_a_request():
    found = cost(priced("A", [1, 0]), priced("B", [1, 0], plan={"failures": "drop"}))
    assert found["per_usable_output"] is None
    assert found["per_request"]["change"] == 0
    assert "differently" in found["why_not"]


def test_ways_of_paying_that_do_not_mix_are_not_split():
    hosted = {
        "self_hosted": True,
        "metered": False,
        "hourly": 2.0,
        "min_replicas": 1,
        "peak_factor": 1,
        "price_input": None,
        "price_output": None,
    }
    found = cost(priced("A", [1, 0], call={"second": CALL, "sent": 0.2}), priced("B", [1, 0], call=hosted))
    assert found["per_request"]["parts"] is None
    json.dumps(found)


def test_tokens_are_counted_without_prices():
    before = side("A", outcomes([1, 1]))
    after = side("B", outcomes([1, 1]))
    after.lines["r1"][0] = line("r1", [], input_tokens=300)
    tokens = compared(before, after)["tokens"]
    assert tokens == {"before": {"input": 100, "output": 20}, "after": {"input": 200, "output": 20}}
