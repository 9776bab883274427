"""Everybody can read the page and reach what is in it: axe-core's rules, and the keyboard alone."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from .chromium import Window

pytestmark = pytest.mark.browser

# What takes part in the keyboard's order, in the order of the page; of radio buttons of one name Tab stops at one.
REACHABLE = """[...document.querySelectorAll("a[href], button, select, input, textarea, summary, [tabindex='0']")]
  .filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true })
    && (e.type !== "radio" || e.checked))
  .map(e => e.outerHTML)"""
FOCUSED = """(() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  const seen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1.5) || style.boxShadow !== "none";
  return [e.outerHTML, seen, box.bottom > 0 && box.top < innerHeight && box.right > 0];
})()"""


def _violations(window: Window) -> list[str]:
    """What axe finds wrong on the open page: every rule that is on by itself, those of best practice too."""
    found: dict[str, Any] = Axe().run(window.page, options={"resultTypes": ["violations"]}).response
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]


@pytest.mark.parametrize("kind", ["invented", "real", "five variants", "no prices", "curated"])
@pytest.mark.parametrize(("width", "height", "dark"), [(1280, 800, False), (390, 844, True)])
def test_axe_finds_nothing_wrong(
    window: Window, pages: dict[str, Path], kind: str, width: int, height: int, dark: bool
) -> None:
    window.open(pages[kind], width=width, height=height, dark=dark)
    # Details are read like the rest, and cards that are off the screen are drawn.
    window.value("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert _violations(window) == []


def test_tab_reaches_everything_in_the_order_of_the_page_and_shows_where_it_is(
    window: Window, pages: dict[str, Path]
) -> None:
    for kind, width in (("no prices", 1280), ("curated", 390)):
        window.open(pages[kind], width=width, height=800)
        expected = window.value(REACHABLE)
        assert len(expected) > 5
        reached = []
        for _ in expected:
            window.page.keyboard.press("Tab")
            html, seen, on_screen = window.value(FOCUSED)
            assert seen, html[:200]
            assert on_screen, html[:200]
            reached.append(html)
        assert [html[:200] for html in reached] == [html[:200] for html in expected], kind


def test_the_first_tab_skips_to_the_answer(window: Window, pages: dict[str, Path]) -> None:
    window.open(pages["real"])
    window.page.keyboard.press("Tab")
    assert window.value("document.activeElement.textContent") == "Skip to the answer"
    window.page.keyboard.press("Enter")
    assert window.value("document.activeElement.tagName") == "MAIN"


def test_the_rail_marks_the_section_that_is_read_and_leads_to_each(window: Window, pages: dict[str, Path]) -> None:
    window.open(pages["real"])
    window.page.wait_for_selector(".rail a[aria-current]:text-is('The answer')")
    for name in ("Money", "Quality"):
        window.page.click(f".rail a:text-is('{name}')")
        window.page.wait_for_selector(f".rail a[aria-current]:text-is('{name}')")
        assert window.value("document.querySelectorAll('[aria-current]').length") == 1
        assert window.value("location.hash") == f"#{name.lower()}"
        assert 0 <= window.value(f"document.querySelector('#{name.lower()} h2').getBoundingClientRect().top") < 300


def test_each_page_has_one_title_and_its_headings_skip_no_level(window: Window, pages: dict[str, Path]) -> None:
    for kind, page in pages.items():
        window.open(page)
        levels = window.value("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => +h.tagName[1])")
        assert levels.count(1) == 1, kind
        assert levels[0] == 1, kind
        assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels)), kind
        assert window.value("document.documentElement.lang") == "en"


def test_each_link_into_the_page_has_its_place(window: Window, pages: dict[str, Path]) -> None:
    lost = (
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => decodeURIComponent(a.getAttribute('href').slice(1)))"
        ".filter(id => !document.getElementById(id))"
    )
    twice = "[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, at, all) => all.indexOf(id) !== at)"
    for kind, page in pages.items():
        window.open(page)
        assert window.value(lost) == [], kind
        assert window.value(twice) == [], kind


def test_text_contrasts_with_its_ground_by_light_and_dark(window: Window, pages: dict[str, Path]) -> None:
    for dark in (False, True):
        window.open(pages["real"], dark=dark)
        assert window.value(LOWEST_CONTRAST) >= 4.5, dark


# The lowest contrast ratio (WCAG 2.2, 1.4.3) of the words of the page against the first opaque ground behind them.
LOWEST_CONTRAST = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let lowest = 21;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "OPTION", "SELECT"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const words = numbers(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(words), light(ground(element))].sort((x, y) => y - x);
    lowest = Math.min(lowest, (a + 0.05) / (b + 0.05));
  }
  return lowest;
})()
"""
