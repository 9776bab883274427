"""A pair of a run as a side of an item: what it is called, its marked texts, the hash that decisions name."""

from collections.abc import Mapping, Sequence

from ...curate import Override
from .items import Side, Spans
from .texts import Pair

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


def title_of(id: str, request: str) -> str:
    """A row by its id and the beginning of its request, on one line."""
    title = f"{id}: {' '.join(request.split())}".removesuffix(": ")
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
