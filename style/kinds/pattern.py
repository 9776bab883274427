"""The check `pattern`: a regular expression and how often it occurs."""

import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from ...core import ConfigError
from ..kind import Kind, Proposal
from ..schema import Check, Columns, Findings, faults, regex_places
from ..words import mostly_json, quoted, ready_pattern, times

__all__ = ["PATTERN"]


@dataclass(frozen=True)
class PatternParameters:
    """A regular expression (Rust syntax, linear time) and how often it occurs; `whole`: it matches the whole output."""

    regex: str
    min: int = 1
    max: int | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        ready_pattern(self.regex)
        if self.min < 0 or (self.max is not None and self.max < self.min):
            raise ConfigError(f"min and max must satisfy 0 <= min <= max, found min {self.min}, max {self.max}")


def _find_pattern(check: Check, columns: Columns) -> Findings:
    p: PatternParameters = check.parameters
    pattern = ready_pattern(p.regex, ignore_case=check.ignore_case, whole=p.whole)
    counts = columns.output.str.count_matches(pattern)
    high = p.max if p.max is not None else 2**31
    wrong = pl.DataFrame({"text": columns.output, "n": counts}).with_row_index()
    wrong = wrong.filter(~pl.col("n").is_between(p.min, high))
    expected = f"the whole text to match {p.regex}" if p.whole else f"{quoted(p.regex)} {times(p.min, p.max)}"
    rows: list[tuple[int, str | None, int | None, int | None, str]] = [
        (index, None, None, None, expected) for index in wrong.filter(pl.col("n") < p.min)["index"]
    ]
    too_many = wrong.filter(pl.col("n") > p.min) if p.max is not None else wrong.clear()
    for place, found, start, end in regex_places(too_many["text"], pattern):
        rows.append((too_many["index"][place], found, start, end, expected))
    # Empty matches have no span, but they count.
    located = {row[0] for row in rows}
    rows += [(index, None, None, None, expected) for index in too_many["index"] if index not in located]
    return Findings(faults(sorted(rows, key=lambda row: (row[0], row[2] or 0))))


def _say_pattern(check: Check) -> str:
    p: PatternParameters = check.parameters
    if p.whole:
        return f"The whole text matches the pattern `{p.regex}`."
    if p.max == 0:
        return f"Nothing matches the pattern `{p.regex}`."
    return f"The pattern `{p.regex}` occurs {times(p.min, p.max)}."


def _explain_pattern(check: Check, found: str | None, expected: str) -> str:
    if found is not None:
        return f"{check.id}: found {quoted(found)}, expected {expected}"
    return f"{check.id}: {check.say or f'expected {expected}'}"


# Marks between facts, with their names in a guide.
_SEPARATORS = {
    ", ": "a comma and a space", "; ": "a semicolon and a space", " / ": "a slash between spaces",
    " | ": "a bar between spaces", " · ": "a middle dot between spaces", " – ": "a dash between spaces",
}  # fmt: skip
_FACT_WORDS = 5  # facts are short; the text between the commas of prose is longer
_SHAPE_CHARACTERS = 40


def _propose_pattern(columns: Columns) -> list[Proposal]:
    """A mark that separates the facts of nearly every output, and one shape that all outputs have (codes, dates)."""
    texts = columns.output.str.strip_chars()
    if not len(texts) or mostly_json(texts):
        return []
    if shape := _shape(texts):
        return [shape]
    # Prose has commas too: if sentences end inside, or facts are long, the mark does not separate facts.
    prose = texts.str.contains(r"[.!?]\s+\p{Lu}|\n|\p{Ll}{3}[.!?]\z")
    words = texts.str.count_matches(r"\S+")
    proposals = []
    for mark, name in _SEPARATORS.items():
        counts = texts.str.count_matches(mark, literal=True)
        listed = (counts >= 1) & ~prose & (words <= _FACT_WORDS * (counts + 1))
        if listed.mean() < 0.8:  # type: ignore[operator]
            continue
        for least in (3, 2, 1):
            say = f"Separate the facts with {name}." if least == 1 else (
                f"Write at least {('two', 'three', 'four')[least - 1]} facts, separated by {name}."
            )  # fmt: skip
            minimum = {} if least == 1 else {"min": least}
            if (counts >= least).mean() >= 0.96:  # type: ignore[operator]
                proposals.append(Proposal({"regex": re.escape(mark).replace(r"\ ", " "), **minimum, "say": say}))
                break
        else:
            regex = re.escape(mark).replace(r"\ ", " ")
            proposals.append(Proposal({"regex": regex, "say": f"Separate the facts with {name}."}))
    return proposals


def _shape(texts: pl.Series) -> Proposal | None:
    """The shape of short texts that are codes or dates: runs of digits and of letters, with the marks between them."""
    if texts.str.len_chars().quantile(0.99) > _SHAPE_CHARACTERS:  # type: ignore[operator]
        return None
    frame = pl.DataFrame({"text": texts, "shape": texts})
    for run, sign in ((r"\p{Lu}+", "A"), (r"\p{Ll}+", "a"), (r"\p{Nd}+", "0")):
        frame = frame.with_columns(pl.col("shape").str.replace_all(run, sign))
    shapes = frame["shape"].value_counts().sort(["count", "shape"], descending=[True, False])
    usual, count = shapes.row(0)
    if count < 0.8 * len(texts) or "0" not in usual or len(usual) < 2:
        return None
    classes = {"A": "[A-Z]", "a": "[a-z]", "0": "[0-9]"}
    grouped = "".join(f"({classes[c]}+)" if c in classes else re.escape(c) for c in usual)
    parts = frame.filter(pl.col("shape") == usual)["text"].str.extract_groups(rf"\A{grouped}\z").struct.unnest()
    lengths = parts.select(pl.all().str.len_chars())
    ranges = iter([(lengths[name].min(), lengths[name].max()) for name in lengths.columns])
    regex = "".join(classes[c] + _counted(*next(ranges)) if c in classes else re.escape(c) for c in usual)
    example = frame.filter(pl.col("shape") == usual)["text"].min()
    return Proposal({"regex": regex, "whole": True, "say": f"Write it in the form {quoted(str(example))}."})


def _counted(low: Any, high: Any) -> str:
    """`{4}`, `{1,3}` or `+`."""
    if low is None or low != high:
        return "+" if high is None or high > 9 else f"{{{low},{high}}}"
    return "" if low == 1 else f"{{{low}}}"


PATTERN = Kind("pattern", "form", PatternParameters, _find_pattern, _say_pattern, _propose_pattern, _explain_pattern)
