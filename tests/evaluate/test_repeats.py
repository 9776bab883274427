"""Repeated outputs: item means, pass^k by exhaustive choice, unstable items."""

from itertools import combinations, pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.evaluate.scores.score import item_means, pass_all, samples_of, unstable_share


@st.composite
def outcomes(draw):
    samples = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(st.booleans(), min_size=samples, max_size=samples), min_size=1, max_size=12))
    return np.array(rows, dtype=float)


@settings(max_examples=50, deadline=None)
@given(outcomes())
def test_pass_all_is_the_share_of_choices_in_which_every_output_is_acceptable(table):
    found = pass_all(table)
    for k in range(1, table.shape[1] + 1):
        choices = [all(row[i] for i in chosen) for row in table for chosen in combinations(range(len(row)), k)]
        assert found[str(k)] == pytest.approx(np.mean(choices))


@settings(max_examples=50, deadline=None)
@given(outcomes())
def test_pass_all_falls_with_k_from_the_share(table):
    found = list(pass_all(table).values())
    assert found[0] == pytest.approx(table.mean())
    assert all(after <= before + 1e-12 for before, after in pairwise(found))


@settings(max_examples=50, deadline=None)
@given(outcomes())
def test_an_item_is_unstable_if_its_outputs_differ(table):
    found = unstable_share(table, None)
    if table.shape[1] == 1:  # with one output, a second one is unknown
        assert (found.share, found.low, found.high) == (None, None, None)
        return
    assert found.share == pytest.approx(np.mean([len(set(row)) > 1 for row in table.tolist()]))
    assert found.low <= found.share <= found.high


def test_means_are_over_known_values():
    values = pl.Series([1, None, None, None, 3, 5])
    assert item_means(values, 2).tolist()[::2] == [1.0, 4.0]
    assert np.isnan(item_means(values, 2)[1])


def test_no_items_give_no_result():
    assert pass_all(np.zeros((0, 3))) == {}
    assert unstable_share(np.zeros((0, 3)), None).share is None


@pytest.mark.parametrize("ids", [["a", "b", "b"], ["a", "b", "a", "b"], ["a", "a", "b"]])
def test_items_with_different_numbers_of_outputs_or_not_adjacent_are_rejected(ids):
    with pytest.raises(ValueError, match="same number"):
        samples_of(pl.Series(ids))
