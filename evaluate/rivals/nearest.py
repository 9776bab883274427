"""The train pairs nearest to each request, shown to the model as its examples."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

Examples = tuple[tuple[str, str], ...]  # (input, output) pairs in the order in which a prompt shows them

_CELLS = 10_000_000  # similarities computed at a time: 80 MB
_TOGETHER = ("id", "group", "component", "input")  # rows that agree in one of these are not shown to each other


class NearestExamples:
    """Finds the `count` pairs of `train` whose inputs are most similar to a request, the most similar last.

    The similarity is the cosine of TF-IDF vectors of character n-grams within words, as in `choose_examples`; what all
    requests share weighs little. A pair of the request's own group or component, and one with the same input, is never
    shown: it may hold the answer. The result does not depend on the order of the rows; equals are ordered by id.
    """

    def __init__(self, train: pl.DataFrame, count: int) -> None:
        self.count = count
        self._train = train.sort("id")

    def of(self, pairs: pl.DataFrame) -> list[Examples]:
        """The examples of each row of `pairs` (`id`, `input`, where given `group` and `component`)."""
        shown = self._train.select("input", "output").rows()
        return [tuple(shown[place] for place in places) for places in self._places(pairs)]

    def _places(self, pairs: pl.DataFrame) -> Iterator[list[int]]:
        """The rows of train for each pair, fewer than `count` if no more are left."""
        if not len(self._train):
            yield from ([] for _ in range(len(pairs)))
            return
        apart = [
            (codes[: len(pairs)], codes[len(pairs) :])
            for name in _TOGETHER
            if (codes := _codes(pairs, self._train, name)) is not None
        ]
        rows = max(1, _CELLS // len(self._train))
        for start in range(0, len(pairs), rows):
            block = pairs["input"][start : start + rows].to_list()
            similarity = self._similarity(block)
            for own, other in apart:
                part = own[start : start + rows, None]
                similarity[(part == other) & (part >= 0)] = -1
            for row in similarity:
                best = np.argsort(-row, kind="stable")[: self.count]
                yield [int(place) for place in best[::-1] if row[place] >= 0]

    def _similarity(self, requests: list[str]) -> np.ndarray:
        """`(requests, train)`: the cosines, to six digits so that rounding breaks no tie."""
        vectorizer, vectors = self._fitted
        if vectorizer is None:
            return np.zeros((len(requests), len(self._train)))
        return np.round((vectorizer.transform(requests) @ vectors.T).toarray(), 6)

    @cached_property
    def _fitted(self) -> tuple[Any, Any]:
        """The vectoriser and the vectors of train; None if its inputs hold no text."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = self._train["input"].to_list()
        if not any(text.strip() for text in texts):
            return None, None
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))
        return vectorizer, vectorizer.fit_transform(texts)


def _codes(pairs: pl.DataFrame, train: pl.DataFrame, name: str) -> np.ndarray | None:
    """A number for each different value of the column in both tables, pairs first; -1 for null."""
    if name not in pairs.columns or name not in train.columns:
        return None
    values = pl.concat([pairs[name].cast(pl.String), train[name].cast(pl.String)])
    return values.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
