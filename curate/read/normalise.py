"""Texts made comparable, and rows known by the hash of their content."""

import hashlib
import json
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from ...style import render_fields

__all__ = [
    "Compared",
    "clean_text",
    "compare_texts",
    "compared_inputs",
    "compared_outputs",
    "content_hash",
    "dense_ids",
    "normalise",
    "row_hashes",
    "salted",
    "whole_rows",
]


def normalise(text: str) -> str:
    """The text for comparison: NFKC, case folded, runs of whitespace to one space, stripped."""
    # ASCII is its own NFKC form; skipping the look-up halves the time on English data.
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split())


def clean_text(text: str) -> str:
    """The text with lone surrogates, which no encoding can write, replaced by U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if not _writable(text) else text


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def content_hash(*parts: str | None) -> str:
    """128 bits of BLAKE2b over the parts as 32 hex digits; each part goes in with its length, null apart from empty."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = b"" if part is None else part.encode()
        digest.update(f"{-1 if part is None else len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def dense_ids(values: Iterable[object]) -> tuple[list[int], list[object]]:
    """For each value the number of its first like, counted from 0, and the distinct values in that order."""
    known: dict[object, int] = {}
    ids = [known.setdefault(value, len(known)) for value in values]
    return ids, list(known)


def distinct_texts(texts: Sequence[str]) -> tuple[list[int], list[str]]:
    """`dense_ids` of texts."""
    ids, distinct = dense_ids(texts)
    return ids, [str(text) for text in distinct]


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
