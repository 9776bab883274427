"""Every error that a user can fix, and the lines of problems in a settings file.

TuneworthError
├── InputError          exit 2: the user's data or configuration is wrong
│   ├── ConfigError     tuneworth.toml, style.yaml or an option
│   ├── DataError       a file of pairs or outputs
│   └── ModelError      a model that is missing, incomplete or does not fit
├── GateFailed          exit 1: a --gate does not hold
└── RunBroken           exit 3: the run stopped half-way; finished work is kept

Programming errors are `ValueError` and the like. Exit code 4 is no error: `tuneworth watch` answers *decide again*.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self


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


_NAMED = 100  # problems; a file of the wrong kind may have one in each of its lines


def _line(problem: str) -> int | None:
    """The line of a problem in its file; None if it has none."""
    return problem.line if isinstance(problem, Problem) else None


class TuneworthError(Exception):
    """One to three lines: what is wrong, where, what was expected, how to fix it."""

    exit_code = 2


class InputError(TuneworthError):
    """The user's data or configuration is wrong."""

    @classmethod
    def of(cls, problems: Iterable[str], *, where: str) -> "InputError":
        """One error with the problems of a file, in the order of their lines, so that a user can fix them in one go.

        Of very many, the first ones are named.
        """
        listed = sorted(problems, key=lambda problem: _line(problem) or 0)
        if len(listed) == 1:
            line = f", line {_line(listed[0])}" if _line(listed[0]) else ""
            return cls(f"{where}{line}: {listed[0]}")
        named = [f"  - {f'line {_line(one)}: ' if _line(one) else ''}{one}" for one in listed[:_NAMED]]
        more = [f"  and {len(listed) - _NAMED:,} more"] if len(listed) > _NAMED else []
        return cls("\n".join([f"{where}: {len(listed):,} problems", *named, *more]))


class ConfigError(InputError):
    """A configuration file or an option is wrong."""


class DataError(InputError):
    """A file of pairs or outputs is wrong."""


class ModelError(InputError):
    """A model is missing, incomplete or does not fit."""


class GateFailed(TuneworthError):
    """A condition given with `--gate` does not hold."""

    exit_code = 1


class RunBroken(TuneworthError):
    """The run stopped half-way; finished work is kept."""

    exit_code = 3


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Give errors that the system raises without a name, such as those of writing and syncing, the name of the file."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
