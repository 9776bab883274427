"""The kinds of files that a run has, each with its schema."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["MASK", "RunFile", "checker", "kind_of", "run_files"]

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
