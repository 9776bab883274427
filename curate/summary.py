"""What curating did, in numbers: the content of curate/summary.json."""

from collections.abc import Collection, Sequence
from typing import Any

import polars as pl

from ..style.guide import check_table
from ..style.schema import StyleSchema
from .cautions import find_warnings
from .effective import effective_size, effective_splits
from .ledger import OUTCOMES
from .prepare import Prepared
from .resolved import Resolved
from .settings import CurateSettings
from .split import SPLITS

__all__ = ["summarise"]


def summarise(
    ready: Prepared,
    found: Resolved,
    ledger: pl.DataFrame,
    style: StyleSchema | None,
    *,
    settings: CurateSettings,
    identifiers: Collection[str],
    threshold_table: Sequence[dict[str, Any]] | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """The summary as a dictionary for JSON."""
    raw, kept, relations = ready.raw, found.kept, found.relations
    components = found.placed.components()[found.outcomes.kept]
    gone = ledger.filter(pl.col("outcome") != "kept")
    rules = gone["rule"].drop_nulls().value_counts(sort=True, name="n").sort("n", "rule", descending=[True, False])
    return {
        "rows_read": raw.rows_read,
        "outcomes": {outcome: int((ledger["outcome"] == outcome).sum()) for outcome in OUTCOMES},
        "splits": {split: int((kept["split"] == split).sum()) for split in SPLITS},
        "references_failing": {split: int(((kept["split"] == split) & ~kept["reference_ok"]).sum()) for split in SPLITS},
        "rules": dict(rules.rows()),
        "distinct_outputs": found.canned.distinct,
        "canned_outputs": found.canned.worst,
        "groups": raw.pairs["group"].drop_nulls().n_unique() or None,
        "near_duplicate": {
            "threshold": settings.near_duplicate, **relations.method.said(), "pairs": relations.alike,
            "largest_bucket": relations.skew.largest, "capped_buckets": relations.skew.capped,
        },
        "relations": {
            "duplicates": len(relations.duplicates.left),
            "conflicts": len(relations.conflicts.left),
            "alternatives": relations.alternatives,
            "siblings": relations.sibling_pairs,
        },
        "largest_component": found.placed.ties.largest,
        "effective_pairs": effective_size(components),
        "effective_splits": effective_splits(components, kept["split"].to_numpy()),
        "split_notes": [*ready.notes, *found.notes],
        "overrides": ready.decided.summary,
        "threshold_table": None if threshold_table is None else list(threshold_table),
        "identifiers": sorted(identifiers),
        "certificate": found.certificate,
        "style": None if style is None else _style(style),
        "checks": ready.checked.checks,
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
            *find_warnings(ready, found, ledger, style, settings=settings, identifiers=identifiers),
        ],
        "seconds": {step: round(value, 4) for step, value in seconds.items()},
    }  # fmt: skip


def _style(style: StyleSchema) -> dict[str, Any]:
    """The schema by name, and each check by id: kind, level, about, sentence."""
    checks = {check.pop("id"): check for check in check_table(style)}
    return {"name": style.name, "reviewed": style.reviewed, "checks": checks}
