"""The style at the desk: a change shows which rows it moves before it is saved, and the file keeps its comments."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..reports.chromium import Window
from .served import Served, serving
from .small_runs import all_kinds, curated
from .workbench import Workbench, open_page

pytestmark = pytest.mark.browser

STYLE = """\
name: parts
checks:
  # no line ends with a stop
  - {id: no-stop, kind: punctuation, end: none}
  - {id: short, kind: length, unit: words, max: 25}
  - id: begins
    kind: starts_with
    level: should
    any: [Part, Relay, Switch]
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    folder = curated(tmp_path / "parts", all_kinds(), style=STYLE).project.folder
    with serving(folder, "--who", "Ada") as running:
        running.client().settled()
        yield running


@pytest.fixture
def style(served: Served) -> Path:
    return Path(served.said["overrides"]).with_name("style.yaml")


@pytest.fixture
def bench(window: Window, served: Served) -> Workbench:
    return open_page(window, served, "#style")


def test_each_rule_says_its_sentence_its_level_and_how_many_rows_break_it(bench: Workbench) -> None:
    bench.sees("no-stop", ".rule")
    bench.sees("6 rows break it", ".rule[aria-label=short]")
    assert bench.page.locator(".rule").count() == 3
    assert bench.page.locator("#level-begins").input_value() == "should"


def test_a_changed_bound_shows_the_rows_it_moves_and_is_saved_after_the_difference(
    bench: Workbench, style: Path
) -> None:
    bench.page.locator("#short-max").fill("40")
    bench.sees("no longer break one", ".effect .told")
    bench.sees("Socket 120", ".effect .preview")
    assert style.read_text(encoding="utf-8") == STYLE, "nothing is saved yet"
    bench.page.locator("#actions button", has_text="Save the style").click()
    bench.sees("max: 40", "dialog .diff .added")
    bench.sees("max: 25", "dialog .diff .removed")
    bench.forget()
    bench.page.locator("dialog button", has_text="Save").last.click()
    bench.hears("Saved: ")
    assert style.read_text(encoding="utf-8") == STYLE.replace("max: 25", "max: 40")
    bench.sees("0 rows break it", ".rule")


def test_a_level_and_a_word_of_a_list_are_changed_together_or_discarded(bench: Workbench, style: Path) -> None:
    bench.page.locator("#level-begins").select_option("must")
    bench.sees("break a must rule now", ".effect .told")
    bench.page.locator("details summary", has_text="Lists").click()
    bench.page.locator("#begins-add-any").fill("Socket")
    bench.press("Enter")
    bench.sees("Socket", ".chips .new")
    bench.page.locator(".effect .preview li").first.wait_for()
    bench.page.locator("#main").focus()
    bench.press("r")
    bench.sees("Nothing is changed yet", ".effect")
    assert bench.page.locator("#level-begins").input_value() == "should"
    assert style.read_text(encoding="utf-8") == STYLE


def test_a_text_selected_in_a_row_is_added_to_a_list(bench: Workbench, style: Path) -> None:
    bench.goes("#queue/rejected/" + bench.value("fetch('api/item?kind=rejected').then(a => a.json()).then(i => i.key)"))
    bench.value(
        """(() => {
        const text = document.querySelector("#view .output").firstChild;
        getSelection().setBaseAndExtent(text, 0, text, 6);
        })()"""
    )
    bench.sees("Add “Socket” to the style", "#steps button")
    bench.press("s")
    bench.sees("Add a text to the style", "dialog h2")
    assert bench.page.locator("#which-text").input_value() == "Socket"
    bench.page.locator("#which-list").select_option(label="begins: any")
    bench.press("Enter")
    bench.sees("Socket", ".chips .new")
    bench.page.locator("#actions button:not(:disabled)", has_text="Save the style").wait_for()
    bench.page.locator("#main").focus()
    bench.press("w")
    bench.sees("Socket", "dialog .diff .added")
    bench.press("Enter")
    bench.hears("Saved: ")
    assert "any: [Part, Relay, Switch, Socket]" in style.read_text(encoding="utf-8")


def test_a_file_that_changed_meanwhile_is_not_overwritten(bench: Workbench, style: Path) -> None:
    bench.page.locator("#short-max").fill("40")
    bench.page.locator("#actions button:not(:disabled)", has_text="Save the style").click()
    bench.page.locator("dialog .diff").wait_for()
    style.write_text(STYLE + "# edited by hand\n", encoding="utf-8")
    bench.press("Enter")
    bench.sees("has changed since you looked at it", "dialog .wrong")
    assert style.read_text(encoding="utf-8") == STYLE + "# edited by hand\n"


def test_a_number_that_is_none_is_marked_and_not_tried(bench: Workbench) -> None:
    bench.page.locator("#short-max").fill("many")
    assert bench.page.locator("#short-max").get_attribute("aria-invalid") == "true"
    bench.sees("Nothing is changed yet", ".effect")
    bench.page.locator("#short-max").fill("-3")
    bench.sees("max", ".effect .wrong")
