"""The funnel: every row accounted for, nothing outside, nothing hidden."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.reports.charts.rows import UNEXPLAINED, FunnelStep, funnel_chart, funnel_table, funnel_words

STEPS = (
    FunnelStep("Rows read", 2000),
    FunnelStep(
        "Kept",
        1000,
        lost=(("duplicate", 900), ("invalid", 100)),
        parts=(("train", 700), ("validation", 100), ("test", 200)),
    ),
)


def bars(drawn: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'class="bar r-(\w+)" x="([\d.]+)%" width="([\d.]+)%"', drawn)
    return [(role, float(x), float(width)) for role, x, width in found]


def test_what_left_is_hatched_where_it_was_and_parts_follow_one_another() -> None:
    assert bars(funnel_chart(STEPS)) == [
        ("step", 0, 100), ("lost", 55, 45), ("lost", 50, 5), ("step", 0, 50),
        ("part", 0, 35), ("part", 35, 5), ("part", 40, 10),
    ]  # fmt: skip


def test_table_and_words_say_what_is_drawn_in_the_same_order() -> None:
    names = ["Rows read", "duplicate", "invalid", "Kept", "train", "validation", "test"]
    assert [row[0] for row in funnel_table(STEPS)] == names
    assert funnel_table(STEPS)[1] == ("duplicate", "−900", "45%")
    assert funnel_words(STEPS).startswith("Rows read: 2,000; duplicate: −900; ")


def test_a_gap_without_a_reason_is_said() -> None:
    steps = (FunnelStep("read", 10), FunnelStep("kept", 6, lost=(("invalid", 3), ("leaked", 0))))
    assert [row[:2] for row in funnel_table(steps)][1:3] == [("invalid", "−3"), (UNEXPLAINED, "−1")]
    assert UNEXPLAINED in funnel_chart(steps)
    assert "leaked" not in funnel_chart(steps)


@pytest.mark.parametrize(
    ("count", "widest", "said"),
    [
        (1, 100_000_000, "<0.01%"),
        (99_999_999, 100_000_000, ">99.99%"),
        (0, 5, "0%"),
        (1, 1, "100%"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(count: int, widest: int, said: str) -> None:
    steps = (FunnelStep("read", widest), FunnelStep("kept", count))
    assert funnel_table(steps)[-1][2] == said


def test_nothing_read_draws_no_bar_and_divides_by_nothing() -> None:
    assert bars(funnel_chart((FunnelStep("read", 0), FunnelStep("kept", 0)))) == []
    assert funnel_chart(()) == '<div class="rows funnel"></div>'
    assert funnel_table(()) == ()


def test_names_of_steps_reasons_and_parts_are_escaped() -> None:
    steps = (FunnelStep("<a>", 3, note="<n>"), FunnelStep("<b>", 1, lost=(("<r>", 2),), parts=(("<p>", 1),)))
    assert not re.search(r"<[anrp]>", funnel_chart(steps))


counts = st.integers(0, 10**8)


@given(counts, st.lists(counts, max_size=12), st.lists(counts, max_size=5))
def test_every_bar_stays_inside_whatever_the_counts_say(kept: int, lost: list[int], parts: list[int]) -> None:
    reasons = tuple((f"reason {number}", count) for number, count in enumerate(lost))
    divided = tuple((f"part {number}", count) for number, count in enumerate(parts) if sum(parts) <= kept)
    steps = (FunnelStep("read", kept + sum(lost)), FunnelStep("kept", kept, lost=reasons, parts=divided))
    for _, x, width in bars(funnel_chart(steps)):
        assert 0 <= x <= 100
        assert x + width <= 100.001
