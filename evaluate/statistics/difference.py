"""The interval of the paired difference: Newcombe's method 10, for items that may come in groups."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from .intervals import DIFFERENCES, EffectiveSize, Grouping, effective_size, quantile, share_size, wilson_ends

# How many groups' worth of no correlation is added to that of the groups' sums. With 0, intervals from 2 or 4 groups hold
# in as few as 85% of simulated test sets; with 2, none holds in fewer than 90% (benchmarks/coverage.md).
SHRINKING = 2.0


def newcombe_paired(
    both: float, only_candidate: float, only_baseline: float, neither: float, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the paired difference candidate - baseline: Newcombe 1998 (Statist. Med. 17, 2635), method 10.

    The Wilson limits of both shares are combined with the correlation phi, whose numerator is corrected for
    continuity; phi is 0 where a margin is 0. Counts may be fractions.

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
    """Both ends for many tables of single items (both, only candidate, only baseline, neither), at a two-sided quantile."""
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
    """How many independent pairs the pairs count as, by how similar the differences in a group are: `(..., items)`."""
    difference = candidate - baseline
    variance = np.mean(np.abs(difference), axis=-1) - np.mean(difference, axis=-1) ** 2
    return effective_size(difference, np.abs(difference) > 1e-9, variance, grouping, DIFFERENCES)
