"""Results as HTML for a notebook: a sentence, figures, the first rows of a table, texts."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from .console import FIRST_ROWS, printable

__all__ = ["notebook_page"]

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
    lines = [f"<tr>{_name(name) if name else _cell('')}{_cell(value)}</tr>" for name, value in figures]
    return _as_table("", lines)


def _name(name: str) -> str:
    return f'<th scope="row" style="{_styled()};font-weight:normal">{_shown(name)}</th>'


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
