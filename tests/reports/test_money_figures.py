"""What the money section says first, and its charts, for every kind of account."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import unbroken as say
from tuneworth.evaluate.results import Money
from tuneworth.reports import read_run
from tuneworth.reports.sections.money.money import lead
from tuneworth.reports.sections.money.money_charts import (
    axis_words,
    parts_figure,
    payback_figure,
    saving_parts,
    scenarios,
    tornado_figure,
    volume_figure,
    volume_rows,
)
from tuneworth.reports.stored import StoredRun

from .test_money_tables import SITUATIONS, counted, words_of


def money_of(run: StoredRun) -> Money:
    assert run.results.money is not None
    return run.results.money


def parts_drawn(run: StoredRun) -> str:
    return parts_figure(run, money_of(run))


def payback_drawn(run: StoredRun) -> str:
    return payback_figure(money_of(run))


def volume_drawn(run: StoredRun) -> str:
    return volume_figure(run, money_of(run))


def tornado_drawn(run: StoredRun) -> str:
    return tornado_figure(money_of(run))


@pytest.fixture
def stored(make_run: Callable[..., Path]) -> Callable[..., StoredRun]:
    def made(change: dict[str, Any] | None = None, **settings: Any) -> StoredRun:
        def both(results: dict[str, Any]) -> None:
            counted(**settings)(results)
            results["money"].update(change or {})

        return read_run(make_run(change=both))

    return made


THAN = "with the tuned model than with the prompted model"
LEADS = {
    "as it is": f"A request costs 40% less {THAN}; at 5,000 requests a day it pays back in 14 days",
    "repaired, with upkeep": f"A request, including its failures, costs 72% less {THAN}; at 5,000 requests a day it pays back in",
    "dropped": f"An acceptable output costs 55% less {THAN}; at 5,000 requests a day it pays back in",
    "tried again": "A request, including its failures, costs",
    "a ramp": f"A request costs 40% less {THAN}; at 5,000 requests a day it pays back in",
    "machines": f"A day costs 169% more {THAN}; at 5,000 requests a day it never pays back.",
    "a batch": f"A request costs 40% less {THAN}; for 100,000 requests it saves 85.71 EUR once the investment is counted.",
    "nothing to spend": f"A request costs 40% less {THAN}; at 5,000 requests a day it pays back in no time, "
    "since it needs no investment.",
    "never": f"A request costs 40% less {THAN}; at 5,000 requests a day it never pays back: running costs of",
}


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_first_sentence_is_what_was_found(stored, situation):
    said = lead(stored(**SITUATIONS[situation])).replace("\u00a0", " ")
    assert said.startswith(LEADS[situation]), said
    assert said.endswith(".")
    assert said.count(".", 0, -1) == len(re.findall(r"\d\.\d", said))  # one sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"saving_per_request": None}, "cannot be calculated yet"),
        ({"saving_share": 0.0, "saving_per_request": 0.0, "saving_per_day": 0.0, "payback_days": None}, "costs the same"),
        ({"saving_share": -0.1, "saving_per_request": -0.01, "saving_per_day": -5.0, "payback_days": None},
         "costs 10% more with the tuned model than with the prompted model; at 5,000 requests a day it never pays back."),
        ({"saving_share": None, "saving_per_request": -0.5, "saving_per_day": -5.0, "payback_days": None},
         "costs 0.50 EUR more with the tuned model"),
        ({"payback_days_p95": None}, "it pays back in 14 days (11 days to never)."),
        ({"payback_days_p5": None, "payback_days_p95": None}, "it pays back in 14 days."),
        ({"requests_per_day": None, "saving_per_day": None, "payback_days": None}, "which are not stated"),
    ],
)  # fmt: skip
def test_the_first_sentence_of_odd_accounts(stored, change, said):
    assert said in lead(stored(change)).replace("\u00a0", " ")


def test_nothing_acceptable_is_named_where_it_is_what_leaves_the_cost_open(stored):
    variant = {"cost_per_request": 0.1, "acceptance": 0.0}
    change = {"saving_per_request": None, "variants": {"prompted": variant, "tuned": {**variant, "acceptance": 0.4}}}
    assert lead(stored(change | {"failures": "drop"})).startswith("No output of the prompted model is acceptable, so")
    assert "numbers are missing" in lead(stored(change | {"failures": "repair"}))


def test_the_parts_name_what_their_cost_is_of(stored):
    assert "Cost of an acceptable output, from baseline to candidate" in parts_drawn(stored(**SITUATIONS["dropped"]))
    assert "Cost of a request, from baseline to candidate" in parts_drawn(stored())


@pytest.mark.parametrize("share", [0.054, 0.0005, 0.54])
def test_the_saving_is_said_as_on_the_first_screen(stored, share):
    run = stored({"saving_share": share, "variants": {"tuned": {}, "prompted": {}}})
    words = say.percent(share)
    assert f"costs {words} less" in lead(run)


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_chart_of_every_account_has_numbers_that_are_some(stored, situation):
    run = stored(**SITUATIONS[situation])
    drawn = [figure(run) for figure in (parts_drawn, payback_drawn, volume_drawn, tornado_drawn)]
    assert any(drawn)
    for chart in drawn:
        assert not re.search(r"\bnan\b|\binf\b|not measured", chart, re.IGNORECASE)
        assert all(0 <= float(place) <= 100 for place in re.findall(r'="([-\d.e]+)%"', chart))


def test_the_waterfall_goes_from_one_cost_to_the_other(stored):
    text = words_of(parts_drawn(stored(**SITUATIONS["repaired, with upkeep"])))
    assert re.search(
        r"prompted 0.0371 EUR .*Shorter prompt −0.00286 EUR .*Fewer failures −0.024 EUR .*tuned 0.0103 EUR", text
    )


def test_a_part_that_costs_more_is_hatched_with_a_plus_and_named_for_it(stored):
    run = stored({"parts": {"guide": 0.003, "model": -0.001, "failures": 0.0}})
    drawn = parts_drawn(run)
    assert "Shorter prompt" in drawn
    for failures, words in ((0.002, "Fewer failures"), (-0.002, "More failures")):
        parts = {"guide": 0.0, "model": 0.0, "failures": failures}
        assert saving_parts(money_of(stored({"parts": parts})))[2] == (words, failures)
    assert "+0.001\u00a0EUR" in drawn
    assert drawn.count('class="bar r-loss"') == 1
    assert "no change" in drawn


def test_the_payback_says_how_many_scenarios_are_in_time(stored):
    run = stored(failures="repair", failure_cost=0, requests_per_day=[100, 800, 5000])
    found, inside = money_of(run).payback_distribution, money_of(run).probability_of_payback_in_target
    assert found is not None
    assert inside is not None
    text = words_of(payback_drawn(run))
    assert f"The investment pays back within 90 days in {scenarios(inside)} simulated scenarios" in text
    assert "target: 90 days" in text
    low, high = money_of(run).payback_days_p5, money_of(run).payback_days_p95
    assert (
        f"In 90% of the scenarios it takes {words_of(say.days_range(low, high))}. In 90% of the scenarios the gain is"
        in text
    )
    drawn = payback_drawn(run)
    assert 'class="column inside"' in drawn
    assert 'class="column outside"' in drawn
    assert sum(each.share for each in found.bins) > 0.9


def test_a_payback_that_never_comes_has_no_bars_and_a_hatched_row(stored):
    never = {"bins": [], "never": 1.0, "target_days": 90.0, "beyond": 0.0}
    drawn = payback_drawn(stored({"payback_distribution": never, "probability_of_payback_in_target": 0.0}))
    assert "in none of 100 simulated scenarios" in words_of(drawn)
    assert "column" not in drawn
    assert drawn.count('class="bar r-loss"') == 1


def test_no_payback_is_drawn_where_the_saving_itself_is_not_known(stored):
    assert payback_drawn(stored())
    assert payback_drawn(stored({"saving_per_request": None})) == ""


def test_no_gain_is_moved_where_none_can_be_counted(stored):
    lines = [{"key": "failure_cost", "low": 0.05, "high": 0.2, "npv_low": 1.0, "npv_high": 900.0}]
    assert tornado_drawn(stored({"tornado": lines, "npv": 500.0}))
    assert tornado_drawn(stored({"tornado": lines, "npv": None})) == ""


def test_a_target_far_beyond_all_paybacks_does_not_press_the_bars_into_a_corner(stored):
    bins = [{"from": 1.0, "to": 2.0, "share": 0.5}, {"from": 2.0, "to": 3.0, "share": 0.5}]
    spread = {"bins": bins, "never": 0.0, "target_days": 3650.0, "beyond": 0.0}
    drawn = payback_drawn(stored({"payback_distribution": spread, "probability_of_payback_in_target": 1.0}))
    widths = [float(width) for width in re.findall(r'class="column inside" x="[\d.]+%" width="([\d.]+)%"', drawn)]
    assert len(widths) == 2
    assert min(widths) > 20
    assert "flagline" not in drawn


def test_the_batch_shows_what_it_leaves_over(stored):
    run = stored(**SITUATIONS["a batch"], failures="repair", failure_cost=[0, 0, 1])
    assert "The batch saves more than it costs in" in words_of(payback_drawn(run))
    assert volume_drawn(run) == ""


def test_the_curve_has_its_band_break_even_and_today(stored):
    run = stored(failures="repair", failure_cost=[0, 1, 3])
    drawn = volume_drawn(run)
    assert drawn.count("<polygon") == 1
    assert "90% of scenarios" in drawn
    assert "today: 5,000 a day" in drawn
    assert "break-even over the horizon:" in drawn


def test_a_curve_of_an_older_run_is_drawn_without_a_band(stored):
    curve = [{"requests_per_day": 10.0**n, "payback_days": None, "npv": 10.0**n - 500} for n in range(2, 6)]
    drawn = volume_drawn(stored({"volume_curve": curve}))
    assert "<polygon" not in drawn
    assert "90 of 100" not in drawn
    assert "not measured" not in drawn
    assert '<path class="curve' in drawn


@pytest.mark.parametrize("npv", [1e-12, 1e15, 0.0, -1e15])
def test_values_of_any_size_are_drawn(stored, npv):
    curve = [
        {"requests_per_day": v, "payback_days": None, "npv": npv, "npv_p5": npv, "npv_p95": npv}
        for v in (1e-3, 1.0, 1e12)
    ]
    drawn = volume_drawn(
        stored({"volume_curve": curve, "break_even_requests_per_day": 1.0, "requests_per_day": 1.0001})
    )
    assert "<svg" in drawn
    assert all(0 <= float(place) <= 100 for place in re.findall(r'="([-\d.e]+)%"', drawn))
    assert max(map(len, re.findall(r"<text[^>]*>([^<]*)<", drawn))) <= 18


def test_seven_rows_around_today_and_the_break_even_are_printed(stored):
    run = stored()
    rows = volume_rows(money_of(run))
    assert len(rows) == 7
    volumes = [float(row[0].replace(",", "")) for row in rows]
    assert volumes == sorted(volumes)
    assert min(volumes) < 191.78 < max(volumes)
    assert min(volumes) < 5000 < max(volumes)


def test_the_tornado_names_each_end_by_its_input_and_leaves_out_what_moves_little(stored):
    lines = [
        {"key": "tuned.acceptance", "low": 0.9, "high": 0.95, "npv_low": 100.0, "npv_high": 900.0},
        {"key": "failure_cost", "low": 0.05, "high": 0.2, "npv_low": -340.4, "npv_high": 4120.6},
        {"key": "tuned.output_tokens", "low": 20.123456, "high": 24.0, "npv_low": 502.0, "npv_high": 500.0},
    ]
    text = words_of(tornado_drawn(stored({"tornado": lines, "npv": 500.0})))
    assert "cost of an unacceptable output at 0.05: −340.40 EUR at 0.2: 4,121 EUR" in text
    assert "tuned: acceptable outputs at 90%: 100 EUR at 95%: 900 EUR" in text
    assert "1 more input has a smaller effect." in text
    assert "tuned: tokens in the answer 20.1 to 24 502 EUR to 500 EUR" in text  # in the table all the same


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.94, "94 of 100"),
        (0.0, "none of 100"),
        (0.005, "1 of 100"),
        (0.995, "over 99 of 100"),
        (0.125, "13 of 100"),
        (0.001, "under 1 of 100"),
        (0.9999, "over 99 of 100"),
        (1.0, "100 of 100"),
    ],
)
def test_a_share_of_the_scenarios_is_never_rounded_to_certainty(share, said):
    assert scenarios(share) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0"), (-20_000.0, "−20,000"), (2.5e6, "2.5\u00a0million"), (1e15, "1,000\u00a0trillion"), (5e-5, "0.00005")],
)
def test_ticks_stay_short(value, said):
    assert axis_words(value) == said
