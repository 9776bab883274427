"""The kinds of files that a run has, each with its schema."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["MASK", "RunFile", "checker", "checkers_of_other_versions", "kind_of", "run_files"]

_LONGEST = 2**31  # bytes of a line; no pair that curating reads has as many
_LARGEST = 2**28  # bytes of a document, which is parsed at once; results of five variants have 150,000
_WITHOUT_REQUIRED = {"oneOf": "anyOf"}  # without their required keys, several may fit
MASK = "\x01"  # stands for the value in the message of a validator


@dataclass(frozen=True)
class RunFile:
    """A kind of file that a run has.

    name: its place in the run's folder. schema: of the value, or of each line if it has `lines`, in fewer than `longest`
    bytes. versioned: whether the
    schema holds only for files that this version of Tuneworth wrote; those of others are checked by `any_version`, for
    the types of what is there, and by `needed`, for what the readers cannot do without. finite: the parts in which NaN
    is damage; elsewhere it is read as null. again: the command that makes it again from the others; "" where only a
    copy can bring it back. remedy: what a person can do instead.
    """

    name: str
    about: str
    schema: Mapping[str, Any]
    lines: bool
    longest: int
    versioned: bool
    any_version: Mapping[str, Any]
    needed: Mapping[str, Any]
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
    parts = {"results.json": results, "curate/summary.json": results["properties"]["data"]}
    found = {}
    for name, file in described["files"].items():
        own, shared = (parts[name], results) if name in parts else (file["schema"], described)
        schema = _opened({**own, "$defs": shared["$defs"]})
        found[name] = RunFile(
            name, file["about"], schema,
            lines=(lines := file.get("lines", False)), longest=file.get("longest", _LONGEST if lines else _LARGEST),
            versioned=name in parts,
            any_version=_of_any_version(schema, file.get("earlier", {})), needed=file.get("needed", {}),
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
    """The validator of a kind of file that this version wrote."""
    file = run_files()[kind]
    if not file.versioned:
        return _validator(file.schema)
    return _validator({**_required_to(1, file.schema), "allOf": [file.needed]})


@cache
def checkers_of_other_versions(kind: str) -> tuple[Any, Any]:
    """The validators of a `versioned` file that another version wrote: of what is there, and of what the readers need."""
    file = run_files()[kind]
    return _validator(file.any_version), _validator(file.needed)


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


def _of_any_version(schema: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a file that another version may have written: it may have other keys and lack some, but what is
    there must be of its type, or of the one that it had in `earlier` versions."""
    found = _loosened(schema)
    for name, other in earlier.items():
        found["properties"][name] = {"anyOf": [found["properties"][name], other]}
    return found


def _required_to(depth: int, schema: Any) -> Any:
    """The schema with the required keys of the file and of its parts, down to a depth.

    Below, a rare state of a run may lack a key that all tested ones have: a run that can be read is not to be refused.
    """
    if isinstance(schema, list):
        return [_required_to(depth, part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {}
    for key, value in schema.items():
        if key == "required" and isinstance(value, list) and depth < 0:
            continue
        if key in ("properties", "$defs") and isinstance(value, dict):
            below = -1 if key == "$defs" else depth - 1
            found[key] = {name: _required_to(below, part) for name, part in value.items()}
        else:
            below = depth - 1 if key == "additionalProperties" else depth
            found[_WITHOUT_REQUIRED.get(key, key)] = _required_to(below, value)
    return found


def _loosened(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_loosened(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(words := schema.get("enum"), list):  # another version may know others
        schema = {**schema, "type": ["string", "null"] if None in words else "string"}
    versions = {"required": list, "enum": list}  # not where a property has that name
    return {
        _WITHOUT_REQUIRED.get(key, key): _loosened(part)
        for key, part in schema.items()
        if not isinstance(part, versions.get(key, ()))
    }
