"""Whether the first line of a table holds values in place of column names."""

import re
from collections.abc import Sequence
from pathlib import Path

from ...style import field_text
from ..read.formats.batch import Batch
from ..read.formats.records import file_kind

__all__ = ["value_as_name"]

_HEADED = (".csv", ".tsv", ".xlsx")  # kinds of files whose first line has the names
_ROWS = 500
_FEWEST = 3  # rows from which they say something about the first line
_MOST = 0.8  # of the values of a column that look like its name
_REPEATED = 0.02  # of the rows that have the name as their value: a lamp among lamps
_SENTENCE_WORDS = 5
_LONGEST = 200  # characters of a name; questions of surveys, which are names as well, are shorter
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
        name: [text for value in batch.column(name)[:_ROWS] if (text := field_text(value).strip())]
        for name in batch.names
    }
    return next((name for name, texts in columns.items() if len(texts) >= _FEWEST and _is_value(name, texts)), None)


def _is_value(name: str, texts: Sequence[str]) -> bool:
    """Whether a name is one of the values of its column, of the same form as nearly all of them, or as long as a text."""
    if _YEAR.fullmatch(name):
        return False
    if len(name) > _LONGEST:
        return True
    if texts.count(name) > max(1, _REPEATED * len(texts)):
        return True
    if any(form.fullmatch(name) and _share(form, texts) >= _MOST for form in _TYPED.values()):
        return True
    if (form := _form_of_code(name)) is not None:
        return sum(_form_of_code(text) == form for text in texts) >= _MOST * len(texts)
    sentence = re.search(r"[.!]$", name) is not None and len(name.split()) >= _SENTENCE_WORDS
    return sentence and sum(len(text.split()) >= _SENTENCE_WORDS for text in texts) >= _MOST * len(texts)


def _share(form: re.Pattern[str], texts: Sequence[str]) -> float:
    return sum(form.fullmatch(text) is not None for text in texts) / len(texts)


def _form_of_code(text: str) -> str | None:
    """The kinds of characters of a code such as K-1000, each run once: A-9; None if it is no code."""
    if not re.fullmatch(r"(?=.*\d)(?=.*[^\W\d_])\S{2,40}", text):
        return None
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "A", text))
