"""Train, validation and test: whole components, largest first to the split with the most room, or newest first."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from .settings import SplitShares

__all__ = ["SPLITS", "split_by_date", "split_components", "split_targets"]

SPLITS = ("train", "validation", "test")
_CHUNK = 100_000  # components taken out of arrays at once


def split_components(
    component: np.ndarray,
    keys: np.ndarray,
    strata: Sequence[str | None] | pl.Series,
    sides: np.ndarray,
    *,
    shares: SplitShares,
) -> np.ndarray:
    """The split of each row, as a position in `SPLITS`; rows whose `sides` is not -1 stand there already.

    The order of the rows decides nothing: components are ordered by size and by their smallest key (numbers in
    the order of a hash of content), strata by size and name.
    """
    if not len(component):
        return np.zeros(0, np.int64)
    stratum, rooms = _rooms(strata, shares)
    np.subtract.at(rooms, (stratum[sides >= 0], sides[sides >= 0]), 1)
    free = np.flatnonzero(sides < 0)
    numbers, order = _in_order(component, keys, free)
    room, whole = rooms.tolist(), rooms.sum(axis=0).tolist()
    taken = np.bincount(sides[sides >= 0], minlength=len(SPLITS)).tolist()
    side_of = bytearray(len(order))
    for number, counts in enumerate(_counts(numbers, stratum[free], order)):
        # Python's own numbers: nearly all components are one row, for which numpy's calls cost more than the work.
        best = _most_room(counts, room, whole, taken)
        for s, n in counts:
            room[s][best] -= n
            whole[best] -= n
            taken[best] += n
        side_of[number] = best
    side = np.empty(len(order), np.int64)
    side[order] = np.frombuffer(side_of, np.uint8)
    placed = sides.copy()
    placed[free] = side[numbers]
    return placed


def _most_room(
    counts: Sequence[tuple[int, int]], room: Sequence[Sequence[int]], whole: Sequence[int], taken: Sequence[int]
) -> int:
    """The side with the most room for a component of so many rows of each stratum."""
    if len(counts) == 1:
        wish = room[counts[0][0]]
        train, validation, test = wish
        if train > validation and train > test:  # no ties, as nearly always
            return 0
        if test > train and test > validation:
            return 2
    else:
        wish = [sum(n * room[s][side] for s, n in counts) for side in range(len(SPLITS))]
    # Of equals the one with the most room in all: in small strata there are many equals. Then one that is empty
    # yet, as two groups of one size should not leave a test set of nothing; then train before validation before test.
    return max(range(len(SPLITS)), key=lambda side: (wish[side], whole[side], not taken[side], -side))


def split_by_date(
    component: np.ndarray, keys: np.ndarray, dates: np.ndarray, sides: np.ndarray, *, shares: SplitShares
) -> np.ndarray:
    """The split of each row where the newest components go to test, those before them to validation, the rest to train.

    A component is as new as its newest row, so train holds nothing newer than what any component of test reaches. Of
    one moment the smaller key comes first. Each split takes components until the next would lead away from its size.
    """
    targets = split_targets(len(component), shares)
    given = np.bincount(sides[sides >= 0], minlength=len(SPLITS))
    free = np.flatnonzero(sides < 0)
    if not len(free):
        return sides.copy()
    numbers, order = _in_order(component, keys, free)
    newest = np.full(len(order), np.iinfo(np.int64).min)
    np.maximum.at(newest, numbers, dates[free])
    smallest = np.empty(len(order), np.int64)
    smallest[_by_key(numbers, keys, free)] = np.arange(len(order))
    queue = np.lexsort((smallest, -newest.astype(float)))
    reached = np.cumsum(np.bincount(numbers)[queue])
    side_of = np.zeros(len(order), np.int64)
    start, spent = 0, 0
    for side in (SPLITS.index("test"), SPLITS.index("validation")):
        room = targets[side] - given[side]
        # As many components as bring the sum nearest to the room; of two as near the fewer.
        stop = start + int(np.argmin(np.abs(np.append(0, reached[start:] - spent) - max(room, 0))))
        side_of[queue[start:stop]] = side
        start, spent = stop, int(reached[stop - 1]) if stop else 0
    placed = sides.copy()
    placed[free] = side_of[numbers]
    return placed


def split_targets(n: int, shares: SplitShares) -> np.ndarray:
    """How many of n rows each split should get: whole numbers that add up to n."""
    return _apportion(n * np.array([shares.train, shares.validation, shares.test]), n)


def _in_order(component: np.ndarray, keys: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The components of the free rows numbered from 0, and their numbers: large ones first, then by smallest key."""
    numbers = np.unique(component[free], return_inverse=True)[1]
    # The size counts given rows too: a component stays where it is in the order when some of it is placed already.
    sizes = np.bincount(component)[component[free]]
    size = np.zeros(int(numbers.max(initial=-1)) + 1, np.int64)
    size[numbers] = sizes
    by_key = _by_key(numbers, keys, free)
    return numbers, by_key[np.argsort(-size[by_key], kind="stable")]


def _by_key(numbers: np.ndarray, keys: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Components in the order of their smallest keys."""
    rows = np.argsort(keys[free], kind="stable")
    first = np.unique(numbers[rows], return_index=True)[1]
    return numbers[rows[np.sort(first)]]


def _counts(numbers: np.ndarray, stratum: np.ndarray, order: np.ndarray) -> Iterator[list[tuple[int, int]]]:
    """For each component in the order: its strata with the number of rows in each."""
    width = int(stratum.max(initial=0)) + 1
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    both, n = np.unique(place[numbers] * width + stratum, return_counts=True)
    bounds = np.searchsorted(both, np.arange(len(order) + 1) * width)
    # Lists of all components would take some hundred bytes a row.
    for start in range(0, len(order), _CHUNK):
        own = bounds[start : start + _CHUNK + 1]
        low, high = own[0], own[-1]
        held = list(zip((both[low:high] % width).tolist(), n[low:high].tolist(), strict=True))
        for first, stop in pairwise((own - low).tolist()):
            yield held[first:stop]


def _rooms(strata: Sequence[str | None] | pl.Series, shares: SplitShares) -> tuple[np.ndarray, np.ndarray]:
    """The stratum of each row, and the rows that each split should get of it, `(strata, 3)`.

    What rounding takes from a split in one stratum it gets in the next: small strata do not all go to train.
    """
    names = pl.Series("name", strata, dtype=pl.String).fill_null("")
    counts = names.value_counts().sort("count", "name", descending=[True, False])
    wanted, rooms = np.zeros(3), []
    for count in counts["count"].to_list():
        wanted = wanted + count * np.array([shares.train, shares.validation, shares.test])
        rooms.append(_apportion(wanted, count))
        wanted = wanted - rooms[-1]
    place = names.replace_strict(counts["name"], np.arange(len(counts)), return_dtype=pl.Int64)
    return place.to_numpy(), np.stack(rooms)


def _apportion(wanted: np.ndarray, n: int) -> np.ndarray:
    """n as whole numbers near `wanted`, none negative: one by one to what is furthest below."""
    given = np.maximum(np.floor(wanted + 1e-9) - 1, 0)
    while given.sum() < n:
        given[np.argmax(np.round(wanted - given, 9))] += 1
    return given.astype(np.int64)
