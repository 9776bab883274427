"""The mean of a graded score with its interval, items in groups or alone."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .intervals import group_codes

__all__ = ["mean_interval"]


def mean_interval(
    values: np.ndarray, groups: Sequence[Any] | np.ndarray | None = None, *, confidence: float = 0.95
) -> dict[str, Any]:
    """`mean`, `low`, `high` and `n` of the values that are no NaN: Student's interval, by group where there are groups.

    The standard error is the linearised one of a mean over clusters, with G/(G - 1) (Cochran 1977, 11.2), and G - 1
    degrees of freedom; with every item alone it is the usual one. No ends for fewer than two groups.
    """
    values = np.asarray(values, dtype=float)
    known = ~np.isnan(values)
    n = int(known.sum())
    if n == 0:
        return {"mean": None, "low": None, "high": None, "n": 0}
    codes, _ = group_codes(groups, len(values))
    values, codes = values[known], np.unique(codes[known], return_inverse=True)[1]
    count, mean = int(codes.max()) + 1, float(values.mean())
    if count < 2:
        return {"mean": mean, "low": None, "high": None, "n": n}
    from scipy.special import stdtrit  # Student's quantile, without the half second that scipy.stats takes to load

    sums = np.bincount(codes, weights=values - mean)
    error = math.sqrt(count / (count - 1) * float(np.sum(sums**2))) / n
    reach = float(stdtrit(count - 1, 0.5 + confidence / 2)) * error
    return {"mean": mean, "low": mean - reach, "high": mean + reach, "n": n}
