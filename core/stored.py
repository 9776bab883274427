"""The files of a run, read defensively: each by its schema, with damage named by file, line, place and remedy."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import IO, Any

import polars as pl

from .errors import DataError
from .regular import open_regular, read_regular

__all__ = [
    "RunFile", "damage", "damage_is_named", "needed", "read_stored", "read_stored_lines", "read_stored_table", "run_files",
    "stored_line",
]  # fmt: skip

_SHOWN = 200  # characters of what a file holds, or of a parser's words, that a message shows
_CHUNK = 50_000  # lines whose values are in memory at once, as columns take a fraction of it
_MASK = "\x01"  # stands for the value in the validator's message
_SUFFIXES = {"object": "an object", "array": "a list", "string": "a text", "null": "null"}
_PROJECT = "tuneworth.toml"


@dataclass(frozen=True)
class RunFile:
    """A kind of file that a run has.

    name: its place in the run's folder; * stands for any name. lines: a value on each line, not one in all. again: the
    command that makes it again from the others; "" where only a copy can bring it back.
    """

    name: str
    about: str
    schema: Mapping[str, Any]
    lines: bool
    again: str


@cache
def run_files() -> Mapping[str, RunFile]:
    """Every kind of file of a run by its name, as `core/run_files.schema.json` describes them.

    Of results.json and of the summary in it, evaluate/results.schema.json does.
    """
    described = _json_of("core", "run_files.schema.json")
    results = _json_of("evaluate", "results.schema.json")
    parts = {"results.json": results, "curate/summary.json": results["properties"]["data"]}
    found = {}
    for name, file in described["files"].items():
        own, shared = (parts[name], results) if name in parts else (file["schema"], described)
        schema = {**own, "$defs": shared["$defs"]}
        found[name] = RunFile(name, file["about"], schema, file.get("lines", False), file.get("again", ""))
    return found


def _json_of(folder: str, name: str) -> dict[str, Any]:
    return json.loads(files(f"tuneworth.{folder}").joinpath(name).read_text(encoding="utf-8"))


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
    except (ValueError, RecursionError) as error:
        raise damage(path, kind, f"not readable as JSON ({_brief(error)})") from None
    if _checker(kind).is_valid(value):
        return value
    return _mended(value, path, kind, "")


def needed(path: Path, value: Mapping[str, Any], kind: str, *keys: str) -> None:
    """Raises: DataError if a file that was read lacks one of these keys, which this command cannot do without."""
    missing = [f'"{key}"' for key in keys if key not in value]
    if missing:
        raise damage(path, kind, f"{', '.join(missing)} is missing")


def _content(path: Path, kind: str) -> bytes | None:
    """The bytes of a file; None if there is none."""
    try:
        return read_regular(path, what="file of the run")
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise damage(path, kind, f"cannot be read ({error.strerror})") from None
    except DataError as error:
        raise damage(path, kind, str(error).removeprefix(f"{path} ")) from None
    except OSError as error:
        raise damage(path, kind, f"cannot be read ({error.strerror or error})") from None


# --- lines ----------------------------------------------------------------------------------------------------------


def read_stored_lines(path: Path, kind: str, *, torn: bool = False) -> Iterator[dict[str, Any]]:
    """The objects in the lines of a file, without blank lines; none if there is no such file.

    With `torn`, a last line that a kill cut short is left out.

    Raises: DataError if the file cannot be read, or a line is not as its schema says; with the line.
    """
    try:
        with open_regular(path, what="file of the run") as file:
            for number, line in enumerate(file, start=1):
                if torn and not line.endswith(b"\n") and not _is_json(line):
                    return
                if line.strip():
                    yield stored_line(line, kind, path=path, number=number)
    except FileNotFoundError:
        return
    except OSError as error:
        raise damage(path, kind, f"cannot be read ({error.strerror or error})") from None


def stored_line(line: bytes, kind: str, *, path: Path, number: int | None = None, start: int | None = None) -> dict[str, Any]:
    """The object in one line of a file, as its schema says. Name the line by its number, or by the byte where it starts.

    Raises: DataError if it is not; with the line.
    """
    try:
        value = _parsed(line)
    except (ValueError, RecursionError) as error:
        shown = _brief(error).replace(" at line 1 column ", ", column ")
        raise damage(path, kind, f"not readable as JSON ({shown})", line=_numbered(path, number, start)) from None
    if _checker(kind).is_valid(value):
        return value
    return _mended(value, path, kind, _numbered(path, number, start))


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


# --- damage ---------------------------------------------------------------------------------------------------------


def damage(path: Path, kind: str, what: str, *, line: str = "") -> DataError:
    """The error about a damaged file of a run: where, what is wrong, and the command that makes it again."""
    return DataError(f"{path}{line}: {what}\n{_remedy(path, kind)}")


@contextmanager
def damage_is_named(path: Path, kind: str) -> Iterator[None]:
    """Turns an error that data of an unexpected shape caused, such as a missing key, into one about the file.

    Raises:
        DataError: what is missing.
    """
    try:
        yield
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
            pl.exceptions.PolarsError) as error:  # fmt: skip
        missed = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise damage(path, kind, f"a part is missing or has an unexpected form: {_brief(missed)}") from error


def _remedy(path: Path, kind: str) -> str:
    """How the file can be made again: by a command with the names of this run."""
    again = run_files()[kind].again
    run = next((part for part in path.parents[:4] if part.parent.name == "runs" or (part / "run.json").exists()), None)
    project = run.parent.parent if run is not None and run.parent.name == "runs" else None
    if not again or run is None:
        return "Restore it from a copy."
    if project is not None and (project / _PROJECT).is_file():
        more = " --again" if again == "train" else ""
        return f"Remove it, then make it again: tuneworth {again} {quote(str(project))} --run {quote(run.name)}{more}"
    if again == "curate":
        return f"Remove it, then make it again: tuneworth curate {quote(str(run))} --again"
    return f"Remove it, then run the same `tuneworth {again}` again."


def _mended(value: Any, path: Path, kind: str, line: str) -> Any:
    """The value with null for each number that is none; raises DataError if it is still not as the schema says."""
    value = _without_nan(value)
    error = next(iter(_checker(kind).iter_errors(value)), None)
    if error is None:
        return value
    raise damage(path, kind, _in_words(error, value), line=line)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list) else value


def _in_words(error: Any, value: Any) -> str:
    place = ".".join(str(part) for part in error.instance_path)
    name = f'"{place}"' if place else "it"
    if error.kind.name == "required":
        return f'{f"{name} lacks" if place else "lacks"} the key "{error.kind.property}"'
    found = value
    for part in error.instance_path:
        found = found[part]
    if error.kind.name == "type":
        wanted = " or ".join(_SUFFIXES.get(kind, f"a {kind}") for kind in error.kind.types)
        return f"{name} is {_shown(found)}; expected {wanted.replace('a integer', 'a whole number')}"
    return f"{name} is {_shown(found)}, which {_brief(error.message.replace(_MASK, '').strip())}"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _brief(error: object) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


# --- parsing and checking -------------------------------------------------------------------------------------------


def _parsed(content: bytes) -> Any:
    """The value of JSON, by a parser that is twice as fast as Python's and refuses what no run holds: halves of
    characters, control characters, numbers of thousands of digits, 200 levels of nesting."""
    from pydantic_core import from_json

    return from_json(content, cache_strings="keys")


@cache
def _checker(kind: str) -> Any:
    import jsonschema_rs

    file = run_files()[kind]
    return jsonschema_rs.validator_for(_as_read(file.schema, strict=file.lines), mask=_MASK)


def _as_read(schema: Any, *, strict: bool) -> Any:
    """A schema for files that other versions may have written: they may have other keys, and lack some.

    What is there must be of its type. A line keeps the keys that it must have (`strict`), as commands cannot do without.
    """
    if isinstance(schema, Sequence) and not isinstance(schema, str):
        return [_as_read(part, strict=strict) for part in schema]
    if not isinstance(schema, dict):
        return schema
    left_out = {"additionalProperties"} if schema.get("additionalProperties") is False else set()
    left_out |= set() if strict else {"required"}
    names = {"oneOf": "anyOf"}  # without their required keys, several may fit
    return {
        names.get(key, key): _as_read(part, strict=strict) for key, part in schema.items()
        if key not in left_out or not isinstance(part, list | bool)
    }  # fmt: skip
