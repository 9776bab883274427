import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from tuneworth.evaluate.intervals import effective_size, share_interval, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"), [(47, 50, 0.838, 0.979), (50, 50, 0.929, 1.0), (188, 200, 0.898, 0.965)]
)
def test_wilson_gives_the_published_numbers(successes, n, low, high):
    interval = wilson(successes, n)
    assert (round(interval.low, 3), round(interval.high, 3)) == (low, high)


@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_agrees_with_statsmodels(n, data, confidence):
    successes = data.draw(st.integers(0, n))
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    interval = wilson(successes, n, confidence=confidence)
    assert interval.low == pytest.approx(low, abs=1e-12)
    assert interval.high == pytest.approx(high, abs=1e-12)


def test_wilson_of_nothing_is_nothing():
    assert wilson(0, 0).share is None
    empty = share_interval(np.array([], dtype=bool), None, seed=0)
    assert (empty.share, empty.low, empty.n, empty.n_effective, empty.groups) == (None, None, 0, 0.0, None)


def test_wilson_refuses_more_successes_than_items():
    with pytest.raises(ValueError, match="not possible"):
        wilson(6, 5)


def test_groups_of_one_change_nothing():
    values = np.array([True] * 47 + [False] * 3)
    alone, grouped = share_interval(values), share_interval(values, list(range(50)))
    assert (grouped.low, grouped.high, grouped.n_effective) == (alone.low, alone.high, 50)
    assert (alone.groups, grouped.groups) == (None, 50)


def test_an_item_without_a_group_is_a_group_of_its_own():
    assert share_interval(np.array([True, False, True]), ["a", None, None]).groups == 3


def test_groups_whose_items_agree_count_as_one_item_each():
    values = np.repeat(np.arange(40) % 2, 5).astype(bool)
    found = share_interval(values, np.repeat(np.arange(40), 5))
    # All variance lies between groups: 200 items are worth 40, but for the factor G / (G - 1).
    assert found.n_effective == pytest.approx(39)
    assert found.high - found.low > share_interval(values).high - share_interval(values).low


def test_all_alike_in_groups_counts_each_group_once():
    assert share_interval(np.ones(60, dtype=bool), np.repeat(np.arange(6), 10)).n_effective == pytest.approx(6)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=60))
def test_groups_never_make_more_of_the_items_than_there_are(rows):
    values = np.array([value for value, _ in rows], dtype=float)
    codes = np.unique([group for _, group in rows], return_inverse=True)[1]
    assert 0 < effective_size(values, codes) <= len(rows)


def test_wilson_covers_where_wald_does_not():
    rng = np.random.default_rng(5)
    hits = wald = 0
    for successes in rng.binomial(50, 0.94, 2000):
        interval, share = wilson(int(successes), 50), successes / 50
        hits += interval.low <= 0.94 <= interval.high
        wald += abs(share - 0.94) <= 1.96 * np.sqrt(share * (1 - share) / 50)
    assert hits / 2000 > 0.93
    assert wald / 2000 < 0.85


def test_the_interval_of_grouped_items_covers():
    rng = np.random.default_rng(1)
    hits, groups = 0, np.repeat(np.arange(40), 5)
    for _ in range(400):
        chance = rng.beta(4, 1, 40)  # the share differs from group to group around 0.8
        values = rng.random(200) < np.repeat(chance, 5)
        found = share_interval(values, groups)
        hits += found.low <= 0.8 <= found.high
    assert hits / 400 > 0.92
