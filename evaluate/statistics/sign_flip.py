"""How likely chance alone gives a difference this large: exact tests of paired outcomes, single or in groups."""

import math
from typing import NamedTuple

import numpy as np

__all__ = ["PValue", "mcnemar_exact", "sign_flip"]

# Means over up to so many repeats are whole numbers of steps, and the test is exact.
MOST_REPEATS = 100
# A distribution wider than this many steps (its standard deviation) is counted on a coarser grid.
FINEST = 5_000
COARSE = 2_000
# Tails beyond 14 standard deviations are left out: 1e-43 in all.
REACH = 14


class PValue(NamedTuple):
    """The exact two-sided p, and the mid-p, in which the outcome that was seen counts half."""

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
    """Exact p of the groups' summed differences when each could as well have had the other sign (Fisher 1935).

    All 2^groups patterns of signs are counted: the sums are whole numbers (of 1/k with k repeats), and the distribution
    of their signed total is built up size by size. With single items it is the exact McNemar test. Sums of no common
    step, or too many fine ones, are rounded to a grid of a 2,000th of the total's standard deviation.
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
    if seen > middle:  # beyond all that was counted: Hoeffding's bound of such a tail
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
    """Chance of each signed total, from -reach to reach: the sizes' scaled binomials, folded one into the other."""
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
    """How many of `count` signs are minus, with its chance, within reach of the middle."""
    first = max(0, math.floor(count / 2 - REACH * math.sqrt(count) / 2))
    last = count - first
    whole = math.lgamma(count + 1) - count * math.log(2)
    return [(k, math.exp(whole - math.lgamma(k + 1) - math.lgamma(count - k + 1))) for k in range(first, last + 1)]
