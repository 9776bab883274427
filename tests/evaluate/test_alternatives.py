"""The article's numbers, and the alternatives to tuning."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import tuneworth.examples
from tuneworth.evaluate.money import MeasuredVariant, compute_money, read_roi

ARTICLE = Path(tuneworth.examples.__path__[0]) / "article.toml"
TODAY = date(2026, 11, 25)
P_IN = Decimal("5.714285714")


def account(table, measured=None):
    options = {"measured": measured, "draws": 1, "today": TODAY}
    return compute_money(read_roi(table, on=TODAY), baseline="prompted", candidate="tuned", **options).to_json()


def article(**changes):
    table = tomllib.loads(ARTICLE.read_text(encoding="utf-8"), parse_float=Decimal)["roi"]
    for key, value in changes.items():
        head, _, tail = key.partition("__")
        (table[head] if tail else table)[tail or head] = value
    return table


def way(found, key):
    return next(row for row in found["alternatives"] if row["key"] == key or row["name"] == key)


def test_the_article_and_its_cached_guide_which_takes_most_of_the_saving():
    found = account(article())
    assert (round(found["saving_share"], 4), round(found["payback_days"], 1)) == (0.4, 14.0)
    cached = way(found, "cached_guide")
    assert cached["cost_per_request"] == pytest.approx(0.005)
    assert cached["saving_share"] == pytest.approx(0.3)
    assert round(cached["tuning"]["saving_share"], 4) == 0.1429
    assert round(cached["tuning"]["payback_days"], 1) == 56.0
    assert (cached["needs_training"], cached["acceptance_from"], cached["tuning"]["pays"]) == (False, "stated", True)


def test_a_tuned_model_at_twice_the_price_never_pays_below_a_break_even_guide():
    found = account(article(tuned__price_input=2 * P_IN, tuned__price_output=8 * P_IN))
    assert round(found["saving_share"], 4) == -0.2
    assert found["payback_days"] is None
    assert found["break_even_fixed_tokens"] == pytest.approx(750)  # (m - 1)(u + ratio o)
    even = account(article(tuned__price_input=2 * P_IN, tuned__price_output=8 * P_IN, prompted__fixed_tokens=750))
    assert even["saving_per_request"] == pytest.approx(0, abs=1e-12)
    assert way(found, "cached_guide")["tuning"]["payback_days"] is None


def test_a_shorter_guide_is_half_as_long_unless_stated():
    half = way(account(article()), "short_guide")
    assert half["cost_per_request"] == pytest.approx((400 * 5.714285714 + 150 * 22.857142857) / 1e6)
    assert "Tuneworth's own assumption" in half["what"]
    assert half["acceptance_from"] == "assumed unchanged"
    stated = way(account(article(prompted__short_guide_tokens=100)), "short_guide")
    assert stated["cost_per_request"] == pytest.approx((250 * 5.714285714 + 150 * 22.857142857) / 1e6)


def test_few_shot_examples_can_be_left_out_and_only_the_guide_is_shortened():
    found = account(article(prompted__few_shot_tokens=300))
    assert way(found, "no_few_shot")["cost_per_request"] == pytest.approx(
        (350 * 5.714285714 + 150 * 22.857142857) / 1e6
    )
    # 500 tokens, 200 of them the guide, of which half goes
    assert way(found, "short_guide")["cost_per_request"] == pytest.approx(
        (550 * 5.714285714 + 150 * 22.857142857) / 1e6
    )


def test_other_variants_without_training_are_alternatives():
    small = {"price_input": 1, "price_output": 4, "fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150}
    found = account(article() | {"small": {**small, "acceptance": Decimal("0.68")}})
    row = way(found, "small")
    assert row["cost_per_request"] == pytest.approx(0.00125)
    assert row["saving_share"] == pytest.approx(1 - 0.00125 / 0.00714285714)
    assert (row["acceptance"], row["acceptance_from"]) == (0.68, "stated")
    assert row["tuning"]["payback_days"] is None  # more expensive than the small model


def test_a_stated_variant_named_like_a_tuned_model_is_not_an_alternative():
    other = {"model": "openai:ft:gpt-4o-mini", "fixed_tokens": 0, "input_tokens": 150, "output_tokens": 150}
    roi = article(currency="USD") | {"other": {**other, "acceptance": Decimal("0.9")}}
    assert [row["name"] for row in account(roi)["alternatives"] if row["key"] == "variant"] == []
    roi["other"]["model"] = "openai:gpt-4o-mini"
    assert [row["name"] for row in account(roi)["alternatives"] if row["key"] == "variant"] == ["other"]


@pytest.mark.slow
def test_variants_on_the_same_model_share_its_prices_and_trained_ones_are_not_alternatives():
    def run(fixed, model, tuned=False):
        tokens = np.full(4, 150.0)
        return MeasuredVariant(fixed, tokens, tokens, np.array([1.0, 1, 1, 0]), model=model, tuned=tuned)

    measured = {
        "plain": run(10.0, "m"), "prompted": run(500.0, "m"), "tuned": run(10.0, "m", True),
        "other": run(10.0, "other model"), "tuned2": run(10.0, "m", True),
    }  # fmt: skip
    priced = {"price_input": P_IN, "price_output": 4 * P_IN}
    table = {"requests_per_day": 5000, "prompted": priced, "tuned": priced}
    found = compute_money(
        read_roi(table), baseline="prompted", candidate="tuned", measured=measured, today=TODAY, draws=20
    ).to_json()
    variants = [row["name"] for row in found["alternatives"] if row["key"] == "variant"]
    assert variants == ["plain"]
    plain = way(found, "plain")
    assert plain["cost_per_request"] == pytest.approx((160 * 5.714285714 + 150 * 22.857142856) / 1e6)
    assert plain["acceptance_from"] == "measured"
    entry = next(entry for entry in found["assumptions"] if entry["key"] == "plain.price_input")
    assert entry["detail"] == "as prompted: it runs on the same model"


def test_a_batch_price_of_the_list_is_an_alternative_and_a_setting():
    counts = {"fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150, "acceptance": Decimal("0.7")}
    table = {"currency": "USD", "requests_per_day": 1000, "tuned": {**counts, "price_input": 1, "price_output": 1}}
    found = account(table | {"prompted": {**counts, "model": "openai:gpt-4o-mini"}})
    standard = found["variants"]["prompted"]["cost_per_request"]
    assert way(found, "batch")["cost_per_request"] == pytest.approx(standard / 2)
    batched = account(table | {"prompted": {**counts, "model": "openai:gpt-4o-mini", "batch": True}})
    assert batched["variants"]["prompted"]["cost_per_request"] == pytest.approx(standard / 2)
    assert "batch" not in [row["key"] for row in batched["alternatives"]]


OWN = """
currency = "USD"
date = 2026-11-01
[models.bare]
price_input = 2
price_output = 8
price_input_batch = 1
price_output_batch = 4
[models.cached]
price_input = 2
price_cached = 0.5
price_cache_write = 3
price_output = 8
price_input_batch = 1
price_output_batch = 4
"""


@pytest.mark.parametrize(
    ("model", "stated", "write", "cached"),
    [
        ("bare", {}, 1, Decimal("0.5")),  # an unknown price of cached tokens is half the input price, also in batches
        ("cached", {}, 3, Decimal("0.5")),
        ("bare", {"price_cache_write": 2}, 2, Decimal("0.5")),
        ("bare", {"price_cached": Decimal("0.2")}, 1, Decimal("0.2")),
        ("cached", {"price_cached": Decimal("0.2"), "price_cache_write": 4}, 4, Decimal("0.2")),
    ],
)
@pytest.mark.parametrize("setting", [False, True], ids=["as an alternative", "as a setting"])
def test_a_partly_cached_guide_in_batches_has_batch_prices(tmp_path, model, stated, write, cached, setting):
    (tmp_path / "prices.toml").write_text(OWN, encoding="utf-8")
    counts = {"fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150, "acceptance": Decimal("0.7")}
    prompted = {**counts, "model": model, "cached_share": Decimal("0.4"), "min_cached_tokens": 0, "batch": setting}
    tuned = {**counts, "price_input": 1, "price_output": 1}
    table = {"currency": "USD", "requests_per_day": 1000, "prices": str(tmp_path / "prices.toml"), "tuned": tuned}
    found = account(table | {"prompted": {**prompted, **stated}})
    cost = found["variants"]["prompted"] if setting else way(found, "batch")
    assert cost["cost_per_request"] == pytest.approx((300 * write + 200 * float(cached) + 150 * 1 + 150 * 4) / 1e6)


def test_alternatives_that_do_not_apply_are_listed_with_a_reason():
    found = account(article(prompted={"hourly": 2, "requests_per_second": 5, "acceptance": Decimal("0.7")}))
    assert found["alternatives"] == []
    assert {row["why"] for row in found["alternatives_out"]} == {
        "your own machine is paid by the hour, not by the token"
    }
    bare = account(article(prompted__fixed_tokens=0))
    assert {row["key"] for row in bare["alternatives_out"]} == {"cached_guide", "short_guide", "no_few_shot", "batch"}
    assert bare["break_even_fixed_tokens"] == pytest.approx(0, abs=1e-6)


def test_upkeep_counts_for_tuning_and_not_for_its_alternatives():
    found = account(article(running={"retrain_every_days": 100, "retrain_cost": 200}))
    cached = way(found, "cached_guide")
    assert cached["saving_per_day"] == pytest.approx(5000 * 0.00214285714)
    assert cached["tuning"]["saving_per_day"] == pytest.approx(5000 * 0.000714285714 - 2)
