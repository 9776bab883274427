"""Finds the column that names each row, such as a sku."""

import re
from collections.abc import Sequence

import polars as pl

from ...style import field_text
from ..read.formats.batch import Batch

__all__ = ["ID_FEWEST", "names_rows", "proposed_id"]

ID_FEWEST = 20  # rows from which a column that differs in each of them means something
_ROWS = 2_000
_LONGEST = 60  # characters
_QUOTED = 0.05  # of the outputs that contain the value: what a text states must be in its input
# The names of such columns in exports of shops, catalogues and databases.
_NAMED = re.compile(
    r"(?i)(?:^|[\W_])(?:sku|e?id|uid|uuid|guid|key|ean|gtin|upc|isbn|asin|mpn|handle|slug|"
    r"(?:item|article|product|part|catalog(?:ue)?|order|model|serial)?[\W_]{0,8}(?:no|nr|num|number|code)|artikelnummer|artnr)"
    r"(?:$|[\W_\d])"
)
_NOT = re.compile(
    r"(?i)price|weight|width|height|length|depth|size|count|qty|quantity|stock|postal|zip|phone|page|year"
)
_MEASURE = re.compile(r"^\W?\d+(?:[.,]\d+)?\s*\D{0,4}$")


def proposed_id(batch: Batch, *, output: str | None) -> str | None:
    """The column of the records that names each of them; None if there is none, or the outputs quote it."""
    outputs = [] if output is None else [field_text(value) for value in batch.column(output)[:_ROWS]]
    columns = {
        name: [field_text(value) for value in batch.column(name)[:_ROWS]] for name in batch.names if name != output
    }
    found = [name for name, texts in columns.items() if names_rows(name, texts, outputs)]
    if len(columns) - len(found) < 1:
        return None  # something must remain for the input
    return next((name for name in found if _NAMED.search(name)), next(iter(found), None))


def names_rows(name: str, texts: Sequence[str | None], outputs: Sequence[str]) -> bool:
    """Whether a column of texts, one per row, has a code or a name of its own for each row, which no output quotes."""
    if len(texts) < ID_FEWEST or not all(texts) or len(set(texts)) < len(texts) or _NOT.search(name):
        return False
    values = pl.Series(texts, dtype=pl.String)
    if values.str.contains(r"\s").any() or values.str.len_chars().max() > _LONGEST:  # type: ignore[operator]
        return False
    codes = values.str.contains(r"\d").all() and values.str.contains(r"[^\d.,\s]").all() and not _measures(values)
    if not (codes or _NAMED.search(name)):
        return False
    quoted = sum(str(text).casefold() in output.casefold() for text, output in zip(texts, outputs, strict=False))
    return quoted <= _QUOTED * len(outputs)


def _measures(values: pl.Series) -> bool:
    """Whether the values are numbers with units, or dates."""
    dates = values.str.contains(r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
    return bool(values.str.contains(_MEASURE.pattern).all() or dates.all())
