"""The money section in a real browser: two clicks to an assumption, nothing wider than the page, nothing covered."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworth.reports import write_report

from .chromium import Window
from .test_money_tables import SITUATIONS, counted

pytestmark = pytest.mark.browser
VISIBLE = "(id => { const box = document.getElementById(id).getBoundingClientRect();"
VISIBLE += " return box.height > 0 && box.top > -2 && box.top < innerHeight })"
CUT = """[...document.querySelectorAll('#money .picture *, #money td, #a-failure_cost td')].filter(each => {
  const box = each.getBoundingClientRect(), scroll = each.closest('.scroll');
  if (!box.width || each.closest('details:not([open])')) return false;
  return scroll ? scroll.scrollWidth > scroll.clientWidth + 1 : box.right > innerWidth || box.left < 0;
}).map(each => each.outerHTML.slice(0, 120))"""
COVERED = """[...document.querySelectorAll('.plot')].flatMap(plot => {
  const boxes = [...plot.querySelectorAll('.flagwords, text')].map(each => each.getBoundingClientRect());
  return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => a.width && b.width && a.left < b.right - 1
    && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2));
}).length"""


@pytest.fixture
def page(make_run: Callable[..., Path]) -> Path:
    run = make_run(change=counted(**SITUATIONS["repaired, with upkeep"]))
    write_report(run)
    return run / "report.html"


def test_two_clicks_lead_from_a_figure_to_its_assumption(window: Window, page: Path) -> None:
    opened = window.open(page, at="#cost-items")
    opened.click('.costs a[href="#f-variants.tuned.cost_per_request"]')
    assert window.value(f"{VISIBLE}('f-variants.tuned.cost_per_request')")
    opened.click('tr:target a[href="#a-tuned.price_output"]')
    assert window.value(f"{VISIBLE}('a-tuned.price_output')")
    assert window.value("document.querySelector(':target').innerText.includes('Price per million output tokens')")


@pytest.mark.parametrize(
    ("figure", "method"), [("#shares", "m-ranges"), ("#difference", "m-comparison"), ("#payback", "m-money")]
)
def test_two_clicks_lead_from_the_first_screen_to_how_it_was_counted(
    window: Window, evaluated_run: Callable[..., Path], figure: str, method: str
) -> None:
    opened = window.open(write_report(evaluated_run(n=42, variants=("prompted", "tuned")))[0])
    opened.click(f'.threes a[href="{figure}"] >> nth=0')
    assert window.value(f"{VISIBLE}('{figure[1:]}')")
    opened.click(f'{figure} a[href="#{method}"]')
    assert window.value(f"{VISIBLE}('{method}')")


def test_an_address_of_a_line_in_the_closed_list_opens_it(window: Window, page: Path) -> None:
    window.open(page, at="#f-parts.guide")
    assert window.value("document.getElementById('f-parts.guide').closest('details').open")
    assert window.value(f"{VISIBLE}('f-parts.guide')")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_chart_and_no_cell_leaves_the_page_and_no_label_covers_another(
    window: Window, page: Path, width: int
) -> None:
    window.open(page, width=width, unfold=True)
    assert window.value(CUT) == []
    assert window.value(COVERED) == 0
    assert window.value("document.querySelectorAll('#money .flagwords').length") >= 2


def test_flags_at_nearly_one_place_and_at_the_edges_do_not_cover_one_another(
    window: Window, make_run: Callable[..., Path]
) -> None:
    def near(results: dict) -> None:
        counted()(results)
        results["money"].update(requests_per_day=123_456_789_012.0, break_even_requests_per_day=123_456_789_000.0)
        for number, row in enumerate(results["money"]["volume_curve"]):
            row["requests_per_day"] = 123_456_789_013.0 * 1.2 ** (number - 24)

    run = make_run(change=near)
    write_report(run)
    window.open(run / "report.html", width=320, unfold=True)
    assert window.value("document.querySelectorAll('#volume .flagwords').length") == 2
    assert window.value(CUT) == []
    assert window.value(COVERED) == 0
