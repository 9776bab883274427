"""Exact set-similarity joins: every pair of texts at or above a similarity, without approximation.

Candidates come from the cheaper of two filters; both pass every similar pair, and the shared grams of candidates are
counted in full. One filter is in `partenum.py`; its cost grows with the texts. The other suits few texts, and texts
that have much in common: prefix filtering (Chaudhuri et al. 2006; Bayardo et al. 2007; Xiao et al. 2008, PPJoin).
With the grams of all sets in one order, rare first, two sets that share `o` grams share one in the first `|x| - o + 1`
grams of each. At Jaccard similarity t a set shares at least `t|x|` grams with any partner, and at least `2t/(1+t) |x|`
with one that is no smaller: so the smaller set of each pair needs the shorter prefix. The shared counts of these prefixes
come from sparse products, tile by tile. Pairs ruled out by the lengths, the grams after the prefixes, or the sketches
are dropped.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.sparse as sparse

from .ngrams import GramSets, may_share, shared_grams, shared_table
from .partenum import segment_pairs, segment_seconds
from .sketches import signed_grams

_ROWS = 2048  # of the smaller sets in one tile
_COLUMNS = 8192  # of the larger sets in one tile, at least: at most 16 million cells, about 130 MB
_DENSE = 8  # a tile in which one cell in this many is a candidate is counted as a whole
_SLICE = 1024  # columns counted at once there: 2 million cells, about 300 MB with what follows
_LARGE = 1_000_000  # cells from which the setup pays off
_PAIRS = 1_000_000  # verified at once
_SECONDS_PER_MEETING = 27e-9  # in the sparse products and what follows them, measured
_SHORT = 0.5  # seconds below which a faster method is not worth looking for
_SAMPLE = 1 << 14  # pairs sampled to estimate how many are similar
_SPANS = 16  # most spans of the larger sets; each span has its own index


@dataclass(frozen=True)
class SimilarPairs:
    """Pairs of texts by position, with integer counts: similarity is `shared / union`, compared as fractions."""

    left: np.ndarray
    right: np.ndarray
    shared: np.ndarray
    union: np.ndarray

    @property
    def similarity(self) -> np.ndarray:
        """Jaccard similarity of each pair."""
        return self.shared / np.maximum(self.union, 1)

    def at_least(self, threshold: float) -> np.ndarray:
        """Whether each pair reaches the threshold, without rounding."""
        t = as_fraction(threshold)
        return self.shared * t.denominator >= t.numerator * self.union

    def take(self, which: np.ndarray) -> "SimilarPairs":
        """The pairs selected by a mask or by positions."""
        return SimilarPairs(self.left[which], self.right[which], self.shared[which], self.union[which])

    def turned(self) -> "SimilarPairs":
        """The same pairs, left and right swapped."""
        return SimilarPairs(self.right, self.left, self.shared, self.union)

    @classmethod
    def joined(cls, parts: "list[SimilarPairs]") -> "SimilarPairs":
        """Several tables of pairs concatenated."""
        none = np.zeros(0, np.int64)
        columns = zip(
            *((p.left, p.right, p.shared, p.union) for p in [cls(none, none, none, none), *parts]), strict=True
        )
        return cls(*map(np.concatenate, columns))

    @classmethod
    def portions(cls, parts: "Iterable[SimilarPairs]", least: int) -> "Iterator[SimilarPairs]":
        """The same pairs in fewer tables, of at least so many pairs but for the last one."""
        waiting, count = [], 0
        for part in parts:
            waiting.append(part)
            count += len(part.left)
            if count >= least:
                yield cls.joined(waiting)
                waiting, count = [], 0
        yield cls.joined(waiting)

    def in_order(self) -> "SimilarPairs":
        """The pairs sorted by left, then right position."""
        return self.take(np.lexsort((self.right, self.left)))


def similar_pairs(grams: GramSets, threshold: float) -> SimilarPairs:
    """All pairs of distinct positions, `left < right`, with similarity at or above the threshold."""
    return SimilarPairs.joined(list(similar_tiles(grams, threshold))).in_order()


def similar_pairs_between(grams: GramSets, left: np.ndarray, right: np.ndarray, threshold: float) -> SimilarPairs:
    """All pairs of a position in `left` and one in `right` with similarity at or above the threshold."""
    return SimilarPairs.joined(list(similar_tiles_between(grams, left, right, threshold))).in_order()


def similar_tiles(grams: GramSets, threshold: float, *, among: np.ndarray | None = None) -> Iterator[SimilarPairs]:
    """`similar_pairs` in parts of bounded size, in arbitrary order; `among` names the positions compared."""
    rows, t = np.arange(len(grams.sizes)) if among is None else among, as_fraction(threshold)
    found = _by_segments(grams, rows, rows, t, _prefix_meetings(grams, rows, rows, t) / 2 * _SECONDS_PER_MEETING)
    if found is None:
        order = _by_size(grams, rows)
        found = _tiles(grams, order, order, np.arange(1, len(order) + 1), t)
    for tile in found:
        low, high = np.minimum(tile.left, tile.right), np.maximum(tile.left, tile.right)
        yield SimilarPairs(low, high, tile.shared, tile.union)


def similar_tiles_between(
    grams: GramSets, left: np.ndarray, right: np.ndarray, threshold: float
) -> Iterator[SimilarPairs]:
    """`similar_pairs_between` in parts of bounded size."""
    t = as_fraction(threshold)
    few, many = sorted((left, right), key=lambda rows: int(grams.sizes[rows].sum()))
    by_segments = _by_segments(grams, few, many, t, meeting_seconds(grams, left, right, t))
    if by_segments is not None:
        yield from by_segments if few is left else (tile.turned() for tile in by_segments)
        return
    left, right = _by_size(grams, left), _by_size(grams, right)
    sizes, others = grams.sizes[left], grams.sizes[right]
    yield from _tiles(grams, left, right, np.searchsorted(others, sizes, side="left"), t)
    for tile in _tiles(grams, right, left, np.searchsorted(sizes, others, side="right"), t):
        yield tile.turned()


def as_fraction(threshold: float) -> Fraction:
    """The threshold as a decimal fraction."""
    return Fraction(str(threshold))  # 0.8 is four fifths, not the float below it


def verified_pairs(grams: GramSets, a: np.ndarray, b: np.ndarray, t: Fraction) -> SimilarPairs:
    """The pairs of positions that reach the threshold, counted exactly."""
    needed = _needed(grams.sizes[a], grams.sizes[b], t)
    near = np.flatnonzero(may_share(grams, a, b, needed))
    a, b, needed = a[near], b[near], needed[near]
    shared = shared_grams(grams, a, b)
    enough = np.flatnonzero(shared >= needed)
    a, b, shared = a[enough], b[enough], shared[enough]
    return SimilarPairs(a, b, shared, grams.sizes[a] + grams.sizes[b] - shared)


def estimated_work(grams: GramSets, threshold: float) -> int:
    """The number of grams that meet in the prefixes of all texts, which the sparse products of the join would count."""
    order = np.arange(len(grams.sizes))
    return _prefix_meetings(grams, order, order, as_fraction(threshold)) // 2


def estimated_pairs(grams: GramSets, threshold: float) -> float:
    """The number of similar pairs, estimated from a deterministic sample."""
    n, chance = len(grams.sizes), np.random.default_rng(0)
    drawn = chance.integers(0, n, (2, _SAMPLE))
    a, b = drawn[:, drawn[0] != drawn[1]]
    return len(verified_pairs(grams, a, b, as_fraction(threshold)).left) / max(1, len(a)) * n * (n - 1) / 2


def meeting_seconds(grams: GramSets, left: np.ndarray, right: np.ndarray, t: Fraction) -> float:
    """The estimated cost of the join of two sides by prefixes on one core: deterministic, since counted, not timed."""
    meetings = _prefix_meetings(grams, left, right, t) + _prefix_meetings(grams, right, left, t)
    return meetings * _SECONDS_PER_MEETING


def _prefix_meetings(grams: GramSets, small: np.ndarray, large: np.ndarray, t: Fraction) -> int:
    """The number of grams that meet in the prefixes of some texts and of others that are no smaller."""
    short = _prefixes(grams, small, _short_rest(grams.sizes[small], t))
    long = _prefixes(grams, large, _rest(grams.sizes[large], t))
    counts = [np.bincount(prefixes.matrix.indices, minlength=grams.vocabulary) for prefixes in (short, long)]
    return int(counts[0] @ counts[1])


def _needed(size: np.ndarray, other: np.ndarray, t: Fraction) -> np.ndarray:
    """The shared grams that make sets of these sizes similar."""
    p, q = t.numerator, t.denominator
    return -(-p * (size + other) // (p + q))


def _rest(sizes: np.ndarray, t: Fraction) -> np.ndarray:
    """Grams after the prefix, for partners of any size."""
    return -(-t.numerator * sizes // t.denominator) - 1


def _short_rest(sizes: np.ndarray, t: Fraction) -> np.ndarray:
    """Grams after the prefix, for partners that are no smaller."""
    return _needed(sizes, sizes, t) - 1


def _by_size(grams: GramSets, rows: np.ndarray) -> np.ndarray:
    return rows[np.argsort(grams.sizes[rows], kind="stable")]


def _by_segments(
    grams: GramSets, few: np.ndarray, many: np.ndarray, t: Fraction, seconds: float
) -> Iterator[SimilarPairs] | None:
    """The similar pairs by segments, if that is estimated to take less than this many seconds."""
    within = few is many
    if seconds < _SHORT:
        return None
    left = signed_grams(grams, few)
    right = left if within else signed_grams(grams, many)
    if segment_seconds(left, right, t, within=within) >= seconds:
        return None
    return (
        verified_pairs(grams, left.order[i[part]], right.order[j[part]], t)
        for i, j in segment_pairs(left, right, t, within=within)
        for part in (slice(start, start + _PAIRS) for start in range(0, len(i), _PAIRS))
    )


@dataclass(frozen=True)
class _Prefixes:
    """The prefixes of some sets as a matrix, the last gram of each, and the number of grams after it."""

    matrix: sparse.csr_matrix
    last: np.ndarray
    rest: np.ndarray


def _tiles(
    grams: GramSets, small: np.ndarray, large: np.ndarray, first: np.ndarray, t: Fraction
) -> Iterator[SimilarPairs]:
    """Similar pairs of `small[i]` and `large[j]`, `j >= first[i]`; both sorted by size, these j no smaller."""
    if not len(small) or not len(large):
        return
    p, q = t.numerator, t.denominator
    sizes, others = grams.sizes[small], grams.sizes[large]
    end = np.searchsorted(others, sizes * q // p, side="right")  # a larger set cannot be similar
    short = _prefixes(grams, small, _short_rest(sizes, t))
    long = _prefixes(grams, large, _rest(others, t))
    matrix, other = _only_shared(short.matrix, long.matrix, grams.vocabulary, twice=small is large)
    span = max(_COLUMNS, -(-len(large) // _SPANS))
    spans = [other[low : low + span].T.tocsr() for low in range(0, len(large), span)]
    for start in range(0, len(small), _ROWS):
        block, stop = matrix[start : start + _ROWS], min(start + _ROWS, len(small))
        for number in range(int(first[start]) // span, -(-int(end[stop - 1]) // span)):
            cells = block @ spans[number]
            low, high = max(int(first[start]), number * span), min(int(end[stop - 1]), (number + 1) * span)
            if cells.nnz * _DENSE > (stop - start) * (high - low) > _LARGE:
                yield from _dense_tile(grams, small[start:stop], large[low:high], first[start:stop] - low, t)
                continue
            i = np.repeat(np.arange(start, stop, dtype=np.int32), np.diff(cells.indptr))
            j = cells.indices + np.int32(number * span)
            inside = np.flatnonzero((j >= first[i]) & (j < end[i]))
            i, j, counted = i[inside], j[inside], cells.data[inside]
            needed = _needed(sizes[i], others[j], t)
            # Grams up to the smaller of the two last ones are counted; the others follow that set's prefix.
            rest = np.where(short.last[i] <= long.last[j], short.rest[i], long.rest[j])
            possible = np.flatnonzero(counted + rest >= needed)
            yield verified_pairs(grams, small[i[possible]], large[j[possible]], t)


def _dense_tile(
    grams: GramSets, small: np.ndarray, large: np.ndarray, first: np.ndarray, t: Fraction
) -> Iterator[SimilarPairs]:
    """The similar pairs of a tile in which most pairs are candidates: templated texts."""
    sizes, others = grams.sizes[small], grams.sizes[large]
    for low in range(0, len(large), _SLICE):
        columns = slice(low, low + _SLICE)
        shared = shared_table(grams, small, large[columns])
        reached = shared >= _needed(sizes[:, None], others[columns], t)
        reached &= np.arange(low, low + shared.shape[1]) >= first[:, None]
        i, j = np.nonzero(reached)
        counted, j = shared[i, j].astype(np.int64), j + low
        yield SimilarPairs(small[i], large[j], counted, sizes[i] + others[j] - counted)


def _prefixes(grams: GramSets, rows: np.ndarray, rest: np.ndarray) -> _Prefixes:
    lengths = grams.sizes[rows] - rest
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    places = np.arange(bounds[-1]) + np.repeat(grams.starts[rows] - bounds[:-1], lengths)
    columns = grams.grams[places]
    matrix = sparse.csr_matrix((np.ones(len(columns), np.int32), columns, bounds), shape=(len(rows), grams.vocabulary))
    return _Prefixes(matrix, columns[bounds[1:] - 1], rest)


def _only_shared(
    short: sparse.csr_matrix, long: sparse.csr_matrix, width: int, *, twice: bool
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Both without the grams that occur in only one set, the rest renumbered: most grams of prefixes are unique."""
    shared = np.bincount(long.indices, minlength=width) > int(twice)
    shared &= np.bincount(short.indices, minlength=width) > 0
    number = np.cumsum(shared, dtype=np.int32) - 1
    return _columns(short, shared, number), _columns(long, shared, number)


def _columns(matrix: sparse.csr_matrix, chosen: np.ndarray, number: np.ndarray) -> sparse.csr_matrix:
    kept = chosen[matrix.indices]
    bounds = np.concatenate(([0], np.cumsum(kept)))[matrix.indptr]
    columns = number[matrix.indices[kept]]
    return sparse.csr_matrix(
        (np.ones(len(columns), np.int32), columns, bounds), shape=(len(bounds) - 1, int(chosen.sum()))
    )
