"""Checks the paths of gates against the schema of results.json, before anything is measured or paid for."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from ...core import ConfigError, nearest
from ...evaluate import rival_names
from ..project import Project
from .gates import Gate, parse_gate

Schema = Mapping[str, Any]
# Objects with a key for each variant, or for each rule of the style; other objects may have any keys.
BY_VARIANT = ("quality", "tokens", "seconds", "variants", "money.variants", "money.formula_inputs.variants")
BY_RULE = ("style.checks", "comparison.checks", "quality.*.checks")
NUMBERS = {"number", "integer"}
KIND_OF = {str: "string", bool: "boolean", type(None): "null"}


def gates_for(texts: Iterable[str], *, variants: Sequence[str], candidate: str, rules: Iterable[str]) -> list[Gate]:
    """The parsed gates, for results of these variants and their rivals by these rules.

    Raises: ConfigError if one is malformed, or can never hold because its path does not exist, is not a single value, or
    has a value of another type.
    """
    gates = [parse_gate(text) for text in texts]
    names = {"variant": [*variants, *rival_names(variants, candidate)], "rule": list(rules)}
    problems = [f'--gate "{gate.text}": {found}' for gate in gates if (found := _problem(gate, names)) is not None]
    if problems:
        raise ConfigError("\n".join(problems))
    return gates


def project_gates(project: Project, texts: Iterable[str]) -> list[Gate]:
    """The gates on the results of a project. Raises: as `gates_for`."""
    settings, rules = project.evaluate, [check.id for check in project.style.checks]
    return gates_for(texts, variants=settings.variants, candidate=settings.candidate, rules=rules)


@cache
def _schema() -> Schema:
    return json.loads(files("tuneworth.evaluate").joinpath("results.schema.json").read_text(encoding="utf-8"))


def _problem(gate: Gate, names: Mapping[str, Sequence[str]]) -> str | None:
    """What is wrong with the gate's path or value, by the first of several readings if a name contains dots."""
    problems = []
    for problem in _readings([_schema()], gate.path, (), gate, names):
        if problem is None:
            return None
        problems.append(problem)
    return problems[0]


def _readings(
    choices: Sequence[Schema],
    rest: tuple[str, ...],
    done: tuple[str, ...],
    gate: Gate,
    names: Mapping[str, Sequence[str]],
) -> Iterator[str | None]:
    """For each way to read the rest of a path, its problem or None; a name may contain dots, as in `gpt-4.1`."""
    parts = [part for choice in choices for part in _alternatives(choice)]
    if not rest:
        yield _misfit(parts, gate)
        return
    properties = {name: inner for part in parts for name, inner in part.get("properties", {}).items()}
    free = [part["additionalProperties"] for part in parts if isinstance(part.get("additionalProperties"), Mapping)]
    known = _names(done, names)
    lengths = range(len(rest), 0, -1)
    fitting = [
        n for n in lengths if (name := ".".join(rest[:n])) in properties or (free and (not known or name in known))
    ]
    for length in fitting:
        name = ".".join(rest[:length])
        inner = [properties[name]] if name in properties else free
        yield from _readings(inner, rest[length:], (*done, name), gate, names)
    if not fitting and any(not part.keys() & {"$ref", "anyOf", "properties"} and not _kinds(part) for part in parts):
        yield None  # free content, such as settings
    elif not fitting:
        path = ".".join([*done, rest[0]])
        options = [*properties, *(known if free else ())]
        hint = nearest(rest[0], options) if options else f"{'.'.join(done)} has no parts"
        yield f'there is no "{path}" in the results; {hint}'


def _names(done: tuple[str, ...], names: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The keys that an object at this path can have; none if it may have any."""
    place = ".".join(done)
    if place in BY_VARIANT:
        return names["variant"]
    any_variant = ".".join([done[0], "*", *done[2:]]) if len(done) > 2 else ""
    return names["rule"] if place in BY_RULE or any_variant in BY_RULE else ()


def _alternatives(schema: Schema) -> Iterator[Schema]:
    """The schema, and all schemas that it refers to or offers as alternatives."""
    yield schema
    if "$ref" in schema:
        yield from _alternatives(_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    for choice in schema.get("anyOf", ()):
        yield from _alternatives(choice)


def _misfit(parts: Sequence[Schema], gate: Gate) -> str | None:
    """Why no value of these types can satisfy the gate; None if one can."""
    kinds = {kind for part in parts for kind in _kinds(part)} - {"null"}
    path = ".".join(gate.path)
    if kinds and kinds <= {"object", "array"}:
        inside = list(dict.fromkeys(name for part in parts for name in part.get("properties", {})))
        what = "it is a list" if "array" in kinds else "it has parts by name"
        what = f"it has {', '.join(inside[:8])}" if inside else what
        return f"{path} is not a single value; {what}"
    if isinstance(gate.wanted, float) and kinds and not kinds & NUMBERS:
        return f"{path} is not a number"
    if isinstance(gate.wanted, str) and kinds == {"string"}:
        words = [word for part in parts for word in _words(part) if isinstance(word, str)]
        if words and gate.wanted.lower() not in map(str.lower, words):
            return f'{path} is never "{gate.wanted}"; {nearest(gate.wanted, words)}'
    return None


def _kinds(part: Schema) -> Sequence[str]:
    """The JSON types that this schema alone allows; none if it does not restrict them."""
    kinds = part.get("type") or [KIND_OF.get(type(word), "number") for word in _words(part)]
    return [kinds] if isinstance(kinds, str) else kinds


def _words(part: Schema) -> Sequence[Any]:
    return [part["const"]] if "const" in part else part.get("enum", ())
