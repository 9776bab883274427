"""The certificate: after the split, an exact search of validation and test against train, apart from what made it."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import polars as pl

from .grams import GramSets, gram_sets
from .join import AlikePairs, alike_tiles_between
from .normalise import distinct_texts
from .subjects import Subjects

__all__ = ["certify"]

_NEAREST = 10  # held-out rows listed with their nearest train row
_LOWEST = 0.5  # below it nothing is near
_STEP = 0.05  # by which the search goes down: most data have ten pairs a little below the threshold


def certify(
    kept: pl.DataFrame,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    threshold: float,
    identifiers: Collection[str],
    siblings_tied_from: float | None,
    sets: tuple[np.ndarray, GramSets] | None = None,
) -> dict[str, Any]:
    """Counts over pairs of a held-out row and a train row, given the kept pairs and their normalised texts.

    pairs_at_or_above: alike with the same facts, which must be 0. siblings_at_or_above: alike with other facts.
    nearest: the closest pairs left, closest first. outputs_alike: held-out rows whose output is alike to one in train.
    `sets` are the number of each input and the grams of the numbered texts, where they are known already.
    """
    in_train = (kept["split"] == "train").to_numpy()
    text, grams = _sets(inputs) if sets is None else sets
    order = kept["id"].rank("ordinal").to_numpy().astype(np.int64)
    held, train = _first_rows(order, text, ~in_train), _first_rows(order, text, in_train)
    subjects = Subjects(kept, text, len(grams.sizes), leave_out=identifiers)
    nearest, same, siblings = AlikePairs.joined([]), 0, 0
    for found in alike_tiles_between(grams, np.flatnonzero(held >= 0), np.flatnonzero(train >= 0), threshold):
        same_found, siblings_found = subjects.split(found)
        same += _rows_across(same_found, subjects, in_train)
        siblings += _rows_across(siblings_found, subjects, in_train)
        nearest = _closest([nearest, found], order, held, train)
    nearest = _further_down(nearest, grams, order, held, train, threshold)
    ids = kept["id"]
    return {
        "threshold": threshold,
        "pairs_at_or_above": same,
        "siblings_tied_from": siblings_tied_from,
        "siblings_at_or_above": siblings,
        "nearest": [
            {"id": ids[int(held[a])], "train_id": ids[int(train[b])], "similarity": similarity}
            for a, b, similarity in zip(nearest.left, nearest.right, nearest.similarity.tolist(), strict=True)
        ],
        "outputs_alike": _outputs_alike(outputs, in_train, threshold),
    }


def _sets(texts: Sequence[str]) -> tuple[np.ndarray, GramSets]:
    numbers, distinct = distinct_texts(texts)
    return np.asarray(numbers, np.int64), gram_sets(distinct)


def _first_rows(order: np.ndarray, text: np.ndarray, which: np.ndarray) -> np.ndarray:
    """For each text the row with the smallest id among those chosen, -1 where there is none."""
    rows = np.flatnonzero(which)
    rows = rows[np.argsort(order[rows])][::-1]
    first = np.full(int(text.max(initial=-1)) + 1, -1)
    first[text[rows]] = rows  # the last write, which is the smallest id, stays
    return first


def _rows_across(found: AlikePairs, subjects: Subjects, in_train: np.ndarray) -> int:
    """Pairs of a held-out row of the left subject and a train row of the right one."""
    if not len(found.left):
        return 0
    held = np.bincount(subjects.of_row[~in_train], minlength=subjects.count)
    train = np.bincount(subjects.of_row[in_train], minlength=subjects.count)
    return int((held[found.left] * train[found.right]).sum())


def _further_down(
    nearest: AlikePairs, grams: GramSets, order: np.ndarray, held: np.ndarray, train: np.ndarray, threshold: float
) -> AlikePairs:
    """The closest pairs, as far below the threshold as it takes to list ten."""
    at = threshold
    while len(nearest.left) < _NEAREST and at > _LOWEST:
        at = max(_LOWEST, round(at - _STEP, 6))
        for found in alike_tiles_between(grams, np.flatnonzero(held >= 0), np.flatnonzero(train >= 0), at):
            nearest = _closest([nearest, found], order, held, train)
    return nearest


def _closest(parts: list[AlikePairs], order: np.ndarray, held: np.ndarray, train: np.ndarray) -> AlikePairs:
    """The closest pairs: one for each held-out text, the ten closest."""
    found = AlikePairs.joined(parts)
    by_likeness = np.lexsort((order[train[found.right]], order[held[found.left]], -found.similarity))
    _, first = np.unique(found.left[by_likeness], return_index=True)  # the best of each held-out text
    return found.take(by_likeness[np.sort(first)[:_NEAREST]])


def _outputs_alike(outputs: Sequence[str], in_train: np.ndarray, threshold: float) -> int:
    text, grams = _sets(outputs)
    held, train = np.unique(text[~in_train]), np.unique(text[in_train])
    alike = np.zeros(len(grams.sizes), bool)
    alike[np.intersect1d(held, train)] = True
    for found in alike_tiles_between(grams, held[~alike[held]], train, threshold):
        alike[found.left] = True
    return int(alike[text[~in_train]].sum())
