"""The results of curating as numbers: the content of curate/summary.json."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ..core import as_json
from ..style import SAMPLE, Discrimination, StyleSchema, check_table, measure_discrimination
from .check import is_label
from .decisions import Decided, edit_warnings, settle_decided, summarise_decisions
from .fixes import summarise_fixes
from .match import Corpus, Edges, Outcomes, Relations, first_rows, relate
from .prepare import CurateRequest, Prepared
from .read import RawPairs
from .resolve import Resolved
from .run_files import LEDGER_SCHEMA, OUTCOMES
from .settings import CurateSettings
from .split import SPLITS, effective_size, effective_splits
from .warnings import find_warnings

__all__ = [
    "THRESHOLDS",
    "Counts",
    "build_ledger",
    "summarise",
    "threshold_table",
]


@dataclass(frozen=True)
class Counts:
    """How many rows there are, as summary.json has them: of each outcome, dropped by each rule, in each split."""

    rows_read: int
    outcomes: dict[str, int]
    rules: dict[str, int]
    splits: dict[str, int]

    @classmethod
    def of(cls, outcome: pl.Series, rule: pl.Series, split: pl.Series) -> "Counts":
        """The counts of all rows read, given the outcome, the rule and the split of each."""
        dropped = rule.filter(outcome != "kept").drop_nulls()
        rules = dropped.value_counts(sort=True, name="n").sort("n", dropped.name, descending=[True, False])
        return cls(
            len(outcome),
            {name: int((outcome == name).sum()) for name in OUTCOMES},
            dict(rules.rows()),
            {name: int((split == name).sum()) for name in SPLITS},
        )


def build_ledger(raw: RawPairs, outcomes: Outcomes, table: pl.DataFrame, content: pl.Series) -> pl.DataFrame:
    """One row per row read, in the order of the rows; `file` is added if several files were read."""
    named = pl.Series("other", outcomes.other.astype(np.int64))
    other = named.set(named < 0, None)
    read = pl.DataFrame(
        {
            "row": raw.pairs["row"],
            "id": raw.pairs["id"],
            "outcome": outcomes.outcome.tolist(),
            "split": table["split"],
            "rule": outcomes.rule.tolist(),
            "evidence": outcomes.evidence.tolist(),
            "other_id": raw.pairs["id"].gather(other),
            "similarity": pl.Series(outcomes.similarity, dtype=pl.Float64).fill_nan(None),
            "content": content,
            "placed": table["placed"],
            "fixed": table["fixed"].list.join(", "),
        },
        schema=LEDGER_SCHEMA,
    )
    ledger = pl.concat([read, raw.rejected.cast({"row": pl.UInt32})], how="diagonal").sort("row")
    if len(raw.files) < 2:
        return ledger
    place = np.searchsorted(np.array(raw.first_rows), ledger["row"].to_numpy(), side="right") - 1
    return ledger.with_columns(file=pl.Series([file.name for file in raw.files]).gather(place))


def summarise(
    ready: Prepared,
    found: Resolved,
    ledger: pl.DataFrame,
    request: CurateRequest,
    *,
    threshold_table: Sequence[dict[str, Any]] | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """The summary as a dictionary for JSON."""
    style, settings, identifiers = request.style, request.settings, request.identifiers
    raw, kept = ready.raw, found.kept
    components = found.placed.components()[found.outcomes.kept]
    counts = Counts.of(ledger["outcome"], ledger["rule"], ledger["split"])
    discrimination = None if style is None else _discrimination(ready.corpus, style)
    return {
        "rows_read": raw.rows_read,
        "outcomes": counts.outcomes,
        "splits": counts.splits,
        "references_failing": {split: int(((kept["split"] == split) & ~kept["reference_ok"]).sum()) for split in SPLITS},
        "rules": counts.rules,
        "distinct_outputs": found.canned.distinct,
        "canned_outputs": found.canned.worst,
        "groups": raw.pairs["group"].drop_nulls().n_unique() or None,
        **_relations(found.relations, settings),
        "largest_component": found.placed.ties.largest,
        "effective_pairs": effective_size(components),
        "effective_splits": effective_splits(components, kept["split"].to_numpy()),
        "split_notes": [*ready.notes, *found.notes],
        "overrides": summarise_decisions(ready.decided, kept),
        "threshold_table": None if threshold_table is None else list(threshold_table),
        "identifiers": sorted(identifiers),
        "certificate": found.certificate,
        "meaning": found.meaning,
        "style": None if style is None else _style(style, discrimination),
        "checks": ready.checked.checks,
        "fix": summarise_fixes(ready, found, settings=settings, count_tokens=request.token_counter()),
        "unscored": ready.checked.unscored,
        "quality": {**ready.checked.quality, **found.canned.summary(len(raw.pairs))},
        "personal_data": ready.personal,
        "shape": raw.shape,
        "guide": raw.guide,
        "files": [path.name for path in raw.files],
        "warnings": [
            *raw.warnings,
            *found.cautions,
            *ready.decided.warnings,
            *edit_warnings(ready.decided, kept),
            *find_warnings(ready, found, ledger, style, discrimination, settings=settings, identifiers=identifiers),
        ],
        "seconds": {step: round(value, 4) for step, value in seconds.items()},
    }  # fmt: skip


def _relations(relations: Relations, settings: CurateSettings) -> dict[str, Any]:
    """How similar rows were searched, and how many pairs of each relation there are."""
    return {
        "near_duplicate": {
            "threshold": settings.near_duplicate, **relations.method.summary(), "pairs": relations.similar,
            "largest_bucket": relations.skew.largest, "capped_buckets": relations.skew.capped,
        },
        "relations": {
            "duplicates": len(relations.duplicates.left),
            "conflicts": len(relations.conflicts.left),
            "alternatives": relations.alternatives,
            "siblings": relations.sibling_pairs,
        },
    }  # fmt: skip


def _style(style: StyleSchema, discrimination: Discrimination | None) -> dict[str, Any]:
    """The schema by name, each check by id (kind, level, about, sentence), and what the rules accept."""
    checks = {check.pop("id"): check for check in check_table(style)}
    found = as_json(discrimination)
    return {"name": style.name, "reviewed": style.reviewed, "checks": checks, "discrimination": found}


def _discrimination(corpus: Corpus, style: StyleSchema) -> Discrimination | None:
    """What the rules accept, on pairs chosen by their content: the same ones however the data are cut into parts."""
    rows = corpus.in_order[:SAMPLE]
    texts = {"input": corpus.requests(rows), "output": corpus.written(rows), "fields": corpus.fields(rows)}
    return measure_discrimination(pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)), style)


THRESHOLDS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_EXCERPT = 160  # characters


def threshold_table(
    corpus: Corpus, rank: np.ndarray, decided: Decided, *, settings: CurateSettings
) -> list[dict[str, Any]]:
    """For each threshold: rows dropped as near duplicates, conflicts, and the least similar pair with a dropped row.

    Exact copies are the same at every threshold and are not counted. `example` is null if nothing is dropped.
    """
    relations = relate(corpus, threshold=THRESHOLDS[0], rank=rank)
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
                "example": _borderline(corpus, outcomes, np.flatnonzero(near)),
            }
        )
    return table


def _labels(relations: Relations, corpus: Corpus) -> np.ndarray:
    """Whether each conflict is between two labels, whose outputs need not be similar."""
    example = first_rows(relations.item)
    left, right = (corpus.outputs(example[end]) for end in (relations.conflicts.left, relations.conflicts.right))
    words = corpus.label_words
    return np.array([is_label(a, words) and is_label(b, words) for a, b in zip(left, right, strict=True)], bool)


def _raised(relations: Relations, label: np.ndarray, threshold: float) -> Relations:
    """The relations that a join at the higher threshold would find: similarities are quotients of small integers, so
    comparing them as floats is exact at steps of a twentieth."""
    duplicates, conflicts = relations.duplicates, relations.conflicts
    repeats = (duplicates.inputs >= threshold) & (duplicates.outputs >= threshold)
    conflicting = (conflicts.inputs >= threshold) & (label | (conflicts.outputs >= threshold))
    return replace(relations, duplicates=_take(duplicates, repeats), conflicts=_take(conflicts, conflicting))


def _take(edges: Edges, which: np.ndarray) -> Edges:
    return Edges(edges.left[which], edges.right[which], edges.inputs[which], edges.outputs[which])


def _borderline(corpus: Corpus, outcomes: Outcomes, rows: np.ndarray) -> dict[str, Any] | None:
    if not len(rows):
        return None
    similarity = outcomes.similarity[rows]
    least = rows[similarity == similarity.min()]
    ids = corpus.pairs["id"]
    row = min(least.tolist(), key=lambda row: ids[row])
    other = int(outcomes.other[row])
    shown = {"id": ids[row], "other_id": ids[other], "similarity": float(similarity.min())}
    both = np.array([row, other])
    for name, texts in (("input", corpus.requests(both)), ("output", corpus.written(both))):
        shown |= {name: _excerpt(texts[0]), f"other_{name}": _excerpt(texts[1])}
    return shown


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
