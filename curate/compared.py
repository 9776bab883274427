"""The pairs as they are compared: normalised texts, and the keys by which a row is known wherever it stands."""

import json
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from ..style.fields import render_fields
from .normalise import content_hash, normalise

__all__ = [
    "Compared", "compare_texts", "compared_inputs", "compared_outputs", "row_hashes", "salted", "whole_rows",
]  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One entry per row. inputs, outputs: normalised, inputs without identifiers. content: the hash of both."""

    inputs: list[str]
    outputs: list[str]
    content: list[str]


def salted(content: pl.Series, seed: int) -> pl.Series:
    """The keys by which components of one size are ordered; another order for another seed."""
    if seed == 0:
        return content
    return pl.Series([content_hash(own, str(seed)) for own in content], dtype=pl.String)


def compare_texts(pairs: pl.DataFrame, identifiers: Collection[str]) -> Compared:
    """The normalised inputs and outputs of a pair table, with their hashes."""
    inputs, outputs = compared_inputs(pairs, identifiers), compared_outputs(pairs)
    return Compared(inputs, outputs, [content_hash(*texts) for texts in zip(inputs, outputs, strict=True)])


def whole_rows(pairs: pl.DataFrame, content: pl.Series) -> pl.Series:
    """A key per row that does not depend on where it stands: a hash of all that the row holds.

    It is made only where it tells rows apart, among those of one content; "" for the others.
    """
    repeated = content.is_duplicated()
    return pl.repeat("", len(content), eager=True).scatter(repeated.arg_true(), row_hashes(pairs.filter(repeated)))


def row_hashes(pairs: pl.DataFrame) -> list[str]:
    """A hash of all that each row holds, its number and name apart."""
    rows = pairs.select("input", "fields", "output", "system", "group", "split", "meta").rows()
    return [content_hash(*row) for row in rows]


def compared_inputs(pairs: pl.DataFrame, identifiers: Collection[str]) -> list[str]:
    """The normalised inputs, by the columns `input` and `fields`."""
    if not identifiers:
        return [normalise(text) for text in pairs["input"].to_list()]
    return [
        normalise(text if fields is None else render_fields(json.loads(fields), leave_out=list(identifiers)))
        for text, fields in pairs.select("input", "fields").rows()
    ]


def compared_outputs(pairs: pl.DataFrame) -> list[str]:
    """The normalised outputs."""
    return [normalise(text) for text in pairs["output"].to_list()]
