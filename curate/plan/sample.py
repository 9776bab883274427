"""Samples files without reading them in full: blocks of adjacent records at random positions."""

import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError, open_regular
from ..read.formats.decode import line_end
from ..read.formats.file_parts import file_parts
from ..read.formats.records import read_records
from ..read.formats.tables import TABLES, scan_table, table_kind
from ..settings import DataSettings

__all__ = ["Drawn", "draw_sample"]

_BLOCK = 250  # adjacent rows: copies are often adjacent, and each block shows whether they are
_LONGEST = 4 << 20  # bytes read for a block of JSON lines
_PEEK = 100  # rows for the first estimate of the row count


@dataclass(frozen=True)
class Drawn:
    """A sample as files in a folder, and facts about the full data.

    rows: of the full data; exact: whether they were counted. blocks: rows of each block in the sample, in order.
    whole: whether the sample is all of the data. beginnings: files that could only be sampled from the beginning.
    """

    folder: Path
    blocks: list[int]
    files: int
    bytes: int
    rows: int
    exact: bool
    whole: bool
    beginnings: int
    data: DataSettings


@dataclass
class _File:
    """A file with its kind, its rows if known, and how many of its rows and bytes were drawn."""

    path: Path
    kind: str  # "lines", "table" or "stream"
    size: int
    rows: int | None = None
    drawn: int = 0
    read: int = 0


def draw_sample(files: Sequence[Path], data: DataSettings, folder: Path, *, most: int, seed: int) -> Drawn:
    """Write a sample of at most about `most` records to a folder; the same seed draws the same records.

    Lines of JSONL in UTF-8 and rows of Parquet are sampled from anywhere. CSV, compressed files and JSON documents
    cannot be read from the middle, so their first records are taken.

    Raises:
        DataError: a file cannot be read.
    """
    found = [_open(path, data) for path in files]
    total = sum(file.size for file in found)
    rows = sum(_guess(file) for file in found)
    count = max(1, most // _BLOCK)
    whole = rows <= most
    wanted = {place: [(0.0, None)] for place in range(len(found))} if whole else _places(found, count, seed)
    writer = _Writer(folder)
    for place, shares in wanted.items():
        _copy(found[place], data, shares, writer)
    writer.close()
    if not sum(writer.blocks):
        raise DataError(f"{files[0]}: there is no record to sample; expected pairs")
    known = _rates(found)
    if whole:
        rows, exact = sum(writer.blocks), True
    else:
        rows = round(sum(file.rows if file.rows is not None else file.size / known(file) for file in found))
        exact = all(file.rows is not None for file in found)
    beginnings = 0 if whole else sum(found[place].kind == "stream" for place in wanted)
    plain = replace(data, path=str(folder), encoding="utf-8", delimiter=None, sheet=None)
    return Drawn(
        folder, writer.blocks, len(found), total, max(rows, sum(writer.blocks)), exact, whole, beginnings, plain
    )


class _Writer:
    """The blocks in two files: `a.jsonl` and, after it in name order, `b.parquet`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._lines = folder, (folder / "a.jsonl").open("wb")
        self._tables: list[pl.DataFrame] = []
        self._of_lines: list[int] = []

    @property
    def blocks(self) -> list[int]:
        """Rows of each block, in the order of the files."""
        return [*self._of_lines, *map(len, self._tables)]

    def lines(self, lines: Sequence[bytes]) -> None:
        """One more block of JSON lines."""
        self._lines.writelines(line if line.endswith(b"\n") else line + b"\n" for line in lines)
        self._of_lines.append(len(lines))

    def table(self, table: pl.DataFrame) -> None:
        """One more block of rows of a Parquet file."""
        self._tables.append(table)

    def close(self) -> None:
        """Write the open block; a file without rows is deleted."""
        self._lines.close()
        if not self._of_lines:
            (self._folder / "a.jsonl").unlink()
        if self._tables:
            pl.concat(self._tables, how="diagonal_relaxed").write_parquet(self._folder / "b.parquet")


def _open(path: Path, data: DataSettings) -> _File:
    """A file with its kind, by its name and its first bytes."""
    (first, *_) = file_parts([path], data, most_bytes=1 << 62)
    if first.kind in TABLES:
        try:
            rows = scan_table(path, data.limits).select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, OSError) as error:
            reason = str(error).split("\n", 1)[0]
            raise DataError(f"{path} cannot be read as {table_kind(path)} ({reason})") from None
        return _File(path, "table", first.stamp.size, rows)
    # Cutting into the smallest parts only succeeds where lines can be read from the middle.
    lines = first.stamp.size > 1 and file_parts([path], data, most_bytes=max(1, first.stamp.size - 1))[0].span
    return _File(path, "lines" if lines else "stream", first.stamp.size)


def _guess(file: _File) -> float:
    """Estimated rows of a file from its first ones; an underestimate for some compressed files."""
    if file.rows is not None:
        return file.rows
    if file.kind == "lines":
        lines = _lines_from(file, 0, _PEEK)
        return file.size / max(1.0, sum(map(len, lines)) / max(1, len(lines)))
    return file.size / (20 if file.path.suffix.lower() in (".gz", ".zst") else 200)


def _places(files: Sequence[_File], count: int, seed: int) -> dict[int, list[tuple[float, int | None]]]:
    """For each sampled file the (position from 0 to 1, rows) of its blocks: one in each of `count` equal ranges."""
    chance, total = random.Random(seed), sum(file.size for file in files)
    ends, sum_so_far = [], 0
    for file in files:
        sum_so_far += file.size
        ends.append(sum_so_far)
    found: dict[int, list[tuple[float, int | None]]] = {}
    at = 0
    for run in range(count):
        # The end of a range is not used, so that blocks of two ranges do not overlap.
        byte = (run + 0.9 * chance.random()) / count * total
        while byte >= ends[at]:
            at += 1
        found.setdefault(at, []).append(((byte - ends[at] + files[at].size) / files[at].size, _BLOCK))
    return found


def _copy(file: _File, data: DataSettings, shares: Sequence[tuple[float, int | None]], writer: _Writer) -> None:
    """Copy blocks of a file to the sample; a block with None rows is the entire file."""
    read, count = 0, 0
    stop = 0  # no row is taken twice
    if file.kind == "table":
        scan = scan_table(file.path, data.limits)
        for share, rows in shares:
            start = max(stop, int(share * (file.rows or 0)))
            table = scan.slice(start, rows).collect()
            stop = start + len(table)
            writer.table(table)
        return
    if file.kind == "lines":
        for share, rows in shares:
            start = max(stop, line_end(file.path, int(share * file.size)) if share else 0)
            if lines := _lines_from(file, start, rows):
                writer.lines(lines)
                length = sum(map(len, lines))
                read, count, stop = read + length, count + len(lines), start + length
    else:
        wanted = None if any(rows is None for _, rows in shares) else sum(rows or 0 for _, rows in shares)
        records = list(islice(_records(file, data), wanted))
        lines = [json.dumps(record, ensure_ascii=False, default=str).encode() for record in records]
        if lines:
            writer.lines(lines)
        size = _as_stored(file.path, records, lines)
        read, count = size, len(lines)
    file.drawn, file.read = count, read


def _lines_from(file: _File, start: int, rows: int | None) -> list[bytes]:
    """Non-empty lines from a position on; all of them if `rows` is None."""
    with open_regular(file.path) as opened:
        opened.seek(start)
        if start == 0 and opened.read(3) != b"\xef\xbb\xbf":
            opened.seek(0)
        found, read = [], 0
        for line in opened:
            read += len(line)
            if line.strip():
                found.append(line)
            if rows is not None and (len(found) >= rows or read >= _LONGEST):
                break
    return found


def _records(file: _File, data: DataSettings) -> Iterator[dict[str, Any]]:
    batches, _ = read_records(
        file.path, encoding=data.encoding, delimiter=data.delimiter, sheet=data.sheet, limits=data.limits
    )
    for batch in batches:
        for row in batch.rows():
            yield dict(row)


def _as_stored(path: Path, records: Sequence[dict[str, Any]], lines: Sequence[bytes]) -> int:
    """The approximate bytes of these records in their file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".csv" in suffixes or ".tsv" in suffixes:
        names = list(records[0]) if records else []
        lines = [
            ",".join(str(r.get(n) if r.get(n) is not None else "") for n in names).encode() + b"\n" for r in records
        ]
    text = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
    return len(gzip.compress(text, 6)) if suffixes[-1:] in ([".gz"], [".zst"]) else len(text)


def _rates(files: Sequence[_File]) -> Callable[[_File], float]:
    """A function for the bytes per row of a file, from what was sampled of its kind."""
    drawn = [file for file in files if file.drawn]

    def rate(file: _File) -> float:
        # One block is too little where the files are similar, so all files of a kind are pooled.
        pooled = [other for other in drawn if other.kind == file.kind] or drawn
        return sum(other.read for other in pooled) / max(1, sum(other.drawn for other in pooled)) or 1.0

    return rate
