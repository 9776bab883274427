"""The formulas against published numbers, a day-by-day account, and properties that always hold."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.evaluate.money import Account
from tuneworth.evaluate.money.figures import Conditions
from tuneworth.evaluate.money.request import replicas

P_IN, P_OUT = Decimal("5.714285714"), Decimal("22.857142857")
BASE = {
    "input_tokens": Decimal(150), "output_tokens": Decimal(150), "price_input": P_IN, "price_cached": P_IN / 4,
    "price_output": P_OUT,
}  # fmt: skip
GUIDED = {**BASE, "fixed_tokens": Decimal(500), "acceptance": Decimal("0.70")}
TUNED = {**BASE, "fixed_tokens": Decimal(0), "acceptance": Decimal("0.94")}
sums = st.integers(1, 5000).map(Decimal)


def account(prompted=None, tuned=None, *, failures="ignore", hosted=(), given=None, **inputs):
    """An account of these numbers; `given` are figures that are not computed."""
    options = {"prompted": prompted or {}, "tuned": tuned or {}}
    inputs = {"tries": Decimal(1)} | {key: Decimal(value) for key, value in inputs.items()}
    inputs |= {f"{name}.{key}": value for name, option in options.items() for key, value in option.items()}
    conditions = Conditions("prompted", "tuned", failures=failures, hosted=frozenset(hosted))
    return Account(inputs, conditions, given=given)


def of_request(option, key="cost_per_request", **conditions):
    return account(option, **conditions).way("prompted").value(key)


def cost_per_request(option):
    return of_request(option)


def effective_cost(cost, acceptance, *, failures, failure_cost, tries=1, **more):
    """The cost of a request with its failures, from the cost of one call."""
    option = more if acceptance is None else {"acceptance": acceptance, **more}
    plan = {"tries": tries} | ({} if failure_cost is None else {"failure_cost": failure_cost})
    given = {"variants.prompted.cost_per_request": cost}
    return of_request(option, "effective_cost_per_request", failures=failures, given=given, **plan)


def compared(key, investment, gross, running, *, ramp_days=0, horizon_days=0, discount_rate=0):
    """A figure of the pair from I, N d and M."""
    given = {
        "investment": investment, "gross": gross, "running_cost_per_day": running, "saving_per_day": gross - running,
        "counted_days": Decimal(horizon_days),
    }  # fmt: skip
    return account(given=given, ramp_days=ramp_days, discount_rate=discount_rate).pair.value(key)


def payback_days(investment, gross, running, ramp_days=0):
    return compared("payback_days", investment, gross, running, ramp_days=ramp_days)


def net_present_value(investment, gross, running, *, horizon_days, discount_rate=0, ramp_days=0):
    plan = {"horizon_days": horizon_days, "discount_rate": discount_rate, "ramp_days": ramp_days}
    return compared("npv", investment, gross, running, **plan)


def break_even_volume(investment, running, saved, horizon, ramp_days=0):
    given = {
        "investment": investment, "running_cost_per_day": running, "saving_per_request": saved,
        "counted_days": horizon,
    }  # fmt: skip
    return account(given=given, ramp_days=ramp_days).pair.value("break_even_requests_per_day")


def break_even_failure_cost(spend, failing, running_per_request):
    """The failure cost at break-even, from the cost of the calls and the failing shares of (baseline, candidate)."""
    options = [{"acceptance": 1 - share} for share in failing]
    given = {f"variants.{n}.cost_per_request": cost for n, cost in zip(("prompted", "tuned"), spend, strict=True)}
    given["running_cost_per_day"] = 10 * running_per_request
    return account(*options, given=given, requests_per_day=10).pair.value("break_even_failure_cost")


def break_even_fixed_tokens(option, spend):
    given = {f"variants.{n}.effective_cost_per_request": c for n, c in zip(("prompted", "tuned"), spend, strict=True)}
    return account(option, given=given).pair.value("break_even_fixed_tokens")


def test_the_cost_of_a_request_equals_the_example():
    assert cost_per_request(GUIDED) == pytest.approx(Decimal("0.0071429"), abs=Decimal("5e-8"))
    assert cost_per_request(TUNED) == pytest.approx(Decimal("0.0042857"), abs=Decimal("5e-8"))


@pytest.mark.parametrize(
    ("p_in", "requests"), [("0.15", 190476), ("1", 28571), ("2.5", 11429), ("5", 5714), ("10", 2857), ("15", 1905)]
)
def test_the_volume_at_which_the_example_pays_back_in_two_weeks(p_in, requests):
    p_in = Decimal(p_in)
    tokens = {**BASE, "price_input": p_in, "price_cached": p_in, "price_output": 4 * p_in}
    options = [{**tokens, "fixed_tokens": Decimal(g)} for g in (500, 0)]
    saved = cost_per_request(options[0]) - cost_per_request(options[1])
    assert round(Decimal(200) / 14 / saved) == requests
    assert payback_days(Decimal(200), requests * saved, Decimal(0)) == pytest.approx(Decimal(14), abs=Decimal("0.01"))


def test_a_cached_guide_takes_most_of_the_saving():
    cached = cost_per_request({**GUIDED, "cached_share": Decimal(1)})
    share = 1 - cost_per_request(TUNED) / cached
    assert round(share, 4) == Decimal("0.1429")
    saved = 5000 * (cached - cost_per_request(TUNED))
    assert round(payback_days(Decimal(200), saved, Decimal(0))) == 56


def test_a_more_expensive_hosted_model_uses_up_the_saving():
    hosted = {**TUNED, "price_input": 2 * P_IN, "price_output": 2 * P_OUT}
    assert round(1 - cost_per_request(hosted) / cost_per_request(GUIDED), 6) == Decimal("-0.2")
    even = {**GUIDED, "fixed_tokens": Decimal(750)}  # g = (m - 1)(u + ratio o)
    assert cost_per_request(even) == pytest.approx(cost_per_request(hosted), rel=Decimal("1e-9"))


def test_cache_writes_apply_to_misses_and_only_if_more_expensive():
    prices = {"price_input": 3, "price_cached": Decimal("0.3"), "price_output": 15}
    base = {"fixed_tokens": 1000, "input_tokens": 0, "output_tokens": 0} | prices
    for write, share, cost in (("3.75", "0.9", "0.000645"), (1, "0.9", "0.00057"), ("3.75", 0, "0.003")):
        option = base | {"price_cache_write": write, "cached_share": share}
        assert cost_per_request({k: Decimal(v) for k, v in option.items()}) == Decimal(cost)


def test_repaired_failures_give_the_published_saving():
    costs = [
        effective_cost(cost_per_request(o), o["acceptance"], failures="repair", failure_cost=Decimal("0.10"))
        for o in (GUIDED, TUNED)
    ]
    saved = 5000 * (costs[0] - costs[1])
    assert round(saved, 2) == Decimal("134.29")
    assert round(payback_days(Decimal(200), saved, Decimal(0)), 2) == Decimal("1.49")


def test_above_the_published_failure_cost_fewer_failures_outweigh_fewer_tokens():
    tokens = cost_per_request(GUIDED) - cost_per_request(TUNED)
    assert Decimal("0.24") * Decimal("0.0119") < tokens * Decimal("1.001")
    assert round(tokens / Decimal("0.24"), 4) == Decimal("0.0119")


def test_dropped_failures_give_the_published_cost_per_acceptable_output():
    costs = [
        effective_cost(cost_per_request(o), o["acceptance"], failures="drop", failure_cost=None)
        for o in (GUIDED, TUNED)
    ]
    assert [round(cost, 7) for cost in costs] == [Decimal("0.0102041"), Decimal("0.0045593")]
    assert round(1 - costs[1] / costs[0], 3) == Decimal("0.553")


@pytest.mark.parametrize(
    ("acceptance", "tries", "calls"), [("0.5", 2, "1.5"), ("1", 5, "1"), ("0", 4, "4"), ("0.9", 1, "1")]
)
def test_expected_calls(acceptance, tries, calls):
    option = {"acceptance": Decimal(acceptance)}
    assert of_request(option, "calls", failures="retry", tries=tries) == Decimal(calls)


@given(st.integers(1, 99).map(lambda k: Decimal(k) / 100), st.integers(1, 6))
def test_expected_calls_agree_with_the_sum_over_tries(acceptance, tries):
    # The k-th call is made when the k - 1 before it failed.
    calls = of_request({"acceptance": acceptance}, "calls", failures="retry", tries=tries)
    assert calls == pytest.approx(sum((1 - acceptance) ** k for k in range(tries)))


def test_retried_failures_cost_calls_and_remaining_failures():
    found = effective_cost(Decimal(1), Decimal("0.5"), failures="retry", failure_cost=Decimal(8), tries=2)
    assert found == Decimal("1.5") + Decimal("0.25") * 8


def test_nothing_acceptable_has_no_cost_per_acceptable_output():
    assert effective_cost(Decimal(1), Decimal(0), failures="drop", failure_cost=None) is None
    assert effective_cost(Decimal(1), None, failures="repair", failure_cost=Decimal(1)) is None
    assert effective_cost(Decimal(1), None, failures="ignore", failure_cost=None) == 1


def hosted(volume, hourly, **machine):
    option = {"hourly": Decimal(hourly), "min_replicas": Decimal(1), "peak_factor": Decimal(1)}
    option |= {"requests_per_second": Decimal(10), **{key: Decimal(value) for key, value in machine.items()}}
    plan = {} if volume is None else {"requests_per_day": volume}
    return of_request(option, "machine_cost_per_day", hosted=["prompted"], **plan)


@pytest.mark.parametrize(
    ("volume", "number"), [(None, 2), (1000, 2), (172800 * 10, 2), (172800 * 10 + 1, 3), (86400 * 100, 10)]
)
def test_machines_are_whole_and_always_on(volume, number):
    assert hosted(volume, "0.5", min_replicas=2) == 24 * Decimal("0.5") * number


def test_a_peak_needs_more_machines():
    assert hosted(86400 * 10, 1, peak_factor=3) == 24 * 3
    assert replicas(*map(Decimal, (86400 * 10, 2, 10, 1, 3))) == 6


@pytest.mark.parametrize(("gross", "running"), [(0, 0), (5, 5), (5, 9), (-1, 0)])
def test_without_a_saving_nothing_pays_back(gross, running):
    assert payback_days(Decimal(100), Decimal(gross), Decimal(running)) is None


def test_without_an_investment_the_payback_is_immediate():
    assert payback_days(Decimal(0), Decimal(5), Decimal(1), Decimal(30)) == 0


def test_the_closed_forms_of_a_ramp():
    assert payback_days(Decimal(200), Decimal(20), Decimal(0), Decimal(5)) == Decimal(200) / 20 + Decimal(5) / 2
    assert payback_days(Decimal(200), Decimal(20), Decimal(0), Decimal(100)) == pytest.approx(
        (2 * Decimal(100) * 200 / 20).sqrt()
    )
    assert (
        payback_days(Decimal(200), Decimal(20), Decimal(4), Decimal(10)) == (Decimal(200) + Decimal(20) * 10 / 2) / 16
    )


@given(sums, st.integers(1, 400).map(Decimal), st.integers(0, 300).map(Decimal), st.integers(0, 200).map(Decimal))
def test_a_ramp_agrees_with_counting_in_small_steps(investment, gross, running, ramp):
    found = payback_days(investment, gross, running, ramp)
    if gross <= running:
        assert found is None
        return

    def balance(t):
        volume = t * t / (2 * ramp) if t < ramp else t - ramp / 2
        return gross * volume - running * t

    assert balance(found) == pytest.approx(investment, rel=Decimal("1e-15"))
    assert all(balance(found * k / 50) < investment for k in range(50))


@given(sums, st.integers(1, 400).map(Decimal), st.integers(0, 300).map(Decimal), st.integers(0, 200).map(Decimal))
def test_the_value_at_the_payback_is_zero(investment, gross, running, ramp):
    days = payback_days(investment, gross, running, ramp)
    if days is not None:
        value = net_present_value(investment, gross, running, horizon_days=days, ramp_days=ramp)
        assert value == pytest.approx(Decimal(0), abs=Decimal("1e-15"))


def test_the_value_of_a_year_is_the_sum_of_its_discounted_months():
    found = net_present_value(
        Decimal(200), Decimal(10), Decimal(2), horizon_days=Decimal("365.25"), discount_rate=Decimal("0.1")
    )
    expected = -200 + sum(30.4375 * 8 / 1.1 ** (m / 12) for m in range(1, 13))
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_a_partial_last_month_counts_pro_rata():
    found = net_present_value(
        Decimal(0), Decimal(10), Decimal(0), horizon_days=Decimal(45), discount_rate=Decimal("0.1")
    )
    assert float(found) == pytest.approx(304.375 / 1.1 ** (1 / 12) + 145.625 / 1.1 ** (2 / 12), rel=1e-12)


def test_the_ramp_is_in_the_value():
    assert (
        net_present_value(Decimal(0), Decimal(10), Decimal(1), horizon_days=Decimal(100), ramp_days=Decimal(40))
        == 10 * Decimal(80) - 100
    )


def test_without_a_horizon_the_value_is_minus_the_investment():
    assert net_present_value(Decimal(200), Decimal(10), Decimal(0), horizon_days=Decimal(0)) == -200


@given(
    sums,
    st.integers(0, 50).map(Decimal),
    st.integers(1, 999).map(lambda k: Decimal(k) / 1000),
    st.integers(1, 900).map(Decimal),
)
@settings(max_examples=50)
def test_at_the_break_even_volume_the_value_is_zero(investment, running, saved, horizon):
    volume = break_even_volume(investment, running, saved, horizon)
    assert net_present_value(investment, volume * saved, running, horizon_days=horizon) == pytest.approx(
        Decimal(0), abs=Decimal("1e-15")
    )


@pytest.mark.parametrize(("saved", "horizon"), [(0, 365), (-1, 365), (1, 0)])
def test_no_volume_breaks_even_without_a_saving_or_a_horizon(saved, horizon):
    assert break_even_volume(Decimal(200), Decimal(0), Decimal(saved), Decimal(horizon)) is None


def test_at_the_break_even_failure_cost_both_cost_the_same():
    least = break_even_failure_cost(
        (Decimal("0.004"), Decimal("0.007")), (Decimal("0.3"), Decimal("0.06")), Decimal("0.001")
    )
    assert Decimal("0.004") + Decimal("0.3") * least == pytest.approx(
        Decimal("0.007") + Decimal("0.06") * least + Decimal("0.001")
    )


@pytest.mark.parametrize(
    ("spend", "failing"), [((4, 3), ("0.3", "0.1")), ((3, 4), ("0.1", "0.3")), ((3, 4), ("0.1", "0.1"))]
)
def test_only_a_better_but_more_expensive_model_has_a_break_even_failure_cost(spend, failing):
    pair = tuple(Decimal(s) for s in spend), tuple(Decimal(f) for f in failing)
    assert break_even_failure_cost(*pair, Decimal(0)) is None


def test_more_examples_computed_by_hand():
    # 2,000 fixed tokens of which 3/4 are cached, at 3 / 0.3 / 3.75 / 15 per million, 400 in, 100 out:
    # 500 x 3.75 + 1,500 x 0.3 + 400 x 3 + 100 x 15 = 1,875 + 450 + 1,200 + 1,500 = 5,025
    option = {
        "fixed_tokens": 2000, "input_tokens": 400, "output_tokens": 100, "price_input": 3, "price_cached": "0.3",
        "price_cache_write": "3.75", "price_output": 15, "cached_share": "0.75", "acceptance": "0.8",
    }  # fmt: skip
    option = {key: Decimal(value) for key, value in option.items()}
    assert cost_per_request(option) == Decimal("0.005025")
    costs = {
        "ignore": "0.005025",
        "drop": "0.00628125",  # / 0.8
        "repair": "0.105025",  # + 0.2 x 0.5
        "retry": "0.0102310",  # x (1 + 0.2 + 0.04) + 0.008 x 0.5
    }
    for failures, cost in costs.items():
        found = of_request(option, "effective_cost_per_request", failures=failures, failure_cost="0.5", tries=3)
        assert found == Decimal(cost), failures


def test_repeated_outputs_replace_the_assumption_of_independence():
    seen = {"acceptance": Decimal("0.8"), "extra_calls": Decimal("1.5"), "rescued": Decimal("0.25")}
    assert of_request(seen, "calls", failures="retry", tries=3) == Decimal("1.3")  # 1 + 0.2 x 1.5
    assert of_request(seen, "still_failing", failures="retry", tries=3) == Decimal("0.15")  # 0.2 x 0.75
    costs = {"retry": Decimal("1.6"), "repair": Decimal("1.4")}
    for failures, cost in costs.items():
        good, *more = seen.items()
        assert effective_cost(Decimal(1), good[1], failures=failures, failure_cost=2, tries=3, **dict(more)) == cost
    assert of_request(seen, "calls", failures="repair", tries=3) == 1


def test_a_ramp_raises_the_volume_that_breaks_even():
    # 100 days, the first 40 of them growing: 80 days at full volume. (300 + 1 x 100) / (0.05 x 80) = 100
    volume = break_even_volume(Decimal(300), Decimal(1), Decimal("0.05"), Decimal(100), Decimal(40))
    assert volume == 100
    value = net_present_value(
        Decimal(300), volume * Decimal("0.05"), Decimal(1), horizon_days=Decimal(100), ramp_days=Decimal(40)
    )
    assert value == 0


@pytest.mark.parametrize(("dearer", "even"), [(2, 750), (3, 1500), (1, 0)])
def test_the_guide_length_at_which_a_more_expensive_tuned_model_pays(dearer, even):
    tuned = cost_per_request({**TUNED, "price_input": dearer * P_IN, "price_output": dearer * P_OUT})
    found = break_even_fixed_tokens(GUIDED, (cost_per_request(GUIDED), tuned))
    assert float(found) == pytest.approx(even, abs=1e-6)


def test_no_guide_breaks_even_if_tokens_are_free_or_the_tuned_model_is_always_cheaper():
    free = {**GUIDED, "price_input": Decimal(0), "price_output": Decimal(0), "price_cached": Decimal(0)}
    assert break_even_fixed_tokens(free, (Decimal(0), Decimal(1))) is None
    assert break_even_fixed_tokens(GUIDED, (cost_per_request(GUIDED), Decimal(0))) is None
