"""What one check found in a column of outputs, and where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

__all__ = ["Findings", "faults", "no_faults", "regex_places", "text_places"]

FAULT_SCHEMA = {
    "index": pl.UInt32, "found": pl.String, "start": pl.Int64, "end": pl.Int64, "expected": pl.String
}  # fmt: skip

# Noncharacters: Unicode keeps them free for a program's own use, so they mark matches in a copy of the text.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_MARK = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)


@dataclass(frozen=True)
class Findings:
    """Violations (columns of FAULT_SCHEMA), where the check applies at all, and where it could not tell.

    A row with a violation fails, a row where the check does not apply has none. `applicable` None: everywhere.
    `unscored` None: it could tell everywhere; else the reason in each row where it could not, null in the others.
    """

    violations: pl.DataFrame
    applicable: pl.Series | None = None
    unscored: pl.Series | None = None


def no_faults() -> pl.DataFrame:
    """An empty table of violations."""
    return pl.DataFrame(schema=FAULT_SCHEMA)


def faults(rows: Sequence[tuple[int, str | None, int | None, int | None, str]]) -> pl.DataFrame:
    """A table of violations from (index, found, start, end, expected)."""
    return pl.DataFrame(rows, schema=FAULT_SCHEMA, orient="row")


def regex_places(texts: pl.Series, pattern: str) -> list[tuple[int, str, int, int]]:
    """Every match as (index, matched text, start, end) in code points, end excluded; empty matches left out.

    polars (Rust's linear-time engine) does the matching, and brackets each match in a copy of the text, since it
    reports no positions: Python's own engine could hang on a pattern from a style file, and reads some differently.
    """
    frame = pl.DataFrame({"text": texts}).with_row_index()
    hits = frame.filter(pl.col("text").str.contains(pattern)).with_columns(
        marked=pl.col("text").str.replace_many([_OPEN, _CLOSE], ["\ufffd", "\ufffd"])
        .str.replace_all(pattern, f"{_OPEN}${{0}}{_CLOSE}")
    )  # fmt: skip
    places = []
    for index, text, marked in hits.select("index", "text", "marked").iter_rows():
        for number, match in enumerate(_MARK.finditer(marked)):
            start = match.start() - 2 * number  # the marks before it
            if match.group(1):
                end = start + len(match.group(1))
                places.append((index, text[start:end], start, end))
    return places


def text_places(text: str, wanted: str, *, ignore_case: bool) -> list[tuple[int, int]]:
    """Every place (start, end) of a literal text, in code points, end excluded."""
    flags = re.IGNORECASE if ignore_case else re.NOFLAG
    return [match.span() for match in re.finditer(re.escape(wanted), text, flags)] if wanted else []
