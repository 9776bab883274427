import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint

from tuneworth.evaluate import compare
from tuneworth.evaluate.statistics.difference import difference_ends, newcombe_paired
from tuneworth.evaluate.statistics.intervals import grouped
from tuneworth.evaluate.statistics.paired import sign_flip, significant
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
    alone, found = compare(baseline, candidate), compare(baseline, candidate, groups, seed=7)
    assert found.high - found.low > alone.high - alone.low
    assert found == compare(baseline, candidate, groups, seed=8)
    assert found.method.startswith(
        "exact sign-flip test over groups; Newcombe's paired interval (method 10) on each variant's n /"
    )
    assert found.groups == 50


def own_size(values, groups):
    """n / design effect of one variant's 0/1 outcomes, and its degrees of freedom, written out group by group."""
    n, share = len(values), sum(values) / len(values)
    members = [[v for v, g in zip(values, groups, strict=True) if g == name] for name in sorted(set(groups))]
    sizes = [len(m) for m in members]
    between = sum(len(m) * (sum(m) / len(m) - share) ** 2 for m in members) / (len(members) - 1)
    within = sum((v - sum(m) / len(m)) ** 2 for m in members for v in m) / (n - len(members))
    k = (n - sum(s * s for s in sizes) / n) / (len(members) - 1)
    rho = min(max((between - within) / (between + (k - 1) * within), 0), 1)
    rare = 0 if share > 0.5 else 1
    weights = [8 * s * (s - 1) / (s + 1) ** 2 for s, m in zip(sizes, members, strict=True) if rare in m or share == 0.5]
    precision = sum(weights) + 12
    rho = (sum(weights) * rho + 12 * 0.5) / precision
    effect = 1 + rho * (sum(s * s for s in sizes) / n - 1)
    return n / effect, precision * (effect / (effect - 1)) ** 2


def in_groups_written_out(baseline, candidate, groups, confidence):
    """The interval in groups, written out: own effective sizes, Student's t, the correlation of the groups' sums."""
    limits = []
    for values in (baseline, candidate):
        size, freedom = own_size(values, groups)
        z = student.ppf(0.5 + confidence / 2, freedom)
        p = sum(values) / len(values)
        middle, reach = p + z * z / 2 / size, z * math.sqrt(p * (1 - p) / size + z * z / 4 / size**2)
        limits.append((p, (middle - reach) / (1 + z * z / size), (middle + reach) / (1 + z * z / size)))
    (p1, l1, u1), (p2, l2, u2) = limits
    sums = {g: [0.0, 0.0] for g in groups}
    for one, other, g in zip(baseline, candidate, groups, strict=True):
        sums[g][0] += one - p1
        sums[g][1] += other - p2
    size = sum(list(groups).count(g) for g in groups) / len(groups)
    top = sum(a * b for a, b in sums.values())
    top = max(top - size / 2, 0) if top > 0 else top
    phi = top / math.sqrt(sum(a * a for a, _ in sums.values()) * sum(b * b for _, b in sums.values()))
    phi *= len(sums) / (len(sums) + 2 * (1 - 1 / size))
    below = math.sqrt((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2)
    above = math.sqrt((u2 - p2) ** 2 - 2 * phi * (u2 - p2) * (p1 - l1) + (p1 - l1) ** 2)
    return max(p2 - p1 - below, -1), min(p2 - p1 + above, 1)


@pytest.mark.slow
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=12, max_size=60))
@settings(max_examples=60)
def test_the_interval_in_groups_agrees_with_a_second_implementation(items):
    baseline, candidate, groups = (list(column) for column in zip(*items, strict=True))
    assume(0 < sum(baseline) < len(items))
    assume(0 < sum(candidate) < len(items))
    assume(len(set(groups)) > 1)
    by_group = [[sum(v for v, g in zip(arm, groups, strict=True) if g == name) / groups.count(name) - sum(arm) / len(arm)
                 for name in set(groups)] for arm in (baseline, candidate)]  # fmt: skip
    assume(all(max(map(abs, means)) > 1e-9 for means in by_group))  # else the correlation of the sums is 0 / 0
    found = compare(np.array(baseline), np.array(candidate), groups)
    assert (found.low, found.high) == pytest.approx(in_groups_written_out(baseline, candidate, groups, 0.95), abs=1e-9)
    assert found.low_one_sided == pytest.approx(in_groups_written_out(baseline, candidate, groups, 0.9)[0], abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=30), st.integers(2, 4))
def test_items_that_repeat_each_other_in_a_group_count_for_little_more(items, times):
    """Copies within the group leave the width of the single items, or more; copies as single items narrow it."""
    baseline, candidate = (np.array(column, dtype=float) for column in zip(*items, strict=True))
    alone = compare(baseline, candidate)
    groups = np.tile(np.arange(len(items)), times)
    merged = compare(np.tile(baseline, times), np.tile(candidate, times), groups)
    apart = compare(np.tile(baseline, times), np.tile(candidate, times))
    assert apart.high - apart.low < merged.high - merged.low
    assert merged.n_effective < 0.9 * apart.n_effective
    assert merged.difference == pytest.approx(alone.difference)


def test_one_variant_failing_in_whole_groups_widens_the_interval():
    """The same differences in number; of the baseline's failures, a fifth in every group or whole groups."""
    groups = np.repeat(np.arange(20), 10)
    scattered, whole = (np.arange(200) % 5 != 0), groups % 5 != 0
    candidate = np.arange(200) % 5 != 1
    apart, together = compare(scattered, candidate, groups), compare(whole, candidate, groups)
    assert apart.difference == together.difference == 0
    assert together.high - together.low > 1.4 * (apart.high - apart.low)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=25))
def test_copies_are_more_of_the_same_single_items(items):
    baseline, candidate = (np.array(column) for column in zip(*items, strict=True))
    n = len(items)
    more = difference_ends(baseline, candidate, grouped(None, n), copies=np.array([1.0, 3.0]))
    tiled = difference_ends(np.tile(baseline, 3), np.tile(candidate, 3), grouped(None, 3 * n))
    now = difference_ends(baseline, candidate, grouped(None, n))
    assert [float(end[1]) for end in more] == pytest.approx([float(end) for end in tiled])
    assert [float(end[0]) for end in more] == pytest.approx([float(end) for end in now])


@pytest.mark.parametrize("count", [12, 40])
def test_copies_are_close_to_more_groups_like_these(count):
    rng = np.random.default_rng(3)
    groups, n = np.repeat(np.arange(count), 5), 5 * count
    ease = rng.random(count)[groups]
    baseline, candidate = (rng.random(n) < ease).astype(float), (rng.random(n) < 0.2 + 0.8 * ease).astype(float)
    more = difference_ends(baseline, candidate, grouped(groups, n), copies=4.0)
    names = np.concatenate([groups + count * i for i in range(4)])
    tiled = difference_ends(np.tile(baseline, 4), np.tile(candidate, 4), grouped(names, 4 * n))
    assert more.low == pytest.approx(tiled.low, abs=0.002)
    assert more.high == pytest.approx(tiled.high, abs=0.002)


@pytest.mark.parametrize(
    ("low", "high", "p", "said"),
    [(0.02, 0.3, 0.01, True), (-0.3, -0.02, 0.01, True), (0.02, 0.3, 0.05, False), (0.02, 0.3, 0.125, False),
     (0.0, 0.3, 0.01, False), (-0.1, 0.3, 0.01, False), (None, None, None, False)],
)  # fmt: skip
def test_significant_needs_interval_and_test(low, high, p, said):
    assert significant(low, high, p) is said


def test_four_groups_are_never_significant():
    groups = np.repeat(np.arange(4), 50)
    found = compare(np.zeros(200), np.ones(200), groups)
    assert found.low > 0
    assert found.p_value == 0.125
    assert not significant(found.low, found.high, found.p_value)


def test_groups_of_one_change_nothing():
    baseline, candidate = outcomes(30, 9, 4, 7)
    alone, found = compare(baseline, candidate), compare(baseline, candidate, range(50))
    assert found == replace(alone, groups=50)


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
