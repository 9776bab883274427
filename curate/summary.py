"""What curating did, in numbers: the content of curate/summary.json."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import polars as pl

from ..style.guide import check_table
from ..style.schema import StyleSchema
from .canned import Canned
from .cautions import find_warnings
from .checked import Checked
from .decided import Decided
from .effective import effective_size, effective_splits
from .ledger import OUTCOMES
from .places import personal_counts
from .read import RawPairs
from .relations import Relations
from .settings import CurateSettings
from .split import SPLITS
from .ties import Ties

__all__ = ["summarise"]


def summarise(
    raw: RawPairs,
    kept: pl.DataFrame,
    ledger: pl.DataFrame,
    style: StyleSchema | None,
    *,
    settings: CurateSettings,
    checked: Checked,
    relations: Relations,
    ties: Ties,
    placed: np.ndarray,
    certificate: dict[str, Any],
    canned: Canned,
    components: np.ndarray,
    personal: pl.DataFrame,
    identifiers: Collection[str],
    decided: Decided,
    split_notes: Sequence[str],
    threshold_table: Sequence[dict[str, Any]] | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """The summary as a dictionary for JSON. `placed` is each row's side before failing outputs left, -1 for none.

    `components` are those of the kept pairs.
    """
    sizes = np.bincount(placed[placed >= 0], minlength=len(SPLITS))
    gone = ledger.filter(pl.col("outcome") != "kept")
    rules = gone["rule"].drop_nulls().value_counts(sort=True, name="n").sort("n", "rule", descending=[True, False])
    groups = raw.pairs["group"].drop_nulls().n_unique() or None
    return {
        "rows_read": raw.rows_read,
        "outcomes": {outcome: int((ledger["outcome"] == outcome).sum()) for outcome in OUTCOMES},
        "splits": {split: int((kept["split"] == split).sum()) for split in SPLITS},
        "references_failing": {split: int(((kept["split"] == split) & ~kept["reference_ok"]).sum()) for split in SPLITS},
        "rules": dict(rules.rows()),
        "distinct_outputs": canned.distinct,
        "canned_outputs": canned.worst,
        "groups": groups,
        "near_duplicate": {
            "threshold": settings.near_duplicate, **relations.method.said(), "pairs": relations.alike,
        },
        "relations": {
            "duplicates": len(relations.duplicates.left),
            "conflicts": len(relations.conflicts.left),
            "alternatives": relations.alternatives,
            "siblings": relations.sibling_pairs,
        },
        "largest_component": ties.largest,
        "effective_pairs": effective_size(components),
        "effective_splits": effective_splits(components, kept["split"].to_numpy()),
        "split_notes": list(split_notes),
        "overrides": decided.summary,
        "threshold_table": None if threshold_table is None else list(threshold_table),
        "identifiers": sorted(identifiers),
        "certificate": certificate,
        "style": None if style is None else _style(style),
        "checks": checked.checks,
        "unscored": checked.unscored,
        "quality": {**checked.quality, **canned.summary(len(raw.pairs))},
        "personal_data": personal_counts(personal, masked=settings.mask),
        "shape": raw.shape,
        "guide": raw.guide,
        "files": [path.name for path in raw.files],
        "warnings": [
            *raw.warnings,
            *decided.warnings,
            *find_warnings(
                raw, kept, ledger, style, settings=settings, checked=checked, relations=relations, ties=ties, sizes=sizes,
                canned=canned, components=components, groups=groups, personal=personal,
                identifiers=identifiers,
            ),
        ],
        "seconds": {step: round(value, 4) for step, value in seconds.items()},
    }  # fmt: skip


def _style(style: StyleSchema) -> dict[str, Any]:
    """The schema by name, and each check by id: kind, level, about, sentence."""
    checks = {check.pop("id"): check for check in check_table(style)}
    return {"name": style.name, "reviewed": style.reviewed, "checks": checks}
