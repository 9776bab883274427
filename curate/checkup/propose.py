"""Proposes the columns of a table where none are named: the longest texts are the outputs, all others the input.

Also finds the column that names each row, such as a sku, and whether the first line holds values in place of names.
"""

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
from ..read.formats.records import file_kind, read_records
from ..read.shapes import ALL_COLUMNS
from ..read.sources import as_table, find_files, is_saved_dataset, table_batches
from ..settings import DataSettings
from .findings import typed

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
    if _headless(source, batch) or {"chosen", "rejected"} <= set(batch.names):
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


def _first_batch(source: Any, data: DataSettings) -> Batch | None:
    table = as_table(source)
    batches = read_records(find_files(str(source))[0], data)[0] if table is None else table_batches(table)
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


_HEADED_ROWS = 500  # looked at
_HEADED = (".csv", ".tsv", ".xlsx")  # kinds of files whose first line has the names
_FEWEST = 3  # rows from which they say something about the first line
_MOST = 0.8  # of the values of a column that look like its name
_REPEATED = 0.02  # of the rows that have the name as their value: a lamp among lamps
_SENTENCE_WORDS = 5
_LONGEST_NAME = 200  # characters of a name; questions of surveys, which are names as well, are shorter
_YEAR = re.compile(r"(?:19|20|21)\d\d")  # also the name of a column
_TYPED = {
    "number": re.compile(r"[-+]?[€$£]?\s?\d+(?:[.,\s]\d+)*\s?[€$£%]?"),
    "date": re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[T ].*)?"),
    "UUID": re.compile(r"(?i)(?:[a-z]+[-_:])?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    "address": re.compile(r"(?i)https?://\S+|[^@\s]+@[^@\s]+\.\w+"),
}


def value_as_name(batch: Batch, path: Path) -> str | None:
    """The first column name of a file's first records that is like the values below it; None if the names are names.

    Only a file has names that can be values: the keys of JSON and the columns of Parquet were written as names.
    """
    if file_kind(path) not in _HEADED:
        return None
    columns = {
        name: [text for value in batch.column(name)[:_HEADED_ROWS] if (text := field_text(value).strip())]
        for name in batch.names
    }
    return next((name for name, texts in columns.items() if len(texts) >= _FEWEST and _is_value(name, texts)), None)


def _is_value(name: str, texts: Sequence[str]) -> bool:
    """Whether a name is one of the values of its column, of the same form as nearly all of them, or as long as a text."""
    if _YEAR.fullmatch(name):
        return False
    if len(name) > _LONGEST_NAME:
        return True
    if texts.count(name) > max(1, _REPEATED * len(texts)):
        return True
    for form in _TYPED.values():
        if form.fullmatch(name) and sum(form.fullmatch(text) is not None for text in texts) >= _MOST * len(texts):
            return True
    if (form := _form_of_code(name)) is not None:
        return sum(_form_of_code(text) == form for text in texts) >= _MOST * len(texts)
    sentence = re.search(r"[.!]$", name) is not None and len(name.split()) >= _SENTENCE_WORDS
    return sentence and sum(len(text.split()) >= _SENTENCE_WORDS for text in texts) >= _MOST * len(texts)


def _form_of_code(text: str) -> str | None:
    """The kinds of characters of a code such as K-1000, each run once: A-9; None if it is no code."""
    if not re.fullmatch(r"(?=.*\d)(?=.*[^\W\d_])\S{2,40}", text):
        return None
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "A", text))


ID_FEWEST = 20  # rows from which a column that differs in each of them means something
_LONGEST_ID = 60  # characters of a value
_QUOTED = 0.05  # of the outputs that contain the value: what a text states must be in its input
# The names of such columns in exports of shops, catalogues and databases.
_NAMED_ID = re.compile(
    r"(?i)(?:^|[\W_])(?:sku|e?id|uid|uuid|guid|key|ean|gtin|upc|isbn|asin|mpn|handle|slug|"
    r"(?:item|article|product|part|catalog(?:ue)?|order|model|serial)?[\W_]{0,8}(?:no|nr|num|number|code)|artikelnummer|artnr)"
    r"(?:$|[\W_\d])"
)
_NOT = re.compile(
    r"(?i)price|weight|width|height|length|depth|size|count|qty|quantity|stock|postal|zip|phone|page|year"
)
_MEASURE = r"^\W?\d+(?:[.,]\d+)?\s*\D{0,4}$"


def proposed_id(batch: Batch, *, output: str | None) -> str | None:
    """The column of the records that names each of them; None if there is none, or the outputs quote it."""
    outputs = [] if output is None else [field_text(value) for value in batch.column(output)[:_ROWS]]
    columns = {
        name: [field_text(value) for value in batch.column(name)[:_ROWS]] for name in batch.names if name != output
    }
    found = [name for name, texts in columns.items() if names_rows(name, texts, outputs)]
    if len(columns) - len(found) < 1:
        return None  # something must remain for the input
    return next((name for name in found if _NAMED_ID.search(name)), next(iter(found), None))


def names_rows(name: str, texts: Sequence[str | None], outputs: Sequence[str]) -> bool:
    """Whether a column of texts, one per row, has a code or a name of its own for each row, which no output quotes."""
    if len(texts) < ID_FEWEST or not all(texts) or len(set(texts)) < len(texts) or _NOT.search(name):
        return False
    values = pl.Series(texts, dtype=pl.String)
    if values.str.contains(r"\s").any() or values.str.len_chars().max() > _LONGEST_ID:  # type: ignore[operator]
        return False
    dates = values.str.contains(r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}").all()
    measures = dates or values.str.contains(_MEASURE).all()  # numbers with units
    codes = values.str.contains(r"\d").all() and values.str.contains(r"[^\d.,\s]").all() and not measures
    if not (codes or _NAMED_ID.search(name)):
        return False
    quoted = sum(str(text).casefold() in output.casefold() for text, output in zip(texts, outputs, strict=False))
    return quoted <= _QUOTED * len(outputs)
