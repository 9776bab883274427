"""The output of `tuneworth why`: rows as a table, and what to do next."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...core import quote, say

if TYPE_CHECKING:
    from ...curate import Explanation
    from ...project import Waiting

_TYPED = re.compile(r"\w[\w ./:#@+,=-]{0,79}")  # no leading dash, no character special to a shell or a terminal
_LINE = 150  # characters of a request and its output
_WIDEST = 36  # characters of an id or a rule
_HEADS = ("row", "id", "outcome", "rule", "compared with", "similarity")


def rows_text(found: "Waiting", *, waiting: bool) -> str:
    """The number of rows by outcome, and the first of them as a table."""
    counts = found.rows["outcome"].value_counts(sort=True, name="n").sort("n", "outcome", descending=[True, False])
    by_outcome = ", ".join(f"{say.count(n)} {outcome}" for outcome, n in counts.iter_rows())
    number = say.count(len(found.rows), "row")
    verb = "waits" if len(found.rows) == 1 else "wait"
    title = f"{number} {verb} for a decision" if waiting else f"{number} found"
    lines = [f"{title}: {by_outcome}" if by_outcome else title]
    if found.decided:
        were = "row was" if found.decided == 1 else "rows were"
        lines.append(f"{say.count(found.decided)} more {were} decided or settled since this run was made")
    rows = found.rows.head(len(found.shown)).select("row", "id", "outcome", "rule", "other_id", "similarity").rows()
    cells = [_HEADS, *(tuple(map(_cell, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADS))]
    aligned = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    table = [aligned[0]]
    for line, one in zip(aligned[1:], found.shown, strict=True):
        table += [line, *_texts(one)]
    more = len(found.rows) - len(rows)
    rest = [f"and {say.count(more)} more: --csv or --json prints all, with the evidence"] if more > 0 else []
    return "\n".join([*lines, *(["", *table, *rest] if rows else [])])


def _texts(one: "Explanation") -> Iterator[str]:
    """The request and the output of a row, and of the row that it is compared with."""
    if one.input is not None:
        yield f"    {_pair(one.input, one.output)}"
    if one.other_input is not None:
        request = "the same request" if one.other_input == one.input else one.other_input
        yield f"    row {one.other_row}: {_pair(request, one.other_output)}"


def _pair(request: str, output: str | None) -> str:
    """A request and its output on one line, the output as a whole where there is room."""
    request, output = "; ".join(request.splitlines()), " ".join((output or "").split())
    room = max(_LINE // 2, _LINE - len(output))
    request = request if len(request) <= room else f"{request[: room - 1]}…"
    room = _LINE - len(request)
    return f"{request} → {output if len(output) <= room else f'{output[: room - 1]}…'}"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = f"{value:.2f}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def next_for_rows(run: Path, found: "Waiting") -> str:
    """The command that shows the first of the rows."""
    if not len(found.rows):
        return f"see other rows, for example: tuneworth why {quote(str(run))} --outcome invalid"
    return f'see one of them: tuneworth why {quote(str(run))} "row {found.rows["row"][0]}"'


def next_for_row(run: Path, row: str, explanation: "Explanation", folder: Path) -> str:
    """The command that decides otherwise about a row, or where all rows are."""
    # A rule may be wrong about a row, but an unreadable row cannot be kept.
    if explanation.outcome != "leaked" and explanation.input is not None and explanation.rule != "override":
        decision = "drop" if explanation.outcome == "kept" else "keep"
        return f'override it: tuneworth why {quote(str(run))} {_typed(row, explanation)} --decide {decision} --because "..."'
    from ...curate import table_name

    return f"see all rows in {folder / (table_name(folder, 'curate/ledger.parquet') or '')}"


def _typed(row: str, explanation: "Explanation") -> str:
    """The row as the user wrote it, if it is easy to type again; else its number."""
    return quote(row) if _TYPED.fullmatch(row) else f'"row {explanation.row}"'


def next_after_decision(folder: Path) -> str:
    """The command that applies decisions."""
    from ...project import PROJECT_FILE, decisions_file

    home = decisions_file(folder).parent
    again = quote(str(home)) if (home / PROJECT_FILE).is_file() else f"{quote(str(folder))} --again"
    return f"apply it: tuneworth curate {again}"
