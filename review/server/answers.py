"""The answers of the desk as plain data for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...core import say
from ...curate import DecisionBatch, Override, stamp
from ..queue.items import Entries, Item, KindCount, Like, Place, Side
from ..queue.kinds import kind_named
from .session import Session


def kind_answer(found: KindCount, session: Session) -> dict[str, Any]:
    """A kind of the queue with its counts, and how long the rest will take at the pace so far."""
    kind, pace = kind_named(found.kind), session.pace(found.kind)
    return {
        "kind": kind.name, "title": kind.title, "reason": kind.reason, "count": found.count, "left": found.left,
        "decided": found.decided, "exact": found.exact, "seconds_each": pace,
        "seconds_left": None if pace is None else pace * found.left,
    }  # fmt: skip


def entries_answer(kind: str, found: Entries) -> dict[str, Any]:
    """A page of the list of a kind."""
    return {"kind": kind, "total": found.total, "entries": [asdict(entry) for entry in found.entries]}


def item_answer(item: Item, place: Place, likes: Sequence[Like], latest: Mapping[str, Override]) -> dict[str, Any]:
    """An item with its sides, where it is in the queue, what may be done, and what was seen of earlier decisions."""
    return {
        "kind": item.kind, "key": item.key, **place._asdict(), "reason": item.reason, "rules": item.rules,
        "sides": [_side(side) for side in item.sides],
        "repair": None if item.repair is None else asdict(item.repair),
        "actions": [{"action": action.name, "key": action.key, "label": action.label} for action in item.actions],
        "likes": [asdict(like) for like in likes],
        "seen": {side.id: seen_of(side, latest) for side in item.sides if side.row is not None},
    }  # fmt: skip


def _side(side: Side) -> dict[str, Any]:
    made, names = side.decision, ("decision", "who", "when", "text", "why")
    return {**asdict(side), "decision": None if made is None else {name: getattr(made, name) for name in names}}


def seen_of(side: Side, latest: Mapping[str, Override]) -> str:
    """What a person saw of a row: its content and the decision about it, for the page to send back with a decision."""
    return f"{side.content}:{stamp(latest.get(side.id))}"


def undo_answer(batch: DecisionBatch | None) -> dict[str, Any] | None:
    """What a person would take back; None if there is nothing."""
    if batch is None:
        return None
    count, first = len(batch.decisions), batch.decisions[0]
    what = f'"{first.id}": {first.decision}' if count == 1 else f"{say.count(count)} decisions"
    return {"stamp": batch.stamp, "decisions": count, "what": what}
