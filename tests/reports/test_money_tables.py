"""The tables of the money section and of its assumptions, in runs whose money was counted."""

import html
import re
import tomllib
from collections.abc import Callable
from copy import deepcopy
from decimal import ROUND_CEILING, Decimal, localcontext
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tuneworth.evaluate import compute_money, read_roi
from tuneworth.examples import example_path
from tuneworth.reports import read_run, write_report
from tuneworth.reports.sections.money.assumptions import MARKS, anchor, input_value, link, words
from tuneworth.reports.sections.money.costs import cost_range, costed, linked_cost_rows
from tuneworth.reports.sections.three_numbers import three_numbers

ROW = re.compile(r"<tr(?P<attributes>[^>]*)>(?P<cells>.*?)(?=<tr|</table)", re.DOTALL)
RUNNING = {"monitoring_hours_per_month": 2, "monitoring_hourly": 60, "retrain_every_days": 100, "retrain_cost": 200}
HOSTED = {"hourly": 2, "requests_per_second": Decimal("0.05"), "acceptance": Decimal("0.9")}
SITUATIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "repaired, with upkeep": {"failures": "repair", "failure_cost": Decimal("0.10"), "running": RUNNING},
    "dropped": {"failures": "drop"},
    "tried again": {"failures": "retry", "tries": 3, "failure_cost": Decimal("0.10")},
    "a ramp": {"ramp_days": 30, "discount_rate": Decimal("0.08")},
    "machines": {"tuned": HOSTED},
    "a batch": {"requests_per_day": None, "requests_total": 100_000},
    "nothing to spend": {"investment": {}},
    "never": {"running": {**RUNNING, "retrain_cost": 20_000}},
}


def table(**changes: Any) -> dict[str, Any]:
    found = tomllib.loads(example_path("article.toml").read_text(encoding="utf-8"), parse_float=Decimal)["roi"]
    if changes.get("requests_total"):
        found = {key: value for key, value in found.items() if key not in ("horizon_days", "target_payback_days")}
    return {key: value for key, value in (found | changes).items() if value is not None}


COUNTED: dict[str, dict[str, Any]] = {}  # by the changes: each situation is shown by several tests


def counted(**changes: Any) -> Callable[[dict[str, Any]], None]:
    key = repr(changes)

    def change(results: dict[str, Any]) -> None:
        if key not in COUNTED:
            settings = read_roi(table(**changes))
            COUNTED[key] = compute_money(settings, baseline="prompted", candidate="tuned", draws=50).to_json()
        results["money"] = deepcopy(COUNTED[key])

    return change


@pytest.mark.slow
def test_the_cost_table_has_the_range_that_the_first_screen_shows(evaluated_run: Callable[..., Path]) -> None:
    run = read_run(evaluated_run(variants=("prompted", "tuned")))
    money = run.results.money
    assert money is not None
    row = next(row for row in linked_cost_rows(run, money, costed(run, money)[0]) if row.key == "range")
    sides = three_numbers(run)[1].sides
    assert row.cells == tuple(side.detail for side in sides)
    assert all(row.cells)
    assert [cost_range(run, side.name) for side in sides] == [(side.row.low, side.row.high) for side in sides]


@pytest.fixture
def pages(make_run: Callable[..., Path]) -> Callable[..., list[str]]:
    def made(change: Callable[[dict[str, Any]], None]) -> list[str]:
        run = make_run(change=change)
        write_report(run)
        return [(run / name).read_text(encoding="utf-8") for name in ("report.html", "report.md")]

    return made


def words_of(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).replace("\u00a0", " ").split())


def derived(page: str) -> list[tuple[str, str]]:
    """(arithmetic, result) of each line of the derivations, read from the page as a reader sees it."""
    found = []
    for row in ROW.finditer(page):
        arithmetic = re.search(r"<br><span>(.*?)</span>", row["cells"], re.DOTALL)
        if arithmetic:
            result = re.split(r"<td[^>]*>", row["cells"])[-1]
            found.append((words_of(arithmetic[1]).removeprefix("= "), words_of(result)))
    return found


def calculated(text: str) -> Any:
    text = re.sub(r"(?<=\d),(?=\d{3}(\D|$))", "", text)
    for sign, operator in (("×", "*"), ("÷", "/"), ("^", "**"), ("−", "-"), ("≤", "<=")):
        text = text.replace(sign, operator)
    text = re.sub(r"\d+(\.\d+)?", lambda found: f"Decimal('{found[0]}')", text)
    known = {"Decimal": Decimal, "max": max, "sqrt": lambda x: x.sqrt(), "exp": lambda x: x.exp(),
             "ceil": lambda x: x.to_integral_value(rounding=ROUND_CEILING)}  # fmt: skip
    with localcontext() as context:
        context.prec = 50
        return eval(text, {"__builtins__": {}}, known)


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_line_on_the_page_gives_its_result_on_a_pocket_calculator(pages, situation):
    page, _ = pages(counted(**SITUATIONS[situation]))
    lines = derived(page)
    assert len(lines) > 8
    for arithmetic, result in lines:
        if "≤" in arithmetic:
            assert calculated(arithmetic) is True, arithmetic
            continue
        shown = Decimal(result.split()[0].replace(",", "").replace("−", "-"))
        step = Decimal(1).scaleb(int(shown.as_tuple().exponent))
        assert abs(calculated(arithmetic) - shown) <= step * Decimal("0.5000001"), (arithmetic, result)


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_link_leads_to_an_anchor_and_every_anchor_stands_once(pages, situation):
    page, _ = pages(counted(**SITUATIONS[situation]))
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    targets = {html.unescape(unquote(href)) for href in re.findall(r'href="#([af]-[^"]*)"', page)}
    assert len(targets) > 8
    assert targets <= {html.unescape(each) for each in ids}


def test_every_line_and_every_assumption_has_its_anchor(pages):
    kept: dict[str, Any] = {}

    def change(results: dict[str, Any]) -> None:
        counted(**SITUATIONS["repaired, with upkeep"])(results)
        kept.update(results["money"])

    page, _ = pages(change)
    for kind, entries in (("f", kept["derivation"]), ("a", kept["assumptions"])):
        assert entries
        for entry in entries:
            assert f'id="{anchor(kind, entry["key"])}"' in page, entry["key"]


def test_from_the_payback_it_is_one_step_to_an_assumption(pages):
    page, _ = pages(counted())
    rows = {match["attributes"]: match["cells"] for match in ROW.finditer(page)}
    payback = next(cells for attributes, cells in rows.items() if 'id="f-payback_days"' in attributes)
    assert re.findall(r'href="#([^"]*)"', payback) == ["f-investment", "f-saving_per_day", "a-ramp_days"]
    cost = next(
        cells for attributes, cells in rows.items() if 'id="f-variants.prompted.cost_per_request"' in attributes
    )
    assert 'href="#a-prompted.price_input">prompted: price per million input tokens</a>' in cost


@pytest.mark.slow
def test_the_cost_table_counts_machines_where_there_are_some(pages):
    page, _ = pages(counted(tuned=HOSTED | {"requests_per_second": 2}))
    section = page[page.index('aria-label="Cost of one request"') :]
    total = words_of(next(match["cells"] for match in ROW.finditer(section) if "total" in match["attributes"]))
    # 48 EUR a day for 5,000 requests of which nine in ten are acceptable
    assert total == "Cost of one acceptable output, including machines, at 5,000 requests a day 0.0102 EUR 0.0107 EUR"


def test_names_that_no_address_may_hold_still_lead_somewhere():
    key = 'my "b" model/2.price_input'
    assert anchor("a", key) == 'a-my_"b"_model/2.price_input'
    assert unquote(re.findall('href="#([^"]*)"', link("a", key, "x"))[0]) == anchor("a", key)


def test_the_report_shows_the_ways_without_tuning_and_every_figure(pages):
    page, _ = pages(counted())
    text = words_of(page)
    assert "prompted with its guide cached 0.005 EUR 30% 70% (stated) 56 days" in text
    assert "Every other figure with its calculation" in text
    assert len(re.findall(r'<tr id="(f-[^"]*)"', page)) == len(set(re.findall(r'<tr id="(f-[^"]*)"', page))) > 20
    assert "= (500 × 5.714285714 + 150 × 5.714285714 + 150 × 22.857142857) ÷ 1,000,000" in text


def test_a_way_that_costs_more_has_a_real_minus(pages):
    def dearer(results: dict[str, Any]) -> None:
        counted()(results)
        results["money"]["alternatives"][0]["saving_share"] = -0.032

    page, _ = pages(dearer)
    assert "−3%" in page
    assert "-3.2" not in page


def test_warnings_and_names_from_data_are_shown_and_escaped(pages):
    def hostile(results: dict[str, Any]) -> None:
        counted()(results)
        money = results["money"]
        money["warnings"] = ["<script>alert(1)</script>"]
        money["alternatives"][0]["name"] = "<b>|name"
        money["derivation"][0] |= {"words": "<img src=x>", "inputs": ["<i>.price_input"], "formula": "<u> - <s>"}
        money["assumptions"][0] |= {"unit": "<em>", "detail": "<q>"}
        money["assumptions"].append({"key": '"><video>.price_input', "value": 1, "unit": "EUR", "source": "stated"})

    page, _ = pages(hostile)
    for text in ("<script>alert(1)", "<b>|name", "<img src=x>", "<i>", "<em>", "<q>", "<video>", "<u> − <s>"):
        assert text not in page
        assert html.escape(text) in page or html.escape(text[0].upper() + text[1:]) in page, text


def test_a_run_without_alternatives_has_no_table_of_them(pages):
    def bare(results: dict[str, Any]) -> None:
        counted()(results)
        results["money"].update(alternatives=[], derivation=[])

    page, _ = pages(bare)
    assert "Alternatives without training" not in page
    assert "Payback" in page  # the steps in short, where no derivation was kept


def test_lines_that_do_not_say_what_goes_in_stand_in_the_whole_list(pages):
    def older(results: dict[str, Any]) -> None:
        counted()(results)
        for line in results["money"]["derivation"]:
            del line["inputs"]

    page, _ = pages(older)
    assert "Payback" in page
    assert page.count('id="f-payback_days"') == 1
    assert page.index('id="f-payback_days"') > page.index("Every figure with its calculation")


def test_without_prices_the_section_says_what_to_state_and_nothing_else(pages):
    page, _ = pages(lambda results: results.update(money=None))
    section = page[page.index('id="money"') : page.index("</section>", page.index('id="money"'))]
    assert "No prices were stated" in section
    assert "[roi]" in section
    assert "<table" not in section
    assert "<h3" not in section


@pytest.mark.slow
def test_the_cost_table_marks_what_counts(pages):
    for failures, label in (
        ("ignore", "Cost of one request"), ("drop", "Cost of one acceptable output"),
        ("repair", "Cost of one request with failures"),
    ):  # fmt: skip
        page, _ = pages(counted(failures=failures, failure_cost=Decimal("0.1")))
        section = page[page.index('aria-label="Cost of one request"') :]
        total = next(match["cells"] for match in ROW.finditer(section) if "total" in match["attributes"])
        assert label in total


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("tuned.price_input", "tuned: price per million input tokens"),
        ("v1.2.acceptance", "v1.2: acceptable outputs"),
        ("investment.engineering_hours", "engineering: hours"),
        ("failure_cost", "cost of an unacceptable output"),
        ("exchange.USD", "exchange: USD"),
        ("nobody.knows_this", "nobody: knows this"),
    ],
)
def test_a_key_is_said_in_words(key, said):
    assert words(key, "acceptable") == said


def test_every_assumption_of_an_account_has_words_of_its_own():
    settings = read_roi(
        table(**SITUATIONS["repaired, with upkeep"], prompted=table()["prompted"] | {"short_guide_tokens": 100})
    )
    found = compute_money(settings, baseline="prompted", candidate="tuned", draws=5).to_json()["assumptions"]
    assert len(found) > 30
    assert [entry["key"] for entry in found if "_" in words(entry["key"], "acceptable").partition(": ")[2]] == []
    assert len({words(entry["key"], "acceptable") for entry in found}) == len(found)
    assert {entry["source"] for entry in found} <= set(MARKS)


def test_values_are_said_in_their_kind():
    assert input_value("tuned.acceptance", 0.94) == "94%"
    assert input_value("tuned.price_input", 5.714285714) == "5.71429"
    assert input_value("investment.compute", [100, 200, 600]) == "100, 200, 600"
    assert input_value("requests_per_day", None) == "–"
