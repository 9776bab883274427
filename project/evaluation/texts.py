"""Outputs without ids: matched to the pairs by order, or by the labels of a pandas index."""

from typing import Any

import polars as pl

from ...core import DataError, say
from ...curate import RawPairs


def texts_by_id(source: Any, variant: str, pairs: Any, raw: RawPairs) -> Any:
    """The texts of a list or Series as a table with `id` and `output`; anything else unchanged.

    `raw` is what was read from `pairs`. Two pandas objects with the same labels are matched by label, whatever their order.

    Raises: DataError if there are not as many texts as rows, or the labels of the two indexes differ.
    """
    if not _is_texts(source):
        return source
    texts = _by_labels(source, variant, pairs) if hasattr(source, "iloc") and hasattr(pairs, "iloc") else list(source)
    if len(texts) != raw.rows_read:
        raise DataError(
            f"the outputs of {variant}: {say.count(len(texts), 'text')} for {say.count(raw.rows_read, 'pair')}\n"
            "Pass a text for each pair, in the same order, or a table with the columns id and output."
        )
    # Rows that are not pairs were left out, so a pair's text is found by its row number.
    return [{"id": id, "output": _text(texts[row - 1])} for id, row in raw.pairs.select("id", "row").iter_rows()]


def _is_texts(source: Any) -> bool:
    if isinstance(source, pl.Series) or (hasattr(source, "iloc") and not hasattr(source, "columns")):
        return True
    first = next((value for value in source if value is not None), None) if isinstance(source, list | tuple) else None
    return isinstance(first, str)


def _by_labels(series: Any, variant: str, pairs: Any) -> list[Any]:
    """The values of a pandas Series in the order of the rows of a pandas table."""
    if series.index.equals(pairs.index):
        return list(series)
    if not series.index.is_unique or not pairs.index.is_unique or set(series.index) != set(pairs.index):
        raise DataError(
            f"the outputs of {variant}: their index has different labels from that of the pairs\n"
            "Pass .to_list() if they are in the order of the pairs."
        )
    return list(series.reindex(pairs.index))


def _text(value: Any) -> Any:
    """The value, or None for the missing values of pandas."""
    missing = value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
    return None if missing else value
