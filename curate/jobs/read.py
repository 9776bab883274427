"""Files read in parts: what all parts say together, while their texts stay where they are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from ..read.columns import Layout, check_splits, final_layout, find_guide, merge_columns, named_once
from ..read.file_parts import MOST_BYTES, FilePart, file_parts, first_rows, numbered, row_offsets
from ..read.pairs import PartFacts, RawPairs, moved_rows, shape_said, to_read_again, warnings_of
from ..read.sources import find_files
from ..settings import DataSettings
from .measure import count_part, read_texts, system_messages
from .tasks import Job, Table, Task

__all__ = ["ReadInParts", "read_in_parts"]

_NUMBERS = ["row", "id", "group", "split"]


@dataclass(frozen=True)
class ReadInParts:
    """raw: as `read_pairs` gives it, where `pairs` has no texts: `row, id, group, split`, ids told apart.

    tables: the pair table of each part, rows counted from 1. offsets: what each part's row numbers lack. sizes: pairs of
    each part. ids: for each part the new names of rows whose id was there before, by position.
    """

    raw: RawPairs
    tables: list[Table]
    offsets: list[int]
    sizes: list[int]
    ids: list[dict[int, str]]


def read_in_parts(
    job: Job,
    path: Path,
    data: DataSettings,
    *,
    parts: Sequence[FilePart] | None = None,
    most_bytes: int = MOST_BYTES,
) -> ReadInParts:
    """All files at a path, each part by a task of its own; `parts` as they were cut for the job's fingerprint.

    Raises:
        DataError: as `read_pairs`.
    """
    where = str(path)
    cut = file_parts(find_files(where), data, most_bytes=most_bytes) if parts is None else list(parts)
    files = dict.fromkeys(part.path for part in cut)  # not those that came in since
    parts = _numbered(job, cut)
    tables, facts, layout = _read(job, parts, data, where)
    check_splits((value for fact in facts for value in fact.splits), layout.split, where)
    offsets = row_offsets(parts, [fact.records for fact in facts])
    own = [job.read([table], columns=_NUMBERS) for table in tables]
    pairs = pl.concat([moved_rows(pairs, by) for pairs, by in zip(own, offsets, strict=True)])
    rejected = [job.read([replace(table, name="rejected")]) for table in tables]
    named, repeated = named_once(pairs, of_texts=layout.id is None)
    sizes = [len(pairs) for pairs in own]
    raw = RawPairs(
        pairs=named,
        rejected=pl.concat([moved_rows(left, by) for left, by in zip(rejected, offsets, strict=True)]),
        shape=shape_said(layout, facts),
        guide=_guide(job, tables, facts, len(named)),
        rows_read=len(named) + sum(map(len, rejected)),
        files=tuple(files),
        first_rows=tuple(first_rows(parts, offsets)),
        warnings=(*repeated, *warnings_of(layout, facts)),
    )
    return ReadInParts(raw, tables, offsets, sizes, renamed(pairs["id"], named["id"], sizes))


def renamed(before: pl.Series, after: pl.Series, sizes: Sequence[int]) -> list[dict[int, str]]:
    """For each part the names that changed, by position in the part."""
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


def _numbered(job: Job, parts: list[FilePart]) -> list[FilePart]:
    """The parts with the number of each one's first record; lines are counted where a file is cut by lines."""
    if all(part.first is not None for part in parts):
        return parts
    tasks = [Task("count lines", n, count_part, parameters={"part": part}) for n, part in enumerate(parts)]
    return numbered(parts, job.run(tasks))


def _read(
    job: Job, parts: Sequence[FilePart], data: DataSettings, where: str
) -> tuple[list[Table], list[PartFacts], Layout]:
    """Each part by what its own columns say; those that differ from what all columns say, a second time."""
    stages = ["read"] * len(parts)
    notes = job.run([_task("read", n, part, data, where) for n, part in enumerate(parts)])
    facts = [PartFacts.of(note) for note in notes]
    layout = final_layout(merge_columns(fact.seen for fact in facts), data, where)
    again = to_read_again(facts, layout, data, where=where)
    notes = job.run([_task("read again", n, parts[n], data, where, layout) for n in again])
    for n, note in zip(again, notes, strict=True):
        stages[n], facts[n] = "read again", PartFacts.of(note)
    return [Table(stage, n, "pairs") for n, stage in enumerate(stages)], facts, layout


def _task(
    stage: str, number: int, part: FilePart, data: DataSettings, where: str, layout: Layout | None = None
) -> Task:
    parameters = {"part": part, "data": data, "where": where, "layout": layout}
    return Task(stage, number, read_texts, parameters=parameters)


def _guide(job: Job, tables: Sequence[Table], facts: Sequence[PartFacts], rows: int) -> str | None:
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
