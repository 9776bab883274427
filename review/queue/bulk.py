"""One decision for all rows that share something: which rows, what it makes of each, and whether that still holds."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...core import ConfigError
from ...curate import Override, stamp
from .items import Item, Spans, plain
from .queue import Queue

_ALONE = "edit"  # needs a text of its own for each row
_FIELD = "field:"


@dataclass(frozen=True)
class BulkRequest:
    """The action for the items of a kind that share the value of something (`rule`, `repair`, `group`, `field:NAME`)."""

    kind: str
    action: str
    by: str
    value: str

    def __post_init__(self) -> None:
        if self.by not in ("rule", "repair", "group") and not self.by.startswith(_FIELD):
            raise ConfigError(f'"by": expected rule, repair, group or field:NAME, found "{self.by[:60]}"')
        if self.action == _ALONE:
            raise ConfigError("each row needs an edited text of its own; edit one after the other")


@dataclass(frozen=True)
class Bulk:
    """The items with the decisions about each, in the order of the queue."""

    items: tuple[tuple[Item, tuple[Override, ...]], ...]

    @property
    def made(self) -> list[Override]:
        """All decisions, each once."""
        return list(dict.fromkeys(override for _, made in self.items for override in made))

    def stamped(self, request: BulkRequest, run: str, latest: Mapping[str, Override]) -> str:
        """A hash of what is decided and of what was seen: another one means that the preview no longer holds."""
        decided = [
            (override.id, override.content, override.decision, override.text, stamp(latest.get(override.id)))
            for override in self.made
        ]
        seen = [run, request.kind, request.action, request.by, request.value, decided]
        return hashlib.blake2b(json.dumps(seen).encode(), digest_size=12).hexdigest()


def gather_bulk(
    queue: Queue, request: BulkRequest, latest: Mapping[str, Override], *, why: str = "", who: str = "", when: str = ""
) -> Bulk:
    """The decisions for all items that share it and wait, where the action is possible.

    Raises: KeyError if there is no such kind.
    """
    keys = queue.sharing(request.kind, request.by, request.value, latest)
    items = queue.bulk(request.kind, keys, latest)
    possible = (item for item in items if any(action.name == request.action for action in item.actions))
    made = (
        (item, tuple(queue.decisions(item, request.action, why=why, who=who, when=when))) for item in possible
    )  # fmt: skip
    return Bulk(tuple(_agreeing(made)))


def _agreeing(found: Iterable[tuple[Item, tuple[Override, ...]]]) -> Iterator[tuple[Item, tuple[Override, ...]]]:
    """Leave out items one of whose rows was decided otherwise with an item before: a row can be in several conflicts."""
    known: dict[str, Override] = {}
    for item, made in found:
        if all(known.get(override.id, override) == override for override in made):
            known |= {override.id: override for override in made}
            yield item, made


def preview_row(item: Item, made: tuple[Override, ...]) -> dict[str, Any]:
    """What a bulk does to an item: its output before and after, with marks; `after` is null if the text stays or goes."""
    first = made[0]
    side = next(side for side in item.sides if side.id == first.id)
    repaired = item.repair is not None and first.text == item.repair.text
    before: Spans = item.repair.before if item.repair and repaired else side.output
    after = None if first.text is None else item.repair.after if item.repair and repaired else plain(first.text)
    return {"key": item.key, "id": first.id, "before": before, "after": after, "decision": first.decision}
