"""What evaluate/results.schema.json says of results: whether they keep it, and which of their keys it does not describe."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs

from tuneworth.project.evaluation.gate_paths import gates_for

SCHEMA = json.loads((Path(__file__).parents[2] / "evaluate" / "results.schema.json").read_text(encoding="utf-8"))


def alternatives(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema itself and all that it refers to or leaves the choice of."""
    yield schema
    if "$ref" in schema:
        yield from alternatives(SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    for choice in schema.get("anyOf", ()):
        yield from alternatives(choice)


def undescribed(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths in `value` of which the schema says nothing."""
    known = list(alternatives(schema))
    if not any("description" in one for one in known) and not path.endswith("]"):
        yield path
    if isinstance(value, dict):
        named = {key: found for one in known for key, found in one.get("properties", {}).items()}
        free = next((found for one in known if isinstance(found := one.get("additionalProperties"), dict)), None)
        for key, inner in value.items():
            found = named.get(key, free)
            if found is None:
                yield f"{path}.{key}"
            elif found is not free or "$ref" in found:  # else: free content, such as settings
                yield from undescribed(inner, found, f"{path}.{key}")
    if isinstance(value, list):
        items = next((one["items"] for one in known if "items" in one), None)
        for inner in value if items else ():
            yield from undescribed(inner, items, f"{path}[]")


def gates_of(value: Any, path: str = "") -> Iterator[str]:
    """A gate that holds for each single value of results."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from gates_of(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, bool | int | float):
        yield f"{path} == {str(value).lower()}"


def assert_described(results: dict[str, Any]) -> None:
    variants, rules = list(results["quality"]), list(results["style"]["checks"])
    gates_for(gates_of(results), variants=variants, candidate=variants[-1], rules=rules)
    jsonschema.Draft202012Validator(SCHEMA).validate(results)
    jsonschema_rs.Draft202012Validator(SCHEMA).validate(results)
    assert set(undescribed(results, SCHEMA)) == set()
