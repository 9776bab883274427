"""Personal data of pairs: where it stands, and pairs in which a mask stands in its place."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from ..style.fields import render_fields
from .columns import named_once
from .pair_table import TURNS, stored_turns
from .personal import find_personal, may_hold_personal, places_in
from .read import RawPairs

__all__ = ["PLACES_SCHEMA", "find_personal_places", "mask_column", "mask_pairs", "mask_text", "personal_counts"]

PLACES_SCHEMA = {"row": pl.UInt32, "where": pl.String, "what": pl.String, "start": pl.Int64, "end": pl.Int64}

_TEXTS = ("input", "output", "system")  # numbered in this order within a row
_NAMES = ("id", "group")
_SHOWN = 20  # places that the summary lists
# What may be a part of a value where an excerpt was cut off.
_PIECE = re.compile(r"[^\s\"]*@[^\s\"]*|\+?\d[\d ()./-]{5,}\d|\b[A-Z]{2}\d\d[A-Z0-9 ]{4,}")

Masks = defaultdict[str, dict[str, str]]  # what -> value as compared -> its mask


def find_personal_places(raw: RawPairs) -> pl.DataFrame:
    """Every place of personal data in the pairs: row, where (column, or `meta.NAME`), what, start, end.

    Places refer to the text as it was read; in `meta`, to the value. A value of a field is found in the input's text.
    """
    found = [_in_column(raw.pairs, name) for name in (*_NAMES, *_TEXTS)]
    places = pl.concat([*found, _in_objects(raw.pairs, "meta")])
    seen = places.filter(pl.col("where") == "input")["row"].unique().implode()
    hidden = _in_objects(raw.pairs.filter(~pl.col("row").is_in(seen)), "fields")
    return pl.concat([places, hidden]).sort("row", maintain_order=True)


def _in_column(pairs: pl.DataFrame, name: str) -> pl.DataFrame:
    found = find_personal(pairs[name])
    row = pairs["row"].gather(found["index"])
    return found.select(row, pl.lit(name).alias("where"), "what", "start", "end")


def _in_objects(pairs: pl.DataFrame, name: str) -> pl.DataFrame:
    # An escape is no letter of the word behind it.
    plain = pl.col(name).str.replace_all(r'\\[nrtbf"/\\]', " ")
    rows = [
        (row, ".".join((name, *path)), *place)
        for row, text in pairs.filter(may_hold_personal(plain)).select("row", name).iter_rows()
        for path, value in _leaves(json.loads(text), ())
        for place in _places_of_value(value, path)
    ]
    return pl.DataFrame(rows, schema=PLACES_SCHEMA, orient="row")


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield path, key
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif value is not None and not isinstance(value, bool):
        yield path, str(value)


def _places_of_value(text: str, path: Sequence[str]) -> list[tuple[str, int, int]]:
    """The places in a value, with the names that it stands under as its context: a phone's name makes it a phone."""
    for label in (
        (f"{path[-1]}: ", f"{path[-2]} ({path[-1]}): ") if len(path) > 1 else (f"{path[0]}: ",) if path else ("",)
    ):
        shift = len(label)
        places = [(what, start - shift, end - shift) for what, start, end in places_in(label + text) if start >= shift]
        if places:
            return places
    return []


def personal_counts(places: pl.DataFrame, *, masked: bool) -> dict[str, Any]:
    """What was found as the summary says it: rows, masked, found (places of each sort), and the first twenty places."""
    return {
        "rows": places["row"].n_unique(),
        "masked": masked,
        "found": dict(places["what"].value_counts().sort("what").iter_rows()),
        "places": places.head(_SHOWN).to_dicts(),
    }


def mask_pairs(raw: RawPairs, places: pl.DataFrame) -> RawPairs:
    """The pairs with `[E-MAIL]`, `[PHONE]`, `[CARD]`, `[IBAN]` in place of all personal data, whose `places` are given.

    One value has one mask within a row, a second value of its sort becomes `[E-MAIL 2]`: what refers to the same still
    does. Groups are numbered over all rows, so that different ones stay different. A row whose id holds personal data,
    or is a hash of it, is called like a row without id: by the hash of its masked texts, which stays when rows are added.
    """
    hit = raw.pairs["row"].is_in(places["row"].unique().implode())
    named = places.filter(pl.col("where") == "id")["row"].unique().implode()
    rows = [_masked_row(row) for row in raw.pairs.filter(hit).with_columns(id=_own_ids(named)).iter_rows(named=True)]
    changed = pl.DataFrame(rows, schema=raw.pairs.schema, orient="row")
    pairs = pl.concat([raw.pairs.filter(~hit), changed]).sort("row")
    return replace(
        raw,
        pairs=named_once(pairs.with_columns(_masked_groups(pairs["group"])))[0],
        rejected=raw.rejected.with_columns(
            _each(raw.rejected["id"], mask_text), _each(raw.rejected["evidence"], _mask_excerpt)
        ),
        guide=None if raw.guide is None else mask_text(raw.guide),
        warnings=tuple({name: mask_text(text) for name, text in warning.items()} for warning in raw.warnings),
    )


def _own_ids(named: pl.Series) -> pl.Expr:
    return pl.when(~pl.col("row").is_in(named)).then("id")


def _each(texts: pl.Series, change: Callable[[str], str]) -> pl.Series:
    return pl.Series(texts.name, [None if text is None else change(text) for text in texts], dtype=pl.String)


def _masked_row(row: Mapping[str, Any]) -> dict[str, Any]:
    masks: Masks = defaultdict(dict)
    new = dict(row)
    turns = stored_turns(row["input"], row["meta"])
    if row["fields"] is not None:
        fields = _masked_value(json.loads(row["fields"]), (), masks)
        new |= {"fields": json.dumps(fields, ensure_ascii=False), "input": render_fields(fields)}
    if turns:
        turns = [{"role": turn["role"], "content": mask_text(turn["content"], masks)} for turn in turns]
        new["input"] = "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
    for name in _TEXTS:
        new[name] = None if new[name] is None else mask_text(new[name], masks)
    if row["meta"] is not None:
        meta = _masked_value(json.loads(row["meta"]), (), masks)
        meta |= {TURNS: [[turn["role"], len(turn["content"])] for turn in turns]} if turns else {}
        new["meta"] = json.dumps(meta, ensure_ascii=False)
    if row["id"] is None or str(row["id"]).split("#")[0] == _hash_id(row["input"], row["output"]):
        new["id"] = _hash_id(new["input"], new["output"])
    return new


def _hash_id(text: str, answer: str) -> str:
    """The id of a pair that has none, as in reading: the first 12 hex digits of SHA-256 over input and output."""
    return hashlib.sha256(f"{text}\n{answer}".encode()).hexdigest()[:12]


def _masked_value(value: Any, path: tuple[str, ...], masks: Masks) -> Any:
    if isinstance(value, Mapping):
        return {mask_text(key, masks): _masked_value(inner, (*path, key), masks) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked_value(inner, path, masks) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    while places := _places_of_value(text, path):
        text = _replaced(text, places, masks)
    return text if isinstance(value, str) or text != str(value) else value


def mask_text(text: str, masks: Masks | None = None) -> str:
    """The text with its personal data masked; `masks` are those in use, and get the new ones."""
    masks = defaultdict(dict) if masks is None else masks
    while places := places_in(text):
        text = _replaced(text, places, masks)
    return text


def mask_column(texts: pl.Series) -> pl.Series:
    """`mask_text` of each text, where it holds anything; nulls stay."""
    hits = find_personal(texts)["index"].unique()
    return texts.clone().scatter(hits, [mask_text(texts[index]) for index in hits]) if len(hits) else texts


def _replaced(text: str, places: Sequence[tuple[str, int, int]], masks: Masks) -> str:
    pieces, end = [], 0
    for what, start, stop in places:
        pieces += [text[end:start], _mask(what, text[start:stop], masks)]
        end = stop
    return "".join([*pieces, text[end:]])


def _mask(what: str, value: str, masks: Masks) -> str:
    """The mask of a value; upper and lower case, spaces and marks make no other value."""
    known, key = masks[what], re.sub(r"[\W_]", "", value).casefold()
    if key not in known:
        known[key] = f"[{what.upper()} {len(known) + 1}]" if known else f"[{what.upper()}]"
    return known[key]


def _masked_groups(groups: pl.Series) -> pl.Series:
    """Masks numbered in the order of the values: the order of the rows decides nothing."""
    found = find_personal(groups)
    if not len(found):
        return groups
    masks: Masks = defaultdict(dict)
    for what, value in sorted({(what, groups[index][start:end]) for index, what, start, end in found.iter_rows()}):
        _mask(what, value, masks)
    return _each(groups, lambda group: mask_text(group, masks))


def _mask_excerpt(text: str) -> str:
    """An excerpt may have cut a value off, so whatever may be a part of one goes."""
    return _PIECE.sub("[…]", mask_text(text))
