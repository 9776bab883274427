"""The kinds of files that a run has, each with its schema."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["MASK", "RunFile", "checker", "run_files"]

MASK = "\x01"  # stands for the value in the message of a validator


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
    """Every kind of file of a run by its name, as `core/stored/run_files.schema.json` describes them.

    Of results.json and of the summary in it, evaluate/results.schema.json does.
    """
    described = _json_of("core.stored", "run_files.schema.json")
    results = _json_of("evaluate", "results.schema.json")
    parts = {"results.json": results, "curate/summary.json": results["properties"]["data"]}
    found = {}
    for name, file in described["files"].items():
        own, shared = (parts[name], results) if name in parts else (file["schema"], described)
        schema = {**own, "$defs": shared["$defs"]}
        for part in file.get("tolerated", ()):  # shown as far as it can be; nothing is decided by it
            schema["properties"] = {**schema["properties"], part: {}}
        found[name] = RunFile(
            name, file["about"], schema, file.get("lines", False), name not in parts, tuple(file.get("finite", ())),
            file.get("again", ""),
        )  # fmt: skip
    return found


def _json_of(folder: str, name: str) -> dict[str, Any]:
    return json.loads(files(f"tuneworth.{folder}").joinpath(name).read_text(encoding="utf-8"))


@cache
def checker(kind: str) -> Any:
    """The validator of a kind of file."""
    import jsonschema_rs

    file = run_files()[kind]
    return jsonschema_rs.validator_for(dict(file.schema) if file.strict else _of_any_version(file.schema), mask=MASK)


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
