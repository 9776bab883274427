"""The trend chart: each run where it belongs, its range drawn, what changed marked below it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.reports.charts.axes import Axis
from tuneworth.reports.charts.trend import APART, FEW, Strip, TrendLine, TrendPoint, trend_chart

SHARE = Axis(0, 1, ((0, "0%"), (1, "100%")))


def _chart(runs: int, strips: list[Strip] | None = None) -> str:
    points = tuple(TrendPoint(at, 0.5, 0.25, 0.75) for at in range(runs))
    lines = [TrendLine("tuned", "candidate", points), TrendLine("prompted", "baseline", points)]
    return trend_chart(lines, strips or [], [f"{at} Oct" for at in range(runs)], SHARE, x_title="Run")


def test_a_mark_stands_beside_the_middle_of_its_run_with_its_range() -> None:
    drawn = _chart(10)
    places = [
        float(place)
        for place in re.findall(r'<svg x="([\d.]+)%" class="point r-candidate"><path class="whisker"', drawn)
    ]
    assert places == pytest.approx([10 * (at + 0.5 + APART) for at in range(10)], abs=0.01)
    assert drawn.count('class="whisker" d="M0 55V165M-3 55h6M-3 165h6"') == 20  # a quarter of 220 pixels from both ends


def test_the_marks_of_few_runs_stand_close_together() -> None:
    sides = [
        re.search(rf'<svg x="([\d.]+)%" class="point r-{role}"><path', _chart(1)) for role in ("baseline", "candidate")
    ]
    assert [side and side[1] for side in sides] == ["48", "52"]


def test_a_run_without_a_range_has_none() -> None:
    drawn = trend_chart([TrendLine("a", "candidate", (TrendPoint(0, 0.5),))], [], ["1 Oct"], SHARE, x_title="Run")
    assert "whisker" not in drawn
    assert drawn.count("<circle") == 2  # the run and the key


def test_changes_are_marked_under_their_runs_and_strips_without_any_are_left_out() -> None:
    drawn = _chart(4, [Strip("data changed", (1, 3)), Strip("style changed", ())])
    assert re.findall(r'<svg x="([\d.]+)%" y="24" class="point r-changed">', drawn) == ["37.5", "87.5"]
    assert "data changed" in drawn
    assert "style changed" not in drawn
    assert "changed since the run before" in drawn
    assert "changed since" not in _chart(4)


def test_of_many_runs_the_ranges_are_bands() -> None:
    assert _chart(FEW).count("whisker") == 2 * FEW
    drawn = _chart(FEW + 1)
    assert "whisker" not in drawn
    assert drawn.count('<polygon class="band"') == 2


@given(st.integers(1, 300))
def test_at_most_ten_runs_are_labelled_the_last_one_among_them(runs: int) -> None:
    labels = re.findall(r'class="tick f\d+"[^>]*>(\d+) Oct<', _chart(runs))
    assert len(labels) <= 10
    assert runs > 10 or labels == [str(at) for at in range(runs)] or len(labels) < runs


def test_names_are_escaped() -> None:
    line = TrendLine("<b>x</b>", "candidate", (TrendPoint(0, 0.5),))
    drawn = trend_chart([line], [Strip("<i>data</i>", (0,))], ["<u>1</u>"], SHARE, x_title="<s>Run</s>")
    assert not re.search(r"<(b|i|u|s)>", drawn)


def test_a_line_ends_where_another_variant_takes_its_place() -> None:
    of = ("prompted", "prompted", "template", "template")
    points = tuple(TrendPoint(at, 0.5, of=name) for at, name in enumerate(of))
    drawn = trend_chart([TrendLine("baseline", "baseline", points)], [], list("abcd"), SHARE, x_title="Run")
    path = re.search(r'd="(M[^"]*)" vector-effect', drawn)
    assert path is not None
    assert re.findall("[ML]", path[1]) == ["M", "L", "M", "L"]
