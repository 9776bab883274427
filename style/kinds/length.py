"""The check `length`: how long an output may be."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..parts import facts_of, parts_of
from ..schema import Broken, Check, Edit, Findings, Fix, Kind, Proposal, faults
from ..words import ABBREVIATION, check_range, how_many, mostly_json


@dataclass(frozen=True)
class LengthParameters:
    """How long an output may be; at least one limit is given. `tokens` are counted by the tokenizer in use; without one
    the check is unscored.
    """

    unit: Literal["characters", "words", "sentences", "lines", "paragraphs", "tokens"] = "characters"
    min: int | None = None
    max: int | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ConfigError('needs "min" or "max"')
        check_range(self.min, self.max)


_TEXT = pl.col("text")
_SENTENCES = _TEXT.str.replace_all(ABBREVIATION, "x")
_UNITS = {
    "characters": _TEXT.str.len_chars(),
    "words": _TEXT.str.count_matches(r"\S+"),
    # An end mark counts as one sentence end if white space or the end of the text follows; trailing text counts as one.
    "sentences": _SENTENCES.str.count_matches(r"[.!?…]+[\"'”’)]*(?:\s|$)|[。！？]+|[^.!?…。！？\s][\"'”’)]*\s*$"),
    "lines": _TEXT.str.strip_chars_end("\n").str.count_matches("\n") + (_TEXT != "").cast(pl.UInt32),
    "paragraphs": _TEXT.str.count_matches(r"(?:^|\n[ \t]*\n)\s*\S"),
}


def _find_length(check: Check, columns: Columns) -> Findings:
    p: LengthParameters = check.parameters
    if p.unit == "tokens":
        if columns.count_tokens is None:
            why = pl.repeat(_NO_TOKENIZER, len(columns.output), dtype=pl.String, eager=True)
            return Findings(faults([]), unscored=why)
        counts = pl.Series("text", list(columns.count_tokens(columns.output.to_list())), dtype=pl.Int64)
    else:
        counts = pl.DataFrame({"text": columns.output}).select(_UNITS[p.unit])["text"]
    low, high = p.min or 0, p.max if p.max is not None else 2**31
    wrong = pl.DataFrame({"count": counts}).with_row_index().filter(~pl.col("count").is_between(low, high))
    expected = how_many(p.min, p.max, p.unit)
    return Findings(faults([(index, f"{n} {p.unit}", None, None, expected) for index, n in wrong.iter_rows()]))


_NO_TOKENIZER = "no tokenizer to count tokens; state a model or use another unit"


def _say_length(check: Check) -> str:
    p: LengthParameters = check.parameters
    if p.unit == "lines" and p.max == 1:
        return "Write one single line."
    if p.max == 1:
        return f"Write {'exactly' if p.min == 1 else 'at most'} one {p.unit.removesuffix('s')}."
    if p.max is None and p.min == 1:
        return f"Write at least one {p.unit.removesuffix('s')}."
    return f"Write {how_many(p.min, p.max, p.unit)}."


def _explain_length(check: Check, found: str | None, expected: str) -> str:
    count, _, unit = (found or "0").partition(" ")
    found = f"1 {unit.removesuffix('s')}" if count == "1" else found
    return f"the text has {found}, expected {expected}"


# A range wider than this factor means nothing for style: any texts fit.
_WIDEST = 10
# The share at either end that may be exceptions where the whole range is too wide.
_EXCEPTIONAL = 0.01


def _propose_length(columns: Columns) -> list[Proposal]:
    """The range of words that all outputs keep, or else most of them, if it is narrow; one line if there is no second."""
    words = columns.output.str.count_matches(r"\S+")
    if not len(words) or mostly_json(columns.output):
        return []
    low, high = int(words.min() or 0), int(words.max() or 0)  # type: ignore[arg-type]
    if 0 < high <= _WIDEST * low:
        proposals = [Proposal({"unit": "words", "min": _rounded(low, down=True), "max": _rounded(high)})]
    else:
        # A range that some outputs do not keep drops them, so it is no rule that an output must follow.
        low = int(words.quantile(_EXCEPTIONAL, "lower") or 0)
        high = int(words.quantile(1 - _EXCEPTIONAL, "higher") or 0)
        narrow = low > 0 and high <= _WIDEST * low
        proposals = [Proposal({"unit": "words", "min": low, "max": high}, most="should")] if narrow else []
    lines = pl.DataFrame({"text": columns.output}).select(_UNITS["lines"])["text"]
    if (lines <= 1).mean() >= 0.8:  # type: ignore[operator]
        # Single words, and texts of widely varying length, are one line without any rule.
        proposals.append(Proposal({"unit": "lines", "max": 1}, style=bool(proposals) and high >= 6))
    return [*proposals, *_propose_paragraphs(columns.output)]


def _rounded(words: int, *, down: bool = False) -> int:
    """Outward to a number that people would say: the next output may be a little longer than the longest so far."""
    step = 1 if words < 20 else 5 if words < 100 else 10 if words < 500 else 50
    return words // step * step if down else -(-words // step) * step


def _propose_paragraphs(outputs: pl.Series) -> list[Proposal]:
    """The number of paragraphs that most outputs have, if it is more than one."""
    counts = pl.DataFrame({"text": outputs}).select(_UNITS["paragraphs"])["text"].value_counts(sort=True)
    number, rows = counts.row(0)
    usual = number > 1 and rows >= 0.8 * len(outputs)
    return [Proposal({"unit": "paragraphs", "min": number, "max": number})] if usual else []


_BLANK_LINES = re.compile(r"(?<=\n)(?:[ \t]*\r?\n)+")


def _fix_length(check: Check, broken: Broken) -> Iterator[Edit]:
    """White space at both ends goes, where lines or characters are counted; then blank lines between others."""
    p: LengthParameters = check.parameters
    text = broken.text
    if p.unit not in ("lines", "characters") or p.max is None or not _over(text, p):
        return
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    if first < last:
        yield Edit(0, first, "")
        yield Edit(last, len(text), "")
        if p.unit == "lines":
            yield from (Edit(*match.span(), "") for match in _BLANK_LINES.finditer(text, first, last))


def _cut(check: Check, broken: Broken) -> Iterator[Edit]:
    """What is over the length goes: whole sentences from the end, or facts where one sentence is too long."""
    p: LengthParameters = check.parameters
    text = broken.text
    if p.max is None or p.unit == "tokens" or not _over(text, p):
        return
    for parts in (parts_of(text), facts_of(text)):
        ends = [end for _, end in parts]
        if (kept := _fitting(text, ends, p)) is not None:
            closing = text.rstrip()[-1:]
            mark = closing if closing in ".!。" and not text[: ends[kept]].endswith((".", "!", "?", "。")) else ""
            mark = mark if not _over(text[: ends[kept]] + mark, p) else ""
            yield Edit(ends[kept], len(text), mark)
            return


def _over(text: str, p: LengthParameters) -> bool:
    return _count(text, p.unit) > (p.max or 0)


def _fitting(text: str, ends: list[int], p: LengthParameters) -> int | None:
    """The last of the rising `ends` up to which the text is within the limit; None if even the first is over."""
    low, high = -1, len(ends)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _over(text[: ends[middle]], p) else (middle, high)
    return low if low >= 0 else None


def _count(text: str, unit: str) -> int:
    """The size of one text: what takes a moment in Python is counted there."""
    if unit == "characters":
        return len(text)
    if unit == "words":
        return len(re.findall(r"\S+", text))
    return int(pl.DataFrame({"text": [text]}, schema={"text": pl.String}).select(_UNITS[unit]).item())


LENGTH = Kind(
    "length", "form", LengthParameters, _find_length, _say_length, _propose_length, _explain_length,
    Fix(
        _fix_length, _cut,
        "Safe: removes blank lines and outer white space. Unsafe: removes what exceeds the length, by sentence or by fact.",
    ),
)  # fmt: skip
