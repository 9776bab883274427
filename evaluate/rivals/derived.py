"""Variants that need no call: a template, repaired outputs, and one variant as the fallback of another."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from ...core import Fix
from ...style import StyleSchema, check_outputs, field_text, pair_columns, repair_columns
from ..outputs.table import OUTPUT_SCHEMA, Cascade, Raw
from ..scores.score import Scores, score_outputs
from ..settings import VariantSettings
from ..variants import Variant

TEMPLATE = "template"
_SUMMED = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "seconds")


def score_variant(pairs: pl.DataFrame, raw: Raw, style: StyleSchema) -> Scores:
    """The scores of a variant's outputs for these pairs, repaired first if its settings say so."""
    return score_outputs(pairs, raw.outputs, style, count_tokens=raw.count_tokens, repair=raw.variant.settings.repair)


def template_of(
    pairs: pl.DataFrame,
    train: pl.DataFrame | None,
    style: StyleSchema,
    *,
    name: str = TEMPLATE,
    stated: str | None = None,
    samples: int = 1,
    seed: int = 0,
) -> Raw | None:
    """A template as a variant, as stated or as learned from train pairs; None if there is neither."""
    template = None if stated is None else Template((stated,))
    if template is None and train is not None:
        template = learn_template(train, style, seed=seed)
    if template is None:
        return None
    settings = VariantSettings(template=str(template), repair="safe")
    variant = Variant(name, "template", way="template", settings=settings)
    return Raw(variant, template_table(template, pairs, name, samples), fixed_tokens=0)


def repaired(raw: Raw, repair: Fix = "safe") -> Raw:
    """`NAME + repair`: the same outputs, to be repaired by the style before they are scored."""
    of = raw.variant
    variant = replace(
        of, name=f"{of.name} + repair", way="repair", of=(of.name,), settings=replace(of.settings, repair=repair)
    )
    return replace(raw, variant=variant, outputs=_named(raw.outputs, variant.name))


def with_repairs(
    pairs: pl.DataFrame, raws: Sequence[Raw], scores: Mapping[str, Scores], style: StyleSchema
) -> dict[str, tuple[Raw, Scores]]:
    """`NAME + repair` with its scores, for each variant whose outputs are not repaired yet and become acceptable by it."""
    found = {}
    for raw in raws:
        if raw.variant.settings.repair != "off":
            continue
        better = repaired(raw)
        scored = score_variant(pairs, better, style)
        if not scored.table["acceptable"].equals(scores[raw.variant.name].table["acceptable"]):
            found[better.variant.name] = better, scored
    return found


def cascade_of(first: Raw, second: Raw, scores: Mapping[str, Scores], style: StyleSchema) -> Raw | None:
    """`FIRST, else SECOND`: the second's output where the first's breaks a `must` rule that needs no reference.

    A program can decide this for each request. It costs no
    call here, as both outputs exist. None if the two have different numbers of outputs per request.
    """
    ours, other = scores[first.variant.name], scores[second.variant.name]
    if ours.samples != other.samples:
        return None
    name = f"{_plain(first)}, else {_plain(second)}"
    # An output that never arrived cannot be checked; the cascade is then as unknown as the first.
    sent = ours.breaks_in_production(style)
    variant = Variant(
        name, "variants", way="cascade", of=(first.variant.name, second.variant.name),
        tuned=first.variant.tuned or second.variant.tuned,
    )  # fmt: skip
    return Raw(variant, _joined(ours.table, other.table, sent, name), cascade=Cascade(first, second, sent))


def _plain(raw: Raw) -> str:
    """The name without its repair: a cascade takes the repaired outputs if there are any."""
    return raw.variant.of[0] if raw.variant.way == "repair" else raw.variant.name


def _joined(first: pl.DataFrame, second: pl.DataFrame, sent: pl.Series, name: str) -> pl.DataFrame:
    """The first's rows, or the second's where sent, with the tokens and seconds of both calls."""
    columns = [column for column in first.columns if column in second.columns and column not in _SCORED]
    rows = np.where(sent.to_numpy(), np.arange(len(sent)) + len(sent), np.arange(len(sent)))
    chosen = pl.concat([first.select(columns), second.select(columns)])[rows.tolist()]
    added = pl.when(pl.lit(sent))
    sums = [added.then(pl.lit(first[c]) + pl.lit(second[c])).otherwise(pl.lit(first[c])).alias(c) for c in _SUMMED]
    return _named(chosen.with_columns(sums), name)


_SCORED = ("acceptable", "consistent", "faithful", "correct", "violations", "raw", "fixed", "raw_acceptable")


def _named(outputs: pl.DataFrame, name: str) -> pl.DataFrame:
    return outputs.with_columns(variant=pl.lit(name, dtype=pl.String))


# --- templates ---------------------------------------------------------------------------------------------------

INPUT = "input"  # the place of an input that is one text without fields
LEARNED_FROM = 200  # train pairs: a template has a handful of choices
MOST_FIELDS = 12
FIRST_WORDS = 40  # of a value; that many show whether an output mentions it
USUAL = 0.5  # the share of train outputs from which a habit is usual
GAIN = 0.02  # in the share of acceptable outputs; less is no reason to leave the usual fields
SEPARATORS = (", ", "; ", " | ", " - ", "\n", " ")
_PLACE = re.compile(r"\{([^{}]+)\}")
_WORD = re.compile(r"[^\W_]{2,}|\d+")
Row = Mapping[str, Any]  # the fields of an input


@dataclass(frozen=True)
class Template:
    """A text with `{field}` places, in `parts` joined by `separator`; a part whose fields are all empty is left out.

    With `keys`, the output is a JSON object: for each key, the value of a field or a constant.
    """

    parts: tuple[str, ...]
    separator: str = ""
    end: str = ""
    keys: Mapping[str, tuple[str | None, Any]] | None = None

    def __str__(self) -> str:
        if self.keys is None:
            return self.separator.join(self.parts) + self.end
        shown = {key: const if name is None else f"{{{name}}}" for key, (name, const) in self.keys.items()}
        return json.dumps(shown, ensure_ascii=False)

    def fill(self, row: Row) -> str:
        """The output for the fields of one input."""
        if self.keys is not None:
            values = {key: const if name is None else row.get(name) for key, (name, const) in self.keys.items()}
            return json.dumps(values, ensure_ascii=False)
        filled = [_filled(part, row) for part in self.parts]
        return self.separator.join(text for text in filled if text) + self.end


def _filled(part: str, row: Row) -> str:
    """The part with its places filled; empty if it has places and none has a value."""
    names = _PLACE.findall(part)
    values = {name: field_text(row.get(name)) for name in names}
    return "" if names and not any(values.values()) else _PLACE.sub(lambda match: values[match[1]], part)


def template_table(template: Template, pairs: pl.DataFrame, name: str, samples: int = 1) -> pl.DataFrame:
    """The outputs of the template for these pairs: columns of OUTPUT_SCHEMA, without tokens and in no time."""
    nothing = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0, "seconds": 0.0}
    rows = [
        {"id": id, "variant": name, "sample": sample, "output": template.fill(row), **nothing, "finish_reason": "stop"}
        for id, row in zip(pairs["id"], _rows(pairs), strict=True)
        for sample in range(samples)
    ]
    return pl.DataFrame(rows, schema=OUTPUT_SCHEMA)


def learn_template(train: pl.DataFrame, style: StyleSchema, *, seed: int = 0) -> Template | None:
    """The template by which most train pairs get an acceptable output, after safe repair; None without train outputs.

    It has the fields that train outputs usually mention, in their usual order. Fields are added and taken away one at a
    time as long as that makes clearly more outputs acceptable. An input without fields is one place,
    `{input}`. The result depends on the seed, not on the order of the rows.
    """
    pairs = _sample(train.filter(pl.col("output").fill_null("").str.strip_chars() != ""), seed)
    if not len(pairs):
        return None
    rows, outputs = _rows(pairs), pairs["output"].to_list()
    if (keys := _json_keys(rows, outputs)) is not None:
        return Template((), keys=keys)
    separator, end = _joined_by(outputs)
    ordered = _usual_order(rows, outputs)
    tried: dict[tuple[str, ...], float] = {}

    def share_of(fields: tuple[str, ...]) -> float:
        if fields not in tried:
            filled = [_of(fields, separator, end).fill(row) for row in rows]
            tried[fields] = _acceptable(pairs, filled, style)
        return tried[fields]

    usual = [name for name, (_, said) in ordered.items() if said >= USUAL]
    chosen = _climb(tuple(usual or list(ordered)[:1]), list(ordered), share_of)
    return _of(chosen, separator, end)


def _of(fields: Iterable[str], separator: str, end: str) -> Template:
    return Template(tuple(f"{{{name}}}" for name in fields), separator, end)


def _climb(start: tuple[str, ...], names: Sequence[str], share: Callable[[tuple[str, ...]], float]) -> tuple[str, ...]:
    """From the start, one field more or less at a time, as long as that makes clearly more outputs acceptable."""
    best = start
    for _ in range(2 * len(names)):
        others = [tuple(n for n in names if (n in best) != (n == name)) for name in names]
        better = max((fields for fields in others if fields), key=share, default=best)
        if share(better) < share(best) + GAIN:
            break
        best = better
    return best


def _acceptable(pairs: pl.DataFrame, outputs: list[str], style: StyleSchema) -> float:
    """The share of these outputs that is acceptable after safe repair."""
    table = pairs.with_columns(output=pl.Series(outputs, dtype=pl.String))
    repaired = repair_columns(pair_columns(table), style).texts
    passed = check_outputs(table.with_columns(output=repaired), style).shares()["acceptable"]
    return float(passed.fill_null(False).mean() or 0.0)  # type: ignore[arg-type]


def _sample(pairs: pl.DataFrame, seed: int) -> pl.DataFrame:
    keys = [hashlib.sha256(f"{seed}\0template\0{id}".encode(errors="surrogatepass")).digest() for id in pairs["id"]]
    return pairs[sorted(range(len(keys)), key=keys.__getitem__)[:LEARNED_FROM]]


def _rows(pairs: pl.DataFrame) -> list[Row]:
    """The fields of each input; an input without fields is one field."""
    return [
        json.loads(fields) if fields else {INPUT: text} for fields, text in pairs.select("fields", "input").iter_rows()
    ]


def _joined_by(outputs: Sequence[str]) -> tuple[str, str]:
    """The usual separator of the outputs, and the full stop if they usually end with one."""
    usual = USUAL * len(outputs)
    separator = next((mark for mark in SEPARATORS if sum(mark in text for text in outputs) >= usual), " ")
    return separator, "." if sum(text.rstrip().endswith(".") for text in outputs) >= usual else ""


def _usual_order(rows: Sequence[Row], outputs: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Field -> (where outputs usually mention it, from 0 to 1; the share of outputs that do), in that order."""
    names = list(dict.fromkeys(name for row in rows for name in row))[: 4 * MOST_FIELDS]
    found: dict[str, tuple[float, float]] = {}
    for name in names:
        places = [_place(field_text(row.get(name)), text) for row, text in zip(rows, outputs, strict=True)]
        seen = [place for place in places if place is not None]
        found[name] = (float(np.median(seen)) if seen else 1.0, len(seen) / len(rows))
    # Those that are mentioned most often; then by place.
    often = sorted(found, key=lambda name: (-found[name][1], names.index(name)))[:MOST_FIELDS]
    return {name: found[name] for name in sorted(often, key=lambda name: (found[name][0], names.index(name)))}


def _place(value: str, text: str) -> float | None:
    """Where the output mentions the value, or the first of its first words that it has; None if nowhere."""
    lower, whole = text.casefold(), value.casefold().strip()
    if not whole or not lower:
        return None
    words = (match[0] for match in islice(_WORD.finditer(whole), FIRST_WORDS))
    at = next((at for part in (whole, *words) if (at := lower.find(part)) >= 0), None)
    return None if at is None else at / len(lower)


def _json_keys(rows: Sequence[Row], outputs: Sequence[str]) -> dict[str, tuple[str | None, Any]] | None:
    """For outputs that are usually JSON objects: each usual key with the field that usually gives its value, or its most
    common value."""
    objects = [_object(text) for text in outputs]
    if sum(value is not None for value in objects) < USUAL * len(outputs):
        return None
    known = [(row, value) for row, value in zip(rows, objects, strict=True) if value is not None]
    usual = Counter(key for _, value in known for key in value)
    names = list(dict.fromkeys(name for row in rows for name in row))[: 4 * MOST_FIELDS]
    keys: dict[str, tuple[str | None, Any]] = {}
    for key, count in usual.items():
        if count < USUAL * len(known):
            continue
        given = [(row, value[key]) for row, value in known if key in value]
        same = {name: sum(name in row and row[name] == value for row, value in given) for name in names}
        field = max(same, key=lambda name: same[name], default=None)
        common = Counter(json.dumps(value, sort_keys=True) for _, value in given).most_common(1)[0]
        from_field = field is not None and same[field] >= common[1]
        keys[key] = (field, None) if from_field else (None, json.loads(common[0]))
    return keys or None


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
