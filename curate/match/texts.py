"""Distinct texts by number, and their similar pairs: in this process, or in stored buckets."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl

from ..jobs.similar import stored_between, stored_candidates
from ..jobs.tasks import Job, Result, Table, Task
from .candidates import Join, Method, MethodSetting, expected_recall, join_texts
from .join import SimilarPairs, similar_tiles, similar_tiles_between
from .join_between import similar_texts_between
from .ngrams import GramSets, gram_sets

__all__ = ["StoredTexts", "Texts", "TextsHere"]


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


class StoredTexts:
    """Texts in stored tables with a column `text`, one per bucket; `offsets`: the first number of each, then the total.

    The join always uses candidates, whatever the settings say.
    """

    def __init__(self, job: Job, name: str, tables: Sequence[Table], offsets: np.ndarray) -> None:
        self._job = job
        self._name = name
        self._tables = tables
        self._offsets = offsets

    def of(self, numbers: np.ndarray) -> list[str]:
        """See `Texts`; each bucket is read once."""
        once, place = np.unique(numbers, return_inverse=True)
        bounds = np.searchsorted(once, self._offsets)
        tasks = [
            Task("look up", b, texts_at, {"texts": [self._tables[b]]}, None, {"places": once[start:stop] - self._offsets[b]},
                 columns=("text",))
            for b, (start, stop) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
            if start < stop
        ]  # fmt: skip
        found = [result.tables["found"]["text"] for result in self._job.ask(tasks)]
        return pl.concat(found).gather(place).to_list() if found else []

    def join(self, threshold: float, setting: MethodSetting, ranks: np.ndarray) -> Join:
        """See `Texts`."""
        method = Method(
            "candidates", expected_recall(threshold), "asked for" if setting == "candidates" else "in parts"
        )
        stage = f"similar {threshold:g}"
        found = stored_candidates(self._job, stage, self._tables, self._offsets, threshold, ranks=ranks)
        return Join(method, found.pairs, lambda: found.skew)

    def between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """See `Texts`."""
        sides = []
        for numbers in (left, right):
            side = np.zeros(int(self._offsets[-1]), bool)
            side[numbers] = True
            sides.append(side)
        # The same search has the same name in every run of one job.
        mark = hashlib.sha256(np.packbits(np.concatenate(sides)).tobytes()).hexdigest()[:8]
        stage = f"search {self._name} {mark}"
        return stored_between(self._job, stage, self._tables, self._offsets, sides[0], sides[1], threshold)

    def among(self, numbers: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """See `Texts`."""
        for found in self.between(numbers, numbers, threshold):
            yield found.take(np.flatnonzero(found.left < found.right))


def texts_at(texts: pl.DataFrame, *, places: np.ndarray) -> Result:
    """The texts at these places."""
    return Result({"found": texts[places]})
