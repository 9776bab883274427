"""Writes the JSON Schemas of results and comparisons from the types of their records.

Run it after a record changed: `python docs/schemas.py`. A test holds the files to the types. Descriptions are the docstrings
of the records and those below their fields.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tuneworth.core import Record
from tuneworth.evaluate import Comparisons
from tuneworth.evaluate.results import Results

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "evaluate" / "results.schema.json"
COMPARISON = ROOT / "docs" / "comparison.schema.json"
_RULES = (
    " Within a version, keys may be added but are never renamed or removed. Parts that a run does not have are null. "
    "Amounts of money are in money.currency, shares range from 0 to 1, and times are in the unit that the key names."
)


def schema_text(record: type[Record], title: str, more: str = "") -> str:
    """The content of the schema file of a record."""
    (top,), parts = msgspec.json.schema_components([record], ref_template="#/$defs/{name}")
    parts = {name: _described(part) for name, part in sorted(parts.items())}
    whole = parts.pop(top["$ref"].rpartition("/")[2])
    first = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    whole = {**first, **whole, "description": whole["description"] + more, "$defs": parts}
    return "".join(_lines(whole, 0)) + "\n"


def _lines(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    """JSON with a line for each key of a record."""
    space = "  " * (depth + 1)
    yield "{\n"
    for number, (key, part) in enumerate(value.items()):
        yield f"{space}{json.dumps(key)}: "
        opens = key in ("properties", "$defs") or (depth == 1 and "properties" in part)
        yield from _lines(part, depth + 1) if opens else [json.dumps(part, ensure_ascii=False)]
        yield ",\n" if number < len(value) - 1 else "\n"
    yield "  " * depth + "}"


def _described(part: Mapping[str, Any]) -> dict[str, Any]:
    """A record's schema with the descriptions of its fields; it has no other keys."""
    record = _records()[part["title"]]
    words = _descriptions(record)
    names = {field.encode_name: field.name for field in msgspec.structs.fields(record)}
    keys = {key: {**_plain(value), "description": words[names[key]]} for key, value in part["properties"].items()}
    return {
        "type": "object",
        "description": " ".join(part["description"].split()),
        "properties": keys,
        "required": part["required"],
        "additionalProperties": False,
    }


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a value without the defaults, and with null as a type beside another rather than an alternative."""
    value = {key: _plain(part) if isinstance(part, dict) else part for key, part in value.items() if key != "default"}
    if value.get("type") == "object" and "properties" not in value:
        value.setdefault("additionalProperties", {})
    if "anyOf" not in value:
        return value
    one, *others = (_plain(part) for part in value.pop("anyOf"))
    if others == [{"type": "null"}] and "type" in one:
        return {**value, **one, "type": [one["type"], "null"]}
    if all(list(part) == ["type"] for part in (one, *others)):
        return {**value, "type": [part["type"] for part in (one, *others)]}
    return {**value, "anyOf": [one, *others]}


@cache
def _records() -> Mapping[str, type[Record]]:
    found, waiting = {}, [Record]
    while waiting:
        children = waiting.pop().__subclasses__()
        found |= {child.__name__: child for child in children}
        waiting += children
    return found


def _descriptions(record: type[Record]) -> dict[str, str]:
    """The docstring below each field of a record and of those that it extends."""
    found: dict[str, str] = {}
    for one in reversed(record.__mro__[: record.__mro__.index(Record)]):
        (made,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        assert isinstance(made, ast.ClassDef)
        for field, words in zip(made.body, made.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                assert isinstance(words, ast.Expr), f"{one.__name__}.{field.target.id} has no docstring"
                found[field.target.id] = " ".join(str(ast.literal_eval(words.value)).split())
    return found


def files() -> Mapping[Path, str]:
    """Each schema file with the content that it should have."""
    return {
        RESULTS: schema_text(Results, "tuneworth/results/1", _RULES),
        COMPARISON: schema_text(Comparisons, "tuneworth/comparison/1"),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
