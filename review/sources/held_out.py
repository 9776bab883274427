"""Held-out rows: references that break a must rule, and those that a train row asks for in other words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ...curate import read_ledger
from ..texts import Texts
from .entries import as_entries, entries_of

__all__ = ["leaks", "references"]

_HELD_OUT = ("validation", "test")


def references(texts: Texts) -> pl.DataFrame:
    """Held-out rows whose output breaks a `must` rule, by split and row; what they break is for the style to say."""
    found = [
        {"key": str(pair["row"]), "row": pair["row"], "id": pair["id"], "file": split}
        for split in _HELD_OUT
        for pair in texts.containing(split, b'"reference_ok": false')
        if pair["reference_ok"] is False
    ]
    return entries_of(found)


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
