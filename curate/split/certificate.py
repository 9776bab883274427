"""The certificate: an exact search of validation and test against train, independent of the way the split was made."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl

from ..match.candidates import MOST_PAIRS
from ..match.corpus import Corpus
from ..match.join import SimilarPairs
from ..match.subjects import Subjects, by_facts, combinations, distinct_rows
from ..records import AnswersInTest, Certificate, NearestPair, UntiedOutputs
from .answers import Answers, first_by_id
from .ties import Ties

_NEAREST = 10  # held-out rows listed with their nearest train row
_LOWEST = 0.5  # less similar pairs do not count as near
_STEP = 0.05  # of the search below the threshold: most data have ten pairs just below it
# Pairs of a held-out and a train text that are searched below the threshold (some 15,000 rows); of more, only those of the
# held-out texts whose ids come first: with more rows ten are nearly always found at the threshold.
_MOST = 50_000_000
_FEWER = 20  # times as many pairs of texts as pairs with the same facts, from which comparing the latter alone pays off
_SPAN = 1_000_000  # pairs of texts with the same facts that are compared at once


@dataclass(frozen=True)
class Crossing:
    """Similar pairs of a train row and a held-out row (positions in the corpus) with the same facts."""

    train: np.ndarray
    held: np.ndarray
    similarity: np.ndarray


def make_certificate(
    corpus: Corpus,
    kept: pl.DataFrame,
    rows: np.ndarray,
    *,
    threshold: float,
    ties: Ties,
    answers: Answers,
) -> tuple[Certificate, Crossing]:
    """The certificate; `kept` has `id, split` of these rows of the corpus, `answers` those that cross.

    Also returns each train row that is similar to a held-out row with the same facts, with that row.
    """
    across = _Across.of(corpus, kept, rows)
    order, held, train = across.order, across.held, across.train
    nearest, siblings, crossing = SimilarPairs.joined([]), 0, []
    for found, same_found, siblings_found in across.found(corpus, threshold):
        siblings += across.rows_of(siblings_found)
        crossing.append(same_found)
        nearest = _closest([nearest, found], order, held, train)
    at = threshold
    texts, others = across.between
    first = np.sort(np.argsort(order[held[texts]])[: _MOST // max(1, len(others))])
    between = texts[first], others
    while len(nearest.left) < _NEAREST and at > _LOWEST:  # as far below the threshold as needed to list ten
        at = max(_LOWEST, round(at - _STEP, 6))
        for found in corpus.inputs_between(*between, at):
            nearest = _closest([nearest, found], order, held, train)
    ids, in_test = kept["id"], (kept["split"] == "test").to_numpy()
    certificate = Certificate(
        threshold=threshold,
        pairs_at_or_above=sum(map(across.rows_of, crossing)),
        siblings_tied_from=ties.siblings_tied_from,
        siblings_at_or_above=siblings,
        siblings_counted=across.complete,
        nearest=[
            NearestPair(id=ids[int(held[a])], train_id=ids[int(train[b])], similarity=similarity)
            for a, b, similarity in zip(nearest.left, nearest.right, nearest.similarity.tolist(), strict=True)
        ],
        searched_to=at,
        outputs_tied=ties.outputs,
        outputs_untied=UntiedOutputs(outputs=ties.untied[0], rows=ties.untied[1]),
        answers_verbatim=int(answers.verbatim.sum()),
        answers_similar=int(answers.similar.sum()),
        answers_in_test=AnswersInTest(
            verbatim=int(answers.verbatim[in_test].sum()), similar=int(answers.similar[in_test].sum())
        ),
        labels_in_train=answers.labels,
        answers_remedy=None,
    )
    return certificate, across.crossing(SimilarPairs.joined(crossing))


def find_crossing(corpus: Corpus, kept: pl.DataFrame, rows: np.ndarray, *, threshold: float) -> Crossing:
    """The train rows that `make_certificate` returns, without the certificate."""
    across = _Across.of(corpus, kept, rows)
    return across.crossing(SimilarPairs.joined([same for _, same, _ in across.found(corpus, threshold)]))


@dataclass
class _Across:
    """Held-out rows and train rows among the kept `rows` of a corpus: `in_train, order` (by id) have an entry for each.

    held, train: for each text its first row of that side, a position in `rows`, -1 for none. subjects: of all rows.
    complete: whether `found` found all siblings.
    """

    rows: np.ndarray
    in_train: np.ndarray
    order: np.ndarray
    held: np.ndarray
    train: np.ndarray
    subjects: Subjects
    complete: bool = True

    @classmethod
    def of(cls, corpus: Corpus, kept: pl.DataFrame, rows: np.ndarray) -> "_Across":
        """`kept` has `id, split` of the rows."""
        in_train = (kept["split"] == "train").to_numpy()
        text = corpus.text[rows]
        order = kept["id"].rank("ordinal").to_numpy().astype(np.int64)
        held, train = first_by_id(order, text, ~in_train), first_by_id(order, text, in_train)
        # All rows of a text, kept or not, say whether its words are facts: as when the split was made.
        subjects = Subjects(corpus.text, int(corpus.text.max(initial=-1)) + 1, corpus.input_facts)
        return cls(rows, in_train, order, held, train, subjects)

    @property
    def between(self) -> tuple[np.ndarray, np.ndarray]:
        """The texts of held-out rows and those of train rows."""
        return np.flatnonzero(self.held >= 0), np.flatnonzero(self.train >= 0)

    def found(self, corpus: Corpus, threshold: float) -> Iterator[tuple[SimilarPairs, SimilarPairs, SimilarPairs]]:
        """The similar pairs of a held-out and a train text, as `by_facts` divides them.

        Where they are too many, as of templated data, the search ends; then those with the same facts are found, all of
        them, among the texts with the same facts.
        """
        count, same, nothing = 0, [], SimilarPairs.joined([])
        for found, same_found, siblings in by_facts(
            corpus.inputs_between(*self.between, threshold), self.subjects, corpus
        ):
            count += len(found.left)
            same.append(same_found)
            yield found, nothing, siblings
            if count > MOST_PAIRS and (fewer := self._of_same_facts(corpus, threshold)) is not None:
                self.complete = False
                same = [same_found for _, same_found, _ in by_facts(fewer, self.subjects, corpus)]
                break
        every = SimilarPairs.joined(same)  # texts with several facts may have met several times
        once = np.unique(every.left * self.subjects.count + every.right, return_index=True)[1]
        yield nothing, every.take(once), nothing

    def _of_same_facts(self, corpus: Corpus, threshold: float) -> Iterator[SimilarPairs] | None:
        """The similar pairs of texts with the same facts or equal texts; None if hardly fewer pairs are to be compared."""
        facts, (held, train) = corpus.input_facts(self.rows), self.between
        groups = int(facts.max(initial=-1)) + 1
        _, (group, text) = distinct_rows(facts + groups * self.in_train, corpus.text[self.rows])
        counts = np.bincount(group, minlength=2 * groups)
        if (counts[:groups] @ counts[groups:]) * _FEWER > len(held) * len(train):
            return None
        some, equal = np.arange(groups), np.intersect1d(held, train)
        pairs = (
            (text[i], text[j]) for _, i, j in combinations(group, some, some + groups, 2 * groups, most=_SPAN)
        )  # fmt: skip
        ones = np.ones(len(equal), np.int64)
        similar = (corpus.similar_inputs(i[i != j], j[i != j], threshold) for i, j in pairs)
        return chain([SimilarPairs(equal, equal, ones, ones)], chain.from_iterable(similar))

    def crossing(self, found: SimilarPairs) -> Crossing:
        """All train rows of the right subjects, each with the most similar held-out row; ties go to the smallest id."""
        rows, order, in_train, subjects = self.rows, self.order, self.in_train, self.subjects
        of_row = subjects.of_row[rows]
        held = first_by_id(order, np.append(of_row, subjects.count), np.append(~in_train, False))
        found = found.take(np.flatnonzero(held[found.left] >= 0))
        most = np.lexsort((order[held[found.left]], -found.similarity, found.right))
        right, first = np.unique(found.right[most], return_index=True)
        nearest = np.full(subjects.count, -1)
        nearest[right] = most[first]
        crossing = np.flatnonzero(in_train & (nearest[of_row] >= 0))
        best = nearest[of_row[crossing]]
        return Crossing(rows[crossing], rows[held[found.left[best]]], found.similarity[best])

    def rows_of(self, found: SimilarPairs) -> int:
        """Pairs of a held-out row of the left subject and a train row of the right one."""
        if not len(found.left):
            return 0
        of_row, count = self.subjects.of_row[self.rows], self.subjects.count
        held = np.bincount(of_row[~self.in_train], minlength=count)
        train = np.bincount(of_row[self.in_train], minlength=count)
        return int((held[found.left] * train[found.right]).sum())


def _closest(parts: list[SimilarPairs], order: np.ndarray, held: np.ndarray, train: np.ndarray) -> SimilarPairs:
    """The closest pairs: one for each held-out text, the ten closest."""
    found = SimilarPairs.joined(parts)
    similarity, most = found.similarity, np.full(len(held), -1.0)
    np.maximum.at(most, found.left, similarity)
    texts = np.flatnonzero(most >= 0)
    near = np.zeros(len(held), bool)
    near[texts[np.lexsort((order[held[texts]], -most[texts]))[:_NEAREST]]] = True
    found = found.take(np.flatnonzero(near[found.left] & (similarity == most[found.left])))
    by_similarity = np.lexsort((order[train[found.right]], order[held[found.left]], -found.similarity))
    _, first = np.unique(found.left[by_similarity], return_index=True)  # the best of each held-out text
    return found.take(by_similarity[np.sort(first)])
