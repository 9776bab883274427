"""The columns of pairs: those of the input, and those that stand beside it."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from ...style import commonest, field_text
from ..read.pair_table import TURNS

__all__ = ["Column", "Table", "quoted_names", "table_of", "toml_list", "typed"]

_PARSED_AT_ONCE = 2_000
_MEASURE = r"^\W{0,3}\d+(?:[ ,.]\d{3})*(?:[.,]\d+\W{0,3}|(?:[.,]\d+)?\s*[\pL%°²³/]{1,4}|\W{1,3})$"


@dataclass(frozen=True)
class Column:
    """A column of the data: a field of the input (`given`), or one beside it that is not used.

    texts: its values as text, one per pair; null where it is empty.
    """

    name: str
    given: bool
    texts: pl.Series

    @cached_property
    def distinct(self) -> int:
        """The number of different values."""
        return self.texts.drop_nulls().n_unique()

    @cached_property
    def filled(self) -> int:
        """The number of rows with a value."""
        return len(self.texts) - self.texts.null_count()

    @cached_property
    def measures(self) -> bool:
        """Whether most values are numbers with decimals or with a unit: prices, weights, scores."""
        number = self.texts.drop_nulls().str.contains(_MEASURE)
        return bool(number.mean() and number.mean() > 0.5)  # type: ignore[operator]

    @cached_property
    def largest(self) -> int:
        """The number of rows with the most frequent value."""
        counts = self.texts.drop_nulls().value_counts(name="n")["n"]
        return int(counts.max() or 0)  # type: ignore[arg-type] — a count


@dataclass(frozen=True)
class Table:
    """The columns of pairs, and the names of the columns that make the input; none if a conversation is.

    names: the number of different names, of which the most common have their column.
    """

    columns: Sequence[Column]
    inputs: tuple[str, ...] = ()
    names: int = 0

    @property
    def given(self) -> list[Column]:
        """The fields of the inputs."""
        return [column for column in self.columns if column.given]

    def adding(self, name: str) -> str | None:
        """The options that add a column to the input; None if the input is not made of columns."""
        objects = len(self.inputs) == 1 and bool(self.given) and self.given[0].name != self.inputs[0]
        if not self.inputs or objects:
            return None
        return " ".join(typed("--input", column) for column in (*self.inputs, name))


def table_of(pairs: pl.DataFrame, inputs: tuple[str, ...]) -> Table:
    """The columns of a pair table: the fields of the inputs in their order, then the columns that are carried along.

    Of more than `MOST_FIELDS` names of either, those with the most values.
    """
    columns: list[Column] = []
    names: set[str] = set()
    for place, given in (("fields", True), ("meta", False)):
        found = {name: values for name, values in _values(pairs[place]).items() if name not in {*names, TURNS}}
        names |= found.keys()
        for name in commonest({name: len(values.rows) for name, values in found.items()}):
            columns.append(Column(name, given, found[name].series(name, len(pairs))))
    return Table(columns, inputs, len(names))


@dataclass(frozen=True)
class _Values:
    """The values of one name, as text, with the positions of their rows: few rows may have the name."""

    rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def series(self, name: str, count: int) -> pl.Series:
        """One value per row; null where there is none."""
        values: list[str | None] = [None] * count
        for row, text in zip(self.rows, self.texts, strict=True):
            values[row] = text
        return pl.Series(name, values, dtype=pl.String)


def _values(objects: pl.Series) -> dict[str, _Values]:
    """The values of each name in JSON objects."""
    columns: defaultdict[str, _Values] = defaultdict(_Values)
    for number, row in enumerate(_parsed(objects)):
        for name, value in row.items():
            column = columns[name]
            if text := value if type(value) is str else field_text(value):
                column.rows.append(number)
                column.texts.append(text)
    return columns


def _parsed(objects: pl.Series) -> Iterator[dict[str, Any]]:
    """The objects, an empty one for null; many are parsed as one text, which takes half the time."""
    for part in objects.fill_null("{}").to_frame().iter_slices(_PARSED_AT_ONCE):
        yield from json.loads(f"[{','.join(part.to_series())}]")


def typed(option: str, name: str) -> str:
    """An option with a name as its value, as a shell reads it."""
    from ...core import quote

    return f"{option} {quote(name)}"


def quoted_names(names: Sequence[str], most: int = 6) -> str:
    """The names in quotes, the first ones of many."""
    shown = ", ".join(f'"{name}"' for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def toml_list(names: Sequence[str]) -> str:
    """The names as a list in TOML."""
    return f"[{', '.join(json.dumps(name, ensure_ascii=False) for name in names)}]"
