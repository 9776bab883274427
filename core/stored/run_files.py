"""The files of a run and their schemas, and what is wrong with a damaged one in words."""

import json
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from ..commands import quote
from ..disk.files import home_of
from ..errors import DataError

_LONGEST = 2**31  # bytes of a line; no pair that curating reads has as many
_LARGEST = 2**28  # bytes of a document, which is parsed at once; results of five variants have 150,000
MASK = "\x01"  # stands for the value in the message of a validator


@dataclass(frozen=True)
class RunFile:
    """A kind of file that a run has.

    name: its place in the run's folder. schema: of the value, or of each line if it has `lines`, in fewer than `longest`
    bytes. typed: whether readers take it as a record (`read_record`), of which the schema is. finite: the parts in which NaN
    is damage; elsewhere it is read as null. again: the command that makes it again from the others; "" where only a
    copy can bring it back. remedy: what a person can do instead.
    """

    name: str
    about: str
    schema: Mapping[str, Any]
    lines: bool
    longest: int
    typed: bool
    finite: tuple[str, ...]
    again: str
    remedy: str


@cache
def run_files() -> Mapping[str, RunFile]:
    """Every kind of file of a run by its name, as `core/stored/run_files.schema.json` describes them.

    Of results.json and of the summary in it, evaluate/results.schema.json does.
    """
    described = _json_of("core.stored", "run_files.schema.json")
    results = _json_of("evaluate", "results.schema.json")
    parts = {"results.json": results, "curate/summary.json": results["$defs"]["Curation"]}
    found = {}
    for name, file in described["files"].items():
        own, shared = (parts[name], results) if name in parts else (file["schema"], described)
        schema = _opened({**own, "$defs": shared["$defs"]})
        found[name] = RunFile(
            name, file["about"], schema,
            lines=(lines := file.get("lines", False)), longest=file.get("longest", _LONGEST if lines else _LARGEST),
            typed=name in parts,
            finite=tuple(file.get("finite", ())), again=file.get("again", ""),
            remedy=file.get("remedy", "Restore it from a copy."),
        )  # fmt: skip
    return found


def kind_of(name: str) -> str | None:
    """The kind of a file by its path in the run, also of a part of it; None if it has no schema."""
    if name.startswith("curate/"):
        kinds = {
            "ledger": "curate/ledger.parquet",
            "set_aside": "curate/set_aside.jsonl",
            "summary": "curate/summary.json",
        }
        return kinds.get(re.split(r"[./]", name)[1], "curate/SPLIT.jsonl")
    return (
        "train/adapter/tuneworth.json" if name.startswith("train/adapter/") else name if name in run_files() else None
    )


def _json_of(folder: str, name: str) -> dict[str, Any]:
    return json.loads(files(f"tuneworth.{folder}").joinpath(name).read_text(encoding="utf-8"))


@cache
def checker(kind: str) -> Any:
    """The validator of a kind of file."""
    return _validator(run_files()[kind].schema)


def _validator(schema: Mapping[str, Any]) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(dict(schema), mask=MASK)


def _opened(schema: Any) -> Any:
    """The schema without its refusals of unknown keys: a reader that does not know a key can leave it alone."""
    if isinstance(schema, list):
        return [_opened(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _opened(part) for key, part in schema.items() if (key, part) != ("additionalProperties", False)}


_SHOWN = 200  # characters of what a file holds, or of a parser's words, that a message shows
# What data of an unexpected shape can raise; the verdict's clauses assert what every verdict contains.
_SHAPE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    pl.exceptions.PolarsError,
)  # fmt: skip
_SUFFIXES = {"object": "an object", "array": "a list", "string": "a text", "null": "null"}
_PROJECT = "tuneworth.toml"
_CODE = str(Path(__file__).parents[2])


def damage(path: Path, kind: str, what: str, *, line: str = "") -> DataError:
    """The error about a damaged file of a run: where, what is wrong, and the command that makes it again."""
    path = home_of(path)
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
        own = [frame for frame in frames if frame.filename.removeprefix(_CODE).partition("site-packages")[1] == ""]
        code = own[-1] if own else frames[-1]
        what = f"a part is missing or has an unexpected form: {brief(missed)}"
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
        return run_files()[kind].remedy
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


def schema_words(errors: Iterable[Any], value: Any) -> str:
    """What a validator found, in words: the place, what is there, what was expected. Of several errors, a value of the
    wrong kind comes before missing keys, and then the first."""
    error = min(errors, key=lambda error: error.kind.name == "required")
    while error.kind.name in ("anyOf", "oneOf"):
        error = _closest(error)
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
    return f"{name} is {_shown(found)}, which {brief(error.message.replace(MASK, '').strip())}"


def _closest(error: Any) -> Any:
    """The first error of the alternative that fits best: one that fails within the value rather than at its type."""
    firsts = [branch[0] for branch in error.kind.context if branch]
    return min(firsts, key=lambda first: (first.kind.name == "type", -len(list(first.instance_path))))


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else f"{text[:57]}..."


def brief(error: object) -> str:
    """What went wrong, on one line and shortened: it may hold a long text of a file."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
