"""Cuts files into parts that tasks can read independently: lines of JSONL, rows of Parquet and Arrow, other files whole."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

import polars as pl

from ....core import DataError, Limits
from ...settings import DataSettings
from .decode import count_line_feeds, find_encoding, line_end, read_head
from .opened import FileStamp, file_stamp
from .records import file_kind
from .tables import TABLES, scan_table, try_tables

__all__ = ["MOST_BYTES", "FilePart", "count_lines", "file_parts", "first_rows", "numbered", "row_offsets"]

MOST_BYTES = 64 << 20  # of text in a part: some 100,000 records, and a few hundred megabytes while they are parsed
_SAMPLE = 2_000  # rows from which the bytes per row of a Parquet file are estimated


@dataclass(frozen=True)
class FilePart:
    """Consecutive records of one file. It can be pickled.

    span: where they begin and end: bytes of a JSONL file, in complete lines, or rows of a Parquet or Arrow file, counted
    from 0; None if the part is the whole file. first: the number of the part's first record in its file, which for
    JSONL is a line number; None until it is known (`numbered`). size: the approximate bytes to read, as text if known.
    stamp: the file's state when it was cut.
    """

    path: Path
    kind: str
    stamp: FileStamp
    size: int
    span: tuple[int, int] | None = None
    first: int | None = 1


def file_parts(files: Sequence[Path], data: DataSettings, *, most_bytes: int | None = MOST_BYTES) -> list[FilePart]:
    """The parts of all files, in the order of the files and of their records.

    A part has about `most_bytes` bytes of text, or more if a single line has more; with None every file is one part.
    The cuts depend only on the files and on `most_bytes`. Compressed files, encodings other than UTF-8, CSV, JSON
    documents and workbooks cannot be read from the middle: each such file is one part.

    Raises:
        DataError: a file is missing.
    """
    try_tables([file for file in files if file_kind(file) in TABLES and file.is_file()], data.limits)  # in one process
    return [part for file in files for part in _parts(file, data, most_bytes)]


def _parts(file: Path, data: DataSettings, most_bytes: int | None) -> Iterator[FilePart]:
    kind, stamp = file_kind(file) or "", file_stamp(file)
    whole = FilePart(file, kind, stamp, stamp.size)
    try:
        if most_bytes is None or data.turns == "all":  # which makes more records than lines
            yield whole
        elif kind in TABLES:
            yield from _of_rows(whole, most_bytes, data.limits)
        elif stamp.size > most_bytes and _has_lines(file, data):
            yield from _of_lines(whole, most_bytes)
        else:
            yield whole
    except (DataError, pl.exceptions.PolarsError, OSError):
        yield whole  # its reader reports what is wrong with it


def _has_lines(file: Path, data: DataSettings) -> bool:
    """Whether every line feed of the file ends a record: an uncompressed JSONL file in UTF-8."""
    if file.suffix.lower() not in (".jsonl", ".ndjson"):
        return False
    head = read_head(file)
    encoding, notice = find_encoding(file, head, stated=data.encoding)
    return bool(head.strip()) and notice is None and codecs.lookup(encoding).name == "utf-8"


def _of_lines(whole: FilePart, most_bytes: int) -> list[FilePart]:
    """Cuts after the first line feed at or after each multiple of `most_bytes`, reading only the bytes around a cut."""
    size = whole.stamp.size
    places = [0]
    for place in range(most_bytes, size, most_bytes):
        if place >= places[-1]:  # else a line spans this position
            places.append(line_end(whole.path, place))
    spans = pairwise(places if places[-1] == size else [*places, size])
    return [replace(whole, span=span, size=span[1] - span[0], first=None if span[0] else 1) for span in spans]


def _of_rows(whole: FilePart, most_bytes: int, limits: Limits) -> list[FilePart]:
    """Runs of rows of equal length: as many as have `most_bytes` bytes at the average size of the file's first rows."""
    scan = scan_table(whole.path, limits)
    count = scan.select(pl.len()).collect().item()
    sample = scan.head(_SAMPLE).collect()
    bytes_per_row = max(1.0, sample.estimated_size() / max(1, len(sample)))
    rows = max(1, int(most_bytes / bytes_per_row))
    if count <= rows:
        return [replace(whole, size=int(count * bytes_per_row))]
    return [
        replace(whole, span=(start, stop), size=int((stop - start) * bytes_per_row), first=start + 1)
        for start in range(0, count, rows)
        for stop in (min(start + rows, count),)
    ]


def count_lines(part: FilePart) -> int:
    """The number of lines in a part of a JSONL file, for numbering the parts after it; 0 for every other part.

    The bytes are not parsed, so this processes several hundred megabytes a second, a small share of the time to read
    the records.
    """
    return 0 if part.span is None or part.kind in TABLES else count_line_feeds(part.path, part.span)


def numbered(parts: Sequence[FilePart], lines: Sequence[int] | None = None) -> list[FilePart]:
    """The parts with the number of the first record of each; `lines` are the `count_lines` of the parts, counted if not given."""
    counted = list(map(count_lines, parts)) if lines is None else lines
    done = []
    for _, group in groupby(zip(parts, counted, strict=True), key=lambda pair: pair[0].path):
        first = 1
        for part, count in group:
            done.append(part if part.first is not None else replace(part, first=first))
            first += count
    return done


def row_offsets(parts: Sequence[FilePart], records: Sequence[int]) -> list[int]:
    """The offset of each part's record numbers that makes them continuous over all files.

    `parts` are numbered, `records` the highest record number within each. Blank lines at the end of a file do not
    count.
    """
    offsets, before, last = [], 0, 0
    for part, above, count in zip(parts, [None, *parts], records, strict=False):
        if above is None or above.path != part.path:
            before = last
        offsets.append(before + _first(part) - 1)
        last = max(last, offsets[-1] + count if count else 0)
    return offsets


def first_rows(parts: Sequence[FilePart], offsets: Sequence[int]) -> list[int]:
    """The number of the first record of each file."""
    return [offset + 1 for part, offset in zip(parts, offsets, strict=True) if _first(part) == 1]


def _first(part: FilePart) -> int:
    if part.first is None:
        raise ValueError(f"the lines before byte {part.span} of {part.path} are not counted; call numbered() first")
    return part.first
