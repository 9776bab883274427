"""The check `same_result`: the query gives what the reference's query gives, on a database that is only read."""

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..schema import Check, Explanation, FaultRow, Findings, Kind, faults
from .equals import shown, with_references

_SECONDS = 2.0  # of one query
_ROWS = 100_000  # of one result
_MEMORY = 256 * 1024 * 1024  # bytes that SQLite may take for all queries, and as many for one result
_LONGEST = 1_000_000  # bytes of one value or row
_PATTERN = 1_000  # bytes of a pattern of LIKE; the time of one comparison grows with the product of both
_INSTRUCTIONS = 1_000  # of SQLite's machine between two looks at the clock
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
# Literals, quoted names, comments (open ones go to the end), white space, and the rest.
_PIECES = re.compile(
    r"""'[^']*(?:''[^']*)*(?:'|\Z)|"[^"]*(?:""[^"]*)*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)"""
    r"""|--[^\n]*|/\*.*?(?:\*/|\Z)|\s+|(?:(?!--|/\*)[^\s'"`\[])+""", re.DOTALL
)  # fmt: skip
_TOKEN = re.compile(r"[\w.]+|[^\w\s]+?")


@dataclass(frozen=True)
class SameResultParameters:
    """The SQL query gives the rows of the reference's query on a SQLite file (`database`).

    The file is only read: no statement that writes, attaches or loads anything runs. A query may take 2 seconds and give
    100,000 rows. The order of rows counts where the reference orders them; names of columns do not. Without a database
    both have to be the same query but for case, white space and comments outside of literals.
    """

    database: str | None = field(default=None, metadata={"file": True})

    def __post_init__(self) -> None:
        if self.database is not None:
            try:
                with _opened(Path(self.database)):
                    pass
            except (OSError, sqlite3.Error) as error:
                raise ConfigError(f"database {self.database} cannot be read as SQLite: {error}") from None


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read."""
    if not file.is_file():
        raise OSError("there is no such file")
    # Without changes in a log beside it, the file is read as it is: no lock, and no file appears beside it.
    how = "mode=ro" if Path(f"{file}-wal").exists() else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?{how}", uri=True)) as connection:
        connection.execute(f"PRAGMA hard_heap_limit = {_MEMORY}")
        connection.execute("PRAGMA temp_store = MEMORY")  # a sort counts towards the limit and leaves no file
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, _PATTERN)
        connection.execute(
            "SELECT count(*) FROM sqlite_master"
        ).fetchall()  # not SQLite, encrypted or locked: told here
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.set_authorizer(_authorize)
        yield connection


def _authorize(action: int, first: str | None, second: str | None, *_: Any) -> int:
    if action == sqlite3.SQLITE_FUNCTION and (second or "").casefold() == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


@dataclass(frozen=True)
class _Result:
    """The rows of a query, or why there are none."""

    rows: Sequence[tuple[Any, ...]] = ()
    failure: str | None = None


def _run(connection: sqlite3.Connection, query: str) -> _Result:
    """The result of a query, within the limits."""
    until = time.monotonic() + _SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > until, _INSTRUCTIONS)
    try:
        with closing(connection.execute(query)) as cursor:
            rows, size = list[tuple[Any, ...]](), 0
            for row in cursor:
                rows.append(tuple(map(_value, row)))
                size += sum(len(value) for value in row if isinstance(value, str | bytes))
                if len(rows) > _ROWS or size > _MEMORY:
                    return _Result(failure=f"the query gives more than {_ROWS:,} rows or {_MEMORY // 10**6} MB")
    except sqlite3.OperationalError as error:
        slow = "interrupted" in str(error)
        return _Result(failure=f"the query takes longer than {_SECONDS:g} seconds" if slow else _told(error))
    except MemoryError:
        return _Result(failure="the query takes too much memory")
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return _Result(failure=_told(error))
    return _Result(rows)


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (
        "the query does more than reading"
        if "not authorized" in text or "prohibited" in text
        else f"SQLite says: {text}"
    )


def _value(value: Any) -> Any:
    """Numbers are compared by value, and computed ones without their last digits."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _same(result: _Result, wanted: _Result, *, ordered: bool) -> bool:
    return list(result.rows) == list(wanted.rows) if ordered else Counter(result.rows) == Counter(wanted.rows)


def is_ordered(query: str) -> bool:
    """Whether the query itself orders its rows: ORDER BY outside of brackets."""
    depth, words = 0, []
    for piece in _plain_pieces(query):
        for token in _TOKEN.findall(piece):
            depth += {"(": 1, ")": -1}.get(token, 0)
            if not depth:
                words.append(token.casefold())
    return any(pair == ("order", "by") for pair in pairwise(words))


def canonical(query: str) -> str:
    """The query without comments, with single spaces and small letters outside of literals and quoted names."""
    tokens: list[str] = []
    for piece in _PIECES.findall(query.strip().rstrip(";")):
        if piece[0] in "'\"`[":
            tokens.append(piece)
        elif not piece.isspace() and not piece.startswith(("--", "/*")):
            tokens += _TOKEN.findall(piece.casefold())
    return " ".join(tokens)


def _plain_pieces(query: str) -> Iterator[str]:
    """The pieces that are neither literals nor comments."""
    return (piece for piece in _PIECES.findall(query) if piece[0] not in "'\"`[" and not piece.startswith(("--", "/*")))


def _find_same_result(check: Check, columns: Columns) -> Findings:
    p: SameResultParameters = check.parameters
    applicable = with_references(columns)
    rows: list[FaultRow] = []
    reasons: list[str | None] = [None] * len(columns.output)
    if not applicable.any():
        return Findings(faults(rows), applicable)
    if p.database is None:
        for index in applicable.arg_true():
            texts = columns.right(index)
            if canonical(columns.output[index]) not in set(map(canonical, texts)):
                rows.append((index, None, None, None, shown(texts[0])))
        return Findings(faults(rows), applicable)
    try:
        with _opened(Path(p.database)) as connection:
            known: dict[str, _Result] = {}  # one at a time would run a reference for each output
            for index in applicable.arg_true():
                wrong, reasons[index] = _judged(columns.output[index], columns.right(index), connection, known)
                rows += [(index, None, None, None, wrong)] if wrong else []
    except (OSError, sqlite3.Error) as error:
        reasons = [f"the database cannot be read: {error}"] * len(reasons)
    return Findings(faults(rows), applicable, pl.Series("why", reasons, dtype=pl.String))


QUERY_RUNS = "a query that runs"  # expected of one that fails


def _judged(
    output: str, references: Sequence[str], connection: sqlite3.Connection, known: dict[str, _Result]
) -> tuple[str | None, str | None]:
    """What is wrong with a query, and why it cannot be judged."""
    wanted = []
    for query in references:
        if query not in known:
            known[query] = _run(connection, query)
        wanted.append((known[query], is_ordered(query)))
    usable = [(result, ordered) for result, ordered in wanted if result.failure is None]
    if not usable:
        return None, f"the reference's query does not run: {wanted[0][0].failure}"
    result = _run(connection, output)
    if result.failure is not None:
        return f"{QUERY_RUNS}; {result.failure}", None
    if any(_same(result, right, ordered=ordered) for right, ordered in usable):
        return None, None
    return f"the rows of {shown(references[0])} ({len(usable[0][0].rows):,}), found {len(result.rows):,} rows", None


def _say_same_result(check: Check) -> str:
    return "Write one SQL query that gives the right rows, and nothing else."


SAME_RESULT = Kind(
    "same_result", "correctness", SameResultParameters, _find_same_result, _say_same_result,
    explain=Explanation(missing="expected {expected}"),
)  # fmt: skip
