"""Raw files or tables into pairs: which records there are, which columns hold what, what could not be read."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ..style.errors import DataError
from .columns import PAIR_SCHEMA, check_splits, find_columns, guide_apart, named_once, pair_row, scalar
from .normalise import clean_text
from .records import Record, read_records
from .settings import DataSettings
from .shapes import Pair, find_shape
from .sources import find_files, is_saved_dataset, plain_rows, saved_dataset

__all__ = ["RawPairs", "read_frame", "read_pairs"]

REJECTED_SCHEMA = {"row": pl.UInt32, "id": pl.String, "outcome": pl.String, "rule": pl.String, "evidence": pl.String}


@dataclass(frozen=True)
class RawPairs:
    """What was read.

    pairs: a pair table, one row per record that is a pair. rejected: row, id, outcome, rule, evidence of the others.
    shape: what was recognised, in one line. guide: the system message of nearly all rows, or None.
    """

    pairs: pl.DataFrame
    rejected: pl.DataFrame
    shape: str
    guide: str | None
    rows_read: int
    files: tuple[Path, ...] = ()
    first_rows: tuple[int, ...] = ()  # of each file
    warnings: tuple[dict[str, str], ...] = ()
    seconds: float = field(default=0.0, compare=False)


def read_pairs(path: str | Path, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a file, of a folder or glob of files in name order, or of a saved `datasets` folder.

    Raises:
        DataError: nothing can be read there, a column is missing, or the data have a shape that is not pairs.
    """
    started = time.perf_counter()
    data = data or DataSettings(path=str(path))
    if Path(path).is_dir() and is_saved_dataset(Path(path)):
        return _read(saved_dataset(Path(path)), data, where=str(path), started=started, files=(Path(path),))
    records: list[Record] = []
    said: list[str] = []
    first_rows = []
    files = find_files(str(path))
    for file in files:
        first_rows.append(len(records) + 1 if not records else records[-1].number + 1)
        found, guessed = read_records(file, encoding=data.encoding, delimiter=data.delimiter)
        records += [Record(r.number + first_rows[-1] - 1, r.value, r.problem) for r in found]
        said += [words for words in guessed if words not in said]
    return _read(records, data, where=str(path), started=started, said=said, files=files, first_rows=first_rows)


def read_frame(frame: Any, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a polars or pandas DataFrame, a `datasets.Dataset` or `DatasetDict`, or a list of dictionaries."""
    started = time.perf_counter()
    records = [Record(number, row) for number, row in enumerate(plain_rows(frame), start=1)]
    return _read(records, data or DataSettings(path=""), where="the table", started=started)


def _read(
    records: Sequence[Record],
    data: DataSettings,
    *,
    where: str,
    started: float,
    said: Sequence[str] = (),
    files: Sequence[Path] = (),
    first_rows: Sequence[int] = (),
) -> RawPairs:
    if not records:
        raise DataError(f"{where}: there is no record in it")
    shape = find_shape(records, data, where=where)
    columns = find_columns(records, data, shape, where)
    kept, rejected = [], []
    for record in records:
        problem = record.problem
        pair = shape.pair(record.value) if record.value is not None else Pair(rule="unreadable", evidence=problem)
        value = record.value or {}
        identity = scalar(value.get(columns["id"])) if columns["id"] else None
        if pair.rule:
            outcome = "quarantined" if pair.rule == "tool_call" else "invalid"
            rejected.append((record.number, identity, outcome, pair.rule, clean_text(pair.evidence or "")))
        else:
            kept.append(pair_row(record.number, identity, pair, value, columns, shape))
    table = pl.DataFrame(kept, schema=PAIR_SCHEMA, orient="row")
    table, warnings = named_once(table)
    table, guide = guide_apart(table)
    check_splits(table, columns["split"], where)
    words = [shape.said, *(f'{k} from "{columns[k]}"' for k in ("id", "group", "split") if columns[k]), *said]
    return RawPairs(
        pairs=table,
        rejected=pl.DataFrame(rejected, schema=REJECTED_SCHEMA, orient="row"),
        shape=", ".join(words),
        guide=guide,
        rows_read=len(records),
        files=tuple(files),
        first_rows=tuple(first_rows),
        warnings=tuple(warnings),
        seconds=time.perf_counter() - started,
    )
