"""The pairs of a run by row number, from its files, without reading them: the lines are in the order of the rows.

A line is found by bisection, some twenty lines are read for it among a million. Nothing is kept in memory.
"""

import json
import mmap
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ...core import DataError, open_stored, stored_line
from ...curate import pairs_kind, set_aside_files, split_files

SET_ASIDE = "set_aside"
Pair = dict[str, Any]  # a canonical line: CONTRACTS


class Texts:
    """The pairs of a run. A pair is named by its file (a split, or `set_aside`) and its row number."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._parts: dict[str, tuple[list[Path], list[int]]] = {}  # file -> its parts, and the first row of each

    def pair(self, file: str, row: int) -> Pair | None:
        """The pair of this row; None if the file has no such row.

        Raises: DataError if the file is missing or damaged.
        """
        return self.pairs(file, [row]).get(row)

    def pairs(self, file: str, rows: Iterable[int]) -> dict[int, Pair]:
        """The pairs of these rows by row number, without those that the file does not have."""
        found: dict[int, Pair] = {}
        for path, wanted in self._by_part(file, rows):
            with _mapped(path) as data:
                for row in wanted:
                    pair = None if data is None else _bisected(data, row, path)
                    if pair is not None:
                        found[row] = pair
        return found

    def scan(self, file: str, rows: Iterable[int] | None = None) -> Iterator[Pair]:
        """The pairs of these rows (all by default) one after the other, for many rows of a file."""
        wanted = None if rows is None else set(rows)
        for path in self._files(file)[0]:
            with open_stored(path, pairs_kind(path)) as lines:
                for number, line in enumerate(lines, start=1):
                    if wanted is None or not wanted.isdisjoint(_rows_written(line)):
                        pair = _read(line, path, number=number)
                        if wanted is None or pair["row"] in wanted:
                            yield pair

    def holding(self, file: str, text: str) -> set[int]:
        """The rows whose request or output has this text, whatever the case (`text` is case-folded)."""
        written = json.dumps(text, ensure_ascii=False)[1:-1]
        found = set()
        for path in self._files(file)[0]:
            with open_stored(path, pairs_kind(path)) as lines:
                for number, line in enumerate(lines, start=1):
                    if written in line.decode(errors="replace").casefold():
                        pair = _read(line, path, number=number)
                        if any(text in (pair[name] or "").casefold() for name in ("input", "output", "written")):
                            found.add(pair["row"])
        return found

    def _by_part(self, file: str, rows: Iterable[int]) -> Iterator[tuple[Path, list[int]]]:
        paths, firsts = self._files(file)
        by_part: dict[int, list[int]] = {}
        for row in rows:
            part = bisect_right(firsts, row) - 1
            if part >= 0:
                by_part.setdefault(part, []).append(row)
        return ((paths[part], wanted) for part, wanted in by_part.items())

    def _files(self, file: str) -> tuple[list[Path], list[int]]:
        if file not in self._parts:
            paths = set_aside_files(self._run) if file == SET_ASIDE else split_files(self._run, file)
            if not paths:
                raise DataError(f"{self._run / 'curate' / file}.jsonl is missing; curate again: tuneworth curate")
            firsts = [(path, _first_row(path)) for path in paths]
            some = [(path, row) for path, row in firsts if row is not None]  # a part may have no line
            self._parts[file] = [path for path, _ in some], [row for _, row in some]
        return self._parts[file]


def _first_row(path: Path) -> int | None:
    with open_stored(path, pairs_kind(path)) as lines:
        line = lines.readline()
    return _read(line, path, number=1)["row"] if line.strip() else None


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | None]:
    """The bytes of a file; None for an empty one, which cannot be mapped."""
    with open_stored(path, pairs_kind(path)) as file:
        if not path.stat().st_size:
            yield None
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _bisected(data: mmap.mmap, row: int, path: Path) -> Pair | None:
    """The line of this row, if there is one, from lines whose rows ascend."""
    low, high = 0, len(data)
    while low < high:
        start, end = _line_at(data, (low + high) // 2)
        pair = _read(data[start:end], path, start=start)
        if pair["row"] == row:
            return pair
        if pair["row"] < row:
            low = end + 1
        else:
            high = start
    return None


def _line_at(data: mmap.mmap, at: int) -> tuple[int, int]:
    """Where the line begins and ends that holds the byte at a place."""
    end = data.find(b"\n", at)
    return data.rfind(b"\n", 0, at) + 1, len(data) if end < 0 else end


_ROW = re.compile(rb', "row": ([0-9]+), "split": ')


def _rows_written(line: bytes) -> Iterator[int]:
    """The row number, without reading the line, and other numbers that the data write in the same way."""
    return map(int, _ROW.findall(line))


def _read(line: bytes, path: Path, *, number: int | None = None, start: int | None = None) -> Pair:
    return stored_line(line, pairs_kind(path), path=path, number=number, start=start)


def chunks(pairs: Iterable[Pair], most: int) -> Iterator[list[Pair]]:
    """The pairs in lists of at most so many, so that not all are in memory."""
    remaining = iter(pairs)
    while some := [*islice(remaining, most)]:
        yield some
