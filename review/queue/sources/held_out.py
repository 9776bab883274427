"""Kept rows whose output breaks a must rule, and held-out rows that a train row asks for in other words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ....core import read_stored_table
from ....curate import PAIRS, read_ledger, split_files
from .entries import as_entries, entries_of

HELD_OUT = ("validation", "test")
_SCHEMA = {"id": pl.String, "row": pl.UInt32, "output": pl.String, "reference_ok": pl.Boolean}


def kept_pairs(run: Path, splits: Sequence[str]) -> pl.DataFrame:
    """The kept pairs of these splits: `id, row, output, reference_ok, split`.

    Raises: DataError if a file is damaged.
    """
    tables = [pl.DataFrame(schema={**_SCHEMA, "split": pl.String})]
    for split in splits:
        for file in split_files(run, split):
            tables.append(read_stored_table(file, PAIRS, _SCHEMA).with_columns(split=pl.lit(split)))
    return pl.concat(tables)


def failing(pairs: pl.DataFrame) -> pl.DataFrame:
    """The rows whose output breaks a `must` rule, by split and row; what they break is for the style to say."""
    failing = pairs.filter(~pl.col("reference_ok"))
    return as_entries(failing.select("row", "id", key=pl.col("row").cast(pl.String), file="split"))


def leaks(run: Path, meaning: Mapping[str, Any] | None) -> pl.DataFrame:
    """Train rows that mean nearly the same as a held-out row, as the summary lists them; the nearest first.

    With a calibrated threshold those at or above it, without one all that are listed.
    """
    threshold = (meaning or {}).get("threshold")
    listed = [row for row in (meaning or {}).get("rows", ()) if threshold is None or row["similarity"] >= threshold]
    if not listed:
        return entries_of([])
    ids = pl.Series([name for row in listed for name in (row["id"], row["train_id"])], dtype=pl.String)
    kept = read_ledger(run, ["row", "id", "split"], pl.col("id").is_in(ids.implode()) & (pl.col("outcome") == "kept"))
    table = pl.DataFrame(
        {
            "other_id": [row["id"] for row in listed], "id": [row["train_id"] for row in listed],
            "score": [row["similarity"] for row in listed],
            "evidence": [_evidence(row) for row in listed],
        }
    )  # fmt: skip
    table = table.join(kept.select("id", "row", file="split"), on="id", maintain_order="left")
    table = table.join(
        kept.select(other_id="id", other="row", other_file="split"), on="other_id", maintain_order="left"
    )
    return as_entries(
        table.with_columns(key=pl.format("{}-{}", "row", "other")).sort("score", descending=True, maintain_order=True)
    )


def _evidence(row: Mapping[str, Any]) -> str:
    output = "the same output" if row.get("same_output") else "another output"
    return f'Means nearly the same as "{row["id"]}" of {row["split"]} (cosine {row["similarity"]:.2f}), which has {output}.'
