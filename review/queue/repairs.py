"""Rejected rows that a repair makes acceptable: found in the background, some hundred at a time."""

from threading import Lock

import polars as pl

from .rules import Rules
from .sources.ledger import most_frequent_first
from .texts import SET_ASIDE, Texts, chunks

_AT_ONCE = 200  # rows repaired together: about a tenth of a second


class Repairs:
    """Divides the rejected rows into those with a repair and the others.

    `tried`: whether to look for repairs at all; a run that repairs its outputs has left none out. done: whether every row
    was tried.
    """

    def __init__(self, texts: Texts, rules: Rules, rejected: pl.DataFrame, *, tried: bool) -> None:
        self._texts = texts
        self._rules = rules
        # Only a rule of the style suggests edits; what was withheld or cut off stays so.
        self._rejected = rejected.filter(pl.col("rule").str.starts_with("style:") & pl.col("file").is_not_null())
        self._found: dict[int, str] = {}  # row -> what the repair changes
        self._lock = Lock()
        self.done = not tried or not len(self._rejected)

    def find(self) -> None:
        """Try every rejected row that was not tried yet."""
        with self._lock:
            if self.done:
                return
            for pairs in chunks(self._texts.scan(SET_ASIDE, self._rejected["row"].to_list()), _AT_ONCE):
                repairs = zip(pairs, self._rules.repaired(pairs), strict=True)
                found = {pair["row"]: repair.sentence for pair, repair in repairs if repair is not None}
                self._found = self._found | found  # whole at any time: it is read while this goes on
            self.done = True

    def entries(self, kind: str, entries: pl.DataFrame) -> pl.DataFrame:
        """The entries of `repair` or `rejected`: those of the ledger with, or without, the rows with a repair."""
        found = self._found
        if not found:
            return entries
        rows = pl.Series([*found], dtype=pl.UInt32)
        if kind == "rejected":
            return entries.filter(~pl.col("row").is_in(rows.implode()))
        repairs = self._rejected.filter(pl.col("row").is_in(rows.implode()))
        repairs = repairs.with_columns(repair=pl.col("row").replace_strict(found, return_dtype=pl.String))
        return most_frequent_first(pl.concat([entries, repairs]))
