"""Intervals for one share: Wilson's, on an effective number of items if items come in groups."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np


class Prior(NamedTuple):
    """The prior for the intra-group correlation: its mean, and 1 / its variance."""

    mean: float
    precision: float


# Anything from 0 to 1 is equally likely: the mean and the precision of the uniform distribution.
SHARES = Prior(1 / 2, 12.0)
# A group that is hard for one variant is usually hard for the other: the differences correlate less.
DIFFERENCES = Prior(0.3, 10.0)
# The weight, in items, of the prior (means over repeats scatter like single outcomes) against the observed scatter.
REPEATS_WEIGHT = 1.0


class Repeating(str):
    """The name of a group, for an item whose `request` others in the group repeat: all of these count as one item."""

    request: Any

    def __new__(cls, name: str, request: Any) -> "Repeating":
        """The name with its request."""
        label = super().__new__(cls, name)
        label.request = request
        return label


@dataclass(frozen=True)
class Grouping:
    """`sizes` of the groups `(groups,)`; `order` sorts the items by group; `starts` are the groups' first positions;
    `repeats` is the mean number of items with the request of an item, 1 if none is repeated."""

    sizes: np.ndarray
    order: np.ndarray
    starts: np.ndarray
    repeats: float = 1.0

    @property
    def items(self) -> int:
        """The number of items."""
        return len(self.order)

    @property
    def alone(self) -> bool:
        """Whether every item is a group of its own."""
        return len(self.sizes) == len(self.order)

    @property
    def mean_size(self) -> float:
        """The mean size of an item's group; 1 if every item is alone."""
        return float(np.sum(self.sizes**2)) / self.items

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Each group's sum: `(..., items)` to `(..., groups)`."""
        return values if self.alone else np.add.reduceat(values[..., self.order], self.starts, axis=-1)


class EffectiveSize(NamedTuple):
    """The effective sizes of some items, as `independent` items with the same scatter and as single 0/1 `outcomes`; and
    their precision in degrees of freedom (infinite without groups)."""

    independent: np.ndarray
    outcomes: np.ndarray
    freedom: np.ndarray


def group_codes(groups: Sequence[Any] | np.ndarray | None, n: int) -> tuple[np.ndarray, int]:
    """Each item's group as a number from 0, and the number of groups; None or NaN is a group of its own."""
    if groups is None:
        return np.arange(n), n
    if len(groups) != n:
        raise ValueError(f"{len(groups)} groups for {n} items")
    seen: dict[Any, int] = {}
    # NaN is the only value that differs from itself, whatever the float type.
    keys = (("none", i) if group is None or group != group else ("group", group) for i, group in enumerate(groups))
    codes = np.fromiter((seen.setdefault(key, len(seen)) for key in keys), dtype=np.int64, count=n)
    return codes, len(seen)


def grouped(groups: Sequence[Any] | np.ndarray | None, n: int) -> Grouping:
    """The items' groups in the form used by the statistics."""
    codes, count = group_codes(groups, n)
    sizes = np.bincount(codes, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    requests = Counter(group.request for group in groups if isinstance(group, Repeating)) if groups is not None else {}
    more = sum(count * (count - 1) for count in requests.values())
    return Grouping(sizes.astype(float), np.argsort(codes, kind="stable"), starts, 1 + more / max(n, 1))


def effective_size(
    values: np.ndarray,
    informative: np.ndarray,
    variance: np.ndarray,
    grouping: Grouping,
    prior: Prior,
    *,
    copies: np.ndarray | float = 1.0,
) -> EffectiveSize:
    """The number of independent items that `values` `(..., items)` equal: n / (1 + rho (sum(size^2) / n - 1)).

    rho, the intra-group correlation, is the analysis of variance's (Donner 1986, Int. Statist. Rev. 54, 67), shrunk
    towards the prior by the precision of both: an estimate from two groups, or from two failures, is weak.
    `informative` marks the items that differ from the majority; a group without any holds no information about rho.
    `variance` is that of single 0/1 outcomes with the same mean; means over repeats scatter less and count for more.
    With `copies`, the sizes are those of a larger test set in which each group has so many like it. That a repeated request
    counts once is known, whatever rho is.
    """
    n = grouping.items * np.asarray(copies, dtype=float)
    informed = np.sum(informative, axis=-1) * copies
    if grouping.alone:
        shrunk = _scatter(values, informed, variance)
        independent = np.broadcast_to(n, shrunk.shape).astype(float)
        return EffectiveSize(independent, n / shrunk, np.full_like(independent, np.inf))
    rho, precision = _correlation(values, informative, grouping, prior, copies)
    effect = np.maximum(1 + rho * (grouping.mean_size - 1), grouping.repeats)
    shrunk = _scatter(values, informed / effect, variance)
    # Satterthwaite: only the part of the design effect above 1 is estimated, with this precision.
    freedom = precision * (effect / np.maximum(effect - 1, 1e-12)) ** 2
    return EffectiveSize(n / effect, n / (effect * shrunk), freedom)


def _scatter(values: np.ndarray, informed: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The items' variance as a share of that of 0/1 outcomes, shrunk towards 1 if few of them (`informed`) inform."""
    scatter = np.mean(values**2, axis=-1) - np.mean(values, axis=-1) ** 2
    ratio = np.divide(scatter, variance, out=np.ones_like(scatter), where=variance > 1e-12)
    return (informed * np.clip(ratio, 0.0, 1.0) + REPEATS_WEIGHT) / (informed + REPEATS_WEIGHT)


def _correlation(
    values: np.ndarray, informative: np.ndarray, grouping: Grouping, prior: Prior, copies: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The intra-group correlation, weighting estimate and prior by their precision, and the precision of both."""
    sizes, count = grouping.sizes, len(grouping.sizes)
    if count == 1:  # without information about the correlation, all items may count as one
        return np.ones(values.shape[:-1]), np.full(values.shape[:-1], prior.precision)
    estimate, known = _anova(values, grouping)
    # 1 / variance of the estimate from one group, at rho = 1/2 (Donner 1986): 1.8 for a pair, 8 at most.
    precisions = 8 * sizes * (sizes - 1) / (sizes + 1) ** 2
    precision = np.where(known, (grouping.sums(informative.astype(float)) > 0) @ precisions, 0.0) * copies
    both = precision + prior.precision
    return (precision * estimate + prior.precision * prior.mean) / both, both


def _anova(values: np.ndarray, grouping: Grouping) -> tuple[np.ndarray, np.ndarray]:
    """The intra-group correlation by analysis of variance, 0 to 1; and where there is variance to estimate it from."""
    sizes, n, count = grouping.sizes, grouping.items, len(grouping.sizes)
    centred = values - values.mean(axis=-1, keepdims=True)
    explained = np.sum(grouping.sums(centred) ** 2 / sizes, axis=-1)
    total = np.sum(centred**2, axis=-1)
    between, within = explained / (count - 1), np.maximum(total - explained, 0.0) / (n - count)
    size = (n - float(np.sum(sizes**2)) / n) / (count - 1)
    whole = between + (size - 1) * within
    known = (total > 1e-12 * n) & (whole > 1e-12)
    rho = np.divide(between - within, whole, out=np.zeros_like(whole), where=known)
    return np.clip(rho, 0.0, 1.0), known


@dataclass(frozen=True)
class Interval:
    """A share with the two ends of its interval; all None if there are no items."""

    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ShareInterval(Interval):
    """The same with its basis: `n` items, `n_effective` independent ones, in `groups` groups."""

    n: int
    n_effective: float
    groups: int | None
    method: str = "Wilson's interval"

    def to_json(self) -> dict[str, Any]:
        """The keys of `quality.NAME.acceptable` in results.json, and n, n_effective, groups, method."""
        return asdict(self)


def wilson(successes: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval (Wilson 1927, without continuity correction); all None for n = 0.

    Counts may be fractions, as effective numbers of items and means of repeats are.

    >>> interval = wilson(47, 50)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.838, 0.979)
    """
    if n <= 0:
        return Interval(None, None, None)
    if not -1e-9 <= successes <= n * (1 + 1e-9):
        raise ValueError(f"{successes} successes out of {n} are not possible")
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
    # At 0 and 1 the ends are exactly 0 and 1; rounding would put them slightly off.
    low = np.where(share <= 0, 0.0, (centre - spread) / (1 + square / n))
    high = np.where(share >= 1, 1.0, (centre + spread) / (1 + square / n))
    return np.clip(low, 0.0, share), np.clip(high, share, 1.0)


def share_interval(
    values: np.ndarray, groups: Sequence[Any] | np.ndarray | None = None, *, confidence: float = 0.95, seed: int = 0
) -> ShareInterval:
    """The share of true values with its interval: Wilson's, on n / design effect if items come in groups.

    `values` is boolean, or each item's mean over repeats. `groups` names each item's group; without it, or for a None in
    it, an item is a group of its own. `seed` is accepted for uniformity, but nothing here is random.
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

    The effective number of items and Student's t in place of the normal quantile follow Korn and Graubard (1998, Survey
    Methodology 24, 193), here with Wilson's interval; Dean and Pagano (2015, J. Surv. Stat. Methodol. 3, 484) compare
    such intervals.
    """
    effective = share_size(values, grouping)
    low, high = wilson_ends(values.mean(axis=-1), effective.outcomes, quantile(confidence, effective.freedom))
    return low, high, effective.independent


def share_size(values: np.ndarray, grouping: Grouping, *, copies: np.ndarray | float = 1.0) -> EffectiveSize:
    """The effective size of the items for their share; `copies` as in `effective_size`."""
    share = values.mean(axis=-1)
    middle = share[..., None] - 0.5
    # Items that differ from the majority; at one half there is no majority, and every item is informative.
    informative = np.where(middle > 1e-9, values < 1, np.where(middle < -1e-9, values > 0, True))
    return effective_size(values, informative, share * (1 - share), grouping, SHARES, copies=copies)


def quantile(confidence: float, freedom: np.ndarray) -> np.ndarray:
    """Two-sided quantile of Student's t, or the normal one if the degrees of freedom are infinite."""
    normal = NormalDist().inv_cdf(0.5 + confidence / 2)
    if np.all(np.isinf(freedom)):
        return np.full(np.shape(freedom), normal)
    from scipy.special import stdtrit

    return stdtrit(np.minimum(freedom, 1e9), 0.5 + confidence / 2)


def outcomes_of(values: Any) -> np.ndarray:
    """One list of outcomes as floats.

    Raises ValueError for anything but a list of numbers from 0 to 1: an item that could not be scored has no outcome.
    """
    outcomes = np.asarray(values, dtype=float)
    if outcomes.ndim != 1:
        raise ValueError(f"expected a list of outcomes, found an array of shape {outcomes.shape}")
    wrong = np.flatnonzero(~((outcomes >= 0) & (outcomes <= 1)))
    if len(wrong):
        raise ValueError(
            f"expected outcomes that are true, false or means from 0 to 1; {len(wrong)} of {len(outcomes)} are not, "
            f"the first is {outcomes[wrong[0]]} at {wrong[0]}; drop items that were not scored"
        )
    return outcomes


class MeanInterval(NamedTuple):
    """A mean with its interval, over `n` values; without ends for fewer than two groups."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


def mean_interval(
    values: np.ndarray, groups: Sequence[Any] | np.ndarray | None = None, *, confidence: float = 0.95
) -> MeanInterval:
    """The mean of the values that are not NaN: Student's interval, by group if there are groups.

    The standard error is the linearised one of a mean over clusters, with G/(G - 1) (Cochran 1977, 11.2), and G - 1
    degrees of freedom; without groups it is the usual one. Fewer than two groups have no ends.
    """
    values = np.asarray(values, dtype=float)
    known = ~np.isnan(values)
    n = int(known.sum())
    if n == 0:
        return MeanInterval(None, None, None, 0)
    codes, _ = group_codes(groups, len(values))
    values, codes = values[known], np.unique(codes[known], return_inverse=True)[1]
    count, mean = int(codes.max()) + 1, float(values.mean())
    if count < 2:
        return MeanInterval(mean, None, None, n)
    from scipy.special import stdtrit  # Student's quantile without importing scipy.stats, which takes half a second

    sums = np.bincount(codes, weights=values - mean)
    error = math.sqrt(count / (count - 1) * float(np.sum(sums**2))) / n
    reach = float(stdtrit(count - 1, 0.5 + confidence / 2)) * error
    return MeanInterval(mean, mean - reach, mean + reach, n)
