"""Reads tables of columns: Parquet and Arrow files."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from ....core import DataError, Limits, open_regular, python_command, say, withheld_keys
from . import trial
from .batch import Batch, Intake, table_batch, text_lengths
from .opened import FileStamp, check_unpacked, file_stamp, reading_errors
from .trial import ROWS_AT_ONCE, open_table

TABLES = (".parquet", ".arrow", ".feather")
_SECONDS, _BYTES_PER_SECOND = 10, 10_000_000  # of processor time; a file of 300 MB, a million rows, takes 2 s
_MEMORY = 64 << 20  # bytes that the threads of polars take beside the data
_LATE = -1000  # the code of a process that was ended because it waited
_UNKNOWN = -1


def table_records(path: Path, span: tuple[int, int] | None, number: int, limits: Limits) -> Iterator[Batch]:
    """The rows of a Parquet or Arrow file in batches, from `number` on; `span`: only these rows.

    Raises:
        DataError: while batches are drawn, if the file is missing, damaged or beyond the limits.
    """
    intake, size, unpacked = Intake(path, limits), file_stamp(path).size, 0
    try:
        # A part of a file was tried with the whole of it, when the file was cut into parts.
        scan = scan_table(path, limits) if span is None else open_table(path).slice(span[0], span[1] - span[0])
        for table in scan.collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True):
            # A text of a dictionary stands in many rows, which share its bytes only until a step changes them.
            lengths = text_lengths(table)
            unpacked += int(lengths.sum())
            check_unpacked(path, unpacked, size, limits, rows=number + len(table) - 1)
            yield table_batch(table, range(number, number + len(table)), lengths, intake)
            number += len(table)
    except FileNotFoundError:
        raise DataError(f"there is no file at {path}") from None
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"{path} cannot be read as {table_kind(path)} ({reason})") from None


def table_kind(path: Path) -> str:
    """What a file of columns is called in messages."""
    return "Parquet" if path.suffix.lower() == ".parquet" else "Arrow"


def scan_table(path: Path, limits: Limits) -> pl.LazyFrame:
    """The rows of a Parquet or Arrow file, not read yet; a stream of Arrow is read at once.

    Raises:
        DataError: reading the file takes more than the limits allow.
        OSError, PolarsError: the file is missing or damaged.
    """
    with reading_errors(path), open_regular(path):
        try_tables([path], limits)
    # A file that changed meanwhile was not tried as it is now; its reader notices the change.
    if (refusal := _TRIED.get((path, file_stamp(path), limits))) is not None:
        raise refusal
    return open_table(path)


_TRIED: dict[tuple[Path, FileStamp, Limits], DataError | None] = {}  # what is wrong with files that were tried


def try_tables(paths: Sequence[Path], limits: Limits) -> None:
    """Try to read files in a process of its own, which may run out of memory or time; `scan_table` then knows the outcome."""
    left = [path for path in paths if (path, file_stamp(path), limits) not in _TRIED]
    stamps = {path: file_stamp(path) for path in left}
    while left:
        ended, counts = _tried_in_child(left, limits)
        for path in list(left):
            found = counts.get(str(path), [])
            refusal = _refusal(path, found, ended, limits)
            _TRIED[path, stamps[path], limits] = refusal
            left.remove(path)
            if refusal is not None and len(found) < 2:  # the process ended there: the others need another one
                break


def _tried_in_child(paths: Sequence[Path], limits: Limits) -> tuple[int, dict[str, list[int | None]]]:
    """How the process ended, and for each path the rows that its file states, and those that could be read."""
    asked = [[str(path), *_allowed(path, limits)] for path in paths]
    try:
        done = subprocess.run(
            python_command(str(Path(trial.__file__))), input="".join(json.dumps(one) + "\n" for one in asked),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8", check=False,
            env={**os.environ, **withheld_keys(), "POLARS_MAX_THREADS": "1"},
            timeout=60 + 5 * sum(seconds for *_, seconds in asked),
        )  # fmt: skip
        code, said = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:  # a thread of polars that could not start is waited for without end
        code, said = _LATE, (late.stdout or b"").decode()
    counts: dict[str, list[int | None]] = {}
    for path, count in map(json.loads, said.splitlines()):
        counts.setdefault(path, []).append(count)
    return code, counts


def _allowed(path: Path, limits: Limits) -> tuple[int, int]:
    """The bytes and the seconds of processor time that reading a file may take: more for a large one."""
    size = file_stamp(path).size
    return _MEMORY + limits.of("document") + 4 * size, _SECONDS + size // _BYTES_PER_SECOND


def _refusal(path: Path, counts: Sequence[int | None], ended: int, limits: Limits) -> DataError | None:
    """Why a file is not read; None if it could be read, or is damaged, which its reader reports."""
    rows, read = (*counts, _UNKNOWN, _UNKNOWN)[:2]
    if None in counts:
        return None
    try:  # a row takes memory even if all its values are missing, which take no place in the file
        check_unpacked(path, 0, file_stamp(path).size, limits, rows=max(0, rows or 0))
    except DataError as error:
        return error
    if rows == read != _UNKNOWN:
        return None
    if read == _UNKNOWN and ended == -getattr(signal, "SIGXCPU", 0):
        return DataError(
            f"{path}: reading its {say.size(file_stamp(path).size)} takes more than {_allowed(path, limits)[1]} s\n"
            "Save its columns of categories as plain text, or the table as .jsonl."
        )
    return limits.exceeded(path, "document", "reading it takes too much memory")
