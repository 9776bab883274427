"""The checks `starts_with` and `ends_with`: the text at either end of an output."""

from dataclasses import dataclass

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults
from ..kind import Kind
from ..schema import Check
from ..words import one_of

__all__ = ["ENDS_WITH", "STARTS_WITH"]


@dataclass(frozen=True)
class AffixParameters:
    """The texts of which one stands at that end; `{field}` stands for the value of an input field."""

    any: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.any or not all(self.any):
            raise ConfigError('"any" needs at least one text, and none may be empty')


def _find_affix(check: Check, columns: Columns, *, at_start: bool) -> Findings:
    p: AffixParameters = check.parameters
    wanted = pl.DataFrame({str(n): columns.filled(text) for n, text in enumerate(p.any)})
    frame = wanted.with_columns(columns.output.alias("output")).with_row_index()
    fold = (lambda e: e.str.to_lowercase()) if check.ignore_case else (lambda e: e)
    output = fold(pl.col("output").str.strip_chars())
    method = output.str.starts_with if at_start else output.str.ends_with
    holds = pl.any_horizontal(method(fold(pl.col(name))).fill_null(False) for name in wanted.columns)
    applicable = frame.select(a=pl.any_horizontal(pl.col(wanted.columns).is_not_null()))["a"]
    # Violations need a place: the words at that end of the text, as long as the longest wanted text.
    wrong = frame.filter(~holds & applicable)
    rows = []
    for index, *texts, output_text in wrong.select("index", *wanted.columns, "output").iter_rows():
        choices = [text for text in texts if text is not None]
        length = max(map(len, choices))
        start, end = _end_of(output_text, length, at_start=at_start)
        expected = f"{one_of(choices)} at the {'start' if at_start else 'end'}"
        rows.append((index, output_text[start:end], start, end, expected))
    return Findings(faults(rows), applicable)


def _end_of(text: str, length: int, *, at_start: bool) -> tuple[int, int]:
    """The place of about `length` code points at that end of a text: whole words, blank margins left out."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    if at_start:
        end = min(first + length, last)
        while end < last and not text[end - 1].isspace() and not text[end].isspace():
            end += 1
        return first, first + len(text[first:end].rstrip())
    start = max(last - length, first)
    while start > first and not text[start - 1].isspace():
        start -= 1
    return start, last


def _say_affix(check: Check, *, verb: str) -> str:
    p: AffixParameters = check.parameters
    if len(p.any) == 1 and (name := p.any[0]) and name.startswith("{") and name.endswith("}"):
        return f"{verb} with the {name[1:-1]}, written as it is given."
    return f"{verb} with {one_of(p.any)}."


STARTS_WITH = Kind(
    "starts_with", "form", AffixParameters,
    lambda check, columns: _find_affix(check, columns, at_start=True), lambda check: _say_affix(check, verb="Start"),
)  # fmt: skip
ENDS_WITH = Kind(
    "ends_with", "form", AffixParameters,
    lambda check, columns: _find_affix(check, columns, at_start=False), lambda check: _say_affix(check, verb="End"),
)  # fmt: skip
