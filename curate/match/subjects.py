"""Subjects: rows with one normalised input and the same facts. Facts are extracted when an input first has a match."""

import sys
from collections.abc import Callable, Collection, Iterator

import numpy as np
import polars as pl

from ..check.facts import field_facts, text_facts
from .join import SimilarPairs

__all__ = [
    "Subjects",
    "all_combinations",
    "combinations",
    "distinct_rows",
    "input_facts",
]


def combinations(
    of: np.ndarray, left: np.ndarray, right: np.ndarray, groups: int, *, most: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Each pair of groups as all pairs of a member of one and a member of the other, at most so many at once.

    `of` is the group of each member. Gives the position of the pair of groups, and both members.
    """
    members = np.argsort(of, kind="stable")
    counts = np.bincount(of, minlength=groups)
    starts = np.cumsum(counts) - counts
    sizes = counts[left] * counts[right]
    ends = np.cumsum(sizes)
    total = int(sizes.sum())
    for start in range(0, max(total, 1), most):
        place = np.arange(start, min(start + most, total))
        origin = np.searchsorted(ends, place, side="right")
        first, second = np.divmod(place - (ends - sizes)[origin], counts[right][origin])
        yield origin, members[starts[left][origin] + first], members[starts[right][origin] + second]


def all_combinations(
    of: np.ndarray, left: np.ndarray, right: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same at once."""
    return next(combinations(of, left, right, groups, most=sys.maxsize))


def distinct_rows(*columns: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """A number per row, equal if all columns are; and the columns of each number."""
    order = np.lexsort(columns[::-1])
    new = np.ones(len(order), bool)
    new[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers, tuple(column[order[new]] for column in columns)


class Subjects:
    """The subjects of some rows, given the number of each row's normalised input and a function that numbers its facts.

    `facts` returns a number for each given row, equal if the facts of their inputs are. The first
    facts of a text form the subject with the text's own number; its other facts are numbered after all texts.
    """

    def __init__(self, text: np.ndarray, texts: int, facts: Callable[[np.ndarray], np.ndarray]) -> None:
        self.of_row = text.copy()
        self._facts_of = facts
        self._text = text
        self._members = np.argsort(text, kind="stable")
        self._counts = np.bincount(text, minlength=texts)
        self._starts = np.cumsum(self._counts) - self._counts
        self._known = np.zeros(texts, bool)
        self._facts = np.full(texts, -1, np.int64)
        self._further: dict[tuple[int, int], int] = {}  # text and facts: the subject

    @property
    def count(self) -> int:
        """The number of subjects."""
        return len(self._facts)

    @property
    def texts(self) -> int:
        """The number of texts: a subject below it is the first one of the text with its number."""
        return len(self._known)

    def texts_of(self, subjects: np.ndarray) -> np.ndarray:
        """The number of the text of each subject."""
        further = np.array([text for text, _ in self._further], np.int64)
        return np.concatenate((np.arange(self.texts), further))[subjects]

    def rows_of(self, subjects: np.ndarray) -> np.ndarray:
        """All rows of these subjects, which have been in a pair."""
        first = np.array([text for text, _ in self._further], np.int64)
        own = subjects < len(self._known)
        texts = np.union1d(subjects[own], first[subjects[~own] - len(self._known)])
        rows = self._rows(texts)
        return rows[np.isin(self.of_row[rows], subjects)]

    def split(self, found: SimilarPairs) -> tuple[SimilarPairs, SimilarPairs]:
        """Pairs of similar texts as pairs of subjects, in the same direction: those of the same facts, and siblings."""
        self._learn(found)
        pairs = self._expanded(found)
        same = self._facts[pairs.left] == self._facts[pairs.right]
        if self._further:  # texts equal after normalisation have the same facts
            texts = np.concatenate((np.arange(len(self._known)), np.array([text for text, _ in self._further])))
            same |= texts[pairs.left] == texts[pairs.right]
        return pairs.take(np.flatnonzero(same)), pairs.take(np.flatnonzero(~same))

    def of_one_text(self) -> SimilarPairs:
        """Pairs of subjects of one text: equal after normalisation, so that they have the same facts."""
        members, texts = self._several()
        _, a, b = all_combinations(texts, np.unique(texts), np.unique(texts), len(self._known))
        once = members[a] < members[b]
        a, b = members[a[once]], members[b[once]]
        return SimilarPairs(a, b, np.ones(len(a), np.int64), np.ones(len(a), np.int64))

    def _several(self) -> tuple[np.ndarray, np.ndarray]:
        """The subjects of texts with several subjects, and their texts."""
        further = np.array([text for text, _ in self._further], np.int64)
        first = np.unique(further)
        return np.concatenate((first, np.fromiter(self._further.values(), np.int64))), np.concatenate((first, further))

    def _expanded(self, found: SimilarPairs) -> SimilarPairs:
        if not self._further:
            return found
        members, texts = self._several()
        several = np.zeros(len(self._known), bool)
        several[texts] = True
        more = several[found.left] | several[found.right]
        part = found.take(np.flatnonzero(more))
        single = np.setdiff1d(np.concatenate((part.left, part.right)), texts)
        members, texts = np.concatenate((members, single)), np.concatenate((texts, single))
        origin, a, b = all_combinations(texts, part.left, part.right, len(self._known))
        expanded = SimilarPairs(members[a], members[b], part.shared[origin], part.union[origin])
        return SimilarPairs.joined([found.take(np.flatnonzero(~more)), expanded])

    def _rows(self, texts: np.ndarray) -> np.ndarray:
        """The rows of each of these texts, one text after the other."""
        counts = self._counts[texts]
        bounds = np.cumsum(counts) - counts
        return self._members[np.arange(int(counts.sum())) + np.repeat(self._starts[texts] - bounds, counts)]

    def _learn(self, found: SimilarPairs) -> None:
        near = self._known.copy()
        near[found.left] = near[found.right] = True
        texts = np.flatnonzero(near & ~self._known)
        self._known = near
        counts = self._counts[texts]
        bounds, rows = np.cumsum(counts) - counts, self._rows(texts)
        facts = self._facts_of(rows)
        first = facts[bounds]
        self._facts[texts] = first
        other = np.flatnonzero(facts != np.repeat(first, counts))
        new = []
        for row, row_facts in zip(rows[other].tolist(), facts[other].tolist(), strict=True):
            key = (int(self._text[row]), row_facts)
            if key not in self._further:
                self._further[key] = len(self._facts) + len(new)
                new.append(row_facts)
            self.of_row[row] = self._further[key]
        self._facts = np.concatenate((self._facts, np.array(new, np.int64)))


def input_facts(pairs: pl.DataFrame, *, leave_out: Collection[str]) -> list[frozenset[str]]:
    """The facts of each row's input."""
    rows = pairs.select("input", "fields").rows()
    return [text_facts(text) if fields is None else field_facts(fields, leave_out=leave_out) for text, fields in rows]
