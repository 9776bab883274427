"""The exact tests against statsmodels, every pattern of signs, and random signs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from tuneworth.evaluate.statistics.paired import mcnemar_exact, sign_flip

counts = st.integers(0, 60)


@given(counts, counts)
@settings(max_examples=30)
def test_mcnemar_agrees_with_statsmodels(more, fewer):
    exact, mid = mcnemar_exact(more, fewer)
    if more + fewer == 0:
        assert exact == mid == 1
        return
    assert exact == pytest.approx(mcnemar([[3, more], [fewer, 4]], exact=True).pvalue, rel=1e-9)
    assert mid <= exact


@given(st.integers(0, 300), st.integers(0, 300))
def test_sign_flips_over_single_items_are_the_exact_mcnemar_test(more, fewer):
    found = sign_flip(np.repeat([1.0, -1.0, 0.0], [more, fewer, 5]))
    assert found == pytest.approx(mcnemar_exact(more, fewer), rel=1e-9)


def by_every_pattern(sums):
    totals = np.array(list(product((-1, 1), repeat=len(sums)))) @ np.array(sums, dtype=float)
    return float(np.mean(np.abs(totals) >= abs(sum(sums)) - 1e-9))


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_whole_sums_agree_with_every_pattern_counted(sums):
    assert sign_flip(np.array(sums, dtype=float)).exact == pytest.approx(by_every_pattern(sums), rel=1e-9)


@given(st.integers(1, 10), st.lists(st.integers(-30, 30), min_size=1, max_size=9))
def test_means_over_repeats_agree_with_every_pattern_counted(repeats, wins):
    sums = [win / repeats for win in wins]
    assert sign_flip(np.array(sums)).exact == pytest.approx(by_every_pattern(sums), rel=1e-9)


@given(st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=10))
@settings(max_examples=40)
def test_sums_without_a_common_step_are_close_to_exact(sums):
    # A pattern whose total is close to the observed one may fall on either side of the grid, so each sum is shifted by 0.01.
    moved = ([*sums[:i], sums[i] * scale, *sums[i + 1 :]] for i in range(len(sums)) for scale in (1, 0.99, 1.01))
    near = [by_every_pattern(each) for each in moved]
    assert min(near) - 0.03 <= sign_flip(np.array(sums)).exact <= max(near) + 0.03


@pytest.mark.slow
def test_many_uneven_groups_agree_with_random_signs():
    rng = np.random.default_rng(4)
    sums = rng.integers(-6, 7, 300) + 0.5 * (rng.random(300) < 0.6)
    signs = rng.integers(0, 2, (20_000, 300)) * 2.0 - 1
    drawn = np.mean(np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9)
    assert 0.005 < drawn < 0.5
    assert sign_flip(sums).exact == pytest.approx(drawn, abs=4 * np.sqrt(drawn * (1 - drawn) / 20_000))


def test_tails_are_exact_far_out():
    assert sign_flip(np.ones(150)).exact == pytest.approx(2.0**-149, rel=1e-9)
    assert 0 < sign_flip(np.ones(5_000)).exact < 1e-40


@pytest.mark.slow
def test_a_hundred_thousand_items_have_an_answer():
    rng = np.random.default_rng(1)
    assert 0 < sign_flip(rng.integers(-1, 2, 100_000) / 7).exact <= 1
    assert 0 < sign_flip(rng.normal(size=100_000)).exact <= 1


def test_without_differences_p_is_one():
    assert sign_flip(np.zeros(4)) == sign_flip(np.array([])) == (1, 1)


@given(st.lists(st.integers(-5, 5), max_size=30))
def test_flipping_all_signs_changes_nothing(sums):
    assert sign_flip(np.array(sums, dtype=float)) == sign_flip(-np.array(sums, dtype=float))
