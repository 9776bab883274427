"""Variants that are made from others without a call: repaired outputs, and one variant as the fallback of another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ...core import Fix
from ...style import StyleSchema
from ..outputs.table import Cascade, Raw
from ..scores.score import Scores, score_outputs
from ..variants import Variant

_SUMMED = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "seconds")


def score_variant(pairs: pl.DataFrame, raw: Raw, style: StyleSchema) -> Scores:
    """The scores of a variant's outputs for these pairs, repaired first if its settings say so."""
    return score_outputs(pairs, raw.outputs, style, count_tokens=raw.count_tokens, repair=raw.variant.settings.repair)


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
