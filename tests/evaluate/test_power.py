"""Numbers of pairs and detectable differences against published figures and the actual power."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.multitest import multipletests

from tuneworth.evaluate.statistics.paired import holm
from tuneworth.evaluate.statistics.power import detectable_difference, pairs_needed


@pytest.mark.parametrize(
    ("needed", "expected"),
    [
        (pairs_needed(0.70, 0.24), 42),
        (pairs_needed(0.70, 0.24, power=0.9), 55),
        (pairs_needed(0.90, 0.04), 724),
        (pairs_needed(0.90, 0.04, correlation=0.3), 514),
        (pairs_needed(0.70, 0.24, 0.324), 42),
        (pairs_needed(0.70, 0.0), None),
        (pairs_needed(0.90, 0.2), None),
    ],
)
def test_connor_gives_the_published_sample_sizes(needed, expected):
    assert needed == expected


def test_a_share_of_discordant_pairs_below_the_difference_is_impossible():
    with pytest.raises(ValueError, match="discordant"):
        pairs_needed(0.5, 0.3, 0.2)


def test_two_hundred_cases_show_a_gap_of_seven_points_from_ninety_percent():
    assert detectable_difference(0.9, 200) == pytest.approx(0.07, abs=0.002)
    assert pairs_needed(0.9, detectable_difference(0.9, 200)) in (200, 201)


@pytest.mark.parametrize(("share", "n"), [(1.0, 200), (0.0, 30), (0.5, 40)])
def test_a_detectable_gap_is_found_at_the_edges_too(share, n):
    assert 0 < detectable_difference(share, n) <= 1


def test_a_handful_of_cases_detects_nothing():
    assert detectable_difference(0.9, 2) is None


def power_of_mcnemar(difference, discordant, n, *, exact):
    """The chance that McNemar's test shows a difference, over all numbers of discordant pairs."""
    up = (discordant + difference) / 2 / discordant
    reached = 0.0
    for total in range(1, n + 1):
        more = np.arange(total + 1)
        small = 2 * binom.cdf(np.minimum(more, total - more), total, 0.5) < 0.05
        shows = small if exact else (2 * more - total) ** 2 > 1.96**2 * total
        reached += binom.pmf(total, n, discordant) * binom.pmf(more, total, up)[shows].sum()
    return reached


@pytest.mark.slow
@pytest.mark.parametrize(
    ("p", "difference", "discordant"), [(0.7, 0.24, 0.324), (0.9, 0.04, 0.12), (0.8, 0.1, 0.15), (0.5, 0.1, 0.5)]
)
def test_the_pairs_needed_reach_the_power(p, difference, discordant):
    n = pairs_needed(p, difference, discordant)
    assert power_of_mcnemar(difference, discordant, n, exact=False) == pytest.approx(0.8, abs=0.04)
    # The exact test is slightly more conservative than the formula.
    assert 0.7 < power_of_mcnemar(difference, discordant, n, exact=True) < 0.81
    assert power_of_mcnemar(difference, discordant, n // 2, exact=True) < 0.5


@given(st.floats(0.05, 0.95), st.integers(10, 3000), st.floats(0.02, 0.5))
def test_the_detectable_difference_needs_as_many_pairs(p, n, discordant):
    gap = detectable_difference(p, n, discordant)
    if gap is None or gap > min(discordant, 1 - p):
        return
    assert pairs_needed(p, gap, discordant) == pytest.approx(n, abs=1)


def test_pairs_that_agree_more_show_smaller_gaps():
    gaps = [detectable_difference(0.9, 200, share) for share in (0.03, 0.1, 0.2)]
    assert gaps == sorted(gaps)
    assert gaps[0] < detectable_difference(0.9, 200)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_holm_agrees_with_statsmodels(seed):
    p_values = np.random.default_rng(seed).random(7).round(2).tolist()  # rounded, so that some are equal
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_holm_of_nothing_is_nothing():
    assert holm([]) == []
