"""The cost and the payback of the first screen: each figure is what its words say and leads to where it comes from."""

from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import as_json
from tuneworth.core import unbroken as say
from tuneworth.reports import read_run
from tuneworth.reports.markdown import money_lines
from tuneworth.reports.sections import why
from tuneworth.reports.sections.three_numbers import Number, three_numbers
from tuneworth.reports.stored import StoredRun

from ..shared import results_of
from .real_run import ROI, write_real_run


def counted(tmp_path: Path, text: str, **options: Any) -> tuple[Number, Number]:
    """The numbers of cost and payback of a real run with this [roi]."""
    run = read_run(write_real_run(tmp_path / "run", n=42, variants=("prompted", "tuned"), roi=text, **options))
    _, cost, payback = three_numbers(run)
    return cost, payback


@pytest.mark.slow
def test_a_share_that_is_not_the_derived_one_does_not_lead_there(tmp_path: Path) -> None:
    ignored, _ = counted(tmp_path, ROI.replace('failures = "repair"\nfailure_cost = [0.05, 0.10, 0.20]', ""))
    assert (ignored.title, ignored.change[-4:], ignored.change_origin) == ("Cost per acceptable output", "less", "")


@pytest.mark.slow
def test_what_counts_where_failures_are_tried_again_is_what_all_calls_cost(tmp_path: Path) -> None:
    cost, _ = counted(tmp_path, ROI.replace('"repair"', '"retry"\ntries = 3'))
    assert cost.title == "Cost per request, including retries"
    assert [side.origin for side in cost.sides] == [
        f"#f-variants.{name}.effective_cost_per_request" for name in ("prompted", "tuned")
    ]
    assert cost.change_origin == "#f-saving_share"


PRICES = "price_input = 1.20\nprice_output = 4.80"
MENDED = 'failures = "repair"\nfailure_cost = [0.05, 0.10, 0.20]'
HOSTED = ROI.replace(PRICES, "hourly = 3\nrequests_per_second = 2").replace(MENDED, "")


@pytest.mark.slow
def test_a_machine_of_ones_own_is_in_the_cost_of_an_output(tmp_path: Path) -> None:
    cost, _ = counted(tmp_path, HOSTED)
    results = as_json(read_run(tmp_path / "run" / "run").results)
    found = results["quality"]["tuned"]["acceptable"]
    per_output = [72 / (2000 * found[end]) for end in ("share", "high", "low")]  # 3 EUR an hour
    assert results["money"]["variants"]["tuned"]["cost_with_machines"] == pytest.approx(per_output[0])
    assert (cost.sides[1].value, cost.sides[1].detail) == (
        say.money(per_output[0], "EUR"),
        say.money_range(*per_output[1:], "EUR"),
    )
    assert cost.change.replace("\u00a0", " ").endswith(" as much, including machines, at 2,000 requests a day")
    assert cost.sides[1].origin == "#f-variants.tuned.cost_with_machines"


@pytest.mark.slow
def test_the_markdown_page_says_a_machines_cost_as_the_first_screen_does(tmp_path: Path) -> None:
    cost, _ = counted(tmp_path, HOSTED)
    text = (tmp_path / "run" / "run" / "report.md").read_text(encoding="utf-8")
    said = f"tuned: **{cost.sides[1].value}** ({cost.sides[1].detail}) | {cost.change} |"
    assert " ".join(said.split()) in text
    money = read_run(tmp_path / "run" / "run").results.money
    assert money is not None
    before, after = money.spend_per_day_baseline, money.spend_per_day_candidate
    assert before is not None
    assert after is not None
    lines = dict(money_lines(money))
    assert lines["Saving per request"] == f"{say.money(money.saving_per_request, 'EUR')}, without machines"
    day = lines["Cost of a day at 2,000 requests, including machines"].replace("\u00a0", " ")
    assert day == f"prompted {before:.2f} EUR, tuned {after:.0f} EUR ({after / before:.2g} times as much)"
    assert lines["Saving per day"].endswith("requests a day, after upkeep")
    tuned = next(line for line in text.split("\n") if line.startswith("| tuned |"))
    assert tuned.replace("\u00a0", " ").endswith("| 72 EUR per day | ")


@pytest.mark.slow
@pytest.mark.parametrize(("failures", "range_"), [("drop", False), ("repair", True), ("retry", False)])
def test_machines_are_in_the_cost_whatever_happens_to_failures(tmp_path: Path, failures: str, range_: bool) -> None:
    more = "\ntries = 2" if failures == "retry" else ""
    stated = f'failures = "{failures}"{more}\nfailure_cost = 0.1\n[roi.investment]'
    cost, _ = counted(tmp_path, HOSTED.replace("[roi.investment]", stated))
    results = as_json(read_run(tmp_path / "run" / "run").results)
    each = results["money"]["variants"]["tuned"]["cost_with_machines"]
    assert cost.sides[1].value == say.money(each, "EUR")
    assert each > 72 / 2000 - 1e-12
    assert bool(cost.sides[1].detail) == range_


@pytest.mark.slow
def test_without_a_volume_a_machines_day_stands_beside_the_cost(tmp_path: Path) -> None:
    cost, _ = counted(tmp_path, HOSTED.replace("requests_per_day = 2000\nramp_days = 30", ""))
    assert cost.sides[1].detail.replace("\u00a0", " ") == "plus 72 EUR per day for machines"
    assert cost.change == "which one costs less depends on the volume"


@pytest.mark.slow
def test_no_price_is_called_missing_where_nothing_is_acceptable(tmp_path: Path) -> None:
    text = ROI.replace('"repair"\nfailure_cost = [0.05, 0.10, 0.20]', '"drop"')
    _, payback = counted(tmp_path, text, good={"prompted": 0, "tuned": 6})
    assert (payback.sides[0].value, payback.change) == ("not known", "")
    assert payback.sides[0].detail == "No output is acceptable, so an acceptable one has no cost."


@pytest.mark.slow
def test_one_variant_is_not_said_to_lack_prices(tmp_path: Path) -> None:
    _, payback = three_numbers(read_run(write_real_run(tmp_path / "run", n=42, variants=("tuned",))))[1:]
    assert payback.sides[0].detail == "There is no second variant to compare the cost with."


def stored(money: dict[str, Any], flips: list[dict[str, Any]]) -> StoredRun:
    comparison = {"baseline": "rival", "candidate": "tuned", "difference": {"value": 0.0, "low": -0.1, "high": 0.1}}
    verdict = {"decision": "fine-tune", "flips": flips}
    return StoredRun(Path("run"), results_of(comparison=comparison, money=money, verdict=verdict), {}, {})


def lead(run: StoredRun) -> str:
    assert run.results.verdict is not None
    return why.lead(run, run.results.verdict)


def test_the_reasons_name_no_chance_of_what_cannot_be_counted() -> None:
    money = {"probability_of_payback_in_target": 1.0, "target_payback_days": 90, "requests_per_day": 100}
    assert "investment pays back" in lead(stored(money | {"saving_per_request": 0.1}, []))
    assert lead(stored(money | {"saving_per_request": None}, [])) == "Both are equally good."


@pytest.mark.parametrize(("to", "said"), [(0.1002, "a little above"), (0.09998, "a little below")])
def test_a_change_too_small_for_three_digits_is_a_little_one(to: float, said: str) -> None:
    flip = {
        "key": "failure_cost",
        "what": "cost of an unacceptable output",
        "from": 0.1,
        "to": to,
        "decision": "fine-tune",
    }
    verb = "rises" if to > 0.1 else "falls"
    found = why.flips(stored({"currency": "EUR"}, [flip]))[0].if_.replace("\u00a0", " ")
    assert found == f"If the cost of an unacceptable output {verb} {said} 0.10 EUR"
