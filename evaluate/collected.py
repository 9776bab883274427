"""Outputs that were collected elsewhere: a file of `id, output` and what else is known of each."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ..style import DataError
from ..style.settings import nearest
from .outputs import OUTPUT_SCHEMA

__all__ = ["read_outputs"]

_KNOWN = {name: kind for name, kind in OUTPUT_SCHEMA.items() if name != "variant"}
_MOST_NAMED = 5  # ids named in a message


def read_outputs(path: Path, *, variant: str, ids: Sequence[str]) -> pl.DataFrame:
    """One row per id of `ids`, in their order, with the columns of OUTPUT_SCHEMA; null where nothing is known.

    An id without a line has a null output, which counts as an empty one and is shown apart.

    Raises: DataError where the file cannot be read, lacks `id` or `output`, names a pair twice or one that is not
    there (all such lines are listed).
    """
    table = _read(path)
    missing = [name for name in ("id", "output") if name not in table.columns]
    if missing:
        hints = "; ".join(f'no column "{name}"; {nearest(name, table.columns)}' for name in missing)
        raise DataError(f"{path}: {hints}")
    table = table.select(name for name in table.columns if name in _KNOWN)
    try:
        table = table.cast({name: _KNOWN[name] for name in table.columns})  # type: ignore[arg-type]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: a column has values of a wrong type: {str(error).splitlines()[0]}") from None
    _check_ids(table, path, variant, ids)
    empty = [pl.lit(None, dtype=kind).alias(name) for name, kind in _KNOWN.items() if name not in table.columns]
    joined = pl.DataFrame({"id": ids}, schema={"id": pl.String}).join(
        table.with_columns(empty), on="id", how="left", maintain_order="left"
    )
    joined = joined.with_columns(variant=pl.lit(variant), sample=pl.col("sample").fill_null(0))
    return joined.select(list(OUTPUT_SCHEMA))


def _read(path: Path) -> pl.DataFrame:
    try:
        match path.suffix.lower():
            case ".jsonl" | ".ndjson":
                return pl.read_ndjson(path, infer_schema_length=None)
            case ".json":
                return pl.read_json(path, infer_schema_length=None)
            case ".csv":
                return pl.read_csv(path, infer_schema_length=None)
            case ".tsv":
                return pl.read_csv(path, separator="\t", infer_schema_length=None)
            case ".parquet":
                return pl.read_parquet(path)
    except FileNotFoundError:
        raise DataError(f"no file of outputs at {path}") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: the outputs cannot be read: {_first_line(error)}{_bad_line(path)}") from None
    raise DataError(
        f"{path}: outputs are read from .jsonl, .json, .csv, .tsv or .parquet, not from {path.suffix or 'this'}"
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _bad_line(path: Path) -> str:
    """Which line of a JSON-lines file is no JSON object, since the reader itself does not say."""
    import json

    if path.suffix.lower() not in (".jsonl", ".ndjson") or not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            try:
                good = not line.strip() or isinstance(json.loads(line), dict)
            except ValueError:
                good = False
            if not good:
                return f" (line {number} is no JSON object)"
    return ""


def _check_ids(table: pl.DataFrame, path: Path, variant: str, ids: Sequence[str]) -> None:
    known = set(ids)
    strangers = [id for id in table["id"].unique(maintain_order=True) if id not in known]
    if strangers:
        raise DataError(f'{path}: {len(strangers)} lines of variant "{variant}" have no pair: {_some(strangers)}')
    doubled = table.group_by("id", maintain_order=True).len().filter(pl.col("len") > 1)["id"].to_list()
    if doubled:
        raise DataError(
            f"{path}: {len(doubled)} ids stand more than once: {_some(doubled)}\nThis version takes one output per pair."
        )


def _some(ids: list[str | None]) -> str:
    named = ", ".join(repr(id) for id in ids[:_MOST_NAMED])
    return named + (f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else "")
