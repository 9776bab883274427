"""The check `order`: the parts of an output come in a given order."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..kind import Broken, Edit, Fix, Kind
from ..parts import facts_of
from ..schema import Check, Columns, Findings, faults
from ..succession import longest_rising
from ..words import quoted, ready_pattern

__all__ = ["ORDER"]


@dataclass(frozen=True)
class OrderParameters:
    """Patterns by name, in order. The first occurrence of a part counts; a missing part is no violation."""

    parts: dict[str, str]

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ConfigError('"parts" needs at least two patterns')
        for name, regex in self.parts.items():
            if pl.Series([""]).str.contains(ready_pattern(regex)).item():
                raise ConfigError(
                    f'the part "{name}" matches an empty text, so it occurs everywhere; require a character'
                )


def _patterns(check: Check) -> list[str]:
    return [ready_pattern(regex, ignore_case=check.ignore_case) for regex in check.parameters.parts.values()]


def _places(columns: Columns, patterns: list[str]) -> pl.DataFrame:
    """The first occurrence of each part: `index`, `text`, and a column by the part's number. Byte offsets compare as
    well as code points; those of violations are converted."""
    found = [pl.col("text").str.find(pattern).alias(str(n)) for n, pattern in enumerate(patterns)]
    table = pl.DataFrame({"text": columns.output}).with_row_index()
    return columns.once(("order", *patterns), lambda: table.with_columns(found))


def _find_order(check: Check, columns: Columns) -> Findings:
    p: OrderParameters = check.parameters
    patterns = _patterns(check)
    places = _places(columns, patterns)
    numbers = [str(n) for n in range(len(patterns))]
    highest = [pl.max_horizontal(numbers[:n]) for n in range(1, len(numbers))]
    pairs = zip(numbers[1:], highest, strict=True)
    wrong = places.filter(pl.any_horizontal((pl.col(n) < top).fill_null(False) for n, top in pairs))
    wrong = wrong.with_columns(
        pl.col("text").str.extract(pattern, 0).alias(f"match {n}") for n, pattern in enumerate(patterns)
    )
    rows = []
    for row in wrong.iter_rows(named=True):
        occur = sorted([(row[n], int(n)) for n in numbers if row[n] is not None])
        kept = set(longest_rising([number for _, number in occur]))
        names = list(p.parts)
        for place, (at, number) in enumerate(occur):
            if place not in kept:
                start = len(row["text"].encode()[:at].decode())
                match = row[f"match {number}"]
                later = [other for number_before, other in enumerate(names) if number_before > number]
                earlier = [names[other] for _, other in occur if other < number]
                expected = f"{names[number]} after {earlier[-1]}" if earlier else f"{names[number]} before {later[0]}"
                rows.append((row["index"], match, start, start + len(match), expected))
    applicable = places.select(pl.sum_horizontal(pl.col(n).is_not_null().cast(pl.UInt32) for n in numbers) >= 2)
    return Findings(faults(rows), applicable.to_series().rename("applies"))


def _say_order(check: Check) -> str:
    p: OrderParameters = check.parameters
    return f"Keep this order where the parts occur: {', then '.join(p.parts)}."


def _explain_order(check: Check, found: str | None, expected: str) -> str:
    return f"{check.id}: {quoted(found or '')} is in the wrong place; expected {expected}"


def _fix_order(check: Check, broken: Broken) -> Iterator[Edit]:
    """The facts that hold the named parts, put in order at the places that they have; the others stay."""
    text, columns = broken.text, broken.columns
    found = columns.once(("order", check.id), lambda: _places(columns, _patterns(check)).drop("index", "text").rows())
    facts = facts_of(text)
    starts = [start for start, _ in facts]
    ranks: dict[int, int] = {}
    for number, at in enumerate(found[broken.row]):
        if at is None:
            continue
        place = bisect_right(starts, at if text.isascii() else len(text.encode()[:at].decode())) - 1
        if place in ranks:
            return  # one fact holds two parts
        ranks[place] = number
    places = sorted(ranks)
    for place, other in zip(places, sorted(places, key=lambda place: ranks[place]), strict=True):
        if place != other:
            yield Edit(*facts[place], _moved(text, facts, other, place))


def _moved(text: str, facts: Sequence[tuple[int, int]], fact: int, place: int) -> str:
    """A fact as written at another place: the text's last mark stays there, and so does its first capital letter."""
    words, there = text[slice(*facts[fact])], text[slice(*facts[place])]
    if fact == len(facts) - 1:
        words = words.rstrip(".!")
    if place == len(facts) - 1:
        words += there[len(there.rstrip(".!")) :]
    if place == 0 and re.match(r"[A-Z]", there) and re.match(r"[a-z]+\b", words):
        words = words[0].upper() + words[1:]
    return words


ORDER = Kind(
    "order", "form", OrderParameters, _find_order, _say_order, explain=_explain_order,
    fix=Fix(_fix_order, says="Safe: reorders the comma-separated facts that contain the parts."),
)  # fmt: skip
