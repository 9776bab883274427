"""Identifies rows by the hash of their content, and normalises texts for that.

Decisions and pinned splits are addressed by these hashes, so the form never changes; `comparison.py` has the form in
which texts are compared.
"""

import hashlib
import json
import unicodedata
from collections.abc import Collection

import polars as pl

from ...style import render_fields

__all__ = [
    "clean_text",
    "content_hash",
    "normalise",
    "normalised_inputs",
    "normalised_outputs",
    "pair_contents",
    "row_hashes",
    "salted",
]


def normalise(text: str) -> str:
    """The text that identifies a row: NFKC, case folded, runs of whitespace to one space, stripped."""
    # ASCII is its own NFKC form; skipping the conversion halves the time on English data.
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split())


def clean_text(text: str) -> str:
    """The text with lone surrogates, which cannot be encoded, replaced by U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if not _writable(text) else text


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def content_hash(*parts: str | None) -> str:
    """128 bits of BLAKE2b over the parts as 32 hex digits; parts include their length, and null differs from empty."""
    data = b"".join([b"-1:" if part is None else b"%d:%b" % (len(coded := part.encode()), coded) for part in parts])
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def pair_contents(pairs: pl.DataFrame, identifiers: Collection[str]) -> list[str]:
    """The hash of each pair's normalised texts, by which it is known under another id: columns `input, fields, output`."""
    texts = zip(normalised_inputs(pairs, identifiers), normalised_outputs(pairs), strict=True)
    return [content_hash(*pair) for pair in texts]


def salted(content: pl.Series, seed: int) -> pl.Series:
    """The keys that order components of equal size; another seed gives another order."""
    if seed == 0:
        return content
    return pl.Series([content_hash(key, str(seed)) for key in content], dtype=pl.String)


def row_hashes(pairs: pl.DataFrame) -> list[str]:
    """A hash of each row's contents except its number and id."""
    rows = pairs.select("input", "fields", "output", "system", "group", "split", "meta").rows()
    return [content_hash(*row) for row in rows]


def normalised_inputs(pairs: pl.DataFrame, identifiers: Collection[str]) -> list[str]:
    """The normalised inputs, from the columns `input` and `fields`."""
    if not identifiers:
        return [normalise(text) for text in pairs["input"].to_list()]
    return [
        normalise(text if fields is None else render_fields(json.loads(fields), leave_out=list(identifiers)))
        for text, fields in pairs.select("input", "fields").rows()
    ]


def normalised_outputs(pairs: pl.DataFrame) -> list[str]:
    """The normalised outputs."""
    return [normalise(text) for text in pairs["output"].to_list()]
