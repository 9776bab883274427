"""Which items of the queue are settled by the decisions so far, and what a decision on the page is in overrides.jsonl."""

from collections import defaultdict
from collections.abc import Callable, Mapping

import polars as pl

from ..core import ConfigError, nearest
from ..curate import Override
from .items import Item

__all__ = ["decisions_of", "settled"]

Latest = Mapping[str, Override]


def settled(kind: str, entries: pl.DataFrame, latest: Latest) -> list[str | None]:
    """For each entry the decision about it, None while it waits."""
    if not latest:
        return [None] * len(entries)
    rows = entries.select("id", "content").rows()
    about = [_applying(latest.get(id), content) for id, content in rows]
    if kind != "conflict":
        return [None if decision is None else decision.decision for decision in about]
    others = [_applying(latest.get(id), content) for id, content in entries.select("other_id", "other_content").rows()]
    return _conflicts(entries, about, others, latest)


def _applying(decision: Override | None, content: str | None) -> Override | None:
    """The decision, unless it was made about another pair that had the id then."""
    if decision is None or not decision.content or content is None or decision.text is not None:
        return decision  # a row that a person edited has the content of that text in the ledger
    return decision if decision.content == content else None


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


def _sides(item: Item, action: str, text: str | None) -> list[tuple]:
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
