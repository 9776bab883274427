"""The first screen in a real browser: what stands on it without scrolling, and where its numbers lead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworth.reports import write_report

from .chromium import Window
from .first_screen_kinds import KINDS, kind_maker

pytestmark = pytest.mark.browser
PARTS = (".decision", "h1", ".three:nth-child(1)", ".three:nth-child(2)", ".three:nth-child(3)", ".doubt", ".next")
BOXES = """parts => Object.fromEntries(parts.map(part => {
  const box = document.querySelector(part).getBoundingClientRect();
  return [part, [box.top, box.bottom, box.left, box.right]];
}))"""
# Words of the first screen that reach out of their own column.
OUTSIDE = """[...document.querySelectorAll(".side .value, .side .range, .side dt, .change")].filter(
  word => word.scrollWidth > word.clientWidth + 1).map(word => word.textContent)"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A run of a kind, made once."""
    return kind_maker(tmp_path_factory.mktemp)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "long names"])
def test_the_whole_answer_is_seen_without_scrolling(window: Window, runs: Callable[[str], Path], kind: str) -> None:
    window.open(runs(kind) / "report.html")
    sure = [".sure", ".because"] if KINDS[kind][1][1] else []
    for width, height in ((1280, 800), (390, 844)):
        window.resize(width, height)
        for part, (top, bottom, left, right) in window.page.evaluate(BOXES, [*PARTS, *sure]).items():
            assert 0 <= top < bottom <= height, (width, part)
            assert 0 <= left < right <= width, (width, part)
        assert window.value(OUTSIDE) == [], width
    window.resize(1280, 800)
    assert window.value("document.querySelector('h1').getClientRects()[0].height / parseFloat("
                        "getComputedStyle(document.querySelector('h1')).lineHeight)") < 3.5  # fmt: skip


def test_names_of_two_hundred_letters_leave_the_answer_on_a_wide_screen(
    window: Window, runs: Callable[[str], Path]
) -> None:
    window.open(runs("long names") / "report.html")
    boxes = window.page.evaluate(BOXES, list(PARTS))
    assert max(bottom for _, bottom, _, _ in boxes.values()) <= 800
    assert window.value(OUTSIDE) == []


@pytest.mark.parametrize(
    ("link", "end"), [("53 days", "f-payback_days"), ("38%", "shares"), ("+21 points", "difference")]
)
def test_a_number_leads_to_where_it_comes_from_by_the_keyboard(
    window: Window, runs: Callable[[str], Path], link: str, end: str
) -> None:
    page = window.open(runs("pays") / "report.html", script=False)
    page.locator("a.origin", has_text=link).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert page.url.endswith(f"#{end}")
    box = page.locator(f"[id='{end}']").bounding_box()
    assert box is not None
    assert -5 <= box["y"] < 800
    assert box["height"] > 0


def test_a_project_with_a_name_of_four_hundred_letters_takes_one_line(
    window: Window, make_run: Callable[..., Path]
) -> None:
    page = write_report(make_run(change=lambda results: results.update(project="W" * 400)))[0]
    for width, height in ((1280, 800), (390, 844)):
        window.open(page, width=width, height=height)
        assert window.page.evaluate(BOXES, [".top"])[".top"][1] < 60
        lines = "[...document.querySelectorAll('.top > span')].map((part) => part.getBoundingClientRect().height < 25)"
        assert window.value(lines) == [True, True], width
        assert window.page.evaluate(BOXES, [".next"])[".next"][1] <= height
