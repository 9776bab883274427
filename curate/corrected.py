"""The corrected data as one table for people, and the contents of rows as they were read."""

import json
from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from ..core import ConfigError, DataError, write_whole
from .decisions import EDITED
from .read import pair_contents
from .run_files import pair_lines, read_ledger, read_summary
from .write import read_kept

__all__ = ["contents_as_read", "corrected_table", "row_contents", "write_corrected"]


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


_TEXTS: dict[str, Any] = dict.fromkeys(("input", "fields", "output"), pl.String)


def row_contents(run: Path, ids: Collection[str]) -> dict[str, str]:
    """The content of each of these rows before a person or a repair changed it; rows that were no pair are left out.

    Raises: DataError if the run has no ledger, or it is damaged.
    """
    wanted = pl.Series(sorted(set(ids)), dtype=pl.String)
    rows = read_ledger(run, ["row", "id", "content", "evidence"], pl.col("id").is_in(wanted.implode()))
    found = dict(rows.drop_nulls("content").select("id", "content").rows())
    # The ledger holds the content that counts: of an edited row that of its new text, of a dropped one none.
    edited = pl.col("evidence").str.contains(EDITED, literal=True).fill_null(False)
    others = set(rows.filter(edited | pl.col("content").is_null())["row"].to_list())
    identifiers = read_summary(run).get("identifiers") or []
    pairs = [pair for pair in pair_lines(run) if pair["row"] in others] if others else []
    return found | dict(zip((pair["id"] for pair in pairs), contents_as_read(pairs, identifiers), strict=True))


def contents_as_read(pairs: Sequence[Mapping[str, Any]], identifiers: Collection[str]) -> list[str]:
    """The content of each canonical pair before a person or a repair changed its output, by which decisions know it."""
    texts = [
        (
            pair["input"],
            None if pair["fields"] is None else json.dumps(pair["fields"], ensure_ascii=False),
            pair["output"] if pair.get("written") is None else pair["written"],
        )
        for pair in pairs
    ]
    return pair_contents(pl.DataFrame(texts, schema=_TEXTS, orient="row"), identifiers)
