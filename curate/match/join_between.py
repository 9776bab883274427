"""Finds similar texts of two sides, and verifies candidates, in bounded memory: without numbering all grams.

`join.py` numbers the grams of all texts; here hashes rule out most pairs, and only the grams of the remaining
texts are numbered.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import polars as pl

from .join import SimilarPairs, as_fraction, meeting_seconds, similar_tiles_between, verified_pairs
from .ngrams import distinct, gram_sets
from .partenum import segment_pairs, segment_seconds
from .sketches import SignedSets, signed_texts

_FEW, _MANY = 64_000_000, 192_000_000  # characters of the smaller and larger side per comparison: some 1 GB
_NUMBERED = 24_000_000  # characters whose grams are numbered at once: about 1 GB
_SMALL = 30_000_000  # characters up to which numbering all grams is as fast: 150,000 lines
_PAIRS = 1_000_000  # processed at once: about 100 MB
_ENTRIES = 1_000_000  # texts of one run
_SAMPLE = 20_000  # texts of each side from which the meetings in prefixes are estimated
_SECONDS_PER_CHARACTER = 120e-9  # to number the grams of texts, on one core


def similar_texts_between(left: pl.Series, right: pl.Series, threshold: float) -> Iterator[SimilarPairs]:
    """Every pair of a text in `left` and one in `right` (positions) at or above the threshold: exact, in parts."""
    t = as_fraction(threshold)
    lengths = [texts.str.len_chars().to_numpy().astype(np.int64) for texts in (left, right)]
    if lengths[0].sum() + lengths[1].sum() < _SMALL:
        yield from _numbered(left, right, t)
        return
    if lengths[0].sum() > lengths[1].sum():
        yield from (found.turned() for found in similar_texts_between(right, left, threshold))
        return
    for low, high in runs_of(lengths[0], _FEW):
        signed = signed_texts(left[low:high])
        for start, stop in runs_of(lengths[1], _MANY):
            for found in _block(left[low:high], signed, right[start:stop], t):
                yield SimilarPairs(found.left + low, found.right + start, found.shared, found.union)


def verified_texts(texts: pl.Series, a: np.ndarray, b: np.ndarray, t: Fraction) -> Iterator[SimilarPairs]:
    """The pairs of positions that reach the threshold, counted exactly, in parts."""
    for left, right in _portions(texts, a, b):
        places, both = distinct(np.concatenate((left, right)), len(texts))
        grams = gram_sets(texts.gather(places).to_list())
        for start in range(0, len(left), _PAIRS):
            i, j = both[: len(left)][start : start + _PAIRS], both[len(left) :][start : start + _PAIRS]
            found = verified_pairs(grams, i, j, t)
            yield SimilarPairs(places[found.left], places[found.right], found.shared, found.union)


def runs_of(costs: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Bounds of runs that cost at most this much and have at most a million entries, or of a single entry."""
    spent, start = np.cumsum(costs, dtype=np.int64), 0
    while start < len(costs):
        before = int(spent[start - 1]) if start else 0
        stop = min(start + _ENTRIES, int(np.searchsorted(spent, before + most, side="right")))
        yield start, max(start + 1, stop)
        start = max(start + 1, stop)


def _block(few: pl.Series, signed: SignedSets, many: pl.Series, t: Fraction) -> Iterator[SimilarPairs]:
    others = signed_texts(many)
    if not _segments_pay(few, signed, many, others, t):
        yield from _numbered(few, many, t)
        return
    both = pl.concat([few, many])
    for i, j in segment_pairs(signed, others, t):
        for found in verified_texts(both, signed.order[i], others.order[j] + len(few), t):
            yield SimilarPairs(found.left, found.right - len(few), found.shared, found.union)


def _segments_pay(few: pl.Series, signed: SignedSets, many: pl.Series, others: SignedSets, t: Fraction) -> bool:
    """Whether segments are estimated, from a sample, to be faster than numbering all grams and meeting in prefixes."""
    seconds = segment_seconds(signed, others, t)
    numbering = (len(signed.hashes) + len(others.hashes)) * _SECONDS_PER_CHARACTER
    if seconds <= numbering:
        return True
    drawn = [texts.sample(min(_SAMPLE, len(texts)), seed=0) for texts in (few, many)]
    grams = gram_sets(pl.concat(drawn).to_list())
    left, right = np.arange(len(drawn[0])), np.arange(len(drawn[0]), len(grams.sizes))
    larger = len(few) / len(left) * (len(many) / len(right))
    return seconds < numbering + larger * meeting_seconds(grams, left, right, t)


def _numbered(few: pl.Series, many: pl.Series, t: Fraction) -> Iterator[SimilarPairs]:
    """The pairs by numbered grams, for some of the texts at a time."""
    lengths = [texts.str.len_chars().to_numpy() for texts in (few, many)]
    for low, high in runs_of(lengths[0], _NUMBERED):
        for start, stop in runs_of(lengths[1], _NUMBERED):
            grams = gram_sets(pl.concat([few[low:high], many[start:stop]]).to_list())
            i, j = np.arange(high - low), np.arange(high - low, len(grams.sizes))
            for found in similar_tiles_between(grams, i, j, float(t)):
                yield SimilarPairs(found.left + low, found.right - (high - low) + start, found.shared, found.union)


def _portions(texts: pl.Series, a: np.ndarray, b: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The position pairs in portions whose texts have a bounded number of characters: blocks of `a` by those of `b`."""
    lengths = texts.str.len_chars().to_numpy().astype(np.int64)
    blocks = []
    for side in (a, b):
        block = np.zeros(len(lengths), np.int64)
        places = distinct(side, len(lengths))[0]
        for number, (low, high) in enumerate(runs_of(lengths[places], _NUMBERED)):
            block[places[low:high]] = number
        blocks.append(block[side])
    portion = blocks[0] * (int(blocks[1].max(initial=0)) + 1) + blocks[1]
    order = np.argsort(portion, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(portion[order])) + 1):
        if len(rows):
            yield a[rows], b[rows]
