"""Reads one part of the data, such as a range of a file, into pairs and the facts that all parts are judged by."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from ...core import DataError
from ..settings import DataSettings
from .batch import Batch
from .columns import PAIR_SCHEMA, Columns, Layout, layout_so_far, split_values, system_counts
from .formats.file_parts import FilePart
from .formats.opened import unchanged
from .formats.records import read_records
from .pair_table import REJECTED_SCHEMA, TURNS, PairBatch, pair_table
from .shapes import ALL_COLUMNS
from .turns import each_answer

__all__ = ["PartFacts", "PartRead", "moved_rows", "read_batches", "read_part", "to_read_again"]


@dataclass(frozen=True)
class PartFacts:
    """Facts about a part, small compared with the texts, that decide together how all parts are read.

    understood: whether the part could be read by `seen`, its own columns, or was read by a given layout.
    records: the highest record number in the part, counted from 1; in JSONL a blank line has a number too. repaired:
    texts that held half a surrogate pair. guesses: about the file, for the user. systems: `system_counts` of the
    pairs. splits: `split_values` of the pairs. several: conversations with answers before the last one.
    """

    seen: Columns
    understood: bool = True
    records: int = 0
    repaired: int = 0
    guesses: tuple[str, ...] = ()
    systems: Mapping[str, int] = field(default_factory=dict)
    splits: tuple[str, ...] = ()
    several: int = 0


@dataclass(frozen=True)
class PartRead:
    """The pairs and rejected records of a part, as in `RawPairs`, with `row` counted from 1 in the part.

    layout: the layout that was used; None if the columns of this part alone do not make pairs. Then the tables are
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
    guesses: list[str] = []

    def batches() -> Iterator[Batch]:
        found, guesses[:] = read_records(
            part.path,
            encoding=data.encoding,
            delimiter=data.delimiter,
            wanted=_wanted(data),
            sheet=data.sheet,
            limits=data.limits,
            span=part.span,
            first=first,
        )
        yield from found

    with unchanged({part.path: part.stamp}):
        read = read_batches(batches, data, where=where, layout=layout)
    # Messages give the line of the file; rows are counted in the part, since other files may precede it.
    return PartRead(
        replace(read.facts, records=max(0, read.facts.records - first + 1), guesses=tuple(guesses)),
        read.layout,
        moved_rows(read.pairs, 1 - first),
        moved_rows(read.rejected, 1 - first),
    )


def _wanted(data: DataSettings) -> list[str]:
    """The columns named in the settings."""
    inputs = (data.input,) if isinstance(data.input, str) else data.input or ()
    names = (data.output, data.id, data.group, data.split, *inputs)
    return [name for name in names if name and name != ALL_COLUMNS]


def moved_rows(table: pl.DataFrame, by: int) -> pl.DataFrame:
    """The table with `by` added to its row numbers."""
    return table.with_columns((pl.col("row").cast(pl.Int64) + by).cast(pl.UInt32)) if by else table


def to_read_again(facts: Sequence[PartFacts], final: Layout, data: DataSettings, *, where: str) -> list[int]:
    """The indices of the parts whose own layout differs from that of all parts, so that they must be read again."""
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

    The layout is taken from the first records, which is nearly always right; if a column of a later record changes it,
    the batches are read a second time.

    Raises:
        DataError: a batch cannot be read, or `pair_table` raises for the given layout.
    """
    if data.turns == "all":
        batches = partial(_each_answer, batches, data)
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


def _each_answer(batches: Callable[[], Iterator[Batch]], data: DataSettings) -> Iterator[Batch]:
    return each_answer(batches(), data)


def _joined(seen: Columns, records: int, layout: Layout | None, tables: Sequence[PairBatch]) -> PartRead:
    pairs = pl.concat([table.pairs for table in tables]) if tables else pl.DataFrame(schema=PAIR_SCHEMA)
    rejected = pl.concat([table.rejected for table in tables]) if tables else pl.DataFrame(schema=REJECTED_SCHEMA)
    facts = PartFacts(
        seen,
        understood=layout is not None,
        records=records,
        repaired=sum(table.repaired for table in tables),
        systems=system_counts(pairs),
        splits=tuple(split_values(pairs)),
        several=_several_answers(pairs) if layout is not None and layout.shape.output is None else 0,
    )
    return PartRead(facts, layout, pairs, rejected.sort("row"))


def _several_answers(pairs: pl.DataFrame) -> int:
    """The number of inputs that are conversations with an answer in them."""
    turns = pairs["meta"].str.extract(rf'"{TURNS}": \[(.*)')
    return int(turns.str.contains('["assistant", ', literal=True).sum())
