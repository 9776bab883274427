"""The entries of each kind of a run, read once."""

from functools import cached_property

import polars as pl

from ...project import Run
from .rules import Rules
from .sources.entries import entries_of, most_frequent_first
from .sources.held_out import HELD_OUT, failing, kept_pairs, leaks
from .sources.ledger import conflicts, mispaired, near_duplicates, rejected, repaired, waiting_rows
from .sources.outputs import Outputs, unlike
from .sources.training import highest_losses
from .texts import Texts, chunks

_AT_ONCE = 500  # rows checked together


class Tables:
    """The entries of each kind, as the run's files have them."""

    def __init__(self, run: Run, texts: Texts, outputs: Outputs) -> None:
        self._run = run
        self._texts = texts
        self._outputs = outputs

    def of(self, kind: str) -> pl.DataFrame:
        """The entries of a kind, without those that wait for no decision about a row."""
        return self._tables.get(kind, self._none)

    def rows(self) -> dict[str, set[int]]:
        """The rows that items are about, by file."""
        found: dict[str, set[int]] = {}
        for entries in self._tables.values():
            for file, row in entries.drop_nulls("file").select("file", "row").iter_rows():
                found.setdefault(file, set()).add(row)
        return found

    def order_failing(self, rules: Rules) -> None:
        """Say of each kept row which rule it breaks first; those of the most frequent rule come first from then on."""
        for kind in ("unreviewed", "reference"):
            self._order(kind, rules)

    def _order(self, kind: str, rules: Rules) -> None:
        found: dict[int, str | None] = {}
        entries = self.of(kind)
        for file in entries["file"].unique():
            for some in chunks(self._texts.scan(file, entries.filter(file=file)["row"]), _AT_ONCE):
                broken = zip(some, rules.checked(some), strict=True)
                found |= {pair["row"]: f"style:{one.rules[0]}" if one.rules else None for pair, one in broken}
        if any(found.values()):
            named = entries.with_columns(rule=pl.col("row").replace_strict(found, default=None, return_dtype=pl.String))
            self._tables[kind] = most_frequent_first(named)

    def holding(self, entries: pl.DataFrame, search: str) -> pl.Series:
        """Which entries have the text in their ids, their evidence, their requests or their outputs."""
        wanted = search.casefold()
        named = pl.any_horizontal(
            pl.col(name).str.to_lowercase().str.contains(wanted, literal=True).fill_null(False)
            for name in ("id", "other_id", "evidence", "rule")
        )
        files = pl.concat([entries["file"], entries["other_file"]]).drop_nulls().unique().to_list()
        rows = {file: self._texts.holding(file, wanted) for file in files}
        texts = [
            row in rows.get(file, ()) or other in rows.get(other_file, ())
            for file, row, other_file, other in entries.select("file", "row", "other_file", "other").iter_rows()
        ]
        return entries.select(named).to_series() | pl.Series(texts, dtype=pl.Boolean)

    @cached_property
    def _none(self) -> pl.DataFrame:
        return entries_of([])

    @cached_property
    def _tables(self) -> dict[str, pl.DataFrame]:
        run, folder, summary = self._run, self._run.folder, self._run.curation
        held_out = kept_pairs(folder, HELD_OUT)
        # Rules drop train rows only once the style has been reviewed.
        reviewed = (summary.get("style") or {}).get("reviewed", True)
        rows = waiting_rows(folder, (summary.get("near_duplicate") or {}).get("threshold"))
        return {
            "conflict": conflicts(rows),
            "repair": repaired(rows),
            "rejected": rejected(rows),
            "near_duplicate": near_duplicates(rows),
            "mispaired": mispaired(rows),
            "leak": leaks(folder, summary.get("meaning")),
            "loss": highest_losses(folder),
            "unlike": unlike(folder, run.results, held_out.filter(split="test"), self._outputs),
            "unreviewed": failing(kept_pairs(folder, () if reviewed else ("train",))),
            "reference": failing(held_out),
        }
