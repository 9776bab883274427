"""evaluate/results.schema.json is strict: a key that is missing or unknown is noticed, almost wherever it is."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from .described import SCHEMA
from .first_screen_kinds import KINDS
from .real_run import write_real_run

VALID = jsonschema_rs.Draft202012Validator(SCHEMA)
DELETIONS, NOTICED = 250, 240
Place = tuple[Any, ...]


def objects(value: Any, schema: dict[str, Any], place: Place = ()) -> Iterator[Place]:
    """The places of all objects whose keys the schema names: not maps by name, not free content such as settings."""
    schema = resolved(schema, value)
    if isinstance(value, dict):
        if "properties" in schema:
            yield place
        for key, inner in value.items():
            free = schema.get("additionalProperties")
            yield from objects(inner, schema.get("properties", {}).get(key, free or {}), (*place, key))
    if isinstance(value, list):
        for at, inner in enumerate(value):
            yield from objects(inner, schema.get("items") or {}, (*place, at))


def resolved(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    if "$ref" in schema:
        return resolved(SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]], value)
    for choice in schema.get("anyOf", ()):
        if "$ref" in choice or "object" in choice.get("type", ()):
            return resolved(choice, value)
    return schema


def at(results: Any, place: Place) -> Any:
    for key in place:
        results = results[key]
    return results


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    kinds = ("pays", "five variants", "no prices", "nothing acceptable")
    runs = [write_real_run(tmp_path_factory.mktemp("real"), **KINDS[kind][0]) for kind in kinds]
    return [json.loads((run / "results.json").read_text(encoding="utf-8")) for run in runs]


@pytest.mark.slow
def test_of_random_deletions_nearly_all_are_noticed(real):
    chance, missed = random.Random(17), []
    for _ in range(DELETIONS):
        results = copy.deepcopy(chance.choice(real))
        place = chance.choice([place for place in objects(results, SCHEMA) if at(results, place)])
        key = chance.choice(list(at(results, place)))
        del at(results, place)[key]
        if VALID.is_valid(results):
            missed.append((*place, key))
    assert len(missed) <= DELETIONS - NOTICED, missed


@pytest.mark.slow
def test_an_unknown_key_is_noticed_in_every_object(real):
    for results in real:
        assert VALID.is_valid(results)
        places = list(objects(results, SCHEMA))
        assert len(places) > 100
        for place in random.Random(17).sample(places, 60):
            at(results, place)["unheard of"] = 1
            assert not VALID.is_valid(results), place
            del at(results, place)["unheard of"]


def test_maps_by_name_take_any_name(evaluated_run: Callable[..., Path]):
    results = json.loads((evaluated_run(n=42) / "results.json").read_text(encoding="utf-8"))
    for part in ("quality", "tokens", "seconds", "variants"):
        results[part]["any name"] = results[part]["tuned"]
    assert VALID.is_valid(results)
