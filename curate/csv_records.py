"""CSV text into records: each has the header's columns as text, or the reason why it cannot be read."""

import csv
import io
from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from ..style.errors import DataError
from .batch import Batch, excerpt
from .csv_dialect import Dialect, find_dialect
from .encodings import text_blocks

__all__ = ["read_csv"]

_LARGEST_FIELD = 1 << 26  # characters; a quote that is never closed swallows no more than this
_ROWS = 20_000


def read_csv(
    path: Path, head: str, *, encoding: str, delimiter: str | None, wanted: Collection[str]
) -> tuple[Iterator[Batch], list[str]]:
    """The batches of a CSV file that begins with `head`, and what was guessed.

    Raises:
        DataError: the header cannot be read, names a column twice, or the stated delimiter is not the file's.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    dialect = find_dialect(head, path, delimiter=delimiter, wanted=wanted)
    lines = islice(_lines(text_blocks(path, encoding)), dialect.skip, None)
    records = _records(lines, dialect, dialect.skip + 1)
    names = _header(records, path)
    return _batches(records, names), list(dialect.said)


def _header(records: "Iterator[_Parsed]", path: Path) -> list[str]:
    line, values, problem = next((record for record in records if record[1] != []), (1, None, "there is none"))
    if values is None:
        raise DataError(f"{path}, line {line}: the line of column names cannot be read: {problem}")
    # An index column that was written along has no name.
    names = [name.strip() or f"column {place}" for place, name in enumerate(values, start=1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f'{path}: the header names "{repeated[0]}" twice; every column needs its own name')
    return names


def _batches(records: "Iterator[_Parsed]", names: list[str]) -> Iterator[Batch]:
    number, numbers, rows, problems = 0, [], [], []
    width = len(names)
    for line, values, problem in records:
        if values == []:
            continue  # a blank line is no record
        number += 1
        if values is not None and len(values) == width:
            numbers.append(number)
            rows.append(values)
        else:
            problems.append((number, problem or _ragged(line, values or [], width)))
        if len(rows) + len(problems) >= _ROWS:
            yield _batch(numbers, rows, problems, names)
            numbers, rows, problems = [], [], []
    yield _batch(numbers, rows, problems, names)


def _batch(numbers: list[int], rows: list[list[str]], problems: list[tuple[int, str]], names: list[str]) -> Batch:
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    table = pl.DataFrame([pl.Series(n, list(c), dtype=pl.String) for n, c in zip(names, columns, strict=True)])
    return Batch(numbers, table, problems)


def _ragged(line: int, values: list[str], width: int) -> str:
    what = f"line {line} has {len(values)} value{'s' * (len(values) != 1)}, the header names {width} columns"
    return f"{what}; it begins {excerpt(values[0])}"


_Parsed = tuple[int, list[str] | None, str | None]  # the first line, the values, why there are none


def _records(lines: Iterator[str], dialect: Dialect, line: int) -> Iterator[_Parsed]:
    """Each record with its first line; an empty list is a blank line."""
    again: deque[str] = deque()  # lines to be read once more
    taken: list[str] = []  # lines of the record at hand

    def feed() -> Iterator[str]:
        while True:
            text = again.popleft() if again else next(lines, None)
            if text is None:
                return
            taken.append(text)
            yield text

    def reader():
        return csv.reader(
            feed(), delimiter=dialect.delimiter, quotechar=dialect.quote, escapechar=dialect.escape, strict=True
        )

    rows = reader()
    while True:
        problem, values = None, None
        try:
            values = next(rows)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            problem = str(error)
            if len(taken) > 1 and ("unexpected end" in problem or "field limit" in problem):
                # A quote that is never closed must not take the rest of the file with it.
                again.extendleft(reversed(taken[1:]))
                del taken[1:]
                rows = reader()
                problem = "a quote is opened and never closed"
            last = line + len(taken) - 1
            place = f"line {line}" if last == line else f"lines {line} to {last}"
            problem = f"{place} cannot be read as one record: {problem}; it begins {excerpt(taken[0].rstrip())}"
        yield line, values, problem
        line += len(taken)
        taken.clear()


def _lines(blocks: Iterator[str]) -> Iterator[str]:
    """Lines with their ends as they stand (\\n, \\r\\n or \\r); only these three end a line of a CSV file."""
    rest = ""
    pieces: list[str] = []  # of a line longer than a block
    for block in blocks:
        lines = list(io.StringIO(rest + block, newline=""))
        # The last line may go on, and a \r at its end may be the first half of \r\n.
        rest = lines.pop() if lines else ""
        if lines and pieces:
            lines[0] = "".join([*pieces, lines[0]])
            pieces.clear()
        yield from lines
        if len(rest) > 1 << 20 and not rest.endswith("\r"):
            pieces.append(rest)
            rest = ""
    if pieces or rest:
        yield "".join([*pieces, rest])
