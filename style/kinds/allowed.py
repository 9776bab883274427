"""The check `allowed`: the output, or a part of it, is one of a set of values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns, common_fields, regex_places
from ..schema import Check, Findings, Kind, Proposal, faults
from ..words import checked_pattern, one_of, quoted

_SEPARATORS = re.compile(r"(?:(?<!\s)\s+)?[,;|\n]\s*")  # between the values of a field that is written as one text
_SHOWN = 8
_LONGEST = 200  # characters of a value in a message, which thousands of violations may repeat
# Proposed for short outputs.
_FEWEST_ROWS, _LABEL_CHARACTERS, _LABEL_WORDS, _SHARE = 20, 60, 5, 0.8

Part = tuple[int, str, int, int]  # index, text, start, end


@dataclass(frozen=True)
class AllowedParameters:
    """The `values` that may be written, or those of an input `field` (a list, or a text with commas between them).

    Without more, the whole output is one value; with a `separator` it is a list of them. With a `regex`, what its first
    group matches (without a group: what it matches) is a value, wherever it occurs.
    """

    values: tuple[str, ...] = ()
    field: str | None = None
    separator: str | None = None
    regex: str | None = None

    def __post_init__(self) -> None:
        if not self.values and self.field is None:
            raise ConfigError('needs "values" or "field"')
        if not all(value.strip() for value in self.values):
            raise ConfigError('a text in "values" is empty')
        if self.separator is not None and self.regex is not None:
            raise ConfigError('"separator" splits the whole output, so it does not go with "regex"')
        if self.separator is not None and not self.separator.strip():
            raise ConfigError('"separator" is empty')
        if self.regex is not None:
            checked_pattern(self.regex)


def _find_allowed(check: Check, columns: Columns) -> Findings:
    p: AllowedParameters = check.parameters
    parts = _parts(columns.output, check)
    fold = str.casefold if check.ignore_case else str
    always = {fold(value) for value in p.values}
    fields = _field_values(columns, p.field)
    right = [{fold(value) for value in values} for values in fields]
    expected = [_expected(p, values) for values in fields]
    unnamed = _expected(p, ())
    rows: list[tuple[int, str | None, int | None, int | None, str]] = []
    for index, text, start, end in parts:
        if fold(text) not in always and not (fields and fold(text) in right[index]):
            wanted = expected[index] if fields else unnamed
            rows.append((index, text, start, end, wanted) if text else (index, None, None, None, wanted))
    stated = None if p.field is None or p.values else columns.field(p.field).is_not_null()
    if p.regex is not None:  # an output in which the pattern does not occur has nothing to be checked
        some = pl.Series(range(len(columns.output)), dtype=pl.UInt32).is_in([part[0] for part in parts])
        stated = some if stated is None else some & stated
    return Findings(faults(rows), stated)


def _parts(outputs: pl.Series, check: Check) -> list[Part]:
    """The texts that must be values, with their places."""
    p: AllowedParameters = check.parameters
    if p.regex is not None:
        return _matched(outputs, checked_pattern(p.regex, ignore_case=check.ignore_case))
    frame = pl.DataFrame({"text": outputs}).with_row_index()
    if p.separator is None and p.field is None and not check.ignore_case:
        frame = frame.filter(~pl.col("text").str.strip_chars().is_in(list(p.values)))  # most are right
    parts: list[Part] = []
    for index, text in frame.iter_rows():
        start = 0
        for piece in text.split(p.separator.strip()) if p.separator else (text,):
            begin = start + len(piece) - len(piece.lstrip())
            parts.append((index, piece.strip(), begin, begin + len(piece.strip())))
            start += len(piece) + len((p.separator or "").strip())
    return parts


def _matched(outputs: pl.Series, pattern: str) -> list[Part]:
    """What the first group of a pattern matches, or all of it."""
    places = regex_places(outputs, pattern)
    groups = pl.Series([text for _, text, _, _ in places], dtype=pl.String)
    has_group = re.search(r"(?<!\\)\((?!\?)|\(\?P?<", pattern) is not None
    values = groups.str.extract(pattern, 1) if has_group else groups
    parts = []
    for (index, text, start, end), value in zip(places, values, strict=True):
        at = text.rfind(value) if value else -1
        parts.append((index, value, start + at, start + at + len(value)) if at >= 0 else (index, text, start, end))
    return parts


def _field_values(columns: Columns, name: str | None) -> list[list[str]]:
    """The values of the field of each row; empty if no field is named."""
    if name is None:
        return []
    rows: list[list[str]] = [[] for _ in range(len(columns.output))]
    split: dict[str, tuple[str, ...]] = {}
    for index, item in columns.field_items(name).iter_rows():
        if item not in split:
            split[item] = tuple(dict.fromkeys([item.strip(), *filter(None, _SEPARATORS.split(item.strip()))]))
        rows[index] += split[item]
    return rows


def _expected(p: AllowedParameters, given: Sequence[str]) -> str:
    values = [*p.values, *given]
    return f"one of {_listed(values)}" if values else f"a value of {p.field}"


def _listed(values: Sequence[str]) -> str:
    values = [value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…" for value in values]
    if len(values) <= _SHOWN:
        return one_of(values)
    return f"{', '.join(map(quoted, values[:_SHOWN]))} and {len(values) - _SHOWN:,} more"


def _say_allowed(check: Check) -> str:
    p: AllowedParameters = check.parameters
    choices = [one_of(p.values)] if p.values else []
    what = " or ".join([*choices, *([f"a value of {p.field} in the request"] if p.field is not None else [])])
    if p.regex is not None:
        return f"Whatever matches `{p.regex}` is {what}."
    if p.separator is not None:
        return f"Write nothing but these values, separated by {quoted(p.separator.strip())}: {what}."
    return f"Answer with exactly {what}."


def _propose_allowed(columns: Columns) -> list[Proposal]:
    """The field from which each output takes one of several values."""
    texts = columns.output.str.strip_chars()
    short = (texts.str.len_chars() <= _LABEL_CHARACTERS) & (texts.str.count_matches(r"\S+") <= _LABEL_WORDS)
    if len(texts) < _FEWEST_ROWS or short.sum() < _SHARE * len(texts):
        return []
    for name in common_fields(columns):
        values = _field_values(columns, name)
        several = [len(given) > 1 for given in values]
        chosen = sum(many and text in given for many, text, given in zip(several, texts, values, strict=True))
        if chosen >= _SHARE * len(texts):
            return [Proposal({"field": name}, note=f"{chosen:,} outputs are one of the values of {name}")]
    return []


ALLOWED = Kind("allowed", "form", AllowedParameters, _find_allowed, _say_allowed, _propose_allowed)
