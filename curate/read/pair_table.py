"""Turns a batch of records into a pair table, by whole columns if they are texts, and rejects invalid records."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ...core import DataError
from ...style import field_text, render_fields
from .columns import PAIR_SCHEMA, SPLIT_NAMES, Layout, is_curated
from .conversation import split_turns
from .formats.batch import Batch
from .normal_forms import clean_text
from .shapes import Pair, Shape, json_text

REJECTED_SCHEMA = {"row": pl.UInt32, "id": pl.String, "outcome": pl.String, "rule": pl.String, "evidence": pl.String}
TURNS = "input_turns"  # in meta: role and length of each turn of an input of several turns
_RECOMPUTED = (
    "row",
    "component",
    "reference_ok",
    "written",
)  # columns of a run's own lines that a new run computes again
_TEXTS = {
    "input": pl.String,
    "fields": pl.String,
    "output": pl.String,
    "system": pl.String,
    "rule": pl.String,
    "evidence": pl.String,
}


@dataclass(frozen=True)
class PairBatch:
    """The pairs of a batch, the rejected records, and the number of texts repaired: they held half a surrogate pair."""

    pairs: pl.DataFrame
    rejected: pl.DataFrame
    repaired: int


def pair_table(batch: Batch, layout: Layout, where: str) -> PairBatch:
    """The pair table of a batch; every record is in it or among the rejected.

    Raises:
        DataError: a message holds an image.
    """
    texts, lengths, repaired = _texts(batch, layout.shape)
    if (texts["rule"] == "image").any():
        raise DataError(f"{where}: this is image data (image parts in messages); Tuneworth reads text only")
    if layout.shape.label is not None:
        texts = _without_bad(texts, batch.column(layout.shape.label), layout.shape.label)
    stored = _stored_fields(batch, layout.shape, texts["input"])
    if stored is not None:
        texts = texts.with_columns(fields=pl.coalesce("fields", stored))
    table = texts.with_columns(
        row=pl.Series(batch.numbers, dtype=pl.UInt32),
        id=_scalars(batch, layout.id),
        group=_groups(batch, layout, texts["fields"]),
        component=_scalars(batch, "component" if is_curated(batch.names) else None),
        split=_splits(batch, layout.split),
        reference_ok=pl.lit(True),
        meta=_meta(batch, layout, lengths, stored),
    ).with_columns(_empty(layout.shape))
    bad = table["rule"].is_not_null()
    pairs = table.filter(~bad).select(list(PAIR_SCHEMA))
    return PairBatch(_with_ids(pairs), _rejected(batch, table.filter(bad)), repaired)


def _without_bad(texts: pl.DataFrame, labels: pl.Series | list[Any], name: str) -> pl.DataFrame:
    """The texts with a rule for those whose label is false: they show what an answer should not be."""
    bad = pl.Series([label is False or str(label).strip().casefold() == "false" for label in labels], dtype=pl.Boolean)
    why = f'The answer is marked as a bad one: "{name}" is false.'
    return texts.with_columns(
        rule=pl.when(bad & pl.col("rule").is_null()).then(pl.lit("bad_example")).otherwise("rule"),
        evidence=pl.when(bad & pl.col("rule").is_null()).then(pl.lit(why)).otherwise("evidence"),
    )


def _rejected(batch: Batch, table: pl.DataFrame) -> pl.DataFrame:
    calls = pl.col("rule") == "tool_call"
    no_pairs = table.with_columns(outcome=pl.when(calls).then(pl.lit("quarantined")).otherwise(pl.lit("invalid")))
    rows = [(number, None, "invalid", "unreadable", clean_text(why)) for number, why in batch.problems]
    unreadable = pl.DataFrame(rows, schema=REJECTED_SCHEMA, orient="row")
    return pl.concat([no_pairs.select(list(REJECTED_SCHEMA)), unreadable])


def _empty(shape: Shape) -> list[pl.Expr]:
    """Rules for inputs and outputs that are empty: only white space and zero-width characters."""
    free = pl.col("rule").is_null()
    blank = {name: ~pl.col(name).str.contains(r"[^\s\p{Cf}]") for name in ("input", "output")}
    no_output = f'There is no "{shape.answer}", or it is empty.'

    def judged(no_input: str, empty_output: str, otherwise: str) -> pl.Expr:
        by_input = pl.when(free & blank["input"]).then(pl.lit(no_input))
        return by_input.when(free & blank["output"]).then(pl.lit(empty_output)).otherwise(otherwise)

    return [
        judged("empty_input", "empty_output", "rule").alias("rule"),
        judged("The input is empty.", no_output, "evidence").alias("evidence"),
    ]


def _with_ids(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs without an id get the first 12 hex digits of SHA-256 over input and output."""
    if not pairs["id"].has_nulls():
        return pairs
    ids = [
        id or hashlib.sha256(f"{text}\n{answer}".encode()).hexdigest()[:12]
        for id, text, answer in pairs.select("id", "input", "output").iter_rows()
    ]
    return pairs.with_columns(id=pl.Series(ids, dtype=pl.String))


# --- input and output ---------------------------------------------------------------------------------------------


def _texts(batch: Batch, shape: Shape) -> tuple[pl.DataFrame, Sequence[Any] | None, int]:
    """The texts of each record, the lengths of its turns, and the number of texts that were repaired."""
    plain = _plain_texts(batch, shape)
    if plain is not None:
        return plain[0], None, plain[1]
    parts = [_pair(shape, value) for value in batch.rows()]
    inputs, fields, outputs, systems, lengths, rules, evidence = zip(*parts, strict=True) if parts else ((),) * 7
    columns, repaired = {}, 0
    for name, values in zip(_TEXTS, (inputs, fields, outputs, systems, rules, evidence), strict=True):
        columns[name], broken = _series(values)
        repaired += broken
    return _with_system(pl.DataFrame(columns, schema=_TEXTS)), lengths, repaired


def _pair(shape: Shape, value: Mapping[str, Any]) -> Pair:
    try:
        return shape.pair(value)
    except RecursionError:
        return Pair(rule="unreadable", evidence="It is nested too deep.")


def _plain_texts(batch: Batch, shape: Shape) -> tuple[pl.DataFrame, int] | None:
    """The texts by whole columns; None if a value is not text."""
    if not shape.inputs or shape.output is None:
        return None
    columns: list[pl.Series] = []
    repaired = 0
    for name in (*shape.inputs, shape.output, "system"):
        found = _text_column(batch.column(name))
        if found is None:
            return None
        columns.append(found[0])
        repaired += found[1]
    *inputs, output, system = columns
    texts = pl.DataFrame({f"input {place}": column for place, column in enumerate(inputs)})
    if len(inputs) == 1:
        given = pl.col("input 0").fill_null("")
    else:
        filled = [pl.when(pl.col(n).str.strip_chars() != "").then(pl.col(n)) for n in texts.columns]
        given = pl.concat_str(filled, separator="\n\n", ignore_nulls=True)
    empty = pl.lit(None, dtype=pl.String)
    table = texts.select(
        input=given, fields=empty, output=output.fill_null(""), system=system, rule=empty, evidence=empty
    )
    return _with_system(table), repaired


def _with_system(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(system=pl.when(pl.col("system").str.strip_chars() != "").then("system"))


def _text_column(values: pl.Series | list[Any]) -> tuple[pl.Series, int] | None:
    if isinstance(values, pl.Series):
        if values.dtype in (pl.String, pl.Null, pl.Categorical, pl.Enum):
            return values.cast(pl.String), 0
        return None
    # Checking the types is much faster than letting polars fail.
    return _series(values) if all(issubclass(kind, str | None) for kind in set(map(type, values))) else None


def _series(values: Iterable[str | None]) -> tuple[pl.Series, int]:
    """The texts as a column with lone surrogates replaced by U+FFFD, and the number of texts with any."""
    texts = list(values)
    try:
        return pl.Series(texts, dtype=pl.String), 0
    except UnicodeEncodeError:
        cleaned = [None if text is None else clean_text(text) for text in texts]
        return pl.Series(cleaned, dtype=pl.String), sum(a != b for a, b in zip(texts, cleaned, strict=True))


# --- other columns ------------------------------------------------------------------------------------------------


def _scalars(batch: Batch, name: str | None) -> pl.Series:
    """The values of a column as stripped texts; null if empty, or if there is no column."""
    if name is None:
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(batch.numbers))
    values = batch.column(name)
    found = _text_column(values)
    texts = found[0] if found else _series([_scalar(value) for value in values])[0]
    return texts.to_frame("text").select(
        pl.when(pl.col("text").str.strip_chars() != "").then(pl.col("text").str.strip_chars())
    )["text"]


def _splits(batch: Batch, name: str | None) -> pl.Series:
    """The splits by their usual names, case-insensitively; other values are unchanged."""
    texts = _scalars(batch, name)
    return texts.str.to_lowercase().replace_strict(SPLIT_NAMES, default=texts, return_dtype=pl.String)


def _scalar(value: Any) -> str:
    try:
        return field_text(value)
    except RecursionError:
        return ""


def _groups(batch: Batch, layout: Layout, fields: pl.Series) -> pl.Series:
    """The groups: a column, or a field of the input."""
    groups = _scalars(batch, layout.group)
    if layout.group is None or not (groups.is_null() & fields.is_not_null()).any():
        return groups
    name = layout.group
    inner = [
        group if group is not None or text is None else field_text(json.loads(text).get(name)).strip() or None
        for group, text in zip(groups, fields, strict=True)
    ]
    return pl.Series(inner, dtype=pl.String)


def _stored_fields(batch: Batch, shape: Shape, inputs: pl.Series) -> pl.Series | None:
    """The column `fields` of lines that Tuneworth wrote, as JSON objects, if the input is their rendering.

    None if there is no such column; null if its value is something else.
    """
    if "fields" in shape.columns or "fields" not in batch.names:
        return None
    stored = []
    for value, text in zip(batch.column("fields"), inputs, strict=True):
        found = _object(value)
        stored.append(json_text(found) if found and _renders(found, text) else None)
    return _series(stored)[0]


def _renders(fields: Mapping[str, Any], text: str) -> bool:
    try:
        return clean_text(render_fields(fields)) == text
    except RecursionError:
        return False


def _object(value: Any) -> Mapping[str, Any] | None:
    """A mapping as it is or as JSON text."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, Mapping) else None


def _meta(batch: Batch, layout: Layout, lengths: Sequence[Any] | None, stored: pl.Series | None) -> pl.Series:
    """All other columns as one JSON object per record; null if none has a value."""
    names = batch.names
    used = {*layout.shape.columns, layout.id, layout.group, layout.split, "meta"}
    used |= set(_RECOMPUTED) if "reference_ok" in names else set()
    special = [name for name in ("system", "fields") if name in names and name not in used]
    rest = [name for name in names if name not in used and name not in special]
    if not rest and not special and "meta" not in names and not (lengths and any(lengths)):
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(batch.numbers))
    rows = _other_columns(batch, [*rest, *special, *(["meta"] if "meta" in names else [])])
    rendered = stored.is_not_null().to_list() if stored is not None else None
    if rendered is None and not lengths and not special and "meta" not in names:
        return _series([json_text(row) if row else None for row in rows])[0]
    absent = [None] * len(batch.numbers)
    texts = [
        _meta_text(row, drop_fields, turn, "system" in special)
        for row, drop_fields, turn in zip(rows, rendered or absent, lengths or absent, strict=True)
    ]
    return _series(texts)[0]


def _other_columns(batch: Batch, names: list[str]) -> list[dict[str, Any]]:
    if isinstance(batch.values, pl.DataFrame):
        here = set(batch.values.columns)
        rows = batch.values.select(name for name in names if name in here)
        return [{k: v for k, v in row.items() if v is not None} for row in rows.iter_rows(named=True)]
    wanted = set(names)
    return [{k: v for k, v in value.items() if k in wanted and v is not None} for value in batch.values]


def _meta_text(rest: dict[str, Any], drop_fields: bool | None, lengths: Any, system: bool) -> str | None:
    if drop_fields or rest.get("fields") == "":
        rest.pop("fields", None)
    if system and isinstance(rest.get("system"), str):
        del rest["system"]
    if "meta" in rest:
        meta = rest.pop("meta")
        found = _object(meta)
        if found is not None:
            rest = {**found, **rest}
        elif meta != "":
            rest = {"meta": meta, **rest}
    if lengths:
        rest[TURNS] = lengths
    return json_text(rest) if rest else None


def stored_turns(text: str, meta: str | None) -> list[dict[str, str]] | None:
    """The messages of an input of several turns, if `meta` has their positions and the text still fits."""
    if meta is None or f'"{TURNS}"' not in meta:
        return None
    lengths = json.loads(meta).get(TURNS)
    return split_turns(text, lengths) if isinstance(lengths, list) else None
