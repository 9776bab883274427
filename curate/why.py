"""What happened to one row, by which rule, beside which other row."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from ..style.errors import DataError
from .files import read_ledger, read_set_aside, read_split
from .split import SPLITS

__all__ = ["Explanation", "why"]

_SHOWN = 2000  # characters of a text


@dataclass(frozen=True)
class Explanation:
    """A row's outcome with its reason; texts are None where the row could not be read or there is no other row."""

    row: int
    id: str | None
    outcome: str
    split: str | None
    rule: str | None
    evidence: str | None
    other_id: str | None
    similarity: float | None
    input: str | None
    output: str | None
    other_input: str | None
    other_output: str | None

    def __str__(self) -> str:
        named = f' "{self.id}"' if self.id else ""
        lines = [f"Row {self.row}{named}: {self.outcome}" + (f" ({self.split})" if self.split else "")]
        if self.rule:
            lines.append(f"Rule: {self.rule}")
        if self.evidence:
            lines.append(f"Why: {self.evidence}")
        if self.input is not None:
            lines += ["", "Input:", _indented(self.input), "Output:", _indented(self.output or "")]
        if self.other_input is not None:
            alike = f" ({self.similarity:.2f} alike)" if self.similarity is not None else ""
            lines += ["", f'Beside it "{self.other_id}"{alike}', "Input:", _indented(self.other_input)]
            lines += ["Output:", _indented(self.other_output or "")]
        return "\n".join(lines)


def why(run: Path, row_or_id: str) -> Explanation:
    """The explanation of the row with this id or, where no id is like it, of this row number.

    Raises:
        DataError: there is no such row; the nearest ids and the range of rows are named.
    """
    ledger = read_ledger(run)
    found = ledger.filter(pl.col("id") == row_or_id)
    if not len(found) and row_or_id.isdecimal():
        found = ledger.filter(pl.col("row") == int(row_or_id))
    if not len(found):
        raise DataError(_unknown(ledger, row_or_id, run))
    entry = found.row(0, named=True)
    texts = _texts(run)
    own = texts.filter(pl.col("row") == entry["row"])
    other = texts.filter(pl.col("id") == entry["other_id"]) if entry["other_id"] is not None else texts.clear()
    return Explanation(
        **{
            name: entry[name]
            for name in ("row", "id", "outcome", "split", "rule", "evidence", "other_id", "similarity")
        },
        input=_first(own, "input"),
        output=_first(own, "output"),
        other_input=_first(other, "input"),
        other_output=_first(other, "output"),
    )


def _texts(run: Path) -> pl.DataFrame:
    tables = [*(read_split(run, split) for split in SPLITS), read_set_aside(run)]
    return pl.concat([table.select("row", "id", "input", "output") for table in tables])


def _first(table: pl.DataFrame, column: str) -> str | None:
    return table[column][0] if len(table) else None


def _unknown(ledger: pl.DataFrame, asked: str, run: Path) -> str:
    near = get_close_matches(asked, ledger["id"].drop_nulls().to_list(), n=3, cutoff=0.5)
    hint = "nearest ids: " + ", ".join(f'"{name}"' for name in near) if near else "no id is near it"
    return f'{run}: there is no row "{asked}"; {hint}\nRows go from {ledger["row"].min()} to {ledger["row"].max()}.'


def _indented(text: str) -> str:
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + f"… ({len(text):,} characters)"
    return "\n".join("  " + line for line in shown.splitlines())
