"""Sizes, strata and components of the split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, SplitShares, curate
from tuneworth.curate.split import split_components, split_targets

SHARES = SplitShares(train=0.7, validation=0.1, test=0.2)


def place(component, strata=None, shares=SHARES):
    n = len(component)
    keys = [f"{i:04d}" for i in range(n)]
    return split_components(np.array(component), keys, strata or [None] * n, np.full(n, -1), shares=shares)


@given(st.integers(0, 2000))
def test_targets_are_whole_and_add_up(n):
    targets = split_targets(n, SHARES)
    assert targets.sum() == n
    assert np.abs(targets - np.array([0.7, 0.1, 0.2]) * n).max() <= 1


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_rows_without_ties_get_the_sizes_asked_for(n):
    assert np.bincount(place(range(n)), minlength=3).tolist() == split_targets(n, SHARES).tolist()


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60))
def test_a_component_is_never_divided(component):
    side = place(component)
    assert all(len(set(side[np.array(component) == c])) == 1 for c in set(component))


def test_strata_are_divided_alike_and_small_ones_do_not_all_go_to_train():
    strata = ["a"] * 100 + ["b"] * 50 + [f"tiny{i // 2}" for i in range(100)]
    side = place(range(250), strata)
    assert np.bincount(side[:100]).tolist() == [70, 10, 20]
    assert np.bincount(side[100:150]).tolist() == [35, 5, 10]
    assert np.bincount(side).tolist() == [175, 25, 50]


def test_a_huge_component_is_named_with_what_joins_it():
    rows = [
        {"input": f"{i} is number {i * 31}", "output": f"o{i}", "group": "all" if i < 60 else f"g{i}"}
        for i in range(100)
    ]
    warnings = {w["code"]: w["text"] for w in curate(rows).summary["warnings"]}
    assert "60 of 100 pairs" in warnings["huge_component"]
    assert "1 group" in warnings["huge_component"]


def test_sizes_that_cannot_be_met_are_said():
    rows = [{"input": f"{i} is number {i * 31}", "output": f"o{i}", "group": f"g{i % 2}"} for i in range(50)]
    summary = curate(rows).summary
    assert "split_size" in {w["code"] for w in summary["warnings"]}
    assert "few_groups" in {w["code"] for w in summary["warnings"]}


def test_siblings_are_tied_from_where_no_component_swallows_a_fifth():
    # Each text differs from the next in one number only: all are siblings of all at 0.8.
    rows = [
        {"input": f"a long line about one electronic part with rating {i}V in it", "output": f"o {i}"}
        for i in range(100)
    ]
    auto = curate(rows).summary
    assert auto["certificate"]["siblings_tied_from"] > 0.8
    assert auto["certificate"]["siblings_at_or_above"] > 0
    always = CurateSettings(tie_siblings=True, split=SplitShares(train=1))
    assert curate(rows, settings=always).summary["largest_component"] == 100
    never = curate(rows, settings=CurateSettings(tie_siblings=False)).summary
    assert never["certificate"]["siblings_tied_from"] is None


def test_outputs_tie_only_where_asked():
    rows = [
        {"input": f"{i} thing {i * 77}", "output": "one answer for many" if i < 30 else f"o {i}"} for i in range(60)
    ]
    assert curate(rows).summary["largest_component"] == 1
    assert curate(rows, settings=CurateSettings(tie_outputs=True)).summary["largest_component"] >= 30


def test_another_seed_gives_another_split_of_the_same_sizes():
    rows = [{"input": f"{i} thing {i * 77}", "output": f"o {i}"} for i in range(60)]
    one, other = curate(rows, seed=0), curate(rows, seed=1)
    assert one.summary["splits"] == other.summary["splits"]
    assert not one.kept["split"].equals(other.kept["split"])
