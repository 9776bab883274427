"""The files of a run, read defensively: each by its schema, with damage named by file, line, place and remedy."""

import json
import math
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import IO, Any

import polars as pl

from .errors import DataError
from .regular import open_regular

__all__ = [
    "RunFile", "damage", "damage_is_named", "needed", "read_stored", "read_stored_lines", "read_stored_table", "run_files",
    "stored_line",
]  # fmt: skip

_SHOWN = 200  # characters of what a file holds, or of a parser's words, that a message shows
_CHUNK = 50_000  # lines whose values are in memory at once, as columns take a fraction of it
_MASK = "\x01"  # stands for the value in the validator's message
# What data of an unexpected shape can raise; the verdict's clauses assert what every verdict contains.
_SHAPE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    pl.exceptions.PolarsError,
)  # fmt: skip
_SUFFIXES = {"object": "an object", "array": "a list", "string": "a text", "null": "null"}
_PROJECT = "tuneworth.toml"


@dataclass(frozen=True)
class RunFile:
    """A kind of file that a run has.

    name: its place in the run's folder. schema: of the value, or of each line if it has `lines`. strict: whether it must
    have all keys that the schema requires; else other versions may have written it. finite: the parts in which a number
    that is none (NaN) is damage; elsewhere it is null. again: the command that makes it
    again from the others; "" where only a copy can bring it back.
    """

    name: str
    about: str
    schema: Mapping[str, Any]
    lines: bool
    strict: bool
    finite: tuple[str, ...]
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
        found[name] = RunFile(
            name, file["about"], schema, file.get("lines", False), name not in parts, tuple(file.get("finite", ())),
            file.get("again", ""),
        )  # fmt: skip
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
    except ValueError as error:
        if "hex escape" not in str(error):  # half of a character, which a text by a model may hold
            raise damage(path, kind, f"not readable as JSON ({_brief(error)})") from None
        try:
            value = _parsed(json.dumps(json.loads(content), ensure_ascii=False).encode(errors="replace"))
        except (ValueError, RecursionError) as worse:
            raise damage(path, kind, f"not readable as JSON ({_brief(worse)})") from None
    if _checker(kind).is_valid(_present(value, kind)):
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
        with _opened(path, kind) as file:
            return file.read()
    except FileNotFoundError:
        if path.is_symlink():
            raise damage(path, kind, "it is a link to a file that is missing") from None
        return None


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


# --- lines ----------------------------------------------------------------------------------------------------------


def read_stored_lines(path: Path, kind: str, *, torn: bool = False) -> Iterator[dict[str, Any]]:
    """The objects in the lines of a file, without blank lines; none if there is no such file.

    With `torn`, a last line that a kill cut short is left out.

    Raises: DataError if the file cannot be read, or a line is not as its schema says; with the line.
    """
    try:
        with _opened(path, kind) as file:
            for number, line in enumerate(file, start=1):
                if torn and not line.endswith(b"\n") and not _is_json(line):
                    return
                if line.strip():
                    yield stored_line(line, kind, path=path, number=number)
    except FileNotFoundError:
        if path.is_symlink():
            raise damage(path, kind, "it is a link to a file that is missing") from None


def stored_line(
    line: bytes, kind: str, *, path: Path, number: int | None = None, start: int | None = None
) -> dict[str, Any]:
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
def damage_is_named(path: Path, kind: str, also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turns an error that data of an unexpected shape caused, such as a missing key, into one about the file.

    `also` are further kinds of such errors.

    Raises:
        DataError: what is missing, and the code that needed it.
    """
    try:
        yield
    except (*_SHAPE, *also) as error:
        missed = f"no key {error}" if isinstance(error, KeyError) else str(error)
        frames = traceback.extract_tb(error.__traceback__)
        code = next((frame for frame in reversed(frames) if "tuneworth" in frame.filename), frames[-1])
        what = f"a part is missing or has an unexpected form: {_brief(missed)}"
        raise damage(
            path,
            kind,
            f"{what} ({Path(code.filename).name}, line {code.lineno}; if this version wrote it, report a bug)",
        ) from error


def _remedy(path: Path, kind: str) -> str:
    """How the file can be made again: by a command with the names of this run."""
    make = "Remove it, then make it again:" if path.exists() or path.is_symlink() else "Make it again:"
    again = run_files()[kind].again
    if not again:
        return "Restore it from a copy."
    stage = kind.partition("/")[0]
    run = next((part.parent for part in path.parents if part.name == stage), path.parent)
    project = run.resolve().parent.parent
    if run.resolve().parent.name == "runs" and (project / _PROJECT).is_file():
        project = run.parent.parent  # as the run was named, so that the message is short
        more = " --again" if again == "train" else ""
        return f"{make} tuneworth {again} {quote(str(project))} --run {quote(run.name)}{more}"
    if again == "curate":
        return f"{make} tuneworth curate {quote(str(run))} --again"
    return f"{make} the same `tuneworth {again}` as before."


def _mended(value: Any, path: Path, kind: str, line: str) -> Any:
    """The value with null for each number that is none; raises DataError if it is still not as the schema says."""
    for part in run_files()[kind].finite if isinstance(value, dict) else ():
        if place := next(_not_finite(value.get(part), part), None):
            raise damage(path, kind, f"{place[:_SHOWN]} is not a finite number")
    value = _without_nan(value)
    error = next(iter(_checker(kind).iter_errors(_present(value, kind))), None)
    if error is None:
        return value
    raise damage(path, kind, _in_words(error, value), line=line)


def _present(value: Any, kind: str) -> Any:
    """What the schema is about: of a file that another version may have written, the parts that are there."""
    if run_files()[kind].strict or not isinstance(value, dict):
        return value
    return {key: part for key, part in value.items() if part is not None}


def _not_finite(value: Any, place: str) -> Iterator[str]:
    """The places of the numbers that are none."""
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
    if error.kind.name == "const":
        return f"{name} is {_shown(found)}; expected {_shown(error.kind.expected_value)}"
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
    return jsonschema_rs.validator_for(file.schema if file.strict else _of_any_version(file.schema), mask=_MASK)


def _of_any_version(schema: Any) -> Any:
    """A schema for a file that another version may have written: it may have other keys, and lack some. What is there
    must be of its type."""
    if isinstance(schema, list):
        return [_of_any_version(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(words := schema.get("enum"), list):  # another version may know others
        schema = {**schema, "type": ["string", "null"] if None in words else "string"}
    versions = {"required": list, "additionalProperties": bool, "enum": list}  # not where a property has that name
    names = {"oneOf": "anyOf"}  # without their required keys, several may fit
    return {
        names.get(key, key): _of_any_version(part)
        for key, part in schema.items()
        if not isinstance(part, versions.get(key, ()))
    }
