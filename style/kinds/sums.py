"""The check `sums`: shares that are listed together add up to the whole, as in `60% cotton, 40% linen`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from ...core import ConfigError
from ..columns import Columns, regex_places
from ..schema import Check, Findings, Kind, Proposal, faults
from ..words import quoted

_NUMBER = r"[0-9]{1,6}(?:[.,][0-9]{1,3})?"
_WORD = r"\p{L}[\p{L}'’®-]*"
_NAME = (
    rf"(?:{_WORD}[ \u00a0]){{0,3}}?{_WORD}"  # as short as possible: "und" is no part of "Polyester und 5 % Elasthan"
)
_AND = r"(?:and|und|et|with|mit|plus)"
_ASIDE = r"(?: ?\([^()\n0-9]{1,40}\))?"
_BETWEEN = rf"{_ASIDE}(?:\s*[,;/+&·|]\s*(?:{_AND}\s+)?|[ \u00a0]{_AND}[ \u00a0]|[ \t]*\n[-*• \t]*)"
# What follows a percentage that is no share of a whole: 80% of guests, 20% off, 30% more.
_NO_SHARES = (
    "of off more less fewer higher lower faster slower better cheaper larger smaller longer shorter than discount chance "
    "increase decrease rise drop growth rabatt mehr weniger der des von de du plus moins and und to bis"
)
_NO_SHARE = frozenset(_NO_SHARES.split())
_FEWEST_ROWS, _MOST_GROUPED = 20, 1_000
# Percentages whose sum is further from the whole are no list of shares: 94% CPU, 87% memory.
_NEAR_WHOLE = (0.5, 1.25)
_MOST_SHARES, _EPSILON = 60, 1e-9
_AROUND = 40  # characters beside a list in which a further share (`0-5% silk`, `~1% others`) would complete it
_PART_OF_RANGE = re.compile(r"(?:[0-9]\s?[-–]|~)\s?$")
_CLAUSE_END = re.compile(r"[.\n;:|!?](?![0-9])")


@dataclass(frozen=True)
class SumsParameters:
    """The `unit` of the shares, what they add up to, and by how much a sum may differ (33% + 33% + 33%).

    Only shares with names in one list count: `60% cotton, 40% linen` or `cotton: 60%, linen: 40%`.
    """

    unit: str = "%"
    total: float = 100
    tolerance: float = 1

    def __post_init__(self) -> None:
        if not self.unit.strip():
            raise ConfigError('"unit" is empty')
        if self.total <= 0:
            raise ConfigError(f'"total" is {self.total:g}, but must be above 0')
        if not 0 <= self.tolerance < self.total:
            raise ConfigError(f'"tolerance" is {self.tolerance:g}, but must be from 0 to below "total"')

    @cached_property
    def pattern(self) -> str:
        """A pattern for lists of two shares or more, each with a name behind or before it."""
        share = rf"{_NUMBER}[ \u00a0]?{re.escape(self.unit)}"
        behind, before = rf"{share}[ \u00a0]{_NAME}", rf"{_NAME}(?:[ \u00a0]?:)?[ \u00a0]\(?{share}\)?"
        return "|".join(rf"(?:{one}{_BETWEEN})+{one}" for one in (behind, before))

    @cached_property
    def shares(self) -> re.Pattern[str]:
        """A share, with the word behind it."""
        return re.compile(rf"({_NUMBER})[ \u00a0]?{re.escape(self.unit)}(?:[ \u00a0]([^\W\d_]+))?")


def _find_sums(check: Check, columns: Columns) -> Findings:
    p: SumsParameters = check.parameters
    listed = pl.repeat(False, len(columns.output), dtype=pl.Boolean, eager=True)
    rows, found = [], []
    for index, text, start, end, shares in _lists(columns.output, p):
        found.append(index)
        if _rest(shares, p):
            expected = f"shares that add up to {p.total:g}{_spaced(p.unit)}; these add up to {round(sum(shares), 2):g}"
            rows.append((index, text, start, end, expected))
    return Findings(faults(rows), listed.scatter(found, True) if found else listed)


def _lists(texts: pl.Series, p: SumsParameters) -> Iterator[tuple[int, str, int, int, list[float]]]:
    """The lists of shares of each text, with their numbers."""
    whole = texts.to_list()
    for index, text, start, end in regex_places(texts, p.pattern):
        found = p.shares.findall(text)
        if any(word.casefold() in _NO_SHARE for _, word in found):
            continue
        shares = [float(number.replace(",", ".")) for number, _ in found]
        rest, (low, high) = _rest(shares, p), (share * p.total for share in _NEAR_WHOLE)
        if not rest or (low <= rest <= high and _complete(whole[index], start, end, p.unit)):
            yield index, text, start, end, shares


def _rest(shares: Sequence[float], p: SumsParameters) -> float:
    """What the shares add up to beyond one or several wholes, one after the other (the shell, then the lining).

    A little more than a whole of several shares belongs to it: 60% + 40% + 10% are 110%.
    """
    begins: dict[int, int] = {0: 0}  # where a whole may end, and where it then begins
    for end in range(1, len(shares) + 1):
        total = 0.0
        for start in range(end - 1, max(-1, end - 1 - _MOST_SHARES), -1):
            total += shares[start]
            if total > p.total + p.tolerance + _EPSILON:
                break
            if start in begins and total >= p.total - p.tolerance - _EPSILON:
                begins[end] = start
    last = max(begins)
    rest = sum(shares[last:])
    if last - begins[last] > 1 and 0 < rest < _NEAR_WHOLE[0] * p.total:
        return sum(shares[begins[last] :])
    return rest


def _complete(text: str, start: int, end: int, unit: str) -> bool:
    """Whether no other share stands beside a list in its clause."""
    before = _CLAUSE_END.split(text[max(0, start - _AROUND) : start])[-1]
    after = _CLAUSE_END.split(text[end : end + _AROUND])[0]
    return unit not in before + after and not _PART_OF_RANGE.search(before)


def _spaced(unit: str) -> str:
    return unit if unit == "%" else f" {unit}"


def _say_sums(check: Check) -> str:
    p: SumsParameters = check.parameters
    things = "percentages" if p.unit == "%" else f"parts in {p.unit}"
    return f"Where you list {things} of a whole, make them add up to {p.total:g}{_spaced(p.unit)}."


def _explain_sums(check: Check, found: str | None, expected: str) -> str:
    """`"60% cotton, 30% linen" adds up to 90, expected 100%`."""
    wanted, _, actual = expected.partition("; these add up to ")
    return f"{quoted(found or '')} adds up to {actual}, expected {wanted.removeprefix('shares that add up to ')}"


def _propose_sums(columns: Columns) -> Sequence[Proposal]:
    """Percentages, where enough outputs list them."""
    p = SumsParameters()
    grouped = {index for index, *_ in _lists(columns.output.head(_MOST_GROUPED), p)}
    return [Proposal({"unit": "%"}, style=False)] if len(grouped) >= _FEWEST_ROWS else []


SUMS = Kind("sums", "facts", SumsParameters, _find_sums, _say_sums, _propose_sums, _explain_sums)
