"""The pairs of a fit as one table of texts, from any kind of table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from ..core import DataError, say
from ..curate import named_once, table_batches

__all__ = ["pair_table"]

COLUMNS = ("id", "input", "output", "system")
SHOWN = 5  # pairs named in an error


def pair_table(
    pairs: pl.DataFrame | Sequence[Mapping[str, Any]] | Any, *, where: str
) -> tuple[pl.DataFrame, list[str]]:
    """The pairs with columns id, input, output and system, all texts, and notices about them.

    `pairs` is a polars or pandas DataFrame, a `datasets.Dataset` or a list of dictionaries. Without an id, a pair is
    named by its position, from 1; of two with one id the later becomes `ID#2`. Raises DataError, with the ids, if
    a column is missing or a value is not text.
    """
    rows, problems = _rows(pairs)
    if problems:
        raise DataError.of(problems, where=where)
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String)), []
    names = {name for row in rows for name in row}
    if missing := [name for name in ("input", "output") if name not in names]:
        raise DataError(
            f"{where}: the pairs lack {' and '.join(missing)}; expected columns input, output and optionally id, system"
        )
    ids = [_id(row.get("id"), place) for place, row in enumerate(rows, start=1)]
    if faults := list(_faults(ids, rows)):
        raise DataError.of(faults, where=where)
    texts = {name: [row.get(name) for row in rows] for name in COLUMNS[1:]}
    table, said = named_once(pl.DataFrame({"id": ids, **texts}, schema=dict.fromkeys(COLUMNS, pl.String)))
    return table, [f"{where}: {warning['text']}" for warning in said]


def _rows(pairs: Any) -> tuple[list[Mapping[str, Any]], list[str]]:
    rows, problems = [], []
    for batch in table_batches(pairs):
        values = batch.values
        rows += values.iter_rows(named=True) if isinstance(values, pl.DataFrame) else values
        problems += [text for _, text in batch.problems]
    return rows, problems[:SHOWN]


def _id(value: Any, place: int) -> str:
    return str(place if value is None else value).encode(errors="backslashreplace").decode()


def _faults(ids: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Values that are not text, grouped by fault."""
    found: dict[str, list[str]] = {}
    for id, row in zip(ids, rows, strict=True):
        for name in ("input", "output", "system"):
            value = row.get(name)
            if fault := None if name == "system" and value is None else _fault(name, value):
                found.setdefault(fault, []).append(id)
    for fault, those in found.items():
        named = ", ".join(those[:SHOWN]) + (f" and {len(those) - SHOWN} more" if len(those) > SHOWN else "")
        yield f"{say.count(len(those), 'pair')} ({named}) {fault}"


def _fault(name: str, value: Any) -> str | None:
    if value is None:
        return f"without an {name}"
    if not isinstance(value, str):
        kind = "an object" if isinstance(value, Mapping) else f"of type {type(value).__name__}"
        return f"whose {name} is {kind}; expected text"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"whose {name} holds half a character (a lone surrogate), which no file can hold"
    return None
