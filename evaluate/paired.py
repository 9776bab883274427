"""Two variants on the same items: the difference, its interval, and how likely chance alone would give it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from .intervals import effective_size, group_codes, normal_quantile, wilson

__all__ = ["Comparison", "compare", "holm", "newcombe_paired", "pairs_needed"]

DRAWS = 10_000
# Below this many groups the bootstrap over groups is too narrow, so a score interval on n / deff takes its place.
FEWEST_GROUPS = 20
# Up to this many groups that differ, every pattern of signs is tried: 2^14 of them.
ENUMERATED_GROUPS = 14


@dataclass(frozen=True)
class Comparison:
    """Candidate minus baseline on the same items.

    `low` and `high` are the two-sided interval, `low_one_sided` the one-sided 95 % lower end. `detectable_difference`
    is the gap from the baseline that so many items show in four of five tests; None where no gap is wide enough.
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

    Outcomes are 0 or 1, or each item's mean over repeats. Items alone: exact McNemar test and Newcombe's method 10.
    Items in groups: bootstrap over groups and sign-flip permutation over groups; with fewer than 20 groups or no
    discordant pair, Newcombe's method 10 on n / design effect.
    """
    baseline, candidate = np.asarray(baseline, dtype=float), np.asarray(candidate, dtype=float)
    if baseline.shape != candidate.shape or baseline.ndim != 1:
        raise ValueError(f"two lists of outcomes of one length are needed, not {baseline.shape} and {candidate.shape}")
    n = len(baseline)
    codes, count = group_codes(groups, n)
    if n == 0:
        nothing = _Outcome((None, None, None), None, None, "nothing to compare")
        return _comparison(nothing, None, (0, 0, 0, 0), None, 0, 0.0, None if groups is None else 0)
    cells, whole = _cells(baseline, candidate)
    effective = effective_size(candidate - baseline, codes)
    if whole and count == n:
        outcome = _alone(cells, confidence)
    else:
        outcome = _grouped(baseline, candidate, codes, cells, effective, confidence, seed, whole)
    detectable = detectable_difference(float(baseline.mean()), effective)
    mean = float(np.mean(candidate - baseline))
    return _comparison(outcome, mean, cells, detectable, n, effective, None if groups is None else count)


class _Outcome(NamedTuple):
    """What a method says: low, high and one-sided low end, p, mid-p, and its name."""

    ends: tuple[float | None, float | None, float | None]
    p_value: float | None
    mid_p: float | None
    method: str


def _comparison(
    outcome: _Outcome, mean: float | None, cells: Sequence[float], detectable: float | None, n: int, effective: float,
    groups: int | None,
) -> Comparison:  # fmt: skip
    low, high, low_one_sided = outcome.ends
    both, only_candidate, only_baseline, neither = (int(cell) for cell in cells)
    return Comparison(
        difference=mean,
        low=low,
        high=high,
        low_one_sided=low_one_sided,
        p_value=outcome.p_value,
        mid_p=outcome.mid_p,
        method=outcome.method,
        both=both,
        only_candidate=only_candidate,
        only_baseline=only_baseline,
        neither=neither,
        detectable_difference=detectable,
        n=n,
        n_effective=effective,
        groups=groups,
    )


def _cells(baseline: np.ndarray, candidate: np.ndarray) -> tuple[tuple[float, ...], bool]:
    """Counts both, only candidate, only baseline, neither; and whether every outcome is 0 or 1.

    With means over repeats, an item counts for the variant with the higher mean, else by whether both reach a half.
    """
    whole = bool(np.all((baseline == 0) | (baseline == 1)) and np.all((candidate == 0) | (candidate == 1)))
    more, less = candidate > baseline, candidate < baseline
    tied = ~more & ~less
    cells = (tied & (candidate >= 0.5), more, less, tied & (candidate < 0.5))
    return tuple(float(np.sum(cell)) for cell in cells), whole


def _alone(cells: tuple[float, ...], confidence: float) -> _Outcome:
    low, high = newcombe_paired(*cells, confidence=confidence)
    low_one_sided, _ = newcombe_paired(*cells, confidence=0.90)
    p_value, mid_p = mcnemar_exact(int(cells[1]), int(cells[2]))
    method = "exact McNemar test; Newcombe's paired interval (method 10)"
    return _Outcome((low, high, low_one_sided), p_value, mid_p, method)


def _grouped(
    baseline: np.ndarray, candidate: np.ndarray, codes: np.ndarray, cells: tuple[float, ...], effective: float,
    confidence: float, seed: int, whole: bool,
) -> _Outcome:  # fmt: skip
    difference = candidate - baseline
    sums, sizes = np.bincount(codes, weights=difference), np.bincount(codes).astype(float)
    p_value = sign_flip(sums, seed=seed)
    test = "sign-flip permutation over groups" if len(sizes) < len(codes) else "sign-flip permutation over items"
    if len(sizes) < FEWEST_GROUPS or not np.any(difference):
        # With means over repeats the four expected counts stand in for the four cells.
        table = cells if whole else _expected_cells(baseline, candidate)
        scaled = tuple(cell * effective / len(codes) for cell in table)
        low, high = newcombe_paired(*scaled, confidence=confidence)
        low_one_sided, _ = newcombe_paired(*scaled, confidence=0.90)
        method = f"{test}; Newcombe's paired interval on n / design effect"
        return _Outcome((low, high, low_one_sided), p_value, None, method)
    means = _bootstrap(sums, sizes, seed=seed)
    low, high = _expanded_percentiles(means, confidence, len(sizes))
    low_one_sided, _ = _expanded_percentiles(means, 0.90, len(sizes))
    what = "groups" if len(sizes) < len(codes) else "items"
    return _Outcome((low, high, low_one_sided), p_value, None, f"{test}; bootstrap over {what}")


def _expected_cells(baseline: np.ndarray, candidate: np.ndarray) -> tuple[float, ...]:
    return (
        float(np.sum(np.minimum(baseline, candidate))),
        float(np.sum(np.maximum(candidate - baseline, 0))),
        float(np.sum(np.maximum(baseline - candidate, 0))),
        float(np.sum(1 - np.maximum(baseline, candidate))),
    )


def mcnemar_exact(only_candidate: int, only_baseline: int) -> tuple[float, float]:
    """Two-sided exact p of the discordant counts and its mid-p (Fagerland, Lydersen and Laake 2013); 1, 1 for none."""
    from scipy.stats import binom

    discordant = only_candidate + only_baseline
    if discordant == 0:
        return 1.0, 1.0
    fewer = min(only_candidate, only_baseline)
    tail, point = float(binom.cdf(fewer, discordant, 0.5)), float(binom.pmf(fewer, discordant, 0.5))
    return min(1.0, 2 * tail), min(1.0, 2 * tail - point)


def newcombe_paired(
    both: float, only_candidate: float, only_baseline: float, neither: float, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the paired difference candidate - baseline: Newcombe 1998 (Statist. Med. 17, 2635), method 10.

    The Wilson limits of both shares are combined with the correlation phi, whose numerator is corrected for
    continuity; phi is 0 where a margin is 0. Counts may be fractions (n / design effect).
    """
    n = both + only_candidate + only_baseline + neither
    first, down1, up1 = _reach(both + only_candidate, n, confidence)
    second, down2, up2 = _reach(both + only_baseline, n, confidence)
    phi = _phi(both, only_candidate, only_baseline, neither)
    difference = first - second
    below = math.sqrt(max(down1**2 - 2 * phi * down1 * up2 + up2**2, 0.0))
    above = math.sqrt(max(up1**2 - 2 * phi * up1 * down2 + down2**2, 0.0))
    return difference - below, difference + above


def _reach(successes: float, n: float, confidence: float) -> tuple[float, float, float]:
    """A share and how far its Wilson interval reaches down and up."""
    interval = wilson(successes, n, confidence=confidence)
    if interval.share is None or interval.low is None or interval.high is None:
        raise ValueError("an interval needs at least one pair")
    return interval.share, interval.share - interval.low, interval.high - interval.share


def _phi(a: float, b: float, c: float, d: float) -> float:
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins <= 0:
        return 0.0
    numerator = a * d - b * c
    if numerator > 0:
        numerator = max(numerator - (a + b + c + d) / 2, 0.0)
    return numerator / math.sqrt(margins)


def sign_flip(sums: np.ndarray, *, seed: int = 0, draws: int = DRAWS) -> float:
    """Two-sided p of the groups' summed differences when each could as well have had the other sign.

    Every pattern of signs is tried where few groups differ; else `draws` random ones, the observed one among them.
    """
    moved = sums[np.abs(sums) > 1e-12]
    if len(moved) == 0:
        return 1.0
    observed = abs(float(moved.sum())) - 1e-9
    if len(moved) <= ENUMERATED_GROUPS:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(moved))))
        return float(np.mean(np.abs(signs @ moved) >= observed))
    rng = np.random.default_rng(seed)
    reached = 0
    for start in range(0, draws, 1000):  # in parts, so that memory stays small for many groups
        signs = rng.integers(0, 2, (min(1000, draws - start), len(moved))) * 2.0 - 1.0
        reached += int(np.sum(np.abs(signs @ moved) >= observed))
    return (reached + 1) / (draws + 1)


def _bootstrap(sums: np.ndarray, sizes: np.ndarray, *, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Means of the difference over resampled groups: each draw's summed difference over its summed sizes."""
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, draws, 1000):
        chosen = rng.integers(0, len(sums), (min(1000, draws - start), len(sums)))
        parts.append(sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))
    return np.concatenate(parts)


def _expanded_percentiles(means: np.ndarray, confidence: float, groups: int) -> tuple[float, float]:
    """Percentile interval, widened for few groups (Hesterberg 2015, The American Statistician 69, section 3.3)."""
    from scipy.stats import t

    tail = NormalDist().cdf(-math.sqrt(groups / (groups - 1)) * float(t.ppf(0.5 + confidence / 2, groups - 1)))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def pairs_needed(
    p_baseline: float,
    difference: float,
    discordant_share: float | None = None,
    *,
    power: float = 0.8,
    confidence: float = 0.95,
    correlation: float = 0.0,
) -> int | None:
    """Pairs that show a difference this large with this power (Connor 1987); None for no difference or beyond 0..1.

    Without `discordant_share` it follows from both shares and their correlation, 0 where unknown (the cautious end).

    >>> pairs_needed(0.70, 0.24), pairs_needed(0.70, 0.24, power=0.9)
    (42, 55)
    """
    needed = _connor(p_baseline, difference, discordant_share, power, confidence, correlation)
    return None if needed is None else math.ceil(needed - 1e-9)


def _connor(
    p_baseline: float, difference: float, share: float | None, power: float, confidence: float, correlation: float
) -> float | None:
    other = p_baseline + difference
    if difference == 0 or not -1e-12 <= other <= 1 + 1e-12:
        return None
    if share is None:
        together = correlation * math.sqrt(max(p_baseline * (1 - p_baseline) * other * (1 - other), 0.0))
        share = p_baseline * (1 - other) + other * (1 - p_baseline) - 2 * together
    if share < abs(difference) - 1e-12:
        raise ValueError(f"a difference of {difference} needs at least that share of discordant pairs, not {share}")
    spread = math.sqrt(max(share - difference**2, 0.0))
    root = normal_quantile(confidence) * math.sqrt(share) + NormalDist().inv_cdf(power) * spread
    return (root / difference) ** 2


def detectable_difference(p_baseline: float, n: float) -> float | None:
    """The smallest gap from `p_baseline` that n pairs show in four of five tests, upwards or else downwards.

    The correlation is taken as unknown (0). None where even the widest gap needs more pairs.
    """
    for end in (1 - p_baseline, -p_baseline):
        needed = _connor(p_baseline, end, None, 0.8, 0.95, 0.0) if abs(end) > 1e-9 else None
        if needed is None or needed > n:
            continue
        near, far = 0.0, 1.0
        for _ in range(60):  # the number needed falls as the gap grows: halve until it is n
            middle = (near + far) / 2
            at = _connor(p_baseline, end * middle, None, 0.8, 0.95, 0.0)
            near, far = (middle, far) if at is None or at > n else (near, middle)
        return abs(end) * far
    return None


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values (Holm 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
