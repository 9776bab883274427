"""The shares of each variant with their intervals, and the paired comparison of two of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from ..style import StyleSchema
from .intervals import share_interval
from .paired import compare, holm
from .score import Scores

__all__ = ["SHARES", "compare_variants", "quality_of", "scored_rows", "speed_of", "tokens_of"]

SHARES = ("acceptable", "consistent", "faithful")


def scored_rows(scores: Mapping[str, Scores]) -> np.ndarray:
    """Where every variant could be scored: only these rows are compared, so that all see the same items."""
    masks = [s.table["acceptable"].is_not_null().to_numpy() for s in scores.values()]
    return np.logical_and.reduce(masks) if masks else np.zeros(0, dtype=bool)


def groups_of(pairs: pl.DataFrame) -> np.ndarray | None:
    """The group of each pair; None where there are none."""
    return pairs["group"].to_numpy() if pairs["group"].is_not_null().any() else None


def quality_of(
    scores: Scores, rows: np.ndarray, groups: np.ndarray | None, style: StyleSchema, *, seed: int
) -> dict[str, Any]:
    """One variant's part of `quality` in results.json. `rows` marks the items that count."""
    table, kept = scores.table, None if groups is None else groups[rows]
    shares = {name: _share(table[name].to_numpy()[rows], kept, seed=seed) for name in SHARES}
    primary = share_interval(_booleans(table["acceptable"].to_numpy()[rows]), kept, seed=seed)
    blank = table["output"].is_null() | (table["output"].fill_null("").str.strip_chars() == "")
    return {
        "n": int(rows.sum()),
        "unscored": int(table["acceptable"].is_null().sum()),
        "no_output": int((blank & pl.Series(rows)).sum()),
        "groups": primary.groups,
        "n_effective": primary.n_effective,
        **shares,
        "checks": {
            check.id: _check(scores.status[check.id].to_numpy()[rows], kept, check, seed=seed) for check in style.checks
        },
    }


def _booleans(values: np.ndarray) -> np.ndarray:
    return np.array([bool(value) for value in values], dtype=bool)


def _share(values: np.ndarray, groups: np.ndarray | None, *, seed: int) -> dict[str, float | None]:
    interval = share_interval(_booleans(values), groups, seed=seed)
    return {"share": interval.share, "low": interval.low, "high": interval.high}


def _check(status: np.ndarray, groups: np.ndarray | None, check: Any, *, seed: int) -> dict[str, Any]:
    """How often one check failed among the outputs that it applies to."""
    applies = (status == "pass") | (status == "fail")
    failed = status[applies] == "fail"
    interval = share_interval(failed, None if groups is None else groups[applies], seed=seed)
    return {
        "fail": int(failed.sum()),
        "share": interval.share,
        "low": interval.low,
        "high": interval.high,
        "n": int(applies.sum()),
        "not_applicable": int((status == "not applicable").sum()),
        "unscored": int((status == "unscored").sum()),
        "level": check.level,
        "about": check.about,
    }


def compare_variants(
    scores: Mapping[str, Scores],
    rows: np.ndarray,
    groups: np.ndarray | None,
    *,
    baseline: str,
    candidate: str,
    seed: int,
) -> dict[str, Any]:
    """`comparison` in results.json: the paired difference in acceptable outputs, and each check's p after Holm."""
    kept = None if groups is None else groups[rows]
    outcome = {name: _booleans(scores[name].table["acceptable"].to_numpy()[rows]) for name in (baseline, candidate)}
    result = compare(outcome[baseline], outcome[candidate], kept, seed=seed)
    checks = {}
    for check in scores[baseline].status.columns:
        both = [scores[name].status[check].to_numpy()[rows] for name in (baseline, candidate)]
        applies = np.logical_and.reduce([(s == "pass") | (s == "fail") for s in both])
        if applies.any():
            holds = [s[applies] == "pass" for s in both]
            checks[check] = compare(holds[0], holds[1], None if kept is None else kept[applies], seed=seed)
    adjusted = holm([c.p_value for c in checks.values()])
    return {
        "baseline": baseline,
        "candidate": candidate,
        **result.to_json(),
        "checks": {
            check: {**_difference(c), "p_holm": p} for (check, c), p in zip(checks.items(), adjusted, strict=True)
        },
    }


def _difference(comparison: Any) -> dict[str, float | None]:
    return {"value": comparison.difference, "low": comparison.low, "high": comparison.high}


def tokens_of(table: pl.DataFrame, rows: np.ndarray, fixed: int | None) -> dict[str, float | None]:
    """Mean tokens per request: the fixed part of the prompt, the rest of it, the answer; null where unknown."""
    means = table.filter(pl.Series(rows)).select("input_tokens", "cached_tokens", "output_tokens").mean().row(0)
    prompt, cached, output = means
    content = prompt - fixed if prompt is not None and fixed is not None else prompt
    return {"fixed": fixed, "input": content, "output": output, "cached": cached}


def speed_of(table: pl.DataFrame, rows: np.ndarray) -> dict[str, float | None]:
    """Seconds per output at the middle and at the slow end, and outputs per second; null where not measured."""
    seconds = table.filter(pl.Series(rows))["seconds"].drop_nulls()
    if not len(seconds):
        return {"p50": None, "p95": None, "per_second": None}
    total = float(seconds.sum())
    p50, p95 = seconds.quantile(0.5, "linear"), seconds.quantile(0.95, "linear")
    return {"p50": p50, "p95": p95, "per_second": len(seconds) / total if total > 0 else None}
