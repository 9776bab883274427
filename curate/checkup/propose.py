"""Proposes the columns of a table where none are named: the longest texts are the outputs, all others the input."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError
from ...style import field_text
from ..read.batch import Batch
from ..read.columns import Columns, find_layout
from ..read.records import read_records
from ..read.shapes import ALL_COLUMNS
from ..read.sources import find_files, is_saved_dataset, load_saved, table_batches
from ..settings import DataSettings

__all__ = ["proposed_reading"]

_DISTINCT = 0.1  # of the filled rows: a column of lists or classes has few different values
_FEWEST_WORDS = 8  # a column of shorter texts is no output that anybody would have a model write
# Names under which tables have texts to be written: they may be shorter, and come before other long texts.
_NAMED = re.compile(r"(?i)body|description|answer|response|completion|summary|reply|translation|beschreibung|text\b")
_NAMED_WORDS, _NAMED_WEIGHT = 3, 3
_FILLED = 0.05  # of the rows; in exports of shops only the first row of a product has its text, and others are images
_ROWS = 2_000
_ITEMS, _WORDS_OF_AN_ITEM = 4, 6  # commas and words, from and below which a text is a list


def proposed_reading(source: Any, data: DataSettings) -> DataSettings | None:
    """The settings with the longest texts as the output and all other columns as the input.

    None if the columns are recognised or stated, or none holds long texts.

    Raises:
        DataError: the source cannot be read.
    """
    if data.input is not None and data.output is not None:
        return None
    batch = _first_batch(source, data)
    if batch is None or not len(batch.numbers) or len(batch.names) < 2:
        return None
    seen = Columns()
    seen.see(batch, data)
    try:
        find_layout(seen, data, "")
    except DataError:
        output = data.output or _longest(batch, data)
        if output not in batch.names or _is_preference(batch.names):
            return None
        others = [name for name in batch.names if name != output]
        return replace(data, output=output, input=data.input or (others[0] if len(others) == 1 else ALL_COLUMNS))
    return None


def _is_preference(names: Sequence[str]) -> bool:
    return "chosen" in names and "rejected" in names


def _first_batch(source: Any, data: DataSettings) -> Batch | None:
    if not isinstance(source, str | Path):
        return next(iter(table_batches(source)), None)
    if Path(source).is_dir() and is_saved_dataset(Path(source)):
        return next(iter(table_batches(load_saved(Path(source)))), None)
    wanted = [data.output] if data.output else []
    batches, _ = read_records(
        find_files(str(source))[0], encoding=data.encoding, delimiter=data.delimiter, wanted=wanted, sheet=data.sheet
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
