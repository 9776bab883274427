"""The pairs of a fit: from any kind of table to one table of texts, and on to examples for the model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..core import DataError
from ..curate import named_once, table_batches
from .examples import Example, drop_long, some_pairs, to_examples
from .model.load import LoadedModel
from .settings import TrainSettings, resolve_settings

__all__ = ["Prepared", "pair_table", "prepare"]

COLUMNS = ("id", "input", "output", "system")
SHOWN = 5  # problems named in an error


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
    table, warnings = named_once(pl.DataFrame({"id": ids, **texts}, schema=dict.fromkeys(COLUMNS, pl.String)))
    return table, [f"{where}: {warning['text']}" for warning in warnings]


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
    for fault, faulty in found.items():
        yield f"{some_pairs(faulty)} {fault}"


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


@dataclass(frozen=True)
class Prepared:
    """The pairs of a fit, checked and tokenised, and its resolved settings.

    `dropped` are the pairs longer than the model's context, which `drop_long` leaves out: `{id, split, tokens}`.
    """

    train: pl.DataFrame
    validation: pl.DataFrame
    examples: list[Example]
    validation_examples: list[Example]
    settings: TrainSettings
    dropped: list[dict[str, Any]]
    notices: list[str]


def prepare(train: Any, validation: Any, *, model: LoadedModel, settings: TrainSettings) -> Prepared:
    """The pairs as examples for this model. Both tables are of any kind that `pair_table` takes.

    Raises: DataError without train pairs, with invalid ones, or with pairs longer than the context unless
    `settings.drop_long` is set.
    """
    tables, notices, dropped = [], [], []
    for split, pairs in (("train", train), ("validation", validation)):
        table, table_notices = pair_table(pairs, where=f"{split} pairs")
        if settings.drop_long and len(table):
            table, long = drop_long(table, model=model)
            dropped += [{"id": row["id"], "split": split, "tokens": row["tokens"]} for row in long.to_dicts()]
        tables.append(table)
        notices += table_notices
    train, validation = tables
    if train.is_empty():
        raise DataError("There are no train pairs, so there is nothing to learn from.\n" + _why_none(dropped))
    examples = to_examples(train, model=model)
    resolved = resolve_settings(
        settings, pairs=len(examples), hidden_size=model.model.config.get_text_config().hidden_size
    )
    validation_examples = to_examples(validation, model=model) if len(validation) else []
    return Prepared(train, validation, examples, validation_examples, resolved, dropped, notices)


def _why_none(dropped: Sequence[Mapping[str, Any]]) -> str:
    if long := sum(row["split"] == "train" for row in dropped):
        return f"All {long} of them are longer than the model's context and were left out (drop_long)."
    return "The ledger of the curated data says why each row was dropped."
