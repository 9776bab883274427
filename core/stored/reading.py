"""The files of a run, read defensively: each by its schema, with damage named by file, line, place and remedy."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import polars as pl

from ..disk.files import open_regular
from ..errors import DataError
from ..record import Record, completed, from_json
from .run_files import brief, checker, damage, damage_is_named, run_files, schema_words

Read = TypeVar("Read", bound=Record)
_CHUNK = 50_000  # lines whose values are in memory at once, as columns take a fraction of it


# --- one object -----------------------------------------------------------------------------------------------------


def read_stored(path: Path, kind: str) -> Any:
    """The value in a JSON file of a run, where a number that is none (NaN) is null; {} if there is no such file.

    Raises: DataError if it cannot be read, is no JSON, or is not as its schema says; with the place.
    """
    content = _content(path, kind)
    if content is None:
        return {}
    try:
        value = _parsed(content)
    except ValueError as error:
        if "hex escape" not in str(error):  # half of a character, which a text by a model may hold
            raise damage(path, kind, f"not readable as JSON ({brief(error)})") from None
        try:
            text = json.dumps(json.loads(content), ensure_ascii=False)
            value = _parsed(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())
        except (ValueError, RecursionError) as worse:
            raise damage(path, kind, f"not readable as JSON ({brief(worse)})") from None
    return _checked(value, path, kind)


def read_record(
    path: Path, kind: str, record: type[Read], upgraded: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> Read | None:
    """The record in a JSON file of a run; None if there is no such file.

    Earlier versions wrote some of these files with fewer keys, or others, which `upgraded` turns into those of today. What
    is lacking then is null, or empty where a list or a map is; unknown keys are left alone.

    Raises: as `read_stored`.
    """
    value = read_stored(path, kind)
    if not value:
        return None
    with damage_is_named(path, kind):
        value = completed(upgraded(value), record)
    try:
        return from_json(value, record)
    except ValueError as error:
        found = list(checker(kind).iter_errors(value)) if run_files()[kind].typed else []
        raise damage(path, kind, schema_words(found, value) if found else str(error)) from None


def _content(path: Path, kind: str) -> bytes | None:
    """The bytes of a file; None if there is none."""
    try:
        with _opened(path, kind) as file:
            content = file.read(longest := run_files()[kind].longest)
            if len(content) == longest:
                raise damage(path, kind, f"it has {longest:,} bytes or more")
            return content
    except FileNotFoundError:
        _check_link(path, kind)
        return None


def _check_link(path: Path, kind: str) -> None:
    if path.is_symlink():
        raise damage(path, kind, "it is a link to a file that is missing")


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[IO[bytes]]:
    """The bytes of a file. Raises: FileNotFoundError; DataError if it cannot be read."""
    try:
        file = open_regular(path)
    except DataError as error:  # a folder, a pipe
        reason = str(error).removeprefix(f"{path} is ").partition(";")[0]
        raise damage(path, kind, f"cannot be read: it is {reason}") from None
    except NotADirectoryError:  # what should be its folder is a file
        raise FileNotFoundError(path) from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise damage(path, kind, f"cannot be read ({error.strerror or error})") from None
    with file:
        try:
            yield file
        except OSError as error:
            raise damage(path, kind, f"cannot be read ({error.strerror or error})") from None


@contextmanager
def open_stored(path: Path, kind: str) -> Iterator[IO[bytes]]:
    """The bytes of a file that the run must have, for readers that parse only some of its lines, by `stored_line`.

    Raises: DataError if it is missing, or cannot be read.
    """
    with ExitStack() as held:
        try:
            file = held.enter_context(_opened(path, kind))
        except FileNotFoundError:
            _check_link(path, kind)
            raise damage(path, kind, "the file is missing") from None
        yield file


# --- lines ----------------------------------------------------------------------------------------------------------


def read_stored_lines(path: Path, kind: str, *, torn: bool = False) -> Iterator[dict[str, Any]]:
    """The objects in the lines of a file, without blank lines; none if there is no such file.

    With `torn`, a last line that a kill cut short is left out.

    Raises: DataError if the file cannot be read, or a line is not as its schema says; with the line.
    """
    try:
        with _opened(path, kind) as file:
            longest = run_files()[kind].longest
            for number, line in enumerate(iter(lambda: file.readline(longest), b""), start=1):
                if len(line) == longest:
                    raise damage(path, kind, f"it has {longest:,} bytes or more", line=f", line {number}")
                if torn and not line.endswith(b"\n") and not _is_json(line):
                    return
                if line.strip():
                    yield stored_line(line, kind, path=path, number=number)
    except FileNotFoundError:
        _check_link(path, kind)


def stored_line(
    line: bytes, kind: str, *, path: Path, number: int | None = None, start: int | None = None
) -> dict[str, Any]:
    """The object in one line of a file, as its schema says. Name the line by its number, or by the byte where it starts.

    Raises: DataError if it is not; with the line.
    """
    try:
        return parsed_line(line, kind)
    except ValueError as error:
        raise damage(path, kind, str(error), line=_numbered(path, number, start)) from None


def parsed_line(line: bytes, kind: str) -> dict[str, Any]:
    """The object in one line of a file, with null for each NaN. Raises: ValueError with what is wrong, in words."""
    try:
        value = _parsed(line)
    except (ValueError, RecursionError) as error:
        shown = brief(error).replace(" at line 1 column ", ", column ")
        raise ValueError(f"not readable as JSON ({shown})") from None
    if checker(kind).is_valid(value):
        return value
    value = _without_nan(value)
    if checker(kind).is_valid(value):
        return value
    raise ValueError(schema_words(checker(kind).iter_errors(value), value))


def read_stored_table(path: Path, kind: str, schema: Mapping[str, Any], *, torn: bool = False) -> pl.DataFrame:
    """The lines of a file as a table of these columns; null where a line lacks one. Raises: as `read_stored_lines`."""
    lines = read_stored_lines(path, kind, torn=torn)
    tables = [pl.DataFrame(schema=dict(schema))]
    rows: list[list[Any]] = []
    for line in lines:
        rows.append([line.get(name) for name in schema])
        if len(rows) == _CHUNK:
            tables.append(pl.DataFrame(rows, schema=dict(schema), orient="row"))
            rows = []
    tables.append(pl.DataFrame(rows, schema=dict(schema), orient="row"))
    return pl.concat(tables, rechunk=True)


def _numbered(path: Path, number: int | None, start: int | None) -> str:
    if number is None and start is not None:
        with path.open("rb") as file:
            number = _line_feeds(file, start) + 1
    return "" if number is None else f", line {number}"


def _line_feeds(file: IO[bytes], end: int) -> int:
    count, block = 0, 1 << 20
    while end > 0 and (data := file.read(min(block, end))):
        count, end = count + data.count(b"\n"), end - len(data)
    return count


def _is_json(line: bytes) -> bool:
    try:
        _parsed(line)
    except (ValueError, RecursionError):
        return False
    return True


# --- parsing and checking -------------------------------------------------------------------------------------------


def _parsed(content: bytes) -> Any:
    """The value of JSON, by a parser that is twice as fast as Python's and refuses what no run holds: halves of
    characters, control characters, numbers of thousands of digits, 200 levels of nesting."""
    from pydantic_core import from_json

    return from_json(content, cache_strings="keys")


def _checked(value: Any, path: Path, kind: str) -> Any:
    """The value with null for each NaN, if its schema allows that. Raises: DataError if it is not as its schema says."""
    if run_files()[kind].typed:  # its record says what it must be, once it is of today's form
        if not isinstance(value, dict):
            raise damage(path, kind, schema_words(checker(kind).iter_errors(value), value))
        _check_finite(value, path, kind)
        return _without_nan(value)
    if checker(kind).is_valid(value):
        return value
    _check_finite(value, path, kind)
    value = _without_nan(value)
    if checker(kind).is_valid(value):
        return value
    raise damage(path, kind, schema_words(checker(kind).iter_errors(value), value))


def _check_finite(value: Any, path: Path, kind: str) -> None:
    for part in run_files()[kind].finite if isinstance(value, dict) else ():
        if place := next(_not_finite(value.get(part), part), None):
            raise damage(path, kind, f"{brief(place)} is not a finite number")


def _not_finite(value: Any, place: str) -> Iterator[str]:
    """The places of NaN and infinite numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _not_finite(item, f"{place}.{key}")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list) else value
