"""The form of an application's requests: the order of fields, the rest of the chat, and a script that builds them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...project import request_fields
from ...style import field_text
from . import request_file

__all__ = ["RequestShape", "request_script", "request_shape"]

MARKS = ("# --- of this model ---\n", "# --- end ---\n")


@dataclass(frozen=True)
class RequestShape:
    """The form of this run's requests.

    `fields` are in order, empty if the pairs have none or differ in their order; `given` counts the pairs in which each is
    not empty. `kinds` of values that occur: "list", "object", "truth value". `texts`: the number of pairs whose input has no
    fields. `before` are the messages in front of a request, `guide` begins its system message. `own_system`: whether pairs
    have their own system messages.
    """

    fields: tuple[str, ...]
    given: Mapping[str, int]
    kinds: frozenset[str]
    pairs: int
    texts: int
    guide: str | None
    before: tuple[dict[str, str], ...]
    own_system: bool


def request_shape(pairs: pl.DataFrame, *, guide: str | None, examples: Sequence[tuple[str, str]]) -> RequestShape:
    """The shape of the requests of `pairs` (columns fields, system) after a guide and worked examples."""
    rows: list[dict[str, Any]] = [json.loads(text) for text in pairs["fields"].drop_nulls()]
    given = Counter(name for row in rows for name, value in row.items() if field_text(value))
    before = [
        {"role": role, "content": text}
        for example in examples
        for role, text in zip(("user", "assistant"), example, strict=True)
    ]
    return RequestShape(
        fields=request_fields(pairs),
        given={name: given[name] for row in rows for name in row},
        kinds=frozenset(kind for row in rows for value in row.values() if (kind := _kind(value))),
        pairs=len(pairs),
        texts=int(pairs["fields"].null_count()),
        guide=guide,
        before=tuple(before),
        own_system=bool(pairs["system"].drop_nulls().len()),
    )


def _kind(value: Any) -> str | None:
    return {list: "list", dict: "object", bool: "truth value"}.get(type(value))


def request_script(
    shape: RequestShape, *, model: str, settings: Mapping[str, Any], stripped: Iterable[str], in_user_turn: bool
) -> str:
    """The content of request.py: `request_file` with the constants of this model."""
    source = Path(request_file.__file__).read_text(encoding="utf-8")
    begin, rest = source.split(MARKS[0])
    constants = {
        "MODEL": model,
        "FIELDS": list(shape.fields),
        "BEFORE": list(shape.before),
        "GUIDE": shape.guide,
        "SETTINGS": dict(settings),
        "STRIPPED": sorted(stripped),
        "IN_USER_TURN": in_user_turn,
    }
    lines = "".join(f"{name} = {value!a}\n" for name, value in constants.items())
    return begin + MARKS[0] + lines + MARKS[1] + rest.split(MARKS[1])[1]
