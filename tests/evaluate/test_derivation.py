"""Each line is recomputed from the numbers that it shows, by an independent calculator."""

import re
from datetime import date
from decimal import ROUND_CEILING, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.evaluate.money import MeasuredVariant, compute_money, read_roi

TODAY = date(2026, 11, 25)
COUNTS = {"fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150}
PROMPTED = {"price_input": Decimal("5.714285714"), "price_output": Decimal("22.857142857"), **COUNTS}
TUNED = {**PROMPTED, "fixed_tokens": 0, "acceptance": Decimal("0.94")}
PROMPTED = {**PROMPTED, "acceptance": Decimal("0.7")}
INVESTED = {
    "compute_hours": 2, "compute_hourly": 3, "compute_runs": 4, "labelling_pairs": 100, "labelling_minutes": 3,
    "labelling_hourly": 30, "engineering_hours": 5, "engineering_hourly": 80, "evaluation": 7,
}  # fmt: skip
RUNNING = {
    "monitoring_hours_per_month": 2, "monitoring_hourly": 60, "retrain_every_days": 100, "retrain_cost": 200,
    "style_changes_per_year": 3,
}  # fmt: skip


def derivation(table, measured=None):
    table = {"requests_per_day": 5000, "investment": {"compute": 200}, "prompted": PROMPTED, "tuned": TUNED} | table
    roi = read_roi({k: v for k, v in table.items() if v is not None})
    options = {"measured": measured, "draws": 1, "today": TODAY}
    found = compute_money(roi, baseline="prompted", candidate="tuned", **options).to_json()
    return found, found["derivation"]


def calculated(text):
    """The shown arithmetic, in Decimal."""
    text = re.sub(r"(?<=\d),(?=\d{3}(\D|$))", "", text)
    text = text.replace("×", "*").replace("÷", "/").replace("^", "**")
    text = re.sub(r"(?<![=<>])=(?!=)(?<!<=)", "==", text) if "<=" not in text else text
    text = re.sub(r"\d+(\.\d+)?", lambda found: f"Decimal('{found[0]}')", text)
    known = {
        "Decimal": Decimal,
        "max": max,
        "ceil": lambda x: x.to_integral_value(rounding=ROUND_CEILING),
        "sqrt": lambda x: x.sqrt(),
        "exp": lambda x: x.exp(),
    }
    with localcontext() as context:
        context.prec = 50
        return eval(text, {"__builtins__": {}}, known)


def check(lines):
    for entry in lines:
        got, shown = calculated(entry["numbers"]), entry["result"].split()[0].replace(",", "")
        if entry["value"] is None:
            assert got is True, entry
            continue
        decimals = len(shown.partition(".")[2])
        assert abs(got - Decimal(shown)) <= Decimal(1).scaleb(-decimals) * Decimal("0.5000001"), entry
        assert float(shown) == pytest.approx(entry["value"], rel=6e-6, abs=6e-3 if abs(entry["value"]) >= 1 else 1e-12)


SITUATIONS = {
    "as it is": {},
    "repaired": {"failures": "repair", "failure_cost": Decimal("0.10")},
    "dropped": {"failures": "drop"},
    "retried": {"failures": "retry", "tries": 3, "failure_cost": Decimal("0.10")},
    "nothing acceptable": {"failures": "drop", "prompted": {**PROMPTED, "acceptance": 0}},
    "nothing acceptable, tried again": {"failures": "retry", "tries": 3, "prompted": {**PROMPTED, "acceptance": 0}},
    "all costs": {"investment": INVESTED, "running": RUNNING},
    "no volume": {"requests_per_day": None},
    "volume nought": {"requests_per_day": 0},
    "nothing invested": {"investment": {}},
    "a ramp": {"ramp_days": 30},
    "a ramp that outlasts the payback": {"ramp_days": 300, "running": RUNNING},
    "a ramp longer than the horizon": {"ramp_days": 400, "horizon_days": 100},
    "discounted": {"discount_rate": Decimal("0.08"), "running": RUNNING},
    "discounted with a ramp over two years": {"discount_rate": Decimal("0.08"), "ramp_days": 100, "horizon_days": 700},
    "retired": {"running": {"base_model_retires": "2026-01-01"}},
    "retired, discounted": {"running": {"base_model_retires": "2026-01-01"}, "discount_rate": Decimal("0.08")},
    "dearer": {"tuned": {**TUNED, "price_input": 12, "price_output": 48}},
    "half cached": {"prompted": {**PROMPTED, "price_cached": 1, "cached_share": Decimal("0.5"), "min_cached_tokens": 0}},
    "cached with writes": {
        "prompted": {
            **PROMPTED, "price_cached": 1, "price_cache_write": 7, "cached_share": Decimal("0.9"),
            "min_cached_tokens": 0, "few_shot_tokens": 300, "short_guide_tokens": 50,
        }
    },
    "own machines": {"tuned": {"hourly": 2, "requests_per_second": Decimal("0.01"), "acceptance": Decimal("0.9"),
                               "peak_factor": 2}},
    "a machine whose tokens are paid too": {"tuned": {**PROMPTED, "hourly": 2, "requests_per_second": Decimal("0.02")}},
    "a batch on such a machine": {"requests_per_day": None, "requests_total": 36_000,
                                  "tuned": {**PROMPTED, "hourly": 2, "requests_per_second": 5}},
    "training by the token": {"investment": {"training_price": Decimal("0.5"), "training_tokens": 3_000_001}},
    "a cost per month": {"running": {"per_month": 17}},
    "machines on both sides": {name: {"hourly": 2, "requests_per_second": rate, "acceptance": Decimal("0.9")}
                               for name, rate in (("prompted", Decimal("0.01")), ("tuned", Decimal("0.03")))},
    "a batch": {"requests_per_day": None, "requests_total": 100_000},
    "a batch on a machine": {"requests_per_day": None, "requests_total": 36_000,
                             "tuned": {"hourly": 2, "requests_per_second": 5, "acceptance": Decimal("0.9")}},
    "list prices": {"exchange": {"USD": Decimal("0.92"), "date": "2026-11-01"},
                    "prompted": {**COUNTS, "acceptance": Decimal("0.7"), "model": "openai:gpt-4o-mini"}},
    "three variants": {"plain": {**PROMPTED, "fixed_tokens": 20, "acceptance": Decimal("0.2")}},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_line_gives_its_result_from_the_shown_numbers(situation):
    _, lines = derivation(SITUATIONS[situation])
    assert len(lines) > 3
    check(lines)


prices = st.integers(0, 3000).map(lambda k: Decimal(k) / 100)
shares = st.integers(0, 100).map(lambda k: Decimal(k) / 100)


@st.composite
def tables(draw):
    variants = {
        name: {
            "price_input": draw(prices), "price_output": draw(prices), "price_cached": draw(prices),
            "price_cache_write": draw(prices), "cached_share": draw(shares), "min_cached_tokens": 0,
            "acceptance": draw(shares), **{key: draw(st.integers(0, 4000)) for key in COUNTS},
        }
        for name in ("prompted", "tuned", "plain")
    }  # fmt: skip
    return {
        "requests_per_day": draw(st.integers(0, 10**7)), "ramp_days": draw(st.sampled_from([0, 30, 400])),
        "discount_rate": draw(st.sampled_from([0, Decimal("0.08")])), "horizon_days": draw(st.integers(1, 800)),
        "failures": draw(st.sampled_from(["ignore", "drop", "repair", "retry"])), "failure_cost": draw(shares),
        "tries": draw(st.integers(1, 4)), "investment": {"compute": draw(st.integers(0, 5000))},
        "running": draw(st.sampled_from([{}, RUNNING])), **variants,
    }  # fmt: skip


@pytest.mark.slow
@given(tables())
@settings(max_examples=10, deadline=None)
def test_any_account_can_be_recomputed(table):
    check(derivation(table)[1])


def test_each_figure_of_the_account_has_its_line():
    found, lines = derivation(
        {
            "running": RUNNING,
            "tuned": {**TUNED, "price_input": 6},
            "failures": "repair",
            "failure_cost": Decimal("0.0001"),
        }
    )
    value = {entry["key"]: entry["value"] for entry in lines}
    keys = ["saving_per_request", "saving_share", "saving_per_day", "running_cost_per_day", "investment", "npv"]
    keys += ["payback_days", "requests_to_pay_back", "break_even_requests_per_day", "break_even_fixed_tokens"]
    for key in keys:
        assert value[key] == pytest.approx(found[key]), key
    for name, variant in found["variants"].items():
        for key in ("cost_per_request", "cost_per_acceptable_output", "effective_cost_per_request"):
            assert value[f"variants.{name}.{key}"] == pytest.approx(variant[key])
    assert [value[f"parts.{key}"] for key in found["parts"]] == pytest.approx([*found["parts"].values()])
    for way in found["alternatives"]:
        key = f"alternatives.{way['key']}"
        assert value[f"{key}.tuning.payback_days"] == pytest.approx(way["tuning"]["payback_days"])
        assert value[f"{key}.cost_per_request"] == pytest.approx(way["cost_per_request"])


def test_a_failure_cost_that_breaks_even_has_its_line():
    found, lines = derivation({"tuned": {**TUNED, "price_input": 12, "price_output": 48}, "running": RUNNING})
    value = {entry["key"]: entry["value"] for entry in lines}
    assert value["break_even_failure_cost"] == pytest.approx(found["break_even_failure_cost"])
    assert next(entry["result"] for entry in lines if entry["key"] == "payback_days") == "never"


def test_retries_are_derived_from_repeated_outputs():
    repeats = np.array([[1, 1, 1], [0, 0, 0], [0, 1, 0], [1, 0, 1]], dtype=float)
    run = {
        name: MeasuredVariant(500.0, np.full(4, 150.0), np.full(4, 150.0), repeats.mean(axis=1), repeats=repeats)
        for name in ("prompted", "tuned")
    }
    priced = {"price_input": 5, "price_output": 20}
    _, lines = derivation(
        {"failures": "retry", "tries": 2, "failure_cost": 1, "prompted": priced, "tuned": priced}, measured=run
    )
    check(lines)
    assert "as repeated outputs show" in next(e["words"] for e in lines if e["key"] == "variants.tuned.calls")
