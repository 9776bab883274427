"""Reads raw files or tables into pairs: detects records and columns, and reports what could not be read."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError
from ..jobs.tasks import InMemory, Result, Table, Task, Work
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
from .file_parts import MOST_BYTES, FilePart, count_lines, file_parts, first_rows, numbered, row_offsets
from .pair_table import REJECTED_SCHEMA, PairBatch, pair_table
from .records import read_records
from .sources import find_files, is_saved_dataset, load_saved, table_batches

__all__ = [
    "PartFacts",
    "PartRead",
    "RawPairs",
    "ReadParts",
    "gather",
    "moved_rows",
    "read_batches",
    "read_frame",
    "read_pairs",
    "read_part",
    "read_parts",
    "renamed",
    "to_read_again",
]


@dataclass(frozen=True)
class PartFacts:
    """Facts about a part, small compared with the texts, that all parts are judged by together.

    understood: whether the part could be read by `seen`, its own columns, or was read by a given layout.
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
        """The facts from their `note`."""
        seen, said, splits = Columns.of(note["seen"]), tuple(note["said"]), tuple(note["splits"])
        return cls(**{**note, "seen": seen, "said": said, "splits": splits})


@dataclass(frozen=True)
class PartRead:
    """The pairs and rejected records of a part, as in `RawPairs`, with `row` counted from 1 in the part.

    layout: the one they were read by; None if the columns of the part alone do not make pairs. Then the tables are
    empty, and the part must be read again by the layout of all parts.
    """

    facts: PartFacts
    layout: Layout | None
    pairs: pl.DataFrame
    rejected: pl.DataFrame


def read_part(part: FilePart, data: DataSettings, *, where: str, layout: Layout | None = None) -> PartRead:
    """The pairs of one part of the files at `where`, by `layout` or else by the part's own columns.

    Raises:
        DataError: the part cannot be read, or its file has changed since it was cut.
        ValueError: the number of its first record is not known.
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
        read = read_batches(batches, data, where=where, layout=layout)
    # Messages name the line of the file; rows are counted in the part, since other files may precede it.
    return PartRead(
        replace(read.facts, records=max(0, read.facts.records - first + 1), said=tuple(said)),
        read.layout,
        moved_rows(read.pairs, 1 - first),
        moved_rows(read.rejected, 1 - first),
    )


def _wanted(data: DataSettings) -> list[str]:
    """The columns named in the settings."""
    inputs = (data.input,) if isinstance(data.input, str) else data.input or ()
    return [name for name in (data.output, data.id, data.group, data.split, *inputs) if name]


def moved_rows(table: pl.DataFrame, by: int) -> pl.DataFrame:
    """The table with `by` added to its row numbers."""
    return table.with_columns((pl.col("row").cast(pl.Int64) + by).cast(pl.UInt32)) if by else table


def to_read_again(facts: Sequence[PartFacts], final: Layout, data: DataSettings, *, where: str) -> list[int]:
    """The indices of parts that were read on their own and must be read again by the layout of all parts."""
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
) -> PartRead:
    """The pairs of some batches of records, by `layout` or else by their columns.

    Columns are known only when all records have been seen. The layout is taken from the first ones, which is nearly
    always right; if a later column changes it, the batches are read a second time.

    Raises:
        DataError: a batch cannot be read; with a layout also what `pair_table` refuses.
    """
    seen, records, used = Columns(), 0, layout
    tables: list[PairBatch] | None = []
    for batch in batches():
        seen.see(batch, data)
        records = max(records, batch.last())
        if tables is None:
            continue
        now = layout or layout_so_far(seen, data, where)
        if not tables:
            used = now
        if now is not None and now == used:
            try:
                tables.append(pair_table(batch, now, where))
            except DataError:
                if layout is not None:
                    raise
                tables = None  # a later column may show a different layout
        elif len(batch.numbers) or batch.problems:
            tables = None
    final = layout or layout_so_far(seen, data, where)
    if final is not None and (tables is None or final != used):
        try:
            tables = [pair_table(batch, final, where) for batch in batches()]
        except DataError:
            final = None  # other parts may determine it; if not, reading by the layout of all parts raises
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


_NUMBERS = ["row", "id", "group", "split"]


@dataclass(frozen=True)
class RawPairs:
    """The pairs read, and the rejected records.

    pairs: one row per record that is a pair, with columns `row` (record number), `id, input, fields` (JSON text or
    null)`, output, system, group, split, reference_ok, meta` (JSON text or null). rejected: `row, id, outcome, rule,
    evidence` of the others. first_rows: the number of each file's first record; numbers run on through several files.
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


@dataclass(frozen=True)
class ReadParts:
    """Pairs in parts.

    raw: as from `read_pairs`, but `pairs` has no texts: `row, id, group, split`, with unique ids. tables: the pair
    table of each part. offsets: added to each part's row numbers. sizes: pairs of each part. ids: for each part the new
    names of rows whose id was already used, by position. guide: the system message that the tables still contain.
    """

    raw: RawPairs
    tables: list[Table]
    offsets: list[int]
    sizes: list[int]
    ids: list[dict[int, str]]
    guide: str | None

    @classmethod
    def of(cls, job: InMemory, raw: RawPairs) -> "ReadParts":
        """Pairs in memory as the one part of a job."""
        job.put("read", 0, {"pairs": raw.pairs})
        numbers = replace(raw, pairs=raw.pairs.select(_NUMBERS))
        return cls(numbers, [Table("read", 0, "pairs")], [0], [len(raw.pairs)], [{}], None)


def read_pairs(path: str | Path, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a file, of a folder or glob of files in name order, or of a saved `datasets` folder.

    Files are read in blocks of some megabytes, so that their raw text is never in memory as a whole (a `.json`
    document excepted).

    Raises:
        DataError: nothing can be read there, a column is missing, the data are not pairs, or a file
            changes while it is read.
        TypeError: `path` is not a path.
    """
    started = time.perf_counter()
    if not isinstance(path, str | Path):
        raise TypeError(f"read_pairs reads files, and found {type(path).__name__}; read_frame reads tables in memory")
    data = data or DataSettings(path=str(path))
    if Path(path).is_dir() and is_saved_dataset(Path(path)):
        raw = replace(_read_table(load_saved(Path(path)), data, where=str(path)), files=(Path(path),))
    else:
        parts = file_parts(find_files(str(path)), data, most_bytes=None)
        job = InMemory()
        with unchanged({part.path: part.stamp for part in parts}):
            raw = gather(job, read_parts(job, Path(path), data, parts=parts))
    return replace(raw, seconds=time.perf_counter() - started)


def read_frame(frame: Any, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a polars or pandas DataFrame, a `datasets.Dataset` or `DatasetDict`, or a list of dictionaries.

    Raises:
        DataError: a column is missing, or the data are not pairs.
        TypeError: `frame` is not a table.
    """
    started = time.perf_counter()
    if isinstance(frame, Iterator):
        frame = list(frame)  # it may be iterated twice
    raw = _read_table(frame, data or DataSettings(path=""), where="the table")
    return replace(raw, seconds=time.perf_counter() - started)


def read_parts(
    job: Work,
    path: Path,
    data: DataSettings,
    *,
    parts: Sequence[FilePart] | None = None,
    most_bytes: int = MOST_BYTES,
) -> ReadParts:
    """All files at a path, each part by its own task; `parts` as cut for the job's fingerprint.

    Raises:
        DataError: as `read_pairs`.
    """
    where = str(path)
    cut = file_parts(find_files(where), data, most_bytes=most_bytes) if parts is None else list(parts)
    parts = _numbered(job, cut)
    read = _read(
        job, read_texts, [{"part": part} for part in parts], data, where=where,
        offsets=lambda facts: row_offsets(parts, [fact.records for fact in facts]),
    )  # fmt: skip
    files = tuple(dict.fromkeys(part.path for part in cut))  # not those added since
    return replace(read, raw=replace(read.raw, files=files, first_rows=tuple(first_rows(parts, read.offsets))))


def gather(job: InMemory, read: ReadParts) -> RawPairs:
    """The current pairs of all parts in one table."""
    tables = [job.read([table]) for table in read.tables]
    job.forget("read", "read again")
    pairs = pl.concat([moved_rows(table, by) for table, by in zip(tables, read.offsets, strict=True)])
    return replace(read.raw, pairs=without_guide(pairs.with_columns(read.raw.pairs["id"]), read.guide))


def renamed(before: pl.Series, after: pl.Series, sizes: Sequence[int]) -> list[dict[int, str]]:
    """For each part the ids that changed, by position in the part."""
    changed: list[dict[int, str]] = [{} for _ in sizes]
    rows = (before != after).arg_true().to_list()
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + size)
    part = 0
    for row in rows:
        while row >= starts[part + 1]:
            part += 1
        changed[part][row - starts[part]] = after[row]
    return changed


# --- what tasks do ------------------------------------------------------------------------------------------------


def count_part(*, part: FilePart) -> Result:
    """How many lines a part of a file has."""
    return Result(note=count_lines(part))


def read_texts(*, part: FilePart, data: DataSettings, where: str, layout: Any = None) -> Result:
    """The pairs of a part of the files, and the rejected records; rows are counted from 1 in the part."""
    return _result(read_part(part, data, where=where, layout=layout))


def read_table(*, table: Any, data: DataSettings, where: str, layout: Any = None) -> Result:
    """The same for a table in memory."""
    return _result(read_batches(lambda: table_batches(table), data, where=where, layout=layout))


def _result(read: PartRead) -> Result:
    return Result({"pairs": read.pairs, "rejected": read.rejected}, read.facts.note())


def system_messages(pairs: pl.DataFrame, *, of: Collection[str]) -> Result:
    """How many pairs have each of these system messages."""
    return Result(note=system_counts(pairs, of))


# --- all parts together -------------------------------------------------------------------------------------------


def _read_table(table: Any, data: DataSettings, *, where: str) -> RawPairs:
    job = InMemory()
    return gather(job, _read(job, read_table, [{"table": table}], data, where=where, offsets=lambda _: [0]))


def _read(
    job: Work,
    function: Callable[..., Result],
    sources: Sequence[Mapping[str, Any]],
    data: DataSettings,
    *,
    where: str,
    offsets: Callable[[Sequence[PartFacts]], list[int]],
) -> ReadParts:
    """Reads each part by a task, and combines the facts of all parts."""

    def task(stage: str, part: int, layout: Layout | None = None) -> Task:
        parameters = {**sources[part], "data": data, "where": where, "layout": layout}
        return Task(stage, part, function, parameters=parameters)

    tables, facts, layout = _read_all(job, task, len(sources), data, where)
    check_splits((value for fact in facts for value in fact.splits), layout.split, where)
    lacks = offsets(facts)
    own = [job.read([table], columns=_NUMBERS) for table in tables]
    pairs = pl.concat([moved_rows(pairs, by) for pairs, by in zip(own, lacks, strict=True)])
    rejected = [job.read([replace(table, name="rejected")]) for table in tables]
    named, repeated = named_once(pairs, of_texts=layout.id is None)
    sizes = [len(pairs) for pairs in own]
    guide = _guide(job, tables, facts, len(named))
    raw = RawPairs(
        pairs=named,
        rejected=pl.concat([moved_rows(left, by) for left, by in zip(rejected, lacks, strict=True)]),
        shape=_shape_said(layout, facts),
        guide=guide,
        rows_read=len(named) + sum(map(len, rejected)),
        warnings=(*repeated, *_warnings(layout, facts)),
    )
    return ReadParts(raw, tables, lacks, sizes, renamed(pairs["id"], named["id"], sizes), guide)


def _numbered(job: Work, parts: list[FilePart]) -> list[FilePart]:
    """The parts with the number of each one's first record; lines are counted if a file is cut by lines."""
    if all(part.first is not None for part in parts):
        return parts
    tasks = [Task("count lines", n, count_part, parameters={"part": part}) for n, part in enumerate(parts)]
    return numbered(parts, job.run(tasks))


def _read_all(
    job: Work, task: Callable[..., Task], parts: int, data: DataSettings, where: str
) -> tuple[list[Table], list[PartFacts], Layout]:
    """Reads each part by its own columns, and a second time if they differ from those of all parts."""
    stages = ["read"] * parts
    facts = [PartFacts.of(note) for note in job.run([task("read", n) for n in range(parts)])]
    layout = final_layout(merge_columns(fact.seen for fact in facts), data, where)
    again = to_read_again(facts, layout, data, where=where)
    notes = job.run([task("read again", n, layout) for n in again])
    for n, note in zip(again, notes, strict=True):
        stages[n], facts[n] = "read again", PartFacts.of(note)
    return [Table(stage, n, "pairs") for n, stage in enumerate(stages)], facts, layout


def _guide(job: Work, tables: Sequence[Table], facts: Sequence[PartFacts], rows: int) -> str | None:
    likely = sorted({text for fact in facts for text in fact.systems})
    if not likely:
        return None
    tasks = [
        Task("system messages", n, system_messages, {"pairs": [table]}, parameters={"of": likely})
        for n, table in enumerate(tables)
    ]
    counts: Counter[str] = Counter()
    for note in job.run(tasks):
        counts.update(note)
    return find_guide(counts, rows)


def _shape_said(layout: Layout, facts: Sequence[PartFacts]) -> str:
    """What was recognised in all parts, in one line."""
    found = (("id", layout.id), ("group", layout.group), ("split", layout.split))
    guessed = dict.fromkeys(words for fact in facts for words in fact.said)
    return ", ".join([layout.shape.said, *(f'{name} from "{column}"' for name, column in found if column), *guessed])


def _warnings(layout: Layout, facts: Sequence[PartFacts]) -> list[dict[str, str]]:
    """Notices about how all parts were read, except repeated ids (`named_once`)."""
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
