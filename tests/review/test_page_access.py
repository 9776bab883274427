"""Everybody can use the page: axe-core's rules on each view, the widths of phones, and the order of the keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from ..reports.chromium import Window
from ..reports.test_access import FOCUSED, LOWEST_CONTRAST, REACHABLE
from ..reports.test_widths import CUT, SMALL
from .served import Served, serving
from .small_runs import all_kinds, curated
from .workbench import Workbench, open_page

pytestmark = pytest.mark.browser

# What is opened by which keys: its place, the keys, and what then is there.
VIEWS = {
    "conflict": ("#queue/conflict", [], "#view .item"),
    "repair": ("#queue/repair", [], "#view .item"),
    "rejected": ("#queue/rejected", [], "#view .item"),
    "near duplicate": ("#queue/near_duplicate", [], "#view .item"),
    "edit": ("#queue/rejected", ["e"], "textarea"),
    "list": ("#queue/rejected", ["l"], "#found li"),
    "bulk": ("#queue/rejected", ["b"], "dialog .preview li"),
    "help": ("#queue/conflict", ["?"], "dialog .shortcuts"),
    "curate": ("#queue/conflict", ["c"], "dialog button.first"),
    "style": ("#style", [], ".rule"),
    "no judging": ("#judge", [], "#view .lead"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that all tests of this module look at and none changes."""
    project: Path = curated(tmp_path_factory.mktemp("access") / "parts", all_kinds()).project.folder
    with serving(project, "--who", "Ada") as running:
        running.client().state()
        yield running


def shown(window: Window, served: Served, view: str, **size: Any) -> Workbench:
    """A view, opened."""
    at, keys, there = VIEWS[view]
    bench = open_page(window, served, at, **size)
    bench.press(*keys)
    bench.page.locator(there).first.wait_for()
    return bench


def violations(bench: Workbench) -> list[str]:
    """What axe finds wrong: every rule that is on by itself, those of best practice too."""
    found: dict[str, Any] = Axe().run(bench.page, options={"resultTypes": ["violations"]}).response
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_wrong(window: Window, served: Served, view: str) -> None:
    bench = shown(window, served, view)
    for width, height, scheme in ((1280, 800, "light"), (390, 844, "dark")):
        window.resize(width, height)
        bench.page.emulate_media(color_scheme=scheme)
        assert violations(bench) == [], (width, scheme)
    assert bench.window.messages == []


def test_no_width_makes_a_view_scroll_sideways_or_cuts_its_text(window: Window, served: Served) -> None:
    found = []
    for view in VIEWS:
        shown(window, served, view)
        for width in (320, 390, 760, 761, 1040, 1041, 1920):
            window.resize(width)
            room = window.value("document.documentElement.scrollWidth")
            found += [(view, width, room)] if room > width else []
            cut = [
                html for html in window.value(CUT) if not re.search(r'id="about"|class="unseen"|class="steps"', html)
            ]
            found += [(view, width, html) for html in cut if '<a href="#queue' not in html]  # titles of the list
    assert found == []


def test_what_can_be_pressed_is_large_enough_for_a_finger(window: Window, served: Served) -> None:
    for view in VIEWS:
        shown(window, served, view, width=390, height=844)
        small = [html for html in window.value(SMALL) if 'type="checkbox"' not in html and 'type="radio"' not in html]
        assert small == [], view


def test_on_a_phone_each_action_is_within_the_reach_of_a_thumb(window: Window, served: Served) -> None:
    bench = shown(window, served, "conflict", width=390, height=844)
    boxes = [one.bounding_box() for one in bench.page.locator("#actions button, #steps button").all()]
    assert len(boxes) > 5
    for box in boxes:
        assert box
        assert box["y"] > 844 / 2
        assert box["y"] + box["height"] <= 844
        assert box["height"] >= 40
    # The sides stand one above the other.
    left, right = (one.bounding_box() for one in bench.page.locator("#view .pair:first-child > .side").all())
    assert left
    assert right
    assert left["x"] == right["x"]
    assert right["y"] >= left["y"] + left["height"]


def test_tab_reaches_everything_in_the_order_of_the_page_and_shows_where_it_is(window: Window, served: Served) -> None:
    for view in ("conflict", "style"):
        bench = shown(window, served, view)
        bench.page.locator("#skip").focus()  # where the first Tab of a new page leads
        expected = bench.value(REACHABLE)
        assert len(expected) > 8
        reached = []
        for number in range(len(expected)):
            bench.press(*["Tab"][:number])
            html, seen, on_screen = bench.value(FOCUSED)
            assert seen, html[:200]
            assert on_screen, html[:200]
            reached.append(html[:120])
        assert reached == [html[:120] for html in expected]


def test_text_contrasts_with_its_ground_by_light_and_dark(window: Window, served: Served) -> None:
    for dark in (False, True):
        for view in ("conflict", "rejected", "style"):
            shown(window, served, view, dark=dark)
            assert window.value(LOWEST_CONTRAST) >= 4.5, (view, dark)


def test_differences_and_broken_places_are_told_apart_without_colour(window: Window, served: Served) -> None:
    bench = shown(window, served, "conflict")
    first = bench.page.locator(".output ins").first
    look = first.evaluate("e => [getComputedStyle(e).textDecorationStyle, +getComputedStyle(e).fontWeight]")
    assert look == ["double", 640]
    # A screen reader hears them too.
    assert (first.text_content() or "").startswith("differs: ")
    bench = shown(window, served, "repair")
    first = bench.page.locator(".output mark").first
    assert first.evaluate("e => getComputedStyle(e).borderBottomWidth") == "2px"
    assert (first.text_content() or "").startswith("breaks a rule: ")


@pytest.mark.parametrize("view", ["conflict", "style", "no judging"])
def test_the_page_has_its_landmarks_and_one_title(window: Window, served: Served, view: str) -> None:
    bench = shown(window, served, view)
    for landmark in (".page > header", "main", "h1"):
        assert bench.page.locator(landmark).count() == 1
    names = "[...document.querySelectorAll('nav')].map(nav => nav.getAttribute('aria-label'))"
    assert bench.value(names) == ["Views", "Queue"]
    assert bench.value("document.documentElement.lang") == "en"


def test_nothing_moves_where_less_motion_is_wanted(window: Window, served: Served) -> None:
    bench = shown(window, served, "conflict")  # the window asks for less motion
    names = bench.value("[...document.querySelectorAll('*')].map(e => getComputedStyle(e).animationName)")
    assert set(names) == {"none"}
    assert bench.value("document.getAnimations().length") == 0


def test_the_next_row_is_there_within_50_milliseconds(window: Window, served: Served) -> None:
    bench = shown(window, served, "rejected")
    bench.page.wait_for_load_state("networkidle")
    times = bench.value("""(async () => {
      const times = [];
      for (let n = 0; n < 3; n += 1) {
        const before = location.hash, start = performance.now();
        dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
        while (location.hash === before || !document.querySelector("#view .item")) await new Promise((go) => setTimeout(go));
        document.body.getBoundingClientRect();
        times.push(performance.now() - start);
        await new Promise((go) => setTimeout(go, 300));
      }
      return times;
    })()""")
    assert min(times) < 50, times
