"""The report in a real Chromium."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.curate import curate, write_curated
from tuneworth.reports import write_report

from .chromium import Window

pytestmark = pytest.mark.slow

WIDTHS = [320, 360, 390, 480, 600, 721, 768, 1024, 1041, 1280, 1600, 1920]


@pytest.fixture
def page(make_run: Callable[..., Path]) -> Path:
    return write_report(make_run())[0]


def test_no_width_makes_the_page_scroll_sideways(window: Window, page: Path) -> None:
    for width in WIDTHS:
        window.open(page, width=width, height=900)
        assert window.value("document.documentElement.scrollWidth") <= width, width


@pytest.fixture(scope="module")
def curated_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, long = tmp_path_factory.mktemp("curated"), "W" * 300
    rows = [
        {"input": f"{long} thing number {n} of a kind {n * n}", "output": f"{long} is {n}", "id": f"{long}{n}"}
        for n in range(60)
    ]
    write_curated(curate(rows + rows[:9]), run)
    return write_report(run)[0]


def test_a_curated_page_fits_every_width_and_its_first_screen(window: Window, curated_page: Path) -> None:
    for width in WIDTHS:
        window.open(curated_page, width=width, height=900)
        assert window.value("document.documentElement.scrollWidth") <= width, width
    for width, height in ((1280, 800), (390, 844)):
        window.open(curated_page, width=width, height=height)
        bottom = window.value("document.querySelector('.next').getBoundingClientRect().bottom")
        assert 0 < bottom <= height
    assert window.messages == []


def test_long_names_and_words_stay_inside_the_page(window: Window, make_run: Callable[..., Path]) -> None:
    def lengthen(results: dict[str, Any]) -> None:
        long = "a-variant-with-a-name-that-nobody-would-call-short-" * 3
        for part in ("quality", "tokens", "seconds", "variants"):
            results[part][long] = results[part].pop("tuned")
        results["money"]["variants"][long] = results["money"]["variants"].pop("tuned")
        results["comparison"]["candidate"] = long
        results["project"] = results["verdict"]["doubt"] = "W" * 400
        results["risks"][0]["evidence"] = "x" * 300

    page = write_report(make_run(change=lengthen))[0]
    for width in (320, 390, 768, 1280):
        window.open(page, width=width, height=900)
        assert window.value("document.documentElement.scrollWidth") <= width, width


def test_the_page_says_nothing_on_the_console_and_asks_for_nothing(window: Window, page: Path) -> None:
    window.open(page)
    assert window.messages == []
    assert window.asked() == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_holds_verdict_numbers_doubt_and_next_step(
    window: Window, page: Path, width: int, height: int
) -> None:
    window.open(page, width=width, height=height)
    numbers = [f".three:nth-child({index})" for index in (1, 2, 3)]
    for part in (".decision", "h1", *numbers, ".doubt", ".next"):
        place = f"document.querySelector('{part}').getBoundingClientRect()"
        box = window.value(f"[{place}.top, {place}.bottom]")
        assert 0 <= box[0] < box[1] <= height, part


def test_without_script_everything_is_shown_but_the_filters(window: Window, page: Path) -> None:
    window.open(page, script=False)
    shown = "[...document.querySelectorAll('.card')].filter(card => card.getClientRects().length).length"
    assert window.value(shown) == 60
    assert window.value("document.querySelector('.filters').getClientRects().length") == 0


def test_hostile_text_runs_nothing(window: Window, make_run: Callable[..., Path]) -> None:
    attack = "</script><script>document.title='owned'</script><img src=x onerror=\"alert(1)\"><svg onload=alert(2)>"

    def poison(results: dict[str, Any]) -> None:
        results["verdict"]["sentence"] = results["verdict"]["doubt"] = results["project"] = attack
        results["style"]["checks"]["grounded"]["sentence"] = attack

    window.open(write_report(make_run(change=poison))[0])
    assert window.value("document.title").startswith("Fine-tune: </script>")
    assert window.value("document.querySelectorAll('img').length + document.querySelectorAll('script').length") == 1
    assert window.messages == []


def test_text_contrasts_with_its_ground_by_light_and_dark(window: Window, page: Path) -> None:
    for dark in (False, True):
        window.open(page, dark=dark)
        assert window.value(LOWEST_CONTRAST) >= 4.5, dark


def test_the_printed_page_has_pages_and_shows_the_volume_table(window: Window, page: Path) -> None:
    window.open(page)
    printed = window.paper()
    assert printed.startswith(b"%PDF")
    assert 5 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/") <= 20


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
