"""What the money needs of each variant: its tokens, outcomes and speed on the scored items."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from .money.account import compute_money
from .money.inputs.measured import MeasuredVariant, TrainingCost
from .money.inputs.settings import RoiSettings
from .outputs.table import Raw
from .results import NO_MODEL, Good, Money, Training
from .scores.quality import speed_of
from .scores.score import Scores, item_means


def measure_variants(
    raws: Mapping[str, Raw], scores: Mapping[str, Scores], rows: np.ndarray, roi: RoiSettings | None
) -> dict[str, MeasuredVariant]:
    """The measurements of each variant on the scored `rows`, for the money."""
    tables = {} if roi is None else roi.variants
    self_hosted = {name for name, variant in tables.items() if variant.self_hosted}

    def measured(raw: Raw) -> MeasuredVariant:
        search = raw.variant.search
        paid = search.cost if search is not None and roi is not None and search.currency == roi.currency else None
        return replace(counted(raw), search_cost=paid)

    def counted(raw: Raw) -> MeasuredVariant:
        name = raw.variant.name
        if raw.cascade is None:
            return _measured(raw, scores[name], rows, self_hosted=bool({name, *raw.variant.of} & self_hosted))
        return _cascade(raw, scores, rows, [measured(part) for part in (raw.cascade.first, raw.cascade.second)])

    return {name: measured(raw) for name, raw in raws.items()}


def _cascade(
    raw: Raw, scores: Mapping[str, Scores], rows: np.ndarray, parts: Sequence[MeasuredVariant]
) -> MeasuredVariant:
    """The first's tokens for every request, and the second's for those that are sent on."""
    assert raw.cascade is not None
    (first, second), samples = parts, scores[raw.variant.name].samples
    sent = raw.cascade.sent
    table = scores[raw.cascade.second.variant.name].table

    def sent_on(name: str, fixed: float | None) -> np.ndarray | None:
        counted = pl.select(pl.when(pl.lit(sent)).then(pl.lit(table[name]) - (fixed or 0)).otherwise(0)).to_series()
        return None if table[name].is_null().all() else item_means(counted, samples)[rows]

    calls = replace(
        second,
        input_tokens=sent_on("input_tokens", second.fixed_tokens),
        output_tokens=sent_on("output_tokens", None),
        cached_tokens=sent_on("cached_tokens", None),
        acceptable=None, repeats=None,
    )  # fmt: skip
    return replace(
        first,
        acceptable=scores[raw.variant.name].items["acceptable"].to_numpy()[rows],
        wrong_facts=_wrong_facts(scores[raw.variant.name], rows),
        repeats=None, tuned=raw.variant.tuned, model=None, of=raw.variant.of,
        sent=item_means(sent, samples)[rows], second=calls,
    )  # fmt: skip


def money_of(
    roi: RoiSettings,
    measured: Mapping[str, MeasuredVariant],
    rows: np.ndarray,
    groups: np.ndarray | None,
    trained: Training | None,
    *,
    baseline: str,
    candidate: str,
    good: Good,
    seed: int,
) -> Money:
    """The money of the comparison: the candidate in place of the baseline; `trained` is the summary of this run's training."""
    return compute_money(
        roi, baseline=baseline, candidate=candidate, measured=measured,
        groups=None if groups is None else groups[rows], training=_training_cost(trained), good=good, seed=seed,
    )  # fmt: skip


def _training_cost(trained: Training | None) -> TrainingCost | None:
    """What this run's training took: hours on this machine, or what a provider charged."""
    if trained is None:
        return None
    if (hosted := trained.hosted) is not None:
        return TrainingCost(None, trained.tokens, hosted.cost, hosted.currency, hosted.title)
    return None if trained.seconds is None else TrainingCost(trained.seconds / 3600, trained.tokens)


def _measured(raw: Raw, scores: Scores, rows: np.ndarray, *, self_hosted: bool) -> MeasuredVariant:
    """The measurements of a variant per item; None if nothing was counted for any item, NaN if not for this item."""
    prompt, output, cached = (
        _item_tokens(scores, name, rows) for name in ("input_tokens", "output_tokens", "cached_tokens")
    )
    return MeasuredVariant(
        fixed_tokens=raw.fixed_tokens,
        input_tokens=None if prompt is None else prompt - (raw.fixed_tokens or 0),
        output_tokens=output,
        acceptable=scores.items["acceptable"].to_numpy()[rows],
        wrong_facts=_wrong_facts(scores, rows),
        cached_tokens=cached,
        repeats=_repeats(scores, rows),
        guide_tokens=raw.guide_tokens,
        few_shot_tokens=raw.few_shot_tokens,
        tuned=raw.variant.tuned,
        model=raw.model,
        of=raw.variant.of,
        free=raw.variant.way in NO_MODEL,
        requests_per_second=speed_of(scores.table, np.repeat(rows, scores.samples)).per_second if self_hosted else None,
    )


def _wrong_facts(scores: Scores, rows: np.ndarray) -> np.ndarray | None:
    """How often each item's outputs break a rule about facts `(n,)`; None if no rule is about facts."""
    right = scores.items["faithful"].cast(pl.Float64).fill_null(float("nan")).to_numpy()[rows]
    return None if np.isnan(right).all() else 1 - right


def _repeats(scores: Scores, rows: np.ndarray) -> np.ndarray | None:
    """Whether each sample of each item was acceptable `(n, k)`; None with a single sample."""
    if scores.samples < 2:
        return None
    return scores.table["acceptable"].cast(pl.Float64).to_numpy().reshape(-1, scores.samples)[rows]


def _item_tokens(scores: Scores, name: str, rows: np.ndarray) -> np.ndarray | None:
    """Each scored item's mean over its samples; None if nothing was counted for any of them."""
    means = item_means(scores.table[name], scores.samples)[rows]
    return None if np.isnan(means).all() else means
