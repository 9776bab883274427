"""The slope chart: what moved, in order, with labels that keep apart."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.reports.charts.axes import spread
from tuneworth.reports.charts.slope import MOST, NAME, VALUE, SlopeLine, drawn_lines, slope_chart

LINES = (
    SlopeLine("one line", 0.5, 0.1, moved=True),
    SlopeLine("no price", 0.1, 0.4, moved=True),
    SlopeLine("spelling", 0.02, 0.05, moved=False),
    SlopeLine("unmoved", 0.3, 0.3, moved=False),
)
PLACES = st.floats(-50, 500, allow_nan=False)


def test_better_worse_and_hardly_moved_are_drawn_differently_and_named_in_the_key() -> None:
    drawn = slope_chart(LINES, "prompted", "tuned")
    assert re.findall(r'class="move (\w+)" x1="0"', drawn) == ["better", "worse", "same"]
    assert re.findall(r'class="move (\w+)" x1="2"', drawn) == ["better", "worse", "same"]
    assert "broken less often" in drawn
    assert "unmoved" not in drawn


def test_a_line_that_is_broken_less_often_goes_down_and_zero_lies_at_the_bottom() -> None:
    drawn = slope_chart(LINES[:1], "prompted", "tuned")
    before, after, zero = (
        float(y)
        for y in re.search(r'class="move better" x1="0" x2="100%" y1="([\d.]+)" y2="([\d.]+)"', drawn).groups()  # type: ignore[union-attr]
        + re.search(r'class="zero" [^>]* y1="([\d.]+)"', drawn).groups()  # type: ignore[union-attr]
    )
    assert before < after < zero
    assert (zero - after) / (zero - before) == pytest.approx(0.1 / 0.5, abs=0.01)


def test_at_most_twelve_are_drawn_the_movers_by_more_than_chance_first() -> None:
    lines = [SlopeLine(f"rule {n}", 0, n / 100, moved=n < 6) for n in range(30)]
    shown = [line.name for line in drawn_lines(lines)]
    assert shown[:5] == [f"rule {n}" for n in (5, 4, 3, 2, 1)]
    assert shown[5] == "rule 29"
    assert len(shown) == MOST


def test_nothing_is_drawn_where_nothing_moved() -> None:
    assert slope_chart(LINES[3:], "a", "b") == ""
    assert slope_chart((), "a", "b") == ""


def test_names_are_escaped() -> None:
    drawn = slope_chart([SlopeLine("<x>", 1, 0, moved=True)], "<y>", "<z>")
    assert not re.search(r"<[xyz]>", drawn)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), max_size=20))
def test_names_never_touch_and_everything_stays_inside(moves: list[tuple[float, float, bool]]) -> None:
    drawn = slope_chart([SlopeLine(f"n{n}", *move) for n, move in enumerate(moves)], "a", "b")
    height = float(found.group(1)) if (found := re.search(r'class="lines" width="100%" height="(\d+)"', drawn)) else 0
    for column, tall in (('class="labels">', VALUE), ('class="labels names">', NAME)):
        gaps = [float(gap) for gap in re.findall(r'width="1" height="(-?[\d.]+)"', _within(drawn, column))]
        assert all(gap >= -0.1 for gap in gaps)
        assert sum(gaps) + tall * len(gaps) <= height + 0.1 * len(gaps)
    assert all(0 <= float(y) <= height for y in re.findall(r'y[12]="([-\d.]+)"', drawn))
    assert "nan" not in drawn


def _within(drawn: str, opening: str) -> str:
    return drawn.split(opening)[-1].split("</div>")[0]


@given(st.lists(PLACES, max_size=12), st.floats(1, 40))
def test_spreading_keeps_order_and_distance(wanted: list[float], gap: float) -> None:
    found = spread(wanted, gap, 0, 400)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    assert all(found[b] - found[a] >= gap - 1e-6 for a, b in itertools.pairwise(order))
    assert all(place >= -1e-6 for place in found)
    if (len(wanted) - 1) * gap <= 400:
        assert all(place <= 400 + 1e-6 for place in found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([10, 50], [10, 50]),
        ([30, 30], [25, 35]),
        ([0, 0, 0], [0, 10, 20]),
        ([100, 99], [100, 90]),
        ([50, 20, 25], [50, 17.5, 27.5]),
    ],
)
def test_places_move_as_little_as_can_be(wanted: list[float], found: list[float]) -> None:
    assert spread(wanted, 10, 0, 100) == found


def test_labels_are_as_tall_in_the_styles_as_their_places_suppose() -> None:
    style = (Path(__file__).parents[2] / "reports" / "styles" / "charts.css").read_text(encoding="utf-8")
    assert f".slope .labels span {{ display: block; height: {VALUE}px" in style
    assert f".slope .names span {{ display: grid; height: {NAME}px" in style
