"""The report in two lengths: what is shown, what is folded, and what opens it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworth.cli import main
from tuneworth.reports import write_report

from .chromium import Window

pytestmark = pytest.mark.browser

# The words that can be read without opening anything.
WORDS = """(() => {
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!parent.closest("script, svg, .rail, .telling, .fold") && parent.checkVisibility()) found.push(walker.currentNode.data);
  }
  return found.join(" ").split(/\\s+/).filter(word => /[\\p{L}\\p{N}]/u.test(word)).length;
})()"""
OPEN = "document.querySelectorAll('details[open]').length"


def seen(window: Window, anchor: str) -> bool:
    """Whether the element with this id, and what it holds, can be read, and is in the window."""
    return window.value(
        "(e => !e.closest('details:not([open])') && e.checkVisibility() && "
        "e.getBoundingClientRect().top < innerHeight && e.getBoundingClientRect().bottom > 0)"
        f"(document.getElementById({anchor!r}))"
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the demo on its shipped outputs."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.raises(SystemExit) as left:
        main(["demo", "--collected", "--out", str(folder), "--quiet"])
    assert left.value.code in (0, None)
    return next(folder.glob("runs/*/report.html"))


def test_the_demo_is_three_pages_of_paper_and_five_screens_and_under_a_thousand_words(
    window: Window, demo: Path, tmp_path: Path
) -> None:
    window.open(demo)
    (tmp_path / "report.pdf").write_bytes(window.paper())
    about = subprocess.run(["pdfinfo", tmp_path / "report.pdf"], capture_output=True, text=True, check=True).stdout
    assert int(about.split("Pages:")[1].split()[0]) <= 3
    assert window.value("document.documentElement.scrollHeight") <= 5.2 * 800
    assert 300 < window.value(WORDS) < 1000
    assert 3 <= window.value("document.querySelectorAll('.telling').length") <= 5
    assert window.value(OPEN) == 0


@pytest.mark.parametrize("script", [True, False])
def test_an_address_opens_what_encloses_it(window: Window, pages: dict[str, Path], script: bool) -> None:
    window.open(pages["real"])
    card = window.value("[...document.querySelectorAll('.card')].pop().id")
    assert card.startswith("example-")
    for anchor in (card, "f-payback_days", "method", "all-rules", "difference", "m-ranges"):
        window.open(pages["real"], at=f"#{anchor}", script=script)
        assert seen(window, anchor), anchor
        assert window.messages == []


def test_a_link_opens_its_part_again_after_it_was_closed(window: Window, pages: dict[str, Path]) -> None:
    opened = window.open(pages["real"])
    for _ in range(2):
        opened.locator(".rail a[href='#method']").click()
        assert seen(window, "method")
        opened.locator(".fold:has(> #method) > summary h2").click()
        assert window.value(OPEN) == 0


def test_where_the_browser_opens_nothing_by_itself_the_script_does(window: Window, pages: dict[str, Path]) -> None:
    window.open(pages["real"])
    window.value("history.replaceState(null, '', '#f-payback_days'); dispatchEvent(new HashChangeEvent('hashchange'))")
    assert seen(window, "f-payback_days")


def test_the_keyboard_reaches_the_link_of_a_part_and_opens_and_closes_it(
    window: Window, pages: dict[str, Path]
) -> None:
    opened = window.open(pages["real"])
    summary = opened.locator(".fold:has(> #all-rules) > summary")
    summary.focus()
    opened.keyboard.press("Tab")
    assert window.value("document.activeElement.hash") == "#all-rules"
    for seen_after in (True, False):
        summary.focus()
        opened.keyboard.press("Enter")
        assert window.value("document.querySelector('#all-rules').checkVisibility()") is seen_after


def test_every_section_and_folded_part_and_example_has_a_link_to_itself_and_says_what_it_found(
    window: Window, pages: dict[str, Path]
) -> None:
    for kind, page in pages.items():
        window.open(page, unfold=True)
        places = window.value("""[...document.querySelectorAll('section.part[id], .unfolded, .card')].map(place => {
          const line = place.matches('.unfolded') ? place.closest('.folding') : place;
          const links = [...line.querySelectorAll(':scope > .anchor, .title > .anchor, h3 > a')];
          return [place.id, links.some(a => decodeURIComponent(a.hash) === '#' + place.id)];
        })""")
        assert len(places) > 5, kind
        assert [place for place in places if not place[1]] == [], kind
        assert len({place[0] for place in places}) == len(places), kind
        for line in window.value("[...document.querySelectorAll('.fold > summary')].map(line => line.innerText)"):
            assert len(line.split()) >= 4, (kind, line)


def test_an_address_is_the_same_in_the_report_of_another_run(
    window: Window, evaluated_run: Callable[..., Path]
) -> None:
    run = evaluated_run(n=42)
    first = write_report(run)[0].read_text(encoding="utf-8")
    lines = (run / "evaluate" / "outputs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (run / "evaluate" / "outputs.jsonl").write_text("".join(lines[::-1]), encoding="utf-8")
    window.open(write_report(run)[0])
    for anchor in window.value("[...document.querySelectorAll('.card')].map(card => card.id)"):
        assert f'id="{anchor}"' in first
