"""Raw files or tables into pairs: which records there are, which columns hold what, what could not be read."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from .batch import Batch
from .columns import (
    Columns,
    Layout,
    check_splits,
    final_layout,
    find_guide,
    merge_columns,
    named_once,
    system_counts,
    without_guide,
)
from .encodings import unchanged
from .file_parts import FilePart, file_parts, first_rows, row_offsets
from .part_read import PartFacts, PartRead, moved_rows, read_batches, read_part
from .settings import DataSettings
from .sources import find_files, is_saved_dataset, load_saved, table_batches

__all__ = ["RawPairs", "read_frame", "read_pairs", "shape_said", "warnings_of"]


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
    parts = file_parts(files, data, most_bytes=None)
    with unchanged({part.path: part.stamp for part in parts}):
        layout, reads = _read_parts(parts, data, where=str(path))
    offsets = row_offsets(parts, [read.facts.records for read in reads])
    return replace(
        _raw(layout, reads, offsets, where=str(path)),
        files=tuple(files),
        first_rows=tuple(first_rows(parts, offsets)),
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


def _read_parts(parts: Sequence[FilePart], data: DataSettings, *, where: str) -> tuple[Layout, list[PartRead]]:
    """All parts by one layout: each by the columns so far, and where a later one changes it, they are read again."""
    reads: list[PartRead] = []
    seen = Columns()
    for part in parts:
        reads.append(read_part(part, data, where=where, before=seen))
        seen = merge_columns([seen, reads[-1].facts.seen])
    final = final_layout(seen, data, where)
    return final, [
        read if read.layout == final else read_part(part, data, where=where, layout=final)
        for part, read in zip(parts, reads, strict=True)
    ]


def _read(batches: Callable[[], Iterator[Batch]], data: DataSettings, *, where: str) -> RawPairs:
    read = read_batches(batches, data, where=where)
    layout = final_layout(read.facts.seen, data, where)
    if read.layout is None:
        read = read_batches(batches, data, where=where, layout=layout)
    return _raw(layout, [read], [0], where=where)


def _raw(layout: Layout, reads: Sequence[PartRead], offsets: Sequence[int], *, where: str) -> RawPairs:
    facts = [read.facts for read in reads]
    check_splits((value for fact in facts for value in fact.splits), layout.split, where)
    table, repeated = named_once(
        pl.concat([moved_rows(read.pairs, by) for read, by in zip(reads, offsets, strict=True)]),
        of_texts=layout.id is None,
    )
    rejected = pl.concat([moved_rows(read.rejected, by) for read, by in zip(reads, offsets, strict=True)])
    likely = {text for fact in facts for text in fact.systems}
    counts: Counter[str] = Counter()
    for read in reads if likely else ():
        counts.update(system_counts(read.pairs, likely))
    guide = find_guide(counts, len(table))
    return RawPairs(
        pairs=without_guide(table, guide),
        rejected=rejected,
        shape=shape_said(layout, facts),
        guide=guide,
        rows_read=len(table) + len(rejected),
        warnings=(*repeated, *warnings_of(layout, facts)),
    )


def shape_said(layout: Layout, facts: Sequence[PartFacts]) -> str:
    """What was recognised in all parts, in one line."""
    found = (("id", layout.id), ("group", layout.group), ("split", layout.split))
    guessed = dict.fromkeys(words for fact in facts for words in fact.said)
    return ", ".join([layout.shape.said, *(f'{name} from "{column}"' for name, column in found if column), *guessed])


def warnings_of(layout: Layout, facts: Sequence[PartFacts]) -> list[dict[str, str]]:
    """What a reader of the run should know of how all parts were read, repeated ids apart (`named_once`)."""
    mended = sum(fact.mended for fact in facts)
    found = [_not_taken(layout.no_split)] if layout.no_split is not None else []
    return [*found, _mended(mended)] if mended else found


def _not_taken(value: str) -> dict[str, str]:
    text = (
        f'Column "split" holds "{value}", which is no split: the column is not used, and rows are placed anew. Write train, '
        "validation or test there, or nothing, to have it used."
    )
    return {"code": "split_not_used", "text": text}


def _mended(count: int) -> dict[str, str]:
    text = f"{count:,} texts hold half a surrogate pair, which no file can hold; U+FFFD stands in its place"
    return {"code": "lone_surrogates", "text": text}
