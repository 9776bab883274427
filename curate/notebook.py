"""The result of curating for a notebook: what was kept and why the rest was not, and the first pairs."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from ..core import notebook_page, say

__all__ = ["PAIR", "curated_html"]

PAIR = ("id", "input", "output", "split")  # what a result shows of a kept pair


def curated_html(summary: Mapping[str, Any], kept: pl.DataFrame) -> str:
    """How many rows were kept, the outcomes and rules of the others, the splits, the first of the `kept` pairs, warnings."""
    outcomes = summary["outcomes"]
    figures = [(name, say.count(n)) for name, n in outcomes.items() if name != "kept" and n]
    figures += [(f"dropped by {rule}", say.count(n)) for rule, n in summary["rules"].items()]
    figures += [(f"{name} pairs", say.count(n)) for name, n in summary["splits"].items()]
    return notebook_page(
        f"{say.count(outcomes['kept'])} of {say.count(summary['rows_read'], 'row')} kept",
        figures=figures,
        table=kept.select(PAIR),
        notes=[warning["text"] for warning in summary["warnings"]],
    )
