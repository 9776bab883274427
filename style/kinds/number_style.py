"""The check `numbers`: how a number and its unit are written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults, regex_places
from ..kind import Kind, Proposal
from ..lines import mostly_json
from ..numbers import SPAN, span_facts
from ..schema import Check
from ..units import CURRENCIES, read_unit
from ..words import one_of, quoted

__all__ = ["NUMBERS"]

# These follow a rule of their own: "50%" and a right angle of "90°" are right where "5 V" is.
_CLOSE_UNITS = frozenset("%‰°′″\"'")
# A number as written, then what stands between it and its unit.
_WITH_UNIT = re.compile(
    r"(?P<digits>[\d.,'’ \u00a0\u202f+\-−±–—~/^²]*\d(?:[eE][+\-]?\d+)?)(?P<gap>[ \t\u00a0\u2007\u2009\u202f]*)"
    r"(?P<hyphen>[-‐‑]?)(?P<unit>[^\d\s\-‐‑].*)",
    re.DOTALL,
)
_HAS_UNIT = re.compile(r"\d[\s\u202f]*[-‐‑]?(?:[^\W\d_]|[^\w\s.,:;/+\-])")
# Units that are words are always a word of their own, and these may be another word behind a number ("2 in stock").
_SHORT_WORDS = frozenset({"day", "days", "cup", "cups", "yen", "amp", "amps", "ohm", "bit", "bits"})
_OTHER_WORDS = frozenset({"in", "bar", "mil", "mi", "d", "t", "min", "a", "mo", "sec"})
_NO_MEASURES = frozenset({"d", "D", "st", "nd", "rd", "th"})  # 2D, 1st
# Digits with marks in between that touch no letter or code: "3,5", "1,000.5", "1.2.3". "(2,3)" may be a pair, so
# behind a bracket it needs a unit.
_MARKED = re.compile(r"(?<![\w.,/\-(\[])[+\-−±]?(?P<digits>\d+(?:[.,]\d+)+)(?![\w/])(?![.,\-]\w)|"
                     r"(?<![\w.,/])(?P<with_unit>\d+[.,]\d+)(?=[ \u00a0]?[^\W\d_]{1,4}\b|[ \u00a0]?[%°€$£])")  # fmt: skip
_PROPOSE_FROM = 30  # rows with numbers that have a unit


@dataclass(frozen=True)
class NumbersParameters:
    """How numbers are written. `space` between number and unit: `none` (30V) or `one` (30 V; 50% and 90° may go
    without). `units`: those allowed, as written. `decimal`: the mark before decimals; a mark before exactly three
    digits (1,000) may be a thousands separator and is let be. Codes (TO-220) are no numbers.

    An output without such a number is not applicable.
    """

    space: Literal["none", "one"] | None = None
    units: tuple[str, ...] = ()
    decimal: Literal[".", ","] | None = None

    def __post_init__(self) -> None:
        if self.space is None and not self.units and self.decimal is None:
            raise ConfigError('needs "space", "units" or "decimal"')
        if not all(unit.strip() for unit in self.units):
            raise ConfigError('a unit in "units" is empty')


Fault = tuple[str, int, int, str]


def _find_numbers(check: Check, columns: Columns) -> Findings:
    p: NumbersParameters = check.parameters
    rows: list[tuple[int, str, int, int, str]] = []
    applicable = [False] * len(columns.output)
    if p.space or p.units:
        for index, measure in _measures(columns.output):
            applicable[index] = True
            rows += [(index, *fault) for fault in _unit_faults(measure, p, check.ignore_case)]
    if p.decimal:
        marked = columns.output.str.contains(r"\d[.,]\d")
        for index, output in zip(marked.arg_true(), columns.output.filter(marked), strict=True):
            for text, mark, start in _with_decimals(output):
                applicable[index] = True
                if mark != p.decimal:
                    rows.append((index, text, start, start + len(text), f"{quoted(p.decimal)} before decimals"))
    return Findings(
        faults(sorted(rows, key=lambda row: (row[0], row[2]))), pl.Series("applies", applicable, dtype=pl.Boolean)
    )


Measure = tuple[str, int, str, str]


def _measures(outputs: pl.Series) -> Iterator[tuple[int, Measure]]:
    """Each number that has a unit: its row; its text, where it starts, the gap before the unit, the unit as written.

    The gap of an attribute ("36-V amplifier") is its hyphen.
    """
    for index, span, start, _ in regex_places(outputs, SPAN):
        if not _HAS_UNIT.search(span):
            continue
        for text, at, gap, unit in _remembered(span) if len(span) <= 120 else _measures_of(span):
            yield index, (text, start + at, gap, unit)


@lru_cache(maxsize=100_000)
def _remembered(span: str) -> tuple[Measure, ...]:
    """The measures of a short span: texts of one kind repeat theirs."""
    return _measures_of(span)


def _measures_of(span: str) -> tuple[Measure, ...]:
    found = []
    for fact in span_facts(span):
        parts = _WITH_UNIT.fullmatch(fact.text) if fact.kind == "numbers" else None
        if parts and read_unit(parts["unit"]):
            found.append((fact.text, fact.start, parts["hyphen"] or parts["gap"], parts["unit"]))
    return tuple(found)


def _is_word(unit: str) -> bool:
    """Written out (`volts`, `years`) or a currency's code: no symbol, which has a capital inside or no vowel."""
    long = len(unit) >= 4 and unit.isalpha() and unit[1:].islower() and re.search("[aeiou]", unit[:-1]) is not None
    return unit.lower() in _SHORT_WORDS or unit in CURRENCIES or (long and unit != "kcal")


def _unit_faults(measure: Measure, p: NumbersParameters, ignore_case: bool) -> Iterator[Fault]:
    """What is wrong between one number and its unit."""
    text, start, gap, unit = measure
    end = start + len(text)
    listed = unit in p.units or (ignore_case and unit.lower() in map(str.lower, p.units))
    if ((gap and unit in _OTHER_WORDS) or unit in _NO_MEASURES) and not listed:
        return
    if p.units and not listed:
        yield text, start, end, f"one of the units {one_of(p.units)}"
    digits = text[: len(text) - len(unit) - len(gap)]
    if gap in ("-", "‐", "‑"):
        return
    if p.space == "none" and gap and not _is_word(unit):
        yield text, start, end, quoted(f"{digits}{unit}")
    # A display of 4K, a network of 5G: no measure.
    close = (unit in _CLOSE_UNITS and unit not in p.units) or (unit in ("K", "G") and len(digits) == 1)
    if p.space == "one" and len(gap) != 1 and not (close and not gap):
        yield text, start, end, quoted(f"{digits} {unit}")


def _with_decimals(text: str) -> Iterator[tuple[str, str, int]]:
    """Each number with decimals for certain: its text, the mark before them, where it starts."""
    for match in _MARKED.finditer(text):
        group = "digits" if match["digits"] else "with_unit"
        if mark := _decimal_mark(match[group]):
            yield match[group], mark, match.start(group)


def _decimal_mark(digits: str) -> str | None:
    """The mark before the decimals of a number; None where there are none, or it could be a thousands separator."""
    marks = [c for c in digits if c in ".,"]
    last = digits[max(digits.rfind("."), digits.rfind(",")) + 1 :]
    if len(set(marks)) == 2 and marks.count(marks[-1]) == 1:
        groups = re.split(r"[.,]", digits)[1:-1]
        return marks[-1] if all(len(group) == 3 for group in groups) else None
    if len(marks) != 1:
        return None  # 1.2.3 is a version or a date, 1,2,3 a list, 1,000,000 thousands
    whole = digits.split(marks[0])[0]
    thousands = len(last) == 3 and len(whole) <= 3 and not whole.startswith("0")
    return None if thousands else marks[0]


def _say_numbers(check: Check) -> str:
    p: NumbersParameters = check.parameters
    sentences = []
    if p.space == "none":
        sentences.append("Write a number and its unit without a space (`30V`).")
    elif p.space == "one":
        sentences.append("Put one space between a number and its unit (`30 V`).")
    if p.units:
        sentences.append(f"Use only the units {', '.join(p.units)}.")
    if p.decimal:
        name = "point" if p.decimal == "." else "comma"
        sentences.append(f"Write decimals with a {name} (`3{p.decimal}5`).")
    return " ".join(sentences)


def _explain_numbers(check: Check, found: str | None, expected: str) -> str:
    verb = "should be" if expected.endswith('"') else "has a wrong mark: expected"
    return f"{check.id}: {quoted(found or '')} {verb} {expected}"


def _propose_numbers(columns: Columns) -> list[Proposal]:
    """The space before units and the mark before decimals that most numbers have, where enough rows have any."""
    if mostly_json(columns.output):
        return []
    gaps_of: dict[int, set[str]] = {}
    marks: list[set[str]] = []
    for index, (_, _, gap, unit) in _measures(columns.output):
        if gap not in ("-", "‐", "‑") and unit not in _CLOSE_UNITS | _OTHER_WORDS and not _is_word(unit):
            gaps_of.setdefault(index, set()).add(gap)
    spaces = list(gaps_of.values())
    for text in columns.output.filter(columns.output.str.contains(r"\d[.,]\d")):
        found = {mark for _, mark, _ in _with_decimals(text)}
        marks += [found] if found else []
    proposals = []
    if len(spaces) >= _PROPOSE_FROM:
        none = sum(gaps == {""} for gaps in spaces)
        one = sum(all(len(gap) == 1 for gap in gaps) for gaps in spaces)
        proposals.append(
            Proposal({"space": "none" if none >= one else "one"}, note=f"{max(none, one)} of {len(spaces)}")
        )
    if len(marks) >= _PROPOSE_FROM:
        points = sum(found == {"."} for found in marks)
        commas = sum(found == {","} for found in marks)
        mark = "." if points >= commas else ","
        # Any English text has decimal points.
        proposals.append(Proposal({"decimal": mark}, style=mark == ","))
    return proposals


NUMBERS = Kind("numbers", "form", NumbersParameters, _find_numbers, _say_numbers, _propose_numbers, _explain_numbers)
