"""Replaces personal data in pairs with masks."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import polars as pl

from ...style import render_fields
from ..read.pair_table import TURNS, stored_turns
from ..read.pairs import RawPairs
from ..row_records import PersonalData, PersonalPlace
from .personal import Masks, find_personal, mask_for, mask_text, may_hold_personal, places_in, replace_places

NAMES = ("id", "group")
TEXTS = ("input", "output", "system")
_SHOWN = 20  # places listed in the summary
# An address has an @; the numbers of phones, cards and accounts have five digits and more, or begin like an IBAN.
_MAY_HOLD = re.compile(r"@|(?:\d\D*+){5}|[A-Za-z]{2}\d\d")
_SCHEMA = {"row": pl.UInt32, "where": pl.String, "what": pl.String, "start": pl.Int64, "end": pl.Int64}


def find_places(pairs: pl.DataFrame) -> pl.DataFrame:
    """Every piece of personal data in a pair table: row, where (column, or `meta.NAME`), what, start, end.

    Places refer to the original text; in `meta`, to the value. A field's value is located in the input text.
    """
    found = [_in_column(pairs, name) for name in (*NAMES, *TEXTS)]
    places = pl.concat([*found, _in_objects(pairs, "meta")])
    seen = places.filter(pl.col("where") == "input")["row"].unique().implode()
    hidden = _in_objects(pairs.filter(~pl.col("row").is_in(seen)), "fields")
    return pl.concat([places, hidden]).sort("row", maintain_order=True)


def _in_column(pairs: pl.DataFrame, name: str) -> pl.DataFrame:
    found = find_personal(pairs[name])
    row = pairs["row"].gather(found["index"])
    return found.select(row, pl.lit(name).alias("where"), "what", "start", "end")


def _in_objects(pairs: pl.DataFrame, name: str) -> pl.DataFrame:
    # An escape sequence must not count as a letter of the word after it.
    plain = pl.col(name).str.replace_all(r'\\[nrtbf"/\\]', " ")
    rows = [
        (row, ".".join((name, *path)), *place)
        for row, text in pairs.filter(may_hold_personal(plain)).select("row", name).iter_rows()
        for path, value in _leaves(json.loads(text), ())
        for place in places_in_value(value, path)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


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


def places_in_value(text: str, path: Sequence[str]) -> list[tuple[str, int, int]]:
    """The places in a value. Its field names give context: a value named as a phone number is read as one."""
    if not _MAY_HOLD.search(text):
        return []
    for label in (
        (f"{path[-1]}: ", f"{path[-2]} ({path[-1]}): ") if len(path) > 1 else (f"{path[0]}: ",) if path else ("",)
    ):
        shift = len(label)
        places = [(what, start - shift, end - shift) for what, start, end in places_in(label + text) if start >= shift]
        if places:
            return places
    return []


def personal_note(places: pl.DataFrame, *, masked: bool) -> PersonalData:
    """The counts of the places in one part of the pairs, and the first places."""
    return PersonalData(
        rows=places["row"].n_unique(),
        masked=masked,
        found=dict(places["what"].value_counts().iter_rows()),
        places=[PersonalPlace(**place) for place in places.head(_SHOWN).iter_rows(named=True)],
    )


_KINDS = {
    "e-mail": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
    "card": ("card number", "card numbers"),
    "IBAN": ("IBAN", "IBANs"),
}


def personal_words(found: Mapping[str, int]) -> str:
    """How often each kind was found, in words."""
    return ", ".join(f"{n:,} {_KINDS[what][n != 1]}" for what, n in found.items())


def merge_personal(parts: Sequence[PersonalData], *, masked: bool) -> PersonalData:
    """The notes of all parts, in row order, as one."""
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part.found)
    return PersonalData(
        rows=sum(part.rows for part in parts),
        masked=masked,
        found=dict(sorted(found.items())),
        places=[place for part in parts for place in part.places][:_SHOWN],
    )


# Text at the edge of an excerpt that may be part of a value.
_PIECE = re.compile(r"[^\s\"@]{0,200}+@[^\s\"]*|\+?\d[\d ()./-]{5,}\d|\b[A-Z]{2}\d\d[A-Z0-9 ]{4,}")


def mask_part(pairs: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The pairs, sorted by `row`, with `[E-MAIL]`, `[PHONE]`, `[CARD]`, `[IBAN]` in place of personal data.

    `places` are those of the data. Within a row each value gets its own mask: a second value of the same kind is
    `[E-MAIL 2]`, so references still match. A row whose id holds personal data, or is a hash of it, is named like a
    row without an id: by the hash of its masked texts, which does not change when rows are added. Groups are unchanged,
    and ids may repeat, since both depend on the other rows.
    """
    hit = pairs["row"].is_in(places["row"].unique().implode())
    return pl.concat([pairs.filter(~hit), _masked(pairs.filter(hit), places)]).sort("row")


def mask_pairs(pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs as `[curate] mask = true` masks them, apart from their groups."""
    return mask_part(pairs, find_places(pairs))


def group_masks(groups: pl.Series) -> dict[str, str]:
    """The mask of each group that holds personal data, from the groups of all rows.

    Masks are numbered by sorted value, so the order of the rows does not matter.
    """
    values = groups.drop_nulls().unique().sort()
    found = find_personal(values)
    masks: Masks = defaultdict(dict)
    for what, value in sorted({(what, values[index][start:end]) for index, what, start, end in found.iter_rows()}):
        mask_for(what, value, masks)
    return {group: mask_text(group, masks) for group in values.gather(found["index"].unique().sort())}


def mask_groups(pairs: pl.DataFrame, masked: Mapping[str, str]) -> pl.DataFrame:
    """The pair table with each group of `group_masks` replaced."""
    return pairs.with_columns(pairs["group"].replace(masked)) if masked else pairs


def mask_outside(raw: RawPairs) -> RawPairs:
    """Mask everything read besides the pairs: rejected records, the guide, the warnings."""
    return replace(
        raw,
        rejected=raw.rejected.with_columns(
            _mapped(raw.rejected["id"], mask_text), _mapped(raw.rejected["evidence"], _mask_excerpt)
        ),
        guide=None if raw.guide is None else mask_text(raw.guide),
        warnings=tuple({name: mask_text(text) for name, text in warning.items()} for warning in raw.warnings),
    )


def _mapped(texts: pl.Series, change: Callable[[str], str]) -> pl.Series:
    return pl.Series(texts.name, [None if text is None else change(text) for text in texts], dtype=pl.String)


def _masked(pairs: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """Mask the rows: fields and turns (which form the input) one by one, texts as whole columns, then meta."""
    masks: list[Masks] = [defaultdict(dict) for _ in range(len(pairs))]
    parts = [
        _masked_input(text, fields, meta, row_masks)
        for (text, fields, meta), row_masks in zip(
            pairs.select("input", "fields", "meta").iter_rows(), masks, strict=True
        )
    ]
    inputs, fields, turns = zip(*parts, strict=True) if parts else ((), (), ())
    new = pairs.with_columns(input=pl.Series(inputs, dtype=pl.String), fields=pl.Series(fields, dtype=pl.String))
    new = new.with_columns(_masked_texts(new[name], masks) for name in TEXTS)
    # A value that its context shows in one text of a pair is masked in the others too, or the output would still state it.
    known = new.select(pl.when(pl.col("fields").is_null()).then("input").alias("input"), "output", "system")
    known = known.with_columns(_masked_again(known[name], masks) for name in known.columns)
    new = new.with_columns(known["input"].fill_null(new["input"]), known["output"], known["system"])
    in_meta = set(places.filter(pl.col("where").str.starts_with("meta"))["row"])
    meta = [
        _masked_meta(text, row_masks, turn) if row in in_meta or turn else text
        for row, text, row_masks, turn in zip(pairs["row"], pairs["meta"], masks, turns, strict=True)
    ]
    named = set(places.filter(pl.col("where") == "id")["row"])
    ids = [
        _hash_id(*after) if row in named or name.split("#")[0] == _hash_id(*before) else name
        for (row, name, *before), after in zip(
            pairs.select("row", "id", "input", "output").iter_rows(),
            new.select("input", "output").iter_rows(),
            strict=True,
        )
    ]
    return new.with_columns(meta=pl.Series(meta, dtype=pl.String), id=pl.Series(ids, dtype=pl.String))


def _masked_input(
    text: str, fields: str | None, meta: str | None, masks: Masks
) -> tuple[str, str | None, list[dict[str, str]] | None]:
    """Input, fields and turns of a row; a plain text is returned unchanged."""
    if fields is not None:
        masked = _masked_value(json.loads(fields), (), masks)
        return render_fields(masked), json.dumps(masked, ensure_ascii=False), None
    turns = stored_turns(text, meta)
    if not turns:
        return text, None, None
    turns = [{"role": turn["role"], "content": mask_text(turn["content"], masks)} for turn in turns]
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns), None, turns


def _masked_texts(texts: pl.Series, masks: Sequence[Masks]) -> pl.Series:
    """Apply each row's masks to its text until nothing more is found."""
    while len(found := find_personal(texts)):
        rows = found.group_by("index", maintain_order=True).agg("what", "start", "end")
        new = [
            replace_places(texts[index], list(zip(*places, strict=True)), masks[index])
            for index, *places in rows.iter_rows()
        ]
        texts = texts.clone().scatter(rows["index"], new)
    return texts


_AGAIN = 50  # values of a row


def _masked_again(texts: pl.Series, masks: Sequence[Masks]) -> pl.Series:
    """The texts with what is masked elsewhere in their row: the first values, since each is searched for by itself."""
    new = texts.to_list()
    for place, known in enumerate(masks):
        for key, mask in islice((item for values in known.values() for item in values.items()), _AGAIN):
            written = r"[\W_]{0,2}".join(map(re.escape, key))
            if new[place] is not None:
                new[place] = re.sub(rf"(?i)(?<!\w){written}(?!\w)", mask, new[place])
    return pl.Series(texts.name, new, dtype=pl.String)


def _masked_meta(text: str, masks: Masks, turns: Sequence[dict[str, str]] | None) -> str:
    meta = _masked_value(json.loads(text), (), masks)
    meta |= {TURNS: [[turn["role"], len(turn["content"])] for turn in turns]} if turns else {}
    return json.dumps(meta, ensure_ascii=False)


def _hash_id(text: str, answer: str) -> str:
    """The id of a pair without one, as when reading: the first 12 hex digits of SHA-256 over input and output."""
    return hashlib.sha256(f"{text}\n{answer}".encode()).hexdigest()[:12]


def _masked_value(value: Any, path: tuple[str, ...], masks: Masks) -> Any:
    if isinstance(value, Mapping):
        return {mask_text(key, masks): _masked_value(inner, (*path, key), masks) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked_value(inner, path, masks) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    while places := places_in_value(text, path):
        text = replace_places(text, places, masks)
    return text if isinstance(value, str) or text != str(value) else value


def _mask_excerpt(text: str) -> str:
    """Remove anything at the edge of an excerpt that may be part of a truncated value."""
    return _PIECE.sub("[…]", mask_text(text))
