"""Proposals for the pieces of outputs: the items of lists, and a first line that is a title."""

from collections.abc import Iterator

import polars as pl

from ..kind import Proposal
from ..kinds import KINDS
from ..schema import Columns
from ..scope import pieces_of
from ..words import mostly_json

__all__ = ["propose_for_pieces"]

# Outputs with several items, and outputs whose first line is a title, must be this common.
_LISTED_SHARE, _TITLED_SHARE = 0.5, 0.9
_TITLE_WORDS = 15
_MARKED = r"^\s*(?:[-*+•#>|<`]|\d{1,3}[.)]\s)"
# What is said of an item or a title, by kind: a key of the entries that say it.
_ABOUT_ITEMS = {"punctuation": "end", "case": "is"}
_ABOUT_TITLES = {"length": "unit", **_ABOUT_ITEMS}


def propose_for_pieces(columns: Columns) -> Iterator[tuple[str, Proposal]]:
    """Checks of single items and of the first line, each with its kind."""
    if mostly_json(columns.output):
        return
    for unit in ("bullet", "item"):
        items = pieces_of(columns.output, each=unit)
        several = items.group_by("index").len().filter(pl.col("len") > 1)
        if len(several) >= _LISTED_SHARE * len(columns.output):
            yield from _proposals(columns, items, {"each": unit}, _ABOUT_ITEMS)
            break  # every bullet is an item
    lines = columns.output.str.strip_chars().str.extract(r"\A(.*)\n").str.strip_chars()
    title = (lines.str.count_matches(r"\S+") <= _TITLE_WORDS) & ~lines.str.contains(_MARKED)
    if title.fill_null(False).sum() >= _TITLED_SHARE * len(columns.output):
        first = pieces_of(columns.output, part="first line")
        yield from _proposals(columns, first, {"part": "first line"}, _ABOUT_TITLES)


def _proposals(
    columns: Columns, pieces: pl.DataFrame, scope: dict[str, str], about: dict[str, str]
) -> Iterator[tuple[str, Proposal]]:
    """What the kinds suggest for the pieces as if they were outputs, limited to the scope."""
    some = columns.with_outputs(pieces["text"], pieces["index"])
    for kind, key in about.items():
        for proposal in KINDS[kind].propose(some):
            if key in proposal.entry and proposal.entry.get("unit", "words") == "words":
                yield kind, Proposal({**proposal.entry, **scope}, style=False, note=proposal.note, most=proposal.most)
