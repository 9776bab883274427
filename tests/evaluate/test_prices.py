"""Prices from the list and from a price file, and the messages if neither has one."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tuneworth.core import ConfigError
from tuneworth.evaluate.money import (
    STALE_DAYS,
    compute_money,
    is_tuned_name,
    price_of,
    read_prices,
    read_roi,
    with_price_path,
)

TODAY = date(2026, 11, 25)
COUNTS = {"fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150, "acceptance": Decimal("0.7")}
OWN = """
currency = "EUR"
date = 2026-11-01
source = "offer of 1 November"
[models."openai:gpt-4o-mini"]
price_input = 0.10
price_output = 0.40
[models."shop:tuned"]
price_input = 1
price_cached = 0.25
price_output = 4
price_input_batch = 0.5
price_output_batch = 2
currency = "USD"
source = "https://prices.example/tuned"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def money(table, **options):
    options = {"baseline": "prompted", "candidate": "tuned", "today": TODAY, "draws": 20} | options
    return compute_money(read_roi({"requests_per_day": 10, **table}, on=TODAY), **options).to_json()


@pytest.mark.parametrize(
    ("name", "tuned"),
    [
        ("openai:gpt-4o-mini", False), ("openai:ft:gpt-4o-mini-2024-07-18:shop::a1", True),
        ("azure:gpt-4o-mini-2024-07-18.ft-0e2", True), ("together:shop/llama-3-ft", True), ("x:software-4", False),
        ("x:shop/mistral-finetuned", True), ("mistral:ft:open-mistral-7b:1", True), ("x:left-2", False),
    ],
)  # fmt: skip
def test_names_of_tuned_models_are_recognised(name, tuned):
    assert is_tuned_name(name) is tuned


@pytest.mark.parametrize("name", ["ft:gpt-4o-mini-2024-07-18:shop::a1", "ft:gpt-4o-mini:shop::a1", "ft:gpt-4o-mini"])
def test_a_tuned_model_has_its_own_price_and_not_its_base_models(name):
    price, base = price_of(f"openai:{name}", on=TODAY), price_of("openai:gpt-4o-mini", on=TODAY)
    assert price.source.endswith("openai:ft:gpt-4o-mini")
    assert (price.input, price.output) == (2 * base.input, 2 * base.output)


@pytest.mark.parametrize("name", ["anthropic:claude-sonnet-4-5-ft-shop", "openai:ft:gpt-4.1-mini:shop", "x:ft:y"])
def test_a_tuned_model_missing_from_the_list_never_gets_its_base_models_price(name):
    with pytest.raises(ConfigError, match="tuned model's price differs"):
        price_of(name)


def test_a_base_model_as_the_tuned_variant_gives_a_warning_with_the_tuned_price():
    model = {**COUNTS, "model": "openai:gpt-4o-mini"}
    found = money({"currency": "USD", "prompted": model, "tuned": model})
    assert len(found["warnings"]) == 1
    assert "roi.tuned: openai:gpt-4o-mini is a base model," in found["warnings"][0]
    assert "the list has 0.3 and 1.2 USD" in found["warnings"][0]
    tuned = {**COUNTS, "model": "openai:ft:gpt-4o-mini:shop::a"}
    assert money({"currency": "USD", "prompted": model, "tuned": tuned})["warnings"] == []


def test_the_list_shows_its_age_and_an_old_one_gives_a_warning():
    price = price_of("openai:gpt-4o-mini", on=TODAY)
    assert price.listed_until is not None
    assert price.listed_until > date(2026, 1, 1)
    assert price.age_days(price.listed_until + timedelta(days=5)) == 5
    stated = {**COUNTS, "price_input": 1, "price_output": 1}
    table = {"currency": "USD", "prompted": {**COUNTS, "model": "openai:gpt-4o-mini"}, "tuned": stated}
    late = money(table, today=price.listed_until + timedelta(days=STALE_DAYS + 1))
    assert f"newest entry is from {price.listed_until}, 181 days ago" in late["warnings"][0]
    assert money(table, today=price.listed_until + timedelta(days=STALE_DAYS))["warnings"] == []
    entry = next(entry for entry in late["assumptions"] if entry["key"] == "prompted.price_input")
    assert f"newest entry of the list {price.listed_until}" in entry["detail"]


def test_a_long_prompt_pays_the_price_of_its_tier():
    price = price_of("anthropic:claude-sonnet-4-5", on=TODAY)
    assert (price.at(Decimal(200_000)).input, price.at(Decimal(200_001)).input) == (3, 6)
    long = {**COUNTS, "model": "anthropic:claude-sonnet-4-5", "input_tokens": 300_000}
    stated = {**COUNTS, "price_input": 1, "price_output": 1}
    found = money({"currency": "USD", "prompted": long, "tuned": stated})
    assert found["variants"]["prompted"]["cost_per_request"] == pytest.approx((300_500 * 6 + 150 * 22.5) / 1e6)


def test_a_users_price_file_overrides_the_list_and_keeps_its_source_and_date(own):
    table = {
        "prices": str(own), "exchange": {"USD": Decimal("0.5"), "date": "2026-11-01"},
        "prompted": {**COUNTS, "model": "openai:gpt-4o-mini"}, "tuned": {**COUNTS, "model": "shop:tuned"},
    }  # fmt: skip
    found = money(table)
    cost = found["variants"]["prompted"]["cost_per_request"], found["variants"]["tuned"]["cost_per_request"]
    assert cost == pytest.approx(((650 * 0.10 + 150 * 0.40) / 1e6, (650 * 1 + 150 * 4) * 0.5 / 1e6))
    details = {entry["key"]: entry.get("detail") for entry in found["assumptions"]}
    assert "offer of 1 November, as of 2026-11-01" in details["prompted.price_input"]
    assert "https://prices.example/tuned" in details["tuned.price_output"]
    assert found["warnings"] == []
    undated = money({**table, "prices": str(own)}, today=date(2027, 11, 1))
    assert "365 days ago" in undated["warnings"][0]


def test_an_unknown_model_is_named_with_near_ones_from_both(own):
    with pytest.raises(ConfigError) as caught:
        read_roi({"prices": str(own), "tuned": {"model": "shop:tunedd"}, "prompted": {"model": "openai:gpt-4o-minii"}})
    text = str(caught.value)
    assert "did you mean shop:tuned" in text
    assert "openai:gpt-4o-mini" in text
    assert "neither your price file nor the price list" in text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "the file has no models"),
        ('currency = "EUR"\n[models.a]\nprice_input = 1\n', '"price_output" is missing'),
        ('currency = "EUR"\n[models.a]\nprice_input = -1\nprice_output = 1', "0 or more"),
        ("[models.a]\nprice_input = 1\nprice_output = 1", "three capital letters"),
        ('currency = "EUR"\ndate = "soon"\n[models.a]\nprice_input = 1\nprice_output = 1', "expected a date"),
        ('currency = "EUR"\n[models.a]\nprice_in = 1\nprice_output = 1', 'did you mean "price_input"'),
        ('currency = "EUR"\n[models.a]\nprice_input = 1\nprice_output = 1\nprice_input_batch = 1', "or neither"),
        ('currency = "EUR"\nmodels = 3', "expected a table"),
        ("currency = ", "not valid TOML"),
    ],
)
def test_a_damaged_price_file_is_rejected_with_its_location(tmp_path, text, part):
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_prices(path)
    assert part in str(caught.value)
    assert "prices.toml" in str(caught.value)


def test_a_missing_price_file_is_one_of_the_problems_named(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_roi({"prices": str(tmp_path / "none.toml"), "tries": 0})
    assert "no price file" in str(caught.value)
    assert "tries" in str(caught.value)


def test_a_price_file_is_relative_to_the_file_that_states_it(own):
    assert with_price_path({"prices": "prices.toml"}, own.parent) == {"prices": str(own)}
    assert with_price_path({"currency": "EUR"}, own.parent) == {"currency": "EUR"}
    assert with_price_path(None, own.parent) is None


def test_a_missing_batch_price_is_an_error():
    with pytest.raises(ConfigError, match="no batch price"):
        read_roi({"currency": "USD", "tuned": {"model": "openai:ft:gpt-4o:shop", "batch": True}})
    with pytest.raises(ConfigError, match="batch needs model"):
        read_roi({"tuned": {"price_input": 1, "price_output": 2, "batch": True}})


def test_a_misspelt_section_is_not_a_variant():
    with pytest.raises(ConfigError, match=r"did you mean \[roi.investment\]"):
        read_roi({"investmnt": {"compute": 200}})
