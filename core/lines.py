"""Line numbers in a settings file: of the keys of its tables, and of the problems with them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Self

__all__ = ["Problem", "Table", "line_of", "line_of_named", "with_lines"]


class Problem(str):
    """What is wrong with a setting; `line` is its line in the file, counted from 1, or None."""

    line: int | None

    def __new__(cls, text: str, line: int | None = None) -> Self:
        """Create a problem; when rewording one, pass its line on."""
        problem = super().__new__(cls, text)
        problem.line = line
        return problem


class Table(dict[str, Any]):
    """A table in a file: a dict with the `line` where it starts and the `lines` of its keys, counted from 1."""

    def __init__(
        self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), line: int | None = None,
        lines: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(values)
        self.line = line
        self.lines = dict(lines or {})


def line_of(table: Any, key: Any = None) -> int | None:
    """The line of a key of a table, or of the table itself; None if it does not come from a file."""
    if not isinstance(table, Table):
        return None
    return table.line if key is None else table.lines.get(key, table.line)


def line_of_named(table: Any, text: str) -> int | None:
    """The line of the first key of a table that the text names, else of the table; None if it does not come from a file."""
    if not isinstance(table, Table):
        return None
    return next((table.lines[word] for word in re.findall(r"[\w-]+", text) if word in table.lines), table.line)


def with_lines(table: Any, values: dict[str, Any]) -> dict[str, Any]:
    """The values, a changed copy of `table`, with the line numbers of `table` if it has them."""
    return Table(values, table.line, table.lines) if isinstance(table, Table) else values
