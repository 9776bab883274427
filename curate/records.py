"""Files into records: one Python object per record, or the reason why a record cannot be read."""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ..style.errors import DataError

__all__ = ["SUFFIXES", "Record", "file_kind", "read_records"]

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_PACKED = (".gz", ".zst")
_EXCERPT = 80  # characters of an unreadable line that the ledger shows


@dataclass(frozen=True)
class Record:
    """A record of a file: its 1-based number and its value, or why it could not be read."""

    number: int
    value: dict[str, Any] | None
    problem: str | None = None


def file_kind(path: Path) -> str | None:
    """The suffix that says how to read the file, without `.gz` and `.zst`; None where no reader knows it."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in SUFFIXES else None


def read_records(path: Path, *, encoding: str, delimiter: str | None) -> tuple[list[Record], list[str]]:
    """All records of one file in order, and what was guessed on the way.

    Raises:
        DataError: the file is missing, empty, damaged as a whole, or not in `encoding`.
    """
    kind = file_kind(path)
    try:
        if kind == ".parquet":
            return _from_parquet(path), []
        text = _text(path, encoding)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty; expected one pair per {'line' if kind == '.jsonl' else 'record'}")
    if kind in (".csv", ".tsv"):
        return _from_csv(text, path, delimiter or ("\t" if kind == ".tsv" else None))
    if kind == ".json":
        return _from_json(text, path), []
    return list(_from_lines(text)), []


def _text(path: Path, encoding: str) -> str:
    if path.suffix.lower() == ".zst":
        return _unpacked(path)
    data = path.read_bytes()
    if path.suffix.lower() == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise DataError(f"{path}: is not a whole gzip file ({error}); pack it again") from None
    try:
        # A byte order mark is no part of the first column's name.
        return data.decode("utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
    except UnicodeError as error:
        place = getattr(error, "start", 0)
        found = f"0x{data[place]:02x}" if place < len(data) else "the end"
        line = data.count(b"\n", 0, place) + 1
        raise DataError(
            f"{path}, line {line}: {found} is not valid {encoding}\n"
            f'State the encoding of the file in [data], for example encoding = "{_guess_encoding(data)}".'
        ) from None


def _guess_encoding(data: bytes) -> str:
    return "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"


def _unpacked(path: Path) -> str:
    """The text of a zstd file; polars holds the decompressor."""
    try:
        return "\n".join(pl.read_lines(path).to_series().to_list()).removeprefix("\ufeff")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: is not a whole zstd file of UTF-8 text ({_first_line(error)})") from None


def _from_lines(text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _parsed(number, line.strip())


def _parsed(number: int, line: str) -> Record:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return Record(number, None, f"line {number} is not JSON: {reason}; it begins {_excerpt(line)}")
    return _record(number, value)


def _record(number: int, value: Any) -> Record:
    if isinstance(value, dict):
        return Record(number, value)
    return Record(number, None, f"record {number} is not an object but {_excerpt(json.dumps(value))}")


def _from_json(text: str, path: Path) -> list[Record]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = list(_from_lines(text))
        if any(line.value for line in lines):  # one object per line under the name .json
            return lines
        raise DataError(f"{path}: is not JSON: {error}; expected a list of objects, or one object per line") from None
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
        value = lists[0] if len(lists) == 1 and "messages" not in value and "conversations" not in value else [value]
    if not isinstance(value, list):
        raise DataError(f"{path}: expected a list of objects, found {_excerpt(text)}")
    return [_record(number, item) for number, item in enumerate(value, start=1)]


def _from_csv(text: str, path: Path, delimiter: str | None) -> tuple[list[Record], list[str]]:
    header = text.lstrip("\n").split("\n", 1)[0]
    said = []
    if delimiter is None:
        delimiter = max(",;\t|", key=header.count)  # the first where none occurs: one column
        said = [f"delimiter {json.dumps(delimiter)} (guessed)"] if delimiter != "," else []
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(row for row in reader if row)]
    except (csv.Error, StopIteration) as error:
        raise DataError(f"{path}: the header line cannot be read: {error}") from None
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f'{path}: the header names "{repeated[0]}" twice; every column needs its own name')
    return list(_csv_rows(reader, names)), said


def _csv_rows(reader: Any, names: list[str]) -> Iterator[Record]:
    number = 0
    while True:
        number += 1
        first = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            lines = f"line {first}" if reader.line_num <= first else f"lines {first} to {reader.line_num}"
            yield Record(number, None, f"{lines} cannot be read as one record: {error}")
            continue
        if not values:
            number -= 1  # a blank line is no record
        elif len(values) != len(names):
            what = f"line {first} has {len(values)} values, the header names {len(names)} columns"
            yield Record(number, None, f"{what}; it begins {_excerpt(values[0])}")
        else:
            yield Record(number, dict(zip(names, values, strict=True)))


def _from_parquet(path: Path) -> list[Record]:
    try:
        table = pl.read_parquet(path)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: is not a Parquet file ({_first_line(error)})") from None
    return [Record(number, row) for number, row in enumerate(table.iter_rows(named=True), start=1)]


def _excerpt(text: str) -> str:
    return json.dumps(text[:_EXCERPT] + ("…" if len(text) > _EXCERPT else ""), ensure_ascii=False)


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
