"""Texts as sets of character 5-grams: sorted whole numbers, rare grams first."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, pairwise
from typing import TypeVar

import numpy as np
import polars as pl
import scipy.sparse as sparse

_EMPTY = -1
_ODD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: multiplying by it spreads neighbours (Knuth, TAOCP 6.4)


class Numbering:
    """Numbers values in order of occurrence; equal values get equal numbers, distinct values distinct ones.

    Values that collide in one slot of a table move on to the next table, so a collision costs only time.
    """

    def __init__(self, bits: int) -> None:
        self.size = 0
        self._bits = bits
        self._tables: list[tuple[np.ndarray, np.ndarray]] = []

    def number(self, values: np.ndarray) -> np.ndarray:
        """The number of each value (int64, not negative), as int32."""
        numbers = np.empty(len(values), np.int32)
        waiting: np.ndarray | slice = slice(None)
        for level in count():
            slots = self._slots(values, level)
            stored, numbers_of = self._table(level)
            found = stored[slots]
            new = np.flatnonzero(found == _EMPTY)
            if len(new):
                stored[slots[new]] = values[new]  # on a collision the last one wins
                found[new] = stored[slots[new]]
                self._number_new(slots[new], numbers_of)
            numbers[waiting] = numbers_of[slots]
            collided = np.flatnonzero(found != values)
            if not len(collided):
                return numbers
            waiting = collided if isinstance(waiting, slice) else waiting[collided]
            values = values[collided]
        raise AssertionError("each table takes at least one value")

    def _number_new(self, slots: np.ndarray, numbers_of: np.ndarray) -> None:
        places = np.arange(len(slots), dtype=np.int32)
        numbers_of[slots] = places
        once = slots[numbers_of[slots] == places]  # each slot once, without sorting
        numbers_of[once] = np.arange(self.size, self.size + len(once), dtype=np.int32)
        self.size += len(once)

    def _slots(self, values: np.ndarray, level: int) -> np.ndarray:
        odd = np.uint64((_ODD * (2 * level + 1)) % 2**64)
        return ((values.view(np.uint64) * odd) >> np.uint64(64 - self._bits)).view(np.int64)

    def _table(self, level: int) -> tuple[np.ndarray, np.ndarray]:
        if level == len(self._tables):
            size = 1 << self._bits
            self._tables.append((np.full(size, _EMPTY, np.int64), np.zeros(size, np.int32)))
        return self._tables[level]


GRAM = 5  # characters
SKETCH_BITS = 256
_CHUNK = 1 << 17  # characters numbered at once: the working set fits a core's cache
_CELLS = 1 << 18  # grams sorted at once, for the same reason
_FILLING = "\ud800"  # a lone surrogate: no text that can be written holds one
_CHARACTER_BITS = 21

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class GramSets:
    """Text i holds the grams `grams[starts[i] : starts[i] + sizes[i]]`: sorted, each once, numbered from rare to frequent.

    sketches: `(n, 4)` uint64, the parity of how many of a set's grams fall on each of 256 bits. Two sketches differ in
    at most as many bits as the sets differ in grams, which rules out most pairs without comparing grams.
    """

    grams: np.ndarray  # int32
    starts: np.ndarray  # (n,) int64
    sizes: np.ndarray  # (n,) int64: distinct grams of each text, at least 1
    sketches: np.ndarray
    vocabulary: int


def gram_sets(texts: Sequence[str]) -> GramSets:
    """The 5-gram sets of texts; a shorter text is itself its only gram. Grams are numbered, not hashed, so sets are exact."""
    lengths = np.maximum(np.fromiter(map(len, texts), np.int64, len(texts)), GRAM)
    starts = np.cumsum(lengths) - lengths
    numbers, vocabulary = _numbers(texts, starts, int(lengths.sum()))
    counts = np.bincount(numbers, minlength=vocabulary)
    rarity = np.empty(vocabulary, np.int32)
    rarity[np.argsort(counts, kind="stable")] = np.arange(vocabulary, dtype=np.int32)
    windows = lengths - GRAM + 1
    order = np.argsort(windows, kind="stable")
    parts = on_all_cores(
        lambda rows: distinct_rows(lambda at: rarity[numbers[at]], len(numbers), starts[rows], windows[rows]),
        [order[a:b] for a, b in batches(windows[order], _CELLS)],
    )
    grams, sizes, sketches = zip(*parts, strict=True) if texts else ((), (), ())
    at = np.empty(len(texts), np.int64)
    size, sketch = np.empty(len(texts), np.int64), np.empty((len(texts), SKETCH_BITS // 64), np.uint64)
    if texts:
        size[order] = np.concatenate(sizes)
        sketch[order] = np.concatenate(sketches)
        at[order] = np.cumsum(size[order]) - size[order]
    return GramSets(np.concatenate([np.zeros(0, np.int32), *grams]), at, size, sketch, vocabulary)


def on_all_cores(work: Callable[[S], T], parts: Iterable[S]) -> list[T]:
    """The results of the parts in order; numpy releases the lock while it sorts and gathers.

    Uses as many threads as polars has; with one (in a process that shares the cores), it starts none.
    """
    parts = list(parts)
    threads = min(pl.thread_pool_size(), len(parts))
    if threads < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))


def batches(widths: np.ndarray, cells: int) -> Iterator[tuple[int, int]]:
    """Bounds of runs of rows, of increasing width, whose tables have at most this many cells (but at least one row)."""
    sizes, start = widths.tolist(), 0
    while start < len(sizes):
        begin = start
        ends = range(start + 1, len(sizes) + 1)
        start += max(1, bisect_right(ends, cells, key=lambda end: (end - begin) * sizes[end - 1]))
        yield begin, start


def padded(values: np.ndarray, starts: np.ndarray, sizes: np.ndarray, filling: int) -> np.ndarray:
    """Runs of values as rows of a table; shorter rows are padded with `filling`, `filling` + 1 and so on, each once."""
    places = np.arange(int(sizes.max(initial=1)))
    table = values[np.minimum(starts[:, None] + places, len(values) - 1)]
    return np.where(places < sizes[:, None], table, (filling + places).astype(np.int32))


def distinct_rows(
    values_at: Callable[[np.ndarray], np.ndarray], length: int, starts: np.ndarray, windows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of values as sets: the values of all rows, ascending and each once in a row, the sets' sizes, their sketches.

    Row `i` has the `windows[i]` values (int32, below the highest one) from position `starts[i]`; the windows ascend,
    and there are `length` positions.
    """
    places = np.arange(int(windows[-1]))
    table = values_at(np.minimum(starts[:, None] + places, length - 1))
    if windows[0] < windows[-1]:
        table[places >= windows[:, None]] = np.iinfo(np.int32).max
    table.sort(axis=1)
    first = np.empty(table.shape, bool)
    first[:, 0] = True
    np.not_equal(table[:, 1:], table[:, :-1], out=first[:, 1:])
    first &= table != np.iinfo(np.int32).max
    sizes = first.sum(axis=1)
    values = table[first]
    return values, sizes, parity_sketches(values, sizes)


def parity_sketches(grams: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """`(n, 4)` uint64, the sketches of concatenated sets: see `GramSets`."""
    spread = (grams.view(np.uint32) * np.uint32(0x9E3779B1)) >> np.uint32(24)  # the top 8 bits name one of 256
    cells = np.repeat(np.arange(len(sizes)) * SKETCH_BITS, sizes) + spread
    parity = np.bincount(cells, minlength=len(sizes) * SKETCH_BITS) & 1
    return np.packbits(parity.astype(bool).reshape(len(sizes), SKETCH_BITS), axis=1).view(np.uint64)


def _numbers(texts: Sequence[str], starts: np.ndarray, total: int) -> tuple[np.ndarray, int]:
    """One number per position in the concatenated texts: that of the gram which begins there; and how many there are.

    The last four positions of a text begin no gram; their values are not used.
    """
    bounds = np.searchsorted(starts, np.arange(0, total + _CHUNK, _CHUNK)).tolist()
    chunks = [texts[a:b] for a, b in pairwise(bounds) if a < b]
    number = _character_numbers(chunks)
    bits = int(number.max(initial=1)).bit_length()
    slots = min(24, max(8, total.bit_length() - 2))
    if GRAM * bits <= 63:
        codes = _ahead(lambda chunk: _packed(number[code_points(chunk)], bits), chunks)
    else:
        codes = map(_LargeAlphabet(slots).pack, (number[code_points(chunk)] for chunk in chunks))
    grams, found, start = Numbering(slots), np.empty(total, np.int32), 0
    for part in codes:
        found[start : start + len(part)] = grams.number(part)
        start += len(part)
    return found, grams.size


def _ahead(work: Callable[[S], T], parts: Iterable[S]) -> Iterator[T]:
    """The results in order, each computed in a thread while the previous one is used."""
    with ThreadPoolExecutor(max(1, pl.thread_pool_size() - 1)) as pool:
        waiting: deque[Future[T]] = deque()
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) > 2:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


def code_points(texts: Sequence[str]) -> np.ndarray:
    """The code points of concatenated texts, each text padded to the length of a gram."""
    whole = "".join(text if len(text) >= GRAM else text.ljust(GRAM, _FILLING) for text in texts)
    return np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _character_numbers(chunks: Iterable[Sequence[str]]) -> np.ndarray:
    """For each code point its index among those that occur."""
    present = np.zeros(0x110000, bool)
    for chunk in chunks:
        present[code_points(chunk)] = True
    highest = int(np.flatnonzero(present).max(initial=0))  # far below the last code point, in nearly all texts
    return np.cumsum(present[: highest + 1]) - 1


def _packed(characters: np.ndarray, bits: int) -> np.ndarray:
    """Five characters packed into one number, for each position."""
    one = np.concatenate((characters, np.zeros(GRAM - 1, np.int64)))
    two = one[:-1] << bits | one[1:]
    four = two[:-2] << 2 * bits | two[2:]
    return four[:-1] << bits | one[4:]


class _LargeAlphabet:
    """Packs the grams of texts with more than 4,096 characters, by numbering their pairs and threes of characters."""

    def __init__(self, slots: int) -> None:
        self._pairs, self._threes = Numbering(slots), Numbering(slots)

    def pack(self, characters: np.ndarray) -> np.ndarray:
        """Five characters packed into one number, for each position."""
        one = np.concatenate((characters, np.zeros(GRAM - 1, np.int64)))
        two = self._pairs.number(one[:-1] << _CHARACTER_BITS | one[1:]).astype(np.int64)
        three = self._threes.number(two[:-1] << _CHARACTER_BITS | one[2:]).astype(np.int64)
        return three[:-2] << 31 | two[3:]


_OVERLAP_CELLS = 1 << 18  # grams sorted at once: the working set fits a core's cache
_DENSE = 50  # a table of all sets against all pays off from one pair in this many cells (measured: 2 µs and 40 ns)
_MANY = 20_000  # pairs from which the setup of a table pays off
_SLICE = 8192  # columns of such a table at most
_FREQUENT = 64  # a gram in one of this many sets is frequent: it goes through the dense product
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
    """The exact number of grams that each pair of positions shares."""
    if not len(left):
        return np.zeros(0, np.int64)
    if len(left) > _MANY:
        (rows, i), (columns, j) = distinct(left, len(grams.sizes)), distinct(right, len(grams.sizes))
        if len(rows) * len(columns) <= _DENSE * len(left):
            return _from_tables(grams, rows, columns, i, j)
    return _pair_by_pair(grams, left, right)


def distinct(values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values, all below `size`, in order, and the index of each value: by a table, without sorting."""
    present = np.zeros(size, bool)
    present[values] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[values]


def sorted_once(numbers: np.ndarray) -> np.ndarray:
    """The distinct numbers in order; the array given is sorted. A hundred times as fast as np.unique (numpy 2.4)."""
    numbers.sort()
    return numbers[np.append(True, numbers[1:] != numbers[:-1])] if len(numbers) else numbers


def _pair_by_pair(grams: GramSets, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Both sets of a pair in one row, sorted: shared grams are adjacent duplicates."""
    widths = np.maximum(grams.sizes[left], grams.sizes[right])
    order = np.argsort(widths, kind="stable")

    def count(bounds: tuple[int, int]) -> np.ndarray:
        rows = order[bounds[0] : bounds[1]]
        a = padded(grams.grams, grams.starts[left[rows]], grams.sizes[left[rows]], grams.vocabulary)
        filling = grams.vocabulary + a.shape[1]  # no padding value occurs twice in a row
        b = padded(grams.grams, grams.starts[right[rows]], grams.sizes[right[rows]], filling)
        both = np.concatenate((a, b), axis=1)
        both.sort(axis=1)
        return np.count_nonzero(both[:, 1:] == both[:, :-1], axis=1)

    counts = np.empty(len(left), np.int64)
    counts[order] = np.concatenate(on_all_cores(count, list(batches(2 * widths[order], _OVERLAP_CELLS))))
    return counts


def _from_tables(grams: GramSets, rows: np.ndarray, columns: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """The counts of cells `(i, j)` from tables of all rows against a slice of the columns: templated texts."""
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
    rare = place[sets.indices] < 0
    bounds = np.concatenate(([0], np.cumsum(rare)))[sets.indptr]
    return sparse.csr_matrix((sets.data[rare], sets.indices[rare], bounds), shape=(len(bounds) - 1, len(place)))
