"""Outputs whose length is far from what most have."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Lengths", "usual_lengths"]

_OUTLIER = 6.0  # robust standard deviations of log length: 1 in 10^9 of a bell curve, so only what is extreme
_FACTOR = 5.0  # and so many times the middle length, as lengths of short texts scatter by nature
_LENGTHS = 50  # outputs that it takes to speak of a middle length
_NINE_IN_TEN = (0.05, 0.95)


@dataclass(frozen=True)
class Lengths:
    """far: the lengths (characters) that are far from the middle one, ascending. low, high: nine in ten lie between."""

    far: np.ndarray
    low: float
    high: float


def usual_lengths(lengths: np.ndarray, counts: np.ndarray) -> Lengths | None:
    """What is usual among outputs of these lengths (ascending), each borne by `counts` outputs; None for a few outputs.

    By median and median absolute deviation of the logarithm (Leys et al. 2013). A length and how many have it say all
    that there is to know, so that the lengths of many rows need not be sorted.
    """
    if counts.sum() < _LENGTHS:
        return None
    log = np.log(np.maximum(lengths, 1))
    middle = _median(log, counts)
    distance = np.abs(log - middle)
    nearest_first = np.argsort(distance, kind="stable")
    spread = 1.4826 * _median(distance[nearest_first], counts[nearest_first])
    low, high = (_quantile(lengths, counts, share) for share in _NINE_IN_TEN)
    return Lengths(lengths[distance > max(_OUTLIER * spread, np.log(_FACTOR))], low, high)


def _median(values: np.ndarray, counts: np.ndarray) -> float:
    n = int(counts.sum())
    return float(np.median(_at(values, counts, np.array([(n - 1) // 2, n // 2]))))


def _quantile(values: np.ndarray, counts: np.ndarray, share: float) -> float:
    """As numpy has it for all values: a quantile depends on two neighbours in their order, and lies between them."""
    place = share * (int(counts.sum()) - 1)
    neighbours = _at(values, counts, np.array([int(place), int(place) + 1]))
    return float(np.quantile(neighbours, place - int(place)))


def _at(values: np.ndarray, counts: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The values at these places of the ascending `values`, each repeated `counts` times."""
    last = np.cumsum(counts)
    return values[np.minimum(np.searchsorted(last, places, side="right"), len(values) - 1)]
