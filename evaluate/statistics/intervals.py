"""Intervals for one share: Wilson's, on fewer, effective items where items come in groups."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from .grouping import SHARES, Grouping, group_codes, grouped, worth_of

__all__ = ["Interval", "ShareInterval", "group_codes", "outcomes_of", "quantile", "share_ends", "share_interval"]
__all__ += ["wilson", "wilson_ends"]


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
    method: str = "Wilson's interval"

    def to_json(self) -> dict[str, Any]:
        """The keys of `quality.NAME.acceptable` in results.json, and n, n_effective, groups, method."""
        return asdict(self)


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
    low, high = wilson_ends(np.asarray(share), n, NormalDist().inv_cdf(0.5 + confidence / 2))
    return Interval(share, float(low), float(high))


def wilson_ends(
    share: np.ndarray, n: np.ndarray | float, quantile: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Both ends of Wilson's interval for shares of n > 0 items each, at this two-sided quantile."""
    square = np.square(quantile)
    centre = share + square / (2 * n)
    spread = np.sqrt(square * (share * (1 - share) / n + square / (4 * np.square(n))))
    # At 0 and 1 the ends are exactly 0 and 1; rounding would leave them a hair off.
    low = np.where(share <= 0, 0.0, (centre - spread) / (1 + square / n))
    high = np.where(share >= 1, 1.0, (centre + spread) / (1 + square / n))
    return np.clip(low, 0.0, share), np.clip(high, share, 1.0)


def share_interval(
    values: np.ndarray, groups: Sequence[Any] | np.ndarray | None = None, *, confidence: float = 0.95, seed: int = 0
) -> ShareInterval:
    """The share of true values with its interval: Wilson's, on n / design effect where items come in groups.

    `values` is boolean, or each item's mean over repeats. `groups` names each item's group; None, or a None in
    it, is a group of its own. `seed` is taken like everywhere, but nothing here is drawn by chance.
    """
    values = outcomes_of(values)
    n = len(values)
    if n == 0:
        return ShareInterval(None, None, None, 0, 0.0, None if groups is None else 0)
    grouping = grouped(groups, n)
    low, high, effective = share_ends(values, grouping, confidence=confidence)
    count = None if groups is None else len(grouping.sizes)
    method = "Wilson's interval" if grouping.alone else "Wilson's interval on n / design effect, with Student's t"
    return ShareInterval(float(values.mean()), float(low), float(high), n, float(effective), count, method)


def share_ends(
    values: np.ndarray, grouping: Grouping, *, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Both ends of the share's interval and the effective number of items, for many sets at once: `(..., items)`.

    The effective number of items and Student's t in place of the normal quantile are Korn and Graubard's way (1998,
    Survey Methodology 24, 193), here with Wilson's interval; Dean and Pagano (2015, J. Surv. Stat. Methodol. 3, 484)
    compare such intervals.
    """
    share = values.mean(axis=-1)
    middle = share[..., None] - 0.5
    # Items that are not what most are; at a half there is no "most", and every item tells.
    telling = np.where(middle > 1e-9, values < 1, np.where(middle < -1e-9, values > 0, True))
    worth = worth_of(values, telling, share * (1 - share), grouping, SHARES)
    low, high = wilson_ends(share, worth.outcomes, quantile(confidence, worth.freedom))
    return low, high, worth.independent


def quantile(confidence: float, freedom: np.ndarray) -> np.ndarray:
    """Two-sided quantile of Student's t, the normal one where the degrees of freedom are infinite."""
    normal = NormalDist().inv_cdf(0.5 + confidence / 2)
    if np.all(np.isinf(freedom)):
        return np.full(np.shape(freedom), normal)
    from scipy.special import stdtrit

    return stdtrit(np.minimum(freedom, 1e9), 0.5 + confidence / 2)


def outcomes_of(values: Any) -> np.ndarray:
    """One list of outcomes as floats.

    Raises ValueError for anything but a list of numbers from 0 to 1: an item that could not be scored has no outcome.
    """
    found = np.asarray(values, dtype=float)
    if found.ndim != 1:
        raise ValueError(f"one list of outcomes is needed, not an array of shape {found.shape}")
    wrong = np.flatnonzero(~((found >= 0) & (found <= 1)))
    if len(wrong):
        raise ValueError(
            f"outcomes are true, false or means from 0 to 1; {len(wrong)} of {len(found)} are not, "
            f"the first is {found[wrong[0]]} at {wrong[0]}: leave out items that were not scored"
        )
    return found
