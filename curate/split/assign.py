"""Train, validation and test: whole components, largest first to the split with the most room, or newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from ..settings import SplitShares

SPLITS = ("train", "validation", "test")
_CHUNK = 100_000  # components read from arrays at once
_MANY = 1_000  # similar components for which a separate sort pays off


def split_components(
    component: np.ndarray,
    keys: np.ndarray,
    strata: Sequence[str | None] | pl.Series,
    sides: np.ndarray,
    *,
    shares: SplitShares,
) -> np.ndarray:
    """The split of each row, as a position in `SPLITS`; rows whose `sides` is not -1 keep that split.

    The order of the rows does not matter: components are ordered by size and by their smallest key (numbers in
    the order of a hash of content), strata by size and name.
    """
    if not len(component):
        return np.zeros(0, np.int64)
    stratum, rooms = _rooms(strata, shares)
    np.subtract.at(rooms, (stratum[sides >= 0], sides[sides >= 0]), 1)
    free = np.flatnonzero(sides < 0)
    numbers, order = _in_order(component, keys, free)
    side_of = _Places(rooms, np.bincount(sides[sides >= 0], minlength=len(SPLITS))).taken_by(
        _Counts.of(numbers, stratum[free], order)
    )
    side = np.empty(len(order), np.int64)
    side[order] = side_of
    placed = sides.copy()
    placed[free] = side[numbers]
    return placed


def split_by_date(
    component: np.ndarray, keys: np.ndarray, dates: np.ndarray, sides: np.ndarray, *, shares: SplitShares
) -> np.ndarray:
    """The split of each row where the newest components go to test, those before them to validation, the rest to train.

    A component is as new as its newest row, so train holds nothing newer than any component of test. On
    ties the smaller key comes first. Each split takes components until the next one would move it away from its size.
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
        # As many components as bring the sum nearest to the room; on a tie the fewer.
        stop = start + int(np.argmin(np.abs(np.append(0, reached[start:] - spent) - max(room, 0))))
        side_of[queue[start:stop]] = side
        start, spent = stop, int(reached[stop - 1]) if stop else 0
    placed = sides.copy()
    placed[free] = side_of[numbers]
    return placed


def split_targets(n: int, shares: SplitShares) -> np.ndarray:
    """The number of n rows for each split: integers that add up to n."""
    return _apportion(n * np.array([shares.train, shares.validation, shares.test]), n)


def _in_order(component: np.ndarray, keys: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The components of the free rows numbered from 0, and these numbers in order: large ones first, then by key."""
    numbers = np.unique(component[free], return_inverse=True)[1]
    # The size includes given rows, so a component's rank does not change when some of it is already placed.
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


@dataclass(frozen=True)
class _Counts:
    """The strata of components in order: component c has the entries from bounds[c] to bounds[c + 1]."""

    stratum: np.ndarray
    n: np.ndarray  # rows of the component in that stratum
    bounds: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, stratum: np.ndarray, order: np.ndarray) -> "_Counts":
        width = int(stratum.max(initial=0)) + 1
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        both, n = np.unique(place[numbers] * width + stratum, return_counts=True)
        return cls(both % width, n, np.searchsorted(both, np.arange(len(order) + 1) * width))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def runs(self) -> list[tuple[int, int]]:
        """Long runs of components with equal numbers of rows, all in one stratum: from and to."""
        first, single = self.bounds[:-1], np.diff(self.bounds) == 1
        both = np.stack((self.stratum, self.n))[:, first]
        same = np.zeros(len(self), bool)  # as the one before
        same[1:] = single[1:] & single[:-1] & (both[:, 1:] == both[:, :-1]).all(axis=0)
        starts = np.flatnonzero(~same)
        stops = np.append(starts[1:], len(self))
        many = (stops - starts >= _MANY) & single[starts]
        return list(zip(starts[many].tolist(), stops[many].tolist(), strict=True))

    def between(self, start: int, stop: int) -> Iterator[list[tuple[int, int]]]:
        """For each of these components its strata with the number of rows in each."""
        # Lists for all components would take some hundred bytes per row.
        for begin in range(start, stop, _CHUNK):
            bounds = self.bounds[begin : min(begin + _CHUNK, stop) + 1]
            low, high = bounds[0], bounds[-1]
            strata = list(zip(self.stratum[low:high].tolist(), self.n[low:high].tolist(), strict=True))
            for first, last in pairwise((bounds - low).tolist()):
                yield strata[first:last]


class _Places:
    """The remaining room of each split, per stratum and in total, while components are placed one by one."""

    def __init__(self, rooms: np.ndarray, taken: np.ndarray) -> None:
        # Plain Python numbers: nearly all components are one row, for which numpy's calls cost more than the work.
        self._room: list[list[int]] = rooms.tolist()
        self._whole: list[int] = rooms.sum(axis=0).tolist()
        self._taken: list[int] = taken.tolist()

    def taken_by(self, counts: _Counts) -> np.ndarray:
        """The split of each component."""
        side_of = np.empty(len(counts), np.uint8)
        reached = 0
        for start, stop in [*counts.runs(), (len(counts), len(counts))]:
            side_of[reached:start] = np.fromiter(map(self._place, counts.between(reached, start)), np.uint8)
            if stop > start:
                first = int(counts.bounds[start])
                side_of[start:stop] = self._place_run(stop - start, int(counts.stratum[first]), int(counts.n[first]))
            reached = stop
        return side_of

    def _place(self, counts: Sequence[tuple[int, int]]) -> int:
        best = self._most_room(counts)
        for s, n in counts:
            self._room[s][best] -= n
            self._whole[best] -= n
            self._taken[best] += n
        return best

    def _most_room(self, counts: Sequence[tuple[int, int]]) -> int:
        """The split with the most room for a component with these numbers of rows per stratum."""
        if len(counts) == 1:
            room = self._room[counts[0][0]]
            train, validation, test = room
            if train > validation and train > test:  # no ties, as nearly always
                return 0
            if test > train and test > validation:
                return 2
        else:
            room = [sum(n * self._room[s][side] for s, n in counts) for side in range(len(SPLITS))]
        # Ties go to the split with the most room in total: small strata have many ties. Then to an empty split,
        # so that two groups of one size do not leave test empty; then train, validation, test.
        return max(range(len(SPLITS)), key=lambda side: (room[side], self._whole[side], not self._taken[side], -side))

    def _place_run(self, count: int, s: int, n: int) -> np.ndarray:
        """The splits of `count` components of n rows of stratum s, in order: as `_place`, all at once.

        The room of a split falls by n with each component that it takes, so its offers are a decreasing sequence, and
        the components take the largest offers of the three. The total room differs from that of the stratum by the same
        amount throughout, so ties of two splits always resolve the same way, except the first offer of an empty one.
        """
        room = self._room[s]
        lowest = _reached(room, n, count)
        others = [whole - left for whole, left in zip(self._whole, room, strict=True)]
        before = {value: place for place, value in enumerate(sorted(set(others), reverse=True))}
        offers = []
        for side, (left, other) in enumerate(zip(room, others, strict=True)):
            number = max(0, (left - lowest) // n + 1)
            rank = np.full(number, 6 * before[other] + 3 + side)
            if not self._taken[side]:
                rank[:1] -= 3
            offers.append((max(room) - left + n * np.arange(number)) * 6 * len(SPLITS) + rank)
        side_of = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), [len(offer) for offer in offers])
        # Stable: three increasing sequences are merged in one pass.
        chosen = side_of[np.argsort(np.concatenate(offers), kind="stable")[:count]]
        for side, took in enumerate(np.bincount(chosen, minlength=len(SPLITS)).tolist()):
            room[side] -= n * took
            self._whole[side] -= n * took
            self._taken[side] += n * took
        return chosen


def _reached(room: Sequence[int], n: int, count: int) -> int:
    """The largest number that at least `count` offers reach, where a split with `room` offers room, room - n, ..."""
    low, high = max(room) - n * count, max(room)  # the split with the most room alone has `count` down to the low one
    while low < high:
        middle = (low + high + 1) // 2
        if sum(max(0, (left - middle) // n + 1) for left in room) >= count:
            low = middle
        else:
            high = middle - 1
    return low


def _rooms(strata: Sequence[str | None] | pl.Series, shares: SplitShares) -> tuple[np.ndarray, np.ndarray]:
    """The stratum of each row, and the rows that each split should get of it, `(strata, 3)`.

    What a split loses to rounding in one stratum it gets in the next, so small strata do not all go to train.
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
    """Integers near `wanted` that add up to n, none negative: one by one to the entry furthest below."""
    given = np.maximum(np.floor(wanted + 1e-9) - 1, 0)
    while given.sum() < n:
        given[np.argmax(np.round(wanted - given, 9))] += 1
    return given.astype(np.int64)


def effective_size(component: np.ndarray) -> float:
    """(sum of n)^2 / sum of n^2 over components of n rows: rows / size-weighted mean size (Kish 1965, section 8.2).

    This is the effective number of rows if tied rows are fully redundant, a lower bound. 0 without rows.
    """
    if not len(component):
        return 0.0
    sizes = np.unique(component, return_counts=True)[1].astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def effective_splits(component: np.ndarray, split: np.ndarray) -> dict[str, float]:
    """`effective_size` of each split, from the component and the split's name of each kept row."""
    return {name: effective_size(component[split == name]) for name in SPLITS}
