"""What the queue shows: an item with its sides, its reason and what a person may do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...curate import Override
from .kinds import Action

Spans = tuple[tuple[str, str], ...]  # the pieces of a text with their marks: "", "differs" or "broken"


def plain(text: str) -> Spans:
    """The text without a mark; nothing for an empty one."""
    return ((text, ""),) if text else ()


@dataclass(frozen=True)
class KindCount:
    """How many items of a kind a run has, and how many of them are left.

    exact: False while rows that a rule rejects are still tried for a repair, so that some may change their kind.
    """

    kind: str
    count: int
    left: int
    decided: int
    exact: bool = True


@dataclass(frozen=True)
class Entry:
    """One line of the list: the key of the item, its title, and the decision about it (None while it waits)."""

    key: str
    title: str
    decided: str | None


@dataclass(frozen=True)
class Entries:
    """A page of the list, and how many entries there are on all pages."""

    total: int
    entries: tuple[Entry, ...]


class Place(NamedTuple):
    """Where an item is in the list of its kind: its number from 1, of how many, and the keys beside it."""

    number: int
    of: int
    previous: str | None
    next: str | None


@dataclass(frozen=True)
class Repair:
    """An output before and after repair, as marked pieces and as text, and the rules by which it is repaired."""

    before: Spans
    after: Spans
    text: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Side:
    """One row of an item, or the output that is compared with it.

    text: the output as it was read. notes: the rules that it breaks, in sentences. content: the hash of the pair as it was
    read, which decisions name. row is None where the side is no row, such as an output of a model.
    """

    row: int | None
    id: str
    name: str
    input: Spans
    output: Spans
    text: str
    outcome: str
    split: str | None = None
    group: str | None = None
    fields: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    content: str = ""
    decision: Override | None = None


@dataclass(frozen=True)
class Item:
    """Something to decide. rules: the rules by which its row was stopped or repaired, without `style:` or `quality:`."""

    kind: str
    key: str
    reason: str
    sides: tuple[Side, ...]
    repair: Repair | None
    actions: tuple[Action, ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Like:
    """Undecided items of the same kind that share something: by what, its value, in words, and how many there are."""

    by: str
    value: str
    label: str
    count: int
