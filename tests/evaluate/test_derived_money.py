"""The money of variants that are made from others: their prices, a template that is free, and cascades."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.evaluate.money import MeasuredVariant, check_roi, compute_money, read_roi

from .test_derivation import check

TODAY = date(2026, 11, 25)
PRICED = {"price_input": Decimal("0.5"), "price_output": Decimal("1.5")}
DEARER = {"price_input": Decimal("2"), "price_output": Decimal("6")}
HOSTED = {"hourly": Decimal("0.9"), "requests_per_second": Decimal("0.02"), "peak_factor": Decimal(2)}
TUNED, PROMPTED, SMALL = "tuned + repair", "prompted", "small, else prompted"


def run(seed, share, fixed=500.0, n=40, **more):
    chance = np.random.default_rng(seed)
    tokens = chance.integers(40, 300, n).astype(float), chance.integers(10, 90, n).astype(float)
    return MeasuredVariant(fixed, *tokens, (chance.random(n) < share).astype(float), **more)


def cascade(first, second, sent, of):
    """The measurements of `of[0]`, and those of `of[1]` for what is sent on."""
    called = replace(second, input_tokens=second.input_tokens * sent, output_tokens=second.output_tokens * sent)
    good = np.where(sent > 0, second.acceptable, first.acceptable)
    return replace(first, acceptable=good, of=of, sent=sent, second=replace(called, acceptable=None))


def runs(sent=None):
    tuned, prompted, small = run(1, 0.9, 20.0, tuned=True), run(2, 0.8), run(3, 0.5, 80.0)
    sent = 1 - small.acceptable if sent is None else sent
    return {
        "prompted": prompted, "tuned": tuned, "small": small,
        "template": MeasuredVariant(None, None, None, run(4, 0.6).acceptable, free=True),
        TUNED: replace(tuned, acceptable=np.maximum(tuned.acceptable, run(5, 0.5).acceptable), of=("tuned",)),
        SMALL: cascade(small, prompted, sent, ("small", "prompted")),
    }  # fmt: skip


def money(table, measured=None, *, baseline=PROMPTED, candidate=TUNED, draws=400):
    table = {
        "requests_per_day": 20_000,
        "investment": {"compute": 90},
        "running": {"monitoring_hours_per_month": 0},
    } | table
    table = {key: value for key, value in table.items() if value is not None}
    return compute_money(
        read_roi(table, on=TODAY), baseline=baseline, candidate=candidate, measured=measured or runs(), draws=draws, today=TODAY
    ).to_json()  # fmt: skip


THREE = {"prompted": DEARER, "tuned": PRICED, "small": PRICED}


def a_call(variant, prices):
    """One request as on paper: floats, item by item."""
    costs = [
        (variant.fixed_tokens + content) * float(prices["price_input"]) + answer * float(prices["price_output"])
        for content, answer in zip(variant.input_tokens, variant.output_tokens, strict=True)
    ]
    return [cost / 1e6 for cost in costs]


def test_a_derived_variant_has_the_prices_of_the_variant_that_it_is_made_from():
    found = money(THREE)
    assert found["missing"] == []
    here, there = (found["variants"][name]["cost_per_request"] for name in (TUNED, "tuned"))
    assert here == there == pytest.approx(np.mean(a_call(runs()["tuned"], PRICED)))
    assert found["variants"][TUNED]["acceptance"] > found["variants"]["tuned"]["acceptance"]


@pytest.mark.slow
def test_a_table_of_its_own_comes_first():
    found = money(THREE | {TUNED: DEARER})
    assert found["variants"][TUNED]["cost_per_request"] == pytest.approx(np.mean(a_call(runs()["tuned"], DEARER)))


def test_what_is_missing_is_missing_from_the_origin():
    assert money({"prompted": DEARER})["missing"][:2] == ["roi.tuned.price_input", "roi.tuned.price_output"]
    found = money({"tuned": PRICED}, baseline=SMALL)
    assert [key for key in found["missing"] if key.endswith("price_input")] == [
        "roi.small.price_input", "roi.prompted.price_input"
    ]  # fmt: skip


@pytest.mark.slow
def test_a_stated_number_holds_for_what_is_made_from_it_where_the_run_measured_the_same():
    stated = {**PRICED, "input_tokens": 1000, "acceptance": Decimal("0.1")}
    found = money(THREE | {"tuned": stated})["variants"]
    assert found[TUNED]["input_tokens"] == found["tuned"]["input_tokens"] == 1000
    assert found[TUNED]["acceptance"] > 0.9
    longer = runs() | {"tuned + short guide": replace(runs()["tuned"], fixed_tokens=90.0, of=("tuned",))}
    found = money(THREE | {"tuned": {**PRICED, "fixed_tokens": 5}}, longer)["variants"]
    assert [found[name]["fixed_tokens"] for name in ("tuned", TUNED, "tuned + short guide")] == [5, 5, 90]


@pytest.mark.slow
def test_one_price_is_drawn_and_flips_for_all_that_share_it():
    table = THREE | {"tuned": {**PRICED, "price_input": [Decimal("0.1"), Decimal("0.5"), Decimal(3)]}}
    found = money(table)
    moved = [row["key"] for row in found["tornado"]]
    assert "tuned.price_input" in moved
    assert f"{TUNED}.price_input" not in moved
    assert all(not flip["key"].startswith(f"{TUNED}.price") for flip in found["flips"])
    same = money(table, baseline="tuned")  # the same outputs at the same price save nothing, whatever the price
    assert (same["npv_p5"], same["npv_p95"]) == (-90, -90)


def test_a_template_is_free_and_nothing_of_it_is_missing():
    found = money(THREE | {"failures": "repair", "failure_cost": Decimal("0.2")}, baseline="template")
    assert found["missing"] == []
    free = found["variants"]["template"]
    assert [free[key] for key in ("fixed_tokens", "input_tokens", "output_tokens", "cost_per_request")] == [0, 0, 0, 0]
    assert free["effective_cost_per_request"] == pytest.approx(0.2 * (1 - free["acceptance"]))
    line = next(line for line in found["derivation"] if line["key"] == "variants.template.cost_per_request")
    assert (line["words"], line["result"]) == ("template calls no model, so a request costs nothing.", "0 EUR")
    assert {row["why"] for row in found["alternatives_out"]} == {"it calls no model, so it costs nothing"}


@pytest.mark.slow
def test_a_cascade_costs_its_first_for_each_request_and_its_second_for_those_sent_on():
    measured = runs()
    first, second = a_call(measured["small"], PRICED), a_call(measured["prompted"], DEARER)
    expected = [one + sent * two for one, two, sent in zip(first, second, measured[SMALL].sent, strict=True)]
    found = money(THREE)
    assert found["variants"][SMALL]["cost_per_request"] == pytest.approx(np.mean(expected), rel=1e-12)
    lines = {line["key"]: line for line in found["derivation"]}
    line = lines[f"variants.{SMALL}.cost_per_request"]
    assert line["words"] == f"One request of {SMALL}: small for each, and prompted for the share that small sends on."
    assert {f"variants.{SMALL}.first_call", f"variants.{SMALL}.second.cost_per_request", f"{SMALL}.sent"} == set(
        line["inputs"]
    )


@pytest.mark.slow
def test_a_cascade_that_sends_nothing_on_costs_its_first_and_one_that_sends_all_costs_both():
    one, both = (money(THREE, runs(np.full(40, share)))["variants"] for share in (0.0, 1.0))
    assert one[SMALL]["cost_per_request"] == one["small"]["cost_per_request"]
    costs = [both[name]["cost_per_request"] for name in ("small", "prompted")]
    assert both[SMALL]["cost_per_request"] == pytest.approx(sum(costs), rel=1e-12)


def test_repeats_send_a_share_of_an_item_on_and_unknown_tokens_do_not_count():
    measured = runs(np.tile([0.0, 0.25, 0.5, 1.0], 10))
    exact = np.mean(a_call(measured["small"], PRICED)) + np.mean(
        np.array(a_call(measured["prompted"], DEARER)) * measured[SMALL].sent
    )
    assert money(THREE, measured)["variants"][SMALL]["cost_per_request"] == pytest.approx(exact, rel=1e-12)
    second = measured[SMALL].second
    lost = second.output_tokens.copy()
    lost[3::8] = np.nan
    holes = measured | {SMALL: replace(measured[SMALL], second=replace(second, output_tokens=lost))}
    found = {entry["key"]: entry["value"] for entry in money(THREE, holes)["assumptions"]}
    known = ~np.isnan(lost)
    assert found[f"{SMALL}: prompted.output_tokens"] == pytest.approx(
        lost[known].sum() / measured[SMALL].sent[known].sum()
    )


@pytest.mark.parametrize(
    ("small", "prompted"), [(PRICED, HOSTED), (HOSTED, DEARER), (HOSTED, {**HOSTED, "hourly": Decimal(2)})]
)
def test_machines_of_a_cascade_serve_what_reaches_them(small, prompted):
    found, measured = money(THREE | {"small": small, "prompted": prompted}, baseline=SMALL), runs()
    sent = float(measured[SMALL].sent.mean())

    def part(table, prices, share):
        if "hourly" not in table:
            return share, 0.0
        needed = np.ceil(round(20_000 * share * 2 / 86_400 / 0.02, 9))
        return 0.0, 24 * float(table["hourly"]) * max(needed, 1)

    (first, ours), (second, theirs) = part(small, small, 1.0), part(prompted, prompted, sent)
    cost = first * np.mean(a_call(measured["small"], PRICED)) if first else 0.0
    if second:
        cost += np.mean(np.array(a_call(measured["prompted"], DEARER)) * measured[SMALL].sent)
    row = found["variants"][SMALL]
    assert row["cost_per_request"] == pytest.approx(cost, rel=1e-12)
    assert row["machine_cost_per_day"] == pytest.approx(ours + theirs)
    assert found["saving_per_day"] is not None


def test_a_batch_pays_the_machines_of_a_cascade_while_they_run():
    table = THREE | {"requests_per_day": None, "requests_total": 36_000, "small": HOSTED, "prompted": HOSTED}
    found = money(table, baseline=SMALL)
    sent = float(runs()[SMALL].sent.mean())
    assert found["variants"][SMALL]["cost_per_request"] == pytest.approx(0.9 / 72 * (1 + sent), rel=1e-12)


shares = st.integers(0, 4).map(lambda k: k / 4)


@pytest.mark.slow
@given(st.lists(shares, min_size=40, max_size=40), st.sampled_from(["ignore", "drop", "repair", "retry"]))
@settings(max_examples=20, deadline=None)
def test_a_cascade_costs_between_its_first_and_both_and_every_line_can_be_recomputed(sent, failures):
    table = THREE | {"failures": failures, "failure_cost": Decimal("0.01"), "tries": 2}
    found = money(table, runs(np.array(sent)), baseline=SMALL, draws=50)
    costs = {name: row["cost_per_request"] for name, row in found["variants"].items()}
    assert costs["small"] <= costs[SMALL] * (1 + 1e-12)
    assert costs[SMALL] <= (costs["small"] + max(costs["prompted"], 0) * 3) * (1 + 1e-12)
    assert sum(found["parts"].values()) == pytest.approx(found["saving_per_request"], abs=1e-12)
    check(found["derivation"])


@pytest.mark.slow
def test_the_drawn_mean_of_a_cascade_lies_near_its_point_and_its_draws_are_paired():
    found = money(THREE | {"requests_per_day": [20_000, 20_000, 20_000]}, baseline=SMALL, draws=4000)
    assert found["npv_p50"] == pytest.approx(found["npv"], rel=0.05)
    twice = runs()
    twice["again"] = replace(twice[SMALL], of=twice[SMALL].of)
    same = money(THREE, twice, baseline=SMALL, candidate="again")
    assert (same["npv_p5"], same["npv_p95"]) == (-90, -90)


def test_prices_are_required_of_the_origins_only():
    roi, measured = read_roi({"prompted": DEARER, "small": PRICED}, on=TODAY), runs()
    check_roi(roi, list(measured), required=["template", SMALL], runs=measured)
    with pytest.raises(ConfigError, match=r"roi\.tuned: the price is missing"):
        check_roi(roi, list(measured), required=[SMALL, TUNED], runs=measured)


def test_half_a_cascade_is_refused():
    with pytest.raises(ValueError, match="needs both"):
        MeasuredVariant(1.0, None, None, None, of=("a", "b"), sent=np.zeros(3))
    inner = runs()[SMALL]
    with pytest.raises(ValueError, match="neither of which is a cascade"):
        MeasuredVariant(1.0, None, None, None, of=("a", "b"), sent=np.zeros(40), second=inner)
