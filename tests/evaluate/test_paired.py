from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from tuneworth.evaluate.paired import (
    compare,
    detectable_difference,
    holm,
    mcnemar_exact,
    newcombe_paired,
    pairs_needed,
    sign_flip,
)

counts = st.integers(0, 60)


def outcomes(both, only_candidate, only_baseline, neither):
    sizes = (both, only_candidate, only_baseline, neither)
    return np.repeat([1, 0, 1, 0], sizes).astype(bool), np.repeat([1, 1, 0, 0], sizes).astype(bool)


def test_the_published_table_gives_the_published_numbers():
    found = compare(*outcomes(134, 54, 6, 6))
    assert found.difference == pytest.approx(0.24)
    assert found.p_value == pytest.approx(9.723e-11, rel=1e-3)
    assert (round(found.low, 4), round(found.high, 4)) == (0.1705, 0.3093)
    assert (found.both, found.only_candidate, found.only_baseline, found.neither) == (134, 54, 6, 6)
    assert (found.groups, found.n_effective) == (None, 200)


def test_the_one_sided_end_is_that_of_the_ninety_percent_interval():
    found = compare(*outcomes(134, 54, 6, 6))
    assert found.low_one_sided == newcombe_paired(134, 54, 6, 6, confidence=0.9)[0]
    assert found.low < found.low_one_sided < found.difference


def written_out(a, b, c, d, *, corrected):
    """Newcombe's method 10 in one piece, as his paper words it, with and without the correction of phi."""
    n = a + b + c + d
    p1, p2 = (a + b) / n, (a + c) / n
    (l1, u1), (l2, u2) = (proportion_confint(p * n, n, method="wilson") for p in (p1, p2))
    product, top = (a + b) * (c + d) * (a + c) * (b + d), a * d - b * c
    if corrected and top > 0:
        top = max(top - n / 2, 0)
    phi = top / product**0.5 if product else 0
    below = ((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2) ** 0.5
    above = ((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2) ** 0.5
    return p1 - p2 - below, p1 - p2 + above


@given(st.integers(1, 60), counts, counts, st.integers(1, 60))
@settings(max_examples=50)
def test_newcombe_agrees_with_a_second_writing(a, b, c, d):
    assert newcombe_paired(a, b, c, d) == pytest.approx(written_out(a, b, c, d, corrected=True), abs=1e-9)


def test_the_correction_of_phi_is_made():
    assert written_out(134, 54, 6, 6, corrected=False) == pytest.approx((0.1713, 0.3088), abs=5e-5)
    assert newcombe_paired(134, 54, 6, 6) == pytest.approx((0.1705, 0.3093), abs=5e-5)


@pytest.mark.parametrize("cells", [(43, 0, 0, 7), (50, 0, 0, 0), (0, 0, 0, 9), (0, 12, 0, 0), (0, 0, 5, 0)])
def test_newcombe_has_an_answer_where_cells_are_empty(cells):
    low, high = newcombe_paired(*cells)
    assert -1 <= low < high <= 1


@given(counts, counts)
@settings(max_examples=30)
def test_mcnemar_agrees_with_statsmodels(more, fewer):
    exact, mid = mcnemar_exact(more, fewer)
    if more + fewer == 0:
        assert exact == mid == 1
        return
    assert exact == pytest.approx(mcnemar([[3, more], [fewer, 4]], exact=True).pvalue, rel=1e-9)
    assert mid <= exact


@given(counts, counts, counts, counts)
@settings(max_examples=60)
def test_exchanging_the_variants_turns_the_interval_round(both, more, fewer, neither):
    if both + more + fewer + neither == 0:
        return
    low, high = newcombe_paired(both, more, fewer, neither)
    assert newcombe_paired(both, fewer, more, neither) == pytest.approx((-high, -low), abs=1e-12)
    assert low - 1e-12 <= (more - fewer) / (both + more + fewer + neither) <= high + 1e-12


def test_sign_flips_over_single_items_are_the_exact_mcnemar_test():
    assert sign_flip(np.array([1.0] * 9 + [-1.0] * 2)) == pytest.approx(mcnemar_exact(9, 2)[0])


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
def test_sign_flip_agrees_with_every_pattern_counted(sums):
    patterns = [abs(sum(s * v for s, v in zip(p, sums, strict=True))) for p in product((-1, 1), repeat=len(sums))]
    expected = sum(value >= abs(sum(sums)) for value in patterns) / len(patterns)
    assert sign_flip(np.array(sums, dtype=float)) == pytest.approx(expected)


def test_random_sign_flips_come_near_the_exact_p():
    sums = np.array([1.0] * 16 + [-1.0] * 6)
    assert sign_flip(sums, seed=3) == pytest.approx(mcnemar_exact(16, 6)[0], abs=0.01)


def test_groups_widen_the_interval_and_the_seed_fixes_it():
    baseline, candidate = outcomes(134, 54, 6, 6)
    groups = np.arange(200) // 4
    alone, grouped = compare(baseline, candidate), compare(baseline, candidate, groups, seed=7)
    assert grouped.high - grouped.low > alone.high - alone.low
    assert grouped == compare(baseline, candidate, groups, seed=7)
    assert "bootstrap over groups" in grouped.method
    assert grouped.groups == 50


@pytest.mark.parametrize("groups", [np.arange(200) // 20, np.zeros(200, dtype=int)])
def test_few_groups_fall_back_to_newcombe_on_fewer_items(groups):
    found = compare(*outcomes(134, 54, 6, 6), groups)
    assert "Newcombe" in found.method
    assert found.high - found.low > 0.14
    assert found.n_effective < 20


def test_no_discordant_pair_in_groups_still_has_a_width():
    found = compare(*outcomes(190, 0, 0, 10), np.arange(200) // 4)
    assert (found.difference, found.p_value) == (0, 1)
    assert found.low < 0 < found.high
    assert found.n_effective == pytest.approx(50)


def test_means_over_repeats_are_compared_as_means():
    rng = np.random.default_rng(0)
    baseline, candidate = rng.integers(0, 4, 80) / 3, rng.integers(1, 4, 80) / 3
    found = compare(baseline, candidate)
    assert found.difference == pytest.approx(np.mean(candidate - baseline))
    assert found.low < found.difference < found.high
    assert "bootstrap over items" in found.method
    assert found.both + found.only_candidate + found.only_baseline + found.neither == 80


def test_nothing_to_compare_is_said():
    found = compare(np.array([]), np.array([]))
    assert (found.difference, found.p_value, found.n, found.method) == (None, None, 0, "nothing to compare")


def test_two_lengths_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="one length"):
        compare(np.ones(3), np.ones(4))


def test_the_keys_are_those_of_results_json():
    keys = compare(*outcomes(5, 3, 1, 1)).to_json()
    assert set(keys["difference"]) == {"value", "low", "high"}
    assert {"p_value", "method", "both", "only_candidate", "only_baseline", "neither", "detectable_difference"} <= set(
        keys
    )


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


@pytest.mark.parametrize("seed", range(4))
def test_holm_agrees_with_statsmodels(seed):
    p_values = np.random.default_rng(seed).random(7).round(2).tolist()  # rounded, so that some are equal
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize(("size", "groups"), [(1, 60), (5, 40), (5, 12)])
def test_the_interval_of_the_difference_covers(size, groups):
    rng = np.random.default_rng(11)
    hits, runs = 0, 150
    names = np.repeat(np.arange(groups), size)
    for _ in range(runs):
        chance = np.repeat(rng.beta(3, 3, groups), size)
        candidate = rng.random(len(names)) < np.minimum(chance + 0.2 * (1 - chance), 1)
        baseline = rng.random(len(names)) < chance
        found = compare(baseline, candidate, None if size == 1 else names)
        hits += found.low <= 0.1 <= found.high  # E[0.2 (1 - chance)] = 0.1
    assert hits / runs >= 0.91
