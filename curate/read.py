"""Raw files or tables into pairs: which records there are, which columns hold what, what could not be read."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ..style.errors import DataError
from .batch import Batch
from .columns import PAIR_SCHEMA, Columns, Layout, check_splits, find_layout, guide_apart, named_once
from .encodings import unchanged
from .pair_table import REJECTED_SCHEMA, PairBatch, pair_table
from .records import read_records
from .settings import DataSettings
from .sources import find_files, is_saved_dataset, load_saved, table_batches

__all__ = ["RawPairs", "read_frame", "read_pairs"]


@dataclass(frozen=True)
class RawPairs:
    """What was read.

    pairs: one row per record that is a pair, with columns `row` (record number), `id, input, fields` (JSON text or
    null)`, output, system, group, split, reference_ok, meta` (JSON text or null). rejected: `row, id, outcome, rule,
    evidence` of the others. first_rows: the number of each file's first record; those of several files count through.
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

    def to_pandas(self) -> dict[str, Any]:
        """The tables as pandas DataFrames: pairs, rejected."""
        return {"pairs": self.pairs.to_pandas(), "rejected": self.rejected.to_pandas()}


def read_pairs(path: str | Path, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a file, of a folder or glob of files in name order, or of a saved `datasets` folder.

    Files are read in blocks of some megabytes, so that their raw text is never in memory as a whole (a `.json`
    document apart).

    Raises:
        DataError: nothing can be read there, a column is missing, the data have a shape that is not pairs, or a file
            changes while it is read.
        TypeError: `path` is no path.
    """
    started = time.perf_counter()
    if not isinstance(path, str | Path):
        raise TypeError(f"read_pairs reads files, and found {type(path).__name__}; read_frame reads tables in memory")
    data = data or DataSettings(path=str(path))
    if Path(path).is_dir() and is_saved_dataset(Path(path)):
        saved = load_saved(Path(path))
        raw = _read(lambda: table_batches(saved), data, where=str(path))
        return replace(raw, files=(Path(path),), seconds=time.perf_counter() - started)
    files = find_files(str(path))
    notes = _Notes()
    with unchanged(files):
        raw = _read(lambda: _file_batches(files, data, notes), data, where=str(path))
    return replace(
        raw,
        shape=", ".join([raw.shape, *notes.said]),
        files=tuple(files),
        first_rows=tuple(notes.first_rows),
        seconds=time.perf_counter() - started,
    )


def read_frame(frame: Any, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a polars or pandas DataFrame, a `datasets.Dataset` or `DatasetDict`, or a list of dictionaries.

    Raises:
        DataError: a column is missing, or the data have a shape that is not pairs.
        TypeError: `frame` is no table.
    """
    started = time.perf_counter()
    if isinstance(frame, Iterator):
        frame = list(frame)  # it may be needed twice
    raw = _read(lambda: table_batches(frame), data or DataSettings(path=""), where="the table")
    return replace(raw, seconds=time.perf_counter() - started)


@dataclass
class _Notes:
    """What is learned of files while their batches are drawn."""

    said: list[str] = field(default_factory=list)
    first_rows: list[int] = field(default_factory=list)


def _file_batches(files: Sequence[Path], data: DataSettings, notes: _Notes) -> Iterator[Batch]:
    """The batches of all files, their records counted through."""
    notes.first_rows.clear()
    wanted = [name for name in (data.output, data.id, data.group, data.split) if name]
    wanted += [data.input] if isinstance(data.input, str) else data.input or ()
    before = 0
    for file in files:
        notes.first_rows.append(before + 1)
        batches, said = read_records(file, encoding=data.encoding, delimiter=data.delimiter, wanted=wanted)
        notes.said += [words for words in said if words not in notes.said]
        last = before
        for batch in batches:
            moved = batch.numbered_from(before)
            last = max(last, moved.last())
            yield moved
        before = last


def _read(batches: Callable[[], Iterator[Batch]], data: DataSettings, *, where: str) -> RawPairs:
    layout, parts = _pair_batches(batches, data, where)
    table = pl.concat([part.pairs for part in parts]) if parts else pl.DataFrame(schema=PAIR_SCHEMA)
    rejected = pl.concat([part.rejected for part in parts]) if parts else pl.DataFrame(schema=REJECTED_SCHEMA)
    table, warnings = named_once(table, of_texts=layout.id is None)
    table, guide = guide_apart(table)
    check_splits(table, layout.split, where)
    if layout.no_split is not None:
        warnings.append(_not_taken(layout.no_split))
    if mended := sum(part.mended for part in parts):
        warnings.append(_mended(mended))
    found = (("id", layout.id), ("group", layout.group), ("split", layout.split))
    return RawPairs(
        pairs=table,
        rejected=rejected.sort("row"),
        shape=", ".join([layout.shape.said, *(f'{name} from "{column}"' for name, column in found if column)]),
        guide=guide,
        rows_read=len(table) + len(rejected),
        warnings=tuple(warnings),
    )


def _not_taken(value: str) -> dict[str, str]:
    text = (
        f'Column "split" holds "{value}", which is no split: the column is not used, and rows are placed anew. Write train, '
        "validation or test there, or nothing, to have it used."
    )
    return {"code": "split_not_used", "text": text}


def _mended(count: int) -> dict[str, str]:
    text = f"{count:,} texts hold half a surrogate pair, which no file can hold; U+FFFD stands in its place"
    return {"code": "lone_surrogates", "text": text}


def _pair_batches(
    batches: Callable[[], Iterator[Batch]], data: DataSettings, where: str
) -> tuple[Layout, list[PairBatch]]:
    """The layout of all records, and their pairs batch by batch.

    The layout depends on the columns of all records. It is taken from the first ones, which nearly always is right;
    where a later column changes it, the records are read a second time.
    """
    seen = Columns()
    layout: Layout | None = None
    parts: list[PairBatch] | None = []
    for batch in batches():
        seen.see(batch, data)
        if parts is None:
            continue
        now = _layout_so_far(seen, data, where)
        if not parts:
            layout = now
        if now is not None and now == layout:
            parts.append(pair_table(batch, now, where))
        elif len(batch.numbers) or batch.problems:
            parts = None
    if not seen.names:
        raise DataError(_nothing(seen, where))
    final = find_layout(seen, data, where)
    if parts is None or final != layout:
        parts = [pair_table(batch, final, where) for batch in batches()]
    return final, parts


def _layout_so_far(seen: Columns, data: DataSettings, where: str) -> Layout | None:
    try:
        return find_layout(seen, data, where)
    except DataError:
        return None  # a column may come yet


def _nothing(seen: Columns, where: str) -> str:
    if seen.first_problem is None:
        return f"{where}: there is no record in it"
    return f"{where}: none of the {seen.records:,} records can be read; the first: {seen.first_problem}"
