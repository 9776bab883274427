"""Distinct texts by number, and their similar pairs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl

from .candidates import Join, MethodSetting, join_texts
from .join import SimilarPairs, similar_tiles, similar_tiles_between
from .join_between import similar_texts_between
from .ngrams import GramSets, gram_sets

__all__ = ["DistinctTexts", "Texts", "TextsHere"]


class Texts(Protocol):
    """Distinct texts by number."""

    def of(self, numbers: np.ndarray) -> list[str]:
        """The texts of these numbers."""
        ...

    def join(self, threshold: float, setting: MethodSetting, ranks: np.ndarray) -> Join:
        """The join of all texts, of which those that rank first are to be kept."""
        ...

    def between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """Every similar pair of a text in `left` and one in `right` (numbers): exact, in parts."""
        ...

    def among(self, numbers: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """Every similar pair of these texts: exact, in parts."""
        ...


class TextsHere:
    """All texts in this process: the join is exact unless that would take too long."""

    def __init__(self, texts: pl.Series) -> None:
        self._texts = texts

    @property
    def all(self) -> pl.Series:
        """All texts, by number."""
        return self._texts

    def of(self, numbers: np.ndarray) -> list[str]:
        """See `Texts`."""
        return self._texts.gather(numbers).to_list()

    def join(self, threshold: float, setting: MethodSetting, ranks: np.ndarray) -> Join:
        """See `Texts`."""
        return join_texts(self._texts.to_list, lambda: self._grams, threshold, setting=setting, ranks=ranks)

    def between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """See `Texts`."""
        if "_grams" in vars(self):  # already numbered by the join
            yield from similar_tiles_between(self._grams, left, right, threshold)
            return
        for found in similar_texts_between(self._texts.gather(left), self._texts.gather(right), threshold):
            yield SimilarPairs(left[found.left], right[found.right], found.shared, found.union)

    def among(self, numbers: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """See `Texts`."""
        for found in similar_tiles(gram_sets(self.of(numbers)), threshold):
            left, right = np.sort((numbers[found.left], numbers[found.right]), axis=0)
            yield SimilarPairs(left, right, found.shared, found.union)

    @cached_property
    def _grams(self) -> GramSets:
        return gram_sets(self._texts.to_list())


@dataclass(frozen=True)
class DistinctTexts:
    """Distinct texts, and the key of each, by number."""

    keys: pl.Series
    texts: Texts

    @classmethod
    def of(cls, table: pl.DataFrame) -> "DistinctTexts":
        """Those of a table with the columns `key, text`, in order of occurrence."""
        once = table.unique("key", keep="first", maintain_order=True)
        return cls(once["key"], TextsHere(once["text"]))

    def numbers(self, keys: pl.Series) -> np.ndarray:
        """The numbers of the texts with these keys."""
        known = self.keys.to_frame("key").with_row_index("number")
        found = keys.to_frame("key").join(known, on="key", how="left", maintain_order="left")
        return found["number"].to_numpy().astype(np.int64)
