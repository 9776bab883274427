"""Results as rows of text, as HTML for a notebook, and as tables of pandas."""

import html
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from .console import FIRST_ROWS, printable
from .errors import ModelError
from .numbers import MINUS, NBSP, Numbers, kept_together, say

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


def to_pandas(table: Any) -> Any:
    """A copy of a polars table as a pandas DataFrame: missing values as None or NaN, lists as lists.

    Unlike polars' own method, it does not need pyarrow.

    Raises: ModelError if pandas is not installed.
    """
    if find_spec("pandas") is None:
        raise ModelError("pandas is not installed\nInstall it: pip install pandas")
    import pandas

    columns = {
        # numpy keeps the numeric type, with NaN for missing values
        series.name: series.to_numpy() if series.dtype.is_float() or series.dtype.is_integer() else series.to_list()
        for series in table.get_columns()
    }
    return pandas.DataFrame(columns, columns=table.columns)


LONGEST = 200  # characters of a cell
# Sizes and lines only: the colours are the notebook's, in its light or dark theme. A published notebook loses its style
# sheets, but keeps inline styles.
_LINE = "solid rgba(128,128,128,.4)"
_CELL = f"text-align:{{align}};vertical-align:top;padding:.2em .8em .2em 0;border:0;border-bottom:1px {_LINE}"
_TEXT = f"white-space:pre-wrap;overflow-wrap:anywhere;margin:.2em 0 .8em;padding-left:.8em;border-left:3px {_LINE}"
# MathJax would take the text between two prices in dollars for a formula.
_NO_FORMULAS = "tex2jax_ignore mathjax_ignore"


def notebook_page(
    lead: str,
    *,
    notes: Sequence[str] = (),
    figures: Iterable[tuple[str, str]] = (),
    table: Any = None,
    rows: int = FIRST_ROWS,
    texts: Iterable[tuple[str, str]] = (),
    folded: Iterable[tuple[str, str]] = (),
) -> str:
    """A result as HTML.

    The parts are the `lead` in bold, `figures` by name, the first `rows` of a polars `table`, `texts` by title with their
    line breaks, `notes`, and `folded` texts by title, which a click opens. Everything is escaped: markup and control
    characters are shown as text.
    """
    parts = [f"<p><strong>{_shown(lead)}</strong></p>", _figures(figures), _table(table, rows)]
    parts += [f"<p>{_shown(title)}</p>{_text(text)}" for title, text in texts]
    parts += [f"<p>{_shown(note)}</p>" for note in notes]
    parts += [f"<details><summary>{_shown(title)}</summary>{_text(text)}</details>" for title, text in folded]
    return f'<div class="{_NO_FORMULAS}" style="max-width:60em;overflow-x:auto">{"".join(parts)}</div>'


def _shown(text: str) -> str:
    return html.escape(printable(text))


def _text(text: str) -> str:
    return f'<div style="{_TEXT}">{_shown(text)}</div>' if text else ""


def _figures(figures: Iterable[tuple[str, str]]) -> str:
    head = f'<th scope="row" style="{_styled()};font-weight:normal">'
    names = ((f"{head}{_shown(name)}</th>" if name else _cell(""), value) for name, value in figures)
    return _as_table("", [f"<tr>{name}{_cell(value)}</tr>" for name, value in names])


def _table(table: Any, rows: int) -> str:
    """The first rows of a table; numbers are aligned right."""
    if table is None or not len(table):
        return ""
    right = [kind.is_numeric() for kind in table.dtypes]
    head = "".join(
        f'<th scope="col" style="{_styled(right=r)}">{_shown(name)}</th>'
        for name, r in zip(table.columns, right, strict=True)
    )
    lines = [
        f"<tr>{''.join(_cell(value, right=r) for value, r in zip(row, right, strict=True))}</tr>"
        for row in table.head(rows).iter_rows()
    ]
    more = f"<p>and {len(table) - rows:,} more</p>" if len(table) > rows else ""
    return _as_table(f"<thead><tr>{head}</tr></thead>", lines) + more


def _as_table(head: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return f'<table style="border-collapse:collapse;margin:.6em 0">{head}<tbody>{"".join(lines)}</tbody></table>'


def _cell(value: Any, *, right: bool = False) -> str:
    text = "" if value is None else f"{value:,}" if right and isinstance(value, int) else str(value)
    return f'<td style="{_styled(right=right)}">{_shown(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")}</td>'


def _styled(*, right: bool = False) -> str:
    return _CELL.format(align="right" if right else "left")
