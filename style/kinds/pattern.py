"""The check `pattern`: a regular expression and how often it occurs."""

from dataclasses import dataclass

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults, regex_places
from ..kind import Kind
from ..schema import Check
from ..words import quoted, ready_pattern, times

__all__ = ["PATTERN"]


@dataclass(frozen=True)
class PatternParameters:
    """A regular expression (Rust syntax, linear time) and how often it occurs; `whole`: it is the whole output."""

    regex: str
    min: int = 1
    max: int | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        ready_pattern(self.regex)
        if self.min < 0 or (self.max is not None and self.max < self.min):
            raise ConfigError(f"0 <= min <= max is expected, found min {self.min}, max {self.max}")


def _find_pattern(check: Check, columns: Columns) -> Findings:
    p: PatternParameters = check.parameters
    pattern = ready_pattern(p.regex, ignore_case=check.ignore_case, whole=p.whole)
    counts = columns.output.str.count_matches(pattern)
    high = p.max if p.max is not None else 2**31
    wrong = pl.DataFrame({"text": columns.output, "n": counts}).with_row_index()
    wrong = wrong.filter(~pl.col("n").is_between(p.min, high))
    expected = f"the whole text matches {p.regex}" if p.whole else f"{quoted(p.regex)} {times(p.min, p.max)}"
    rows: list[tuple[int, str | None, int | None, int | None, str]] = [
        (index, None, None, None, expected) for index in wrong.filter(pl.col("n") < p.min)["index"]
    ]
    too_many = wrong.filter(pl.col("n") > p.min) if p.max is not None else wrong.clear()
    for place, found, start, end in regex_places(too_many["text"], pattern):
        rows.append((too_many["index"][place], found, start, end, expected))
    return Findings(faults(rows))


def _say_pattern(check: Check) -> str:
    p: PatternParameters = check.parameters
    if p.whole:
        return f"The whole text matches the pattern `{p.regex}`."
    if p.max == 0:
        return f"Nothing matches the pattern `{p.regex}`."
    return f"The pattern `{p.regex}` occurs {times(p.min, p.max)}."


PATTERN = Kind("pattern", "form", PatternParameters, _find_pattern, _say_pattern)
