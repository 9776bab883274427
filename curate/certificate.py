"""The certificate: after the split, an exact search of validation and test against train, apart from what made it."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import polars as pl

from .grams import GramSets, gram_sets
from .join import AlikePairs, alike_pairs_between
from .normalise import distinct_texts
from .relations import all_combinations, input_facts

__all__ = ["certify"]

_NEAREST = 10  # held-out rows listed with their nearest train row
_LOWEST = 0.5  # below it nothing is near


def certify(
    kept: pl.DataFrame,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    threshold: float,
    identifiers: Collection[str],
    siblings_tied_from: float | None,
) -> dict[str, Any]:
    """Counts over pairs of a held-out row and a train row, given the kept pairs and their normalised texts.

    pairs_at_or_above: alike with the same facts, which must be 0. siblings_at_or_above: alike with other facts.
    nearest: the closest pairs left, closest first. outputs_alike: held-out rows whose output is alike to one in train.
    """
    in_train = (kept["split"] == "train").to_numpy()
    text_of, texts = distinct_texts(inputs)
    text = np.asarray(text_of, np.int64)
    grams = gram_sets(texts)
    found = _across(grams, text, in_train, threshold)
    near = np.zeros(len(texts), bool)
    near[found.left] = near[found.right] = True
    facts = input_facts(kept, near[text], leave_out=identifiers)
    same, siblings = _counts(found, text, facts, in_train, len(texts))
    return {
        "threshold": threshold,
        "pairs_at_or_above": same,
        "siblings_tied_from": siblings_tied_from,
        "siblings_at_or_above": siblings,
        "nearest": _nearest(kept, grams, text, in_train, found, threshold),
        "outputs_alike": _outputs_alike(outputs, in_train, threshold),
    }


def _across(grams: GramSets, text: np.ndarray, in_train: np.ndarray, threshold: float) -> AlikePairs:
    return alike_pairs_between(grams, np.unique(text[~in_train]), np.unique(text[in_train]), threshold)


def _counts(
    found: AlikePairs, text: np.ndarray, facts: np.ndarray, in_train: np.ndarray, texts: int
) -> tuple[int, int]:
    """Row pairs across the split with the same facts, and with other facts."""
    kinds, kind = np.unique(np.stack((text, facts)), axis=1, return_inverse=True)
    kind = kind.ravel()
    train = np.bincount(kind[in_train], minlength=kinds.shape[1])
    held = np.bincount(kind[~in_train], minlength=kinds.shape[1])
    _, a, b = all_combinations(kinds[0], found.left, found.right, texts)
    pairs = held[a] * train[b]
    same = (kinds[1][a] == kinds[1][b]) | (kinds[0][a] == kinds[0][b])
    return int(pairs[same].sum()), int(pairs[~same].sum())


def _nearest(
    kept: pl.DataFrame, grams: GramSets, text: np.ndarray, in_train: np.ndarray, found: AlikePairs, threshold: float
) -> list[dict[str, Any]]:
    """The closest pairs across the split: one for each held-out text, as far down as it takes to list ten."""
    at = threshold
    while len(np.unique(found.left)) < _NEAREST and at > _LOWEST:
        at = max(_LOWEST, round(at - 0.1, 6))
        found = _across(grams, text, in_train, at)
    ids = np.array(kept["id"].to_list(), object)
    own, other = _smallest_ids(ids, text, ~in_train), _smallest_ids(ids, text, in_train)
    place = np.argsort(np.argsort(ids, kind="stable"), kind="stable")
    order = np.lexsort((place[other[found.right]], place[own[found.left]], -found.similarity))
    _, first = np.unique(found.left[order], return_index=True)  # the best of each held-out text
    best = order[np.sort(first)[:_NEAREST]]
    return [
        {"id": ids[own[a]], "train_id": ids[other[b]], "similarity": similarity}
        for a, b, similarity in zip(found.left[best], found.right[best], found.similarity[best].tolist(), strict=True)
    ]


def _smallest_ids(ids: np.ndarray, text: np.ndarray, which: np.ndarray) -> np.ndarray:
    """For each text the row with the smallest id among those chosen, 0 where there is none."""
    rows = np.flatnonzero(which)
    rows = rows[np.argsort(ids[rows], kind="stable")][::-1]
    smallest = np.zeros(int(text.max()) + 1, np.int64)
    smallest[text[rows]] = rows  # the last write, which is the smallest id, stays
    return smallest


def _outputs_alike(outputs: Sequence[str], in_train: np.ndarray, threshold: float) -> int:
    text_of, texts = distinct_texts(outputs)
    text = np.asarray(text_of, np.int64)
    found = _across(gram_sets(texts), text, in_train, threshold)
    return int(np.isin(text[~in_train], found.left).sum())
