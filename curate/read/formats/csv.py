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

from ....core import DataError, say
from .batch import Batch, Intake, excerpt
from .text import LongLine, any_lines

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


_ROWS = 20_000


def read_csv(
    path: Path, head: str, blocks: Iterator[str], intake: Intake, *, delimiter: str | None, wanted: Collection[str]
) -> tuple[Iterator[Batch], list[str]]:
    """The batches of a CSV file that begins with `head`, from the blocks of its text, and guesses about it for the user.

    Raises:
        DataError: the header cannot be read, names a column twice, or the stated delimiter is not the file's.
    """
    csv.field_size_limit(max(intake.most, len(head)))  # longer records end before
    dialect = find_dialect(head, path, delimiter=delimiter, wanted=wanted)
    lines = islice(any_lines(blocks, intake.most, intake.passed), dialect.skip, None)
    records = _records(lines, dialect, dialect.skip + 1, intake)
    names = _header(records, path)
    return _batches(records, names, intake), list(dialect.guesses)


def _header(records: "Iterator[_Parsed]", path: Path) -> list[str]:
    line, values, problem = next(records, (1, None, "there is no such line"))
    if values is None:
        raise DataError(f"{path}, line {line}: the column names cannot be read: {problem}")
    # An index column that was exported with the data has no name.
    names = [name.strip() or f"column {place}" for place, name in enumerate(values, start=1)]
    repeated = sorted(name for name, uses in Counter(names).items() if uses > 1)
    if repeated:
        raise DataError(
            f'{path}: the header has "{repeated[0][:80]}" twice; give every column its own name\n'
            "If the first line is data, put a line with the names of the columns before it."
        )
    return names


def _batches(records: "Iterator[_Parsed]", names: list[str], intake: Intake) -> Iterator[Batch]:
    numbers, rows, problems = [], [], []
    width = len(names)
    for number, (line, values, problem) in enumerate(records, start=1):
        if values is not None and len(values) == width:
            numbers.append(number)
            rows.append(values)
        else:
            problems.append((number, problem or _ragged(line, values or [], width)))
        if len(rows) + len(problems) >= _ROWS:
            yield _batch(numbers, rows, problems, names, intake)
            numbers, rows, problems = [], [], []
    yield _batch(numbers, rows, problems, names, intake)


def _batch(
    numbers: list[int], rows: list[list[str]], problems: list[tuple[int, str]], names: list[str], intake: Intake
) -> Batch:
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    table = pl.DataFrame([pl.Series(n, list(c), dtype=pl.String) for n, c in zip(names, columns, strict=True)])
    batch = Batch(numbers, table, problems)
    intake.saw(batch)
    return batch


def _ragged(line: int, values: list[str], width: int) -> str:
    what = f"line {line} has {say.count(len(values), 'value')}, the header names {width} columns"
    return f"{what}; it begins {excerpt(values[0])}"


_Parsed = tuple[int, list[str] | None, str | None]  # the first line, the values, and why there are none
_MOST_LINES = 1_000_000  # of one record: an open quote before many millions of short lines must end within seconds


class _TooLong(Exception):
    """The current record is longer than the limit; `line` is set if its first line is."""

    def __init__(self, line: LongLine | None = None) -> None:
        super().__init__()
        self.line = line


class _Lines:
    """The lines of a file for the reader of records: `taken` are those of the current record, `first` is the number of
    the first one."""

    def __init__(self, lines: Iterator[str | LongLine], first: int, intake: Intake) -> None:
        self._lines, self._intake = lines, intake
        self._again: deque[str | LongLine] = deque()  # lines to read again
        self.first, self.taken = first, list[str]()

    def feed(self) -> Iterator[str]:
        """The lines; blank ones before a record are passed over. Raises: _TooLong."""
        taken, most, length = self.taken, self._intake.most, 0
        while True:
            text = self._again.popleft() if self._again else next(self._lines, None)
            if text is None:
                return
            if type(text) is LongLine:
                if not taken:
                    raise _TooLong(text)
                self._again.appendleft(text)
                raise _TooLong
            if not taken:
                if text[0] in "\r\n":  # type: ignore[operator] - it is a text; isinstance would take longer
                    self.first += _count_lines(text)  # type: ignore[arg-type]
                    self._intake.passed(len(text))
                    continue
                length = 0
            length += len(text)
            taken.append(text)  # type: ignore[arg-type]
            if length > most or len(taken) > _MOST_LINES:
                raise _TooLong
            yield text  # type: ignore[misc]

    def rewind(self) -> None:
        """Read all lines of the current record but the first one again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def count(self) -> int:
        """The number of lines of the current record."""
        return sum(map(_count_lines, self.taken))


def _count_lines(text: str) -> int:
    """The number of lines of a text that is one line, or a block of nothing but line ends."""
    return text.count("\n") + text.count("\r") - text.count("\r\n") if text[0] in "\r\n" else 1


def _records(lines: Iterator[str | LongLine], dialect: Dialect, first: int, intake: Intake) -> Iterator[_Parsed]:
    """Each record with its first line; blank lines are none."""
    source = _Lines(lines, first, intake)

    def reader():
        return csv.reader(
            source.feed(), delimiter=dialect.delimiter, quotechar=dialect.quote, escapechar=dialect.escape, strict=True
        )

    rows, taken = reader(), source.taken
    while True:
        try:
            values, problem = next(rows), None
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            values, problem = None, str(error)
            if isinstance(error, _TooLong) and error.line is not None:
                yield source.first, None, intake.too_long(f"line {source.first}", *error.line)
                rows = reader()
                source.first += 1
                continue
            if isinstance(error, _TooLong) or (len(source.taken) > 1 and "unexpected end" in problem):
                # An unclosed quote must not consume the rest of the file.
                within = f" within {intake.limit}" if isinstance(error, _TooLong) else ""
                problem = f"a quote is opened and never closed{within}"
                source.rewind()
                rows = reader()
        count = 1 if len(taken) == 1 else source.count()
        if problem is not None:
            place = f"line {source.first}" if count == 1 else f"lines {source.first} to {source.first + count - 1}"
            problem = f"{place} cannot be read as one record: {problem}; it begins {excerpt(source.taken[0].rstrip())}"
            intake.passed(sum(map(len, source.taken)))
        else:
            intake.gap = 0
        yield source.first, values, problem
        source.first += count
        taken.clear()
