"""The output of `tuneworth fix`: each changed output as a coloured diff, and the counts by rule."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ...core import printable

if TYPE_CHECKING:
    from ...project import FixedOutputs

_CONTEXT = 1  # unchanged lines around the changed ones
_STYLES = {"@": "cyan", "-": "red", "+": "green"}


def fix_data(fixed: "FixedOutputs") -> dict[str, Any]:
    """The counts and every change as plain data."""
    before, after = fixed.acceptable
    return {
        "rows": len(fixed.pairs),
        "unreadable": fixed.unread,
        "changed": fixed.repaired.changed,
        "acceptable_before": before,
        "acceptable": after,
        "written": str(fixed.written) if fixed.written else None,
        "checks": fixed.table.to_dicts(),
        "changes": [_change(fixed, row) for row in fixed.repaired.changes.iter_rows(named=True)],
    }


def _change(fixed: "FixedOutputs", row: dict[str, Any]) -> dict[str, Any]:
    number, id = fixed.pairs.select("row", "id").row(row["index"])
    return {"row": number, "id": id, **{key: value for key, value in row.items() if key != "index"}}


def fix_lines(fixed: "FixedOutputs") -> str:
    """The headline and the table of rules."""
    rules = fixed.table.to_dicts()
    width = max(len(rule["check"]) for rule in rules)
    can = max(7, *(len(rule["repairs"]) for rule in rules))
    lines = [fixed.headline, "", f"{'rule':<{width}}  level   {'repairs':<{can}}   broken   changed   still broken"]
    for rule in rules:
        lines.append(
            f"{rule['check']:<{width}}  {rule['level']:<6}  {rule['repairs']:<{can}}  {rule['broken']:>7,}   "
            f"{rule['changed']:>7,}   {rule['still_broken']:>12,}"
        )
    if fixed.unread and fixed.written:
        lines += ["", f"{fixed.unread:,} rows are not pairs; those that could be read are in the file unchanged"]
    return "\n".join([*lines, *(["", f"Written: {fixed.written}"] if fixed.written else [])])


def print_diff(fixed: "FixedOutputs") -> None:
    """Each changed output on standard output: its row and rules, then the lines before and after."""
    from rich.console import Console as RichConsole
    from rich.text import Text

    console = RichConsole(highlight=False, markup=False, emoji=False, soft_wrap=True)
    changes = fixed.repaired.changes.select("index", "rule").iter_rows()
    for index, rows in groupby(changes, key=lambda row: row[0]):
        number, id, output = fixed.pairs.select("row", "id", "output").row(index)
        rules = ", ".join(dict.fromkeys(rule for _, rule in rows))
        for line in [f"@ row {number} ({id}): {rules}", *diff_lines(output or "", fixed.outputs[index])]:
            shown = printable(line.replace("\n", " "))
            console.print(Text(shown, style=_STYLES.get(line[0], "")))
        console.print()


def diff_lines(before: str, after: str) -> Iterator[str]:
    """The lines that differ, `-` before and `+` after, with a line of context; linear in the length of the texts."""
    old, new = before.split("\n"), after.split("\n")
    start = _common_lines(old, new)
    end = _common_lines(old[start:][::-1], new[start:][::-1])
    yield from (f"  {line}" for line in old[max(start - _CONTEXT, 0) : start])
    yield from (f"- {line}" for line in old[start : len(old) - end])
    yield from (f"+ {line}" for line in new[start : len(new) - end])
    yield from (f"  {line}" for line in old[len(old) - end :][:_CONTEXT])


def _common_lines(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of lines at the start that are equal."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
