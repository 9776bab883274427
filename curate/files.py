"""A curated run on disk: canonical pairs, ledger, summary; written whole, read back as tables."""

import json
import time
from collections.abc import Iterator
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

import polars as pl

from ..style.errors import DataError
from .columns import PAIR_SCHEMA
from .pipeline import Curated
from .split import SPLITS
from .whole import disk_refusals, whole_folder

__all__ = ["read_ledger", "read_set_aside", "read_split", "write_curated"]

_ORDER = ("id", "input", "fields", "output", "system", "group", "row", "split", "reference_ok", "meta")
_OBJECTS = ("fields", "meta")  # JSON text in the table, objects in the lines
_FILES = (*(f"{split}.jsonl" for split in SPLITS), "set_aside.jsonl", "ledger.parquet", "summary.json")
_CHUNK = 20_000  # lines made at once


def write_curated(curated: Curated, run: Path) -> Path:
    """Write RUN/curate: a file per split, set_aside.jsonl, ledger.parquet and summary.json.

    The folder appears whole: until the last file is written, what was there before is as it was.

    Raises:
        RunBroken: the disk is full or refuses; nothing half-written is left.
    """
    started = time.perf_counter()
    folder = Path(run) / "curate"
    with disk_refusals(folder), whole_folder(folder, _FILES) as part:
        for split, table in curated.splits.items():
            _write_lines(part / f"{split}.jsonl", table)
        _write_lines(part / "set_aside.jsonl", curated.dropped)
        with (part / "ledger.parquet").open("wb") as file:
            curated.ledger.write_parquet(file)
        seconds = {**curated.summary["seconds"], "write": round(time.perf_counter() - started, 4)}
        summary = {**curated.summary, "seconds": seconds}
        text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
        (part / "summary.json").write_text(text, encoding="utf-8", newline="\n")
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
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError:
        raise DataError(f"{path} is damaged; curate again: tuneworth curate") from None


def _write_lines(path: Path, table: pl.DataFrame) -> None:
    with path.open("wb") as file:
        for part in table.iter_slices(_CHUNK):
            file.write("".join(_lines(part)).encode())


def _lines(table: pl.DataFrame) -> Iterator[str]:
    """The canonical lines. Put together from columns, which is several times as fast as a dictionary for each row."""
    names = [*_ORDER, *(name for name in table.columns if name not in _ORDER)]
    columns = [_json_values(table[name]) for name in names]
    line = "{" + ", ".join(f"{json.dumps(name)}: %s" for name in names) + "}\n"
    return (line % row for row in zip(*columns, strict=True))


def _json_values(column: pl.Series) -> list[str]:
    """Each value as JSON."""
    values = column.to_list()
    if column.name in _OBJECTS:
        return ["null" if text is None else text.replace("\n", " ") for text in values]
    if column.dtype == pl.String:
        return ["null" if text is None else encode_basestring(text) for text in values]
    return column.cast(pl.String).fill_null("null").to_list()  # numbers, true and false


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
