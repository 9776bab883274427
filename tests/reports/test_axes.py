"""Axes: few round ticks, and labels that touch nothing at any width."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import unbroken as say
from tuneworth.reports.charts.axes import (
    WIDTHS,
    Axis,
    TickLabel,
    linear_axis,
    log_axis,
    place_labels,
    shortened,
    text_width,
)

WORDS = st.sampled_from(["", "%", "EUR", "W" * 300, "円" * 9, "ريال سعودي", "e\u0301\u0301", "👩‍👩‍👧", "days"])
VALUES = st.one_of(st.floats(-1e15, 1e15), st.sampled_from([0.0, 1e-300, -1e308, 1e308, 5e-324, 1e-9]))


def boxes(labels: list[TickLabel], width: float) -> list[tuple[float, float]]:
    """(left, right) in pixels of the labels that are shown on an axis of this width."""
    found = []
    for label in labels:
        if label.width <= width:
            long, at = text_width(label.text), width * label.place / 100
            left = at - {"start": 0.0, "middle": long / 2, "end": long}[label.anchor]
            found.append((left, left + long))
    return found


def check_apart(axis: Axis) -> None:
    labels = axis.tick_labels()
    for width in (60, *WIDTHS, 300, 1000, 1900):
        shown = boxes(labels, width)
        assert all(left >= -0.001 and right <= width + 0.001 for left, right in shown)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(shown))


@given(st.lists(VALUES, min_size=1, max_size=6), WORDS, st.booleans(), st.booleans())
def test_labels_of_a_linear_axis_never_touch_nor_leave_it(
    values: list[float], unit: str, zero: bool, tight: bool
) -> None:
    check_apart(linear_axis(values, lambda v: f"{say.stated(v)} {unit}", zero=zero, tight=tight))


@given(st.lists(st.floats(1e-320, 1e308), min_size=1, max_size=6), WORDS)
def test_labels_of_a_logarithmic_axis_never_touch_nor_leave_it(values: list[float], unit: str) -> None:
    axis = log_axis(values, lambda v: f"{v:g} {unit}")
    check_apart(axis)
    assert 2 <= len(axis.ticks) <= 7


@given(st.lists(st.tuples(st.floats(0, 100), st.text(max_size=30)), max_size=12), st.integers(0, 11))
def test_labels_wherever_ticks_stand_never_touch(ticks: list[tuple[float, str]], start: int) -> None:
    ordered = sorted(ticks)
    labels = place_labels(ordered, start)
    for width in (*WIDTHS, 1900):
        assert all(a[1] < b[0] for a, b in itertools.pairwise(boxes(labels, width)))


def test_what_is_labelled_grows_with_the_width_and_begins_with_zero() -> None:
    axis = linear_axis([-200_000, 300_000], say.count)
    texts = [{label.text for label in axis.tick_labels() if label.width <= width} for width in WIDTHS]
    assert "0" in texts[0]
    assert all(narrow <= wide for narrow, wide in itertools.pairwise(texts))
    assert texts[-1] == {"−200,000", "−100,000", "0", "100,000", "200,000", "300,000"}


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_no_two_ticks_of_an_axis_are_worded_alike_unless_nothing_helps(values: list[float]) -> None:
    axis = linear_axis(values, say.count)
    texts = [text for _, text in axis.ticks]
    assert len(set(texts)) == len(texts) or len(texts) <= 3


@pytest.mark.parametrize(
    ("values", "places"),
    [([0.3], [0.0, 0.1, 0.2, 0.3]), ([0.29, 0.07], [0.0, 0.1, 0.2, 0.3]), ([-1.0, 1.0], [-1.0, -0.5, 0.0, 0.5, 1.0])],
)
def test_ticks_are_the_numbers_that_they_say(values: list[float], places: list[float]) -> None:
    assert [value for value, _ in linear_axis(values, str).ticks] == places


def test_a_short_logarithmic_axis_has_ticks_between_its_powers() -> None:
    assert [text for _, text in log_axis([1000, 4000], lambda v: f"{v:g}").ticks] == [
        "500",
        "1000",
        "2000",
        "5000",
        "10000",
    ]


def test_a_long_label_ends_in_an_ellipsis() -> None:
    assert shortened("W" * 300) == "W" * 17 + "…"
    assert shortened("12 EUR") == "12 EUR"


def test_each_width_has_its_rule_in_the_styles() -> None:
    style = (Path(__file__).parents[2] / "reports" / "styles" / "charts.css").read_text(encoding="utf-8")
    rules = re.findall(r"@container axis \(max-width: ([\d.]+)px\) \{ \.f(\d+) \{ display: none; \} \}", style)
    assert rules == [(f"{width - 0.1:.1f}", str(width)) for width in WIDTHS]
