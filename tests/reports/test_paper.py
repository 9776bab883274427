"""The page on paper, and with its script off."""

import re
import subprocess
from pathlib import Path

import pytest

from .chromium import Window

pytestmark = pytest.mark.browser

# Marks that take no room: one at the first and one at the last edge of what must stay whole, and of what must stay
# together with the thing that follows it.
MARKED = """() => {
  const mark = (element, word, edge) => {
    const span = document.createElement("span");
    span.textContent = word;
    span.style.cssText = `position: absolute; ${edge}: 0; left: 0; font: 2px/1 Arial; letter-spacing: 0; white-space: nowrap`;
    if (getComputedStyle(element).position === "static") element.style.position = "relative";
    element.append(span);
  };
  const there = element => element.checkVisibility() && element.getBoundingClientRect().height > 0;
  const found = [];
  for (const whole of document.querySelectorAll("figure.chart, .card, .hero, .facts, tbody tr, pre")) {
    if (!there(whole)) continue;
    const name = `QW${found.length}`;
    found.push(whole.outerHTML.slice(0, 160));
    const [first, last] = whole.tagName === "TR" ? [whole.firstElementChild, whole.firstElementChild] : [whole, whole];
    mark(first, name + "A", "top");
    mark(last, name + "Z", "bottom");
  }
  for (const heading of document.querySelectorAll(".title, h3:not(.hero h3), figcaption")) {
    const next = heading.nextElementSibling;
    if (!there(heading) || !next || !there(next) || heading.closest(".card")) continue;
    const name = `QW${found.length}`;
    found.push(heading.outerHTML.slice(0, 160));
    mark(heading, name + "A", "top");
    mark(next, name + "Z", "top");
  }
  return found;
}"""


def printed(window: Window, folder: Path) -> list[str]:
    """The words of each page of the open report on paper."""
    (folder / "report.pdf").write_bytes(window.paper())
    text = subprocess.run(["pdftotext", "-layout", folder / "report.pdf", "-"], capture_output=True, check=True).stdout
    return text.decode().split("\f")[:-1]


@pytest.mark.parametrize(("kind", "everything"), [
    ("real", False), ("invented", False), ("five variants", False), ("curated", False), ("real", True), ("curated", True),
])  # fmt: skip
def test_each_page_has_its_header_and_number_and_nothing_is_cut(
    window: Window, pages: dict[str, Path], tmp_path: Path, kind: str, everything: bool
) -> None:
    window.open(pages[kind], width=720, height=1000, unfold=everything)
    window.value(f"document.getElementById('everything').checked = {str(everything).lower()}")
    window.page.emulate_media(media="print")
    names = window.page.evaluate(MARKED)
    paper = printed(window, tmp_path)
    project = {"real": "project", "invented": "components", "five variants": "project", "curated": "curated"}[kind]
    for number, page in enumerate(paper, start=1):
        lines = [line.strip() for line in page.splitlines() if line.strip()]
        assert "Tuneworth report" in lines[0], number
        assert project in lines[0], number
        assert re.search(rf"\b{number} ?/ ?{len(paper)}$", lines[-1]), number
    pages_of: dict[str, set[int]] = {}
    for number, page in enumerate(paper):
        for name in re.findall(r"QW(\d+)[AZ]", page):
            pages_of.setdefault(name, set()).add(number)
    assert len(pages_of) >= len(names) * 0.9, "too few of the marks came through to say anything"
    assert [names[int(name)] for name, at in pages_of.items() if len(at) > 1] == []


TITLES = (
    "[...document.querySelectorAll('h2')].filter(h => h.checkVisibility() && !h.closest('dialog'))"
    ".map(h => h.firstChild.textContent.trim())"  # without the note beside it
)
NEVER = ("Judge blind", "Show all", "Skip to the answer", "Back to the top")


def test_paper_has_the_short_report_alone_and_says_how_to_print_the_rest(
    window: Window, pages: dict[str, Path], tmp_path: Path
) -> None:
    for script in (True, False):
        window.open(pages["real"], script=script, unfold=not script)  # what is open on the screen is not printed either
        paper = printed(window, tmp_path)
        words = " ".join(" ".join(paper).split())
        for title in window.value(TITLES.replace("'h2'", "'.part:not(.folded) h2'")):
            assert title in words, title
        for absent in (*NEVER, *window.value(TITLES.replace("'h2'", "'.folded h2'")), "All 60 requests"):
            assert absent not in words, absent
        assert "To print the rest as well, tick “Print everything”" in words
        assert len(paper) <= 3


def test_print_everything_prints_every_part_and_leaves_the_screen_as_it_was(
    window: Window, pages: dict[str, Path], tmp_path: Path
) -> None:
    for script in (True, False):
        opened = window.open(pages["real"], script=script)
        opened.get_by_label("Print everything").check()
        paper = printed(window, tmp_path)
        words = " ".join(" ".join(paper).split())
        for title in window.value(TITLES):
            assert title in words, title
        assert "To print the rest" not in words
        ids = window.value("[...document.querySelectorAll('.card h3 bdi')].map(id => id.textContent)")
        text = "".join("".join(paper).split())
        assert [id_ for id_ in ids if "".join(id_.split()) not in text] == []
        assert window.value("document.querySelectorAll('.fold[open]').length") == 0


def test_in_the_dark_paper_is_white_all_the_same(window: Window, pages: dict[str, Path]) -> None:
    window.open(pages["real"], dark=True)
    window.page.emulate_media(media="print", color_scheme="dark")
    assert window.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert window.value("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_paper_is_the_same_with_the_script_off_and_after_filtering(
    window: Window, pages: dict[str, Path], tmp_path: Path
) -> None:
    window.open(pages["real"], script=False).get_by_label("Print everything").check()
    plain = " ".join(printed(window, tmp_path)).split()
    window.open(pages["real"], unfold=True).get_by_label("Print everything").check()
    window.page.fill(".filters input[type=search]", "no example holds this")
    assert sorted(" ".join(printed(window, tmp_path)).split()) == sorted(plain)


def test_with_the_script_off_every_text_of_the_page_is_there(window: Window, pages: dict[str, Path]) -> None:
    """What the script adds are its own fields: everything else is shown without it, as itself."""
    seen = """(() => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
      while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
        const tool = parent.closest("script, button, option, label, output, .filters, .board, .blind, [aria-live]");
        if (words && !tool && parent.checkVisibility({ visibilityProperty: true })) found.push(words);
      }
      return found;
    })()"""
    for kind, page in pages.items():
        window.open(page, unfold=True)
        with_script = window.value(seen)
        window.open(page, script=False, unfold=True)
        assert window.value("document.querySelectorAll('.filters:not([hidden])').length") == 0, kind
        without = window.value(seen)
        assert [words for words in with_script if words not in set(without)] == [], kind
        assert len(without) >= len(with_script) > 50, kind
