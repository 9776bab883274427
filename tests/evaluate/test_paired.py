from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from tuneworth.evaluate import compare
from tuneworth.evaluate.statistics.paired import newcombe_paired, sign_flip
from tuneworth.evaluate.statistics.power import detectable_difference

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
    assert found.low_one_sided == pytest.approx(newcombe_paired(134, 54, 6, 6, confidence=0.9)[0], rel=1e-12)
    assert found.low < found.low_one_sided < found.difference


def written_out(a, b, c, d, *, corrected):
    """Newcombe's method 10 as in his paper, with and without the correction of phi."""
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
def test_newcombe_agrees_with_a_second_implementation(a, b, c, d):
    assert newcombe_paired(a, b, c, d) == pytest.approx(written_out(a, b, c, d, corrected=True), abs=1e-9)


def test_phi_is_corrected_for_continuity():
    assert written_out(134, 54, 6, 6, corrected=False) == pytest.approx((0.1713, 0.3088), abs=5e-5)
    assert newcombe_paired(134, 54, 6, 6) == pytest.approx((0.1705, 0.3093), abs=5e-5)


@pytest.mark.parametrize("cells", [(43, 0, 0, 7), (50, 0, 0, 0), (0, 0, 0, 9), (0, 12, 0, 0), (0, 0, 5, 0)])
def test_newcombe_handles_empty_cells(cells):
    low, high = newcombe_paired(*cells)
    assert -1 <= low < high <= 1


@given(counts, counts, counts, counts)
@settings(max_examples=60)
def test_swapping_the_variants_mirrors_the_interval(both, more, fewer, neither):
    if both + more + fewer + neither == 0:
        return
    low, high = newcombe_paired(both, more, fewer, neither)
    assert newcombe_paired(both, fewer, more, neither) == pytest.approx((-high, -low), abs=1e-12)
    assert low - 1e-12 <= (more - fewer) / (both + more + fewer + neither) <= high + 1e-12


def test_groups_widen_the_interval_and_the_seed_has_no_effect():
    baseline, candidate = outcomes(134, 54, 6, 6)
    groups = np.arange(200) // 4
    alone, grouped = compare(baseline, candidate), compare(baseline, candidate, groups, seed=7)
    assert grouped.high - grouped.low > alone.high - alone.low
    assert grouped == compare(baseline, candidate, groups, seed=8)
    assert grouped.method.startswith("exact sign-flip test over groups; Newcombe's paired interval (method 10) on n /")
    assert grouped.groups == 50


def test_groups_of_one_change_nothing():
    baseline, candidate = outcomes(30, 9, 4, 7)
    alone, grouped = compare(baseline, candidate), compare(baseline, candidate, range(50))
    assert grouped == replace(alone, groups=50)


def test_the_test_over_groups_uses_their_sums():
    baseline, candidate = outcomes(134, 54, 6, 6)
    groups = np.arange(200) % 40
    sums = np.bincount(groups, weights=candidate * 1.0 - baseline)
    assert compare(baseline, candidate, groups).p_value == sign_flip(sums).exact


def test_one_group_shows_nothing():
    found = compare(np.zeros(200), np.ones(200), np.zeros(200))
    assert (found.p_value, found.n_effective, found.detectable_difference) == (1, 1, None)
    assert found.low < 0 < found.high


def test_no_discordant_pair_in_groups_still_has_a_width():
    found = compare(*outcomes(190, 0, 0, 10), np.arange(200) // 4)
    assert (found.difference, found.p_value) == (0, 1)
    assert found.low < 0 < found.high
    assert found.n_effective == pytest.approx(200 / (1 + 0.3 * 3))  # what is taken before anything is seen


def test_means_over_repeats_are_compared_as_means():
    rng = np.random.default_rng(0)
    baseline, candidate = rng.integers(0, 4, 80) / 3, rng.integers(1, 4, 80) / 3
    found = compare(baseline, candidate)
    error = np.std(candidate - baseline, ddof=1) / np.sqrt(80)
    assert found.difference == pytest.approx(np.mean(candidate - baseline))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert "variance of the means over repeats" in found.method
    assert found.both + found.only_candidate + found.only_baseline + found.neither == 80


items = st.lists(
    st.tuples(st.sampled_from([0.0, 0.4, 1.0]), st.sampled_from([0.0, 0.4, 1.0]), st.integers(0, 6)),
    min_size=1,
    max_size=40,
)


@given(items)
def test_swapping_the_variants_mirrors_everything(items):
    baseline, candidate, groups = map(np.array, zip(*items, strict=True))
    for names in (None, groups):
        one, other = compare(baseline, candidate, names), compare(candidate, baseline, names)
        assert other.difference == pytest.approx(-one.difference)
        assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-9)
        assert (other.p_value, other.n_effective) == pytest.approx((one.p_value, one.n_effective))
        assert -1 <= one.low <= one.low_one_sided <= one.difference + 1e-12
        assert one.difference - 1e-12 <= one.high <= 1


@given(items, st.randoms(use_true_random=False))
def test_order_and_names_of_groups_change_nothing(items, random):
    first = compare(*map(np.array, zip(*items, strict=True)))
    baseline, candidate, groups = zip(*random.sample(items, len(items)), strict=True)
    second = compare(np.array(baseline), np.array(candidate), [f"group {group}" for group in groups])
    assert (second.low, second.high, second.p_value) == pytest.approx((first.low, first.high, first.p_value))
    assert second.n_effective == pytest.approx(first.n_effective)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(1, 30))
@settings(max_examples=60)
def test_one_more_win_never_lowers_the_interval(both, more, less, neither):
    before, after = compare(*outcomes(both, more, less, neither)), compare(*outcomes(both, more + 1, less, neither - 1))
    assert after.difference > before.difference
    assert after.high >= before.high - 0.005  # phi's correction for continuity moves the ends a little
    assert after.low >= before.low - 0.005


@pytest.mark.parametrize("cells", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 1)])
def test_a_single_item_shows_almost_nothing(cells):
    found = compare(*outcomes(*cells))
    assert found.low < 0 < found.high
    assert found.high - found.low > 0.9
    assert (found.p_value, found.detectable_difference) == (1, None)


def test_the_detectable_difference_is_that_of_the_measured_discordant_share():
    agreeing, differing = compare(*outcomes(180, 4, 2, 14)), compare(*outcomes(150, 24, 22, 4))
    assert agreeing.discordant_share == pytest.approx(0.03)
    assert agreeing.detectable_difference == detectable_difference(182 / 200, 200, 7 / 202)
    assert agreeing.detectable_difference < differing.detectable_difference


@pytest.mark.parametrize("bad", [[1.0, float("nan")], [0.5, 2.0]])
def test_an_item_without_an_outcome_is_refused(bad):
    with pytest.raises(ValueError, match="not scored"):
        compare(np.ones(2), np.array(bad))


def test_nothing_to_compare_is_reported():
    found = compare(np.array([]), np.array([]))
    assert (found.difference, found.p_value, found.n, found.method) == (None, None, 0, "nothing to compare")


def test_different_lengths_are_a_value_error():
    with pytest.raises(ValueError, match="same number"):
        compare(np.ones(3), np.ones(4))


def test_the_keys_are_those_of_results_json():
    keys = compare(*outcomes(5, 3, 1, 1)).to_json()
    assert set(keys["difference"]) == {"value", "low", "high"}
    assert {"p_value", "method", "both", "only_candidate", "only_baseline", "neither", "detectable_difference"} <= set(
        keys
    )
