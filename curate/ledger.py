"""The ledger: one row for each row read, with what became of it and why."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from .duplicates import Outcomes
from .read import RawPairs

__all__ = ["LEDGER_SCHEMA", "OUTCOMES", "build_ledger"]

OUTCOMES = ("kept", "duplicate", "conflict", "invalid", "leaked", "quarantined")
LEDGER_SCHEMA = {
    "row": pl.UInt32,
    "id": pl.String,
    "outcome": pl.String,
    "split": pl.String,
    "rule": pl.String,
    "evidence": pl.String,
    "other_id": pl.String,
    "similarity": pl.Float64,
    "content": pl.String,  # 128 bits of the normalised content, by which a row is known wherever it stands
}


def build_ledger(
    raw: RawPairs, outcomes: Outcomes, splits: Sequence[str | None], content: Sequence[str]
) -> pl.DataFrame:
    """One row per row read, in the order of the rows; `file` is added where several files were read."""
    ids = raw.pairs["id"].to_list()
    read = pl.DataFrame(
        {
            "row": raw.pairs["row"],
            "id": ids,
            "outcome": outcomes.outcome.tolist(),
            "split": splits,
            "rule": outcomes.rule.tolist(),
            "evidence": outcomes.evidence.tolist(),
            "other_id": [ids[other] if other >= 0 else None for other in outcomes.other.tolist()],
            "similarity": [None if np.isnan(s) else s for s in outcomes.similarity.tolist()],
            "content": content,
        },
        schema=LEDGER_SCHEMA,
    )
    ledger = pl.concat([read, raw.rejected.cast({"row": pl.UInt32})], how="diagonal").sort("row")
    if len(raw.files) < 2:
        return ledger
    place = np.searchsorted(np.array(raw.first_rows), ledger["row"].to_numpy(), side="right") - 1
    return ledger.with_columns(file=pl.Series([raw.files[i].name for i in place], dtype=pl.String))
