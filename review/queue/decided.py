"""Which items of the queue are settled by the decisions so far, and what a decision on the page is in overrides.jsonl."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import polars as pl

from ...core import ConfigError, nearest
from ...curate import Override, contents_as_read
from .items import Item, Side
from .texts import Texts, chunks

Latest = Mapping[str, Override]  # the decision that applies to each id; another object whenever it changes
_AT_ONCE = 1_000  # pairs in memory
_FEW = 100  # rows that are looked up one by one; for more, the file is read through


class Decided:
    """What was decided about the entries of each kind, found again when another `latest` is given."""

    def __init__(self, texts: Texts, identifiers: Collection[str]) -> None:
        self._texts = texts
        self._identifiers = identifiers
        self._contents: dict[tuple[str, int], str] = {}
        self._known: dict[str, tuple[pl.DataFrame, Latest, pl.Series]] = {}

    def about(self, kind: str, entries: pl.DataFrame, latest: Latest) -> pl.Series:
        """For each entry the decision about it, null while it waits."""
        known = self._known.get(kind)
        if known is None or known[0] is not entries or known[1] is not latest:
            known = self._known[kind] = entries, latest, self._about(kind, entries, latest)
        return known[2]

    def _about(self, kind: str, entries: pl.DataFrame, latest: Latest) -> pl.Series:
        ids = pl.Series([*latest], dtype=pl.String).implode()
        columns = ("id", "other_id") if kind == "conflict" else ("id",)
        named = entries.select(pl.any_horizontal(pl.col(name).is_in(ids) for name in columns)).to_series().arg_true()
        none = pl.Series("decided", [None], dtype=pl.String).new_from_index(0, len(entries))
        return none.scatter(named, self._decisions(kind, entries[named], latest)) if len(named) else none

    def _decisions(self, kind: str, entries: pl.DataFrame, latest: Latest) -> list[str | None]:
        about = self._applying(entries.select("file", "row", "id").rows(), latest)
        if kind != "conflict":
            return [None if decision is None else decision.decision for decision in about]
        others = self._applying(entries.select("other_file", "other", "other_id").rows(), latest)
        return _conflicts(entries, about, others, latest)

    def _applying(self, rows: Sequence[tuple[str | None, int, str]], latest: Latest) -> list[Override | None]:
        """The decision about each row, unless it was made about another pair that had the id then."""
        made = [latest.get(id) for *_, id in rows]
        named = zip(rows, made, strict=True)
        self._read([(file, row) for (file, row, _), one in named if one is not None and one.content and file])
        return [
            one if one is None or not one.content or self._contents.get((file or "", row), one.content) == one.content
            else None
            for (file, row, _), one in zip(rows, made, strict=True)
        ]  # fmt: skip

    def _read(self, rows: Sequence[tuple[str, int]]) -> None:
        """Remember the hashes of these rows: 32 letters, not their texts."""
        missing: dict[str, list[int]] = defaultdict(list)
        for file, row in rows:
            if (file, row) not in self._contents:
                missing[file].append(row)
        for file, wanted in missing.items():
            some = len(wanted) <= _FEW
            pairs = self._texts.pairs(file, wanted).values() if some else self._texts.scan(file, wanted)
            for chunk in chunks(pairs, _AT_ONCE):
                read = zip(chunk, contents_as_read(chunk, self._identifiers), strict=True)
                self._contents |= {(file, pair["row"]): content for pair, content in read}


def _conflicts(
    entries: pl.DataFrame, about: list[Override | None], others: list[Override | None], latest: Latest
) -> list[str | None]:
    """A conflict is settled once a side is dropped, both are decided, or one is kept against whatever contradicts it.

    A side that was kept against one row has not been compared with the next one: that conflict waits.
    """
    partners: dict[str, set[str]] = defaultdict(set)
    ids = entries.select("id", "other_id").rows()
    for one, other in ids:
        partners[one].add(other)
        partners[other].add(one)
    together: dict[tuple[str, str], set[str]] = defaultdict(set)
    for decision in latest.values():
        if decision.when:
            together[decision.when, decision.who].add(decision.id)

    def against_one(decision: Override) -> bool:
        batch = together.get((decision.when, decision.who), set()) - {decision.id}
        return any(id in partners[decision.id] or latest[id].decision == "drop" for id in batch)

    return [_conflict(one, other, against_one) for one, other in zip(about, others, strict=True)]


def _conflict(one: Override | None, other: Override | None, against_one: Callable[[Override], bool]) -> str | None:
    made = [decision for decision in (one, other) if decision is not None]
    if not made:
        return None
    final = len(made) == 2 or made[0].decision == "drop" or not against_one(made[0])
    return made[0].decision if final else None


def decisions_of(
    item: Item, action: str, *, text: str | None = None, why: str = "", who: str = "", when: str = ""
) -> list[Override]:
    """The decisions that an action on an item makes, as lines of overrides.jsonl.

    Raises: ConfigError if the item has no such action, or the action needs a text.
    """
    known = [offered.name for offered in item.actions]
    if action not in known:
        raise ConfigError(f'"{action}" is not possible here; {nearest(action, known)}')
    if item.kind == "disagreement":
        raise ConfigError("a disagreement is settled by another judgement, not by a decision about a row")
    if action == "edit" and text is None:
        raise ConfigError("the edited text is missing")
    made = _sides(item, action, text)
    reason = _reason(item, why) if action == "wrong" else why
    return [
        Override(
            id=side.id, decision=decision, who=who, why=reason, text=given, when=when, content=side.content
        )
        for side, decision, given in made
    ]  # fmt: skip


def _sides(item: Item, action: str, text: str | None) -> list[tuple[Side, Any, str | None]]:
    """Each side that is decided about, with the decision and the text that it is given."""
    one, *rest = item.sides
    if item.kind == "conflict":
        decisions = {
            "left": ("keep", "drop"), "right": ("drop", "keep"), "both": ("keep", "keep"), "neither": ("drop", "drop"),
            "edit": ("keep", "drop"),  # the text is the answer to this request, in place of both
        }  # fmt: skip
        texts = (text if action == "edit" else None, None)
        return [*zip(item.sides, decisions[action], texts, strict=True)]
    if action == "drop":
        return [(one, "drop", None)]
    if action == "move":
        return [(one, rest[0].split, None)]
    given = {"edit": text, "accept": item.repair.text if item.repair else None, "use": rest[0].text if rest else None}
    return [(one, "keep", given.get(action))]


def _reason(item: Item, why: str) -> str:
    named = " and ".join(item.rules) or "the rule"
    wrong = f"{named} {'are' if len(item.rules) > 1 else 'is'} wrong here"
    return f"{wrong}: {why}" if why else wrong
