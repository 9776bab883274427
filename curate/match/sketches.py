"""Texts as sets of hashed 5-grams, which rule pairs out safely in a third of the time of exact sets.

Hashes of two sets differ in at most as many elements as the sets do, since a collision can only make them more
similar. So sets that differ in too many hashes differ in too many grams. The remaining pairs are counted exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import polars as pl

from .ngrams import GRAM, GramSets, batches, code_points, distinct_rows, gram_sets, on_all_cores

HASH_BITS = 30
_CHARACTERS = 1 << 20  # hashed at once: about 16 MB
_CELLS = 1 << 18  # hashes sorted at once: the working set fits a core's cache
_REPEATED = 20  # a text with more than one repeated gram in this many is counted exactly
_FACTORS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1], np.uint32)
_ODD = np.uint32(0x2C1B3C6D)


@dataclass(frozen=True)
class SignedSets:
    """Sets by size: set `i`, of text `order[i]`, has the hashes `hashes[bounds[i] : bounds[i + 1]]`.

    most: an upper bound on the grams of each text, ascending; it is the number of hashes, or up to a twentieth more.
    sketches: as those of `GramSets`, of the hashes.
    """

    order: np.ndarray  # (n,) int64
    hashes: np.ndarray  # int32 below 2^30
    bounds: np.ndarray  # (n + 1,) int64
    most: np.ndarray  # (n,) int64
    sketches: np.ndarray  # (n, 4) uint64

    @property
    def sizes(self) -> np.ndarray:
        """The number of hashes of each set: a lower bound on the grams of its text."""
        return np.diff(self.bounds)

    @property
    def places(self) -> np.ndarray:
        """The index of each text's set."""
        places = np.empty(len(self.order), np.int64)
        places[self.order] = np.arange(len(self.order))
        return places

    def __len__(self) -> int:
        return len(self.order)


def signed_texts(texts: pl.Series, *, sketches_only: bool = False) -> SignedSets:
    """The sets of texts; a text shorter than a gram is itself its only gram, as in `gram_sets`.

    With `sketches_only` the sets have no hashes: a tenth of the memory, and enough for `may_be_similar`.
    """
    lengths = np.maximum(texts.str.len_chars().to_numpy().astype(np.int64), GRAM)
    order = np.argsort(lengths, kind="stable")
    lengths = lengths[order]

    def sign(part: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        hashes, sizes, sketches = _signed(texts.gather(order[slice(*part)]), lengths[slice(*part)])
        return np.zeros(0, np.int32) if sketches_only else hashes, sizes, sketches

    parts = on_all_cores(sign, _parts(lengths))
    sizes = np.concatenate([np.zeros(0, np.int64), *(part[1] for part in parts)])
    sketches = np.concatenate([np.zeros((0, 4), np.uint64), *(part[2] for part in parts)])
    most = _at_most(texts, order, sizes, lengths - GRAM + 1)
    if sketches_only:
        sizes = np.zeros(len(sizes), np.int64)
    again = np.argsort(most, kind="stable")
    hashes = end_to_end([part[0] for part in parts], _bounds(sizes)[again], sizes[again])
    return SignedSets(order[again], hashes, _bounds(sizes[again]), most[again], sketches[again])


def signed_grams(grams: GramSets, rows: np.ndarray) -> SignedSets:
    """The sets of some texts whose grams are numbered: `order` holds their positions in `grams`."""
    sizes = grams.sizes[rows]
    order = np.argsort(sizes, kind="stable")
    rows, sizes = rows[order], sizes[order]
    return SignedSets(
        rows, _mixed(end_to_end([grams.grams], grams.starts[rows], sizes)), _bounds(sizes), sizes, grams.sketches[rows]
    )


def may_differ(grams: np.ndarray | int, t: Fraction) -> np.ndarray | int:
    """The most grams in which two similar sets can differ that have this many grams together."""
    return (t.denominator - t.numerator) * grams // (t.denominator + t.numerator)


def may_be_similar(
    left: SignedSets, right: SignedSets, i: np.ndarray, j: np.ndarray, t: Fraction
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of positions whose sketches do not prove that they differ in too many grams."""
    apart = np.zeros(len(i), np.int64)
    for words in ((0, 1), (2, 3)):  # half of a sketch rules out most pairs
        for word in words:
            apart += np.bitwise_count(left.sketches[i, word] ^ right.sketches[j, word])
        near = np.flatnonzero(apart <= may_differ(left.most[i] + right.most[j], t))
        i, j, apart = i[near], j[near], apart[near]
    return i, j


def near_texts(texts: pl.Series, a: np.ndarray, b: np.ndarray, t: Fraction) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of texts that sketches do not rule out."""
    signed = signed_texts(texts, sketches_only=True)
    places = signed.places
    i, j = may_be_similar(signed, signed, places[a], places[b], t)
    return signed.order[i], signed.order[j]


def _parts(lengths: np.ndarray) -> Iterator[tuple[int, int]]:
    """Bounds of the texts that are hashed together."""
    spent, start = np.cumsum(lengths), 0
    while start < len(lengths):
        before = int(spent[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(spent, before + _CHARACTERS, side="right")))
        yield start, stop
        start = stop


def _signed(texts: pl.Series, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hashes, sizes and sketches of some texts, sorted by length."""
    hashes = _hashed(code_points(texts.to_list()))
    starts, windows = np.cumsum(lengths) - lengths, lengths - GRAM + 1
    parts = [
        distinct_rows(hashes.__getitem__, len(hashes), starts[a:b], windows[a:b]) for a, b in batches(windows, _CELLS)
    ]
    hashes, sizes, sketches = zip(*parts, strict=True)
    return np.concatenate(hashes), np.concatenate(sizes), np.concatenate(sketches)


def _hashed(characters: np.ndarray) -> np.ndarray:
    """30 bits for the gram that begins at each position; the values of the last positions are not used."""
    filled = np.concatenate((characters, np.zeros(GRAM - 1, np.uint32)))
    hashes = characters * _FACTORS[0]
    for place in range(1, GRAM):
        hashes += filled[place : place + len(characters)] * _FACTORS[place]
        hashes ^= hashes >> np.uint32(15)
        hashes *= _ODD
    hashes ^= hashes >> np.uint32(13)
    hashes *= _FACTORS[0]
    return (hashes >> np.uint32(32 - HASH_BITS)).view(np.int32)


def _mixed(grams: np.ndarray) -> np.ndarray:
    """30 bits for each number of a gram."""
    hashes = grams.view(np.uint32) * _FACTORS[0]
    hashes ^= hashes >> np.uint32(15)
    hashes *= _ODD
    return (hashes >> np.uint32(32 - HASH_BITS)).view(np.int32)


def _at_most(texts: pl.Series, order: np.ndarray, sizes: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """The most grams that each text can have: one at each position, or counted if many are repeated."""
    most = windows.copy()
    repeated = np.flatnonzero((windows - sizes) * _REPEATED > sizes)
    for a, b in _parts(windows[repeated]):
        chosen = repeated[a:b]
        most[chosen] = gram_sets(texts.gather(order[chosen]).to_list()).sizes
    return most


def _bounds(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))


def end_to_end(parts: Sequence[np.ndarray], starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Runs of values from consecutive arrays, concatenated: copied once, in few pieces."""
    if not int(sizes.sum()):
        return np.zeros(0, np.int32)
    ends = np.cumsum([len(part) for part in parts])
    own = np.searchsorted(ends, starts, side="right")
    first = np.flatnonzero(np.append(True, (starts[1:] != starts[:-1] + sizes[:-1]) | (own[1:] != own[:-1])))
    last = np.append(first[1:], len(starts)) - 1
    begin = np.append(0, ends)[own[first]]
    pieces = zip(
        own[first].tolist(),
        (starts[first] - begin).tolist(),
        (starts[last] + sizes[last] - begin).tolist(),
        strict=True,
    )
    return np.concatenate([parts[part][a:b] for part, a, b in pieces])
