"""Two variants on the same items: the difference, its interval, and the probability of it by chance."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from .difference import difference_ends, difference_size
from .intervals import Grouping, grouped, outcomes_of
from .power import detectable_difference


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


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values for the false discovery rate (Benjamini and Hochberg 1995), in the order given.

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    count = len(p_values)
    adjusted, lowest = [0.0] * count, 1.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: -p_values[i])):
        lowest = min(lowest, p_values[index] * count / (count - rank))
        adjusted[index] = lowest
    return adjusted


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
    general form, the exact sign-flip test. The interval is Newcombe's method 10; with groups each variant's limits are on
    its own n / design effect, with Student's t. Nothing is random; `seed` is accepted for uniformity.
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


def significant(low: float | None, high: float | None, p_value: float | None) -> bool:
    """Whether a difference may be called statistically significant: by its interval and by the test.

    With few groups the interval can exclude 0 where the test cannot reach p < 0.05: 4 groups have 16 patterns of signs,
    so p is 0.125 at least.

    >>> significant(0.04, 0.31, 0.125), significant(0.04, 0.31, 0.016)
    (False, True)
    """
    if low is None or high is None or p_value is None:
        return False
    return (low > 0 or high < 0) and p_value < 0.05


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
        return f"exact sign-flip test over groups; {interval} on each variant's n / design effect, with Student's t"
    if not whole:
        return f"exact sign-flip test over items; {interval} on the variance of the means over repeats"
    return f"exact McNemar test; {interval}"
