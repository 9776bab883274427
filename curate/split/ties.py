"""Ties kept rows that must be in one split: components of similar inputs, groups and, if set, similar outputs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components

from ...core import say
from ..match.corpus import Corpus
from ..match.relations import Relations
from ..settings import CurateSettings

Edge = tuple[np.ndarray, np.ndarray]
TiedOutputs = Literal["identical", "identical and similar", "none"]

LARGEST = 0.2  # with "auto" neither siblings nor identical outputs may join more than a fifth of the rows
_STEP = 0.05
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Ties:
    """component: one number per row. siblings_tied_from: the similarity from which siblings are tied, None if never.

    largest: rows of the largest component; joined_by: what connects them, in words. outputs: which outputs are tied,
    "identical", "identical and similar" or "none". meaning: the pairs of requests tied by meaning. most: the most rows of an
    identical output that is tied with "auto", None without. untied: the outputs that are in more rows than that, and those
    rows.
    """

    component: np.ndarray
    siblings_tied_from: float | None
    largest: int
    joined_by: str
    outputs: TiedOutputs = "none"
    meaning: int = 0
    most: int | None = None
    untied: tuple[int, int] = (0, 0)


def tie_rows(
    corpus: Corpus, rows: np.ndarray, groups: np.ndarray, relations: Relations, *, settings: CurateSettings
) -> Ties:
    """The components of these rows; `groups` has the group number of every row of the table, -1 for none."""
    subject, groups, ids = relations.subject[rows], groups[rows], corpus.pairs["id"].gather(rows)
    here = np.zeros(relations.subjects, bool)
    here[subject] = True
    same = relations.same.take(here[relations.same.left] & here[relations.same.right])
    siblings = relations.siblings.take(here[relations.siblings.left] & here[relations.siblings.right])
    firm = [(same.left, same.right), chain(subject, groups)]
    outputs: dict[str, Any] = {}
    if settings.tie_outputs is True:
        firm += _by_output(corpus, subject, corpus.output[rows], settings.near_duplicate)
        outputs = {"outputs": "identical and similar"}
    elif settings.tie_outputs == "auto":
        edge, outputs = _identical(subject, firm, _long_outputs(corpus, rows))
        firm.append(edge)
    edge = _by_meaning(subject, firm, relations, here)
    firm.append(edge)
    outputs["meaning"] = len(edge[0])
    if not settings.tie_siblings:
        return _ties(subject, groups, ids, firm, None, outputs)
    if settings.tie_siblings is True:
        edges = [*firm, (siblings.left, siblings.right)]
        return _ties(subject, groups, ids, edges, settings.near_duplicate, outputs)
    # A group larger than a fifth comes from the data; siblings must then not enlarge it.
    limit = max(LARGEST * len(subject), largest_size(components(subject, firm)))
    for start in _steps(settings.near_duplicate):
        tied = siblings.take(siblings.at_least(start))
        edges = [*firm, (tied.left, tied.right)]
        if start == 1 or largest_size(components(subject, edges)) <= limit:
            return _ties(subject, groups, ids, edges, start, outputs)
    raise AssertionError("the last step is equality")


def _by_meaning(subject: np.ndarray, firm: Sequence[Edge], relations: Relations, here: np.ndarray) -> Edge:
    """Pairs of subjects that mean nearly the same; none if they would join more than a fifth of the rows."""
    left, right = (relations.subject[rows] for rows in relations.meaning)
    both = here[left] & here[right] & (left != right)
    left, right = left[both], right[both]
    component = components(subject, firm)
    limit = max(LARGEST * len(subject), largest_size(component))
    fits = not len(left) or largest_size(components(subject, [*firm, (left, right)])) <= limit
    return (left, right) if fits else (left[:0], right[:0])


def output_edges(corpus: Corpus, rows: np.ndarray, ties: Ties) -> tuple[np.ndarray, np.ndarray]:
    """The identical outputs that "auto" ties, as pairs of positions in `rows`: every row with the first of its output."""
    if ties.most is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return chain(np.arange(len(rows)), _at_most(_long_outputs(corpus, rows), ties.most))


def _long_outputs(corpus: Corpus, rows: np.ndarray) -> np.ndarray:
    """The number of each row's output; -1 for labels, which many different inputs are expected to share."""
    return np.where(corpus.long[rows], corpus.output[rows], -1)


def _identical(subject: np.ndarray, firm: Sequence[Edge], output: np.ndarray) -> tuple[Edge, dict[str, Any]]:
    """Rows tied by identical outputs, and what `Ties` says of them.

    Outputs in few rows come first: all that are in up to as many rows as leave no component with more than a fifth of
    the rows. What is in more rows than that is a canned answer, which no split can keep on one side.
    """
    counts = np.bincount(output[output >= 0])
    steps = np.unique(counts[counts > 1])
    component = components(subject, firm)
    limit = max(LARGEST * len(subject), largest_size(component))
    low, high = 0, len(steps)  # the steps that surely fit, and those that may
    while low < high:
        middle = (low + high + 1) // 2
        edge = chain(component, _at_most(output, int(steps[middle - 1])))
        fits = largest_size(components(component, [edge])) <= limit
        low, high = (middle, high) if fits else (low, middle - 1)
    most = int(steps[low - 1]) if low else 1
    untied = counts[counts > most]
    said = {"outputs": "identical" if low or not len(steps) else "none", "most": most}
    return chain(subject, _at_most(output, most)), {**said, "untied": (len(untied), int(untied.sum()))}


def _at_most(output: np.ndarray, most: int) -> np.ndarray:
    """The outputs that are in at most this many rows; -1 for the others."""
    counts = np.bincount(output[output >= 0], minlength=1)
    return np.where((output >= 0) & (counts[output] <= most), output, -1)


def _steps(start: float) -> list[float]:
    count = int(np.ceil(round((1 - start) / _STEP, 6)))
    return [*(round(start + _STEP * i, 6) for i in range(count)), 1.0]


def _by_output(corpus: Corpus, subject: np.ndarray, output: np.ndarray, threshold: float) -> Iterator[Edge]:
    first = np.zeros(int(output.max(initial=-1)) + 1, np.int64)
    first[output[::-1]] = subject[::-1]
    yield chain(subject, output)
    similar = corpus.similar_outputs(np.unique(output), threshold)
    subjects = np.arange(int(subject.max(initial=-1)) + 1)
    yield chain(subjects, components(subjects, ((first[found.left], first[found.right]) for found in similar)))


def chain(subject: np.ndarray, numbers: np.ndarray) -> Edge:
    """Each row of a number (-1 for none) tied to the first row with that number, as pairs of subjects."""
    rows = np.flatnonzero(numbers >= 0)
    _, first, place = np.unique(numbers[rows], return_index=True, return_inverse=True)
    left, right = subject[rows[first]][place], subject[rows]
    return left[left != right], right[left != right]


def components(subject: np.ndarray, edges: Iterable[Edge]) -> np.ndarray:
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


def largest_size(component: np.ndarray) -> int:
    """The rows of the largest component."""
    return int(np.bincount(component).max()) if len(component) else 0


def _ties(
    subject: np.ndarray,
    groups: np.ndarray,
    ids: pl.Series,
    edges: list[Edge],
    start: float | None,
    outputs: dict[str, Any],
) -> Ties:
    component = components(subject, edges)
    if not len(component):
        return Ties(component, start, 0, "nothing", **outputs)
    sizes = np.bincount(component)
    # On a tie the one with the smallest id, so that the order of the rows does not matter.
    candidates = np.flatnonzero(sizes[component] == sizes.max())
    inside = component == component[candidates[ids.gather(candidates).arg_min() or 0]]
    joined_groups = np.unique(groups[inside & (groups >= 0)])
    swallowed = np.zeros(int(subject.max()) + 1, bool)
    swallowed[subject[inside]] = True
    same, others = swallowed[edges[0][0]].sum(), sum(swallowed[left].sum() for left, _ in edges[2:])
    words = [say.count(len(joined_groups), "group")] if len(joined_groups) else []
    words += [f"{say.count(int(same), 'similar input')} with the same facts"] if same else []
    words += [f"{others:,} siblings or similar outputs"] if others else []
    return Ties(component, start, int(sizes.max()), ", ".join(words) or "equal inputs", **outputs)
