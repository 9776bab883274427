"""The outputs of pairs whose inputs are alike with the same facts: duplicates, conflicts, or alternatives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..style.errors import DataError
from .combinations import all_combinations
from .facts import is_label
from .grams import GramSets, gram_sets
from .join import AlikePairs, as_fraction
from .overlap import may_share, shared_grams

__all__ = ["Edges", "compare_outputs", "refuse_too_many"]

_CHUNK = 500_000  # pairs of items looked at together: about 100 MB
MOST = 60_000_000  # pairs that are held, each with all that is found about it: 130 bytes each, measured, so 8 GB


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


def compare_outputs(
    same: AlikePairs,
    subject: np.ndarray,
    output: np.ndarray,
    facts: np.ndarray,
    texts: Callable[[np.ndarray], list[str]],
    *,
    threshold: float,
) -> tuple[Edges, Edges, int]:
    """Duplicates, conflicts and the number of alternatives among items whose subjects are the same.

    `subject, output, facts` are one number per item; `texts` gives the normalised outputs of numbers.
    """
    subjects = int(max(subject.max(initial=-1), same.right.max(initial=-1))) + 1
    items = np.bincount(subject, minlength=subjects)
    several = np.flatnonzero(items > 1)
    left, right = np.concatenate((same.left, several)), np.concatenate((same.right, several))
    inputs = np.concatenate((same.similarity, np.ones(len(several))))
    asked = np.zeros(subjects, bool)
    asked[left] = asked[right] = True
    needed = np.unique(output[asked[subject]])
    place = np.zeros(int(output.max(initial=-1)) + 1, np.int64)
    place[needed] = np.arange(len(needed))
    compared = texts(needed)
    grams, label = gram_sets(compared), np.array([is_label(text) for text in compared], bool)
    output = place[output]
    work = np.cumsum(items[left] * items[right])
    duplicates, conflicts, alternatives, start = [], [], 0, 0
    while start < len(left):
        spent = work[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(work, spent + _CHUNK)))
        origin, a, b = all_combinations(subject, left[start:stop], right[start:stop], subjects)
        once = np.flatnonzero((left[start:stop] != right[start:stop])[origin] | (a < b))
        origin, a, b = origin[once] + start, a[once], b[once]
        differ = output[a] != output[b]
        labels = label[output[a]] & label[output[b]] & differ
        alike, similarity = _alike(grams, output[a], output[b], labels, threshold)
        conflict = labels | (alike & (facts[a] != facts[b]) & differ)
        duplicate = alike & ~conflict
        for kind, which in ((duplicates, duplicate), (conflicts, conflict)):
            chosen = np.flatnonzero(which)
            kind.append(Edges(a[chosen], b[chosen], inputs[origin[chosen]], similarity[chosen]))
        alternatives += len(a) - len(duplicates[-1].left) - len(conflicts[-1].left)
        refuse_too_many(
            sum(len(edges.left) for edges in duplicates + conflicts),
            "outputs repeat or contradict each other",
            threshold,
        )
        start = stop
    return _joined(duplicates), _joined(conflicts), alternatives


def refuse_too_many(pairs: int, what: str, threshold: float) -> None:
    """Ends with an error that names the way out, before memory does.

    Raises:
        DataError: more pairs than can be held.
    """
    if pairs > MOST:
        raise DataError(
            f"more than {MOST:,} pairs of {what}: the rows follow a template whose slots are words\n"
            "Give the inputs as fields, as fields that differ are other facts, "
            f"or raise [curate] near_duplicate from {threshold:g}."
        )


def _alike(
    grams: GramSets, a: np.ndarray, b: np.ndarray, counted: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each pair of outputs is alike, and its similarity: 0 where it cannot be alike and need not be `counted`."""
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
    alike = ~differ
    alike[chosen] = shared * q >= p * union
    return alike, similarity


def _joined(parts: Sequence[Edges]) -> Edges:
    none, no = np.zeros(0, np.int64), np.zeros(0)
    columns = zip(*((e.left, e.right, e.inputs, e.outputs) for e in [Edges(none, none, no, no), *parts]), strict=True)
    return Edges(*map(np.concatenate, columns))
