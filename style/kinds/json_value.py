"""The check `json`: outputs that are JSON and fit a JSON Schema."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from ...core import ConfigError, read_written
from ..columns import Columns
from ..protected import PROTECTED
from ..schema import Broken, Check, Edit, Fault, Findings, Fix, Kind, Proposal, faults
from ..words import listed, quoted
from ..yaml_text import read_yaml
from .json_failures import MOST, StoppableValidator, compiled, failures
from .json_text import MAX_DEPTH, as_json, fault_at, json_path, parsed_json, place_of

if TYPE_CHECKING:
    import jsonschema_rs

_MOST_OF_SCHEMA = 5_000_000  # bytes
# An output that a schema may look at more often is validated where it can be stopped: for each failed look the validator
# keeps a failure of 30 microseconds and a kilobyte.
_MOST_LOOKS = 100_000
_MOST_PARTS = 1_000  # of a schema, with references resolved; one that refers to itself has more


@dataclass(frozen=True)
class JsonParameters:
    """A JSON Schema (draft 2020-12 unless `$schema` names another), inline or in a JSON or YAML file next to the style
    file; without one any JSON is accepted. Formats (`date`, `email`) are checked. Nothing is fetched: a `$ref` must point
    into the schema itself. Patterns run in linear time. Duplicate keys, NaN and Infinity are not JSON.

    `from_request`: keys, at any depth, whose texts are copied from the request; case and spaces do not matter.
    """

    schema: dict[str, Any] | bool | str = field(default_factory=dict, metadata={"file": True})
    from_request: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        schema = _load(Path(self.schema)) if isinstance(self.schema, str) else self.schema
        # YAML reads `2026-01-01` and the key `1:` as other types than JSON has: convert them back to the text in the file.
        try:
            plain = json.loads(json.dumps(schema, default=str, allow_nan=False))
        except (ValueError, RecursionError, TypeError) as error:
            raise ConfigError(f"the JSON Schema cannot be used: {error}") from None
        object.__setattr__(self, "schema", plain)
        _ = self.validator

    @cached_property
    def validator(self) -> "jsonschema_rs.Validator":
        """The compiled schema. Raises: ConfigError if it is not a valid schema."""
        import jsonschema_rs

        try:
            return compiled(self.schema)
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise ConfigError(f"the JSON Schema cannot be used: {_schema_reason(error)}") from None

    @cached_property
    def _parts(self) -> int:
        return _parts(self.schema)

    def is_much_work(self, text: str) -> bool:
        """Whether validating a JSON text may take longer than a person waits: each part looks at each value once."""
        values = text.count("[") + text.count("{") + text.count(",") + 1
        return self._parts > _MOST_PARTS or values * self._parts > _MOST_LOOKS


def _parts(schema: Any) -> int:
    """The objects in a schema with references replaced by what they name, where that is known; at most _MOST_PARTS + 1.

    Alternatives multiply: a schema that is referred to twice, by one that is itself referred to twice, counts four times.
    """
    parts, waiting = 0, [schema]
    while waiting and parts <= _MOST_PARTS:
        part = waiting.pop()
        inner = list(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())
        if isinstance(part, dict):
            parts += 1
            moves = "$dynamicRef" in part or "$recursiveRef" in part or (part is not schema and "$id" in part)
            if moves or not str(part.get("$ref", "#")).startswith("#"):
                return _MOST_PARTS + 1
            if "$ref" in part:
                inner.append(_referred(schema, str(part["$ref"])))
        waiting += (one for one in inner if isinstance(one, dict | list))
    return parts


def _referred(schema: Any, reference: str) -> Any:
    """What a reference within the schema names; the whole schema for an anchor, which therefore counts as endless."""
    found = schema
    for step in unquote(reference).split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        items = {str(number): item for number, item in enumerate(found)} if isinstance(found, list) else found
        found = items.get(step) if isinstance(items, dict) else None
    return found


def _load(path: Path) -> Any:
    """A schema file. YAML can read JSON too, but the JSON reader gives better errors."""
    if path.suffix in (".yaml", ".yml"):
        return read_yaml(read_written(path, what="JSON Schema"), where=f"the JSON Schema {path}")
    text = read_written(path, what="JSON Schema", most=_MOST_OF_SCHEMA)
    try:
        return json.loads(text)
    except RecursionError:
        raise ConfigError(f"the JSON Schema {path} is nested too deeply") from None
    except ValueError as error:  # also a number of more digits than Python reads
        raise ConfigError(f"the JSON Schema {path} is not valid: {' '.join(str(error).split())}") from None


def _schema_reason(error: Exception) -> str:
    """The fault of a schema and its location, in one line."""
    text = str(error).split("\n")[0]
    if hit := re.match(r"Resource '(.*?)' is not present", text):
        return f'"$ref": {quoted(hit.group(1))} points outside the schema, and nothing is fetched; put it under "$defs"'
    path = "/".join(map(str, getattr(error, "instance_path", [])))
    if 'is not a "regex"' in text:
        return f"{path}: not a pattern that runs in linear time; use no look-around or back-reference"
    if "not valid under any of the schemas" in text:  # raised by the meta-schema, whose text does not help a reader
        return f"{path}: JSON Schema does not allow {quoted(str(getattr(error, 'instance', '')))} here"
    return f"{path}: {text}" if path else text


def _find_json(check: Check, columns: Columns) -> Findings:
    p: JsonParameters = check.parameters
    known: dict[str, list[Fault] | None] = {}
    rows = []
    with StoppableValidator(p.schema) as apart:
        for index, text in enumerate(columns.output):
            if text not in known:
                known[text] = _faults_of(text, p, apart)
            rows += [(index, *fault) for fault in known[text] or ()]
    if p.from_request:
        valid = (index for index, text in enumerate(columns.output) if known[text] == [])
        for index in valid:
            invented = _invented(p, columns.output[index], columns.input[index])
            rows += [(index, *fault) for fault in islice(invented, MOST)]
    why = None
    if None in known.values():
        why = pl.Series([_TOO_LONG if known[text] is None else None for text in columns.output], dtype=pl.String)
    return Findings(faults(sorted(rows, key=lambda row: row[0])), unscored=why)


_TOO_LONG = "the alternatives of the JSON Schema multiply, and validating takes too long"


def _invented(p: JsonParameters, text: str, request: str) -> Iterator[Fault]:
    """The texts under the keys that must come from the request and do not."""
    plain = _plain(request)
    wanted = frozenset(p.from_request)
    for path, value in _texts(parsed_json(text)[0]):
        key = next((step for step in reversed(path) if isinstance(step, str)), None)
        if key in wanted and _plain(value) not in plain:
            yield fault_at(text, *place_of(text, path), f"{json_path(path)}: a text of the request")


def _texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in a JSON value with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(item, (*path, step))


def _plain(text: str) -> str:
    """The text for comparison, with a space at both ends so that it is found as whole words."""
    return f" {' '.join(_WORDS.findall(text.casefold()))} "


def _faults_of(text: str, p: JsonParameters, apart: StoppableValidator) -> list[Fault] | None:
    """All faults of one output as JSON that fits the schema; None if finding them takes too long."""
    value, fault = parsed_json(text)
    if fault is not None:
        return [fault]
    try:
        found = apart.failures(text) if p.is_much_work(text) else failures(p.validator, value)
    except TimeoutError:
        return None
    if found is None:
        return [(None, None, None, "characters of Unicode, not half of one (a lone surrogate)")]
    unfit = [fault_at(text, *place_of(text, path), f"{json_path(path)}: {message}") for path, message in found[:MOST]]
    return [*unfit, (None, None, None, "nothing more that does not fit")] if len(found) > MOST else unfit


_WORDS = re.compile(r"\w+|[^\w\s]")


def _say_json(check: Check) -> str:
    p: JsonParameters = check.parameters
    copied = (
        f" Copy the text of {listed([f'`{name}`' for name in p.from_request])} from the request."
        if p.from_request
        else ""
    )
    schema = p.schema
    if not isinstance(schema, dict) or not schema:
        return f"Answer with valid JSON and nothing else.{copied}"
    shape = json.dumps(schema, ensure_ascii=False, separators=(", ", ": "))
    return f"Answer with JSON and nothing else, by this JSON Schema: `{shape}`.{copied}"


def _explain_json(check: Check, found: str | None, expected: str) -> str:
    if expected.startswith("$"):
        place, _, reason = expected.partition(": ")
        shown = f" (this value: {found})" if found is not None else ""
        return f"at {place} {reason}{shown}"
    there = f" at {quoted(found)}" if found is not None else ""
    return f"expected {expected}{there}"


_PROPOSE_FROM = 2_000  # outputs are enough for a schema
_FEW_VALUES = 8
_FEWEST, _COPIED = 20, 0.97  # of a key: texts, and the share of them that requests hold


def _propose_json(columns: Columns) -> list[Proposal]:
    """A schema of the types, keys and enumerated strings that the outputs share; then any JSON; and the keys whose texts
    come from the request.
    """
    texts = columns.output.gather_every(max(len(columns.output) // _PROPOSE_FROM, 1))
    if not len(texts) or not texts.str.contains(r"^\s*[\[{]").mean() >= 0.8:  # type: ignore[operator]
        return []
    values = [value for text in texts if (parsed := parsed_json(text))[1] is None for value in parsed[:1]]
    if len(values) < 0.8 * len(texts):
        return []
    schemas = [_schema_of(values, strict=True), _schema_of(values, strict=False)]
    shapes = [*(Proposal({"schema": schema}) for schema in schemas), Proposal({}, note="any JSON")]
    copied = _copied_keys(
        columns.changed(range(min(len(columns.output), _PROPOSE_FROM)), columns.output.head(_PROPOSE_FROM))
    )
    return [*shapes, *([Proposal({"from_request": copied, "about": "facts"})] if copied else [])]


def _copied_keys(columns: Columns) -> list[str]:
    """The keys whose texts are nearly always in the request, and are different ones."""
    found: dict[str, list[bool]] = {}
    values: dict[str, set[str]] = {}
    for text, request in zip(columns.output, columns.input, strict=True):
        if (parsed := parsed_json(text))[1] is not None:
            continue
        plain = _plain(request)
        for path, value in _texts(parsed[0]):
            if key := next((step for step in reversed(path) if isinstance(step, str)), None):
                found.setdefault(key, []).append(_plain(value) in plain)
                values.setdefault(key, set()).add(value)
    return [
        key
        for key, held in found.items()
        if len(held) >= _FEWEST and len(values[key]) > _FEW_VALUES and sum(held) >= _COPIED * len(held)
    ]


def _schema_of(values: list[Any], *, strict: bool, depth: int = 0) -> dict[str, Any]:
    """The schema of some values: types, and keys in all of them; `strict` adds no other keys, and enumerations."""
    types = sorted({_type_of(value) for value in values})
    if types == ["integer", "number"]:
        types = ["number"]
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if types == ["object"] and depth < 4:
        keys = Counter(key for value in values for key in value)
        usual = [key for key, n in keys.items() if n >= 0.95 * len(values)]
        schema["properties"] = {
            key: _schema_of([value[key] for value in values if key in value], strict=strict, depth=depth + 1)
            for key in (keys if strict else usual)
            if len(keys) <= 50
        }
        schema["required"] = usual
        if strict and len(keys) <= 50:
            schema["additionalProperties"] = False
    elif types == ["array"] and depth < 4:
        items = [item for value in values for item in value]
        if items:
            schema["items"] = _schema_of(items, strict=strict, depth=depth + 1)
    elif types == ["string"] and strict:
        texts = Counter(values)
        # A few values that are repeated often are an enumeration.
        if len(texts) <= _FEW_VALUES and min(texts.values()) >= 3 and len(values) >= 10 * len(texts):
            schema["enum"] = sorted(texts)
    return schema


def _type_of(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")


def _fix_json(check: Check, broken: Broken) -> Iterator[Edit]:
    """The text as JSON, if it is not and can be read as such."""
    text = broken.text
    if parsed_json(text)[1] is None or text.count("[") + text.count("{") > MAX_DEPTH:
        return
    written = as_json(text)
    if written is not None and parsed_json(written)[1] is None:
        yield Edit(0, len(text), written)


JSON = Kind(
    "json", "form", JsonParameters, _find_json, _say_json, _propose_json, _explain_json,
    Fix(
        _fix_json,
        says="Safe: takes JSON out of a fence or prose and serialises it (quotes, commas, constants); values are kept.",
        spans=PROTECTED,
    ),
)  # fmt: skip
