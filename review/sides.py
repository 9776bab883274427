"""A pair of a run as a side of an item: what it is called, its marked texts, the hash that decisions name."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..curate import Override, content_hash, normalise
from .items import Side, Spans
from .texts import Pair

__all__ = ["as_read", "side_of", "title_of"]

_TITLE = 90  # characters


def side_of(
    pair: Pair, name: str, input: Spans, output: Spans, content: str, latest: Mapping[str, Override],
    *, notes: Sequence[str] = (), own: bool = True,
) -> Side:  # fmt: skip
    """The side of an item that shows a pair; unless it is a row's `own` output, nothing can be decided about it."""
    return Side(
        row=pair["row"] if own else None, id=pair["id"], name=name, input=input, output=output, text=pair["output"],
        outcome=pair.get("outcome", "kept"), split=pair["split"], group=pair["group"], fields=pair["fields"],
        meta=pair["meta"], notes=tuple(notes), content=content, decision=latest.get(pair["id"]) if own else None,
    )  # fmt: skip


def as_read(pair: Pair) -> str:
    """The hash by which decisions know the pair: of its texts before a repair or a person changed them."""
    return content_hash(
        normalise(pair["input"]), normalise(pair["output"] if pair["written"] is None else pair["written"])
    )


def title_of(entry: Mapping[str, Any], pair: Pair | None) -> str:
    """The row by its id and the beginning of its request, or of the output where the request is the id."""
    request = "" if pair is None else " ".join(pair["input"].split())
    title = f"{entry['id']}: {request}" if request else entry["id"]
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
