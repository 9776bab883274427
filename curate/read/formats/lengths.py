"""How much text each record of a batch holds; records beyond the limit are unreadable."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ..batch import Batch
from .intake import Intake

__all__ = ["text_lengths", "without_long"]


def text_lengths(values: Sequence[Mapping[str, Any]] | pl.DataFrame) -> pl.Series:
    """The length `(n,)` of each record's texts: characters of objects, bytes of a table's rows."""
    if not isinstance(values, pl.DataFrame):
        return pl.Series(map(_characters, values), dtype=pl.UInt64)
    parts = [part for name, kind in values.schema.items() if (part := _bytes(pl.col(name), kind)) is not None]
    if not parts:
        return pl.zeros(len(values), dtype=pl.UInt64, eager=True)
    return values.select(pl.sum_horizontal(part.cast(pl.UInt64) for part in parts)).to_series()


def _characters(record: Mapping[str, Any]) -> int:
    count, stack = 0, list[Any]([record])
    while stack:
        value = stack.pop()
        if isinstance(value, str | bytes):
            count += len(value)
        elif isinstance(value, Mapping):
            stack.extend(value)  # names
            stack.extend(value.values())
        elif isinstance(value, list | tuple):
            stack.extend(value)
    return count


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


def without_long(batch: Batch, lengths: pl.Series, intake: Intake) -> Batch:
    """The batch with the records whose texts are longer than the limit among its problems."""
    is_long = (lengths > intake.most).fill_null(value=False)
    if not is_long.any():
        return batch
    long, kept = is_long.arg_true().to_list(), (~is_long).arg_true().to_list()
    problems = [
        (batch.numbers[place], intake.too_long(f"record {batch.numbers[place]}", lengths[place])) for place in long
    ]
    values = batch.values[kept] if isinstance(batch.values, pl.DataFrame) else [batch.values[place] for place in kept]
    return Batch([batch.numbers[place] for place in kept], values, sorted([*batch.problems, *problems]))
