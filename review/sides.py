"""A pair of a run as a side of an item: what it is called, its marked texts, the hash that decisions name."""

import json
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from ..curate import Override, pair_contents
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


def as_read(pairs: Sequence[Pair], identifiers: Collection[str]) -> list[str]:
    """The hash of each pair before a repair or a person changed it, by which decisions know it."""
    texts = [
        (
            pair["input"],
            None if pair["fields"] is None else json.dumps(pair["fields"], ensure_ascii=False),
            pair["output"] if pair["written"] is None else pair["written"],
        )
        for pair in pairs
    ]
    schema = dict.fromkeys(("input", "fields", "output"), pl.String)
    return pair_contents(pl.DataFrame(texts, schema=schema, orient="row"), identifiers)


def title_of(id: str, request: str) -> str:
    """A row by its id and the beginning of its request, on one line."""
    title = f"{id}: {' '.join(request.split())}".removesuffix(": ")
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
