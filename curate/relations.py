"""What two pairs are to each other: duplicates, conflict, alternatives or siblings.

Rows are gathered twice before anything is compared, so that templated data do not explode: rows of one normalised
input and the same facts are one *subject*; rows of one subject with one normalised output and the same facts in it
are one *item*. Subjects are compared by the join on inputs, items by exact similarity of their outputs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .candidates import Method, Skew
from .combinations import distinct_rows
from .corpus import AskedMethod, Corpus, first_rows
from .forest import SiblingForest
from .join import AlikePairs
from .outputs import Edges, compare_outputs, refuse_too_many
from .subjects import Subjects

__all__ = ["LISTED", "Edges", "Relations", "relate"]

LISTED = 20_000_000  # sibling pairs held at most, 640 MB; of more, what decides which rows are connected


@dataclass(frozen=True)
class Relations:
    """subject, item: one number per row. same, siblings: pairs of subjects. duplicates, conflicts: pairs of items.

    alike: pairs of rows with alike inputs; alternatives: pairs of items; sibling_pairs: pairs of subjects. Where there
    are more than 20 million of these, `siblings` holds all that touch a subject which may leave, and of the others a
    spanning forest of the most similar: at each similarity it connects what all of them connect.
    """

    subject: np.ndarray
    item: np.ndarray
    same: AlikePairs
    siblings: AlikePairs
    duplicates: Edges
    conflicts: Edges
    alternatives: int
    alike: int
    sibling_pairs: int
    method: Method
    skew: Skew


def relate(
    corpus: Corpus, *, threshold: float, method: AskedMethod = "exact", may_leave: np.ndarray | None = None
) -> Relations:
    """The relations of all rows.

    `may_leave` marks rows that may leave before they are tied for other reasons than these relations: what a person
    decided, a given split.

    Raises:
        DataError: so many pairs are alike with the same facts that they cannot be held.
    """
    rows = np.bincount(corpus.text)
    join = corpus.join(threshold, method)
    subjects = Subjects(corpus.text, len(rows), corpus.input_facts)
    alike = int((rows * (rows - 1) // 2).sum())
    same_parts, same_pairs, listed, sibling_pairs = [], 0, [], 0
    for found in join.pairs():
        alike += int((rows[found.left] * rows[found.right]).sum())
        same, siblings = map(_smaller_first, subjects.split(found))
        same_parts.append(same)
        same_pairs += len(same.left)
        refuse_too_many(same_pairs, "inputs are alike with the same facts", threshold)
        sibling_pairs += len(siblings.left)
        listed = [*listed, siblings] if sibling_pairs <= LISTED else []
    same = AlikePairs.joined([*same_parts, subjects.of_one_text()])
    same_parts.clear()
    subject = subjects.of_row
    item, duplicates, conflicts, alternatives = _outputs(corpus, subject, same, threshold)
    siblings = AlikePairs.joined(listed)
    if sibling_pairs > LISTED:
        leaving = _may_leave(subject, subjects.count, item, duplicates, conflicts, may_leave)
        siblings = _thinned((_smaller_first(subjects.split(f)[1]) for f in join.pairs()), leaving, threshold)
    return Relations(
        subject, item, same, siblings, duplicates, conflicts, alternatives, alike, sibling_pairs, join.method,
        join.skew(),
    )  # fmt: skip


def _smaller_first(pairs: AlikePairs) -> AlikePairs:
    left, right = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    return AlikePairs(left, right, pairs.shared, pairs.union)


def _outputs(
    corpus: Corpus, subject: np.ndarray, same: AlikePairs, threshold: float
) -> tuple[np.ndarray, Edges, Edges, int]:
    """The item of each row; duplicates, conflicts and the number of alternatives among items."""
    asked = np.bincount(subject, minlength=int(same.right.max(initial=0)) + 1) > 1
    asked[same.left] = asked[same.right] = True
    rows = np.flatnonzero(asked[subject])
    facts = np.full(len(subject), -1, np.int64)
    facts[rows] = corpus.output_facts(rows)
    item, (of_subject, of_output, of_facts) = distinct_rows(subject, corpus.output, facts)
    first = first_rows(corpus.output)
    return item, *compare_outputs(
        same, of_subject, of_output, of_facts, lambda numbers: corpus.outputs(first[numbers]), threshold=threshold
    )


def _may_leave(
    subject: np.ndarray,
    subjects: int,
    item: np.ndarray,
    duplicates: Edges,
    conflicts: Edges,
    rows: np.ndarray | None,
) -> np.ndarray:
    """Subjects of which no row may be left when the rest is tied."""
    items = np.zeros(int(item.max(initial=-1)) + 1, bool)
    for edges in (duplicates, conflicts):
        items[edges.left] = items[edges.right] = True
    leaving = np.zeros(subjects, bool)
    leaving[subject[items[item]]] = True
    if rows is not None:
        leaving[subject[rows]] = True
    return leaving


def _thinned(parts: Iterable[AlikePairs], leaving: np.ndarray, threshold: float) -> AlikePairs:
    """The pairs with a subject that may leave, and a spanning forest of all others."""
    held, forest = [], SiblingForest(len(leaving), threshold)
    for siblings in parts:
        loose = leaving[siblings.left] | leaving[siblings.right]
        held.append(siblings.take(np.flatnonzero(loose)))
        forest.add(siblings.take(np.flatnonzero(~loose)))
    return AlikePairs.joined([*held, forest.pairs()])
