"""The rival that fills in a template: as stated, as the style's rule says, as learnt from train pairs, or a list of fields."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from msgspec.structs import replace

from ...style import StyleSchema, all_fields, check_outputs, field_text, pair_columns, repair_columns
from ..outputs.table import OUTPUT_SCHEMA, Raw
from ..results import Skeleton, TemplateFacts, TemplateKind
from ..settings import VariantSettings
from ..variants import Variant
from .skeletons import SURE, LearntTemplate, learn_skeletons

TEMPLATE = "template"
INPUT = "input"  # the place of an input that is one text without fields
LEARNED_FROM = 2_000  # train pairs
TRIED_ON = 200  # train pairs by which one of several templates is chosen

MOST_SHOWN = 8  # skeletons
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
    """A text with `{field}` places, in `parts` joined by `separator`; a part whose fields are all empty is left out."""

    parts: tuple[str, ...]
    separator: str = ""
    end: str = ""

    def __str__(self) -> str:
        return self.separator.join(self.parts) + self.end

    def fill(self, row: Row) -> str:
        """The output for the fields of one input."""
        filled = [_filled(part, row) for part in self.parts]
        return self.separator.join(text for text in filled if text) + self.end

    def options(self, fields: Row) -> tuple[Sequence[str], float | None]:
        """The one output for the fields of one input."""
        return [self.fill(fields)], None


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
    """A template as a variant, as stated or as learnt from train pairs; None if there is neither."""
    if stated is not None:
        template, facts = Template((stated,)), _facts("stated", stated)
    elif train is None or (found := learn_template(train, style, seed=seed)) is None:
        return None
    else:
        template, facts = found
    offered = [template.options(row) for row in rows_of(pairs)]
    texts = first_that_keeps([options for options, _ in offered], pairs, style)
    sure = [share >= SURE for _, share in offered if share is not None]
    facts = replace(facts, sure=float(np.mean(sure)) if sure else None)
    settings = VariantSettings(template=facts.skeletons[0].text if facts.skeletons else "", repair="safe")
    variant = Variant(name, "template", way="template", settings=settings)
    return Raw(variant, _table(texts, pairs, name, samples), fixed_tokens=0, template=facts)


def _filled(part: str, row: Row) -> str:
    """The part with its places filled; empty if it has places and none has a value."""
    names = _PLACE.findall(part)
    values = {name: field_text(row.get(name)) for name in names}
    return "" if names and not any(values.values()) else _PLACE.sub(lambda match: values[match[1]], part)


def _table(texts: Sequence[str], pairs: pl.DataFrame, name: str, samples: int) -> pl.DataFrame:
    """The outputs for these pairs: columns of OUTPUT_SCHEMA, without tokens and in no time."""
    nothing = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0, "seconds": 0.0}
    rows = [
        {"id": id, "variant": name, "sample": sample, "output": text, **nothing, "finish_reason": "stop"}
        for id, text in zip(pairs["id"], texts, strict=True)
        for sample in range(samples)
    ]
    return pl.DataFrame(rows, schema=OUTPUT_SCHEMA)


def first_that_keeps(options: Sequence[Sequence[str]], pairs: pl.DataFrame, style: StyleSchema) -> list[str]:
    """For each pair the first of its options that keeps the must rules, as a program can tell without the right answer; or
    else the first."""
    chosen = [some[0] for some in options]
    rules = style.without_references
    failing, turn = [row for row, some in enumerate(options) if len(some) > 1] if rules.checks else [], 0
    while failing:
        texts = [options[row][turn] for row in failing]
        kept = _acceptable(pairs[failing].drop("references", strict=False), texts, rules)
        for row, text in ((row, text) for row, text, fits in zip(failing, texts, kept, strict=True) if fits):
            chosen[row] = text
        turn += 1
        failing = [row for row, fits in zip(failing, kept, strict=True) if not fits and turn < len(options[row])]
    return chosen


def learn_template(
    train: pl.DataFrame, style: StyleSchema, *, seed: int = 0
) -> tuple[LearntTemplate | Template, TemplateFacts] | None:
    """The template that outputs follow; where they follow none, the one by which most train pairs get an acceptable output.

    None without train outputs. The result depends on the seed, not on the order of the rows.
    """
    pairs = _sample(train.filter(pl.col("output").fill_null("").str.strip_chars() != ""), seed)
    if not len(pairs):
        return None
    learnt = learn_skeletons(rows_of(pairs), pairs["output"].to_list())
    if learnt is None:
        listed = list_of_fields(pairs, style)
        return listed, _facts("fields", str(listed))
    tried = list(learnt.held)[:TRIED_ON]
    held = pairs[tried].with_columns(references=pl.concat_list("output"))
    texts = first_that_keeps([learnt.held[row] for row in tried], held, style)
    exact = float(np.mean([text == output for text, output in zip(texts, held["output"], strict=True)]))
    how: dict[str, Any] = {"tried": len(tried), "exact": exact}
    shown = [Skeleton(text=text, share=share) for text, share in learnt.skeletons(MOST_SHOWN)]
    best: tuple[LearntTemplate | Template, TemplateFacts]
    best, most = (learnt, TemplateFacts(kind="learnt", skeletons=shown, **how)), _share(held, texts, style)
    for kind, template in _others(pairs, style) if most < 1 - GAIN else ():
        share = _share(held, [template.fill(row) for row in rows_of(held)], style)
        if share > most:
            best, most = (template, _facts(kind, str(template), **how)), share
    return best


def _facts(kind: TemplateKind, text: str, **how: Any) -> TemplateFacts:
    return TemplateFacts(kind=kind, skeletons=[Skeleton(text=text, share=None)], **how)


def _others(pairs: pl.DataFrame, style: StyleSchema) -> Iterator[tuple[TemplateKind, Template]]:
    """The templates that must rules of the style state in full, and the list of fields."""
    for check in style.checks:
        if check.kind == "template" and check.level == "must" and check.when is None:
            parts = [(check.parameters.slots.get(name or "", ""), text) for name, text in check.parameters.parts]
            pieces = [slot if _PLACE.fullmatch(slot) else text for slot, text in parts]
            if all(
                _PLACE.fullmatch(slot)
                for (slot, _), (name, _) in zip(parts, check.parameters.parts, strict=True)
                if name
            ):
                yield "rule", Template(("".join(pieces),))
    yield "fields", list_of_fields(pairs, style)


def list_of_fields(pairs: pl.DataFrame, style: StyleSchema) -> Template:
    """The fields that train outputs usually mention, in their usual order.

    Fields are added and taken away one at a time as long as that makes clearly more outputs acceptable, after safe
    repair. An input without fields is one place, `{input}`.
    """
    pairs = pairs[:TRIED_ON]
    rows, outputs = rows_of(pairs), pairs["output"].to_list()
    separator, end = _joined_by(outputs)
    ordered = _usual_order(rows, outputs)
    tried: dict[tuple[str, ...], float] = {}

    def share_of(fields: tuple[str, ...]) -> float:
        if fields not in tried:
            filled = [_of(fields, separator, end).fill(row) for row in rows]
            tried[fields] = _share(pairs, filled, style, repair=False)  # repair takes three times as long
        return tried[fields]

    usual = [name for name, (_, said) in ordered.items() if said >= USUAL]
    return _of(_climb(tuple(usual or list(ordered)[:1]), list(ordered), share_of), separator, end)


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


def _acceptable(pairs: pl.DataFrame, outputs: Sequence[str], style: StyleSchema, *, repair: bool = True) -> pl.Series:
    """Whether each of these outputs is acceptable, after safe repair unless without `repair`."""
    table = pairs.with_columns(output=pl.Series(outputs, dtype=pl.String))
    if repair:
        table = table.with_columns(output=repair_columns(pair_columns(table), style).texts)
    return check_outputs(table, style).shares()["acceptable"].fill_null(False)


def _share(pairs: pl.DataFrame, outputs: Sequence[str], style: StyleSchema, *, repair: bool = True) -> float:
    return float(_acceptable(pairs, outputs, style, repair=repair).mean() or 0.0)  # type: ignore[arg-type]


def _sample(pairs: pl.DataFrame, seed: int) -> pl.DataFrame:
    keys = [hashlib.sha256(f"{seed}\0template\0{id}".encode(errors="surrogatepass")).digest() for id in pairs["id"]]
    return pairs[sorted(range(len(keys)), key=keys.__getitem__)[:LEARNED_FROM]]


def rows_of(pairs: pl.DataFrame) -> list[Row]:
    """The fields of each input, also those that a text consists of; an input without fields is one field."""
    found = all_fields(pairs["fields"].cast(pl.String), pairs["input"].fill_null(""))
    return [fields or {INPUT: text} for fields, text in zip(found, pairs["input"].fill_null(""), strict=True)]


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
