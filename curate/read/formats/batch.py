"""Batches of some thousands of records, as rows or as a table, within the limits on what a file may hold."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs

from ....core import Limits, say

ROWS = 20_000
_DEEPEST = 100  # levels of nesting; deeper than real data, and far below Python's recursion limit
EXCERPT = 80  # characters of a record shown in the ledger


@dataclass(frozen=True)
class Batch:
    """Readable records with their 1-based numbers, and the numbers and reasons of the unreadable ones.

    `values` holds one mapping per record, or is a table with one row per record.
    """

    numbers: Sequence[int]
    values: Sequence[Mapping[str, Any]] | pl.DataFrame
    problems: Sequence[tuple[int, str]] = field(default=())

    @cached_property
    def names(self) -> list[str]:
        """The names of all columns, in order of first use."""
        if isinstance(self.values, pl.DataFrame):
            return self.values.columns
        return list(dict.fromkeys(chain.from_iterable(self.values)))

    def column(self, name: str) -> pl.Series | list[Any]:
        """The values of one column; None if a record has none."""
        if isinstance(self.values, pl.DataFrame):
            found = self.values.get_column(name, default=None)
            return [None] * len(self.values) if found is None else found
        return [value.get(name) for value in self.values]

    def rows(self) -> Iterable[Mapping[str, Any]]:
        """One mapping per record."""
        return self.values.iter_rows(named=True) if isinstance(self.values, pl.DataFrame) else self.values

    def renamed(self, names: Mapping[str, str]) -> "Batch":
        """The same records with new names for the columns in `names`, which replace others of the new name."""
        names = {old: new for old, new in names.items() if old in self.names and old != new}
        if not names:
            return self
        other = [name for name in self.names if name in names or name not in names.values()]
        if isinstance(self.values, pl.DataFrame):
            return replace(self, values=self.values.select(other).rename(names))
        return replace(
            self, values=[{names.get(name, name): row[name] for name in other if name in row} for row in self.values]
        )

    def numbered_from(self, start: int) -> "Batch":
        """The same records with numbers counted on from `start`."""
        if start == 0:
            return self
        return replace(
            self,
            numbers=[number + start for number in self.numbers],
            problems=[(number + start, why) for number, why in self.problems],
        )

    def last(self) -> int:
        """The highest number; 0 if there is no record."""
        return max([*self.numbers[-1:], *(number for number, _ in self.problems[-1:])], default=0)


def object_batches(values: Sequence[Any]) -> Iterator[Batch]:
    """Batches of objects in memory, as from `object_batch`."""
    for start in range(0, len(values), ROWS):
        yield object_batch(values[start : start + ROWS], start + 1)


def object_batch(values: Sequence[Any], first: int) -> Batch:
    """Objects numbered from `first`; those that are not mappings, or are nested too deeply, are problems."""
    numbers, good, problems = [], [], []
    for number, value in enumerate(values, start=first):
        if not isinstance(value, Mapping):
            problems.append((number, f"record {number} is not an object but {excerpt(_shown(value))}"))
        elif too_deep(value):
            problems.append((number, f"record {number} is nested more than {_DEEPEST} levels deep"))
        else:
            numbers.append(number)
            good.append(value)
    return Batch(numbers, good, problems)


def plain_values(table: pl.DataFrame) -> pl.DataFrame | list[dict[str, Any]]:
    """The table with NaN as null, and bytes as text if they are UTF-8; its rows if some are not."""
    table = table.with_columns(cs.float().fill_nan(None))
    packed = table.select(cs.binary()).columns
    try:
        return table.with_columns(pl.col(packed).cast(pl.String)) if packed else table
    except pl.exceptions.PolarsError:
        # A value must not depend on the other rows of its batch.
        return [row | {name: _decoded(row[name]) for name in packed} for row in table.iter_rows(named=True)]


def _decoded(value: bytes | None) -> str | bytes | None:
    try:
        return value if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def too_deep(value: Any) -> bool:
    """Whether mappings and lists are nested more than 100 levels deep."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if type(inner) in (dict, list, tuple)
        ]
        if not level:
            return False
    return True


def excerpt(text: str) -> str:
    """The first 80 characters as a JSON text."""
    return json.dumps(text[:EXCERPT] + ("…" if len(text) > EXCERPT else ""), ensure_ascii=False)


def _shown(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return type(value).__name__


class Intake:
    """What one file has given so far. `most` is the length of the longest record, `gap` that of the text since the last
    record, in characters."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path, self._limits = path, limits
        self.gap, self._unreadable = 0, 0
        self._most_gap, self._most_unreadable = limits.of("gap"), limits.of("unreadable")
        self.most = limits.of("record")

    def saw(self, batch: Batch) -> None:
        """Records were read, or could not be. Raises: DataError if the file has more unreadable ones than the limit."""
        if len(batch.values):
            self.gap = 0
        self._unreadable += len(batch.problems)
        if self._unreadable > self._most_unreadable:
            what = f"{self._unreadable:,} of its records cannot be read, such as: {batch.problems[0][1]}"
            raise self._limits.exceeded(self.path, "unreadable", what)

    def passed(self, characters: int) -> None:
        """Text without a record was passed over. Raises: DataError if it is more than the limit since the last record."""
        self.gap += characters
        if self.gap > self._most_gap:
            what = f"there is no record in {say.size(self.gap)} of its text, which is blank or unreadable"
            raise self._limits.exceeded(self.path, "gap", what)

    @property
    def limit(self) -> str:
        """The length of the longest record in words, with the way to raise it."""
        return f"{say.size(self.most)} ({self._limits.way_out('record')})"

    def too_long(self, what: str, length: int, beginning: str = "") -> str:
        """Why a record that is longer than the limit cannot be read."""
        way_out = self._limits.way_out("record", needed=length)
        begins = f"; it begins {excerpt(beginning)}" if beginning else ""
        return f"{what} has {length:,} characters, and the limit is {say.size(self.most)} ({way_out}){begins}"


def text_lengths(table: pl.DataFrame) -> pl.Series:
    """The length `(n,)` of each row's texts in bytes."""
    parts = [part for name, kind in table.schema.items() if (part := _bytes(pl.col(name), kind)) is not None]
    if not parts:
        return pl.zeros(len(table), dtype=pl.UInt64, eager=True)
    return table.select(pl.sum_horizontal(part.cast(pl.UInt64) for part in parts)).to_series()


def _bytes(value: pl.Expr, kind: pl.DataType) -> pl.Expr | None:
    """The bytes of text in each value of a column of this type; None if it holds no text."""
    if isinstance(kind, pl.String):
        return value.str.len_bytes()
    if isinstance(kind, pl.Binary):
        return value.bin.size()
    if isinstance(kind, pl.Categorical | pl.Enum):
        return value.cat.len_bytes()
    if isinstance(kind, pl.List | pl.Array):
        inner = _bytes(pl.element(), kind.inner)  # type: ignore[arg-type] - an instance, as in every schema
        as_list = value if isinstance(kind, pl.List) else value.arr.to_list()
        return None if inner is None else as_list.list.eval(inner.cast(pl.UInt64)).list.sum()
    if isinstance(kind, pl.Struct):
        parts = [part for f in kind.fields if (part := _bytes(value.struct.field(f.name), f.dtype)) is not None]  # type: ignore[arg-type]
        return pl.sum_horizontal(part.cast(pl.UInt64) for part in parts) if parts else None
    return None


def table_batch(table: pl.DataFrame, numbers: Sequence[int], lengths: pl.Series, intake: Intake) -> Batch:
    """The rows of a table; those whose texts have `lengths` beyond the limit are problems."""
    is_long = (lengths > intake.most).fill_null(value=False)
    if not is_long.any():
        return Batch(numbers, plain_values(table))
    of_rows = pl.Series(numbers)
    problems = [
        (number, intake.too_long(f"record {number}", length))
        for number, length in zip(of_rows.filter(is_long), lengths.filter(is_long), strict=True)
    ]
    return Batch(of_rows.filter(~is_long).to_list(), plain_values(table.filter(~is_long)), problems)
