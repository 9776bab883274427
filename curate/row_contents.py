"""The contents of a run's rows as they were read, by which decisions about them find them again."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from .decisions import EDITED
from .read import pair_contents
from .run_files import pair_lines, read_ledger, read_summary

__all__ = ["contents_as_read", "row_contents"]

_TEXTS: dict[str, Any] = dict.fromkeys(("input", "fields", "output"), pl.String)


def row_contents(run: Path, ids: Collection[str]) -> dict[str, str]:
    """The content of each of these rows before a person or a repair changed it; rows that were no pair are left out.

    Raises: DataError if the run has no ledger, or it is damaged.
    """
    wanted = pl.Series(sorted(set(ids)), dtype=pl.String)
    rows = read_ledger(run, ["row", "id", "content", "evidence"], pl.col("id").is_in(wanted.implode()))
    found = dict(rows.drop_nulls("content").select("id", "content").rows())
    # The ledger holds the content that counts: of an edited row that of its new text, of a dropped one none.
    edited = pl.col("evidence").str.contains(EDITED, literal=True).fill_null(False)
    others = set(rows.filter(edited | pl.col("content").is_null())["row"].to_list())
    identifiers = read_summary(run).get("identifiers") or []
    pairs = [pair for pair in pair_lines(run) if pair["row"] in others] if others else []
    return found | dict(zip((pair["id"] for pair in pairs), contents_as_read(pairs, identifiers), strict=True))


def contents_as_read(pairs: Sequence[Mapping[str, Any]], identifiers: Collection[str]) -> list[str]:
    """The content of each canonical pair before a person or a repair changed its output, by which decisions know it."""
    texts = [
        (
            pair["input"],
            None if pair["fields"] is None else json.dumps(pair["fields"], ensure_ascii=False),
            pair["output"] if pair.get("written") is None else pair["written"],
        )
        for pair in pairs
    ]
    return pair_contents(pl.DataFrame(texts, schema=_TEXTS, orient="row"), identifiers)
