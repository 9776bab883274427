"""Masks in texts: `[E-MAIL]`, `[PHONE]`, `[CARD]`, `[IBAN]` in place of personal data."""

import re
from collections import defaultdict
from collections.abc import Sequence

import polars as pl

from .personal import find_personal, places_in

__all__ = ["Masks", "mask_column", "mask_for", "mask_text", "replace_places"]

Masks = defaultdict[str, dict[str, str]]  # what -> value as compared -> its mask


def mask_text(text: str, masks: Masks | None = None) -> str:
    """The text with its personal data masked; `masks` are those in use, and get the new ones."""
    masks = defaultdict(dict) if masks is None else masks
    while places := places_in(text):
        text = replace_places(text, places, masks)
    return text


def mask_column(texts: pl.Series) -> pl.Series:
    """`mask_text` of each text, where it holds anything; nulls stay."""
    hits = find_personal(texts)["index"].unique()
    return texts.clone().scatter(hits, [mask_text(texts[index]) for index in hits]) if len(hits) else texts


def replace_places(text: str, places: Sequence[tuple[str, int, int]], masks: Masks) -> str:
    """The text with a mask at each place (what, start, end)."""
    pieces, end = [], 0
    for what, start, stop in places:
        pieces += [text[end:start], mask_for(what, text[start:stop], masks)]
        end = stop
    return "".join([*pieces, text[end:]])


def mask_for(what: str, value: str, masks: Masks) -> str:
    """The mask of a value; upper and lower case, spaces and marks make no other value."""
    known, key = masks[what], re.sub(r"[\W_]", "", value).casefold()
    if key not in known:
        known[key] = f"[{what.upper()} {len(known) + 1}]" if known else f"[{what.upper()}]"
    return known[key]
