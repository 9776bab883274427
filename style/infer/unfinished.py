"""Outputs that stand in for one that is still to be written: they say nothing about a style."""

import polars as pl

from ..check import check_columns
from ..read import parse_style
from ..schema import Columns
from ..words import label_counts

__all__ = ["unfinished"]

_MOST = 0.2  # of the outputs; what is in more of them is how they are written
# Placeholders within a text and refusals, as the check `clean` finds them.
_CLEAN = "checks: [{kind: clean, allow: [fences, assistant phrases, mojibake, prompt echo]}]"
# The whole output, or what it begins with in capitals. Rust syntax. A label may be such a word, as in a list of tasks.
_WHOLE = (
    r"(?i)\A\W*(?:todo|tbd|tba|fixme|x{3,}|placeholder|\?{2,}|coming soon|(?:text |description |details )?to (?:be"
    r" (?:added|announced|completed|confirmed|decided|defined|determined|done|provided|written)|come|follow)|lorem ipsum\b.*"
    r"|(?-i:TODO|TBD|FIXME)\b.*)\W*\z"
)


def unfinished(columns: Columns) -> pl.Series:
    """For each output whether it stands in for one: a placeholder such as `TBD`, or a refusal. None if that is usual."""
    found = check_columns(columns, parse_style(_CLEAN, where="unfinished outputs")).status["clean"] == "fail"
    if label_counts(columns.output.str.strip_chars()).is_empty():
        found |= columns.output.str.contains(_WHOLE)
    return found if found.sum() <= _MOST * len(found) else found & False
