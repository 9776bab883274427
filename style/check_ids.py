"""Ids for checks whose kind stands more than once: what each is about, in a word or two."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from .evidence import Evidence

__all__ = ["with_ids"]

_MOST_LETTERS = 32


def with_ids(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The same with an id in each entry whose kind stands more than once; the others are known by their kind."""
    kinds = [one.check.kind for one in evidence]
    taken: set[str] = set(kinds)
    named = []
    for one in evidence:
        if kinds.count(one.check.kind) > 1:
            stem = _stem(one.entry)
            id = next(name for name in _numbered(stem) if name not in taken)
            taken.add(id)
            one = replace(one, entry={"kind": one.entry["kind"], "id": id, **one.entry})
        named.append(one)
    return named


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    for number in count(2):
        yield f"{stem}-{number}"


def _stem(entry: Mapping[str, Any]) -> str:
    """`length-words`, `ends-with-package`, `pattern`: the kind and the first thing that it names."""
    values = [v for key, v in entry.items() if key not in ("kind", "level", "when", "ignore_case", "say")]
    texts = [text for value in values for text in _texts(value)]
    if "preferred" in entry:
        return "one-spelling"
    keys = [key for key in entry if key in ("end", "quotes", "dashes", "exclamation_marks", "required")]
    first = keys[0] if keys else next((slug for text in texts if (slug := _slug(text))), "")
    return f"{_slug(entry['kind'])}-{_slug(first)}"[:_MOST_LETTERS].strip("-")


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for item in value for text in _texts(item)] if isinstance(value, list | tuple) else []


def _slug(text: str) -> str:
    """Lower-case ASCII letters and digits with hyphens between."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
