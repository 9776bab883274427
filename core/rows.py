"""Figures as rows: the name, the value with its unit, the ends of its range, and a note.

A stage returns rows, not sentences. `row_text` formats one for a page, a file or a terminal, `row_lines` several for a
terminal.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .numbers import MINUS, NBSP, Numbers, kept_together, say

__all__ = ["Row", "filled", "range_text", "row_lines", "row_text", "value_text"]

COLUMNS = 80  # of a terminal
LABEL = 28  # columns of a label; a longer one shifts its value


@dataclass(frozen=True)
class Row:
    """One figure.

    `unit` is `share`, `chance`, `points` (a difference of shares), `coefficient` (such as kappa), `days`, `seconds`,
    `bytes`, a currency code, the noun that is counted, or empty for a bare number; a text is shown unchanged. The value
    None means not measured, or never if the unit is days; likewise an end of a range in days whose other end is known.
    `decimals` of shares and points come from `decimals_beside`.
    """

    key: str
    label: str
    value: Any
    unit: str = ""
    low: float | None = None
    high: float | None = None
    note: str = ""
    decimals: int = 0


def value_text(row: Row, numbers: Numbers = say) -> str:
    """The value with its unit.

    >>> value_text(Row("npv", "Gain", 5014.3, "EUR")), value_text(Row("payback", "Payback", None, "days"))
    ('5,014 EUR', 'never')
    """
    value, unit = row.value, row.unit
    if isinstance(value, str):
        return value
    if unit in ("share", "points"):
        return (numbers.percent if unit == "share" else numbers.signed_points)(value, row.decimals)
    plain = {
        "chance": numbers.chance, "coefficient": numbers.coefficient, "days": numbers.days,
        "seconds": numbers.duration, "bytes": numbers.size, "": numbers.count,
    }  # fmt: skip
    if unit in plain:
        return plain[unit](value)
    return numbers.money(value, unit) if unit.isupper() else numbers.count(value, unit)


def range_text(row: Row, numbers: Numbers = say) -> str:
    """The range; empty if there is none, or if it equals the value.

    >>> range_text(Row("a", "Acceptable", 0.8, "share", 0.7, 0.89)), range_text(Row("p", "Payback", 12, "days", 9, None))
    ('70 to 89%', '9 days to never')
    """
    low, high, unit = row.low, row.high, row.unit
    if low is None and high is None:
        return ""
    if unit == "days":
        text = numbers.days_range(low, high)
    elif low is None:
        return ""
    elif unit == "share":
        text = numbers.percent_range(low, high)
    elif unit == "points":
        text = numbers.points_range(low, high)
    elif unit == "coefficient":
        text = numbers.coefficient_range(low, high)
    else:
        text = f"from {numbers.money(low, unit)}" if high is None else numbers.money_range(low, high, unit)
    return "" if text == value_text(row, numbers) else text


def row_text(row: Row, numbers: Numbers = say) -> str:
    """Value, range in brackets, and note.

    >>> row_text(Row("payback_days", "Payback", 26.9, "days", 13.9, 56, note="at 2,000 requests a day"))
    '27 days (14 to 56 days), at 2,000 requests a day'
    """
    span = range_text(row, numbers)
    text = f"{value_text(row, numbers)} ({span})" if span else value_text(row, numbers)
    return f"{text}, {row.note}" if row.note else text


def row_lines(rows: Sequence[Row], *, label: int = LABEL, columns: int = COLUMNS) -> list[str]:
    """The rows as lines of at most `columns`, their labels in a column of width `label`; long words are not broken."""
    lines = []
    for row in rows:
        lines += filled(f"{row.label:<{label}} {row_text(row)}", indent=label + 1, columns=columns)
    return lines


def filled(text: str, *, indent: int = 0, columns: int = COLUMNS) -> list[str]:
    """The text wrapped for a terminal, in plain characters, with all lines but the first indented; units stay with numbers."""
    lines = textwrap.wrap(
        kept_together(text), columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(NBSP, " ").replace(MINUS, "-") for line in lines or [text]]
