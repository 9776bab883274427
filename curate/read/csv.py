"""Reads CSV text into records: each has the header's columns as text, or the reason why it cannot be read."""

import csv
import io
import json
from collections import Counter, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from ...core import DataError, say
from .batch import Batch, excerpt
from .decode import text_blocks

__all__ = [
    "Dialect",
    "find_dialect",
    "read_csv",
]


_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 200  # records for detection
_USUAL = frozenset(
    ("id", "input", "output", "prompt", "completion", "instruction", "response", "group", "split", "system")
)


@dataclass(frozen=True)
class Dialect:
    """How to read the records. `skip` lines precede the header; `guesses` are for the user."""

    delimiter: str
    quote: str = '"'
    escape: str | None = None
    skip: int = 0
    guesses: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Trial:
    """The first records as one dialect reads them: the header, the share of records that have its width, the errors."""

    header: tuple[str, ...]
    even_share: float
    errors: int


def find_dialect(sample: str, path: Path, *, delimiter: str | None, wanted: Collection[str]) -> Dialect:
    """The dialect of a file that begins with `sample`; `wanted` are names expected in its header.

    Raises:
        DataError: the stated delimiter makes the header one column, and another one makes it several.
    """
    lines = sample.splitlines(keepends=True)
    skip, stated = 0, None
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].rstrip("\r\n")) == 5:  # Excel's own first line
        skip, stated = 1, lines[0][4]
        sample = "".join(lines[1:])
    quote = "'" if _quoted_by(sample, "'") else '"'
    best = _best(sample, quote, wanted)
    if delimiter is not None:
        _check_stated(sample, path, delimiter, quote, best)
    chosen = delimiter or stated or best
    escape = _escape(sample, chosen, quote)
    guesses = []
    if delimiter is None and chosen != ",":
        guesses.append(f"delimiter {json.dumps(chosen)} ({'from its first line' if stated else 'guessed'})")
    if quote == "'":
        guesses.append("quotes ' (guessed)")
    if escape:
        guesses.append('quotes escaped as \\" (guessed)')
    return Dialect(chosen, quote, escape, skip, tuple(guesses))


def _quoted_by(sample: str, mark: str) -> bool:
    header = sample.lstrip("\r\n").split("\n", 1)[0].strip()
    return len(header) > 2 and header[0] == mark == header[-1]


def _best(sample: str, quote: str, wanted: Collection[str]) -> str:
    """The delimiter that gives known header names, then records of one width, then the most columns."""

    def merit(delimiter: str) -> tuple[float, ...]:
        trial = _try(sample, delimiter, quote)
        if len(trial.header) < 2:
            return (0, 0, 0)
        names = {name.strip().casefold() for name in trial.header}
        known = sum(name.casefold() in names for name in wanted) or len(names & _USUAL)
        return (known, round(trial.even_share, 1), len(trial.header))

    return max(_DELIMITERS, key=merit)  # the first if none makes columns


def _check_stated(sample: str, path: Path, stated: str, quote: str, best: str) -> None:
    header = _try(sample, stated, quote).header
    other = _try(sample, best, quote)
    if len(header) == 1 and best != stated and len(other.header) > 1 and other.even_share > 0.5:
        raise DataError(
            f"{path}: delimiter {json.dumps(stated)} gives one column, {json.dumps(header[0][:80])}; "
            f"{json.dumps(best)} would give {len(other.header)}\n"
            f"Set delimiter = {json.dumps(best)} in [data], or leave it out to have it detected."
        )


def _escape(sample: str, delimiter: str, quote: str) -> str | None:
    """A backslash, if quotes inside quotes can only be read that way."""
    if f"\\{quote}" not in sample:
        return None
    doubled, escaped = (_try(sample, delimiter, quote, escape) for escape in (None, "\\"))
    better = (escaped.errors, -escaped.even_share) < (doubled.errors, -doubled.even_share)
    return "\\" if better else None


def _try(sample: str, delimiter: str, quote: str, escape: str | None = None) -> _Trial:
    reader = csv.reader(
        io.StringIO(sample, newline=""), delimiter=delimiter, quotechar=quote, escapechar=escape, strict=True
    )
    header, widths, errors = (), Counter(), 0
    while len(widths) < _SAMPLE and widths.total() + errors < _SAMPLE:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            errors += 1
            continue
        if row and not header:
            header = tuple(row)
        elif row:
            widths[len(row)] += 1
    records = widths.total() + errors
    return _Trial(header, widths[len(header)] / records if records else 1.0, errors)


_LARGEST_FIELD = 1 << 26  # characters; limits what an unclosed quote can swallow
_ROWS = 20_000


def read_csv(
    path: Path, head: str, *, encoding: str, delimiter: str | None, wanted: Collection[str]
) -> tuple[Iterator[Batch], list[str]]:
    """The batches of a CSV file that begins with `head`, and guesses about it for the user.

    Raises:
        DataError: the header cannot be read, names a column twice, or the stated delimiter is not the file's.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    dialect = find_dialect(head, path, delimiter=delimiter, wanted=wanted)
    lines = islice(_lines(text_blocks(path, encoding)), dialect.skip, None)
    records = _records(lines, dialect, dialect.skip + 1)
    names = _header(records, path)
    return _batches(records, names), list(dialect.guesses)


def _header(records: "Iterator[_Parsed]", path: Path) -> list[str]:
    line, values, problem = next((record for record in records if record[1] != []), (1, None, "there is no such line"))
    if values is None:
        raise DataError(f"{path}, line {line}: the column names cannot be read: {problem}")
    # An index column that was exported with the data has no name.
    names = [name.strip() or f"column {place}" for place, name in enumerate(values, start=1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f'{path}: the header has "{repeated[0][:80]}" twice; give every column its own name\n'
            "If the first line is data, put a line with the names of the columns before it."
        )
    return names


def _batches(records: "Iterator[_Parsed]", names: list[str]) -> Iterator[Batch]:
    number, numbers, rows, problems = 0, [], [], []
    width = len(names)
    for line, values, problem in records:
        if values == []:
            continue  # a blank line is not a record
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
    what = f"line {line} has {say.count(len(values), 'value')}, the header names {width} columns"
    return f"{what}; it begins {excerpt(values[0])}"


_Parsed = tuple[int, list[str] | None, str | None]  # the first line, the values, and why there are none


def _records(lines: Iterator[str], dialect: Dialect, line: int) -> Iterator[_Parsed]:
    """Each record with its first line; an empty list is a blank line."""
    again: deque[str] = deque()  # lines to read again
    taken: list[str] = []  # lines of the current record

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
        except csv.Error as error:  # the reader continues with the next line
            problem = str(error)
            if len(taken) > 1 and ("unexpected end" in problem or "field limit" in problem):
                # An unclosed quote must not consume the rest of the file.
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
    """Lines with their original ends (\\n, \\r\\n or \\r); only these three end a line of a CSV file."""
    rest = ""
    pieces: list[str] = []  # of a line longer than a block
    for block in blocks:
        lines = list(io.StringIO(rest + block, newline=""))
        # The last line may continue, and a \r at its end may be the first half of \r\n.
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
