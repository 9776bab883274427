"""Ties kept rows that must be in one split: components of similar inputs, groups and, if set, similar outputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components

from ...core import say
from ..match.corpus import Corpus
from ..match.relations import Relations
from ..settings import CurateSettings

__all__ = ["Ties", "tie_rows"]

_LARGEST = 0.2  # with tie_siblings = "auto" siblings may not join more than a fifth of the rows
_STEP = 0.05
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Ties:
    """component: one number per row. siblings_tied_from: the similarity from which siblings are tied, None if never.

    largest: rows of the largest component; joined_by: what connects them, in words.
    """

    component: np.ndarray
    siblings_tied_from: float | None
    largest: int
    joined_by: str


def tie_rows(
    corpus: Corpus, rows: np.ndarray, groups: np.ndarray, relations: Relations, *, settings: CurateSettings
) -> Ties:
    """The components of these rows; `groups` has the group number of every row of the table, -1 for none."""
    subject, groups, ids = relations.subject[rows], groups[rows], corpus.pairs["id"].gather(rows)
    here = np.zeros(len(relations.subject) + 1, bool)
    here[subject] = True
    same = relations.same.take(here[relations.same.left] & here[relations.same.right])
    siblings = relations.siblings.take(here[relations.siblings.left] & here[relations.siblings.right])
    firm = [(same.left, same.right), _chain(subject, groups)]
    if settings.tie_outputs:
        firm += _by_output(corpus, subject, corpus.output[rows], settings.near_duplicate)
    if not settings.tie_siblings:
        return _ties(subject, groups, ids, firm, None)
    if settings.tie_siblings is True:
        return _ties(subject, groups, ids, [*firm, (siblings.left, siblings.right)], settings.near_duplicate)
    # A group larger than a fifth comes from the data; siblings must then not enlarge it.
    limit = max(_LARGEST * len(subject), _largest(_components(subject, firm)))
    for start in _steps(settings.near_duplicate):
        tied = siblings.take(siblings.at_least(start))
        edges = [*firm, (tied.left, tied.right)]
        if start == 1 or _largest(_components(subject, edges)) <= limit:
            return _ties(subject, groups, ids, edges, start)
    raise AssertionError("the last step is equality")


def _steps(start: float) -> list[float]:
    count = int(np.ceil(round((1 - start) / _STEP, 6)))
    return [*(round(start + _STEP * i, 6) for i in range(count)), 1.0]


Edge = tuple[np.ndarray, np.ndarray]


def _by_output(corpus: Corpus, subject: np.ndarray, output: np.ndarray, threshold: float) -> Iterator[Edge]:
    first = np.zeros(int(output.max(initial=-1)) + 1, np.int64)
    first[output[::-1]] = subject[::-1]
    yield _chain(subject, output)
    for found in corpus.similar_outputs(np.unique(output), threshold):
        yield first[found.left], first[found.right]


def _chain(subject: np.ndarray, numbers: np.ndarray) -> Edge:
    """Each row of a number (-1 for none) tied to the first row with that number."""
    rows = np.flatnonzero(numbers >= 0)
    _, first, place = np.unique(numbers[rows], return_index=True, return_inverse=True)
    return subject[rows[first]][place], subject[rows]


def _components(subject: np.ndarray, edges: Sequence[Edge]) -> np.ndarray:
    """One number per row. Edges come in parts, as most of the millions in templated data are redundant."""
    size = int(subject.max()) + 1 if len(subject) else 0
    part = np.arange(size)
    for left, right in edges:
        for start in range(0, len(left), _CHUNK):
            a, b = part[left[start : start + _CHUNK]], part[right[start : start + _CHUNK]]
            new = np.flatnonzero(a != b)
            graph = sparse.coo_matrix((np.ones(len(new), np.int8), (a[new], b[new])), shape=(size, size))
            part = connected_components(graph, directed=False)[1][part] if len(new) else part
    return np.unique(part[subject], return_inverse=True)[1]


def _largest(component: np.ndarray) -> int:
    return int(np.bincount(component).max()) if len(component) else 0


def _ties(subject: np.ndarray, groups: np.ndarray, ids: pl.Series, edges: list[Edge], start: float | None) -> Ties:
    component = _components(subject, edges)
    if not len(component):
        return Ties(component, start, 0, "nothing")
    sizes = np.bincount(component)
    # On a tie the one with the smallest id, so that the order of the rows does not matter.
    candidates = np.flatnonzero(sizes[component] == sizes.max())
    inside = component == component[candidates[ids.gather(candidates).arg_min() or 0]]
    joined_groups = np.unique(groups[inside & (groups >= 0)])
    largest = np.zeros(int(subject.max()) + 1, bool)
    largest[subject[inside]] = True
    same, others = largest[edges[0][0]].sum(), sum(largest[left].sum() for left, _ in edges[2:])
    words = [say.count(len(joined_groups), "group")] if len(joined_groups) else []
    words += [f"{say.count(int(same), 'similar input')} with the same facts"] if same else []
    words += [f"{others:,} siblings or similar outputs"] if others else []
    return Ties(component, start, int(sizes.max()), ", ".join(words) or "equal inputs")
