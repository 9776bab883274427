"""Which requests two test sets share: by content, since ids may be renumbered or name another request."""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ...curate import content_hash
from ...style import field_text
from ..scores.groups import groups_of, joined

__all__ = ["SharedRequests", "request_contents", "shared_groups", "shared_requests"]


@dataclass(frozen=True)
class SharedRequests:
    """`before` and `after` are the positions of the shared requests in the two tables, `(shared,)` each.

    `renumbered` of them have another id in each; `reused` ids name different requests. `only_before` and `only_after`
    count the requests of one test set alone.
    """

    before: list[int]
    after: list[int]
    renumbered: int
    reused: list[str]
    only_before: int
    only_after: int


def request_contents(pairs: pl.DataFrame) -> list[str]:
    """A hash of each request as a model gets it: its fields in any order, else its text; and its own system message.

    Runs of whitespace count as one space; letters keep their case, since units differ by it.
    """
    return [content_hash(*_parts(row)) for row in pairs.select("input", "fields", "system").iter_rows(named=True)]


def _parts(row: Mapping[str, Any]) -> list[str | None]:
    fields = json.loads(row["fields"]) if isinstance(row["fields"], str) else row["fields"]
    system = None if row["system"] is None else _plain(row["system"])
    if not isinstance(fields, Mapping) or not fields:
        return [system, "text", _plain(row["input"] or "")]
    named = [(str(name), _plain(text)) for name, value in fields.items() if (text := field_text(value))]
    return [system, "fields", *(part for pair in sorted(named) for part in pair)]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.encode(errors="replace").decode()).split())


def shared_requests(before: pl.DataFrame, after: pl.DataFrame) -> SharedRequests:
    """Match the requests of two tables of pairs: those with the same id and content, then the others by content.

    Where one content has several rows, they are matched in order.
    """
    contents = [request_contents(pairs) for pairs in (before, after)]
    ids = [pairs["id"].to_list() for pairs in (before, after)]
    place = {name: at for at, name in enumerate(ids[0])}
    found = {at: place[name] for at, name in enumerate(ids[1]) if name in place}
    matched = {at: first for at, first in found.items() if contents[0][first] == contents[1][at]}
    free = defaultdict(list)
    taken = set(matched.values())
    for first in reversed(range(len(ids[0]))):
        if first not in taken:
            free[contents[0][first]].append(first)
    renumbered = 0
    for at, content in enumerate(contents[1]):
        if at not in matched and free[content]:
            matched[at] = free[content].pop()
            renumbered += 1
    positions = sorted(matched)
    reused = [ids[1][at] for at, first in found.items() if contents[0][first] != contents[1][at]]
    return SharedRequests(
        [matched[at] for at in positions], positions, renumbered, reused,
        len(ids[0]) - len(matched), len(ids[1]) - len(matched),
    )  # fmt: skip


def shared_groups(before: pl.DataFrame, after: pl.DataFrame) -> np.ndarray | None:
    """What the shared requests depend on, `(shared,)`: tied if either run ties them; None if neither does.

    Both tables hold the shared requests in the same order.
    """
    known = [groups for groups in (groups_of(before), groups_of(after)) if groups is not None]
    return joined(len(before), known) if known else None
