"""What two pairs are to each other: duplicates, conflict, alternatives or siblings.

Rows are gathered twice before anything is compared, so that templated data do not explode: rows of one normalised
input and the same facts are one *subject*; rows of one subject with one normalised output and the same facts in it
are one *item*. Subjects are compared by the exact join on inputs, items by exact similarity of their outputs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from .facts import field_facts, is_label, text_facts
from .grams import GramSets, gram_sets
from .join import AlikePairs, alike_pairs, shared_grams
from .normalise import dense_ids, distinct_texts

__all__ = ["Edges", "Relations", "all_combinations", "input_facts", "relate"]

_CHUNK = 2_000_000  # pairs of items looked at together


@dataclass(frozen=True)
class Edges:
    """Pairs of items with the similarity of their inputs and of their outputs."""

    left: np.ndarray
    right: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray

    @property
    def similarity(self) -> np.ndarray:
        """The smaller of both similarities."""
        return np.minimum(self.inputs, self.outputs)


@dataclass(frozen=True)
class Relations:
    """subject, item: one number per row. same, siblings: pairs of subjects. duplicates, conflicts: pairs of items.

    alike: pairs of rows with alike inputs; alternatives: pairs of items.
    """

    subject: np.ndarray
    item: np.ndarray
    same: AlikePairs
    siblings: AlikePairs
    duplicates: Edges
    conflicts: Edges
    alternatives: int
    alike: int


def relate(
    pairs: pl.DataFrame,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    threshold: float,
    identifiers: Collection[str],
) -> Relations:
    """The relations of all rows, given their normalised inputs and outputs."""
    text_of, texts = distinct_texts(inputs)
    text = np.asarray(text_of, np.int64)
    found = alike_pairs(gram_sets(texts), threshold)
    near = np.zeros(len(texts), bool)
    near[found.left] = near[found.right] = True
    facts = input_facts(pairs, near[text], leave_out=identifiers)
    subject, (subject_text, subject_facts) = _numbered(text, facts)
    same, siblings = _subject_pairs(found, subject_text, subject_facts, len(texts))
    output_of, distinct = distinct_texts(outputs)
    output = np.asarray(output_of, np.int64)
    rows = np.bincount(subject)
    compared = rows[subject] > 1
    compared |= np.isin(subject, np.concatenate((same.left, same.right)))
    output_facts = _output_facts(pairs, compared)
    item, (item_subject, item_output, item_facts) = _numbered(subject, output, output_facts)
    duplicates, conflicts, alternatives = _compare_outputs(
        same, item_subject, item_output, item_facts, distinct, threshold=threshold
    )
    both = rows[np.concatenate((same.left, siblings.left))] * rows[np.concatenate((same.right, siblings.right))]
    alike = int(both.sum() + (rows * (rows - 1) // 2).sum())
    return Relations(subject, item, same, siblings, duplicates, conflicts, alternatives, alike)


def input_facts(pairs: pl.DataFrame, which: np.ndarray, *, leave_out: Collection[str]) -> np.ndarray:
    """One number per row, equal where the facts of the inputs are; -1 where `which` does not ask for them."""
    asked = pairs.select("input", "fields").filter(pl.Series(which))
    found = [
        text_facts(text) if fields is None else field_facts(fields, leave_out=leave_out)
        for text, fields in asked.rows()
    ]
    return _spread(found, which)


def _output_facts(pairs: pl.DataFrame, which: np.ndarray) -> np.ndarray:
    return _spread([text_facts(text) for text in pairs["output"].filter(pl.Series(which))], which)


def _spread(found: Sequence[object], which: np.ndarray) -> np.ndarray:
    numbers = np.full(len(which), -1, np.int64)
    numbers[which] = np.asarray(dense_ids(found)[0], np.int64)
    return numbers


def _numbered(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A number per row, equal where all columns are, and the columns of each number."""
    distinct, numbers = np.unique(np.stack(columns), axis=1, return_inverse=True)
    return numbers.ravel().astype(np.int64), distinct


def _subject_pairs(
    found: AlikePairs, subject_text: np.ndarray, subject_facts: np.ndarray, texts: int
) -> tuple[AlikePairs, AlikePairs]:
    """Pairs of texts as pairs of subjects: those of the same facts, and siblings.

    Subjects of one text are alike and, being equal when normalised, have the same facts.
    """
    every = np.arange(texts)
    left = np.concatenate((found.left, every))
    right = np.concatenate((found.right, every))
    origin, a, b = all_combinations(subject_text, left, right, texts)
    one = np.ones(texts, np.int64)
    shared, union = np.concatenate((found.shared, one))[origin], np.concatenate((found.union, one))[origin]
    pairs = AlikePairs(a, b, shared, union).take(a < b) if len(a) else AlikePairs(a, b, shared, union)
    same = (subject_facts[pairs.left] == subject_facts[pairs.right]) | (
        subject_text[pairs.left] == subject_text[pairs.right]
    )
    return pairs.take(same), pairs.take(~same)


def all_combinations(
    of: np.ndarray, left: np.ndarray, right: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pair of groups as all pairs of a member of the one and a member of the other.

    `of` is the group of each member. Gives the position of the pair of groups, and both members.
    """
    members = np.argsort(of, kind="stable")
    counts = np.bincount(of, minlength=groups)
    starts = np.cumsum(counts) - counts
    sizes = counts[left] * counts[right]
    origin = np.repeat(np.arange(len(left)), sizes)
    within = np.arange(len(origin)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    width = counts[right][origin]
    first = members[starts[left][origin] + within // np.maximum(width, 1)]
    second = members[starts[right][origin] + within % np.maximum(width, 1)]
    return origin, first, second


def _compare_outputs(
    same: AlikePairs,
    item_subject: np.ndarray,
    item_output: np.ndarray,
    item_facts: np.ndarray,
    texts: Sequence[str],
    *,
    threshold: float,
) -> tuple[Edges, Edges, int]:
    """Duplicates, conflicts and the number of alternatives among items whose subjects are the same."""
    subjects = int(item_subject.max()) + 1 if len(item_subject) else 0
    items = np.bincount(item_subject, minlength=subjects)
    several = np.flatnonzero(items > 1)
    left, right = np.concatenate((same.left, several)), np.concatenate((same.right, several))
    inputs = np.concatenate((same.similarity, np.ones(len(several))))
    needed = np.unique(item_output[np.isin(item_subject, np.concatenate((left, right)))])
    place = np.zeros(len(texts), np.int64)
    place[needed] = np.arange(len(needed))
    grams = gram_sets([texts[int(i)] for i in needed])
    label = np.array([is_label(texts[int(i)]) for i in needed], bool)
    output = place[item_output]
    work = np.cumsum(items[left] * items[right])
    duplicates, conflicts, alternatives, start = [], [], 0, 0
    while start < len(left):
        spent = work[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(work, spent + _CHUNK)))
        origin, a, b = all_combinations(item_subject, left[start:stop], right[start:stop], subjects)
        once = (left[start:stop] != right[start:stop])[origin] | (a < b)
        origin, a, b = origin[once] + start, a[once], b[once]
        alike, similarity = _outputs_alike(grams, output[a], output[b], threshold)
        facts_differ = (item_facts[a] != item_facts[b]) & (output[a] != output[b])
        labels_differ = label[output[a]] & label[output[b]] & (output[a] != output[b])
        conflict = labels_differ | (alike & facts_differ)
        duplicate = alike & ~conflict
        for kind, which in ((duplicates, duplicate), (conflicts, conflict)):
            kind.append(np.stack((a[which], b[which], inputs[origin[which]], similarity[which])))
        alternatives += int((~duplicate & ~conflict).sum())
        start = stop
    return _edges(duplicates), _edges(conflicts), alternatives


def _outputs_alike(grams: GramSets, a: np.ndarray, b: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each pair of outputs is alike, and its similarity; each pair of texts is counted once."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    keys, back = np.unique(low * len(grams.sizes) + high, return_inverse=True)
    left, right = keys // max(1, len(grams.sizes)), keys % max(1, len(grams.sizes))
    shared = shared_grams(grams, left, right)
    pairs = AlikePairs(left, right, shared, grams.sizes[left] + grams.sizes[right] - shared)
    return pairs.at_least(threshold)[back], pairs.similarity[back]


def _edges(parts: Sequence[np.ndarray]) -> Edges:
    a, b, inputs, outputs = np.concatenate([np.zeros((4, 0)), *parts], axis=1)
    return Edges(a.astype(np.int64), b.astype(np.int64), inputs, outputs)
