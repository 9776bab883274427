"""Charts: marks where their values are, everything escaped, nothing outside."""

import dataclasses
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tuneworth.reports.charts.axes import Axis, Figure, linear_axis, log_axis, render_figure
from tuneworth.reports.charts.plot import Curve, Flag, curve_chart
from tuneworth.reports.charts.rows import Bar, Mark, Row, dumbbell, rows_chart

VALUES = st.floats(-1e9, 1e9, allow_nan=False)


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_a_linear_axis_holds_its_values_between_few_even_ticks(values: list[float]) -> None:
    axis = linear_axis(values, str)
    places = [value for value, _ in axis.ticks]
    hair = 1e-8 * (axis.high - axis.low)
    assert axis.low - hair <= min(*values, 0) <= max(*values, 0) <= axis.high + hair
    assert 2 <= len(places) <= 8
    gaps = [b - a for a, b in itertools.pairwise(places)]
    assert max(gaps) == pytest.approx(min(gaps))


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=8))
def test_a_logarithmic_axis_places_its_values_in_order(values: list[float]) -> None:
    axis = log_axis(values, str)
    places = [axis.place(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
    assert len(axis.ticks) >= 1


def test_a_value_beyond_the_axis_stays_at_its_end() -> None:
    axis = Axis(0, 10, ((0, "0"), (10, "10")))
    assert [axis.place(value) for value in (-5, 5, 50)] == [0, 50, 100]


def test_marks_stand_where_their_values_are() -> None:
    axis = Axis(0, 1, ((0, "0"), (1, "1")))
    drawn = rows_chart([Row("tuned", (Mark(0.5, 0.25, 0.75, "candidate"),), "50%")], axis)
    assert '<svg x="25%" y="50%" width="50%" class="span r-candidate"><use href="#range"/></svg>' in drawn
    assert '<svg x="50%" y="50%" class="point r-candidate">' in drawn


def test_a_bar_may_run_backwards_and_may_be_empty() -> None:
    axis = Axis(-1, 1, ((-1, ""), (0, ""), (1, "")))
    drawn = rows_chart([Row("a", (Bar(0, -0.5, "loss"), Bar(0.5, 0.5, "gain")), "")], axis)
    assert re.findall(r'class="bar r-\w+" x="([\d.]+)%" width="([\d.]+)%"', drawn) == [
        ("25", "25"),
        ("75", "0.25"),
    ]


def test_roles_differ_in_shape_and_not_in_colour_alone() -> None:
    axis = Axis(0, 1, ((0, ""), (1, "")))
    shapes = {dumbbell(0.5, None, axis).replace("baseline", ""), dumbbell(None, 0.5, axis).replace("candidate", "")}
    assert len(shapes) == 2


def test_names_titles_and_values_are_escaped_in_charts() -> None:
    axis = linear_axis([1, 2], lambda _: "<i>")
    curve = Curve("<b>", ((0, 1), (1, 2)), "candidate")
    figure = Figure("<t>", '"><x>', ("<h>",), (("<c>",),), "<n>")
    drawn = render_figure(figure, rows_chart([Row("<r>", (), "<v>", heading="<g>", about="<a>", note="<o>")], axis))
    drawn += curve_chart([curve], axis, axis, x_title="<u>", flags=[Flag(1, "<f>")])
    assert isinstance(drawn, Markup)
    assert not re.search(r"<(t|x|h|c|n|r|v|g|a|o|u|f|b|i)>", drawn.replace("<b>&lt;g&gt;</b>", ""))


def test_an_anchor_stands_on_the_figure_that_has_one_and_is_escaped() -> None:
    figure = Figure("t", "x", ("a",), ())
    assert '<figure class="chart">' in render_figure(figure, Markup(""))
    anchored = render_figure(dataclasses.replace(figure, id='s" x="'), Markup(""))
    assert '<figure class="chart" id="s&#34; x=&#34;">' in anchored


def test_a_row_without_marks_keeps_its_name_and_says_its_value() -> None:
    drawn = rows_chart([Row("a", (), "not measured")], linear_axis([0, 1], str))
    assert 'class="point' not in drawn
    assert '<span class="value">not measured</span>' in drawn


@pytest.mark.parametrize("value", [0.0, 1.0, -5.0, 7.0, float("inf"), float("nan")])
def test_marks_and_bars_of_any_value_lie_within_the_scale(value: float) -> None:
    axis = Axis(0, 1, ((0, "0"), (1, "1")))
    drawn = rows_chart([Row("a", (Bar(value, value, "gain"), Mark(value, value, value, "other")), "x")], axis)
    bars = re.findall(r'class="bar[^"]*" x="([\d.]+)%" width="([\d.]+)%"', drawn)
    assert [float(x) + float(width) <= 100 for x, width in bars] == [True]
    assert all(0 <= float(place) <= 100 for place in re.findall(r'x="(-?[\d.]+|nan|inf)%"', drawn))
