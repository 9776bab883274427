import doctest
import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, f_oneway, norm, t
from statsmodels.stats.proportion import proportion_confint

from tuneworth.evaluate import share_interval, wilson


@pytest.mark.parametrize("name", ["difference", "intervals", "paired", "power"])
def test_the_examples_in_the_docstrings_are_true(name):
    found = doctest.testmod(importlib.import_module(f"tuneworth.evaluate.statistics.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


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
    scipys = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((scipys.low, scipys.high), abs=1e-12)


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


def test_groups_whose_items_agree_count_as_little_more_than_one_item_each():
    values = np.repeat(np.arange(40) % 2, 5).astype(bool)
    found = share_interval(values, np.repeat(np.arange(40), 5))
    assert 40 < found.n_effective < 42  # the estimate is 1, and the prior lowers it slightly
    assert found.high - found.low > share_interval(values).high - share_interval(values).low
    assert "design effect" in found.method


def test_identical_outcomes_hold_no_information_about_the_correlation():
    found = share_interval(np.ones(60, dtype=bool), np.repeat(np.arange(6), 10))
    assert found.n_effective == pytest.approx(60 / (1 + 0.5 * 9))  # the prior's correlation alone
    assert 0.6 < found.low < 0.75
    assert found.high == 1


def test_one_group_counts_as_one_item():
    found = share_interval(np.array([True] * 19 + [False]), ["a"] * 20)
    assert (found.n_effective, found.groups) == (1, 1)
    assert found.low < 0.2


def test_one_repeated_group_name_among_many_items_changes_next_to_nothing():
    values = np.arange(500) % 10 > 0
    alone, twin = share_interval(values), share_interval(values, [0, *range(499)])
    assert twin.low == pytest.approx(alone.low, abs=1e-3)
    assert twin.high == pytest.approx(alone.high, abs=1e-3)


def anova_by_hand(values, groups):
    """The intra-group correlation by scipy's one-way analysis of variance, for groups of equal size m."""
    parts = [values[groups == group] for group in np.unique(groups)]
    m, f = len(parts[0]), float(f_oneway(*parts).statistic)
    return (f - 1) / (f + m - 1)


@pytest.mark.parametrize("seed", range(3))
def test_the_design_effect_is_that_of_the_analysis_of_variance(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(30), 6)
    values = (rng.random(180) < np.repeat(rng.beta(2, 1, 30), 6)).astype(float)
    minority = values < 1 if values.mean() > 0.5 else values > 0
    precision = 8 * 6 * 5 / 49 * np.sum(np.bincount(groups, weights=minority) > 0)
    rho = (precision * max(anova_by_hand(values, groups), 0) + 12 * 0.5) / (precision + 12)
    effect = 1 + rho * 5
    found = share_interval(values, groups)
    assert found.n_effective == pytest.approx(180 / effect)
    # Student's t instead of the normal quantile, as a confidence level of Wilson's interval.
    wider = 2 * norm.cdf(t.ppf(0.975, (precision + 12) * (effect / (effect - 1)) ** 2)) - 1
    by_hand = proportion_confint(values.mean() * 180 / effect, 180 / effect, 1 - wider, method="wilson")
    assert (found.low, found.high) == pytest.approx(by_hand)


def test_means_over_repeats_count_as_more_than_single_outcomes():
    rng = np.random.default_rng(0)
    means = rng.binomial(5, 0.8, 200) / 5  # five independent repeats
    low, high = proportion_confint(means.sum() * 5, 1000, method="wilson")
    found = share_interval(means)
    assert found.high - found.low == pytest.approx(high - low, rel=0.15)
    assert found.n_effective == 200


rows = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.6, 1.0]), st.integers(0, 8)), min_size=1, max_size=60)


@given(rows, st.randoms(use_true_random=False))
def test_order_and_names_of_groups_change_nothing(rows, random):
    shuffled = random.sample(rows, len(rows))
    names = [["a", None, 7, "7", 2.5, ("x", 1), "", float("inf"), -1][group] for _, group in shuffled]
    lone = [(value, 100 + i if group == 1 else group) for i, (value, group) in enumerate(rows)]  # None is a group alone
    first = share_interval(*map(np.array, zip(*lone, strict=True)))
    second = share_interval(np.array([value for value, _ in shuffled]), names)
    assert (second.low, second.high, second.n_effective) == pytest.approx((first.low, first.high, first.n_effective))


@given(rows)
def test_ends_lie_around_the_share_and_failures_mirror_successes(rows):
    values, groups = map(np.array, zip(*rows, strict=True))
    found, failed = share_interval(values, groups), share_interval(1 - values, groups)
    assert 0 <= found.low <= found.share + 1e-12
    assert found.share - 1e-12 <= found.high <= 1
    assert 0 < found.n_effective <= len(rows)
    assert (failed.low, failed.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)


@given(st.integers(1, 200), st.data())
def test_one_more_success_never_lowers_an_end(n, data):
    k = data.draw(st.integers(0, n - 1))
    less, more = (share_interval(np.arange(n) < count) for count in (k, k + 1))
    assert less.low <= more.low
    assert less.high <= more.high


@pytest.mark.parametrize("bad", [[1.0, float("nan")], [True, None], [0.5, 1.2], [-0.1], [float("inf")]])
def test_an_item_without_an_outcome_is_refused(bad):
    with pytest.raises(ValueError, match="not scored"):
        share_interval(np.array(bad))


def test_two_dimensions_and_a_wrong_number_of_groups_are_value_errors():
    with pytest.raises(ValueError, match="shape"):
        share_interval(np.ones((2, 2)))
    with pytest.raises(ValueError, match="3 groups for 2 items"):
        share_interval(np.ones(2), [1, 2, 3])


def test_nan_and_none_of_any_type_are_separate_groups():
    names = np.array([np.float32("nan"), np.nan, np.nan, None, "nan", "nan"], dtype=object)
    assert share_interval(np.ones(6), names).groups == 5
