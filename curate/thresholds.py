"""How many rows each threshold for near duplicates would drop, from one join at the lowest."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from .corpus import Corpus, first_rows
from .decided import Decided, settle_decided
from .duplicates import Outcomes
from .facts import is_label
from .relations import Edges, Relations, relate
from .settings import CurateSettings

__all__ = ["THRESHOLDS", "threshold_table"]

THRESHOLDS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_EXCERPT = 160  # characters


def threshold_table(
    corpus: Corpus, rank: np.ndarray, decided: Decided, *, settings: CurateSettings
) -> list[dict[str, Any]]:
    """For each threshold: rows dropped as near duplicates, conflicts, and the least similar pair of which one is dropped.

    Exact copies are the same at every threshold and not counted. `example` is null where nothing is dropped.
    """
    relations = relate(corpus, threshold=THRESHOLDS[0])
    label = _labels(relations, corpus)
    table = []
    for threshold in THRESHOLDS:
        outcomes = settle_decided(
            corpus, _raised(relations, label, threshold), rank, decided,
            settings=replace(settings, near_duplicate=threshold),
        )  # fmt: skip
        near = outcomes.rule == "near_duplicate"
        table.append(
            {
                "threshold": threshold,
                "dropped": int(near.sum()),
                "conflicts": int((outcomes.outcome == "conflict").sum()),
                "example": _borderline(corpus.pairs, outcomes, np.flatnonzero(near)),
            }
        )
    return table


def _labels(relations: Relations, corpus: Corpus) -> np.ndarray:
    """Whether each conflict is one of two labels, which needs no likeness of the outputs."""
    example = first_rows(relations.item)
    left, right = (corpus.outputs(example[end]) for end in (relations.conflicts.left, relations.conflicts.right))
    return np.array([is_label(a) and is_label(b) for a, b in zip(left, right, strict=True)], bool)


def _raised(relations: Relations, label: np.ndarray, threshold: float) -> Relations:
    """The relations as a join at the higher threshold would have them: similarities are quotients of small whole numbers,
    so that comparing them as floats is exact at steps of a twentieth."""
    duplicates, conflicts = relations.duplicates, relations.conflicts
    alike = (duplicates.inputs >= threshold) & (duplicates.outputs >= threshold)
    against = (conflicts.inputs >= threshold) & (label | (conflicts.outputs >= threshold))
    return replace(relations, duplicates=_take(duplicates, alike), conflicts=_take(conflicts, against))


def _take(edges: Edges, which: np.ndarray) -> Edges:
    return Edges(edges.left[which], edges.right[which], edges.inputs[which], edges.outputs[which])


def _borderline(pairs: pl.DataFrame, outcomes: Outcomes, rows: np.ndarray) -> dict[str, Any] | None:
    if not len(rows):
        return None
    similarity = outcomes.similarity[rows]
    least = rows[similarity == similarity.min()]
    own = min(least.tolist(), key=lambda row: pairs["id"][row])
    other = int(outcomes.other[own])
    shown = {"id": pairs["id"][own], "other_id": pairs["id"][other], "similarity": float(similarity.min())}
    for name in ("input", "output"):
        shown |= {name: _excerpt(pairs[name][own]), f"other_{name}": _excerpt(pairs[name][other])}
    return shown


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
