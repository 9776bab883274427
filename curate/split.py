"""Train, validation and test: whole components, largest first, to the split with the most room."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from .settings import SplitShares

__all__ = ["SPLITS", "split_components", "split_targets"]

SPLITS = ("train", "validation", "test")


def split_components(
    component: np.ndarray,
    keys: Sequence[str],
    strata: Sequence[str | None],
    sides: np.ndarray,
    *,
    shares: SplitShares,
) -> np.ndarray:
    """The split of each row, as a position in `SPLITS`; rows whose `sides` is not -1 stand there already.

    The order of the rows decides nothing: components are ordered by size and by their smallest key (a hash of
    content), strata by size and name.
    """
    n = len(component)
    if not n:
        return np.zeros(0, np.int64)
    stratum, room = _rooms(strata, shares)
    numbers, sizes = (
        np.unique(component, return_inverse=True)[1],
        np.bincount(np.unique(component, return_inverse=True)[1]),
    )
    members: list[list[int]] = [[] for _ in sizes]
    for row, number in enumerate(numbers.tolist()):
        members[number].append(row)
    smallest = [min(keys[row] for row in rows) for rows in members]
    placed = sides.copy()
    np.subtract.at(room, (stratum[sides >= 0], sides[sides >= 0]), 1)
    for number in sorted(range(len(sizes)), key=lambda c: (-int(sizes[c]), smallest[c])):
        rows = [row for row in members[number] if placed[row] < 0]
        if not rows:
            continue
        counts = np.bincount(stratum[rows], minlength=len(room))
        # argmax takes the first of equals: train before validation before test.
        best = int(np.argmax(counts @ room))
        room[:, best] -= counts
        placed[rows] = best
    return placed


def split_targets(n: int, shares: SplitShares) -> np.ndarray:
    """How many of n rows each split should get: whole numbers that add up to n."""
    return _apportion(n * np.array([shares.train, shares.validation, shares.test]), n)


def _rooms(strata: Sequence[str | None], shares: SplitShares) -> tuple[np.ndarray, np.ndarray]:
    """The stratum of each row, and the rows that each split should get of it, `(strata, 3)`.

    What rounding takes from a split in one stratum it gets in the next: small strata do not all go to train.
    """
    names = ["" if s is None else s for s in strata]
    counts = Counter(names)
    order = sorted(counts, key=lambda name: (-counts[name], name))
    place = {name: i for i, name in enumerate(order)}
    wanted, rooms = np.zeros(3), []
    for name in order:
        wanted = wanted + counts[name] * np.array([shares.train, shares.validation, shares.test])
        rooms.append(_apportion(wanted, counts[name]))
        wanted = wanted - rooms[-1]
    return np.array([place[name] for name in names], np.int64), np.stack(rooms)


def _apportion(wanted: np.ndarray, n: int) -> np.ndarray:
    """n as whole numbers near `wanted`, none negative: one by one to what is furthest below."""
    given = np.maximum(np.floor(wanted + 1e-9) - 1, 0)
    while given.sum() < n:
        given[np.argmax(np.round(wanted - given, 9))] += 1
    return given.astype(np.int64)
