"""What the money needs of each variant: its tokens, outcomes and speed on the scored items."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from .money.account import compute_money
from .money.inputs import MeasuredVariant, TrainingCost
from .money.settings import RoiSettings
from .outputs.raw import Raw
from .scores.quality import speed_of
from .scores.score import Scores, item_means

__all__ = ["measure_variants", "money_of"]


def measure_variants(
    raws: Mapping[str, Raw], scores: Mapping[str, Scores], rows: np.ndarray, roi: RoiSettings | None
) -> dict[str, MeasuredVariant]:
    """The measurements of each variant on the scored `rows`, for the money."""
    tables = {} if roi is None else roi.variants
    self_hosted = {name for name, variant in tables.items() if variant.self_hosted}
    return {
        name: _measured(raw, scores[name], rows, self_hosted=bool({name, *raw.variant.of} & self_hosted))
        for name, raw in raws.items()
    }


def money_of(
    roi: RoiSettings,
    measured: Mapping[str, MeasuredVariant],
    rows: np.ndarray,
    groups: np.ndarray | None,
    trained: Mapping[str, Any] | None,
    *,
    baseline: str,
    candidate: str,
    seed: int,
) -> dict[str, Any]:
    """`money` of results.json: the candidate in place of the baseline; `trained` is the summary of this run's training."""
    known = trained or {}
    training = TrainingCost(known["seconds"] / 3600, known.get("tokens")) if known.get("seconds") is not None else None
    return compute_money(
        roi, baseline=baseline, candidate=candidate, measured=measured,
        groups=None if groups is None else groups[rows], training=training, seed=seed,
    ).to_json()  # fmt: skip


def _measured(raw: Raw, scores: Scores, rows: np.ndarray, *, self_hosted: bool) -> MeasuredVariant:
    """The measurements of a variant per item; None if nothing was counted for any item, NaN if not for this item."""
    prompt, output, cached = (
        _item_tokens(scores, name, rows) for name in ("input_tokens", "output_tokens", "cached_tokens")
    )
    share = None
    if cached is not None and raw.fixed_tokens:
        share = float(np.clip(np.nanmean(cached) / raw.fixed_tokens, 0, 1))
    return MeasuredVariant(
        fixed_tokens=raw.fixed_tokens,
        input_tokens=None if prompt is None else prompt - (raw.fixed_tokens or 0),
        output_tokens=output,
        acceptable=scores.items["acceptable"].to_numpy()[rows],
        cached_share=share,
        repeats=_repeats(scores, rows),
        guide_tokens=raw.guide_tokens,
        few_shot_tokens=raw.few_shot_tokens,
        tuned=raw.variant.tuned,
        model=raw.model,
        requests_per_second=speed_of(scores.table, np.repeat(rows, scores.samples))["per_second"]
        if self_hosted
        else None,
    )


def _repeats(scores: Scores, rows: np.ndarray) -> np.ndarray | None:
    """Whether each sample of each item was acceptable `(n, k)`; None with a single sample."""
    if scores.samples < 2:
        return None
    return scores.table["acceptable"].cast(pl.Float64).to_numpy().reshape(-1, scores.samples)[rows]


def _item_tokens(scores: Scores, name: str, rows: np.ndarray) -> np.ndarray | None:
    """Each scored item's mean over its samples; None if nothing was counted for any of them."""
    means = item_means(scores.table[name], scores.samples)[rows]
    return None if np.isnan(means).all() else means
