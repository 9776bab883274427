"""Two variants on the same items: the difference, its interval, and the probability of it by chance."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from .intervals import (
    DIFFERENCES,
    EffectiveSize,
    Grouping,
    effective_size,
    grouped,
    outcomes_of,
    quantile,
    share_size,
    wilson_ends,
)
from .power import detectable_difference

__all__ = [
    "Comparison",
    "DifferenceEnds",
    "PValue",
    "compare",
    "difference_ends",
    "difference_size",
    "holm",
    "mcnemar_exact",
    "newcombe_ends",
    "newcombe_paired",
    "sign_flip",
]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values (Holm 1979, Scand. J. Statist. 6, 65), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


# How many groups of agreement by chance the correlation of the groups' sums allows for: with 2, no interval of
# benchmarks/coverage.md is below 90%; with 0, those of 2 to 7 groups are.
SHRINKING = 2.0
# Means over up to this many repeats are whole numbers of steps, and the test is exact.
MOST_REPEATS = 100
# A distribution whose standard deviation exceeds this many steps is computed on a coarser grid.
FINEST = 5_000
COARSE = 2_000
# Tails beyond 14 standard deviations are omitted: 1e-43 in all.
REACH = 14


class PValue(NamedTuple):
    """The exact two-sided p, and the mid-p, in which the observed outcome counts half."""

    exact: float
    mid: float


def mcnemar_exact(only_candidate: int, only_baseline: int) -> PValue:
    """Exact p of the discordant counts (McNemar 1947) and mid-p (Fagerland, Lydersen, Laake 2013); 1, 1 for none.

    >>> round(mcnemar_exact(54, 6).exact, 14)
    9.723e-11
    """
    from scipy.stats import binom

    discordant = only_candidate + only_baseline
    if discordant == 0:
        return PValue(1.0, 1.0)
    fewer = min(only_candidate, only_baseline)
    tail, point = float(binom.cdf(fewer, discordant, 0.5)), float(binom.pmf(fewer, discordant, 0.5))
    return PValue(min(1.0, 2 * tail), min(1.0, 2 * tail - point))


def sign_flip(sums: np.ndarray) -> PValue:
    """Exact p of the groups' summed differences under random signs (Fisher 1935).

    All 2^groups patterns of signs count: the sums are whole multiples (of 1/k with k repeats), and the distribution of
    their signed total is built up size by size. With single items it is the exact McNemar test. Sums without a common
    step, or with too many fine ones, are rounded to a grid of 1/2,000 of the total's standard deviation.
    """
    moved = np.asarray(sums, dtype=float)
    moved = moved[np.abs(moved) > 1e-9]
    if len(moved) == 0:
        return PValue(1.0, 1.0)
    steps = np.rint(moved * _steps_per_unit(moved)).astype(np.int64)
    sizes, counts = np.unique(np.abs(steps[steps != 0]), return_counts=True)
    chance = _distribution(sizes, counts)
    middle, seen = len(chance) // 2, abs(int(steps.sum()))
    if seen == 0:
        return PValue(1.0, 1.0)
    if seen > middle:  # beyond the computed range: Hoeffding's bound for such a tail
        return PValue(2 * math.exp(-(REACH**2) / 2), 2 * math.exp(-(REACH**2) / 2))
    tail, point = float(chance[middle + seen :].sum()), float(chance[middle + seen])
    return PValue(min(1.0, 2 * tail), min(1.0, 2 * tail - point))


def _steps_per_unit(sums: np.ndarray) -> float:
    spread = math.sqrt(float(np.sum(sums**2)))
    for steps in range(1, MOST_REPEATS + 1):
        if spread * steps > FINEST:
            break
        if np.all(np.abs(sums * steps - np.rint(sums * steps)) < 1e-6):
            return steps
    return COARSE / spread


def _distribution(sizes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Probability of each signed total, from -reach to reach: the sizes' scaled binomials, convolved."""
    spread = math.sqrt(float(np.sum(counts * sizes.astype(float) ** 2)))
    reach = int(min(np.sum(sizes * counts), math.ceil(REACH * spread)))
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        folded = np.zeros_like(chance)
        for minus, weight in _binomial(count):
            shift = size * (count - 2 * minus)
            if abs(shift) > 2 * reach:
                continue
            into, out = max(shift, 0), max(-shift, 0)
            folded[into : len(folded) - out] += weight * chance[out : len(chance) - into]
        chance = folded
    return chance


def _binomial(count: int) -> list[tuple[int, float]]:
    """Probabilities of the number of minus signs among `count`, within reach of the middle."""
    first = max(0, math.floor(count / 2 - REACH * math.sqrt(count) / 2))
    last = count - first
    whole = math.lgamma(count + 1) - count * math.log(2)
    return [(k, math.exp(whole - math.lgamma(k + 1) - math.lgamma(count - k + 1))) for k in range(first, last + 1)]


def newcombe_paired(
    both: float, only_candidate: float, only_baseline: float, neither: float, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the paired difference candidate - baseline: Newcombe 1998 (Statist. Med. 17, 2635), method 10.

    The Wilson limits of both shares are combined with the correlation phi, whose numerator is corrected for
    continuity; phi is 0 where a margin is 0. Counts may be fractions (n / design effect).

    >>> low, high = newcombe_paired(134, 54, 6, 6)
    >>> round(low, 4), round(high, 4)
    (0.1705, 0.3093)
    """
    cells = [float(cell) for cell in (both, only_candidate, only_baseline, neither)]
    if min(cells) < 0 or not sum(cells) > 0 or not math.isfinite(sum(cells)):
        raise ValueError(f"expected four counts of at least 0 and at least one pair, found {cells}")
    low, high = newcombe_ends([np.asarray(cell) for cell in cells], NormalDist().inv_cdf(0.5 + confidence / 2))
    return float(low), float(high)


def newcombe_ends(cells: Sequence[np.ndarray], quantile: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Both ends for many tables of independent items: both, only candidate, only baseline, neither; a two-sided quantile."""
    both, only_candidate, only_baseline, _ = cells
    n = sum(cells)
    shares = [np.clip((both + only) / n, 0, 1) for only in (only_baseline, only_candidate)]
    return _combined(shares, [wilson_ends(share, n, quantile) for share in shares], _phi(*cells))


def _combined(
    shares: Sequence[np.ndarray], limits: Sequence[tuple[np.ndarray, np.ndarray]], phi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the difference from the shares of baseline and candidate, their limits and their correlation."""
    (down1, up1), (down2, up2) = (
        (share - low, high - share) for share, (low, high) in zip(shares, limits, strict=True)
    )
    below = np.sqrt(np.maximum(down2**2 - 2 * phi * down2 * up1 + up1**2, 0.0))
    above = np.sqrt(np.maximum(up2**2 - 2 * phi * up2 * down1 + down1**2, 0.0))
    difference = shares[1] - shares[0]
    return np.maximum(difference - below, -1.0), np.minimum(difference + above, 1.0)


def _phi(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    # One root at a time: the product of four counts of 100,000 each would be too large.
    scale = np.sqrt(a + b) * np.sqrt(c + d) * np.sqrt(a + c) * np.sqrt(b + d)
    numerator = a * d - b * c
    numerator = np.where(numerator > 0, np.maximum(numerator - (a + b + c + d) / 2, 0.0), numerator)
    return np.divide(numerator, scale, out=np.zeros_like(scale), where=scale > 0)


@dataclass(frozen=True)
class Comparison:
    """Candidate minus baseline on the same items.

    `low` and `high` are the two-sided interval, `low_one_sided` the one-sided 95% lower end. `detectable_difference` is
    the gap from the baseline that this many items show with 80% power at the measured share of discordant pairs; None if
    no gap is wide enough. The n items count as `n_effective` independent ones.
    """

    difference: float | None
    low: float | None
    high: float | None
    low_one_sided: float | None
    p_value: float | None
    mid_p: float | None
    method: str
    both: int
    only_candidate: int
    only_baseline: int
    neither: int
    discordant_share: float | None
    detectable_difference: float | None
    n: int
    n_effective: float
    groups: int | None

    def to_json(self) -> dict[str, Any]:
        """The keys of `comparison` in results.json, without the two names."""
        keys = asdict(self)
        difference = {"value": keys.pop("difference"), "low": keys.pop("low"), "high": keys.pop("high")}
        return {"difference": difference, **keys}


def compare(
    baseline: np.ndarray,
    candidate: np.ndarray,
    groups: Sequence[Any] | np.ndarray | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two variants' outcomes on the same items, in the same order.

    Outcomes are 0 or 1, or each item's mean over repeats. The test is the exact McNemar test, or with groups or means its
    general form, the exact sign-flip test. The interval is Newcombe's method 10, with groups on n / design effect with
    Student's t. Nothing is random; `seed` is accepted for uniformity.
    """
    baseline, candidate = outcomes_of(baseline), outcomes_of(candidate)
    if baseline.shape != candidate.shape:
        raise ValueError(f"both variants need the same number of outcomes, found {len(baseline)} and {len(candidate)}")
    n = len(baseline)
    if n == 0:
        return _nothing(None if groups is None else 0)
    grouping = grouped(groups, n)
    whole = bool(np.all(np.isin(baseline, (0, 1)) & np.isin(candidate, (0, 1))))
    ends = difference_ends(baseline, candidate, grouping, confidence=confidence)
    effective = difference_size(baseline, candidate, grouping)
    chance = _chance(baseline, candidate, grouping, whole)
    both, more, less, neither = _counts(baseline, candidate)
    discordant = float(np.abs(candidate - baseline).mean())
    return Comparison(
        difference=float(np.mean(candidate - baseline)),
        low=float(ends.low),
        high=float(ends.high),
        low_one_sided=float(ends.low_one_sided),
        p_value=chance.exact,
        mid_p=chance.mid,
        method=_method(grouping, whole),
        both=both,
        only_candidate=more,
        only_baseline=less,
        neither=neither,
        discordant_share=discordant,
        # Add one pair of each kind, so that a few pairs without a discordant one do not count as "never".
        detectable_difference=detectable_difference(
            float(baseline.mean()), float(effective.outcomes), (discordant * n + 1) / (n + 2)
        ),
        n=n,
        n_effective=float(effective.independent),
        groups=None if groups is None else len(grouping.sizes),
    )


def _nothing(groups: int | None) -> Comparison:
    return Comparison(
        None, None, None, None, None, None, "nothing to compare", 0, 0, 0, 0, None, None, 0, 0.0, groups
    )  # fmt: skip


class DifferenceEnds(NamedTuple):
    """Both ends of the difference's interval, and the one-sided 95% ends."""

    low: np.ndarray
    high: np.ndarray
    low_one_sided: np.ndarray
    high_one_sided: np.ndarray


def difference_ends(
    baseline: np.ndarray,
    candidate: np.ndarray,
    grouping: Grouping,
    *,
    confidence: float = 0.95,
    copies: np.ndarray | float = 1.0,
) -> DifferenceEnds:
    """The interval of the paired difference, for many sets at once: `(..., items)`.

    Newcombe's method 10. With groups, each variant's Wilson limits are on its own effective number of items: one may fail
    in whole groups and the other in single items. The correlation is that of the groups' sums. With `copies`, the ends
    are those of a larger test set in which each group has so many like it.
    """
    both = (baseline, candidate)
    sizes = [share_size(values, grouping, copies=copies) for values in both]
    shares = [values.mean(axis=-1) for values in both]
    phi = _phi_of_sums(both, sizes, grouping, copies)
    ends: list[np.ndarray] = []
    for level in (confidence, 0.90):
        pairs = zip(shares, sizes, strict=True)
        limits = [wilson_ends(share, size.outcomes, quantile(level, size.freedom)) for share, size in pairs]
        ends += _combined(shares, limits, phi)
    return DifferenceEnds(*ends)


def _phi_of_sums(
    both: tuple[np.ndarray, np.ndarray],
    sizes: Sequence[EffectiveSize],
    grouping: Grouping,
    copies: np.ndarray | float,
) -> np.ndarray:
    """The correlation of the two shares over samples of groups: that of the groups' sums.

    With single 0/1 items it is `_phi`. The correction for continuity is half an item, in groups half of the mean group,
    and for means less by as much as they scatter less. The correlation of few groups is itself uncertain, so it is shrunk
    towards 0, which widens the interval where the variants agree.
    """
    one, other = (grouping.sums(values - values.mean(axis=-1, keepdims=True)) for values in both)
    lumpiness = np.sqrt(np.prod([size.independent / size.outcomes for size in sizes], axis=0))
    covariance, half = np.sum(one * other, axis=-1) * copies, grouping.mean_size * lumpiness / 2
    covariance = np.where(covariance > 0, np.maximum(covariance - half, 0.0), covariance)
    scale = np.sqrt(np.sum(one**2, axis=-1) * np.sum(other**2, axis=-1)) * copies
    phi = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 1e-12)
    count = len(grouping.sizes) * np.asarray(copies)
    return phi * count / (count + SHRINKING * (1 - 1 / grouping.mean_size))


def difference_size(baseline: np.ndarray, candidate: np.ndarray, grouping: Grouping) -> EffectiveSize:
    """How many independent pairs the pairs count as, by how alike the differences in a group are: `(..., items)`."""
    difference = candidate - baseline
    variance = np.mean(np.abs(difference), axis=-1) - np.mean(difference, axis=-1) ** 2
    return effective_size(difference, np.abs(difference) > 1e-9, variance, grouping, DIFFERENCES)


def _counts(baseline: np.ndarray, candidate: np.ndarray) -> tuple[int, int, int, int]:
    """The number of items for both, only the candidate, only the baseline, and neither.

    With means over repeats, an item counts for the variant with the higher mean, else by whether both reach a half.
    """
    more, less = candidate > baseline, candidate < baseline
    tied = ~more & ~less
    cells = (tied & (candidate >= 0.5), more, less, tied & (candidate < 0.5))
    both, only_candidate, only_baseline, neither = (int(cell.sum()) for cell in cells)
    return both, only_candidate, only_baseline, neither


def _chance(baseline: np.ndarray, candidate: np.ndarray, grouping: Grouping, whole: bool) -> PValue:
    difference = candidate - baseline
    if whole and grouping.alone:
        return mcnemar_exact(int(np.sum(difference > 0)), int(np.sum(difference < 0)))
    return sign_flip(grouping.sums(difference))


def _method(grouping: Grouping, whole: bool) -> str:
    interval = "Newcombe's paired interval (method 10)"
    if not grouping.alone:
        return f"exact sign-flip test over groups; {interval} on n / design effect, with Student's t"
    if not whole:
        return f"exact sign-flip test over items; {interval} on the variance of the means over repeats"
    return f"exact McNemar test; {interval}"
