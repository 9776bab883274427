"""What the summary says about people's decisions: how many apply, and which outputs they edited."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl

from ..core import say
from .decisions import Decided
from .split import SPLITS

__all__ = ["edit_warnings", "summarise_decisions"]

_LISTED = 200  # edited references; their texts stand in the summary


def summarise_decisions(decided: Decided, kept: pl.DataFrame) -> dict[str, Any]:
    """The entry about decisions in curate/summary.json; `kept` has the columns `row, id, split` of the kept rows.

    edited: kept rows of each split whose output a person wrote. references: those of test, at most 200, with who edited
    them and what they were before.
    """
    edited = kept.filter(pl.col("row").is_in(list(decided.edited)))
    references = edited.filter(split="test").sort("row")
    return {
        "applied": decided.applied,
        "unmatched": list(decided.unmatched),
        "changed": list(decided.changed),
        "edited": {split: int((edited["split"] == split).sum()) for split in SPLITS},
        "references": [_reference(decided, *row) for row in references.select("row", "id").head(_LISTED).rows()],
    }


def _reference(decided: Decided, row: int, id: str) -> dict[str, Any]:
    made, (before, after) = decided.edits[row], decided.edited[row]
    return {"row": row, "id": id, "who": made.who, "why": made.why, "when": made.when, "before": before, "after": after}


def edit_warnings(decided: Decided, kept: pl.DataFrame) -> Iterator[dict[str, str]]:
    """That references which people edited may favour the outputs that these people had seen."""
    rows = kept.filter((pl.col("split") == "test") & pl.col("row").is_in(list(decided.edited)))["row"].to_list()
    if rows:
        by = Counter(decided.edits[row].who or "unnamed" for row in rows)
        people = ", ".join(
            f"{name} {say.count(n)}" for name, n in sorted(by.items(), key=lambda one: (-one[1], one[0]))
        )
        are = "test reference was" if len(rows) == 1 else "test references were"
        text = f"{say.count(len(rows))} {are} edited by people ({people})."
        yield {
            "code": "references_edited",
            "text": f"{text} Edited after outputs were seen, a reference favours what was seen: let someone edit who has not.",
        }
