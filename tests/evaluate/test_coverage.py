"""Simulated data with a known truth: how often the intervals cover it. `benchmarks/coverage.py` has the full table."""

import numpy as np
import pytest
from scipy.stats import norm

from tuneworth.evaluate import compare
from tuneworth.evaluate.statistics.difference import difference_ends, difference_size
from tuneworth.evaluate.statistics.intervals import grouped, share_ends, wilson_ends
from tuneworth.evaluate.statistics.paired import sign_flip

SETS = 1500
CATALOGUE = [30, 12, 6, 3, 2] + [1] * 47


def shares(rng, sizes, p, rho):
    """Beta-binomial outcomes (sets, items)."""
    weight = 1 / rho - 1 if rho else None
    chance = rng.beta(p * weight, (1 - p) * weight, (SETS, len(sizes))) if rho else np.full((SETS, len(sizes)), p)
    return (rng.random((SETS, sum(sizes))) < np.repeat(chance, sizes, axis=1)).astype(float)


def pairs(rng, sizes, p_baseline, p_candidate, *, correlation):
    """Two variants that share the difficulty of groups and items: 0.3 of the variance between groups."""

    def deviates(width):
        shared = rng.standard_normal((SETS, width))
        return [
            np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * rng.standard_normal((SETS, width))
            for _ in range(2)
        ]

    levels = [
        np.sqrt(0.3) * np.repeat(group, sizes, axis=1) + np.sqrt(0.7) * item
        for group, item in zip(deviates(len(sizes)), deviates(sum(sizes)), strict=True)
    ]
    return [(level < norm.ppf(p)).astype(float) for level, p in zip(levels, (p_baseline, p_candidate), strict=True)]


def grouping_of(sizes):
    return grouped(np.repeat(np.arange(len(sizes)), sizes), sum(sizes))


def held(ends, truth):
    return float(np.mean((ends[0] <= truth + 1e-9) & (ends[1] >= truth - 1e-9)))


# Between 93 and 97%, within three standard errors of the simulation (1.5 points); small counts are covered more often.
SHARES = [
    ([1] * 100, 0.9, 0.0, 0.97), ([5] * 40, 0.9, 0.3, 0.98), ([10] * 20, 0.8, 0.3, 0.98), ([10] * 20, 0.95, 0.3, 0.98),
    (CATALOGUE, 0.8, 0.3, 0.98), ([2] * 50, 0.7, 0.5, 0.98), ([30] * 10, 0.7, 0.1, 0.99),
]  # fmt: skip


@pytest.mark.parametrize(("sizes", "p", "rho", "most"), SHARES)
def test_the_interval_of_a_share_covers_it(sizes, p, rho, most):
    values = shares(np.random.default_rng(1), sizes, p, rho)
    assert 0.93 - 0.015 < held(share_ends(values, grouping_of(sizes)), p) < most + 0.015


def test_means_over_repeats_in_two_groups_are_covered():
    """The scatter of the means is then known from two groups alone, however many items they have."""
    rng, sizes = np.random.default_rng(8), [30, 20]
    chance = np.repeat(rng.beta(0.5 / 0.3 - 0.5, 0.5 / 0.3 - 0.5, (SETS, 2)), sizes, axis=1)
    values = rng.binomial(5, rng.beta(1.5 * chance, 1.5 * (1 - chance))) / 5
    assert held(share_ends(values, grouping_of(sizes)), 0.5) > 0.92 - 0.015


@pytest.mark.parametrize("groups", [7, 20, 40])
def test_one_variant_failing_in_whole_groups_is_covered(groups):
    """The baseline fails here and there, the candidate in whole groups: half of its variance is between them."""
    rng, sizes = np.random.default_rng(9), [10] * groups
    baseline = (rng.random((SETS, 10 * groups)) < 0.9).astype(float)
    candidate = shares(rng, sizes, 0.9, 0.5)
    ends = difference_ends(baseline, candidate, grouping_of(sizes))
    assert held(ends, 0.0) > 0.93 - 0.015
    assert np.mean(ends.low_one_sided <= 0) > 0.93 - 0.015


def test_normal_theory_and_ignored_groups_fail_this_test():
    rng = np.random.default_rng(2)
    values = shares(rng, [10] * 20, 0.8, 0.3)
    assert held(wilson_ends(values.mean(axis=1), 200, 1.96), 0.8) < 0.8
    values = shares(rng, [1] * 50, 0.94, 0.0)
    share = values.mean(axis=1)
    reach = 1.96 * np.sqrt(share * (1 - share) / 50)
    assert held((share - reach, share + reach), 0.94) < 0.85
    assert held(share_ends(values, grouping_of([1] * 50)), 0.94) > 0.93


@pytest.mark.parametrize(
    ("sizes", "p_baseline", "p_candidate", "correlation"),
    [([1] * 100, 0.9, 0.94, 0.5), ([5] * 40, 0.8, 0.8, 0.0), ([5] * 40, 0.7, 0.9, 0.8), (CATALOGUE, 0.9, 0.9, 0.4)],
)
def test_the_interval_of_a_difference_covers_it(sizes, p_baseline, p_candidate, correlation):
    baseline, candidate = pairs(np.random.default_rng(3), sizes, p_baseline, p_candidate, correlation=correlation)
    ends = difference_ends(baseline, candidate, grouping_of(sizes))
    truth = p_candidate - p_baseline
    assert 0.93 - 0.015 < held(ends, truth) < 0.99 + 0.01
    assert np.mean(ends.low_one_sided <= truth) > 0.93 - 0.015
    assert np.mean(ends.high_one_sided >= truth) > 0.93 - 0.015


@pytest.mark.parametrize("sizes", [[5] * 12, CATALOGUE])
def test_the_test_over_groups_rarely_gives_false_alarms(sizes):
    grouping = grouping_of(sizes)
    baseline, candidate = pairs(np.random.default_rng(4), sizes, 0.8, 0.8, correlation=0.3)
    sums = grouping.sums(candidate - baseline)[:500]
    assert np.mean([sign_flip(row).exact < 0.05 for row in sums]) < 0.05 + 0.02


def test_many_sets_at_once_equal_one_by_one():
    groups = np.repeat(np.arange(len(CATALOGUE)), CATALOGUE)
    baseline, candidate = pairs(np.random.default_rng(5), CATALOGUE, 0.8, 0.9, correlation=0.3)
    ends = difference_ends(baseline, candidate, grouping_of(CATALOGUE))
    worth = difference_size(baseline, candidate, grouping_of(CATALOGUE))
    for index in (0, 7, 11):
        one = compare(baseline[index], candidate[index], groups)
        assert (one.low, one.high) == pytest.approx((ends.low[index], ends.high[index]))
        assert one.n_effective == pytest.approx(worth.independent[index])


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_shares_are_covered_from_one_half_to_nearly_one(size, rho):
    rng = np.random.default_rng([6, size])
    for n in (100, 200, 500):
        sizes = [size] * (n // size)
        for p in (0.5, 0.8, 0.9, 0.95):
            assert held(share_ends(shares(rng, sizes, p, rho if size > 1 else 0), grouping_of(sizes)), p) > 0.915


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_differences_are_covered_from_one_half_to_nearly_one(size, correlation):
    rng = np.random.default_rng([7, size])
    for n in (100, 200, 500):
        sizes = [size] * (n // size)
        for two in ((0.5, 0.5), (0.9, 0.9), (0.99, 0.99), (0.7, 0.94), (0.9, 0.94)):
            ends = difference_ends(*pairs(rng, sizes, *two, correlation=correlation), grouping_of(sizes))
            assert held(ends, two[1] - two[0]) > 0.915
            assert np.mean(ends.low_one_sided <= two[1] - two[0] + 1e-9) > 0.915
