"""Rows that stand in a split already: what is tied to them follows, what would join two sides leaves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.curate.match.join import SimilarPairs
from tuneworth.curate.split.pinned import leaked_rows, pull_siblings, pull_tied, pull_to_given

FREE, TRAIN, VALIDATION, TEST = -1, 0, 1, 2


def edges(*pairs):
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    return SimilarPairs(left, right, np.ones(len(left), np.int64), np.ones(len(left), np.int64))


def pull(sides, same=(), group=None):
    n = len(sides)
    group = np.full(n, -1) if group is None else np.array(group)
    found, bridges = pull_tied(np.arange(n), group, np.array(sides), edges(*same), np.arange(n))
    ties = zip(bridges.nearer.tolist(), bridges.further.tolist(), strict=True)
    return found.tolist(), dict(zip(bridges.row.tolist(), ties, strict=True))


def test_a_chain_follows_the_one_side_that_it_reaches():
    assert pull([TRAIN, FREE, FREE, FREE, FREE], [(0, 1), (1, 2), (2, 3)]) == ([0, 0, 0, 0, -1], {})


def test_a_row_between_two_sides_leaves_and_the_rest_of_the_chain_stays():
    sides = [TRAIN, FREE, FREE, FREE, TEST]
    found, left = pull(sides, [(0, 1), (1, 2), (2, 3), (3, 4)])
    assert found == [0, 0, -1, 2, 2]
    assert left == {2: (1, 3)}


def test_where_two_pulled_rows_meet_the_one_held_out_less_leaves():
    found, left = pull([TRAIN, FREE, FREE, VALIDATION], [(0, 1), (1, 2), (2, 3)])
    assert found == [0, -1, 1, 1]
    assert left == {1: (0, 2)}


def test_groups_tie_as_alike_rows_do():
    assert pull([TEST, FREE, FREE], group=[0, 0, -1]) == ([2, 2, -1], {})
    assert pull([TEST, TRAIN, FREE], group=[0, 0, 0]) == ([2, 0, -1], {2: (1, 0)})


def test_of_given_rows_alike_the_one_held_out_further_stays():
    sides = np.array([TRAIN, TEST, VALIDATION, FREE])
    found = leaked_rows(np.arange(4), sides, edges((0, 1), (0, 2), (2, 3)), np.arange(4))
    assert (found.row.tolist(), found.further.tolist()) == ([0], [1])


def test_siblings_are_cut_where_two_sides_meet_the_most_similar_first():
    component, tied = np.arange(5), np.zeros(5, np.int64)
    sides = np.array([TRAIN, FREE, FREE, TEST, FREE])
    by_likeness = (np.array([2, 0, 1, 4]), np.array([3, 1, 2, 2]))
    found, pulled = pull_siblings(component, tied, sides, by_likeness)
    assert pulled.tolist() == [TRAIN, TRAIN, TEST, TEST, TEST]
    assert found[0] == found[1] != found[2] == found[3] == found[4]


def test_a_component_that_reaches_one_side_follows_it_and_one_of_two_leaves():
    component = np.array([0, 0, 1, 1, 1, 2])
    sides, joins = pull_to_given(component, np.array([TEST, FREE, TRAIN, TEST, FREE, FREE]))
    assert sides.tolist() == [2, 2, 0, 2, -1, -1]
    assert joins.tolist() == [False, False, False, False, True, False]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 3)), min_size=2, max_size=16), st.data())
def test_no_tie_of_a_free_row_goes_across(rows, data):
    n = len(rows)
    pairs = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=20))
    same = [(min(p), max(p)) for p in pairs if p[0] != p[1]]
    sides, group = [side for side, _ in rows], [group for _, group in rows]
    found, left = pull(sides, same, group)
    tied = same + [(a, b) for a in range(n) for b in range(a) if group[a] == group[b] >= 0]
    for a, b in tied:
        if sides[a] < 0 or sides[b] < 0:
            assert found[a] == found[b] or a in left or b in left
    assert all(found[row] == side for row, side in enumerate(sides) if side >= 0)
    assert all(sides[row] < 0 and found[row] < 0 for row in left)
