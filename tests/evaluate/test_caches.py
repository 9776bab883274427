"""The guide in the prompt cache as a rival: who finds it there, what the others pay, and how long a prompt must be."""

import math
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from tuneworth.evaluate.money import compute_money, read_roi
from tuneworth.evaluate.money.caches import MINIMUMS, least_cached

from .test_derivation import check

TODAY = date(2026, 11, 28)
TOKENS = {"fixed_tokens": 3000, "input_tokens": 150, "output_tokens": 150, "acceptance": Decimal("0.9")}
PROMPTED = {
    **TOKENS,
    "price_input": 3,
    "price_cached": Decimal("0.3"),
    "price_cache_write": Decimal("3.75"),
    "price_output": 15,
}
TUNED = {**TOKENS, "fixed_tokens": 0, "price_input": 3, "price_output": 15}


def money(volume=2000, *, draws=20, prompted=PROMPTED, tuned=TUNED, **more):
    table = {
        "currency": "USD", "requests_per_day": volume, "investment": {"compute": 10}, "running": {"per_month": 0},
        "prompted": prompted, "tuned": tuned, **more,
    }  # fmt: skip
    table = {key: value for key, value in table.items() if value is not None}
    return compute_money(
        read_roi(table, on=TODAY), baseline="prompted", candidate="tuned", draws=draws, today=TODAY
    ).to_json()


def row(found, key="cached_guide"):
    return next((row for row in found["alternatives"] if row["key"] == key), None)


def simulated_share(volume, seconds, n=200_000):
    """The share of Poisson arrivals within the lifetime of the one before."""
    gaps = np.random.default_rng(0).exponential(86_400 / volume, n)
    return float(np.mean(gaps <= seconds))


@pytest.mark.slow
@pytest.mark.parametrize(("volume", "seconds"), [(300, 300), (2000, 300), (50, 3600), (20_000, 300)])
def test_the_share_that_finds_the_guide_is_that_of_random_arrivals(volume, seconds):
    found = money(volume, prompted={**PROMPTED, "cache_seconds": seconds})
    lines = {line["key"]: line for line in found["derivation"]}
    share = lines["alternatives.cached_guide.cached"]["value"]
    assert share == pytest.approx(1 - math.exp(-volume * seconds / 86_400), rel=1e-9)
    assert share == pytest.approx(simulated_share(volume, seconds), abs=0.005)
    cost = (3000 * (share * 0.3 + (1 - share) * 3.75) + 150 * 3 + 150 * 15) / 1e6
    assert row(found)["cost_per_request"] == pytest.approx(cost, rel=1e-9)
    check(found["derivation"])


@pytest.mark.slow
def test_few_requests_write_more_than_they_find():
    found = money(20)
    assert row(found) is None
    why = next(out["why"] for out in found["alternatives_out"] if out["key"] == "cached_guide")
    assert why == (
        "at this volume 7% of the requests find the guide in the cache within 300 seconds of another, "
        "which saves less than the cache writes cost"
    )
    assert row(money(20, prompted={**PROMPTED, "cache_seconds": 86_400})) is not None


def test_a_batch_finds_every_guide():
    found = money(None, requests_total=1000)
    assert row(found)["cost_per_request"] == pytest.approx((3000 * 0.3 + 150 * 18) / 1e6)
    assert row(found)["what"] == "its 3,000 fixed tokens are read from the prompt cache by 100% of the requests"


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("openai:gpt-4o-mini", 1024), ("openai:gpt-5-mini", 1024), ("anthropic:claude-haiku-4-5", 4096),
        ("anthropic:claude-sonnet-4-5", 1024), ("anthropic:claude-opus-4-1", 1024), ("anthropic:claude-opus-4.6", 4096),
        ("anthropic:claude-3-5-haiku-latest", 2048), ("google:gemini-2.5-flash", 2048), ("anthropic:claude-opus-4-7", 2048),
    ],
)  # fmt: skip
def test_the_shortest_cached_prompt_depends_on_the_model(model, tokens):
    known = least_cached(model)
    assert known is not None
    assert known.tokens == tokens


@pytest.mark.slow
def test_a_model_that_is_not_listed_has_the_usual_minimum_and_a_stated_one_comes_first():
    assert least_cached("mistral:mistral-small") is None
    counts = {key: value for key, value in TOKENS.items() if key != "fixed_tokens"} | {"fixed_tokens": 3000}
    found = money(prompted={**counts, "model": "anthropic:claude-haiku-4-5"})
    entry = next(entry for entry in found["assumptions"] if entry["key"] == "prompted.min_cached_tokens")
    assert (entry["value"], entry["source"]) == (4096, "price list")
    assert "anthropic-sdk-python" in entry["detail"]
    assert row(found) is None
    stated = money(prompted={**counts, "model": "anthropic:claude-haiku-4-5", "min_cached_tokens": 0})
    assert row(stated) is not None
    default = next(e for e in money()["assumptions"] if e["key"] == "prompted.min_cached_tokens")
    assert (default["value"], default["source"]) == (1024, "default")


def test_every_minimum_has_a_source_and_a_day():
    for each in MINIMUMS:
        assert "/" in each.source
        assert date(2026, 1, 1) < each.day <= TODAY


OWN = """
currency = "USD"
date = 2026-11-01
[models.base]
price_input = 2
price_output = 8
price_input_batch = 1
price_output_batch = 4
[models."base:ft"]
price_input = 3
price_output = 12
price_input_batch = 1.5
price_output_batch = 6
[models."other:ft"]
price_input = 3
price_output = 12
"""


def in_batches(tmp_path, tuned, **more):
    (tmp_path / "prices.toml").write_text(OWN, encoding="utf-8")
    return money(
        prompted={**TOKENS, "model": "base"}, tuned={**TOKENS, "fixed_tokens": 0, "model": tuned},
        prices=str(tmp_path / "prices.toml"), **more,
    )  # fmt: skip


def test_a_baseline_in_batches_is_compared_with_a_candidate_in_batches(tmp_path):
    found = in_batches(tmp_path, "base:ft")
    tuning = row(found, "batch")["tuning"]
    saved = (3150 * 1 + 150 * 4 - (150 * 1.5 + 150 * 6)) / 1e6
    assert tuning["saving_per_request"] == pytest.approx(saved)
    assert tuning["payback_days"] == pytest.approx(10 / (2000 * saved))
    check(found["derivation"])


def test_without_a_batch_price_of_the_candidate_there_is_no_comparison(tmp_path):
    found = row(in_batches(tmp_path, "other:ft"), "batch")
    assert found["saving_per_request"] > 0
    assert set(found["tuning"].values()) == {None}
    assert found["what"].endswith("and the tuned model's batch price is unknown")


def test_batch_prices_on_one_side_alone_are_warned_about(tmp_path):
    (tmp_path / "prices.toml").write_text(OWN, encoding="utf-8")
    both = {
        name: {**TOKENS, "model": model, "batch": True} for name, model in (("prompted", "base"), ("tuned", "base:ft"))
    }
    own = {"prices": str(tmp_path / "prices.toml")}
    assert not [text for text in money(**both, **own)["warnings"] if "batch" in text]
    one = money(prompted=both["prompted"], **own)["warnings"]
    assert [text for text in one if text.startswith("roi.prompted has batch prices and roi.tuned has not")]
