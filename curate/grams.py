"""Texts as sets of character 5-grams: the rows of one sparse matrix, rare grams first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

__all__ = ["GRAM", "GramSets", "gram_sets"]

GRAM = 5  # characters
_LIMIT = 2**63 - 1


@dataclass(frozen=True)
class GramSets:
    """`sets` is `(n, vocabulary)` int32, 1 where the text holds the gram; columns go from rare to frequent."""

    sets: sparse.csr_matrix
    sizes: np.ndarray  # (n,) int64: distinct grams of each text, at least 1


def gram_sets(texts: Sequence[str]) -> GramSets:
    """The 5-gram sets of texts; a shorter text is its own only gram. Grams are packed or numbered, never hashed."""
    grams, owners = _grams(texts)
    if not len(grams):
        return GramSets(sparse.csr_matrix((0, 0), dtype=np.int32), np.zeros(0, np.int64))
    distinct, numbers = np.unique(grams, return_inverse=True)
    width = len(distinct)
    keys = np.unique(owners * width + numbers)
    owners, columns = keys // width, keys % width
    rarity = np.empty(width, np.int64)
    rarity[np.lexsort((np.arange(width), np.bincount(columns, minlength=width)))] = np.arange(width)
    sizes = np.bincount(owners, minlength=len(texts))
    starts = np.concatenate(([0], np.cumsum(sizes)))
    sets = sparse.csr_matrix((np.ones(len(keys), np.int32), rarity[columns], starts), shape=(len(texts), width))
    sets.sort_indices()
    return GramSets(sets, sizes)


def _grams(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """All 5-grams as whole numbers, equal exactly where the grams are, and the text that each belongs to."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    padded = np.maximum(lengths, GRAM)  # a short text is filled up with a character that no text holds
    ends = np.cumsum(padded)
    characters, base = _characters(texts, lengths, ends - padded, int(padded.sum()))
    grams = characters
    for step in range(1, GRAM):
        if len(grams) and int(grams.max()) >= _LIMIT // base - 1:  # would overflow: number the prefixes instead
            grams = np.unique(grams, return_inverse=True)[1].astype(np.int64)
        grams = grams[:-1] * base + characters[step:]
    inside = np.ones(len(characters), bool)
    for back in range(1, GRAM):
        inside[ends - back] = False
    owners = np.repeat(np.arange(len(texts)), padded - GRAM + 1)
    return grams[inside[: len(grams)]], owners


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
