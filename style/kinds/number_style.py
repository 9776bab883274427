"""The check `numbers`: how a number and its unit are written."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import polars as pl

from ...core import ConfigError
from ..columns import Columns, regex_places
from ..facts.numbers import SPAN, column_quotes_apart, span_facts
from ..facts.quantities import CURRENCIES, read_unit
from ..schema import Broken, Check, Edit, Findings, Fix, Kind, Proposal, ordered_faults
from ..words import mostly_json, one_of, quoted

# These follow their own rule: "50%" and a right angle of "90°" are correct where "5 V" is.
_CLOSE_UNITS = frozenset("%‰°′″\"'")
# A number as written, then the text between it and its unit.
_WITH_UNIT = re.compile(
    r"(?P<digits>[\d.,'’ \u00a0\u202f+\-−±–—~/^²]*\d(?:[eE][+\-]?\d+)?)(?P<gap>[ \t\u00a0\u2007\u2009\u202f]*)"
    r"(?P<hyphen>[-‐‑]?)(?P<unit>[^\d\s\-‐‑].*)",
    re.DOTALL,
)
_HAS_UNIT = re.compile(r"\d[\s\u202f]*[-‐‑]?(?:[^\W\d_]|[^\w\s.,:;/+\-])")
# Where a number may begin: digits inside a code (`word123`) do not count, except the last of a size (`M4x20mm`).
_BEGINS = re.compile(r"(?<![^\W_])\d|[¼½¾⅐-⅞]|\d[\"″”]?[xX×]\d")
# Units that are words must be whole words; these may be a different word after a number ("2 in stock").
_SHORT_WORDS = frozenset({"day", "days", "cup", "cups", "yen", "amp", "amps", "ohm", "bit", "bits"})
_OTHER_WORDS = frozenset({"in", "bar", "mil", "mi", "d", "t", "min", "a", "mo", "sec", "us", "US", "pm", "PM"})
_NO_MEASURES = frozenset({"d", "D", "st", "nd", "rd", "th"})  # 2D, 1st
# Digits with marks between that touch no letter or code: "3,5", "1,000.5", "1.2.3". "(2,3)" may be a pair, so
# after a bracket a unit is required.
_MARKED = re.compile(r"(?<![\w.,/\-(\[])[+\-−±]?(?P<digits>\d+(?:[.,]\d+)+)(?![\w/])(?![.,\-]\w)|"
                     r"(?<![\w.,/])(?P<with_unit>\d+[.,]\d+)(?=[ \u00a0]?[^\W\d_]{1,4}\b|[ \u00a0]?[%°€$£])")  # fmt: skip
# Words with a mark between digits, plus as much of the next word as a unit takes: no number above needs more.
_MARKED_WORD = r"\S*\d[.,]\d\S*"
_WITH_DECIMALS = rf"{_MARKED_WORD}(?:[ \u00a0]{_MARKED_WORD})*(?:[ \u00a0]\S{{1,5}})?"
_WORD_BEFORE = re.compile(r"(?<!\w)([^\W\d_][\w+#]*)[ \u00a0]$")
_UNIT_AFTER = re.compile(r"[ \u00a0]?([^\W\d_]{1,4}\b|[%°€$£])")
_PROPOSE_FROM = 30  # rows with numbers that have a unit


@dataclass(frozen=True)
class NumbersParameters:
    """How numbers are written. `space` between number and unit: `none` (30V) or `one` (30 V; 50% and 90° are exempt).
    `units`: the allowed ones, as written. `decimal`: the decimal mark; a mark before exactly three digits (1,000) may be
    a thousands separator and is ignored. Codes (TO-220) are not numbers.

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


Measure = tuple[str, int, str, str]
Fault = tuple[str, int, int, str]
Row = tuple[int, str, int, int, str]
Judge = Callable[[str], tuple[bool, Sequence[Fault]]]


def _find_numbers(check: Check, columns: Columns) -> Findings:
    p: NumbersParameters = check.parameters
    applicable, texts = (
        pl.repeat(False, len(columns.output), dtype=pl.Boolean, eager=True),
        column_quotes_apart(columns.output),
    )
    rows: list[Row] = []
    ways: list[tuple[str, Judge]] = []
    if p.space or p.units:
        ways.append((SPAN, lambda span: _judge_units(span, p, check.ignore_case)))
    if p.decimal:
        ways.append((_WITH_DECIMALS, lambda words: _judge_decimals(words, p.decimal)))
    for pattern, judge in ways:
        numbers, wrong = _judged(texts, pattern, judge)
        applicable |= numbers
        rows += _no_other_meaning(texts, wrong, _is_elided if pattern == SPAN else _is_version)
    return Findings(ordered_faults(rows), applicable)


def _judged(texts: pl.Series, pattern: str, judge: Judge) -> tuple[pl.Series, list[Row]]:
    """Where the pattern's matches contain a number, and the faults; similar texts repeat their matches."""
    matches = _matches(texts, pattern)
    judged = {match: judge(match) for match in matches["match"].unique()}
    numeric = pl.Series([match for match, (number, _) in judged.items() if number], dtype=pl.String)
    faulty = pl.Series([match for match, (_, wrong) in judged.items() if wrong], dtype=pl.String)
    indexes = [
        matches.filter(pl.col("match").is_in(some.implode()))["index"].unique().sort() for some in (numeric, faulty)
    ]
    applies = pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True).scatter(indexes[0], True)
    # Positions are only needed for these.
    rows = [
        (indexes[1][place], text, start + at, start + end, expected)
        for place, match, start, _ in regex_places(texts.gather(indexes[1]), pattern)
        for text, at, end, expected in (judged.get(match) or judge(match))[1]
    ]
    return applies, rows


def _matches(texts: pl.Series, pattern: str) -> pl.DataFrame:
    """Every match in every text: `index`, `match`."""
    return pl.DataFrame({"match": texts.str.extract_all(pattern)}).with_row_index().explode("match").drop_nulls("match")


def _judge_units(span: str, p: NumbersParameters, ignore_case: bool) -> tuple[bool, list[Fault]]:
    measures = _measures(span)
    return bool(measures), [fault for measure in measures for fault in _unit_faults(measure, p, ignore_case)]


def _judge_decimals(words: str, decimal: str | None) -> tuple[bool, list[Fault]]:
    numbers = [*_with_decimals(words)]
    expected = _decimal_expected(decimal)
    return bool(numbers), [(text, at, at + len(text), expected) for text, mark, at in numbers if mark != decimal]


def _decimal_expected(decimal: str | None) -> str:
    return f"{quoted(decimal or '')} before decimals"


def _no_other_meaning(texts: pl.Series, rows: Sequence[Row], other: Callable[[str, Row], bool]) -> Iterator[Row]:
    for index, group in groupby(rows, key=lambda row: row[0]):
        text = texts[index]
        yield from (row for row in group if not other(text, row))


def _is_elided(text: str, row: Row) -> bool:
    """Whether the unit is a French word without its vowel (`les 5 l'autres`)."""
    return text[row[3] : row[3] + 1] in ("'", "’") and text[row[3] + 1 : row[3] + 2].isalpha()


def _is_version(text: str, row: Row) -> bool:
    """Whether a number without a unit right after a name (`Linux 6.12`) is probably a version."""
    _, _, start, end, _ = row
    before = _WORD_BEFORE.search(text[max(start - 40, 0) : start])
    named = before is not None and (before[1][0].isupper() or before[1] in ("version", "release"))
    after = _UNIT_AFTER.match(text[end : end + 8])
    return named and not (after and after[1] not in _OTHER_WORDS and read_unit(after[1]))


def _measures(span: str) -> tuple[Measure, ...]:
    """Each number of a span that has a unit: its text, its position, the gap before the unit, the unit as written.

    The gap of an attribute ("36-V amplifier") is its hyphen.
    """
    if not (_HAS_UNIT.search(span) and _BEGINS.search(span)):
        return ()
    found = []
    for fact in span_facts(span):
        parts = _WITH_UNIT.fullmatch(fact.text) if fact.kind == "numbers" else None
        if parts and read_unit(parts["unit"]):
            found.append((fact.text, fact.start, parts["hyphen"] or parts["gap"], parts["unit"]))
    return tuple(found)


def _is_word(unit: str) -> bool:
    """Whether it is spelled out (`volts`, `years`) or a currency code; a symbol has a capital inside or no vowel."""
    unit = unit.split()[0]  # "degrees in": the next word is matched with it
    long = len(unit) >= 4 and unit.isalpha() and unit[1:].islower() and re.search("[aeiou]", unit[:-1]) is not None
    return unit.lower() in _SHORT_WORDS or unit in CURRENCIES or (long and unit != "kcal")


def _unit_faults(measure: Measure, p: NumbersParameters, ignore_case: bool) -> Iterator[Fault]:
    """The faults of one number and its unit."""
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
    # 4K displays and 5G networks are not measures.
    close = (unit in _CLOSE_UNITS and unit not in p.units) or (unit in ("K", "G") and len(digits) == 1)
    if p.space == "one" and len(gap) != 1 and not (close and not gap):
        yield text, start, end, quoted(f"{digits} {unit}")


def _with_decimals(text: str) -> Iterator[tuple[str, str, int]]:
    """Each number that certainly has decimals: its text, the decimal mark, where it starts."""
    for match in _MARKED.finditer(text):
        group = "digits" if match["digits"] else "with_unit"
        if mark := _decimal_mark(match[group]):
            yield match[group], mark, match.start(group)


def _decimal_mark(digits: str) -> str | None:
    """The decimal mark of a number; None if it has no decimals, or the mark could be a thousands separator."""
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
    return f"{quoted(found or '')} {verb} {expected}"


def _free_gaps(span: str) -> frozenset[str]:
    """The gaps before units to which a rule about spaces applies."""
    return frozenset(
        gap
        for _, _, gap, unit in _measures(span)
        if gap not in ("-", "‐", "‑") and unit not in _CLOSE_UNITS | _OTHER_WORDS and not _is_word(unit)
    )


def _combined_by_row(
    texts: pl.Series, pattern: str, properties_of: Callable[[str], frozenset[str]]
) -> list[frozenset[str]]:
    """The properties of each text's matches combined; texts without any are omitted."""
    matches = _matches(texts, pattern)
    properties = {match: properties_of(match) for match in matches["match"].unique()}
    rows: dict[int, frozenset[str]] = {}
    for index, match in matches.iter_rows():
        if properties[match]:
            rows[index] = rows.get(index, frozenset()) | properties[match]
    return list(rows.values())


def _propose_numbers(columns: Columns) -> list[Proposal]:
    """The space before units and the decimal mark that most numbers have, if enough rows have any."""
    if mostly_json(columns.output):
        return []
    spaces = _combined_by_row(column_quotes_apart(columns.output), SPAN, _free_gaps)
    marks = _combined_by_row(
        columns.output, _WITH_DECIMALS, lambda words: frozenset(m for _, m, _ in _with_decimals(words))
    )
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


_OTHER_MARK = str.maketrans(".,", ",.")


def _fix_numbers(check: Check, broken: Broken) -> Iterator[Edit]:
    """The space before a unit, the decimal mark, and the unit as the rule writes it."""
    p: NumbersParameters = check.parameters
    for found, start, end, expected in broken.spans:
        if expected == _decimal_expected(p.decimal):
            yield Edit(start, end, found.translate(_OTHER_MARK))
        elif not expected.startswith("one of"):
            yield Edit(start, end, expected[1:-1])
        elif unit := _same_unit(found, p.units):
            yield Edit(end - len(unit[0]), end, unit[1])


def _same_unit(found: str, units: Sequence[str]) -> tuple[str, str] | None:
    """The unit of a number as written, and the only allowed one that means the same."""
    parts = _WITH_UNIT.fullmatch(found)
    if parts is None or not (meanings := read_unit(parts["unit"])):
        return None
    same = [unit for unit in units if read_unit(unit) == meanings]
    return (parts["unit"], same[0]) if len(same) == 1 else None


NUMBERS = Kind(
    "numbers", "form", NumbersParameters, _find_numbers, _say_numbers, _propose_numbers, _explain_numbers,
    Fix(_fix_numbers, says="Safe: corrects the space before a unit, the decimal mark, other signs for a unit (volts, V)."),
    prose=True,
)  # fmt: skip
