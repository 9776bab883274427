"""The check `length`: how long an output may be."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults
from ..kind import Kind
from ..schema import Check
from ..words import at_least_at_most

__all__ = ["LENGTH"]


@dataclass(frozen=True)
class LengthParameters:
    """How long an output may be; at least one end is given."""

    unit: Literal["characters", "words", "sentences", "lines", "paragraphs"] = "characters"
    min: int | None = None
    max: int | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ConfigError('needs "min" or "max"')
        if (self.min or 0) < 0 or (self.max is not None and self.max < (self.min or 0)):
            raise ConfigError(f"0 <= min <= max is expected, found min {self.min}, max {self.max}")


_TEXT = pl.col("text")
_UNITS = {
    "characters": _TEXT.str.len_chars(),
    "words": _TEXT.str.count_matches(r"\S+"),
    # An end mark counts as one sentence's end when space or the end of the text follows; a rest without a mark is one.
    "sentences": _TEXT.str.count_matches(r"[.!?…]+[\"'”’)]*(?:\s|$)|[^.!?…\s][\"'”’)]*\s*$"),
    "lines": _TEXT.str.strip_chars_end("\n").str.count_matches("\n") + (_TEXT != "").cast(pl.UInt32),
    "paragraphs": _TEXT.str.count_matches(r"(?:^|\n[ \t]*\n)\s*\S"),
}


def _find_length(check: Check, columns: Columns) -> Findings:
    p: LengthParameters = check.parameters
    counts = pl.DataFrame({"text": columns.output}).select(_UNITS[p.unit])["text"]
    low, high = p.min or 0, p.max if p.max is not None else 2**31
    wrong = pl.DataFrame({"count": counts}).with_row_index().filter(~pl.col("count").is_between(low, high))
    expected = f"{at_least_at_most(p.min, p.max)} {p.unit}"
    return Findings(faults([(index, f"{n} {p.unit}", None, None, expected) for index, n in wrong.iter_rows()]))


def _say_length(check: Check) -> str:
    p: LengthParameters = check.parameters
    if p.unit == "lines" and p.max == 1:
        return "Write one single line."
    return f"Write {at_least_at_most(p.min, p.max)} {p.unit}."


LENGTH = Kind("length", "form", LengthParameters, _find_length, _say_length)
