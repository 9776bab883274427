"""Finds candidate pairs of similar sets by the pigeonhole principle over segments, which misses no similar pair.

PartEnum (Arasu, Ganti, Kaushik 2006): sets that differ in at most `d` grams are cut into segments by the hash of each
gram. With `(d + 2) // 2` segments one of them differs in at most one gram: it is the same in both sets, or the same
except for one extra gram in one of them. So each segment of a set has a key, plus one for each gram removed
from it; similar sets share a key, at least one side of which is that of a whole segment. A set has about
as many keys as grams, and dissimilar sets seldom share one: the cost grows with the texts, and only with
a small share of their pairs. How many grams may differ follows from the sizes, so the larger side is cut into groups of
similar size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .ngrams import GramSets, on_all_cores, shared_grams, sorted_once
from .sketches import HASH_BITS, SignedSets, end_to_end, may_be_similar, may_differ

_GROUP = Fraction(11, 10)  # ratio of the largest set of a group to its smallest
_GRAMS = 1 << 17  # whose keys are made at once: the working set fits a core's cache
_SLICES = 64  # of this many grams, whose keys are made by all cores in parallel
_HITS = 2_000_000  # keys of one side, possibly also keys of the other, looked up together
_PAIRS = 4_000_000  # pairs with a common key processed together
_MOST_SLOTS = 1 << 26  # of a filter: 64 MB
_SLOTS_PER_KEY = 16
_LOWER = HASH_BITS // 2
_SAMPLE = 1 << 14  # pairs sampled to estimate the number of candidates
_SECONDS_PER_GRAM = 45e-9
_SECONDS_PER_CANDIDATE = 90e-9
_SPREAD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


def segment_pairs(
    left: SignedSets, right: SignedSets, t: Fraction, *, within: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions in `left` and `right` of pairs that may be similar, each once: all that are, and a few others.

    `within`: both are the same sets, and each pair of distinct sets is wanted once. It is fastest with most
    sets on the right.
    """
    for some, others, segments in _comparable(left, right, t, within=within):
        pairs = _group_pairs(some, others, segments, t, within=within)
        if len(pairs):
            yield np.divmod(pairs, len(right))


def segment_seconds(left: SignedSets, right: SignedSets, t: Fraction, *, within: bool = False) -> float:
    """The estimated cost of `segment_pairs` on one core: deterministic, since counted, not timed."""
    grams = sum(
        int(some.sets.bounds[some.stop] - some.sets.bounds[some.start])
        for groups in _comparable(left, right, t, within=within)
        for some in groups[:2]
    )
    return grams * _SECONDS_PER_GRAM + expected_candidates(left, right, t) / (1 + within) * _SECONDS_PER_CANDIDATE


def expected_candidates(left: SignedSets, right: SignedSets, t: Fraction) -> float:
    """The number of keys that pairs of sets will share, estimated from a deterministic sample of pairs.

    Very similar sets share many keys and are processed once for each.
    """
    if not len(left) or not len(right):
        return 0.0
    chance = np.random.default_rng(0)
    i, j = chance.integers(0, len(left), _SAMPLE), chance.integers(0, len(right), _SAMPLE)
    sizes, others = left.sizes[i], right.sizes[j]
    hashes = [
        end_to_end([side.hashes], side.bounds[at], own) for side, at, own in ((left, i, sizes), (right, j, others))
    ]
    drawn_sizes = np.concatenate((sizes, others))
    starts = np.cumsum(drawn_sizes) - drawn_sizes
    drawn = GramSets(np.concatenate(hashes), starts, drawn_sizes, np.zeros((0, 4), np.uint64), 1 << HASH_BITS)
    places = np.arange(_SAMPLE)
    differ = sizes + others - 2 * shared_grams(drawn, places, places + _SAMPLE)
    larger, smaller = np.maximum(sizes, others), np.minimum(sizes, others)
    largest = larger * _GROUP.numerator // _GROUP.denominator
    segments = (may_differ(2 * largest, t) + 2) // 2
    # The probability that a segment holds none of the differing grams, or one.
    other = 1 - 1 / segments
    same = other**differ + differ / segments * other ** np.maximum(differ - 1, 0)
    comparable = largest * t.numerator // t.denominator
    share = float((segments * same * (smaller * t.denominator >= comparable * t.numerator)).mean())
    return share * len(left) * len(right)


@dataclass(frozen=True)
class _Segments:
    """count: of segments. last_whole: the last one has no room for a gram that differs, so only its whole has a key."""

    count: int
    last_whole: bool

    @classmethod
    def of(cls, differ: int) -> "_Segments":
        """For sets that differ in at most this many grams."""
        return cls((differ + 2) // 2, differ % 2 == 0)


@dataclass(frozen=True)
class _Some:
    """The sets at positions `start` to `stop`."""

    sets: SignedSets
    start: int
    stop: int

    def slices(self) -> "list[_Some]":
        """The same in parts whose keys are made together."""
        bounds, found, start = self.sets.bounds, [], self.start
        while start < self.stop:
            stop = int(np.searchsorted(bounds, bounds[start] + _GRAMS, side="right")) - 1
            stop = min(self.stop, max(start + 1, stop))
            found.append(_Some(self.sets, start, stop))
            start = stop
        return found


def _comparable(
    left: SignedSets, right: SignedSets, t: Fraction, *, within: bool
) -> "Iterator[tuple[_Some, _Some, _Segments]]":
    """Groups of sets on the right, those on the left that may be similar to one of them, and the segments of both."""
    for start, stop in _groups(right.most):
        largest = int(right.most[stop - 1])
        # A partner has at least t times as many grams, and within the same sets no more.
        partner = largest if within else largest * t.denominator // t.numerator
        least = -(-int(np.diff(right.bounds[start : stop + 1]).min()) * t.numerator // t.denominator)
        first = int(np.searchsorted(left.most, least))
        last = stop if within else int(np.searchsorted(left.most, partner + partner // 20 + 1, side="right"))
        if first < last:
            segments = _Segments.of(int(may_differ(largest + partner, t)))
            yield _Some(left, first, last), _Some(right, start, stop), segments


def _groups(most: np.ndarray) -> Iterator[tuple[int, int]]:
    """Bounds of groups of similar size, with the most grams that each set can have."""
    start = 0
    while start < len(most):
        largest = int(most[start]) * _GROUP.numerator // _GROUP.denominator
        stop = int(np.searchsorted(most, largest, side="right"))
        yield start, stop
        start = stop


def _group_pairs(left: _Some, right: _Some, segments: _Segments, t: Fraction, *, within: bool) -> np.ndarray:
    """Places in both as one number, `left * len(right) + right`, each pair once."""
    wholes = {
        id(side): np.concatenate(on_all_cores(lambda some: _keys(some, segments)[0], side.slices()))
        for side in (left, right)
    }
    found: list[np.ndarray] = []

    def keep(i: np.ndarray, j: np.ndarray) -> None:
        if within:
            before = i < j
            i, j = i[before], j[before]
        i, j = may_be_similar(left.sets, right.sets, i, j, t)
        found.append(i * len(right.sets) + j)
        if sum(map(len, found)) > 2 * _PAIRS + len(found[0]):
            found[:] = [sorted_once(np.concatenate(found))]

    for i, j in _meetings(left, right, wholes[id(right)], segments, with_wholes=True):
        keep(i, j)
    for j, i in _meetings(right, left, wholes[id(left)], segments, with_wholes=False):
        keep(i, j)
    return sorted_once(np.concatenate([np.zeros(0, np.int64), *found]))


def _meetings(
    seekers: _Some, others: _Some, wholes: np.ndarray, segments: _Segments, *, with_wholes: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of seekers and others where a key of the seeker is that of a whole segment of the other."""
    known = _Filter(wholes)

    def hits(some: _Some) -> tuple[np.ndarray, np.ndarray]:
        own, less, cells = _keys(some, segments)
        near = known.places(less)
        if segments.last_whole:
            near = near[cells[near] % segments.count != segments.count - 1]
        keys, rows = less[near], cells[near] // segments.count
        if with_wholes:
            near = known.places(own)
            keys, rows = np.concatenate((keys, own[near])), np.concatenate((rows, near // segments.count))
        return keys, rows + some.start

    slices, found = seekers.slices(), []
    for start in range(0, len(slices), _SLICES):
        found += on_all_cores(hits, slices[start : start + _SLICES])
        if sum(len(keys) for keys, _ in found) >= _HITS or start + _SLICES >= len(slices):
            keys, rows = map(np.concatenate, zip(*found, strict=True))
            places = _Filter(keys).places(wholes)
            near = _Filter(wholes[places]).places(keys)  # few of them, so little to sort
            keys, rows = keys[near], rows[near]
            for a, b in _equal(keys, wholes[places]):
                yield rows[a], places[b] // segments.count + others.start
            found = []


def _keys(some: _Some, segments: _Segments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The keys of all segments, set by set; those of each segment without one gram; and the segments of the latter.

    A key is the sum of the segment's hashes, with its number: exact in floating point up to 2^23 of them.
    """
    sets, count = some.sets, segments.count
    sizes = np.diff(sets.bounds[some.start : some.stop + 1])
    hashes = sets.hashes[sets.bounds[some.start] : sets.bounds[some.stop]]
    # The upper bits of a hash select its segment.
    upper = hashes >> np.int32(_LOWER) if count < 1 << _LOWER else hashes.astype(np.int64)
    upper *= upper.dtype.type(count)
    upper >>= upper.dtype.type(_LOWER if count < 1 << _LOWER else HASH_BITS)
    cells = np.repeat(np.arange(0, len(sizes) * count, count, dtype=upper.dtype), sizes)
    cells += upper
    wholes = np.bincount(cells, weights=hashes, minlength=len(sizes) * count).astype(np.int64)
    wholes *= count
    wholes.reshape(len(sizes), count)[:] += np.arange(count)
    less = wholes[cells]
    less -= np.multiply(hashes, count, dtype=np.int64)
    return wholes, less, cells


class _Filter:
    """A filter of keys without false negatives and with about 2% false positives (Bloom 1970)."""

    def __init__(self, keys: np.ndarray) -> None:
        bits = (min(_MOST_SLOTS, max(1 << 10, len(keys) * _SLOTS_PER_KEY)) - 1).bit_length()
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, bool)
        for by in _SPREAD:
            self._table[self._slots(keys, by)] = True

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Positions in `keys` of those that may be in the filter."""
        near = np.flatnonzero(self._table[self._slots(keys, _SPREAD[0])])
        return near[self._table[self._slots(keys[near], _SPREAD[1])]]

    def _slots(self, keys: np.ndarray, by: np.uint64) -> np.ndarray:
        return (keys.view(np.uint64) * by) >> self._shift


def _equal(left: np.ndarray, right: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions in both where the keys are equal, some millions at once."""
    order, other = np.argsort(left), np.argsort(right)
    left, right = left[order], right[other]
    first, stop = np.searchsorted(right, left, side="left"), np.searchsorted(right, left, side="right")
    met = np.flatnonzero(stop > first)
    order, first, counts = order[met], first[met], (stop - first)[met]
    work, start = np.cumsum(counts), 0
    while start < len(met):
        end = max(start + 1, int(np.searchsorted(work, (work[start - 1] if start else 0) + _PAIRS, side="right")))
        own = counts[start:end]
        places = np.repeat(first[start:end] - (np.cumsum(own) - own), own) + np.arange(int(own.sum()))
        yield np.repeat(order[start:end], own), other[places]
        start = end
