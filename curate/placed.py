"""Splits that the data bring along: they hold; a row that would leak across them leaves."""

from collections.abc import Sequence

import numpy as np

from .join import AlikePairs
from .split import SPLITS

__all__ = ["given_sides", "leaked_rows", "pull_to_given"]


def given_sides(splits: Sequence[str | None]) -> np.ndarray:
    """The position in `SPLITS` of each given split, -1 where none is given."""
    return np.array([-1 if split is None else SPLITS.index(split) for split in splits], np.int64)


def leaked_rows(subject: np.ndarray, sides: np.ndarray, same: AlikePairs) -> np.ndarray:
    """Rows with a given split that have a pair alike with the same facts on a side held out further.

    Test stays before validation, validation before train: what was set apart for testing is not thinned out.
    """
    furthest = np.full(int(max(subject.max(initial=-1), same.right.max(initial=-1))) + 1, -1)
    np.maximum.at(furthest, subject, sides)
    reach = furthest.copy()
    np.maximum.at(reach, same.left, furthest[same.right])
    np.maximum.at(reach, same.right, furthest[same.left])
    return (sides >= 0) & (sides < reach[subject])


def pull_to_given(component: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sides with free rows pulled to the one side that is given in their component; and rows that would join two."""
    size = int(component.max()) + 1 if len(component) else 0
    low, high = np.full(size, len(SPLITS)), np.full(size, -1)
    given = sides >= 0
    np.minimum.at(low, component[given], sides[given])
    np.maximum.at(high, component[given], sides[given])
    joins = ~given & (low[component] < high[component])
    return np.where(given | joins, sides, high[component]), joins
