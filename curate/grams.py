"""Texts as sets of character 5-grams: the rows of one sparse matrix, rare grams first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

__all__ = ["GRAM", "GramSets", "gram_sets"]

GRAM = 5  # characters
_TABLE = 2**26  # entries of a table of numbers: 256 MB for a moment


@dataclass(frozen=True)
class GramSets:
    """`sets` is `(n, vocabulary)` int32, 1 where the text holds the gram; columns go from rare to frequent."""

    sets: sparse.csr_matrix
    sizes: np.ndarray  # (n,) int64: distinct grams of each text, at least 1


def gram_sets(texts: Sequence[str]) -> GramSets:
    """The 5-gram sets of texts; a shorter text is its own only gram. Grams are numbered, never hashed: it is exact."""
    grams, windows = _grams(texts)
    width = int(grams.max(initial=-1)) + 1
    starts = np.concatenate(([0], np.cumsum(windows)))
    sets = sparse.csr_matrix((np.ones(len(grams), np.int32), grams, starts), shape=(len(texts), width))
    sets.sum_duplicates()
    sets.data[:] = 1
    rarity = np.empty(width, sets.indices.dtype)
    rarity[np.argsort(np.bincount(sets.indices, minlength=width), kind="stable")] = np.arange(width)
    rare_first = sparse.csr_matrix((sets.data, rarity[sets.indices], sets.indptr), shape=sets.shape)
    rare_first.sort_indices()
    return GramSets(rare_first, np.diff(sets.indptr).astype(np.int64))


def _grams(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """One number per 5-gram in the order of the texts, equal exactly where the grams are; and how many each text has."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    padded = np.maximum(lengths, GRAM)  # a short text is filled up with a character that no text holds
    ends = np.cumsum(padded)
    characters, base = _characters(texts, lengths, ends - padded, int(padded.sum()))
    inside = np.ones(len(characters), bool)
    for back in range(1, GRAM):
        inside[ends - back] = False
    grams = characters
    for step in range(1, GRAM):
        longer = grams[:-1] * base + characters[step:]
        if step == GRAM - 1:
            longer = longer[inside[: len(longer)]]
        grams = _numbered(longer, (int(grams.max(initial=0)) + 1) * base)
    return grams, padded - GRAM + 1


def _numbered(values: np.ndarray, size: int) -> np.ndarray:
    """The values, all below `size`, numbered from 0 without gaps: by a table, by sorting where it would be too large."""
    if size > _TABLE:
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    seen = np.zeros(size, bool)
    seen[values] = True
    return (np.cumsum(seen, dtype=np.int32) - 1)[values].astype(np.int64)


def _characters(texts: Sequence[str], lengths: np.ndarray, starts: np.ndarray, total: int) -> tuple[np.ndarray, int]:
    """One number per character, 1 to K in the order of code points, 0 for filling, and the base K + 1."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32)
    present = np.zeros(0x110000, bool)
    present[codes] = True
    number = np.cumsum(present)
    characters = np.zeros(total, np.int64)
    within = np.arange(len(codes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    characters[np.repeat(starts, lengths) + within] = number[codes]
    return characters, int(number[-1]) + 1
