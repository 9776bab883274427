"""Intervals for one share: Wilson, and Wilson on fewer, effective items where items come in groups."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

__all__ = ["Interval", "ShareInterval", "effective_size", "group_codes", "share_interval", "wilson"]


@dataclass(frozen=True)
class Interval:
    """A share with the two ends of its interval; all None where there is nothing to count."""

    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ShareInterval(Interval):
    """The same with what it rests on: `n` items, worth `n_effective` independent ones, in `groups` groups."""

    n: int
    n_effective: float
    groups: int | None

    def to_json(self) -> dict[str, Any]:
        """The keys of `quality.NAME.acceptable` in results.json, and n, n_effective, groups."""
        return asdict(self)


def normal_quantile(confidence: float) -> float:
    """Two-sided normal quantile: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval (Wilson 1927, without continuity correction); all None for n = 0.

    Counts may be fractions: effective numbers of items and means of repeats are.

    >>> interval = wilson(47, 50)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.838, 0.979)
    """
    if n <= 0:
        return Interval(None, None, None)
    if not -1e-9 <= successes <= n * (1 + 1e-9):
        raise ValueError(f"{successes} successes of {n} are not possible")
    share = min(max(successes / n, 0.0), 1.0)
    z2 = normal_quantile(confidence) ** 2
    centre = share + z2 / (2 * n)
    spread = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    # At 0 and 1 the ends are exactly 0 and 1; rounding would leave them a hair off.
    low = 0.0 if share == 0 else (centre - spread) / (1 + z2 / n)
    high = 1.0 if share == 1 else (centre + spread) / (1 + z2 / n)
    return Interval(share, max(low, 0.0), min(high, 1.0))


def share_interval(
    values: np.ndarray, groups: Sequence[Any] | np.ndarray | None = None, *, confidence: float = 0.95, seed: int = 0
) -> ShareInterval:
    """The share of true values with its 95 % interval: Wilson, on n / design effect where items come in groups.

    `values` is boolean, or each item's mean over repeats. `groups` names each item's group; None, or a None in
    it, is a group of its own. `seed` is taken like everywhere, but nothing here is drawn by chance.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return ShareInterval(None, None, None, 0, 0.0, None if groups is None else 0)
    codes, count = group_codes(groups, n)
    effective = effective_size(values, codes)
    interval = wilson(float(values.mean()) * effective, effective, confidence=confidence)
    return ShareInterval(
        float(values.mean()), interval.low, interval.high, n, effective, None if groups is None else count
    )


def group_codes(groups: Sequence[Any] | np.ndarray | None, n: int) -> tuple[np.ndarray, int]:
    """Each item's group as a number from 0, and how many groups there are; no group = a group of its own."""
    if groups is None:
        return np.arange(n), n
    if len(groups) != n:
        raise ValueError(f"{len(groups)} groups for {n} items")
    seen: dict[Any, int] = {}
    keys = [("none", i) if _no_group(group) else ("group", group) for i, group in enumerate(groups)]
    codes = np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)
    return codes, len(seen)


def effective_size(values: np.ndarray, codes: np.ndarray) -> float:
    """How many independent items the grouped `values` are worth: n / design effect, at most n.

    The design effect compares the variance of the mean between groups (linearised, with G/(G - 1)) to that of
    independent items (Kish 1965). Where all values are equal nothing can be learnt about how alike the items of
    a group are; then each group counts as one item, weighted by size: n^2 / sum(size^2), the cautious end.
    """
    n = len(values)
    sizes = np.bincount(codes).astype(float)
    if n == 0 or len(sizes) == n:
        return float(n)
    alone = float(n * n / np.sum(sizes**2))
    centred = values - values.mean()
    independent = float(np.sum(centred**2))
    if len(sizes) == 1 or independent <= 1e-12 * n:
        return alone
    between = float(np.sum(np.bincount(codes, weights=centred) ** 2)) * len(sizes) / (len(sizes) - 1)
    return n / max(between / independent, 1.0)


def _no_group(group: Any) -> bool:
    return group is None or (isinstance(group, float) and math.isnan(group))
