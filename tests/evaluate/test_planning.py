"""Whether cases are enough, how many more are needed, and how often that advice holds where the truth is known."""

import importlib
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import enough_cases
from tuneworth.evaluate import compare
from tuneworth.evaluate.statistics.difference import difference_ends, difference_size
from tuneworth.evaluate.statistics.intervals import grouped
from tuneworth.evaluate.statistics.planning import cases_needed

MARGIN = 0.03
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("n", "n_effective", "groups", "found"),
    [
        (19, None, None, (False, "cases", 20)),
        (20, None, None, (True, None, None)),
        (20, 20, 20, (True, None, None)),  # each in a group of its own
        (200, 30, 4, (False, "groups", 10)),
        (200, 30, 9, (False, "groups", 10)),
        (200, 14, 10, (True, None, None)),
        (60, 6.5, 31, (False, "groups", 10)),  # 30 of them in one group
        (15, 15, 12, (False, "cases", 20)),
        (0, 0, None, (False, "cases", 20)),
    ],
)
def test_ten_groups_or_twenty_single_cases_are_enough(n, n_effective, groups, found):
    assert enough_cases(n, n_effective, groups) == found


def outcomes(both, only_candidate, only_baseline, neither):
    sizes = (both, only_candidate, only_baseline, neither)
    return np.repeat([1.0, 0.0, 1.0, 0.0], sizes), np.repeat([1.0, 1.0, 0.0, 0.0], sizes)


def test_nothing_is_needed_where_it_is_shown():
    assert compare(*outcomes(900, 60, 10, 30)).low_one_sided > -MARGIN
    assert cases_needed(*outcomes(900, 60, 10, 30), margin=MARGIN) is None


def test_more_cases_are_no_advice_where_the_candidate_is_worse():
    assert cases_needed(*outcomes(140, 10, 16, 34), margin=MARGIN) is None
    assert cases_needed(*outcomes(140, 11, 16, 33), margin=MARGIN) is not None


def test_no_cases_have_no_advice():
    assert cases_needed(np.array([]), np.array([]), margin=MARGIN) is None


def test_single_cases_ask_for_cases():
    found = cases_needed(*outcomes(140, 22, 18, 20), margin=MARGIN)
    assert (found.cases, found.groups, found.chance) == (860, None, pytest.approx(0.8, abs=0.01))


def test_cases_in_groups_need_more():
    table = outcomes(140, 22, 18, 20)
    order = np.random.default_rng(0).permutation(200)
    shuffled, groups = [values[order] for values in table], np.repeat(np.arange(20), 10)
    alike = cases_needed(*table, groups, margin=MARGIN)
    single, mixed = (cases_needed(*shuffled, names, margin=MARGIN) for names in (None, groups))
    assert single.cases == 860
    assert mixed.cases > single.cases
    assert mixed.groups == mixed.cases / 10
    # In groups, and most of all where whole groups differ, ten times as many cases may not be enough.
    chances = [found.chance for found in (single, mixed, alike)]
    assert chances == pytest.approx([0.8, 0.7, 0.4], abs=0.01)


def test_few_groups_ask_for_groups():
    """All right in 200 cases, but from 4 groups: 6 more groups are the minimum."""
    groups = np.repeat(np.arange(4), 50)
    rng = np.random.default_rng(0)
    baseline, candidate = (rng.random(200) < 0.3).astype(float), (rng.random(200) < 0.95).astype(float)
    found = cases_needed(baseline, candidate, groups, margin=MARGIN)
    assert (found.cases, found.groups) == (500, 10)
    assert found.chance > 0.99


@pytest.mark.parametrize("n", [1, 2, 5, 19])
def test_few_cases_ask_for_the_minimum_at_least(n):
    found = cases_needed(np.zeros(n), np.ones(n), margin=MARGIN)
    assert found.cases >= 20
    assert 0 < found.chance <= 1


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=1, max_size=60),
    st.sampled_from([0.01, 0.03, 0.1]),
)
def test_the_advice_is_a_number_of_cases_with_a_chance(items, margin):
    baseline, candidate, groups = (np.array(column) for column in zip(*items, strict=True))
    for names in (None, groups):
        found, n = cases_needed(baseline, candidate, names, margin=margin), len(items)
        if found is None:
            shown = compare(baseline, candidate, names)
            assert shown.difference <= -margin + 1e-9 or shown.low_one_sided > -margin
            continue
        assert found.cases > n
        assert 0 <= found.chance <= 1
        if names is not None and len(set(groups)) < n:
            assert found.groups == math.ceil(found.cases * len(set(groups)) / n - 1e-9)
            assert found.groups >= 10
        assert found.cases >= 20


@given(st.integers(30, 200), st.integers(2, 20), st.integers(0, 3))
def test_a_wider_margin_needs_no_more_cases(both, differing, extra):
    table = outcomes(both, differing + extra, differing, 10)
    wide, narrow = (cases_needed(*table, margin=margin) for margin in (0.06, 0.03))
    assert narrow is not None or wide is None
    if wide is not None and wide.chance >= 0.8 and narrow.chance >= 0.8:
        assert wide.cases <= narrow.cases


@pytest.mark.slow
def test_the_advice_holds_as_often_as_it_says():
    """A small part of benchmarks/advice.py, which has the whole table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        found = importlib.import_module("advice").advices(4000, np.random.default_rng(1))
    chance, held = np.array([(advice.chance, advice.held) for advice in found], dtype=float).T
    assert len(chance) > 1200
    assert chance.mean() == pytest.approx(held.mean(), abs=0.05)
    for low, high in ((0.75, 1.01), (0.55, 0.75), (0.0, 0.55)):
        chosen = (chance >= low) & (chance < high)
        error = 2 * math.sqrt(0.25 / chosen.sum())  # of the simulation
        assert chance[chosen].mean() == pytest.approx(held[chosen].mean(), abs=0.05 + error)


WORLDS = [
    (layout, share, rho, correlation)
    for layout in (
        [1] * 20,
        [1] * 40,
        [2] * 10,
        [10] * 10,
        [30] * 10,
        [5] * 15,
        [10] * 29,
        [30, 12, 6, 3, 2] + [1] * 15,
    )
    for share in (0.8, 0.95)
    for rho in ((0.0, 0.0), (0.3, 0.3), (0.6, 0.6), (0.1, 0.5))
    for correlation in (0.0, 0.6)
    if len(layout) < sum(layout) or rho == (0.0, 0.0)
]


@pytest.mark.slow
def test_not_worse_is_hardly_ever_shown_of_a_candidate_that_is_worse():
    """Five points worse, with the minimum of groups or cases and somewhat more: at most 5%, and 8% in any world."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        paired_outcomes = importlib.import_module("outcomes").paired_outcomes
    rng, wrong = np.random.default_rng(9), []
    for layout, share, rho, correlation in WORLDS:
        groups, sizes = np.repeat(np.arange(len(layout)), layout), np.array(layout)
        grouping = grouped(groups, len(groups))
        made = paired_outcomes(rng, 400, sizes, shares=(share, share - 0.05), rho=rho, correlation=correlation)
        shown = difference_ends(*made, grouping).low_one_sided > -MARGIN
        worth = difference_size(*made, grouping).independent
        enough = [enough_cases(len(groups), each, len(layout)).enough for each in worth]
        wrong.append(float(np.mean(shown & enough)))
    assert np.mean(wrong) < 0.05
    assert max(wrong) < 0.08 + 0.02  # twice the simulation's own error
    assert max(wrong) > 0.02  # it happens, so the simulation can fail
