"""Checks of form: how long an output is, what it holds, begins and ends with."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from .columns import Columns
from .errors import ConfigError
from .findings import Findings, faults, regex_places
from .kind import Kind
from .schema import Check
from .words import at_least_at_most, one_of, quoted, ready_pattern, times

__all__ = ["ENDS_WITH", "LENGTH", "PATTERN", "PUNCTUATION", "STARTS_WITH"]


# --- length -----------------------------------------------------------------------------------------------------


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


# --- pattern ----------------------------------------------------------------------------------------------------


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


# --- starts_with, ends_with -------------------------------------------------------------------------------------


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


# --- punctuation ------------------------------------------------------------------------------------------------

_END_MARKS = ".!?…;:,"


@dataclass(frozen=True)
class PunctuationParameters:
    """The mark at the end (`none`: no mark), and how many exclamation marks there may be."""

    end: str | None = None
    exclamation_marks: int | None = None

    def __post_init__(self) -> None:
        if self.end is None and self.exclamation_marks is None:
            raise ConfigError('needs "end" or "exclamation_marks"')
        if self.end is not None and self.end != "none" and len(self.end) != 1:
            raise ConfigError(f'"end" is one mark or "none", found {quoted(self.end)}')


def _find_punctuation(check: Check, columns: Columns) -> Findings:
    p: PunctuationParameters = check.parameters
    found = []
    if p.end is not None:
        expected = "no mark at the end" if p.end == "none" else f"{quoted(p.end)} at the end"
        last = columns.output.str.strip_chars().str.slice(-1)
        wrong = last.is_in(list(_END_MARKS)) if p.end == "none" else (last != p.end)
        for index in wrong.fill_null(False).arg_true():
            text = columns.output[index].rstrip()
            found.append(
                (index, text[-1:] or None, len(text) - 1 if text else None, len(text) if text else None, expected)
            )
    if p.exclamation_marks is not None:
        counts = columns.output.str.count_matches("!", literal=True)
        expected = f"at most {p.exclamation_marks} exclamation marks"
        many = (counts > p.exclamation_marks).arg_true()
        for place, mark, start, end in regex_places(columns.output.gather(many), "!"):
            found.append((many[place], mark, start, end, expected))
    return Findings(faults(sorted(found, key=lambda row: row[0])))


def _say_punctuation(check: Check) -> str:
    p: PunctuationParameters = check.parameters
    sentences = []
    if p.end == "none":
        sentences.append("Put no full stop or other mark at the end.")
    elif p.end is not None:
        sentences.append(f"End with {quoted(p.end)}.")
    if p.exclamation_marks is not None:
        limit = p.exclamation_marks
        sentences.append("Use no exclamation marks." if limit == 0 else f"Use at most {limit} exclamation marks.")
    return " ".join(sentences)


PUNCTUATION = Kind("punctuation", "form", PunctuationParameters, _find_punctuation, _say_punctuation)
