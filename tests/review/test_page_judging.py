"""Judging blind in the page: names hidden, each choice saved at once, the count after ten alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..reports.chromium import Window
from ..reports.invented_run import write_run
from ..reports.test_access import REACHABLE
from .served import Served, serving
from .test_page_access import violations
from .workbench import Workbench, open_page

pytestmark = pytest.mark.browser


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose two variants answered 30 requests."""
    folder = write_run(tmp_path / "run", n=30)
    (folder / "run.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.fixture
def served(run: Path) -> Iterator[Served]:
    with serving(run, "--who", "Ada") as running:
        yield running


@pytest.fixture
def bench(window: Window, served: Served) -> Workbench:
    opened = open_page(window, served, "#judge")
    opened.page.locator("#judge").wait_for()
    opened.press("Enter")
    opened.page.locator("#actions button").first.wait_for()
    return opened


def judged(run: Path) -> list[dict]:
    """What is on the disk."""
    return [
        row for file in (run / "judgements").glob("*.json") for row in json.loads(file.read_text("utf-8"))["judgements"]
    ]


def test_the_name_is_asked_once_and_a_choice_is_saved_with_its_marks(
    bench: Workbench, served: Served, run: Path
) -> None:
    bench.decide("4", "7", "1")
    (row,) = judged(run)
    assert (row["choice"], row["left_acceptable"], row["right_acceptable"]) == ("left", True, False)
    assert {row["left"], row["right"]} == {"prompted", "tuned"}
    (file,) = (run / "judgements").glob("*.json")
    assert json.loads(file.read_text(encoding="utf-8"))["judge"] == "Ada"
    bench.page.reload()
    bench.page.locator("#actions button").first.wait_for()
    assert bench.page.locator("#judge").count() == 0
    bench.sees("1 of ", "h1")


def test_names_stay_hidden_and_the_count_shows_after_ten_choices(bench: Workbench, run: Path) -> None:
    for number in range(1, 11):
        words = bench.value("document.body.textContent")
        assert "preferred" not in words
        assert "prompted" not in words
        bench.decide(str(number % 3 + 1))
    bench.sees("preferred", ".tally")
    bench.sees("went to tuned (range", ".tally")
    assert len(judged(run)) == 10


def test_back_changes_a_choice_and_skip_leaves_a_request_for_later(bench: Workbench, run: Path) -> None:
    first = bench.page.locator(".requests").inner_text()
    bench.press("s")
    bench.until(f"document.querySelector('.requests').innerText !== {json.dumps(first)}")
    bench.decide("1")
    assert judged(run)[0]["choice"] == "left"
    bench.press("b")
    bench.hears("You chose: Left is better")
    assert bench.page.locator('#actions button[aria-pressed="true"] span').inner_text() == "Left is better"
    bench.decide("3")
    assert [row["choice"] for row in judged(run)] == ["equal"]


def test_a_choice_that_cannot_be_saved_says_so_and_the_request_stays(
    bench: Workbench, served: Served, run: Path
) -> None:
    shown = bench.page.locator(".requests").inner_text()
    served.kill()
    bench.press("1")
    bench.hears("Not saved: Tuneworth does not answer")
    assert bench.page.locator(".requests").inner_text() == shown
    assert judged(run) == []


def test_axe_finds_nothing_wrong_while_judging(bench: Workbench, window: Window) -> None:
    for width, height in ((1280, 800), (390, 844)):
        window.resize(width, height)
        assert window.value("document.documentElement.scrollWidth") <= width
        for scheme in ("light", "dark"):
            bench.page.emulate_media(color_scheme=scheme)
            assert violations(bench) == [], (width, scheme)
    assert len(bench.value(REACHABLE)) > 8
