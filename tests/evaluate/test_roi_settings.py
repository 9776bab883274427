import tomllib
from datetime import date
from decimal import Decimal

import pytest

from tuneworth.core import ConfigError
from tuneworth.evaluate.money import Triangular, check_roi, price_of, read_roi

PRICED = {"price_input": 1, "price_output": 4}


def problems(table):
    with pytest.raises(ConfigError) as caught:
        read_roi(table)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_full_section_is_read():
    text = """
    [roi]
    currency = "EUR"
    exchange = { USD = 0.92, date = "2026-11-01" }
    requests_per_day = [2000, 5000, 6000]
    failures = "retry"
    failure_cost = 0.10
    tries = 3
    [roi.investment]
    compute_hours = 4
    compute_hourly = [1.5, 2, 3]
    [roi.running]
    base_model_retires = 2027-01-14
    [roi.prompted]
    model = "openai:gpt-4o-mini"
    [roi.anything]
    hourly = 2
    requests_per_second = 5
    """
    settings = read_roi(tomllib.loads(text, parse_float=Decimal)["roi"], on=date(2026, 11, 25))
    assert settings.requests_per_day == Triangular(Decimal(2000), Decimal(5000), Decimal(6000))
    assert settings.investment.compute_hourly == Triangular(Decimal("1.5"), Decimal(2), Decimal(3))
    assert settings.running.base_model_retires == date(2027, 1, 14)
    assert settings.variants["prompted"].listed.input == Decimal("0.15")
    assert settings.variants["anything"].self_hosted
    assert {"exchange.USD", "prompted.model", "investment.compute_hours"} <= settings.stated


@pytest.mark.parametrize("written", ["2027-01-14", '"2027-01-14"', "2027-01-14T07:32:00Z", "2027-01-14T07:32:00"])
def test_a_day_may_be_written_in_each_way_of_toml(written):
    table = tomllib.loads(f"running.base_model_retires = {written}")
    assert read_roi(table, on=date(2026, 11, 25)).running.base_model_retires == date(2027, 1, 14)


def test_all_problems_are_reported_at_once_with_their_location():
    text = problems(
        {
            "requests_per_dy": 5000,
            "horizon_days": [3, 2, 1],
            "prompted": {"acceptance": Decimal("1.2")},
            "tuned": {"price_input": "x"},
        }
    )
    for part in ("4 problems", "requests_per_day", "roi.horizon_days", "roi.prompted", "0 to 1", "[low, likely, high]"):
        assert part in text


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ({"requests_per_day": -1}, "0 or more"),
        ({"requests_per_day": True}, "expected a number"),
        ({"requests_per_day": [1, 2]}, "three numbers"),
        ({"failure_cost": [Decimal("0.05"), 2]}, "found [0.05, 2]"),
        ({"requests_per_day": 1, "requests_total": 2}, "not both"),
        ({"horizon_days": 0}, "more than 0"),
        ({"requests_per_day": Decimal("NaN")}, "finite"),
        ({"failures": "sometimes"}, '"ignore" or "drop"'),
        ({"failures": "repair"}, "needs failure_cost"),
        ({"tries": 0}, "1 or more"),
        ({"exchange": {"USD": 0}}, "above 0"),
        ({"exchange": {"USD": "x"}}, "expected a number"),
        ({"investment": {"compute": 3, "compute_hours": 2, "compute_hourly": 2}}, "not both"),
        ({"investment": {"compute_hours": 2}}, "needs compute_hourly"),
        ({"investment": {"labelling_pairs": 2}}, "needs labelling_minutes"),
        ({"investment": {"engineering_hours": 2}}, "needs engineering_hourly"),
        ({"investment": 200}, "expected a table"),
        ({"running": {"monitoring_hours_per_month": 2}}, "needs monitoring_hourly"),
        ({"running": {"retrain_every_days": 90}}, "needs retrain_cost"),
        ({"running": {"retrain_every_days": [0, 1, 2], "retrain_cost": 3}}, "start above 0"),
        ({"running": {"style_changes_per_year": 2}}, "needs retrain_cost"),
        ({"running": {"base_model_retires": "soon"}}, "expected a date"),
        ({"horizon_days": 36_526}, "a century"),
        ({"horizon_days": [365, 400, 10**9]}, "a century"),
        ({"tuned": {"hourly": 2, "price_input": 3}}, "state both price_input and price_output"),
        ({"tuned": {"price_inptu": 3}}, 'did you mean "price_input"'),
        ({"tuned": {"min_replicas": 0}}, "1 or more"),
        ({"tuned": {"model": "openai:gpt-4o-minii"}}, "openai:gpt-4o-mini"),
        ({"tuned": {"model": "nobody:nothing"}}, "does not contain the model"),
        ({"tuned": {"model": "openai:gpt-4o-mini"}}, "exchange = { USD"),
    ],
)
def test_each_problem_is_named(table, part):
    assert part in problems(table)


def test_a_model_with_both_prices_stated_needs_no_price_list():
    settings = read_roi({"tuned": {"model": "our-own", **PRICED}})
    assert settings.variants["tuned"].listed is None
    assert settings.variants["tuned"].priced


def test_an_exchange_rate_converts_dollars():
    settings = read_roi({"exchange": {"USD": Decimal("0.9")}, "tuned": {"model": "openai:gpt-4o-mini"}})
    assert settings.variants["tuned"].priced


def test_a_variant_without_a_price_stops_a_run_before_it_starts():
    settings = read_roi({"prompted": PRICED, "tunned": PRICED})
    with pytest.raises(ConfigError) as caught:
        check_roi(settings, ["plain", "prompted", "tuned"], required=["prompted", "tuned"])
    assert 'did you mean "tuned"' in str(caught.value)
    assert "roi.tuned: the price is missing" in str(caught.value)
    assert "plain: the price is missing" not in str(caught.value)


def test_money_without_a_run_needs_tokens_and_acceptance():
    settings = read_roi(
        {"prompted": PRICED, "tuned": {**PRICED, "fixed_tokens": 0, "input_tokens": 1, "output_tokens": 2}}
    )
    with pytest.raises(ConfigError, match=r"roi\.tuned: state acceptance"):
        check_roi(settings, ["prompted", "tuned"], measured=False)
    check_roi(settings, ["prompted", "tuned"])


def test_the_price_list_has_a_model_with_date_and_source():
    price = price_of("openai:gpt-4o-mini", on=date(2026, 11, 1))
    assert (price.input, price.output, price.currency, price.date) == (
        Decimal("0.15"),
        Decimal("0.6"),
        "USD",
        date(2026, 11, 1),
    )
    assert "genai-prices" in price.source
    assert price_of("gpt-4o-mini").input == price.input


def test_tiered_prices_use_their_first_tier():
    assert price_of("anthropic:claude-sonnet-4-5").input == Decimal(3)


@pytest.mark.parametrize("name", ["openai:gpt-9zz", "gpt-4o-minii", "opnai:gpt-4o", "", ":", "whisper-1", "openai:"])
def test_an_unknown_model_is_an_error_and_never_free(name):
    with pytest.raises(ConfigError):
        price_of(name)


@pytest.mark.parametrize("rate", [8, Decimal("1.01"), [0, 1, 8]])
def test_a_discount_rate_above_one_is_a_percentage_written_wrong(rate):
    with pytest.raises(ConfigError, match=r"discount_rate: expected a share a year, found .*; 8% is written 0\.08"):
        read_roi({"discount_rate": rate})
    assert read_roi({"discount_rate": 1}).discount_rate == 1
