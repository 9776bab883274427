"""Splits that are given, by the data, by an earlier run or by a person: they hold; a row that would leak leaves."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .join import AlikePairs
from .split import SPLITS

__all__ = ["Bridges", "given_sides", "leaked_rows", "pull_siblings", "pull_tied", "pull_to_given"]


@dataclass(frozen=True)
class Bridges:
    """Rows that would leak: `row`, and the two rows of other sides that each is tied to; `nearer` is -1 for none."""

    row: np.ndarray
    nearer: np.ndarray
    further: np.ndarray

    @classmethod
    def none(cls) -> "Bridges":
        """No such row."""
        return cls(*(np.zeros(0, np.int64) for _ in range(3)))

    def joined(self, other: "Bridges") -> "Bridges":
        """Both."""
        columns = ("row", "nearer", "further")
        return Bridges(*(np.concatenate((getattr(self, name), getattr(other, name))) for name in columns))


def given_sides(splits: pl.Series) -> np.ndarray:
    """The position in `SPLITS` of each given split, -1 where none is given."""
    sides = splits.cast(pl.String).replace_strict(list(SPLITS), range(len(SPLITS)), return_dtype=pl.Int64)
    return sides.fill_null(-1).to_numpy()


def leaked_rows(subject: np.ndarray, sides: np.ndarray, same: AlikePairs, order: np.ndarray) -> Bridges:
    """Rows with a given split that have a pair alike with the same facts on a side held out further.

    Test stays before validation, validation before train: what was set apart for testing is not thinned out. `order`
    says which row is named where there are several.
    """
    tied = _tied(subject, np.full(len(subject), -1), sides, same, order)
    furthest = _last(tied)
    row = np.flatnonzero((sides >= 0) & (sides < furthest))
    return Bridges(row, np.full(len(row), -1), tied[furthest[row], row])


def pull_tied(
    subject: np.ndarray, group: np.ndarray, sides: np.ndarray, same: AlikePairs, order: np.ndarray
) -> tuple[np.ndarray, Bridges]:
    """Sides with free rows pulled to those that they are tied to, nearest first; and the rows that would join two.

    Ties are: one subject, subjects alike with the same facts, one group (-1 for none). Where a chain of free rows joins
    two sides, only the rows where both sides meet leave.
    """
    sides = sides.copy()
    free = sides < 0
    bridges = Bridges.none()
    while True:
        tied = _tied(subject, group, sides, same, order)
        first, last = _first(tied), _last(tied)
        joins = np.flatnonzero(free & (first < last) & (last >= 0))
        bridges = bridges.joined(Bridges(joins, tied[first[joins], joins], tied[last[joins], joins]))
        free[joins] = False
        new = np.flatnonzero(free & (last >= 0))
        if not len(new):
            return sides, bridges
        sides[new] = last[new]
        free[new] = False
        tied = _tied(subject, group, sides, same, order)
        meets = new[_last(tied)[new] > sides[new]]  # two free rows pulled to two sides, tied to each other
        bridges = bridges.joined(Bridges(meets, tied[sides[meets], meets], tied[_last(tied)[meets], meets]))
        sides[meets] = -1


def _tied(subject: np.ndarray, group: np.ndarray, sides: np.ndarray, same: AlikePairs, order: np.ndarray) -> np.ndarray:
    """For each side and row, `(3, n)`: the row on that side, first in `order`, that the row is tied to; -1 for none."""
    n = len(subject)
    by_order = np.argsort(order, kind="stable")
    subjects = int(max(subject.max(initial=-1), same.left.max(initial=-1), same.right.max(initial=-1))) + 1
    groups = int(group.max(initial=-1)) + 1
    place = np.empty(n + 1, np.int64)
    place[by_order], place[n] = np.arange(n), n
    found = np.full((len(SPLITS), n), n)
    for side in range(len(SPLITS)):
        here = np.flatnonzero(sides == side)
        own = np.full(subjects, n)
        np.minimum.at(own, subject[here], place[here])
        reach = own.copy()
        np.minimum.at(reach, same.left, own[same.right])
        np.minimum.at(reach, same.right, own[same.left])
        family = np.full(groups + 1, n)  # the last one, for rows without a group, stays empty
        grouped = here[group[here] >= 0]
        np.minimum.at(family, group[grouped], place[grouped])
        found[side] = np.minimum(reach[subject], family[group])
    return np.append(by_order, -1)[found]


def _first(tied: np.ndarray) -> np.ndarray:
    """The first side on which each row has a tie; the number of sides for none."""
    return np.where(tied[0] >= 0, 0, np.where(tied[1] >= 0, 1, np.where(tied[2] >= 0, 2, len(SPLITS))))


def _last(tied: np.ndarray) -> np.ndarray:
    """The side held out furthest on which each row has a tie; -1 for none."""
    return np.where(tied[2] >= 0, 2, np.where(tied[1] >= 0, 1, np.where(tied[0] >= 0, 0, -1)))


def pull_to_given(component: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sides with free rows pulled to the one side that is given in their component; and rows that would join two."""
    low, high = _sides_of(component, sides)
    free = sides < 0
    joins = free & (low[component] < high[component])
    return np.where(free & ~joins, high[component], sides), joins


def pull_siblings(
    component: np.ndarray, tied: np.ndarray, sides: np.ndarray, siblings: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Components and sides where siblings are tied as far as the given sides allow.

    `tied` are the components with siblings, `component` those without. Where siblings chain rows of two sides, the
    free ones follow the most similar first, and the chain is cut where both sides meet. `siblings` are pairs of rows,
    the most similar first.
    """
    low, high = _sides_of(tied, sides)
    mixed = low < high
    if not mixed.any():
        return tied, np.where(sides < 0, high[tied], sides)
    label, _ = _sides_of(component, sides)
    side = np.where(label == len(SPLITS), -1, label).tolist()
    parent = list(range(len(side)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    left, right = siblings
    within = mixed[tied[left]]
    for a, b in zip(component[left[within]].tolist(), component[right[within]].tolist(), strict=True):
        one, other = root(a), root(b)
        if one != other and (side[one] < 0 or side[other] < 0):
            parent[other] = one
            side[one] = max(side[one], side[other])
    roots = np.array([root(node) for node in range(len(parent))], np.int64)
    pulled = np.where(mixed[tied], np.array(side)[roots[component]], high[tied])
    # Numbers of their own for what the chain was cut into.
    apart = np.where(mixed[tied], len(low) + roots[component], tied)
    return np.unique(apart, return_inverse=True)[1], np.where(sides < 0, pulled, sides)


def _sides_of(component: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest given side in each component: the number of sides, and -1, where none is given."""
    size = int(component.max()) + 1 if len(component) else 0
    low, high = np.full(size, len(SPLITS)), np.full(size, -1)
    given = sides >= 0
    np.minimum.at(low, component[given], sides[given])
    np.maximum.at(high, component[given], sides[given])
    return low, high
