"""The ledger: one row for each row read, with what became of it and why."""

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


def build_ledger(raw: RawPairs, outcomes: Outcomes, splits: pl.Series, content: pl.Series) -> pl.DataFrame:
    """One row per row read, in the order of the rows; `file` is added where several files were read."""
    named = pl.Series("other", outcomes.other.astype(np.int64))
    other = named.set(named < 0, None)
    read = pl.DataFrame(
        {
            "row": raw.pairs["row"],
            "id": raw.pairs["id"],
            "outcome": outcomes.outcome.tolist(),
            "split": splits,
            "rule": outcomes.rule.tolist(),
            "evidence": outcomes.evidence.tolist(),
            "other_id": raw.pairs["id"].gather(other),
            "similarity": pl.Series(outcomes.similarity, dtype=pl.Float64).fill_nan(None),
            "content": content,
        },
        schema=LEDGER_SCHEMA,
    )
    ledger = pl.concat([read, raw.rejected.cast({"row": pl.UInt32})], how="diagonal").sort("row")
    if len(raw.files) < 2:
        return ledger
    place = np.searchsorted(np.array(raw.first_rows), ledger["row"].to_numpy(), side="right") - 1
    return ledger.with_columns(file=pl.Series([file.name for file in raw.files]).gather(place))
