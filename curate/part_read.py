"""One part of the data into pairs, by itself: what was seen of its columns, its pairs, and the records that are none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from ..style.errors import DataError
from .batch import Batch
from .columns import PAIR_SCHEMA, Columns, Layout, layout_so_far, merge_columns, split_values, system_counts
from .encodings import unchanged
from .file_parts import FilePart
from .pair_table import REJECTED_SCHEMA, PairBatch, pair_table
from .records import read_records
from .settings import DataSettings

__all__ = ["PartFacts", "PartRead", "moved_rows", "read_batches", "read_part", "to_read_again"]


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
