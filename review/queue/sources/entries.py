"""The table of the entries of one kind, in the order of their worth."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

# An item: its key; row, id, file and rule of the row to decide about, the evidence about it, what a repair changed or would
# change; row, id and file of the row that it is compared with; the number that it is ordered by. Null is none.
# file, other_file: as in `Texts`, null if the row has no text. other_line: the line of evaluate/outputs.jsonl
# whose output is compared, not that of the other row.
ENTRY_SCHEMA = {
    "key": pl.String, "row": pl.UInt32, "id": pl.String, "file": pl.String, "rule": pl.String, "evidence": pl.String,
    "repair": pl.String,
    "other": pl.UInt32, "other_id": pl.String, "other_file": pl.String, "other_line": pl.UInt64, "score": pl.Float64,
}  # fmt: skip


def entries_of(entries: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """The table of these entries."""
    return pl.DataFrame([dict(entry) for entry in entries], schema=ENTRY_SCHEMA)


def as_entries(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the columns of an entry; those that are missing are null."""
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in ENTRY_SCHEMA.items() if name not in rows.columns]
    return rows.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in ENTRY_SCHEMA.items())


def most_frequent_first(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows by how many share their rule."""
    return rows.sort(pl.len().over("rule"), "rule", "row", descending=[True, False, False])
