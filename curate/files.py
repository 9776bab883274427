"""A curated run on disk: canonical pairs, ledger, summary; written whole, read back as tables."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from ..style.errors import DataError
from ..style.files import write_whole
from .columns import PAIR_SCHEMA
from .pipeline import Curated
from .split import SPLITS

__all__ = ["read_ledger", "read_set_aside", "read_split", "write_curated"]

_ORDER = ("id", "input", "fields", "output", "system", "group", "row", "split", "reference_ok", "meta")


def write_curated(curated: Curated, run: Path) -> Path:
    """Write RUN/curate: a file per split, set_aside.jsonl, ledger.parquet and, last, summary.json."""
    started = time.perf_counter()
    folder = Path(run) / "curate"
    for split in SPLITS:
        write_whole(folder / f"{split}.jsonl", _lines(curated.kept.filter(pl.col("split") == split)))
    write_whole(folder / "set_aside.jsonl", _lines(curated.dropped))
    parquet = io.BytesIO()
    curated.ledger.write_parquet(parquet)
    write_whole(folder / "ledger.parquet", parquet.getvalue())
    seconds = {**curated.summary["seconds"], "write": round(time.perf_counter() - started, 4)}
    summary = {**curated.summary, "seconds": seconds}
    write_whole(folder / "summary.json", json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    return folder


def read_split(run: Path, split: str) -> pl.DataFrame:
    """The pair table of RUN/curate/SPLIT.jsonl; `split` is train, validation or test.

    Raises:
        DataError: the run has no such file, or a line of it is damaged.
    """
    return _read(Path(run) / "curate" / f"{split}.jsonl", PAIR_SCHEMA)


def read_set_aside(run: Path) -> pl.DataFrame:
    """The pairs that were not kept: a pair table with outcome and rule."""
    return _read(Path(run) / "curate" / "set_aside.jsonl", {**PAIR_SCHEMA, "outcome": pl.String, "rule": pl.String})


def read_ledger(run: Path) -> pl.DataFrame:
    """The ledger of a run: one row per row read.

    Raises:
        DataError: the run has none.
    """
    path = Path(run) / "curate" / "ledger.parquet"
    if not path.is_file():
        raise DataError(f"{path}: there is no ledger; is {run} a run, and has it been curated?")
    return pl.read_parquet(path)


def _lines(table: pl.DataFrame) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in _canonical(table))


def _canonical(table: pl.DataFrame) -> Iterator[dict[str, Any]]:
    more = [name for name in table.columns if name not in _ORDER]
    for row in table.select(*_ORDER, *more).iter_rows(named=True):
        for name in ("fields", "meta"):
            row[name] = json.loads(row[name]) if row[name] is not None else None
        yield row


def _read(path: Path, schema: dict[str, Any]) -> pl.DataFrame:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError:
        raise DataError(f"{path}: there is no such file; run `tuneworth curate` first") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if line:
            rows.append(_row(line, schema, f"{path}, line {number}"))
    return pl.DataFrame(rows, schema=schema, orient="row")


def _row(line: str, schema: dict[str, Any], where: str) -> list[Any]:
    try:
        value = json.loads(line)
        objects = {k: json.dumps(value[k], ensure_ascii=False) for k in ("fields", "meta") if value[k] is not None}
        return [objects.get(name, value[name]) for name in schema]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{where}: is not a pair as `tuneworth curate` writes it; curate again") from None
