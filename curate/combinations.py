"""Pairs of groups as pairs of their members, for whole columns at once."""

import numpy as np

__all__ = ["all_combinations", "distinct_rows"]


def all_combinations(
    of: np.ndarray, left: np.ndarray, right: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pair of groups as all pairs of a member of the one and a member of the other.

    `of` is the group of each member. Gives the position of the pair of groups, and both members.
    """
    members = np.argsort(of, kind="stable")
    counts = np.bincount(of, minlength=groups)
    starts = np.cumsum(counts) - counts
    sizes = counts[left] * counts[right]
    origin = np.repeat(np.arange(len(left)), sizes)
    within = np.arange(len(origin)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    width = counts[right][origin]
    first = members[starts[left][origin] + within // np.maximum(width, 1)]
    second = members[starts[right][origin] + within % np.maximum(width, 1)]
    return origin, first, second


def distinct_rows(*columns: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """A number per row, equal where all columns are, in their order; and the columns of each number."""
    order = np.lexsort(columns[::-1])
    new = np.ones(len(order), bool)
    new[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers, tuple(column[order[new]] for column in columns)
