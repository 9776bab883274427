"""Reads files into batches of records: a mapping or table row per record, or the reason why it cannot be read."""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path

from ....core import DataError, Limits, say
from ...settings import DataSettings
from ..shapes import ALL_COLUMNS
from .batch import ROWS, Batch, Intake, excerpt, too_deep
from .csv import read_csv
from .document import JsonFault, document_batches, scan_value
from .opened import PACKED
from .tables import TABLES, table_records
from .text import HEAD, BlankLines, LongLine, feed_lines, find_encoding, read_head, text_blocks
from .workbook import sheet_records

_MOST_DOCUMENT = 256_000_000  # characters; the parser of Python, which accepts NaN, needs the whole text
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", *TABLES, ".xlsx")


def file_kind(path: Path) -> str | None:
    """The suffix that selects the reader, without `.gz` and `.zst`; None if no reader knows it."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
        if suffixes[-1:] and suffixes[-1] in (*TABLES, ".xlsx"):
            return None  # these compress their own pages
    return suffixes[-1] if suffixes and suffixes[-1] in SUFFIXES else None


def read_records(
    path: Path, data: DataSettings, *, span: tuple[int, int] | None = None, first: int = 1
) -> tuple[Iterator[Batch], list[str]]:
    """The records of one file in batches, in order, and guesses about the file for the user.

    The columns named in `data` help to detect the delimiter. The file is read lazily, some megabytes of text at a time;
    only a sheet of a workbook is read at once.

    `span` is where a part of the file begins and ends: in rows of a Parquet or Arrow file, or in bytes of uncompressed lines in
    UTF-8. Its records are numbered from `first`, the number of its first record in the file. A record beyond the limits
    is unreadable.

    Raises:
        DataError: the file is missing, empty, damaged as a whole, beyond the limits, or not in the encoding; also while
            batches are drawn.
    """
    limits, kind = data.limits, file_kind(path)
    intake = Intake(path, limits)
    if kind in TABLES:
        return table_records(path, span, first, limits), []
    if kind == ".xlsx":
        return sheet_records(path, data.sheet, limits)
    if span is not None:
        return _from_lines(text_blocks(path, "utf-8", limits, span=span, line=first), intake, first), []
    head = read_head(path)
    if len(head) < HEAD and not head.strip():
        raise DataError(f"{path}: the file is empty; expected one pair per {'line' if kind == '.jsonl' else 'record'}")
    encoding, notice = find_encoding(path, head, stated=data.encoding)
    notices = [notice] if notice else []
    if kind in (".csv", ".tsv"):
        text = codecs.getincrementaldecoder(encoding)("replace").decode(head).removeprefix("\ufeff")
        batches, guesses = read_csv(
            path,
            text,
            text_blocks(path, encoding, limits),
            intake,
            delimiter=data.delimiter or ("\t" if kind == ".tsv" else None),
            wanted=_named(data),
        )
        return batches, [*notices, *guesses]
    if kind == ".json":
        return _from_json(path, encoding, limits), notices
    return _from_lines(text_blocks(path, encoding, limits), intake), notices


def _named(data: DataSettings) -> list[str]:
    """The columns named in the settings."""
    inputs = (data.input,) if isinstance(data.input, str) else data.input or ()
    names = (data.output, data.id, data.group, data.split, *inputs)
    return [name for name in names if name and name != ALL_COLUMNS]


# --- JSON lines ---------------------------------------------------------------------------------------------------


def _from_lines(blocks: Iterator[str], intake: Intake, number: int = 1) -> Iterator[Batch]:
    """Batches of JSON lines."""
    for lines in feed_lines(blocks, intake.most, intake.passed):
        if isinstance(lines, BlankLines):
            intake.passed(lines.length)
            number += lines.lines
            continue
        for start in range(0, len(lines), ROWS):
            some = lines[start : start + ROWS]
            batch = _parsed(some, number, intake)
            intake.saw(batch)
            if not len(batch.values):
                intake.passed(sum(len(line) + 1 for line in some if isinstance(line, str)))
            yield batch
            number += len(some)


def _parsed(lines: list[str | LongLine], first: int, intake: Intake) -> Batch:
    numbers, values, problems = [], [], []
    for number, line in enumerate(lines, start=first):
        if type(line) is LongLine:
            problems.append((number, intake.too_long(f"line {number}", *line)))
            continue
        line = line.strip()  # type: ignore[union-attr] - the test above is faster than isinstance
        if not line:
            continue
        try:
            value, end = scan_value(line, 0)
            if end != len(line):
                raise json.JSONDecodeError("Extra data", line, end)
        except (ValueError, StopIteration, RecursionError) as error:
            problems.append((number, _not_json(number, line, error)))
            continue
        if type(value) is not dict:
            problems.append((number, f"record {number} is not an object but {excerpt(line)}"))
        # Most lines are flat; only one with many brackets is checked for depth.
        elif line.count("{") + line.count("[") > 100 and too_deep(value):
            problems.append((number, _not_json(number, line, RecursionError())))
        else:
            numbers.append(number)
            values.append(value)
    return Batch(numbers, values, problems)


def _not_json(number: int, line: str, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"line {number} is nested too deep; it begins {excerpt(line)}"
    if isinstance(error, StopIteration):
        reason = "a value is expected"
    elif "integer string" in str(error):
        reason = "a number of thousands of digits"
    else:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    return f"line {number} is not JSON: {reason}; it begins {excerpt(line)}"


# --- one JSON document --------------------------------------------------------------------------------------------


def _from_json(path: Path, encoding: str, limits: Limits) -> Iterator[Batch]:
    """The records of a document; of objects on lines of their own, if it is not JSON as a whole."""

    document, begun = _whole(path, encoding, limits), False
    try:
        for batch in document_batches(document, Intake(path, limits)):
            begun = True
            yield batch
    except JsonFault as fault:
        if begun or not _has_lines_of_objects(document, Intake(path, limits)):
            raise DataError(
                f"{path} is not JSON: {fault}; expected a list of objects, or one object per line"
            ) from None
        yield from _from_lines(iter([document]), Intake(path, limits))


def _whole(path: Path, encoding: str, limits: Limits) -> str:
    """The text of a document. Raises: DataError if it is too long to be in memory at once."""
    blocks, length = [], 0
    for block in text_blocks(path, encoding, limits):
        blocks.append(block)
        if (length := length + len(block)) > _MOST_DOCUMENT:
            raise DataError(
                f"{path}: a JSON document is in memory at once, and this one has more than {say.size(_MOST_DOCUMENT)}\n"
                "Convert it to JSON Lines, one object per line, in a file that ends in .jsonl: it may have any size."
            )
    return "".join(blocks)


def _has_lines_of_objects(document: str, intake: Intake) -> bool:
    """Whether some line is an object."""
    try:
        return any(len(batch.values) for batch in _from_lines(iter([document]), intake))
    except DataError:
        return False
