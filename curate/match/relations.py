"""Relates pairs of rows: duplicates, conflicts, alternatives, siblings.

Rows are grouped twice before anything is compared, so that templated data do not explode: rows with one normalised
input and the same facts are one *subject*; rows of one subject with one normalised output and the same facts in it
are one *item*. Subjects are compared by the join on inputs, items by the exact similarity of their outputs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from ...core import DataError
from ..check.facts import LABEL_WORDS, is_label
from .candidates import Method, Skew
from .corpus import Corpus, MethodSetting, first_rows
from .join import SimilarPairs, as_fraction
from .memory import KnownGrams
from .ngrams import GramSets, may_share, shared_grams
from .subjects import Subjects, all_combinations, distinct_rows
from .words import by_facts, other_words

__all__ = [
    "LISTED",
    "Edges",
    "Relations",
    "SiblingForest",
    "compare_outputs",
    "refuse_too_many",
    "relate",
]


_CHUNK = 500_000  # pairs of items processed together: about 100 MB
MOST = 60_000_000  # most pairs in memory: 130 bytes each with all their data, measured, so 8 GB


@dataclass(frozen=True)
class Edges:
    """Pairs of items with the similarity of their inputs and of their outputs."""

    left: np.ndarray
    right: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray

    @property
    def similarity(self) -> np.ndarray:
        """The smaller of the two similarities."""
        return np.minimum(self.inputs, self.outputs)


def compare_outputs(
    same: SimilarPairs,
    subject: np.ndarray,
    request: np.ndarray,
    output: np.ndarray,
    facts: np.ndarray,
    texts: Callable[[np.ndarray], list[str]],
    other_request: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    threshold: float,
    label_words: int,
    known: KnownGrams | None = None,
) -> tuple[Edges, Edges, int]:
    """Duplicates, conflicts and the number of alternatives among items whose subjects are the same.

    `subject, request` (the text of the input)`, output, facts` are one number per item; `texts` gives the normalised
    outputs of numbers, and `other_request` says whether the inputs of two subjects differ in a word that says something:
    such a word explains different facts, so these are alternatives.
    """
    subjects = int(max(subject.max(initial=-1), same.right.max(initial=-1))) + 1
    items = np.bincount(subject, minlength=subjects)
    answers = np.bincount(distinct_rows(request, output, facts)[1][0])
    several = np.flatnonzero(items > 1)
    left, right = np.concatenate((same.left, several)), np.concatenate((same.right, several))
    inputs = np.concatenate((same.similarity, np.ones(len(several))))
    related = np.zeros(subjects, bool)
    related[left] = related[right] = True
    needed = np.unique(output[related[subject]])
    label = np.zeros(int(output.max(initial=-1)) + 1, bool)
    label[needed] = [is_label(text, label_words) for text in texts(needed)]
    divided = (known or KnownGrams()).pairs(needed, texts)
    work = np.cumsum(items[left] * items[right])
    duplicates, conflicts, alternatives, start = [], [], 0, 0
    while start < len(left):
        spent = work[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(work, spent + _CHUNK)))
        origin, a, b = all_combinations(subject, left[start:stop], right[start:stop], subjects)
        once = np.flatnonzero((left[start:stop] != right[start:stop])[origin] | (a < b))
        origin, a, b = origin[once] + start, a[once], b[once]
        differ = output[a] != output[b]
        labels = label[output[a]] & label[output[b]] & differ & (facts[a] != facts[b])
        if label_words < LABEL_WORDS:  # where sentences are usual, a third answer shows that wordings vary
            labels &= np.maximum(answers[request[a]], answers[request[b]]) <= 2
        similar, similarity = np.zeros(len(a), bool), np.zeros(len(a))
        for grams, which, i, j in divided(output[a], output[b]):
            similar[which], similarity[which] = _similar(grams, i, j, labels[which], threshold)
        conflict = labels | (similar & (facts[a] != facts[b]) & differ)
        duplicate = similar & ~conflict
        asked = np.flatnonzero(conflict & (left[origin] != right[origin]))
        conflict[asked] &= ~other_request(left[origin[asked]], right[origin[asked]])
        for kind, which in ((duplicates, duplicate), (conflicts, conflict)):
            chosen = np.flatnonzero(which)
            kind.append(Edges(a[chosen], b[chosen], inputs[origin[chosen]], similarity[chosen]))
        alternatives += len(a) - len(duplicates[-1].left) - len(conflicts[-1].left)
        refuse_too_many(
            sum(len(edges.left) for edges in duplicates + conflicts),
            "outputs that repeat or contradict each other",
            threshold,
        )
        start = stop
    return _joined(duplicates), _joined(conflicts), alternatives


def refuse_too_many(pairs: int, what: str, threshold: float) -> None:
    """Raise an error with advice before memory runs out.

    Raises:
        DataError: more pairs than fit in memory.
    """
    if pairs > MOST:
        raise DataError(
            f"more than {MOST:,} pairs of {what}: the rows follow a template whose slots are words\n"
            "Provide the inputs as fields, so that different values are different facts, "
            f"or raise [curate] near_duplicate from {threshold:g}."
        )


def _similar(
    grams: GramSets, a: np.ndarray, b: np.ndarray, counted: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each pair of outputs is similar, and its similarity: 0 if it cannot be and need not be `counted`."""
    t = as_fraction(threshold)
    p, q = t.numerator, t.denominator
    size_a, size_b = grams.sizes[a], grams.sizes[b]
    differ = a != b
    possible = differ & (counted | (np.minimum(size_a, size_b) * q >= p * np.maximum(size_a, size_b)))
    chosen = np.flatnonzero(possible)
    needed = -(-p * (size_a[chosen] + size_b[chosen]) // (p + q))
    chosen = chosen[counted[chosen] | may_share(grams, a[chosen], b[chosen], needed)]
    shared = shared_grams(grams, a[chosen], b[chosen])
    union = size_a[chosen] + size_b[chosen] - shared
    similarity = np.where(differ, 0.0, 1.0)
    similarity[chosen] = shared / union
    similar = ~differ
    similar[chosen] = shared * q >= p * union
    return similar, similarity


def _joined(parts: Sequence[Edges]) -> Edges:
    none, no = np.zeros(0, np.int64), np.zeros(0)
    columns = zip(*((e.left, e.right, e.inputs, e.outputs) for e in [Edges(none, none, no, no), *parts]), strict=True)
    return Edges(*map(np.concatenate, columns))


_WAITING = 4_000_000  # pairs collected before the forest is extended
_LEVELS = 16  # similarities at which connectivity is tracked


class SiblingForest:
    """A spanning forest of the most similar pairs: cut at any similarity, it connects what all pairs connect."""

    def __init__(self, positions: int, threshold: float) -> None:
        self._levels = np.linspace(threshold, 1, _LEVELS)
        self._part = np.tile(np.arange(positions), (_LEVELS, 1))
        self._forest = SimilarPairs.joined([])
        self._waiting: list[SimilarPairs] = []
        self._count = 0

    def add(self, pairs: SimilarPairs) -> None:
        """Add pairs, each once; pairs whose ends are already connected at that similarity are discarded at once."""
        level = np.searchsorted(self._levels, pairs.similarity)
        level = np.minimum(level, _LEVELS - 1)
        pairs = pairs.take(np.flatnonzero(self._part[level, pairs.left] != self._part[level, pairs.right]))
        self._waiting.append(pairs)
        self._count += len(pairs.left)
        if self._count > _WAITING:
            self._grow()

    def pairs(self) -> SimilarPairs:
        """The pairs of the forest."""
        self._grow()
        return self._forest

    def _grow(self) -> None:
        edges = SimilarPairs.joined([self._forest, *self._waiting])
        self._waiting, self._count = [], 0
        size = self._part.shape[1]
        order = np.arange(1, len(edges.left) + 1)
        weight = 2 - edges.similarity  # no weight may be 0
        graph = sparse.csr_matrix((weight, (edges.left, edges.right)), shape=(size, size))
        place = sparse.csr_matrix((order, (edges.left, edges.right)), shape=(size, size))
        tree = minimum_spanning_tree(graph).tocoo()
        chosen = np.asarray(place[tree.row, tree.col]).ravel() - 1 if tree.nnz else np.zeros(0, np.int64)
        self._forest = edges.take(np.sort(chosen))
        similarity = self._forest.similarity
        for number, level in enumerate(self._levels):
            part = self._forest.take(similarity >= level)
            graph = sparse.coo_matrix((np.ones(len(part.left), np.int8), (part.left, part.right)), shape=(size, size))
            self._part[number] = connected_components(graph, directed=False)[1]


LISTED = 20_000_000  # most sibling pairs in memory, 640 MB; beyond that, only those that determine what is connected


@dataclass(frozen=True)
class Relations:
    """subject, item: one number per row. same, siblings: pairs of subjects. duplicates, conflicts: pairs of items.

    similar: pairs of rows with similar inputs; alternatives: pairs of items; sibling_pairs: pairs of subjects. If there
    are more than 20 million of these, `siblings` holds all that touch a subject that may be dropped, and a spanning
    forest of the most similar others: at each similarity it connects what all of them connect. meaning: pairs of rows that
    are to be tied because their inputs mean nearly the same.
    """

    subject: np.ndarray
    item: np.ndarray
    same: SimilarPairs
    siblings: SimilarPairs
    duplicates: Edges
    conflicts: Edges
    alternatives: int
    similar: int
    sibling_pairs: int
    method: Method
    skew: Skew
    meaning: tuple[np.ndarray, np.ndarray] = field(
        default_factory=lambda: (np.zeros(0, np.int64), np.zeros(0, np.int64))
    )

    @property
    def subjects(self) -> int:
        """The number above that of every subject."""
        numbers = (self.subject, *(ends for pairs in (self.same, self.siblings) for ends in (pairs.left, pairs.right)))
        return int(max(some.max(initial=-1) for some in numbers)) + 1


def relate(
    corpus: Corpus, *, threshold: float, method: MethodSetting = "exact", droppable: np.ndarray | None = None
) -> Relations:
    """The relations of all rows.

    `droppable` marks rows that may be dropped before ties are made, for reasons other than these relations: manual
    decisions, a given split.

    Raises:
        DataError: too many pairs are similar with the same facts to fit in memory.
    """
    rows = np.bincount(corpus.text)
    join = corpus.join(threshold, method)
    subjects = Subjects(corpus.text, len(rows), corpus.input_facts)
    similar = int((rows * (rows - 1) // 2).sum())
    same_parts, same_pairs, listed, sibling_pairs = [], 0, [], 0
    for found, *divided in by_facts(join.pairs(), subjects, corpus):
        similar += int((rows[found.left] * rows[found.right]).sum())
        same, siblings = map(_smaller_first, divided)
        same_parts.append(same)
        same_pairs += len(same.left)
        refuse_too_many(same_pairs, "similar inputs with the same facts", threshold)
        sibling_pairs += len(siblings.left)
        listed = [*listed, siblings] if sibling_pairs <= LISTED else []
    same = SimilarPairs.joined([*same_parts, subjects.of_one_text()])
    same_parts.clear()
    subject = subjects.of_row
    item, duplicates, conflicts, alternatives = _outputs(corpus, subjects, same, threshold)
    siblings = SimilarPairs.joined(listed)
    if sibling_pairs > LISTED:
        loose = _droppable(subject, subjects.count, item, duplicates, conflicts, droppable)
        again = by_facts(join.pairs(), subjects, corpus)
        siblings = _thinned((_smaller_first(found) for _, _, found in again), loose, threshold)
    return Relations(
        subject, item, same, siblings, duplicates, conflicts, alternatives, similar, sibling_pairs, join.method,
        join.skew(),
    )  # fmt: skip


def _smaller_first(pairs: SimilarPairs) -> SimilarPairs:
    left, right = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    return SimilarPairs(left, right, pairs.shared, pairs.union)


def _outputs(
    corpus: Corpus, subjects: Subjects, same: SimilarPairs, threshold: float
) -> tuple[np.ndarray, Edges, Edges, int]:
    """The item of each row; duplicates, conflicts and the number of alternatives among items."""
    subject = subjects.of_row
    related = np.bincount(subject, minlength=int(same.right.max(initial=0)) + 1) > 1
    related[same.left] = related[same.right] = True
    rows = np.flatnonzero(related[subject])
    facts = np.full(len(subject), -1, np.int64)
    facts[rows] = corpus.output_facts(rows)
    item, (of_subject, of_output, of_facts) = distinct_rows(subject, corpus.output, facts)
    first = first_rows(corpus.output)
    return item, *compare_outputs(
        same,
        of_subject,
        subjects.texts_of(of_subject),
        of_output,
        of_facts,
        lambda numbers: corpus.outputs(first[numbers]),
        lambda left, right: other_words(left, right, subjects, corpus),
        threshold=threshold,
        label_words=corpus.label_words,
        known=None if corpus.recalled is None else corpus.recalled.memory.grams,
    )


def _droppable(
    subject: np.ndarray,
    subjects: int,
    item: np.ndarray,
    duplicates: Edges,
    conflicts: Edges,
    rows: np.ndarray | None,
) -> np.ndarray:
    """Subjects all of whose rows may be dropped before ties are made."""
    items = np.zeros(int(item.max(initial=-1)) + 1, bool)
    for edges in (duplicates, conflicts):
        items[edges.left] = items[edges.right] = True
    loose = np.zeros(subjects, bool)
    loose[subject[items[item]]] = True
    if rows is not None:
        loose[subject[rows]] = True
    return loose


def _thinned(parts: Iterable[SimilarPairs], loose: np.ndarray, threshold: float) -> SimilarPairs:
    """The pairs with a subject that may be dropped, and a spanning forest of all others."""
    parts_kept, forest = [], SiblingForest(len(loose), threshold)
    for siblings in parts:
        listed = loose[siblings.left] | loose[siblings.right]
        parts_kept.append(siblings.take(np.flatnonzero(listed)))
        forest.add(siblings.take(np.flatnonzero(~listed)))
    return SimilarPairs.joined([*parts_kept, forest.pairs()])
