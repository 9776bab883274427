"""How the drawn futures spread: bars of equal width for a chart, and the range of the value at each volume."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np

from .roi_settings import RoiSettings
from .uncertainty import Values, percentile, simulate

__all__ = ["npv_distribution", "payback_distribution", "spreads", "with_bands"]

BARS = 24  # as many as show the form of ten thousand draws without the noise of each
MOST_BARS = 1_000  # only a slip of floats would make more
# The axis ends where one draw of a hundred is left, but no farther than the reader has a use for: a saving that is
# nearly nought in some draws pays back after thousands of years in them. It reaches the target at least, so that none
# of the draws that are counted as in time lies beyond it.
TARGETS, MEDIANS = 2, 3


def spreads(
    drawn: Values, settings: RoiSettings, baseline: str, candidate: str, *, target_days: float
) -> dict[str, Any]:
    """The two distributions of `money`; None where the money cannot be told, and the payback's for a one-off batch.

    `target_days` is the likely value where a range was stated.
    """
    found = simulate(drawn, settings, baseline, candidate)
    if found is None:
        return {"payback_distribution": None, "npv_distribution": None}
    days = found.payback_days
    return {
        "payback_distribution": None if days is None else payback_distribution(days, target_days),
        "npv_distribution": npv_distribution(found.npv),
    }


def payback_distribution(days: np.ndarray, target_days: float) -> dict[str, Any]:
    """`money.payback_distribution` of the drawn payback days `(draws,)`, inf for never.

    `bins` of equal round width hold the share of draws from `from` up to but without `to`; `beyond` is the share of
    those that pay back after the last bin and `never` of those that do not: all shares add up to 1.
    """
    back = days[np.isfinite(days)]
    bins, beyond = [], 0.0
    if len(back):
        far = max(TARGETS * target_days, MEDIANS * _quantile(back, 0.5))
        end = max(min(_quantile(back, 0.99), far), min(target_days, float(back.max())))
        bins, _, beyond = _bins(back, float(back.min()), end, len(days))
    return {
        "bins": bins,
        "never": float(np.mean(~np.isfinite(days))),
        "target_days": target_days,
        "beyond": beyond,
    }


def npv_distribution(npv: np.ndarray) -> dict[str, Any]:
    """`money.npv_distribution` of the drawn values `(draws,)`: bins as for the payback, what lies below and beyond."""
    finite = npv[np.isfinite(npv)]
    if not len(finite):
        return {"bins": [], "below": float(np.mean(npv < 0)), "beyond": float(np.mean(npv > 0))}
    bins, below, beyond = _bins(finite, _quantile(finite, 0.005), _quantile(finite, 0.995), len(npv))
    return {
        "bins": bins,
        "below": below + float(np.mean(npv == -np.inf)),
        "beyond": beyond + float(np.mean(npv == np.inf)),
    }


def with_bands(
    curve: Sequence[Mapping[str, Any]], drawn: Values, settings: RoiSettings, baseline: str, candidate: str
) -> list[dict[str, Any]]:
    """The volume curve with the 5th and 95th percentile of the value where the volume is certain and all else is drawn."""
    rows = []
    for row in curve:
        volume = np.array([float(row["requests_per_day"])])
        found = simulate({**drawn, "requests_per_day": volume}, settings, baseline, candidate)
        ends = [None, None] if found is None else [percentile(found.npv, p) for p in (5, 95)]
        rows.append({**row, "npv_p5": ends[0], "npv_p95": ends[1]})
    return rows


def _bins(values: np.ndarray, low: float, high: float, draws: int) -> tuple[list[dict[str, float]], float, float]:
    """Bins over low to high with the shares of all `draws`, the share below them and the share beyond them."""
    edges = _edges(low, high)
    if len(edges) == 1:  # one value alone: a bin without width
        counts = [int(np.sum(values == edges[0]))]
        below, beyond = int(np.sum(values < edges[0])), int(np.sum(values > edges[0]))
        edges = edges * 2
    else:
        places = np.searchsorted(edges, values, side="right")
        found = np.bincount(places, minlength=len(edges) + 1)
        counts, below, beyond = found[1:-1].tolist(), int(found[0]), int(found[-1])
    bins = [
        {"from": start, "to": end, "share": count / draws}
        for (start, end), count in zip(pairwise(edges), counts, strict=True)
    ]
    return bins, below / draws, beyond / draws


def _edges(low: float, high: float) -> list[float]:
    """Multiples of a round step (1, 2, 2.5 or 5 times a power of ten) around low to high, the last above high."""
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-280):
        return [low]
    rough = (high - low) / BARS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    exact = Decimal(f"{step:.3g}")  # so that 3 x 0.1 is 0.3
    first, last = math.floor(low / step), math.floor(high / step) + 1
    first -= float(first * exact) > low  # 0.95 / 0.05 is a little below 19
    last += float(last * exact) <= high
    return [float(index * exact) for index in range(first, min(last, first + MOST_BARS) + 1)]


def _quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share, method="inverted_cdf"))
