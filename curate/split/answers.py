"""Answers that stand in train: held-out rows whose long output a model may have seen, though their request is new."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..match.corpus import Corpus
from ..match.join import SimilarPairs

__all__ = ["Answers", "find_answers", "first_by_id"]

_PORTION = 200_000  # similar pairs whose facts are looked up at once
_MOST = 5_000_000  # crossing pairs that are remembered, 80 MB: enough to judge what would tie them


@dataclass(frozen=True)
class Answers:
    """Held-out rows whose output of more than five words is in train: word for word, or similar with the same facts.

    output, verbatim, similar: one entry per kept row; no row is both. output: the number of the output, of train as it is
    trained on. held, train: the outputs that cross, as pairs of numbers.
    """

    output: np.ndarray
    verbatim: np.ndarray
    similar: np.ndarray
    held: np.ndarray
    train: np.ndarray

    def to_json(self, split: pl.Series) -> dict[str, Any]:
        """The entries of the certificate: over validation and test, and over the test rows alone."""
        test = (split == "test").to_numpy()
        return {
            "answers_verbatim": int(self.verbatim.sum()),
            "answers_similar": int(self.similar.sum()),
            "answers_in_test": {"verbatim": int(self.verbatim[test].sum()), "similar": int(self.similar[test].sum())},
        }


def find_answers(corpus: Corpus, kept: pl.DataFrame, rows: np.ndarray, *, threshold: float) -> Answers:
    """The answers that cross, by an exact search; `kept` has `id, split, fixed` of these rows of the corpus.

    Outputs of train are compared as they are trained on, after repair; held-out outputs as written.
    """
    in_train = (kept["split"] == "train").to_numpy()
    fixed = in_train & kept["fixed"].is_not_null().to_numpy()
    asked = ~in_train & corpus.long[rows]
    output = np.where(fixed, corpus.repaired[rows], corpus.output[rows])
    order = kept["id"].rank("ordinal").to_numpy().astype(np.int64)
    held, train = first_by_id(order, output, asked), first_by_id(order, output, in_train)
    same = np.flatnonzero((held >= 0) & (train >= 0))
    facts = _Facts(corpus, rows, fixed, len(train))
    similar, crossing, count = np.zeros(len(train), bool), [], 0
    between = corpus.outputs_between(np.flatnonzero((held >= 0) & (train < 0)), np.flatnonzero(train >= 0), threshold)
    for found in SimilarPairs.portions(between, _PORTION):
        found = found.take(facts.of(held, found.left) == facts.of(train, found.right))
        similar[found.left] = True
        crossing += [found] if count < _MOST else []
        count += len(found.left)
    pairs = SimilarPairs.joined(crossing)
    return Answers(
        output, asked & np.isin(output, same), asked & similar[output],
        np.concatenate((same, pairs.left)), np.concatenate((same, pairs.right)),
    )  # fmt: skip


def first_by_id(order: np.ndarray, numbers: np.ndarray, which: np.ndarray) -> np.ndarray:
    """For each number the selected row that is first in `order`, -1 if there is none."""
    rows = np.flatnonzero(which)
    rows = rows[np.argsort(order[rows])][::-1]
    first = np.full(int(numbers.max(initial=-1)) + 1, -1)
    first[numbers[rows]] = rows  # the last write, which is the smallest id, wins
    return first


class _Facts:
    """The facts of outputs as numbers, looked up where an output first has a match."""

    def __init__(self, corpus: Corpus, rows: np.ndarray, fixed: np.ndarray, outputs: int) -> None:
        self._corpus, self._rows, self._fixed = corpus, rows, fixed
        self._known = {False: np.full(outputs, -1), True: np.full(outputs, -1)}

    def of(self, first: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """The facts of each of these outputs, in the row that `first` names for it."""
        for repaired, known in self._known.items():
            new = np.unique(outputs[(known[outputs] < 0) & (self._fixed[first[outputs]] == repaired)])
            places = self._rows[first[new]]
            if len(new):
                known[new] = self._corpus.repaired_facts(places) if repaired else self._corpus.output_facts(places)
        return np.where(self._fixed[first[outputs]], self._known[True][outputs], self._known[False][outputs])
