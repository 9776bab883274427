"""The charts of the money with whatever numbers a run may bring."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.reports.charts.axes import linear_axis, log_axis
from tuneworth.reports.charts.plot import Band, Bin, Curve, Flag, curve_chart, distribution_chart
from tuneworth.reports.charts.rows import End, Swing, tornado_chart

ANY = st.floats(-1e15, 1e15) | st.sampled_from([0.0, 1e-12, -1e-12, 1e15, -1e15, 1e300, -1e300])
PERCENT = re.compile(r'\b(?:x|x1|x2|cx|width)="([-\d.e]+)%"')


def outside(drawn: str) -> list[str]:
    """The numbers of the SVG that are missing, endless, or outside the picture."""
    found = re.findall(r'="[^"]*\b(?:nan|inf)\b', drawn, re.IGNORECASE)
    found += [place for place in PERCENT.findall(drawn) if not 0 <= float(place) <= 100]
    bars = re.findall(r'<rect class="[^"]*" x="([\d.]+)%" width="([\d.]+)%"', drawn)
    found += [f"{left} + {width}" for left, width in bars if float(left) + float(width) > 100.001]
    for points in re.findall(r'(?: d| points)="([^"]*)"', drawn):
        found += [n for n in re.findall(r"[-\d.e]+", points) if not 0 <= float(n) <= 100]
    return found + [height for height in re.findall(r' height="([-\d.e]+)"', drawn) if float(height) < 0]


@given(st.lists(st.tuples(ANY, ANY, ANY), min_size=1, max_size=6), ANY)
def test_a_curve_with_its_band_stays_inside_its_picture(points, flag):
    x = linear_axis([p[0] for p in points], str, zero=False, tight=True)
    y = linear_axis([value for p in points for value in p[1:]], str)
    band = Band("band", tuple((px, min(a, b), max(a, b)) for px, a, b in points), "candidate")
    curve = Curve("curve", tuple((px, a) for px, a, _ in points), "candidate", dots=True)
    assert outside(curve_chart([curve], x, y, x_title="x", flags=[Flag(flag, "flag")], bands=[band])) == []


def test_points_without_a_finite_number_are_left_out():
    axis = linear_axis([0, 1], str)
    points = ((0.0, float("nan")), (0.5, 0.5), (1.0, float("inf")))
    drawn = curve_chart([Curve("a", points, "candidate", dots=True)], axis, axis, x_title="x")
    assert outside(drawn) == []
    assert drawn.count('<circle class="dot r-candidate"') == 1
    assert 'd="M50 50"' in drawn


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=6), ANY)
def test_a_tornado_stays_inside_its_picture(ends, middle):
    swings = [Swing("input", (End("low", a, "a"), End("high", b, "b"))) for a, b in ends]
    axis = linear_axis([middle, *(value for pair in ends for value in pair)], str)
    assert outside(tornado_chart(swings, axis, middle=middle)) == []


@given(st.lists(st.tuples(ANY, ANY, st.floats(0, 1)), min_size=1, max_size=8), ANY | st.none())
def test_a_distribution_stays_inside_its_picture(bins, at):
    made = [Bin(min(a, b), max(a, b), share) for a, b, share in bins]
    x = linear_axis([value for each in made for value in (each.start, each.end)], str)
    y = linear_axis([each.share for each in made], str)
    assert (
        outside(distribution_chart(made, x, y, x_title="days", flag=None if at is None else Flag(at, "target"))) == []
    )


def test_the_worse_end_stands_left_with_the_value_of_its_input():
    swing = Swing("price", (End("18", 300.0, "300 EUR"), End("30", 100.0, "100 EUR")))
    drawn = tornado_chart([swing], linear_axis([100, 300], str), middle=200)
    assert re.findall(r"<b>(\d+)</b> <span>(\d+ EUR)</span>", drawn) == [("30", "100 EUR"), ("18", "300 EUR")]
    assert drawn.count('class="bar r-loss"') == drawn.count('class="bar r-gain"') == 1


@pytest.mark.parametrize(("ends", "roles"), [((5.0, 8.0), ["gain"]), ((-5.0, -8.0), ["loss"]), ((0.0, 0.0), [])])
def test_a_swing_on_one_side_of_the_middle_has_one_bar(ends, roles):
    swing = Swing("a", (End("1", ends[0], ""), End("2", ends[1], "")))
    drawn = tornado_chart([swing], linear_axis([*ends, 0], str), middle=0)
    assert re.findall(r'class="bar r-(\w+)"', drawn) == roles


def test_a_bin_across_the_target_is_parted_there():
    x, y = linear_axis([0, 20], str), linear_axis([0, 0.5], str)
    bins = [Bin(0, 10, 0.5), Bin(10, 20, 0.5)]
    drawn = distribution_chart(bins, x, y, x_title="days", flag=Flag(15, "target"))
    assert re.findall(r'class="column (\w+)" x="([\d.]+)%" width="([\d.]+)%"', drawn) == [
        ("inside", "0", "50"), ("inside", "50", "25"), ("outside", "75", "25"),
    ]  # fmt: skip


def test_what_is_good_may_lie_right_of_the_flag():
    x, y = linear_axis([-10, 10], str), linear_axis([0, 0.5], str)
    bins = [Bin(-10, 0, 0.5), Bin(0, 10, 0.5)]
    drawn = distribution_chart(bins, x, y, x_title="EUR", flag=Flag(0, "nought"), good="right")
    assert re.findall(r'class="column (\w+)"', drawn) == ["outside", "inside"]


def test_a_single_value_has_a_bar_that_shows():
    x, y = linear_axis([14.0], str), linear_axis([1.0], str)
    drawn = distribution_chart([Bin(14, 14, 1.0)], x, y, x_title="days")
    assert re.findall(r'class="column inside" x="[\d.]+%" width="([\d.]+)%"', drawn) == ["0.8"]


def test_flags_stand_in_lines_of_their_own_on_the_side_with_more_room():
    x, y = log_axis([1, 1000], str), linear_axis([0, 1], str)
    flags = [Flag(900, "right"), Flag(1.0, "left"), Flag(905, "right too")]
    drawn = curve_chart([Curve("a", ((1, 0), (1000, 1)), "candidate")], x, y, x_title="x", flags=flags)
    assert re.findall(r'<p class="flagwords (\w+)"[^>]*>([^<]*)</p>', drawn) == [
        ("left", "left"), ("right", "right"), ("right", "right too"),
    ]  # fmt: skip


def test_words_from_data_are_escaped_in_every_chart():
    x = y = linear_axis([0, 1], lambda _: "<a>")
    drawn = curve_chart([], x, y, x_title="<b>", flags=[Flag(1, "<c>")], bands=[Band("<d>", (), "candidate")])
    drawn += tornado_chart([Swing("<e>", (End("<f>", 0, "<g>"), End("", 1, "")))], x, middle=0.5)
    drawn += distribution_chart([Bin(0, 1, 1)], x, y, x_title="<h>", flag=Flag(0.5, "<k>"))
    for letter in "abcdefghk":
        assert f"<{letter}>" not in drawn.replace("<b></b>", "").replace("<b>&lt;f", "")
        assert f"&lt;{letter}&gt;" in drawn
