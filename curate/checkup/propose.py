"""Proposes the columns of a table where none are named: the longest texts are the outputs, all others the input."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError
from ...style import field_text
from ..read.columns import Columns, Layout, find_layout
from ..read.formats.batch import Batch
from ..read.formats.records import read_records
from ..read.shapes import ALL_COLUMNS
from ..read.sources import find_files, is_saved_dataset, load_saved, table_batches
from ..settings import DataSettings
from .columns import typed
from .header import value_as_name
from .ids import proposed_id

__all__ = ["proposed_reading", "proposing_columns"]

_DISTINCT = 0.1  # of the filled rows: a column of lists or classes has few different values
_FEWEST_WORDS = 8  # a column of shorter texts is no output that anybody would have a model write
# Names under which tables have texts to be written: they may be shorter, and come before other long texts.
_NAMED = re.compile(r"(?i)body|description|answer|response|completion|summary|reply|translation|beschreibung|text\b")
_NAMED_WORDS, _NAMED_WEIGHT = 3, 3
_FILLED = 0.05  # of the rows; in exports of shops only the first row of a product has its text, and others are images
_ROWS = 2_000
_ITEMS, _WORDS_OF_AN_ITEM = 4, 6  # commas and words, from and below which a text is a list


def proposed_reading(source: Any, data: DataSettings) -> DataSettings | None:
    """The settings with the longest texts as the output, all other columns as the input, and the one that names each row
    as the id.

    None if the columns are recognised or stated, none holds long texts, or the first line of a file has no names.

    Raises:
        DataError: the source cannot be read.
    """
    every = data.input == ALL_COLUMNS and data.output is not None
    if data.input is not None and data.output is not None and (not every or data.id is not None):
        return None
    batch = _first_batch(source, data)
    if batch is None or not len(batch.numbers) or len(batch.names) < 2:
        return None
    layout = _layout(batch, data)
    if layout is not None:
        id = proposed_id(batch, output=layout.shape.output) if every and layout.id is None else None
        return None if id is None else replace(data, id=id)
    if _headless(source, batch) or _is_preference(batch.names):
        return None
    output = data.output or _longest(batch, data)
    if output not in batch.names:
        return None
    others = [name for name in batch.names if name != output]
    if data.input is not None or len(others) == 1:
        return replace(data, output=output, input=data.input or others[0])
    id = data.id or proposed_id(batch, output=output)
    return replace(data, output=output, input=ALL_COLUMNS, id=id)


@contextmanager
def proposing_columns(source: Any, data: DataSettings) -> Iterator[None]:
    """Add to an error about columns what they could be, from the first records, or that the file has no column names."""
    try:
        yield
    except DataError as error:
        told = _told(source, data, str(error))
        if told is None:
            raise
        raise DataError(told) from None


def _told(source: Any, data: DataSettings, error: str) -> str | None:
    """The error with a proposal; None if the columns are recognised, or nothing can be proposed."""
    try:
        batch = _first_batch(source, data)
        if batch is None or not len(batch.numbers) or _layout(batch, data) is not None:
            return None
        if value := _headless(source, batch):
            return (
                f'{source}: the first line seems to be data, not the names of columns: "{value[:40]}" is like the values below '
                f"it\nPut a line with names before it, such as {_names(batch, data)}."
            )
        chosen = proposed_reading(source, data)
    except DataError:
        return None
    if chosen is None:
        return None
    inputs = (chosen.input,) if isinstance(chosen.input, str) else chosen.input or ()
    options = [*(typed("--input", name) for name in inputs), typed("--output", chosen.output or "")]
    options += [typed("--id", chosen.id)] if chosen.id else []
    return f"{error}\nFor these columns: {' '.join(options)}"


def _names(batch: Batch, data: DataSettings) -> str:
    """A line of column names for a file without one."""
    output = _longest(batch, data)
    id = proposed_id(batch, output=output)
    if len(batch.names) == 2 and output is not None:
        return ",".join("output" if name == output else "input" for name in batch.names)
    known = {output: "output", id: "id"}
    return ",".join(known.get(name, f"column{place}") for place, name in enumerate(batch.names, start=1))


def _layout(batch: Batch, data: DataSettings) -> Layout | None:
    """The layout of the first records; None if their columns are not those of pairs."""
    seen = Columns()
    seen.see(batch, data)
    try:
        return find_layout(seen, data, "")
    except DataError:
        return None


def _headless(source: Any, batch: Batch) -> str | None:
    """The value that stands where the first column has its name; None if the names are names."""
    files = find_files(str(source)) if isinstance(source, str | Path) and not is_saved_dataset(Path(source)) else []
    return value_as_name(batch, files[0]) if files else None


def _is_preference(names: Sequence[str]) -> bool:
    return "chosen" in names and "rejected" in names


def _first_batch(source: Any, data: DataSettings) -> Batch | None:
    if not isinstance(source, str | Path):
        return next(iter(table_batches(source)), None)
    if Path(source).is_dir() and is_saved_dataset(Path(source)):
        return next(iter(table_batches(load_saved(Path(source)))), None)
    wanted = [data.output] if data.output else []
    batches, _ = read_records(
        find_files(str(source))[0],
        encoding=data.encoding,
        delimiter=data.delimiter,
        wanted=wanted,
        sheet=data.sheet,
        limits=data.limits,
    )
    return next(iter(batches), None)


def _longest(batch: Batch, data: DataSettings) -> str | None:
    """The column with the most words in its filled rows, weighed by how many of them differ; None if none holds sentences."""
    given = {data.input} if isinstance(data.input, str) else set(data.input or ())
    best: tuple[float, str] | None = None
    for name in batch.names:
        if name in given:
            continue
        values = list(batch.column(name)[:_ROWS])
        if any(isinstance(value, list | Mapping) for value in values):
            continue
        texts = pl.Series([field_text(value) for value in values], dtype=pl.String)
        words = texts.str.count_matches(r"\S+")
        filled = words.filter(words > 0)
        if len(filled) < max(1, _FILLED * len(texts)) or _lists(texts):
            continue
        usual = float(filled.median() or 0)  # type: ignore[arg-type] — of numbers
        distinct = texts.filter(words > 0).n_unique() / len(filled)
        named = _NAMED.search(name) is not None
        weight = usual * distinct * (_NAMED_WEIGHT if named else 1)
        long = usual >= (_NAMED_WORDS if named else _FEWEST_WORDS)
        if long and distinct >= _DISTINCT and (best is None or weight > best[0]):
            best = weight, name
    return best[1] if best else None


def _lists(texts: pl.Series) -> bool:
    """Whether most of the texts are lists of a few words each, such as tags."""
    filled = texts.filter(texts.str.strip_chars() != "")
    marks = filled.str.count_matches(r"[,;|]")
    short = filled.str.count_matches(r"\S+") < _WORDS_OF_AN_ITEM * (marks + 1)
    lists = (marks >= _ITEMS) & short & (filled.str.count_matches(r"[.!?](?:\s|$)") <= marks / _ITEMS)
    return float(lists.mean() or 0) > 0.5  # type: ignore[arg-type]
