"""From the narrowest phone to the widest screen: nothing runs off the page, and everything can be hit."""

from pathlib import Path

import pytest

from .chromium import Window

pytestmark = pytest.mark.browser

WIDTHS = [320, 360, 390, 480, 600, 721, 768, 1024, 1041, 1280, 1600, 1920]
# Text that its own box cuts off, where the box cannot be scrolled; a long project's name may, above the verdict alone.
CUT = """[...document.querySelectorAll("main *, header *, footer *")].filter(e => {
  const style = getComputedStyle(e);
  const ours = !(e instanceof SVGElement) && !e.matches(".top bdi");
  return ours && e.clientWidth > 1 && style.overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1;
}).map(e => e.outerHTML.slice(0, 120))"""
# What is there to be pressed and smaller than 24 x 24 pixels, unless it stands within a sentence (WCAG 2.2, 2.5.8).
SMALL = """[...document.querySelectorAll("a[href], button, select, input, summary, [tabindex='0']")].filter(e => {
  const box = (e.closest("label.everything") || e).getBoundingClientRect();  // pressing the label ticks the box
  if (!box.width || !e.checkVisibility({ visibilityProperty: true }) || e.matches(".skip")) return false;
  const inline = getComputedStyle(e).display === "inline";
  return !inline && (box.height < 23.5 || box.width < 23.5);
}).map(e => e.outerHTML.slice(0, 120))"""


def test_no_width_makes_a_page_scroll_sideways_or_cuts_its_text(window: Window, pages: dict[str, Path]) -> None:
    found = []
    for kind, page in pages.items():
        window.open(page, unfold=True)
        for width in WIDTHS:
            window.resize(width)
            room = window.value("document.documentElement.scrollWidth")
            found += [(kind, width, room)] if room > width else []
            found += [(kind, width, cut) for cut in window.value(CUT)]
    assert found == []


def test_what_can_be_pressed_is_large_enough_for_a_finger(window: Window, pages: dict[str, Path]) -> None:
    for kind, page in pages.items():
        window.open(page, width=390, height=844, unfold=True)
        assert window.value(SMALL) == [], kind


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_holds_verdict_numbers_doubt_and_next_step(
    window: Window, pages: dict[str, Path], width: int, height: int
) -> None:
    numbers = [f".three:nth-child({index})" for index in (1, 2, 3)]
    for kind in ("invented", "real", "five variants", "no prices", "nothing acceptable", "curated"):
        window.open(pages[kind], width=width, height=height)
        for part in (".decision", "h1", *numbers, ".doubt", ".next"):
            place = f"document.querySelector('{part}').getBoundingClientRect()"
            top, bottom = window.value(f"[{place}.top, {place}.bottom]")
            assert 0 <= top < bottom <= height, (kind, part)
