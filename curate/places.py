"""Where the personal data of pairs stands: the place, never the value."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from .personal import find_personal, may_hold_personal, places_in
from .read import RawPairs

__all__ = [
    "NAMES",
    "TEXTS",
    "find_personal_places",
    "find_places",
    "merge_personal",
    "personal_counts",
    "personal_note",
    "places_in_value",
]

NAMES = ("id", "group")
TEXTS = ("input", "output", "system")
_SHOWN = 20  # places that the summary lists
_SCHEMA = {"row": pl.UInt32, "where": pl.String, "what": pl.String, "start": pl.Int64, "end": pl.Int64}


def find_personal_places(raw: RawPairs) -> pl.DataFrame:
    """`find_places` of all pairs that were read."""
    return find_places(raw.pairs)


def find_places(pairs: pl.DataFrame) -> pl.DataFrame:
    """Every place of personal data in a pair table: row, where (column, or `meta.NAME`), what, start, end.

    Places refer to the text as it was read; in `meta`, to the value. A value of a field is found in the input's text.
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
    # An escape is no letter of the word behind it.
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
    return merge_personal([personal_note(places)], masked=masked)


def personal_note(places: pl.DataFrame) -> dict[str, Any]:
    """What the summary needs of the places in a part of the pairs, as JSON has it: rows, found, the first places."""
    return {
        "rows": places["row"].n_unique(),
        "found": dict(places["what"].value_counts().iter_rows()),
        "places": places.head(_SHOWN).to_dicts(),
    }


def merge_personal(parts: Sequence[Mapping[str, Any]], *, masked: bool) -> dict[str, Any]:
    """`personal_counts` of all pairs, from the notes of their parts, in the order of the rows; no row is in two parts."""
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part["found"])
    return {
        "rows": sum(part["rows"] for part in parts),
        "masked": masked,
        "found": dict(sorted(found.items())),
        "places": [place for part in parts for place in part["places"]][:_SHOWN],
    }
