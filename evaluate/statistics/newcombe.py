"""The interval of a paired difference of two shares: Newcombe's method 10."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from .intervals import wilson_ends

__all__ = ["newcombe_ends", "newcombe_paired"]


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
        raise ValueError(f"four counts from 0 and at least one pair are needed, not {cells}")
    low, high = newcombe_ends([np.asarray(cell) for cell in cells], NormalDist().inv_cdf(0.5 + confidence / 2))
    return float(low), float(high)


def newcombe_ends(cells: Sequence[np.ndarray], quantile: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Both ends for many tables at once: both, only candidate, only baseline, neither, at this two-sided quantile."""
    both, only_candidate, only_baseline, _ = cells
    n = sum(cells)
    first, second = (both + only_candidate) / n, (both + only_baseline) / n
    (low1, high1), (low2, high2) = (wilson_ends(np.clip(share, 0, 1), n, quantile) for share in (first, second))
    down1, up1, down2, up2 = first - low1, high1 - first, second - low2, high2 - second
    phi, difference = _phi(*cells), (only_candidate - only_baseline) / n
    below = np.sqrt(np.maximum(down1**2 - 2 * phi * down1 * up2 + up2**2, 0.0))
    above = np.sqrt(np.maximum(up1**2 - 2 * phi * up1 * down2 + down2**2, 0.0))
    return np.maximum(difference - below, -1.0), np.minimum(difference + above, 1.0)


def _phi(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    # The roots one by one: the product of four counts of 100,000 each is a large number, of many a too large one.
    scale = np.sqrt(a + b) * np.sqrt(c + d) * np.sqrt(a + c) * np.sqrt(b + d)
    numerator = a * d - b * c
    numerator = np.where(numerator > 0, np.maximum(numerator - (a + b + c + d) / 2, 0.0), numerator)
    return np.divide(numerator, scale, out=np.zeros_like(scale), where=scale > 0)
