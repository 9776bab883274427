"""The pairs as they are compared: normalised texts, and the keys by which a row is known wherever it stands."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from ..style.fields import render_fields
from .normalise import content_hash, normalise

__all__ = ["Compared", "compare_texts", "whole_rows"]


@dataclass(frozen=True)
class Compared:
    """One entry per row. inputs, outputs: normalised, inputs without identifiers. content: the hash of both."""

    inputs: list[str]
    outputs: list[str]
    content: list[str]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Input and output of each row."""
        return list(zip(self.inputs, self.outputs, strict=True))

    def salted(self, seed: int) -> list[str]:
        """The keys by which components of one size are ordered; another order for another seed."""
        return self.content if seed == 0 else [content_hash(own, str(seed)) for own in self.content]


def compare_texts(pairs: pl.DataFrame, identifiers: Collection[str]) -> Compared:
    """The normalised inputs and outputs of a pair table, with their hashes."""
    inputs = _inputs(pairs, list(identifiers))
    outputs = [normalise(text) for text in pairs["output"].to_list()]
    return Compared(inputs, outputs, [content_hash(*texts) for texts in zip(inputs, outputs, strict=True)])


def whole_rows(pairs: pl.DataFrame, content: Sequence[str]) -> list[tuple[str, str]]:
    """Two keys per row that do not depend on where it stands: of its normalised content, and of all that it holds.

    The second one is made only where it tells rows apart: among those of one content.
    """
    repeated = pl.Series(content, dtype=pl.String).is_duplicated()
    rows = pairs.filter(repeated).select("input", "fields", "output", "system", "group", "split", "meta").rows()
    whole = iter([content_hash(*row) for row in rows])
    return [(own, next(whole) if again else "") for own, again in zip(content, repeated.to_list(), strict=True)]


def _inputs(pairs: pl.DataFrame, identifiers: Sequence[str]) -> list[str]:
    if not identifiers:
        return [normalise(text) for text in pairs["input"].to_list()]
    return [
        normalise(text if fields is None else render_fields(json.loads(fields), leave_out=identifiers))
        for text, fields in pairs.select("input", "fields").rows()
    ]
