import json
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import tuneworth.examples
from tuneworth.evaluate.money import TrainingCost, check_roi, compute_money, read_roi

ARTICLE = Path(tuneworth.examples.__path__[0]) / "article.toml"
TODAY = date(2026, 11, 25)


def article(**changes):
    table = tomllib.loads(ARTICLE.read_text(encoding="utf-8"), parse_float=Decimal)["roi"]
    for key, value in changes.items():
        head, _, tail = key.partition("__")
        if tail:
            table.setdefault(head, {})[tail] = value
        else:
            table[head] = value
    return table


def money(table, **options):
    settings_ = read_roi(table, on=TODAY)
    options = {"baseline": "prompted", "candidate": "tuned", "today": TODAY, "draws": 500} | options
    return compute_money(settings_, **options).to_json()


def test_the_article_saves_forty_percent_and_pays_back_in_fourteen_days():
    settings_ = read_roi(article())
    check_roi(settings_, ["prompted", "tuned"], measured=False)
    found = compute_money(settings_, baseline="prompted", candidate="tuned").to_json()
    assert round(found["saving_share"], 4) == 0.4
    assert round(found["payback_days"], 1) == 14.0
    assert found["saving_per_day"] == pytest.approx(14.2857, abs=1e-4)
    assert found["requests_to_pay_back"] == pytest.approx(70000, rel=1e-6)
    assert found["break_even_requests_per_day"] == pytest.approx(200 / 365 / 0.00285714, rel=1e-5)
    assert found["missing"] == []


def test_the_article_with_repaired_failures():
    found = money(article(failures="repair", failure_cost=Decimal("0.10")))
    assert round(found["saving_per_day"], 2) == 134.29
    assert round(found["payback_days"], 2) == 1.49
    assert found["parts"]["failures"] > found["parts"]["guide"]


def test_the_article_with_dropped_failures():
    found = money(article(failures="drop"))
    variants = found["variants"]
    assert variants["prompted"]["cost_per_acceptable_output"] == pytest.approx(0.0102041, abs=5e-8)
    assert variants["tuned"]["effective_cost_per_request"] == pytest.approx(0.0045593, abs=5e-8)
    assert found["saving_share"] == pytest.approx(0.553, abs=5e-4)


def test_the_article_with_its_guide_cached():
    cached = {
        "prompted__price_cached": Decimal("1.4285714285"),
        "prompted__cached_share": 1,
        "prompted__min_cached_tokens": 0,
    }
    found = money(article(**cached))
    assert round(found["saving_share"], 4) == 0.1429
    assert round(found["payback_days"]) == 56
    assert money(article(**cached | {"prompted__min_cached_tokens": 501}))["saving_share"] == pytest.approx(0.4)


def test_all_keys_of_the_contract_exist_and_are_json():
    found = money(article())
    keys = """currency requests_per_day variants saving_per_request saving_share saving_per_day running_cost_per_day
    investment payback_days requests_to_pay_back break_even_requests_per_day break_even_failure_cost npv parts
    probability_of_payback_in_target payback_days_p5 payback_days_p50 payback_days_p95 npv_p5 npv_p50 npv_p95
    volume_curve tornado assumptions"""
    assert set(keys.split()) <= set(found)
    assert {"cost_per_request", "cost_per_acceptable_output", "effective_cost_per_request", "fixed_tokens"} <= set(
        found["variants"]["tuned"]
    )
    assert {entry["source"] for entry in found["assumptions"]} == {"stated", "default"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    assert money(article(), seed=1) == money(article(), seed=1)
    assert money(article(), seed=1)["npv_p5"] != money(article(), seed=2)["npv_p5"]


def test_a_single_volume_is_drawn_from_half_to_half_as_much_again():
    found = money(article())
    entry = next(entry for entry in found["assumptions"] if entry["key"] == "requests_per_day")
    assert entry["range"] == [2500, 5000, 7500]
    assert "Tuneworth's own" in entry["detail"]
    assert 200 / (7500 * 0.002857) < found["payback_days_p5"] < 14 < found["payback_days_p95"] < 200 / (2500 * 0.002857)
    assert [row["key"] for row in found["tornado"]] == ["requests_per_day"]


def test_the_range_of_a_stated_volume_is_kept():
    found = money(article(requests_per_day=[4000, 5000, 5500]))
    assert next(e for e in found["assumptions"] if e["key"] == "requests_per_day")["range"] == [4000, 5000, 5500]
    assert (found["tornado"][0]["low"], found["tornado"][0]["high"]) == (4000, 5500)


def test_always_on_machines_are_running_cost_and_the_share_is_of_the_daily_cost():
    found = money(article(tuned={"hourly": Decimal("0.5"), "requests_per_second": 5, "acceptance": Decimal("0.94")}))
    assert found["running_cost_per_day"] == 12
    assert found["variants"]["tuned"]["cost_per_request"] == 0
    assert found["saving_per_day"] == pytest.approx(35.714285713 - 12)
    assert found["saving_share"] == pytest.approx(1 - 12 / 35.714285713)


def test_a_machine_that_is_no_longer_needed_is_a_saving():
    machine = {"hourly": 2, "requests_per_second": 5, "acceptance": Decimal("0.7")}
    found = money(article(prompted=machine))
    assert found["running_cost_per_day"] == -48
    assert found["saving_per_day"] == pytest.approx(48 - 21.428571428)
    assert found["npv_p50"] == pytest.approx(found["npv"], rel=0.02)


MACHINE = {"hourly": Decimal("2.5"), "requests_per_second": 5, "acceptance": Decimal("0.9")}
WITH_MACHINES = [
    ({"failures": "ignore"}, 60 / (5000 * 0.9)),
    ({"failures": "drop"}, 60 / 5000),
    ({"failures": "repair", "failure_cost": Decimal("0.1")}, 0.1 * 0.1 + 60 / 5000),
    ({"failures": "retry", "tries": 2, "failure_cost": Decimal("0.1")}, 0.01 * 0.1 + 60 / 5000),
]


@pytest.mark.slow
@pytest.mark.parametrize(("failures", "expected"), WITH_MACHINES)
def test_an_output_includes_its_share_of_the_machines(failures, expected):
    found = money(article(tuned=MACHINE, **failures))
    hosted = found["variants"]["tuned"]["cost_with_machines"]
    assert hosted == pytest.approx(expected)
    line = next(line for line in found["derivation"] if line["key"] == "variants.tuned.cost_with_machines")
    assert line["value"] == pytest.approx(expected)
    if failures["failures"] in ("ignore", "drop"):
        per_day = found["requests_per_day"] * (0.9 if failures["failures"] == "ignore" else 1)
        assert hosted == pytest.approx(found["spend_per_day_candidate"] / per_day)


def test_without_machines_the_cost_is_unchanged_and_machines_need_a_volume():
    found = money(article(tuned=MACHINE, requests_per_day=None))["variants"]
    assert found["tuned"]["cost_with_machines"] is None
    assert found["tuned"]["machine_cost_per_day"] == 60
    assert found["prompted"]["cost_with_machines"] == found["prompted"]["cost_per_acceptable_output"]
    nothing = money(article(tuned=MACHINE | {"acceptance": 0}))["variants"]["tuned"]
    assert nothing["cost_with_machines"] is None


def test_upkeep_is_counted_once():
    running = {
        "monitoring_hours_per_month": 2,
        "monitoring_hourly": 60,
        "retrain_every_days": 100,
        "retrain_cost": 200,
        "style_changes_per_year": 3,
    }
    found = money(article(running=running))
    assert found["running_cost_per_day"] == pytest.approx(120 / 30.4375 + 2 + 600 / 365.25)
    assert found["saving_per_day"] == pytest.approx(14.285714285 - found["running_cost_per_day"])


@pytest.mark.parametrize(
    ("retires", "payback", "gain"), [("2026-01-05", None, -14), ("2026-12-08", None, -1), ("2026-12-09", 14, 0)]
)
def test_an_investment_that_pays_back_after_the_base_model_has_retired_never_does(retires, payback, gain):
    running = {"base_model_retires": retires, "monitoring_hours_per_month": 0}  # long ago, in 13 and in 14 days
    prices = {
        f"{name}__price_{of}": price for name in ("prompted", "tuned") for of, price in (("input", 2), ("output", 8))
    }
    # 500 tokens fewer at 2 per million, 1,000 times a day: the 14 are back after 14 days exactly.
    table = article(running=running, investment={"compute": 14}, requests_per_day=1000, **prices)
    found = money(table, draws=50)
    assert (found["payback_days"], found["npv"]) == (payback, gain)


def test_nothing_is_saved_after_the_base_model_has_retired():
    found = money(article(running={"base_model_retires": "2026-01-05"}, discount_rate=Decimal("0.08")), draws=50)
    (line,) = (line for line in found["derivation"] if line["key"] == "npv")
    assert (found["npv"], line["value"], line["numbers"]) == (-200, -200, "0 - 200")


@pytest.mark.parametrize(("acceptance", "can_pay"), [("0.90", True), ("0.94", False)])
def test_a_rival_that_is_exactly_as_good_is_not_surely_worse(acceptance, can_pay):
    """Against a cheaper rival that fails as seldom, no cost of a failure makes training pay."""
    small = {"price_input": 1, "price_output": 4, "fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150}
    dear = {"tuned__price_input": 12, "tuned__price_output": 48}
    found = money(article(small=small | {"acceptance": Decimal(acceptance)}, **dear), draws=50)
    assert (found["carrying_failure_cost"] is not None) is can_pay


@pytest.mark.slow
def test_the_horizon_ends_when_the_base_model_retires():
    found = money(article(running={"base_model_retires": "2026-12-05"}))
    assert found["horizon_days"] == 10
    assert found["npv"] == pytest.approx(-200 + 10 * 14.285714285)
    later = money(article(running={"base_model_retires": "2027-06-05"}))
    assert (found["payback_days"], later["payback_days"]) == (None, pytest.approx(14, abs=1e-6))
    assert 0 < found["probability_of_payback_in_target"] < later["probability_of_payback_in_target"]
    assert found["payback_days_p95"] is None
    gone = money(article(running={"base_model_retires": "2026-01-05"}))
    assert (gone["horizon_days"], gone["npv"], gone["break_even_requests_per_day"]) == (0, -200, None)


def test_the_investment_is_the_spending_ahead():
    investment = {
        "compute_hours": 2, "compute_hourly": 3, "compute_runs": 4, "labelling_pairs": 100, "labelling_minutes": 3,
        "labelling_hourly": 30, "engineering_hours": 5, "engineering_hourly": 80, "evaluation": 7, "already_spent": 999,
    }  # fmt: skip
    found = money(article(investment=investment))
    assert found["investment"] == 24 + 150 + 400 + 7
    assert found["already_spent"] == 999


def test_the_training_hours_of_the_run_count_once_they_have_a_price():
    priced = money(article(investment={"compute_hourly": 4}), training=TrainingCost(0.25))
    assert priced["investment"] == 1
    assert next(e for e in priced["assumptions"] if e["key"] == "investment.compute_hours")["source"] == "measured"
    assert money(article(investment={}), training=TrainingCost(0.25))["investment"] == 0


def test_a_batch_has_no_payback_days_but_a_total():
    table = article(requests_total=100_000)
    del table["requests_per_day"]
    found = money(table)
    assert found["saving_total"] == pytest.approx(285.7142857)
    assert found["npv"] == pytest.approx(85.7142857)
    assert found["requests_to_pay_back"] == pytest.approx(70_000)
    assert found["probability_npv_positive"] == 1
    nothing = ("requests_per_day", "payback_days", "saving_per_day", "break_even_requests_per_day", "payback_days_p50")
    assert [found[key] for key in nothing] == [None] * 5
    assert found["volume_curve"] == []


def test_a_batch_on_your_own_machine_costs_its_hours():
    table = article(requests_total=36_000, tuned={"hourly": 2, "requests_per_second": 5, "acceptance": Decimal("0.9")})
    del table["requests_per_day"]
    assert money(table)["variants"]["tuned"]["cost_per_request"] == pytest.approx(2 / 3600 / 5)


def test_prices_from_the_list_are_converted_with_a_note():
    table = article(exchange={"USD": Decimal("0.9"), "date": "2026-11-01"}, tuned__model="openai:gpt-4o-mini")
    del table["tuned"]["price_input"], table["tuned"]["price_output"]
    found = money(table)
    assert found["variants"]["tuned"]["cost_per_request"] == pytest.approx((150 * 0.15 + 150 * 0.6) * 0.9 / 1e6)
    entry = next(e for e in found["assumptions"] if e["key"] == "tuned.price_input")
    assert (entry["source"], entry["unit"]) == ("price list", "USD per million tokens")
    assert "genai-prices" in entry["detail"]
    assert "2026-11-25" in entry["detail"]
    words = next(e for e in found["derivation"] if e["key"] == "tuned.price_input")
    assert "The input price of tuned from the price list, in EUR." in str(words)


def test_a_missing_volume_is_named_and_everything_else_computed():
    table = article()
    del table["requests_per_day"]
    found = money(table)
    assert found["missing"] == ["roi.requests_per_day"]
    assert found["saving_share"] == pytest.approx(0.4)
    assert found["break_even_requests_per_day"] == pytest.approx(191.78, abs=0.01)
    assert [found[key] for key in ("payback_days", "npv", "probability_of_payback_in_target")] == [None] * 3
    assert len(found["volume_curve"]) == 25


def test_missing_prices_and_tokens_are_named():
    found = money({"requests_per_day": 10, "prompted": {"price_input": 1, "price_output": 2}})
    assert "roi.tuned.price_input" in found["missing"]
    assert "roi.prompted.fixed_tokens" in found["missing"]
    assert found["variants"]["tuned"]["cost_per_request"] is None


def test_without_acceptable_outputs_their_cost_is_undefined():
    found = money(article(failures="drop", tuned__acceptance=0))
    assert found["variants"]["tuned"]["cost_per_acceptable_output"] is None
    assert found["saving_per_request"] is None
    assert found["payback_days"] is None
    assert json.dumps(found, allow_nan=False)


def test_a_payback_of_never_is_censored_and_not_averaged():
    found = money(
        article(requests_per_day=[1, 100, 5000], running={"monitoring_hours_per_month": 1, "monitoring_hourly": 60})
    )
    assert found["payback_days"] is None  # at 100 a day the upkeep eats the saving
    assert found["payback_days_p5"] is not None
    assert found["payback_days_p95"] is None
    assert 0 < found["probability_of_payback_in_target"] < 1


@pytest.mark.slow
def test_the_failure_cost_above_which_a_better_but_more_expensive_model_pays():
    table = article(tuned__price_input=12, tuned__price_output=48)
    found = money(table)
    assert found["npv"] < 0
    least = found["break_even_failure_cost"]
    even = money({**table, "failures": "repair", "failure_cost": Decimal(repr(least))})
    assert even["saving_per_day"] == pytest.approx(0, abs=1e-9)


def test_the_volume_curve_surrounds_both_volumes_and_rises():
    curve = money(article())["volume_curve"]
    volumes = [point["requests_per_day"] for point in curve]
    assert len(curve) == 25
    assert volumes[0] < 191.8 < 5000 < volumes[-1]
    assert [p["npv"] for p in curve] == sorted(p["npv"] for p in curve)


@pytest.mark.slow
def test_a_cheaper_cached_guide_is_shown():
    found = money(article(prompted__fixed_tokens=2000, prompted__price_cached=Decimal("1.43")))
    assert found["cached_guide"]["cost_per_request"] == pytest.approx(
        (2000 * 1.43 + 150 * 5.714285714 + 150 * 22.857142857) / 1e6
    )
    short = money(article(prompted__price_cached=Decimal("1.43"), prompted__min_cached_tokens=1024))
    assert short["cached_guide"] is None  # 500 tokens are too short
    assert "fewer than the 1,024" in next(
        row["why"] for row in short["alternatives_out"] if row["key"] == "cached_guide"
    )


def hosted(**changes):
    machine = {
        "hourly": Decimal("0.5"),
        "requests_per_second": Decimal("0.01"),
        "acceptance": Decimal("0.94"),
    } | changes
    return article(tuned=machine, prompted__price_input=50, investment__compute=20_000)


@pytest.mark.slow
def test_the_break_even_volume_includes_the_machines_that_it_needs():
    found = money(hosted())
    volume = found["break_even_requests_per_day"]
    least = money(hosted() | {"requests_per_day": Decimal(repr(volume))})
    assert least["npv"] == pytest.approx(0, abs=1e-6)
    assert least["running_cost_per_day"] > 24  # more than two machines at 12 a day


def test_machines_that_cost_more_than_their_requests_save_never_break_even():
    assert money(hosted(requests_per_second=Decimal("0.0001")))["break_even_requests_per_day"] is None


@pytest.mark.parametrize("volume", [0, 5000])
def test_zero_volume_and_zero_saving_are_defined(volume):
    same = article(tuned=article()["prompted"]) | {"requests_per_day": volume}
    found = money(same)
    assert (found["saving_per_request"], found["saving_per_day"], found["npv"]) == (0, 0, -200)
    assert [found[key] for key in ("payback_days", "requests_to_pay_back", "break_even_requests_per_day")] == [None] * 3
    assert found["probability_of_payback_in_target"] == 0


def test_a_range_without_width_is_a_number():
    assert money(article() | {"requests_per_day": [5000, 5000, 5000]})["tornado"] == []


def test_a_horizon_shorter_than_the_ramp_has_a_partial_saving():
    found = money(article() | {"horizon_days": 100, "ramp_days": 400})
    assert found["npv"] == pytest.approx(14.285714285 * 100**2 / 800 - 200)
