"""Made outcomes with a known truth: shares, groups, how alike their items are, how alike two variants are."""

from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

__all__ = ["LAYOUTS", "paired_outcomes", "share_outcomes", "sizes_of"]

# Group sizes, repeated until the items are used up. A catalogue: a few long families beside many single parts.
LAYOUTS = {
    "alone": (1,),
    "groups of 2": (2,),
    "groups of 5": (5,),
    "groups of 10": (10,),
    "groups of 30": (30,),
    "catalogue": (30, 1, 1, 1, 12, 1, 1, 6, 1, 1, 3, 1, 2, 1, 1),
    "one of 30": (30,) + (1,) * 999,
}
NEW_EACH_TIME = 0.4  # of an item's own part, where it is repeated


def sizes_of(layout: str, n: int) -> np.ndarray:
    """The group sizes of n items; the last group takes what is left."""
    sizes: list[int] = []
    while sum(sizes) < n:
        sizes.append(min(LAYOUTS[layout][len(sizes) % len(LAYOUTS[layout])], n - sum(sizes)))
    return np.array(sizes)


def share_outcomes(
    rng: np.random.Generator, sets: int, sizes: np.ndarray, *, share: float, rho: float, repeats: int = 1
) -> np.ndarray:
    """Item outcomes `(sets, items)`, beta-binomial: a group's chance is drawn with intra-group correlation rho.

    With repeats each item has its own chance, half as far from its group's as groups are from each other or more,
    and the outcome is its mean.
    """
    chance = np.repeat(_beta(rng, np.full((sets, len(sizes)), share), rho), sizes, axis=1)
    if repeats == 1:
        return (rng.random(chance.shape) < chance).astype(float)
    return rng.binomial(repeats, _beta(rng, chance, 0.4)) / repeats


def _beta(rng: np.random.Generator, mean: np.ndarray, rho: float) -> np.ndarray:
    if rho == 0:
        return mean
    weight = 1 / rho - 1
    return rng.beta(np.maximum(mean * weight, 1e-9), np.maximum((1 - mean) * weight, 1e-9))


def paired_outcomes(
    rng: np.random.Generator, sets: int, sizes: np.ndarray, *, shares: tuple[float, float], rho: tuple[float, float],
    correlation: float, repeats: int = 1,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Outcomes of two variants on the same items, `(sets, items)` each.

    A normal deviate per group and per item, correlated between the variants (both have the group's and the item's
    difficulty), and a threshold that gives each variant exactly its share; the groups' part is such that outcomes of
    one variant in one group correlate by its rho.
    """
    n, outcomes = int(sizes.sum()), []
    groups, items = (_twice(rng, (sets, width), correlation) for width in (len(sizes), n))
    for share, own_rho, group, item in zip(shares, rho, groups, items, strict=True):
        part = _latent(share, own_rho)
        common = np.sqrt(part) * np.repeat(group, sizes, axis=1)
        drawn = [_own(rng, item, repeats) for _ in range(repeats)]
        reached = [common + np.sqrt(1 - part) * own < norm.ppf(share) for own in drawn]
        outcomes.append(np.mean(reached, axis=0) if repeats > 1 else reached[0].astype(float))
    return outcomes[0], outcomes[1]


def _own(rng: np.random.Generator, item: np.ndarray, repeats: int) -> np.ndarray:
    if repeats == 1:
        return item
    new = rng.standard_normal(item.shape, dtype=np.float32)
    return np.sqrt(1 - NEW_EACH_TIME) * item + np.sqrt(NEW_EACH_TIME) * new


def _twice(rng: np.random.Generator, shape: tuple[int, int], correlation: float) -> list[np.ndarray]:
    shared = np.sqrt(correlation) * rng.standard_normal(shape, dtype=np.float32)
    return [shared + np.sqrt(1 - correlation) * rng.standard_normal(shape, dtype=np.float32) for _ in range(2)]


@cache
def _latent(share: float, rho: float) -> float:
    """The correlation of two normal deviates whose outcomes, at this share, correlate by rho."""
    if rho == 0:
        return 0.0
    limit = norm.ppf(share)

    def outcome(r: float) -> float:
        both = float(multivariate_normal.cdf([limit, limit], cov=[[1, r], [r, 1]]))
        return (both - share**2) / (share * (1 - share))

    return float(brentq(lambda r: outcome(r) - rho, 0, 0.9999))
