"""The shares of each variant with their intervals, and the paired comparison of two of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from ...style import Check, StyleSchema
from ..outputs.table import Raw
from ..statistics.intervals import share_interval
from ..statistics.paired import Comparison, compare, holm
from .causes import causes_of
from .score import SHARES, Scores, by_item, failed_whole, item_means, repeats_of
from .similarity import item_similarity, lengths_of, similarity_difference, similarity_of
from .two_sample import two_sample

__all__ = [
    "SHARES",
    "compare_variants",
    "quality_of",
    "quality_of_all",
    "scored_rows",
    "share_of",
    "similarities_of",
    "speed_of",
    "tokens_of",
]

Similarity = Mapping[str, np.ndarray]  # each score's item means


def scored_rows(scores: Mapping[str, Scores]) -> np.ndarray:
    """A mask of the items that every variant has a score for; only these are compared, so all variants have the same items."""
    masks = [s.items["acceptable"].is_not_null().to_numpy() for s in scores.values()]
    return np.logical_and.reduce(masks) if masks else np.zeros(0, dtype=bool)


def similarities_of(scores: Mapping[str, Scores], references: pl.Series) -> dict[str, Similarity]:
    """Each variant's similarity to the references."""
    return {name: item_similarity(one.table, references, one.samples) for name, one in scores.items()}


def quality_of(
    scores: Scores,
    rows: np.ndarray,
    groups: np.ndarray | None,
    style: StyleSchema,
    *,
    references: pl.Series | None = None,
    similarity: Similarity | None = None,
    seed: int,
) -> dict[str, Any]:
    """One variant's part of `quality` in results.json.

    `rows` marks the items that count. `references` has each item's good reference output, null if it has none;
    `similarity` each item's mean similarity to it.
    Shares and intervals are over item means; counts (`no_output`, a check's `fail` and `n`) are over outputs.
    """
    table = scores.table.filter(pl.Series(np.repeat(rows, scores.samples)))
    kept = None if groups is None else groups[rows]
    primary = share_interval(scores.items["acceptable"].to_numpy()[rows], kept, seed=seed)
    outcomes = by_item(table["acceptable"], scores.samples)
    alone = _broken_alone(scores, table, rows, style)
    return {
        "n": int(rows.sum()),
        "unscored": scores.items["acceptable"].null_count(),
        "no_output": int((table["output"].fill_null("").str.strip_chars() == "").sum()),
        "groups": primary.groups,
        "n_effective": primary.n_effective,
        **{name: share_of(scores.items[name].to_numpy()[rows], kept, seed=seed) for name in SHARES},
        "raw": _raw(table, scores.samples, kept, seed=seed),
        **repeats_of(outcomes, kept),
        "checks": {
            check.id: {
                **_check(scores, rows, kept, check, seed=seed),
                "alone": _alone(alone.get(check.id), scores.samples, kept, seed=seed),
            }
            for check in style.checks
        },
        "similarity": None if similarity is None else similarity_of(similarity, rows, groups),
        **_against_references(scores, table, rows, kept, references, seed=seed),
    }


def quality_of_all(
    raws: Mapping[str, Raw], scores: Mapping[str, Scores], pairs: pl.DataFrame, rows: np.ndarray,
    groups: np.ndarray | None, style: StyleSchema, *, references: pl.Series, similarity: Mapping[str, Similarity], seed: int,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """`quality` in results.json: each variant's scores, and the causes behind them."""
    causes = causes_of(raws, scores, pairs)
    return {
        name: {
            **quality_of(one, rows, groups, style, references=references, similarity=similarity[name], seed=seed),
            "causes": causes[name],
        }
        for name, one in scores.items()
    }


def _raw(table: pl.DataFrame, samples: int, groups: np.ndarray | None, *, seed: int) -> dict[str, Any] | None:
    """The acceptable share before repair, and how many outputs were changed; None if none was to be repaired."""
    if "raw_acceptable" not in table.columns:
        return None
    means = by_item(table["raw_acceptable"], samples).mean(axis=1)
    return {**share_of(means, groups, seed=seed), "changed": table["raw"].count()}


def share_of(values: np.ndarray, groups: np.ndarray | None, *, seed: int) -> dict[str, float | None]:
    """`share, low, high` of the values that are not NaN."""
    known = ~np.isnan(values)  # an item that fails in form may have facts that could not be checked
    interval = share_interval(values[known], None if groups is None else groups[known], seed=seed)
    return {"share": interval.share, "low": interval.low, "high": interval.high}


def _failing(status: pl.Series) -> pl.Series:
    """Whether the check failed; null if it does not apply or could not be scored."""
    return status.replace_strict({"fail": True, "pass": False}, default=None, return_dtype=pl.Boolean)


def _check(scores: Scores, rows: np.ndarray, groups: np.ndarray | None, check: Check, *, seed: int) -> dict[str, Any]:
    """How often one check failed among the outputs that it applies to."""
    status = scores.status[check.id].filter(pl.Series(np.repeat(rows, scores.samples)))
    failing = _failing(status)
    items = item_means(failing, scores.samples)
    counts = dict(status.value_counts().iter_rows())
    return {
        "fail": counts.get("fail", 0),
        **share_of(items, groups, seed=seed),
        "n": len(failing) - failing.null_count(),
        "not_applicable": counts.get("not applicable", 0),
        "unscored": counts.get("unscored", 0),
        "level": check.level,
        "about": check.about,
    }


def _broken_alone(scores: Scores, table: pl.DataFrame, rows: np.ndarray, style: StyleSchema) -> dict[str, pl.Series]:
    """By must rule: whether breaking it is all that keeps an output from being acceptable."""
    musts = [check.id for check in style.checks if check.level == "must"]
    if not musts:
        return {}
    status = scores.status.select(musts).filter(pl.Series(np.repeat(rows, scores.samples)))
    broken = [pl.col(rule) == "fail" for rule in musts]
    one = status.select(
        (pl.sum_horizontal(broken) == 1) & ~pl.any_horizontal(pl.col(rule) == "unscored" for rule in musts)
    ).to_series()
    one &= ~failed_whole(table)
    return {rule: one & (status[rule] == "fail") for rule in musts}


def _alone(broken: pl.Series | None, samples: int, groups: np.ndarray | None, *, seed: int) -> dict[str, Any] | None:
    """How many outputs break this rule and no other, and the share that would become acceptable if they met it."""
    if broken is None:
        return None
    return {"outputs": int(broken.sum()), **share_of(by_item(broken, samples).mean(axis=1), groups, seed=seed)}


def _against_references(
    scores: Scores, table: pl.DataFrame, rows: np.ndarray, groups: np.ndarray | None, references: pl.Series | None, *,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """`length` and `two_sample`: the outputs compared with human references for the same inputs; null without references.

    The two-sample test takes the first sample of each item.
    """
    length: dict[str, Any] = {**lengths_of(table["output"].drop_nulls()), "references": None}
    if references is None or references.is_null().all():
        return {"length": length, "two_sample": None}
    written = references.filter(pl.Series(rows))
    first = table["output"].gather_every(scores.samples)
    length["references"] = lengths_of(written.drop_nulls())
    return {"length": length, "two_sample": two_sample(first, written, groups, seed=seed)}


def compare_variants(
    scores: Mapping[str, Scores],
    rows: np.ndarray,
    groups: np.ndarray | None,
    style: StyleSchema,
    *,
    baseline: str,
    candidate: str,
    similarity: Mapping[str, Similarity] | None = None,
    seed: int,
) -> dict[str, Any]:
    """`comparison` in results.json: the paired difference in acceptable outputs, and each check's p.

    Each check is compared on the items to which it applies in both variants. Holm's correction is over the `must`
    checks, which decide what is acceptable; `should` checks are information, with unadjusted p values.
    """
    kept = None if groups is None else groups[rows]
    pair = (scores[baseline], scores[candidate])
    outcome = [part.items["acceptable"].to_numpy()[rows] for part in pair]
    checks = {c.id: comparison for c in style.checks if (comparison := _compared(pair, rows, kept, c.id, seed=seed))}
    level = {check.id: check.level for check in style.checks}
    family = [check for check in checks if level[check] == "must"]
    adjusted = dict(zip(family, holm([1.0 if (p := checks[c].p_value) is None else p for c in family]), strict=True))
    return {
        "baseline": baseline,
        "candidate": candidate,
        **compare(outcome[0], outcome[1], kept, seed=seed).to_json(),
        "checks": {
            check: {**_difference(comparison), "p_holm": adjusted.get(check), "level": level[check]}
            for check, comparison in checks.items()
        },
        "similarity": None
        if similarity is None
        else similarity_difference(similarity[baseline], similarity[candidate], rows, groups),
    }


def _difference(comparison: Comparison) -> dict[str, Any]:
    return {
        "value": comparison.difference,
        "low": comparison.low,
        "high": comparison.high,
        "n": comparison.n,
        "p_value": comparison.p_value,
    }


def _compared(
    pair: tuple[Scores, Scores], rows: np.ndarray, groups: np.ndarray | None, check: str, *, seed: int
) -> Comparison | None:
    """How often both variants passed the check, on the items to which it applies in both; None if there are none."""
    passed = [1 - item_means(_failing(scores.status[check]), scores.samples)[rows] for scores in pair]
    applies = ~np.isnan(passed[0]) & ~np.isnan(passed[1])
    if not applies.any():
        return None
    return compare(passed[0][applies], passed[1][applies], None if groups is None else groups[applies], seed=seed)


def tokens_of(table: pl.DataFrame, rows: np.ndarray, fixed: float | None) -> dict[str, float | None]:
    """Mean tokens per request: the fixed part of the prompt, the rest of it, the answer; null if unknown.

    `rows` marks the outputs that count. `output` includes reasoning tokens, which are also listed separately.
    """
    names = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    prompt, cached, output, reasoning = table.filter(pl.Series(rows)).select(names).mean().row(0)
    content = prompt - fixed if prompt is not None and fixed is not None else prompt
    return {"fixed": fixed, "input": content, "output": output, "cached": cached, "reasoning": reasoning}


def speed_of(table: pl.DataFrame, rows: np.ndarray) -> dict[str, float | None]:
    """Median and 95th percentile of the seconds per output, and outputs per second; null if not measured."""
    seconds = table.filter(pl.Series(rows))["seconds"].drop_nulls()
    if not len(seconds):
        return {"p50": None, "p95": None, "per_second": None}
    total = float(seconds.sum())
    p50, p95 = seconds.quantile(0.5, "linear"), seconds.quantile(0.95, "linear")
    return {"p50": p50, "p95": p95, "per_second": len(seconds) / total if total > 0 else None}
