"""Relates rows: duplicates, conflicts, alternatives, siblings, and canned answers, one output shared by many inputs.

Rows are grouped twice before anything is compared, so that templated data do not explode: rows with one normalised
input and the same facts are one *subject*; rows of one subject with one normalised output and the same facts in it
are one *item*. Subjects are compared by the join on inputs, items by the exact similarity of their outputs (`items.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from ..check.facts import is_label
from ..check.personal import mask_column
from ..records import CannedOutput
from ..row_records import QualityFinding
from .candidates import MOST_PAIRS, Method, MethodSetting, Skew, expected_recall
from .corpus import Corpus, best_ranks, first_rows
from .items import Compared, Edges, Items, compare_outputs, refuse_too_many
from .join import SimilarPairs
from .subjects import Subjects, by_facts, distinct_rows
from .wording import Synonyms

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
    corpus: Corpus,
    *,
    threshold: float,
    rank: np.ndarray,
    method: MethodSetting = "auto",
    droppable: np.ndarray | None = None,
    synonyms: Synonyms = frozenset(),
) -> Relations:
    """The relations of all rows, given the rank of each in order of preference.

    `droppable` marks rows that may be dropped before ties are made, for reasons other than these relations: manual
    decisions, a given split. `synonyms` are words that the style lists for one thing.

    Raises:
        DataError: too many pairs are similar with the same facts to fit in memory.
    """
    rows = np.bincount(corpus.text)
    join = corpus.join(threshold, method, rank)
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
    item, compared = _outputs(corpus, subjects, same, rank, threshold, synonyms)
    siblings = SimilarPairs.joined(listed)
    if sibling_pairs > LISTED:
        loose = _droppable(subject, subjects.count, item, compared, droppable)
        again = by_facts(join.pairs(), subjects, corpus)
        siblings = _thinned((_smaller_first(found) for _, _, found in again), loose, threshold)
    how = join.method
    if how.name == "exact" and not compared.complete:
        how = Method(
            "candidates", expected_recall(threshold), f"more than {MOST_PAIRS:,} pairs of outputs to one request"
        )
    return Relations(
        subject, item, same, siblings, compared.duplicates, compared.conflicts, compared.alternatives, similar,
        sibling_pairs, how, join.skew(),
    )  # fmt: skip


def _smaller_first(pairs: SimilarPairs) -> SimilarPairs:
    left, right = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    return SimilarPairs(left, right, pairs.shared, pairs.union)


def _outputs(
    corpus: Corpus, subjects: Subjects, same: SimilarPairs, rank: np.ndarray, threshold: float, synonyms: Synonyms
) -> tuple[np.ndarray, Compared]:
    """The item of each row, and what the items are to each other."""
    subject = subjects.of_row
    related = np.bincount(subject, minlength=int(same.right.max(initial=0)) + 1) > 1
    related[same.left] = related[same.right] = True
    rows = np.flatnonzero(related[subject])
    facts = np.full(len(subject), -1, np.int64)
    facts[rows] = corpus.output_facts(rows)
    item, (of_subject, of_output, of_facts) = distinct_rows(subject, corpus.output, facts)
    first, asked = first_rows(corpus.output), first_rows(corpus.text)
    items = Items(of_subject, subjects.texts_of(of_subject), of_output, of_facts, best_ranks(item, rank))
    compared = compare_outputs(
        same,
        items,
        lambda numbers: corpus.outputs(first[numbers]),
        lambda numbers: corpus.inputs(asked[numbers]),
        threshold=threshold,
        label_words=corpus.label_words,
        synonyms=synonyms,
        known=None if corpus.recalled is None else corpus.recalled.memory.grams,
    )
    return item, compared


def _droppable(
    subject: np.ndarray, subjects: int, item: np.ndarray, compared: Compared, rows: np.ndarray | None
) -> np.ndarray:
    """Subjects all of whose rows may be dropped before ties are made."""
    items = np.zeros(int(item.max(initial=-1)) + 1, bool)
    for edges in (compared.duplicates, compared.conflicts):
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


_MANY = 5  # different inputs; fewer may share an answer by chance
_WORST = 10
_SHOWN = 200  # characters of an output


@dataclass(frozen=True)
class Canned:
    """How often outputs repeat, and the ten outputs shared by the most inputs.

    rows: those with an output of more than five words that five or more
    inputs share; outputs: the number of such outputs. distinct: distinct outputs. labels: whether nearly all rows have
    an output of at most five words that other inputs share: classification, where repeats are expected.
    """

    worst: list[CannedOutput]
    rows: int
    outputs: int
    distinct: int
    labels: bool

    def summary(self, n: int) -> dict[str, QualityFinding]:
        """The finding of the quality rule over n rows; empty if there are no canned outputs."""
        found = QualityFinding(rows=self.rows, share=self.rows / n, level="should")
        return {"quality:canned": found} if self.rows else {}


def find_canned(corpus: Corpus) -> Canned:
    """The repeated outputs of all pairs; inputs and outputs are compared after normalisation."""
    table = pl.DataFrame({"number": corpus.output, "input": corpus.text}).with_row_index("row")
    counts = table.group_by("number").agg(
        rows=pl.len(), inputs=pl.col("input").n_unique(), row=pl.col("row").min().cast(pl.Int64)
    )
    several = counts.filter(pl.col("inputs") > 1).sort("inputs", "rows", "number", descending=[True, True, False])
    labels = pl.Series([is_label(text) for text in corpus.outputs(several["row"].to_numpy())], dtype=pl.Boolean)
    canned = several.filter((pl.col("inputs") >= _MANY) & ~labels)
    shared = int(several.filter(labels)["rows"].sum())
    return Canned(
        worst=_worst(corpus, several),
        rows=int(canned["rows"].sum()),
        outputs=len(canned),
        distinct=len(counts),
        labels=shared >= _LABELS * len(corpus.output) > 0,
    )


def _worst(corpus: Corpus, several: pl.DataFrame) -> list[CannedOutput]:
    """The outputs with the most inputs, then rows, then by text; shown as in the row with the smallest text."""
    last = several.head(_WORST).tail(1).select("inputs", "rows").rows() or [(0, 0)]
    inputs, rows = last[0]
    tied = (pl.col("inputs") == inputs) & (pl.col("rows") >= rows)
    near = several.filter((pl.col("inputs") > inputs) | tied)
    texts = pl.Series("output", corpus.outputs(near["row"].to_numpy()), dtype=pl.String)
    worst = near.with_columns(texts).sort("inputs", "rows", "output", descending=[True, True, False]).head(_WORST)
    places = np.flatnonzero(np.isin(corpus.output, worst["number"].to_numpy()))
    written = pl.DataFrame({"number": corpus.output[places]}).with_columns(
        written=pl.Series(corpus.written(places), dtype=pl.String)
    )
    shown = worst.join(written.group_by("number").agg(pl.col("written").min()), on="number", maintain_order="left")
    shown = shown.select(_excerpts(shown["written"]).alias("output"), "rows", "inputs")
    return [CannedOutput(**row) for row in shown.iter_rows(named=True)]


_LABELS = 0.9  # of the rows


def _excerpts(texts: pl.Series) -> pl.Series:
    """Masked before truncation, so that no part of a value is shown."""
    masked = mask_column(texts)
    return masked.str.head(_SHOWN) + pl.Series(
        [("…" if n > _SHOWN else "") for n in masked.str.len_chars()], dtype=pl.String
    )
