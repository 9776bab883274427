"""Exact set-similarity joins: every pair of texts at or above a similarity, no estimate anywhere.

Prefix filtering (Chaudhuri et al. 2006; Xiao et al. 2008, PPJoin): with the grams of all sets in one order, rare
first, two sets of Jaccard similarity t or more share a gram in their first `|x| - ceil(t|x|) + 1`. The shared counts of
these prefixes come from blocked sparse products; pairs that the lengths or the rest of the sets cannot carry leave;
the intersection of what is left is counted in full.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.sparse as sparse

from .grams import GramSets

__all__ = ["AlikePairs", "alike_pairs", "alike_pairs_between", "shared_grams"]

_BLOCK_CELLS = 8_000_000  # candidate cells of one product at most: about 100 MB
_VERIFY_GRAMS = 4_000_000  # grams gathered at once to count intersections


@dataclass(frozen=True)
class AlikePairs:
    """Pairs of texts by position, with whole-number counts: similarity is `shared / union`, compared as fractions."""

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
        t = _fraction(threshold)
        return self.shared * t.denominator >= t.numerator * self.union

    def take(self, which: np.ndarray) -> "AlikePairs":
        """The pairs that a mask or positions choose."""
        return AlikePairs(self.left[which], self.right[which], self.shared[which], self.union[which])


def alike_pairs(grams: GramSets, threshold: float) -> AlikePairs:
    """All pairs of distinct positions, `left < right`, with similarity at or above the threshold."""
    everything = np.arange(len(grams.sizes))
    found = _join(grams, everything, everything, _fraction(threshold), itself=True)
    swap = found.left > found.right
    left, right = np.where(swap, found.right, found.left), np.where(swap, found.left, found.right)
    order = np.lexsort((right, left))
    return AlikePairs(left[order], right[order], found.shared[order], found.union[order])


def alike_pairs_between(grams: GramSets, left: np.ndarray, right: np.ndarray, threshold: float) -> AlikePairs:
    """All pairs of a position in `left` and one in `right` with similarity at or above the threshold."""
    found = _join(grams, left, right, _fraction(threshold), itself=False)
    return found.take(np.lexsort((found.right, found.left)))


def shared_grams(grams: GramSets, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How many grams each pair of positions shares, counted exactly."""
    counts = np.zeros(len(left), np.int64)
    work = np.cumsum(grams.sizes[left] + grams.sizes[right])
    start = 0
    while start < len(left):
        spent = work[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(work, spent + _VERIFY_GRAMS)))
        both = grams.sets[left[start:stop]].multiply(grams.sets[right[start:stop]])
        counts[start:stop] = np.asarray(both.sum(axis=1)).ravel()
        start = stop
    return counts


def _fraction(threshold: float) -> Fraction:
    return Fraction(str(threshold))  # 0.8 is four fifths, not the float below it


def _join(grams: GramSets, left: np.ndarray, right: np.ndarray, t: Fraction, *, itself: bool) -> AlikePairs:
    left = left[np.argsort(grams.sizes[left], kind="stable")]
    right = right[np.argsort(grams.sizes[right], kind="stable")]
    prefix, last = _prefixes(grams, t)
    columns = prefix[right]
    left_sizes, right_sizes = grams.sizes[left], grams.sizes[right]
    parts = [np.zeros((3, 0), np.int64)]
    start = 0
    while start < len(left):
        low = start if itself else int(np.searchsorted(right_sizes, _ceil(t * int(left_sizes[start]))))
        stop = min(len(left), start + max(1, min(2048, _BLOCK_CELLS // max(1, len(right) - low))))
        high = int(np.searchsorted(right_sizes, int(left_sizes[stop - 1]) * t.denominator // t.numerator, side="right"))
        block = (prefix[left[start:stop]] @ columns[low:high].T).tocoo()
        i, j = block.row.astype(np.int64) + start, block.col.astype(np.int64) + low
        keep = j > i if itself else np.ones(len(i), bool)
        parts.append(_verified(grams, left[i[keep]], right[j[keep]], block.data[keep], last, t))
        start = stop
    a, b, shared = np.concatenate(parts, axis=1)
    return AlikePairs(a, b, shared, grams.sizes[a] + grams.sizes[b] - shared)


def _prefixes(grams: GramSets, t: Fraction) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Each set's first grams as a matrix, and the last column among them."""
    lengths = grams.sizes - (-(-grams.sizes * t.numerator // t.denominator)) + 1
    starts = grams.sets.indptr[:-1]
    place = np.arange(grams.sets.nnz) - np.repeat(starts, grams.sizes)
    columns = grams.sets.indices[place < np.repeat(lengths, grams.sizes)]
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    prefix = sparse.csr_matrix((np.ones(len(columns), np.int32), columns, bounds), shape=grams.sets.shape)
    return prefix, grams.sets.indices[starts + lengths - 1] if len(lengths) else np.zeros(0, np.int64)


def _verified(
    grams: GramSets, a: np.ndarray, b: np.ndarray, in_prefixes: np.ndarray, last: np.ndarray, t: Fraction
) -> np.ndarray:
    """The candidate pairs that reach the threshold, as rows left, right, shared."""
    p, q = t.numerator, t.denominator
    size_a, size_b = grams.sizes[a], grams.sizes[b]
    needed = -(-p * (size_a + size_b) // (p + q))
    # Grams after the prefix: the size less the prefix length, ceil(t size) - 1.
    rest_a, rest_b = -(-size_a * p // q) - 1, -(-size_b * p // q) - 1
    # Grams up to the smaller of both last columns are counted; the others come after that set's prefix.
    rest = np.where(last[a] <= last[b], rest_a, rest_b)
    possible = (np.minimum(size_a, size_b) * q >= p * np.maximum(size_a, size_b)) & (in_prefixes + rest >= needed)
    a, b, needed = a[possible], b[possible], needed[possible]
    shared = shared_grams(grams, a, b)
    enough = shared >= needed
    return np.stack((a[enough], b[enough], shared[enough]))


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
