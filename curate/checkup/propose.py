"""Proposes the columns of a table where none are named, and says why: by their names, their texts and their places.

Also finds the column that names each row, such as a sku, and whether the first line holds values in place of names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError
from ...style import field_text
from ..read.columns import Columns, Layout, find_layout
from ..read.conversation import is_conversation
from ..read.formats.batch import Batch
from ..read.formats.records import file_kind, read_records
from ..read.shapes import ALL_COLUMNS
from ..read.sources import as_table, find_files, is_saved_dataset, table_batches
from ..settings import DataSettings
from .findings import quoted_names, typed

_ROWS = 2_000


@dataclass(frozen=True)
class Proposed:
    """Columns that were chosen, and the reason in sentences; `reading` are the settings with them."""

    reading: DataSettings
    reason: str


def proposed_reading(source: Any, data: DataSettings) -> Proposed | None:
    """The columns of output, input and id, chosen by their names and their texts.

    None if the columns are recognised or stated, or the first line of a file has no names.

    Raises:
        DataError: the source cannot be read, or has conversations under another name, or a single column.
    """
    every = data.input == ALL_COLUMNS and data.output is not None
    if data.input is not None and data.output is not None and (not every or data.id is not None):
        return None
    batch = _first_batch(source, data)
    if batch is None or not len(batch.numbers):
        return None
    layout = _layout(batch, data)
    if layout is not None:
        id = proposed_id(batch, output=layout.shape.output) if every and layout.id is None else None
        return None if id is None else Proposed(replace(data, id=id), _names_rows(id))
    if _headless(source, batch) or {data.output, *_given(data)} - {None, ALL_COLUMNS, *batch.names}:
        return None
    if problem := _no_pairs(batch, data):
        raise DataError(f"{source if isinstance(source, str | Path) else 'the table'}: {problem}")
    output, why = (data.output, "") if data.output else _chosen_output(batch, data)
    id = data.id or proposed_id(batch, output=output)
    input = data.input or _chosen_input(batch, output, id)
    taken = ["all other columns"] if input == ALL_COLUMNS else [input] if isinstance(input, str) else list(input)
    apart = [name for name in batch.names if name not in {output, id, *taken, "split", "system", "group"}]
    named = taken[0] if input == ALL_COLUMNS else quoted_names(taken)
    reason = f'"{output}" was taken as the output{why}, {named} as the input.'
    if apart and data.input is None and input != ALL_COLUMNS:
        reason += f" {quoted_names(apart)} {'is' if len(apart) == 1 else 'are'} left out."
    if id is not None and data.id is None:
        reason += f" {_names_rows(id)}"
    return Proposed(replace(data, output=output, input=input, id=id), reason)


def _no_pairs(batch: Batch, data: DataSettings) -> str | None:
    """Why no columns can be proposed, and what to do; None if they can."""
    chats = [name for name in batch.names if any(map(is_conversation, list(batch.column(name)[:_HEADED_ROWS])))]
    if chats and not (data.input or data.output) and not any(_role(name, batch.names) >= 2 for name in batch.names):
        return f'column "{chats[0]}" holds conversations, which are read from a column "messages"\nRename the column.'
    if len(batch.names) == 1:
        return f'"{batch.names[0]}" is the only column, but a pair has an input and an output\nAdd a column with the other one.'
    return None


def _names_rows(id: str) -> str:
    return f'"{id}" names the rows and was taken as the id.'


def _given(data: DataSettings) -> set[str]:
    return {data.input} if isinstance(data.input, str) else set(data.input or ())


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
    except DataError:
        return None
    found = proposed_reading(source, data)
    if found is None:
        return None
    chosen = found.reading
    inputs = (chosen.input,) if isinstance(chosen.input, str) else chosen.input or ()
    options = [*(typed("--input", name) for name in inputs), typed("--output", chosen.output or "")]
    options += [typed("--id", chosen.id)] if chosen.id else []
    return f"{error}\nFor these columns: {' '.join(options)}"


def _names(batch: Batch, data: DataSettings) -> str:
    """A line of column names for a file without one."""
    output, _ = _chosen_output(batch, data)
    id = proposed_id(batch, output=output)
    if len(batch.names) == 2:
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


# --- which column is the output -----------------------------------------------------------------------------------

# Words in the names of columns, as data sets for training use them.
_WRITTEN = {
    "output", "answer", "answers", "response", "completion", "reply", "target", "translation", "translated", "summary",
    "highlights", "sql", "solution", "caption", "correction", "corrected", "reference", "ref", "chosen",
    "assistant", "antwort", "zusammenfassung",
}  # fmt: skip
_DESCRIBING = {"description", "body", "beschreibung"}
_CLASSES = {"label", "labels", "category", "class", "intent", "sentiment", "topic", "emotion"}
_ASKED = {
    "input", "question", "q", "prompt", "source", "instruction", "request", "dialogue", "dialog", "conversation",
    "transcript", "document", "article", "passage", "context", "utterance", "message", "user", "premise", "hypothesis",
    "frage",
}  # fmt: skip
_UNUSED = {"rejected", "image", "images"}
_APART = {*_UNUSED, "split", "system", "group"}  # recognised as what they are
_ROLES = (_WRITTEN, _DESCRIBING, _CLASSES)
_NARROW = 5  # columns of a set of examples at most; more are an export, with a text among many facts
_NAMED = re.compile(r"(?i)text\b")  # in an export, of texts as well
_NAMED_WEIGHT = 3
_LONG_WORDS, _NAMED_WORDS = 8, 3  # of a text in an export
_DISTINCT = 0.1  # of the filled rows: a column of lists or classes has few different values
_CLASS_WORDS, _CLASS_ROWS = 3, 20
_FILLED = 0.05  # of the rows; in exports of shops only the first row of a product has its text, and others are images


@dataclass(frozen=True)
class _Candidate:
    """A column that may be the output.

    role: what the name says: 4 a text to be written, 3 a description, 2 a class, 1 nothing, 0 a request. texts: those of
    its filled rows. words: their median. distinct: the share of those that differ.
    """

    name: str
    role: int
    texts: pl.Series
    words: float
    distinct: float
    nested: bool

    @classmethod
    def of(cls, batch: Batch, name: str) -> "_Candidate | None":
        """The column, unless hardly a row has a value."""
        values = list(batch.column(name)[:_ROWS])
        texts = pl.Series([field_text(value).strip() for value in values], dtype=pl.String)
        filled = texts.filter(texts != "")
        if len(filled) < max(1, _FILLED * len(texts)):
            return None
        words = float(filled.str.count_matches(r"\S+").median() or 0)  # type: ignore[arg-type] — of numbers
        nested = any(isinstance(value, list | Mapping) for value in values)
        return cls(name, _role(name, batch.names), filled, words, filled.n_unique() / len(filled), nested)

    @property
    def classes(self) -> bool:
        """Whether the values are a few classes of few words: a text cannot be written from one of them alone."""
        few = 1 / len(self.texts) < self.distinct <= _DISTINCT
        return few and self.words <= _CLASS_WORDS and len(self.texts) >= _CLASS_ROWS

    @property
    def measures(self) -> bool:
        """Whether the values are measures, dates, addresses or files."""
        found = self.texts.str.contains(_MEASURE) | self.texts.str.contains(_DATE_OR_ADDRESS)
        return not self.classes and float(found.mean() or 0) > _MOST  # type: ignore[arg-type]

    @property
    def text_weight(self) -> float:
        """How much a column of an export is a text: its words, weighed by how many differ and by its name."""
        named = self.role >= 3 or _NAMED.search(self.name) is not None
        if self.words < (_NAMED_WORDS if named else _LONG_WORDS) or self.nested or _lists(self.texts):
            return 0
        return self.words * self.distinct * (_NAMED_WEIGHT if named else 1)


def _role(name: str, names: Sequence[str]) -> int:
    """See `_Candidate`."""
    if name.casefold() == "a" and {"q", "Q"} & set(names):
        return 4
    words = set(re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    named = next((4 - n for n, role in enumerate(_ROLES) if words & role), 1)
    return 0 if named == 1 and words & _ASKED else named


def _chosen_output(batch: Batch, data: DataSettings) -> tuple[str, str]:
    """The column that is most likely the output, and why, as a clause."""
    names = [name for name in batch.names if name not in _given(data) and name != data.id]
    id = proposed_id(batch, output=None) if len(names) > 2 else None
    named = [name for name in names if name not in _APART and name != id]
    found = [one for one in (_Candidate.of(batch, name) for name in named) if one is not None]
    usable = [one for one in found if one.role >= 2 or not (one.measures or one.nested)] or found
    if not usable:
        return names[-1], ", as the last column"
    texts = [one for one in usable if one.text_weight]
    texts = [one for one in texts if one.distinct >= _DISTINCT] or texts  # those of variants repeat
    if len(usable) > _NARROW and texts:
        return max(texts, key=lambda one: one.text_weight).name, ", as the longest text"
    return _of_few(usable, len(named))


def _of_few(usable: Sequence[_Candidate], columns: int) -> tuple[str, str]:
    """By the names, else the last of two columns, else the longest text, else the last one with more than classes."""
    role = max(one.role for one in usable)
    best = [one for one in usable if one.role == role]
    if role < 2 and columns > 2:
        texts = [one for one in best if one.text_weight and one.distinct >= _DISTINCT]
        if texts and columns > 3:
            return max(texts, key=lambda one: one.text_weight).name, ", as the longest text"
        best = [one for one in best if not one.classes] or best
    chosen = best[-1]
    rest = [one for one in usable if one is not chosen]
    if role < 4 and columns == 2 and rest and rest[0].classes and not chosen.classes:
        return rest[0].name, ", since it has few different values, as classes have"
    return chosen.name, ", by its name" if role >= 2 else ", as the last column"


def _chosen_input(batch: Batch, output: str, id: str | None) -> str | tuple[str, ...]:
    """All other columns; beside a request and a text that is written, a class is about both and left out."""
    names = [name for name in batch.names if name not in {output, id, *_APART}]
    names = names or [name for name in batch.names if name != output]
    roles = {name: _role(name, batch.names) for name in names}
    about_both = _role(output, batch.names) == 4 and 0 in roles.values() and len(names) <= _NARROW
    kept = [name for name in names if not (about_both and roles[name] == 2)]
    if len(kept) == 1:
        return kept[0]
    return ALL_COLUMNS if len(kept) == len(names) and not _UNUSED & set(batch.names) else tuple(kept)


_ITEMS, _WORDS_OF_AN_ITEM = 4, 6  # commas and words, from and below which a text is a list


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
_DATE_OR_ADDRESS = r"(?i)^(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\b.*|https?://\S+|/?\S+\.(?:jpe?g|png|gif|webp|pdf))$"
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
