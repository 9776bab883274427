import json
import tomllib
from decimal import Decimal

import pytest

from tuneworth.core import as_json, from_json
from tuneworth.evaluate.money import read_inputs
from tuneworth.evaluate.results import FormulaInputs
from tuneworth.reports.sections.money import what_if
from tuneworth.reports.stored import StoredRun

from ..evaluate.test_derived_money import DEARER, HOSTED, PRICED, SMALL
from ..evaluate.test_derived_money import money as derived_money
from ..shared import results_of
from .random_money import account, settings_of

ARTICLE = """
requests_per_day = 5000
[investment]
compute = 200
[prompted]
price_input = 5.714285714
price_output = 22.857142857
fixed_tokens = 500
input_tokens = 150
output_tokens = 150
acceptance = 0.70
[tuned]
price_input = 5.714285714
price_output = 22.857142857
fixed_tokens = 0
input_tokens = 150
output_tokens = 150
acceptance = 0.94
"""


def stored(tmp_path, text=ARTICLE, **changes):
    """A run of which nothing but the money is known."""
    table = tomllib.loads(text, parse_float=Decimal) | changes
    return StoredRun(tmp_path, results_of({"money": account(table)}), {}, {})


def money_of(tmp_path, text=ARTICLE, **changes):
    """The money of such a run, and its inputs."""
    run = stored(tmp_path, text, **changes)
    return run.results.money, what_if.formula_inputs(run)


def inputs_of(tmp_path, text=ARTICLE, **changes):
    return money_of(tmp_path, text, **changes)[1]


def names(tmp_path, text=ARTICLE, **changes):
    groups = what_if.field_groups(*money_of(tmp_path, text, **changes))
    return [field.key for _, fields in groups for field in fields]


@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20, 60))])
def test_the_stored_inputs_give_the_stored_figures(seed):
    money = account(*settings_of(seed))
    pair = read_inputs(from_json(money["formula_inputs"], FormulaInputs)).pair
    pairs = [(pair.value(key), money[key]) for key in ("payback_days", "npv", "saving_per_request", "saving_share")]
    for option in (pair.before, pair.after):
        wanted = money["variants"][option.variant]["effective_cost_per_request"]
        pairs.append((option.value("effective_cost_per_request"), wanted))
    for here, there in pairs:
        assert (here is None) == (there is None)
        assert here is None or float(here) == pytest.approx(there, rel=1e-9, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("baseline", ["template", SMALL])
@pytest.mark.parametrize("small", [PRICED, HOSTED, PRICED | HOSTED])
def test_the_stored_inputs_of_a_template_or_a_cascade_give_the_stored_figures(baseline, small):
    found = derived_money(
        {"tuned": DEARER, "prompted": DEARER | HOSTED, "small": small}, baseline=baseline, candidate="tuned", draws=1
    )
    pair = read_inputs(from_json(found["formula_inputs"], FormulaInputs)).pair
    for key in ("payback_days", "npv", "saving_per_request", "running_cost_per_day"):
        assert float(pair.value(key) or 0) == pytest.approx(found[key] or 0, rel=1e-9, abs=1e-9), key


def test_the_lead_says_what_half_the_volume_would_change(tmp_path):
    lead = what_if.lead(inputs_of(tmp_path))
    assert lead == (
        "At half the volume the investment pays back in 28\u00a0days instead of 14\u00a0days; change any number that you doubt."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"running": {"monitoring_hours_per_month": 5, "monitoring_hourly": 60}}, "never pays back, instead of in"),
        (
            {"running": {"monitoring_hours_per_month": 50, "monitoring_hourly": 60}},
            "never pays back, even at twice the volume",
        ),
        (
            {"running": {"monitoring_hours_per_month": 10, "monitoring_hourly": 60}},
            "At twice the volume the investment pays back in",
        ),
        ({"investment": {"compute": 0}}, "At half the volume the gain is"),
    ],
)
def test_the_lead_follows_what_the_money_says(tmp_path, changes, words):
    assert words in what_if.lead(inputs_of(tmp_path, **changes))


def test_a_batch_speaks_of_what_is_left_over(tmp_path):
    text = ARTICLE.replace("requests_per_day", "requests_total")
    money, inputs = money_of(tmp_path, text)
    assert what_if.lead(inputs) == (
        "Half the requests would lose 192.86\u00a0EUR, all of them would lose 185.71\u00a0EUR; "
        "change any number that you doubt."
    )
    assert what_if.doubt_head(inputs)[-1] == "Gain"
    assert len(what_if.doubt_head(inputs)) == len(what_if.doubt_rows(money, inputs)[0]) == 4
    found = names(tmp_path, text)
    assert found[0] == "requests_total"
    assert not {"horizon_days", "upkeep_per_month", "target_payback_days"} & set(found)


def test_a_run_without_prices_or_volume_has_no_section(tmp_path):
    priceless = ARTICLE.replace("price_input = 5.714285714\n", "", 1)
    volumeless = ARTICLE.replace("requests_per_day = 5000\n", "")
    for text in (priceless, volumeless):
        assert what_if.section(stored(tmp_path, text)) is None
    assert what_if.section(StoredRun(tmp_path, results_of({"money": None}), {}, {})) is None
    assert (
        what_if.section(StoredRun(tmp_path, results_of({"money": {"npv": 1.0, "saving_per_request": 1.0}}), {}, {}))
        is None
    )


def test_the_usual_doubts_are_those_of_the_formulas_in_use(tmp_path):
    assert [row[0] for row in what_if.doubt_rows(*money_of(tmp_path))] == [
        "nothing changes", "the volume is half as high", "the volume is twice as high", "the investment is twice as high"
    ]  # fmt: skip
    repaired = money_of(tmp_path, failures="repair", failure_cost=Decimal("0.10"))
    rows = {row[0]: row for row in what_if.doubt_rows(*repaired)}
    # 0.0071429 + 0.30 x 0.05, and 0.0042857 + 0.06 x 0.05; 0.0148571 x 5,000 a day pays 200 EUR back.
    assert rows["a failure costs half as much"][1:4] == ("0.0221\u00a0EUR", "0.00729\u00a0EUR", "2.7\u00a0days")


def test_a_cached_guide_is_a_doubt_where_it_can_be_had(tmp_path):
    text = ARTICLE.replace("[prompted]", "[prompted]\nprice_cached = 1.4285714285\nmin_cached_tokens = 0")
    rows = {row[0]: row for row in what_if.doubt_rows(*money_of(tmp_path, text))}
    assert rows["the guide of prompted is always cached"][3] == "56\u00a0days"


def test_fields_stand_only_for_numbers_that_the_formulas_use(tmp_path):
    found = names(tmp_path)
    assert "failure_cost" not in found
    assert "prompted.acceptance" not in found
    assert "prompted.cached_share" not in found
    repaired = names(tmp_path, failures="repair", failure_cost=Decimal("0.10"))
    assert {"failure_cost", "prompted.acceptance", "tuned.acceptance"} <= set(repaired)


def test_a_machine_of_ones_own_has_its_hour_in_place_of_prices(tmp_path):
    text = ARTICLE.split("[tuned]")[0] + "[tuned]\nhourly = 0.5\nrequests_per_second = 4\nacceptance = 0.9\n"
    found = names(tmp_path, text)
    assert "tuned.hourly" in found
    assert "tuned.price_input" not in found


@pytest.mark.slow
def test_each_field_starts_at_the_run_and_lies_on_its_slider(tmp_path):
    for seed in range(60):
        money = account(*settings_of(seed))
        run = StoredRun(tmp_path, results_of({"money": money}), {}, {})
        if (inputs := what_if.formula_inputs(run)) is None:
            continue
        for _, fields in what_if.field_groups(run.results.money, inputs):
            for field in fields:
                assert field.least <= field.value <= field.most
                assert field.low < field.high
                assert 0 <= field.place <= 100
                assert "e" not in field.text.lower()
                shown = float(field.text) / (100 if field.share else 1)
                assert shown == pytest.approx(field.value, rel=1e-3)


def test_the_data_of_the_page_is_inert_whatever_the_names(tmp_path):
    hostile = "</script><script>alert(1)</script><!--\u2028'&\x7f\ud800"
    inputs = as_json(inputs_of(tmp_path))
    inputs["variants"][hostile] = inputs["variants"].pop("prompted")
    inputs["baseline"] = hostile
    text = str(what_if.json_block(from_json(inputs, FormulaInputs)))
    assert not set("<>&'\u2028\x7f\ud800") & set(text)
    assert json.loads(text) == inputs | {
        "good": "acceptable",
        "spoken": {"baseline": f"“{hostile}”", "candidate": "the tuned model"},
        "break_even": "break-even over the horizon",
        "labels": {"baseline": hostile, "candidate": "tuned"},
    }
