"""A pair of a run as a side of an item: what it is called, its marked texts, the hash that decisions name."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..curate import Override, content_as_read
from .items import Side, Spans
from .texts import Pair

__all__ = ["as_read", "side_of", "title_of"]

_TITLE = 90  # characters


def side_of(
    pair: Pair, name: str, input: Spans, output: Spans, content: str, latest: Mapping[str, Override],
    *, notes: Sequence[str] = (),
) -> Side:  # fmt: skip
    """The side of an item that shows a pair."""
    return Side(
        row=pair["row"], id=pair["id"], name=name, input=input, output=output, text=pair["output"],
        outcome=pair.get("outcome", "kept"), split=pair["split"], group=pair["group"], fields=pair["fields"],
        meta=pair["meta"], notes=tuple(notes), content=content, decision=latest.get(pair["id"]),
    )  # fmt: skip


def as_read(pair: Pair, content: str | None, identifiers: Collection[str]) -> str:
    """The hash of the pair before a repair or a person changed it; `content` is that of the ledger."""
    return content if content and pair["written"] is None else content_as_read(pair, identifiers)


def title_of(entry: Mapping[str, Any], pair: Pair | None) -> str:
    """The row by its id and the beginning of its request, or of the output where the request is the id."""
    request = "" if pair is None else " ".join(pair["input"].split())
    title = f"{entry['id']}: {request}" if request else entry["id"]
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
