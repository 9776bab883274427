"""What checks of prose find outside of the protected spans of a text."""

from collections.abc import Callable, Sequence

import polars as pl

from .protected import cuts
from .schema import Check, Columns, Findings

__all__ = ["in_prose", "whole_terms"]

Place = tuple[int, str, int, int]  # row, text found, start, end


def in_prose(find: Callable[[Check, Columns], Findings], check: Check, columns: Columns) -> Findings:
    """What a check finds in prose: texts that break it and may have protected spans are checked again without them."""
    findings = find(check, columns)
    marked = columns.protected.marked(findings.violations["index"].unique().sort())
    prose = pl.Series("output", [columns.protected.prose(row) for row in marked], dtype=pl.String)
    other = prose != columns.output.gather(marked)
    rows, prose = marked.filter(other), prose.filter(other)
    if not len(rows):
        return findings
    again = find(check, columns.changed(rows.to_list(), prose))
    texts = columns.output.gather(rows).to_list()
    places = again.violations.select("index", "found", "start", "end").iter_rows()
    found = [text if start is None else texts[index][start:end] for index, text, start, end in places]
    moved = again.violations.with_columns(
        index=rows.gather(again.violations["index"]), found=pl.Series(found, dtype=pl.String)
    )
    others = findings.violations.filter(~pl.col("index").is_in(rows.implode()))
    applicable = findings.applicable
    if applicable is not None and again.applicable is not None:
        applicable = applicable.clone().scatter(rows, again.applicable)
    return Findings(pl.concat([others, moved]).sort("index", maintain_order=True), applicable, findings.unscored)


def whole_terms(columns: Columns, places: Sequence[Place], pattern: str) -> Sequence[Place]:
    """The places of terms (matches of `pattern`) without those within a protected span; a term that is all of one counts."""
    rows = pl.Series([*dict.fromkeys([place[0] for place in places])], dtype=pl.UInt32)
    # Within a part number, one of these marks is next to the term.
    joined = rows.filter(columns.output.gather(rows).str.contains(rf"[_.+/-](?:{pattern})|(?:{pattern})[_.+/-]"))
    doubtful = {*columns.protected.marked(rows), *joined}
    return [place for place in places if place[0] not in doubtful or not cuts(columns.protected[place[0]], *place[2:])]
