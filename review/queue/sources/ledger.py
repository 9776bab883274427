"""The items that the ledger of a run names: conflicts, repaired rows, rejected ones, near duplicates at the border."""

from pathlib import Path

import polars as pl

from ....curate import MISPAIRED, read_ledger
from ..texts import SET_ASIDE
from .entries import as_entries, most_frequent_first

_COLUMNS = ("row", "id", "outcome", "split", "rule", "evidence", "other_id", "similarity", "content", "fixed")
_BORDER = 0.05  # above the threshold: copies that a slightly stricter setting would have kept

_FILE = pl.when(pl.col("outcome") == "kept").then("split").when(pl.col("content").is_not_null()).then(pl.lit(SET_ASIDE))


def waiting_rows(run: Path, threshold: float | None) -> pl.DataFrame:
    """The rows of the ledger that may wait for a person, each with the row that it names.

    `threshold`: the similarity from which a pair counts as near duplicates.

    Raises: DataError if the run is not curated, or damaged.
    """
    border = -1.0 if threshold is None else threshold + _BORDER
    near = (pl.col("rule") == "near_duplicate") & (pl.col("similarity") < border)
    waiting = pl.col("outcome").is_in(["conflict", "invalid", "quarantined"]) | (
        near & (pl.col("outcome") == "duplicate")
    )
    waiting |= pl.col("rule") == MISPAIRED
    repaired = (pl.col("outcome") == "kept") & pl.col("fixed").is_not_null()
    # The ledger of an earlier version has no column `fixed`.
    rows = read_ledger(run, where=waiting | repaired) if _has_fixed(run) else read_ledger(run, where=waiting)
    rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in _COLUMNS if name not in rows.columns)
    rows = rows.filter(pl.col("id").is_not_null()).select(*_COLUMNS, file=_FILE)
    named = rows["other_id"].drop_nulls().unique()
    columns = ["row", "id", "outcome", "split", "content"]
    others = (
        read_ledger(run, columns, pl.col("id").is_in(named.implode())) if len(named) else rows.select(columns).clear()
    )
    others = others.select(other="row", other_id="id", other_file=_FILE).unique("other_id")
    return rows.join(others, on="other_id", how="left", maintain_order="left")


def _has_fixed(run: Path) -> bool:
    return "fixed" in read_ledger(run, where=pl.lit(False)).columns


def conflicts(rows: pl.DataFrame) -> pl.DataFrame:
    """Pairs of a row and the one that it contradicts; of two rows that name each other the smaller one is the first.

    The most similar requests come first, since their answers contradict each other for sure; those about one row follow
    each other.
    """
    rows = rows.filter((pl.col("outcome") == "conflict") & pl.col("other").is_not_null())
    named = rows.select(other="row", back="other")
    pairs = rows.join(named, on="other", how="left", maintain_order="left")
    pairs = pairs.filter((pl.col("back") != pl.col("row")).fill_null(True) | (pl.col("row") < pl.col("other")))
    pairs = pairs.with_columns(
        key=pl.format("{}-{}", "row", "other"), score="similarity", about=pl.min_horizontal("other", "back")
    )
    closest = pl.col("score").max().over("about")
    return as_entries(pairs.sort(closest, "about", "score", "row", descending=[True, False, True, False]))


def repaired(rows: pl.DataFrame) -> pl.DataFrame:
    """Kept rows with a repaired output; those of the most frequent repair first, since one look may accept them all."""
    rows = rows.filter((pl.col("outcome") == "kept") & pl.col("fixed").is_not_null())
    return as_entries(
        most_frequent_first(rows.with_columns(rule="fixed", repair="evidence", key=pl.col("row").cast(pl.String)))
    )


def rejected(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that a rule rejects, or that a person must review; those of the most frequent rule first.

    Rows that could not be read as pairs must be fixed in the file: no decision can keep them.
    """
    unread = (pl.col("outcome") == "invalid") & pl.col("content").is_null()
    rows = rows.filter(pl.col("outcome").is_in(["invalid", "quarantined"]) & ~unread)
    return as_entries(most_frequent_first(rows.with_columns(key=pl.col("row").cast(pl.String))))


def near_duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows left out as copies at a similarity just above the threshold; the least similar first."""
    rows = rows.filter((pl.col("outcome") == "duplicate") & pl.col("other").is_not_null())
    rows = rows.sort("similarity", "row").with_columns(score="similarity", key=pl.col("row").cast(pl.String))
    return as_entries(rows)


def mispaired(rows: pl.DataFrame) -> pl.DataFrame:
    """Kept rows whose output fits the request of another row better, the least fitting first."""
    rows = rows.filter((pl.col("outcome") == "kept") & (pl.col("rule") == MISPAIRED)).sort("similarity", "row")
    return as_entries(rows.with_columns(score="similarity", key=pl.col("row").cast(pl.String), rule=None))
