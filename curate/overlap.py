"""How many grams two sets share: a bound from their sketches, and the exact count."""

import numpy as np
import scipy.sparse as sparse

from .grams import GramSets, batches, on_all_cores, padded

__all__ = ["distinct", "may_share", "shared_grams", "shared_table", "sorted_once"]

_CELLS = 1 << 18  # grams sorted at once: what they need stays in a core's cache
_DENSE = 50  # a table of all sets against all pays from one pair in so many cells on (measured: 2 µs against 40 ns)
_MANY = 20_000  # pairs from which on a table is worth its setting up
_SLICE = 8192  # columns of such a table at most
_FREQUENT = 64  # a gram in one of so many sets is frequent: it goes through the dense product
_COLUMNS = 4096  # frequent grams at most: 128 MB a slice


def may_share(grams: GramSets, left: np.ndarray, right: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """False only where the sketches prove that a pair shares fewer grams than needed.

    Sets that share `o` grams differ in `|x| + |y| - 2o` of them, and each changes one bit (bitmap filter, Sandes et
    al. 2020).
    """
    apart = np.zeros(len(left), np.int64)
    for word in range(grams.sketches.shape[1]):
        apart += np.bitwise_count(grams.sketches[left, word] ^ grams.sketches[right, word])
    return apart <= grams.sizes[left] + grams.sizes[right] - 2 * needed


def shared_grams(grams: GramSets, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How many grams each pair of positions shares, counted exactly."""
    if not len(left):
        return np.zeros(0, np.int64)
    if len(left) > _MANY:
        (rows, i), (columns, j) = distinct(left, len(grams.sizes)), distinct(right, len(grams.sizes))
        if len(rows) * len(columns) <= _DENSE * len(left):
            return _from_tables(grams, rows, columns, i, j)
    return _pair_by_pair(grams, left, right)


def distinct(values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values, all below `size`, in order, and the place of each value among them: by a table, not sorted."""
    present = np.zeros(size, bool)
    present[values] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[values]


def sorted_once(numbers: np.ndarray) -> np.ndarray:
    """The distinct numbers in order; the array given is sorted. A hundred times as fast as np.unique (numpy 2.4)."""
    numbers.sort()
    return numbers[np.append(True, numbers[1:] != numbers[:-1])] if len(numbers) else numbers


def _pair_by_pair(grams: GramSets, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Both sets of a pair in one row, sorted: what they share stands there twice, side by side."""
    widths = np.maximum(grams.sizes[left], grams.sizes[right])
    order = np.argsort(widths, kind="stable")

    def count(bounds: tuple[int, int]) -> np.ndarray:
        rows = order[bounds[0] : bounds[1]]
        a = padded(grams.grams, grams.starts[left[rows]], grams.sizes[left[rows]], grams.vocabulary)
        filling = grams.vocabulary + a.shape[1]  # no filling is twice in a row
        b = padded(grams.grams, grams.starts[right[rows]], grams.sizes[right[rows]], filling)
        both = np.concatenate((a, b), axis=1)
        both.sort(axis=1)
        return np.count_nonzero(both[:, 1:] == both[:, :-1], axis=1)

    counts = np.empty(len(left), np.int64)
    counts[order] = np.concatenate(on_all_cores(count, list(batches(2 * widths[order], _CELLS))))
    return counts


def _from_tables(grams: GramSets, rows: np.ndarray, columns: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """The counts of cells `(i, j)` out of tables of all rows against a slice of the columns: templated texts."""
    counts = np.empty(len(i), np.int64)
    slices = j // _SLICE
    for number in range(int(slices.max()) + 1):
        here = np.flatnonzero(slices == number)
        table = shared_table(grams, rows, columns[number * _SLICE : (number + 1) * _SLICE])
        counts[here] = table[i[here], j[here] - number * _SLICE]
    return counts


def shared_table(grams: GramSets, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Shared grams of all rows with all columns, float32: frequent ones by a dense product (exact: whole numbers below
    2^24), the others by a sparse one."""
    sets = [_matrix(grams, some) for some in (rows, columns)]
    frequency = np.bincount(sets[0].indices, minlength=grams.vocabulary)
    frequency += np.bincount(sets[1].indices, minlength=grams.vocabulary)
    frequent = np.flatnonzero(frequency > (len(rows) + len(columns)) // _FREQUENT)
    frequent = frequent[np.argsort(-frequency[frequent], kind="stable")[:_COLUMNS]]
    place = np.full(grams.vocabulary, -1, np.int32)
    place[frequent] = np.arange(len(frequent), dtype=np.int32)
    dense = [_dense(some, place, len(frequent)) for some in sets]
    table = dense[0] @ dense[1].T
    rare = [_rare(some, place) for some in sets]
    others = (rare[0] @ rare[1].T.tocsr()).tocoo()
    table[others.row, others.col] += others.data
    return table


def _matrix(grams: GramSets, rows: np.ndarray) -> sparse.csr_matrix:
    sizes = grams.sizes[rows]
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    places = np.arange(bounds[-1]) + np.repeat(grams.starts[rows] - bounds[:-1], sizes)
    columns = grams.grams[places]
    return sparse.csr_matrix((np.ones(len(columns), np.float32), columns, bounds), shape=(len(rows), grams.vocabulary))


def _dense(sets: sparse.csr_matrix, place: np.ndarray, width: int) -> np.ndarray:
    sizes, columns = np.diff(sets.indptr), place[sets.indices]
    table = np.zeros((len(sizes), width), np.float32)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    table[rows[columns >= 0], columns[columns >= 0]] = 1
    return table


def _rare(sets: sparse.csr_matrix, place: np.ndarray) -> sparse.csr_matrix:
    stay = place[sets.indices] < 0
    bounds = np.concatenate(([0], np.cumsum(stay)))[sets.indptr]
    return sparse.csr_matrix((sets.data[stay], sets.indices[stay], bounds), shape=(len(bounds) - 1, len(place)))
