"""The corrected data as one table for people: all kept pairs as they count, and what their outputs were before."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from ..core import ConfigError, DataError, write_whole
from .write import read_kept

__all__ = ["corrected_table", "write_corrected"]


def write_corrected(run: Path, file: Path, *, guide: str | None = None) -> Path:
    """Write the `corrected_table` of a run as CSV; `guide` is the system message of every pair that has none of its own.

    Raises: DataError if the run kept no pair, ConfigError if the file is a folder.
    """
    if file.is_dir():
        raise ConfigError(f"{file} is a folder; name a file to write the table to")
    table = read_kept(run)
    if not len(table):
        raise DataError(f"{run}: no pair was kept, so there is nothing to export (see curate/summary.json)")
    if guide is not None:
        table = table.with_columns(pl.col("system").fill_null(guide))
    text = BytesIO()
    corrected_table(table).write_csv(text)
    write_whole(file, text.getvalue())
    return file


def corrected_table(pairs: pl.DataFrame) -> pl.DataFrame:
    """A row per pair: `id, split, group, system`, its request, `output`, `output_as_read`, then its other columns.

    The request is a column per field, and `input` unless every pair has fields. Group and system are left out where no pair
    has one; `output_as_read` is empty where the output was not changed. Values that are no texts are JSON. A field or
    column whose name is already used has what it is behind it, such as `id (field)`.
    """
    fields, meta = ([json.loads(text or "{}") for text in pairs[name].to_list()] for name in ("fields", "meta"))
    table = pairs.select("id", "split", *(name for name in ("group", "system") if pairs[name].count()))
    if pairs["fields"].has_nulls():
        table = table.with_columns(pairs["input"])
    table = _spread(table, fields, "field", reserved=("input", "output", "output_as_read"))
    table = table.with_columns(pairs["output"], output_as_read=pairs["written"])
    return _spread(table, meta, "column")


def _spread(
    table: pl.DataFrame, values: list[Mapping[str, Any]], kind: str, *, reserved: tuple[str, ...] = ()
) -> pl.DataFrame:
    """The table with a column per key, in the order in which the rows have them."""
    for key in dict.fromkeys(key for row in values for key in row):
        name = key
        while name in table.columns or name in reserved:
            name = f"{name} ({kind})"
        table = table.with_columns(pl.Series(name, [_cell(row.get(key)) for row in values], dtype=pl.String))
    return table


def _cell(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
