"""Raw files or tables into pairs: which records there are, which columns hold what, what could not be read."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError
from ..settings import DataSettings
from .batch import Batch
from .columns import (
    PAIR_SCHEMA,
    Columns,
    Layout,
    check_splits,
    final_layout,
    find_guide,
    layout_so_far,
    merge_columns,
    named_once,
    split_values,
    system_counts,
    without_guide,
)
from .decode import unchanged
from .file_parts import FilePart, file_parts, first_rows, row_offsets
from .pair_table import REJECTED_SCHEMA, PairBatch, pair_table
from .records import read_records
from .sources import find_files, is_saved_dataset, load_saved, table_batches

__all__ = [
    "PartFacts",
    "PartRead",
    "RawPairs",
    "moved_rows",
    "read_batches",
    "read_frame",
    "read_pairs",
    "read_part",
    "shape_said",
    "to_read_again",
    "warnings_of",
]


@dataclass(frozen=True)
class PartFacts:
    """What all parts together are judged by, small beside the texts.

    understood: whether the part could be read by `seen`, the columns of its own, or was read by a layout that was given.
    records: the highest record number in the part, counted from 1; in JSONL a blank line has a number too. mended: the
    texts that held half a surrogate pair. said: what was guessed of the file. systems: `system_counts` of the pairs.
    splits: `split_values` of the pairs.
    """

    seen: Columns
    understood: bool = True
    records: int = 0
    mended: int = 0
    said: tuple[str, ...] = ()
    systems: Mapping[str, int] = field(default_factory=dict)
    splits: tuple[str, ...] = ()

    def note(self) -> dict[str, Any]:
        """The same as plain values that JSON can hold."""
        return {
            **vars(self),
            "seen": self.seen.note(),
            "said": list(self.said),
            "systems": dict(self.systems),
            "splits": list(self.splits),
        }

    @classmethod
    def of(cls, note: Mapping[str, Any]) -> "PartFacts":
        """The facts that `note` was made of."""
        seen, said, splits = Columns.of(note["seen"]), tuple(note["said"]), tuple(note["splits"])
        return cls(**{**note, "seen": seen, "said": said, "splits": splits})


@dataclass(frozen=True)
class PartRead:
    """The pairs of a part and the records that are none, as in `RawPairs`, with `row` counted from 1 in the part.

    layout: by which they were read; None where the columns of the part alone do not make pairs. Then the tables are
    empty, and the part is to be read again by the layout of all parts.
    """

    facts: PartFacts
    layout: Layout | None
    pairs: pl.DataFrame
    rejected: pl.DataFrame


def read_part(
    part: FilePart, data: DataSettings, *, where: str, layout: Layout | None = None, before: Columns | None = None
) -> PartRead:
    """The pairs of one part of the files at `where`, by `layout` or else by what the part's own columns say.

    Whoever reads part after part gives the columns of those `before`: then fewer parts are read a second time.

    Raises:
        DataError: the part cannot be read, or its file is not as it was when it was cut.
        ValueError: it is not known which number its first record has.
    """
    first = part.first
    if first is None:
        raise ValueError(f"the part {part.span} of {part.path} is not numbered")
    said: list[str] = []

    def batches() -> Iterator[Batch]:
        found, told = read_records(
            part.path,
            encoding=data.encoding,
            delimiter=data.delimiter,
            wanted=_wanted(data),
            span=part.span,
            first=first,
        )
        said[:] = told
        yield from found

    with unchanged({part.path: part.stamp}):
        read = read_batches(batches, data, where=where, layout=layout, before=before)
    # Messages name the line of the file; rows are counted in the part, for what stands before it may be other files.
    return PartRead(
        replace(read.facts, records=max(0, read.facts.records - first + 1), said=tuple(said)),
        read.layout,
        moved_rows(read.pairs, 1 - first),
        moved_rows(read.rejected, 1 - first),
    )


def _wanted(data: DataSettings) -> list[str]:
    """The columns that are named in the settings."""
    inputs = (data.input,) if isinstance(data.input, str) else data.input or ()
    return [name for name in (data.output, data.id, data.group, data.split, *inputs) if name]


def moved_rows(table: pl.DataFrame, by: int) -> pl.DataFrame:
    """The table with `by` added to its row numbers."""
    return table.with_columns((pl.col("row").cast(pl.Int64) + by).cast(pl.UInt32)) if by else table


def to_read_again(facts: Sequence[PartFacts], final: Layout, data: DataSettings, *, where: str) -> list[int]:
    """The places of the parts that were read by themselves and have to be read again by the layout of all parts."""
    return [
        place
        for place, fact in enumerate(facts)
        if fact.seen.records and not (fact.understood and layout_so_far(fact.seen, data, where) == final)
    ]


def read_batches(
    batches: Callable[[], Iterator[Batch]],
    data: DataSettings,
    *,
    where: str,
    layout: Layout | None = None,
    before: Columns | None = None,
) -> PartRead:
    """The pairs of some batches of records, by `layout` or else by what their columns and those `before` say.

    Columns are known only when all records have been seen. The layout is taken from the first ones, which nearly
    always is right; where a later column changes it, the batches are drawn a second time.

    Raises:
        DataError: a batch cannot be read; with a layout also what `pair_table` refuses.
    """
    seen, records, used = Columns(), 0, layout
    above = before or Columns()
    tables: list[PairBatch] | None = []
    for batch in batches():
        seen.see(batch, data)
        records = max(records, batch.last())
        if tables is None:
            continue
        now = layout or layout_so_far(merge_columns([above, seen]), data, where)
        if not tables:
            used = now
        if now is not None and now == used:
            try:
                tables.append(pair_table(batch, now, where))
            except DataError:
                if layout is not None:
                    raise
                tables = None  # a later column may show that this is not how the pairs stand
        elif len(batch.numbers) or batch.problems:
            tables = None
    final = layout or layout_so_far(merge_columns([above, seen]), data, where)
    if final is not None and (tables is None or final != used):
        try:
            tables = [pair_table(batch, final, where) for batch in batches()]
        except DataError:
            final = None  # other parts may show it; if they do not, reading by the layout of all refuses it
    return _joined(seen, records, final, tables if final is not None and tables else [])


def _joined(seen: Columns, records: int, layout: Layout | None, tables: Sequence[PairBatch]) -> PartRead:
    pairs = pl.concat([table.pairs for table in tables]) if tables else pl.DataFrame(schema=PAIR_SCHEMA)
    rejected = pl.concat([table.rejected for table in tables]) if tables else pl.DataFrame(schema=REJECTED_SCHEMA)
    facts = PartFacts(
        seen,
        understood=layout is not None,
        records=records,
        mended=sum(table.mended for table in tables),
        systems=system_counts(pairs),
        splits=tuple(split_values(pairs)),
    )
    return PartRead(facts, layout, pairs, rejected.sort("row"))


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
