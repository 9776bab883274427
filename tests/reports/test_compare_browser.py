"""The page of compared runs in Chromium: nothing overflows, nothing is fetched, wide, on a phone and on paper."""

import subprocess
from pathlib import Path

import pytest

from tuneworth.evaluate import compare_judged
from tuneworth.reports import write_comparison

from ..evaluate.judged_sides import line, outcomes, side
from .test_compare_page import whole

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Two runs with long names, long words and many parts."""
    rows = [
        {"id": f"part/{at}" + "x" * (at % 50), "input": "request", "fields": {"colour": ["red", "blue"][at % 2], "n": f"{at}"}}
        for at in range(90)
    ]  # fmt: skip
    runs = [
        side(f"2026112{day}-133547-1a8{day}", outcomes([at % (3 + day) > 0 for at in range(90)]), rows=rows)
        for day in (8, 9)
    ]
    name = rows[9]["id"]
    runs[1].lines[name][0] = line(name, ["grounded"], output="word" * 200)
    found = compare_judged(*runs)
    return write_comparison(tmp_path_factory.mktemp("page"), whole(found), [found])[0]


@pytest.mark.parametrize("width", [320, 390, 720, 1280])
def test_nothing_is_wider_than_the_window(window, page, width):
    window.open(page, width=width, unfold=True)
    assert window.value("document.documentElement.scrollWidth") <= width
    assert window.messages == []
    assert window.asked() == []


def test_paper_has_the_answer_and_no_cut_line(window, page):
    window.open(page)
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=window.paper(), capture_output=True, check=True)
    text = done.stdout.decode()
    assert "Requests that changed" in text
    assert "What was compared" in text
