"""Reads files or tables into pairs: each part by itself, then the facts of all parts together. Writes them with other outputs."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import say, to_pandas
from ..each import Each, InMemory, Kept, in_turn
from ..settings import DataSettings
from .columns import (
    Layout,
    check_splits,
    final_layout,
    find_guide,
    merge_columns,
    named_once,
    system_counts,
    without_guide,
)
from .conversation import each_answer, is_conversation, parsed_json
from .formats.batch import Batch
from .formats.opened import FileStamp, unchanged
from .formats.records import read_records
from .parts import (
    FilePart,
    PartFacts,
    PartRead,
    count_lines,
    file_parts,
    first_rows,
    moved_rows,
    numbered,
    read_batches,
    read_part,
    row_offsets,
    to_read_again,
)
from .shapes import find_shape, json_text
from .sources import as_table, find_files, table_batches

_NUMBERS = ["row", "id", "group", "split"]


@dataclass(frozen=True)
class RawPairs:
    """The pairs read, and the rejected records.

    pairs: one row per record that is a pair, with columns `row` (record number), `id, input, fields` (JSON text or
    null)`, output, system, group, split, reference_ok, meta` (JSON text or null). rejected: `row, id, outcome, rule,
    evidence` of the others. first_rows: the number of each file's first record; numbers continue over several files.
    shape: the recognised format, in one line. inputs: the columns that make the input, none if it
    is a conversation. id_column: the column of the ids; None if they are hashes of the texts. guide: the system message of
    nearly all rows, or None. stamps: the state of the files when they were read.
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
    inputs: tuple[str, ...] = ()
    id_column: str | None = None
    stamps: Mapping[Path, FileStamp] = field(default_factory=dict, compare=False)

    def to_pandas(self) -> dict[str, Any]:
        """The tables as pandas DataFrames: pairs, rejected. Raises: ModelError if pandas is not installed."""
        return {"pairs": to_pandas(self.pairs), "rejected": to_pandas(self.rejected)}


@dataclass(frozen=True)
class ReadPart:
    """A part of the pairs as read: `PartFacts`, the columns `row, id, group, split`, what was rejected, and the texts."""

    facts: PartFacts
    numbers: pl.DataFrame
    rejected: pl.DataFrame
    pairs: Kept

    @classmethod
    def of(cls, read: PartRead) -> "ReadPart":
        """The part in the memory of this process."""
        return cls(read.facts, read.pairs.select(_NUMBERS), read.rejected, InMemory(read.pairs))


@dataclass(frozen=True)
class ReadParts:
    """Pairs in parts.

    raw: as from `read_pairs`, but `pairs` has no texts: `row, id, group, split`, with unique ids. tables: the pair
    table of each part. offsets: added to each part's row numbers. sizes: pairs of each part. ids: for each part the new
    ids of rows whose id was already used, by position. guide: the system message that the tables still contain.
    """

    raw: RawPairs
    tables: list[Kept]
    offsets: list[int]
    sizes: list[int]
    ids: list[dict[int, str]]
    guide: str | None

    @classmethod
    def of(cls, raw: RawPairs) -> "ReadParts":
        """Pairs in memory as one part."""
        numbers = replace(raw, pairs=raw.pairs.select(_NUMBERS))
        return cls(numbers, [InMemory(raw.pairs)], [0], [len(raw.pairs)], [{}], None)


def read_pairs(path: str | Path, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a file, of a folder or glob of files in name order, or of a saved `datasets` folder.

    Files are read in blocks of some megabytes, so that their raw text is never in memory as a whole.

    Raises:
        DataError: nothing can be read there, a column is missing, the data are not pairs, or a file
            changes while it is read.
        TypeError: `path` is not a path.
    """
    started = time.perf_counter()
    if not isinstance(path, str | Path):
        raise TypeError(f"read_pairs needs a path, found {type(path).__name__}; use read_frame for tables in memory")
    data = data or DataSettings(path=str(path))
    if (table := as_table(path)) is not None:
        raw = replace(_read_table(table, data, where=str(path)), files=(Path(path),))
    else:
        parts = file_parts(find_files(str(path)), data, most_bytes=None)
        stamps = {part.path: part.stamp for part in parts}
        with unchanged(stamps):
            raw = replace(gather(read_parts(Path(path), data, parts)), stamps=stamps)
    return replace(raw, seconds=time.perf_counter() - started)


def read_frame(frame: Any, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a polars or pandas DataFrame, an Arrow table, a `datasets.Dataset` or `DatasetDict`, or dictionaries.

    Raises:
        DataError: a column is missing, or the data are not pairs.
        TypeError: `frame` is not a table.
    """
    started = time.perf_counter()
    if isinstance(frame, Iterator):
        frame = list(frame)  # it may be iterated twice
    raw = _read_table(frame, data or DataSettings(path=""), where="the table")
    return replace(raw, seconds=time.perf_counter() - started)


def read_parts(path: Path, data: DataSettings, parts: Sequence[FilePart], *, each: Each = in_turn) -> ReadParts:
    """The files at a path, which were cut into these parts.

    Raises:
        DataError: as `read_pairs`.
    """
    cut = parts
    if any(part.first is None for part in cut):  # a file is cut by lines, which are counted
        parts = numbered(cut, each("count lines", count_lines, [{"part": part} for part in cut]))
    read = _read(
        read_texts, [{"part": part} for part in parts], data, where=str(path), each=each,
        offsets=lambda facts: row_offsets(parts, [fact.records for fact in facts]),
    )  # fmt: skip
    files = tuple(dict.fromkeys(part.path for part in cut))  # without files added since
    return replace(read, raw=replace(read.raw, files=files, first_rows=tuple(first_rows(parts, read.offsets))))


def gather(read: ReadParts) -> RawPairs:
    """The pairs of all parts in one table."""
    pairs = pl.concat([moved_rows(table.read(), by) for table, by in zip(read.tables, read.offsets, strict=True)])
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


# --- one part -----------------------------------------------------------------------------------------------------


def read_texts(part: FilePart, *, data: DataSettings, where: str, layout: Layout | None = None) -> ReadPart:
    """The pairs of a part of the files, and the rejected records; rows are counted from 1 in the part."""
    return ReadPart.of(read_part(part, data, where=where, layout=layout))


def read_table(table: Any, *, data: DataSettings, where: str, layout: Layout | None = None) -> ReadPart:
    """The pairs of a table in memory, and the rejected records."""
    return ReadPart.of(read_batches(lambda: table_batches(table), data, where=where, layout=layout))


def count_systems(pairs: pl.DataFrame, *, of: Collection[str]) -> dict[str, int]:
    """The number of pairs with each of these system messages."""
    return system_counts(pairs, of)


# --- over all parts -----------------------------------------------------------------------------------------------


def _read_table(table: Any, data: DataSettings, *, where: str) -> RawPairs:
    return gather(_read(read_table, [{"table": table}], data, where=where, each=in_turn, offsets=lambda _: [0]))


def _read(
    function: Callable[..., ReadPart],
    sources: Sequence[Mapping[str, Any]],
    data: DataSettings,
    *,
    where: str,
    each: Each,
    offsets: Callable[[Sequence[PartFacts]], list[int]],
) -> ReadParts:
    """Read each part by its own columns, again where its layout differs from that of all parts, and combine the facts."""
    known = {"data": data, "where": where}
    parts = each("read", function, [{**source, **known} for source in sources])
    layout = final_layout(merge_columns(part.facts.seen for part in parts), data, where)
    again = to_read_again([part.facts for part in parts], layout, data, where=where)
    better = each("read again", function, [{**sources[n], **known, "layout": layout} for n in again], numbers=again)
    for n, part in zip(again, better, strict=True):
        parts[n] = part
    facts = [part.facts for part in parts]
    check_splits((value for fact in facts for value in fact.splits), layout.split, where)
    starts = offsets(facts)
    pairs = pl.concat([moved_rows(part.numbers, by) for part, by in zip(parts, starts, strict=True)])
    named, repeated = named_once(pairs, of_texts=layout.id is None)
    sizes = [len(part.numbers) for part in parts]
    tables = [part.pairs for part in parts]
    guide = _guide(tables, facts, len(named), each)
    raw = RawPairs(
        pairs=named,
        rejected=pl.concat([moved_rows(part.rejected, by) for part, by in zip(parts, starts, strict=True)]),
        shape=_described(layout, facts, data),
        guide=guide,
        rows_read=len(named) + sum(len(part.rejected) for part in parts),
        warnings=(*repeated, *_warnings(layout, facts, data)),
        inputs=tuple(name for name in layout.shape.columns if name != layout.shape.output)
        if layout.shape.output
        else (),
        id_column=layout.id,
    )
    return ReadParts(raw, tables, starts, sizes, renamed(pairs["id"], named["id"], sizes), guide)


def _guide(tables: Sequence[Kept], facts: Sequence[PartFacts], rows: int, each: Each) -> str | None:
    likely = sorted({text for fact in facts for text in fact.systems})
    if not likely:
        return None
    counts: Counter[str] = Counter()
    for found in each("system messages", count_systems, [{"pairs": table, "of": likely} for table in tables]):
        counts.update(found)
    return find_guide(counts, rows)


def _described(layout: Layout, facts: Sequence[PartFacts], data: DataSettings) -> str:
    """The recognised format of all parts, in one line."""
    found = (("id", layout.id), ("group", layout.group), ("split", layout.split))
    turns = ["a pair of each answer"] if data.turns == "all" and layout.shape.output is None else []
    guessed = dict.fromkeys(guess for fact in facts for guess in fact.guesses)
    return ", ".join(
        [layout.shape.description, *turns, *(f'{name} from "{column}"' for name, column in found if column), *guessed]
    )


def _warnings(layout: Layout, facts: Sequence[PartFacts], data: DataSettings) -> list[dict[str, str]]:
    """Warnings about reading, except repeated ids (`named_once`)."""
    found = {}
    if layout.no_split is not None:
        found["split_not_used"] = (
            f'Column "split" is not used, because it contains "{layout.no_split}", which is not a split. To use it, write '
            "train, validation or test there, or leave it empty."
        )
    if data.turns == "last" and (several := sum(fact.several for fact in facts)):
        found["several_answers"] = (
            f"{say.count(several, 'conversation')} {'have' if several > 1 else 'has'} several answers, of which only the "
            'last is an example. For a pair of every answer, set [data] turns = "all", or --turns all.'
        )
    if repaired := sum(fact.repaired for fact in facts):
        found["lone_surrogates"] = (
            f"{repaired:,} texts contain half a surrogate pair, which no file can hold; U+FFFD replaces it"
        )
    return [{"code": code, "text": text} for code, text in found.items()]


def answered_lines(source: Any, data: DataSettings, raw: RawPairs, outputs: Mapping[int, str]) -> Iterator[bytes]:
    """Every record as a JSON line, with the new output of each row number in `outputs`.

    `raw` is what `read_pairs` or `read_frame` read from the source. Records that are not pairs are written as they are;
    what could not be read as a record is left out.
    """
    for batch in _batches(source, data, raw):
        for number, record in zip(batch.numbers, batch.rows(), strict=True):
            answer = outputs.get(number)
            written = record if answer is None else with_answer(record, answer, data)
            yield f"{json_text(written)}\n".encode("utf-8", "replace")  # half a surrogate pair fits into no file


def _batches(source: Any, data: DataSettings, raw: RawPairs) -> Iterator[Batch]:
    table = as_table(source)
    starts = zip(raw.files, raw.first_rows, strict=True) if table is None else [(None, 1)]
    for path, first in starts:
        batches = table_batches(table) if path is None else read_records(path, data)[0]
        for batch in each_answer(batches, data) if data.turns == "all" else batches:
            yield batch.numbered_from(first - 1)


def with_answer(record: Mapping[str, Any], answer: str, data: DataSettings) -> dict[str, Any]:
    """The record with another output: a text, JSON where it was an object or a list, or the last answer of a conversation."""
    shape = find_shape(list(record), data, where="the record")
    column = shape.output or shape.columns[-1]
    value = record[column]
    if is_conversation(value):
        return {**record, column: _with_last_answer(value, answer)}
    return {**record, column: parsed_json(answer) if isinstance(value, Mapping | list) else answer}


def _with_last_answer(turns: Any, answer: str) -> list[dict[str, Any]]:
    """The turns with other words in the last answer of the assistant."""
    written = [dict(turn) for turn in turns]
    for turn in reversed(written):
        if str(turn.get("role") or turn.get("from")) in ("assistant", "gpt", "chatgpt", "bot", "model"):
            key = "content" if turn.get("content") is not None else "value"
            turn[key] = [{"type": "text", "text": answer}] if isinstance(turn[key], list) else answer
            return written
    return written
