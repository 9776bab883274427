"""The check `order`: the parts of an output come in a given order."""

from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..kind import Kind
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


def _find_order(check: Check, columns: Columns) -> Findings:
    p: OrderParameters = check.parameters
    patterns = [ready_pattern(regex, ignore_case=check.ignore_case) for regex in p.parts.values()]
    text = pl.DataFrame({"text": columns.output}).with_row_index()
    # Byte offsets are enough to compare; those of violations are converted to code points.
    places = text.with_columns(pl.col("text").str.find(pattern).alias(str(n)) for n, pattern in enumerate(patterns))
    numbers = [str(n) for n in range(len(patterns))]
    highest = [pl.max_horizontal(numbers[:n]) for n in range(1, len(numbers))]
    pairs = zip(numbers[1:], highest, strict=True)
    wrong = places.filter(pl.any_horizontal((pl.col(n) < top).fill_null(False) for n, top in pairs))
    wrong = wrong.with_columns(
        pl.col("text").str.extract(pattern, 0).alias(f"match {n}") for n, pattern in enumerate(patterns)
    )
    rows = []
    for row in wrong.iter_rows(named=True):
        occur = sorted((row[n], int(n)) for n in numbers if row[n] is not None)
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


ORDER = Kind("order", "form", OrderParameters, _find_order, _say_order, explain=_explain_order)
