"""Numbers as text: their formats, and properties of all of them."""

import doctest
import importlib
import math
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tuneworth.core
from tuneworth.core import MINUS, NBSP, Row, decimals_beside, kept_together, roughly, say, unbroken, value_text

SHARES = st.floats(0, 1)
SUMS = st.floats(-1e14, 1e14)


def test_the_examples_in_the_docstrings_hold():
    found = doctest.testmod(importlib.import_module("tuneworth.core.numbers"))
    assert found.attempted > 5
    assert found.failed == 0


@pytest.mark.parametrize(("said", "expected"), [
    (say.percent(0.8625), "86%"), (say.percent(0.125), "13%"), (say.percent(0), "0%"), (say.percent(1), "100%"),
    (say.percent(0.0151), "2%"), (say.percent(0.0096), "1%"), (say.percent(0.004), "0.4%"), (say.percent(0.0004), "0.04%"),
    (say.percent(0.00001), "<0.01%"), (say.percent(0.9996), "99.96%"), (say.percent(0.9999), "99.99%"),
    (say.percent(0.999999), ">99.99%"), (say.percent(1 - 1e-15), "100%"), (say.percent(-0.032), "-3%"),
    (say.percent(-0.00001), ">-0.01%"), (say.percent(12.345), "1,235%"), (say.percent(None), "not measured"),
    (say.percent(math.nan), "not measured"), (unbroken.percent(-0.5), "−50%"),
    (say.percent_range(0.7156, 0.8889), "72 to 89%"), (say.percent_range(0.3, 0.301), "30%"),
    (say.percent_range(0, 0.004), "0 to 0.4%"), (say.percent_range(None, 1), "not measured"),
    (say.chance(0.0), "under 1%"), (say.chance(1.0), "over 99%"), (say.chance(0.994), "99%"), (say.chance(None), "not measured"),
    (say.points(0.067), "6.7 points"), (say.points(-0.01), "1 point"), (say.points(0.0999999), "10 points"),
    (say.points(0.0696), "7 points"), (say.points(0.0003), "0.03 points"), (say.points(0), "0 points"),
    (say.signed_points(0.6), "+60 points"), (unbroken.signed_points(-0.015), f"−1.5{NBSP}points"),
    (say.signed_points(0.0), "0 points"), (say.points_range(-0.03, 0.101), "-3 to +10 points"),
    (say.coefficient(0.6), "0.60"), (unbroken.coefficient(-0.125), "−0.13"), (say.coefficient(-0.001), "0.00"),
    (say.coefficient_range(-0.12, 1), "-0.12 to 1.00"), (say.coefficient(None), "not measured"),
    (say.points_range(0.01, 0.02), "+1 to +2 points"), (say.points_range(-0.02, 0.01), "-2 to +1 points"),
])  # fmt: skip
def test_shares_and_their_differences(said, expected):
    assert said == expected


@pytest.mark.parametrize(("amount", "text"), [
    (0.0071428571, "0.00714 EUR"), (0.005, "0.005 EUR"), (0.5, "0.50 EUR"), (0.1018, "0.102 EUR"), (0.9999, "1 EUR"),
    (0.09998, "0.10 EUR"), (14.285714, "14.29 EUR"), (200, "200 EUR"), (199.999, "200 EUR"), (999.995, "1,000 EUR"),
    (950.25, "950.25 EUR"), (5014.3, "5,014 EUR"),
    (12400.5, "12,401 EUR"), (-5, "-5 EUR"), (0, "0 EUR"), (-0.0, "0 EUR"), (1.23e-7, "0.000000123 EUR"),
    (2.5e-12, "2.5e-12 EUR"), (1.234e18, "1.23e18 EUR"), (Decimal("134.287"), "134.29 EUR"), (None, "not measured"),
])  # fmt: skip
def test_money_has_the_digits_that_it_needs(amount, text):
    assert say.money(amount, "EUR") == text


def test_a_sum_of_money_is_the_same_with_the_noise_of_floats():
    assert say.money(412.495, "EUR") == say.money(412.49499999999995, "EUR") == "412.50 EUR"


@pytest.mark.parametrize(("said", "expected"), [
    (say.signed_money(5014.3, "EUR"), "+5,014 EUR"), (say.signed_money(-2, "EUR"), "-2 EUR"),
    (say.money_range(0.0974, 0.1018, "EUR"), "0.0974 to 0.102 EUR"), (say.money_range(-2, 14.5, "EUR"), "-2 to 14.50 EUR"),
    (say.money_range(5, 5.001, "EUR"), "5 EUR"),
    (say.money_range(None, 5, "EUR"), "not measured"),
    (say.days(14.0000001), "14 days"), (say.days(26.9), "27 days"), (say.days(9.94), "9.9 days"), (say.days(9.96), "10 days"),
    (say.days(1.49), "1.5 days"), (say.days(1), "1 day"), (say.days(0.02), "less than 0.1 days"), (say.days(0), "0 days"),
    (say.days(730), "730 days"), (say.days(900), "2.5 years"), (say.days(4383), "12 years"),
    (say.days(40e6), "more than 100 years"),
    (say.days(None), "never"), (say.days(math.inf), "never"), (say.days(math.nan), "never"),
    (say.days_range(8.9, 25.2), "8.9 to 25 days"), (say.days_range(9.0, None), "9 days to never"),
    (say.days_range(0.5, 1), "0.5 days to 1 day"), (say.days_range(1, 3), "1 to 3 days"),
    (say.days_range(300, 1000), "300 days to 2.7 years"), (say.days_range(None, None), "never"),
    (say.days_range(26.9, 27.1), "27 days"),
    (say.duration(0), "0 s"), (say.duration(0.123), "0.12 s"), (say.duration(9.42), "9.4 s"), (say.duration(9.97), "10 s"),
    (say.duration(59.6), "1 min"), (say.duration(200), "3 min 20 s"), (say.duration(3599.7), "1 h"),
    (say.duration(7500), "2 h 5 min"), (say.duration(400_000), "111 h"), (say.duration(None), "not measured"),
    (say.size(5), "5 bytes"), (say.size(1), "1 byte"), (say.size(1500), "1.5 kB"), (say.size(2.34e9), "2.3 GB"),
    (say.size(123e6), "123 MB"), (say.size(999.96e6), "1 GB"), (say.size(3e15), "3,000 TB"),
    (say.count(190476.2), "190,476"), (say.count(61.28), "61.3"), (say.count(1.634), "1.63"), (say.count(-20), "-20"),
    (say.count(1, "row"), "1 row"), (say.count(0, "row"), "0 rows"), (say.count(1.5, "day"), "1.5 days"),
    (say.count(2, "entry", "entries"), "2 entries"), (say.count(None, "row"), "not measured"),
    (say.stated(5714.285714), "5,714.29"), (say.stated(0.000012), "0.000012"), (unbroken.stated(-20.0), "−20"),
    (say.stated(None), "–"), (say.stated("a"), "a"), (say.stated(True), "True"), (say.stated(10**20), f"{10**20:,}"),
    (say.stated_share(0.075), "7.5%"), (say.stated_share(0.8625), "86.25%"),
])  # fmt: skip
def test_every_other_format(said, expected):
    assert said == expected


def read(text: str) -> float:
    return float(re.sub("[^0-9.e-]", "", text.replace(",", "").removesuffix(" EUR")))


@given(SHARES, SHARES)
def test_a_larger_share_never_reads_smaller(one, other):
    low, high = sorted((one, other))
    assert read(say.percent(low)) <= read(say.percent(high))


@given(SHARES)
def test_only_none_is_0_percent_and_only_all_is_100(share):
    assert (say.percent(share) == "0%") == (share <= 1e-12)
    assert (say.percent(share) == "100%") == (share >= 1 - 1e-12)


@given(SHARES)
def test_a_share_is_off_by_half_a_percent_at_most_and_by_less_near_the_ends(share):
    if 1e-4 < share < 1 - 1e-4:
        off = abs(read(say.percent(share)) / 100 - share)
        assert off <= 0.005 + 1e-9
        assert off <= 0.5 * min(share, 1 - share) + 1e-9


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (1, 0.875, ("100%", "87.5%", "-12.5 points")),  # not 88% and -13 points
        (0.5, 0.86, ("50%", "86%", "+36 points")),
        (0.8, 0.8667, ("80%", "87%", "+6.7 points")),  # 7 points, said more exactly
        (0.874, 0.866, ("87.4%", "86.6%", "-0.8 points")),  # not 87% and 87%
        (0, 1, ("0%", "100%", "+100 points")),
        (None, 0.875, ("not measured", "88%", "not measured")),
    ],
)
def test_two_shares_and_their_difference_add_up(before, after, shown):
    assert say.change(before, after) == shown
    decimals = decimals_beside(before, after)
    assert value_text(Row("", "", after, "share", decimals=decimals)) == shown[1]
    move = None if before is None else after - before
    assert value_text(Row("", "", move, "points", decimals=decimals)) == shown[2]


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 200))
def test_the_difference_shown_is_that_of_the_shares_shown(one, other, cases):
    """Counts of cases, as all shares are; but for one unit of the decimal, which rounding costs."""
    before, after = (min(count, cases) / cases for count in (one, other))
    first, last, move = map(read, say.change(before, after))
    if decimals_beside(before, after):
        assert abs(last - first - move) < 0.1 + 1e-9
    else:
        assert math.floor(abs(last - first) + 0.5 + 1e-9) == math.floor(abs(move) + 0.5 + 1e-9)


@given(SUMS, SUMS)
def test_a_larger_sum_never_reads_smaller_so_no_value_lies_outside_its_range(one, other):
    low, high = sorted((one, other))
    assert read(say.money(low, "EUR")) <= read(say.money(high, "EUR"))


@given(SUMS.filter(lambda amount: abs(amount) > 1e-9))
def test_a_sum_is_read_back_to_three_digits_or_half_a_cent(amount):
    off = abs(read(say.money(amount, "EUR")) - amount)
    assert off <= max(0.0051 * abs(amount) if abs(amount) < 1 else 0.00501 if abs(amount) < 1000 else 0.501, 1e-12)


@given(st.floats(0, 730), st.floats(0, 730))
def test_a_longer_payback_never_reads_shorter(one, other):
    low, high = (read(say.days(each).replace("less than 0.1", "0.05")) for each in sorted((one, other)))
    assert low <= high


@given(st.floats(-1e6, 1e6))
def test_a_page_says_the_same_with_other_spaces_and_minus_signs(value):
    for form in ("count", "percent", "signed_points", "days", "stated", "size"):
        here, there = getattr(say, form)(value), getattr(unbroken, form)(value)
        assert there.replace(NBSP, " ").replace(MINUS, "-") == here


def test_a_rough_number_has_two_digits_and_a_sentence_keeps_numbers_with_their_units():
    assert (roughly(7543), roughly(0.01234, 3)) == (7500, 0.0123)
    text = "In 27 days 200 EUR, 3 points of 80 cases"
    assert kept_together(text) == f"In 27{NBSP}days 200{NBSP}EUR, 3{NBSP}points of 80 cases"


def test_a_percent_sign_follows_its_number_wherever_one_is_written():
    root = Path(tuneworth.core.__file__).parent.parent
    folders = ("core", "style", "curate", "train", "evaluate", "reports", "cli", "docs", "benchmarks", "examples")
    files = [path for folder in folders for path in (root / folder).rglob("*") if path.suffix in (".py", ".j2", ".md")]
    assert len(files) > 100
    apart = re.compile(r"(?:\d|\})(?: |\u00a0|\{say\.gap\})%(?!\})(?=[\s,.;:)\"'`|*])(?! [\w(])")
    assert [f"{path}: {line}" for path in files for line in path.read_text(encoding="utf-8").splitlines()
            if apart.search(line)] == []  # fmt: skip
