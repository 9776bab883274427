"""Would more examples help? A curve is fitted to the errors of models trained on growing parts of the examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import say
from .results import CurveFit, Doubling, Gain, LearningCurve, Share
from .statistics.intervals import group_codes, share_interval

DRAWS = 2000
# How fast an error may fall with the number of examples n, as n^-c. Published fits of such curves lie between 0.07 and
# 0.7 (Hestness et al. 2017, arXiv:1712.00409; Viering and Loog 2021, arXiv:2103.10948); four points would fit anything.
POWERS = np.geomspace(0.07, 1.0, 24)
FINE = np.geomspace(0.07, 1.0, 400)  # for the one curve that is shown
ZERO = (False, True)  # curves that end at any error, and curves that end at zero error
FEWEST = 3  # sizes; any two points fit a curve


@dataclass(frozen=True)
class Curve:
    """err(n) = e + b n^-c for n examples, e and b at least 0; b is the falling part of the error at one example."""

    e: float
    b: float
    c: float

    def error(self, n: float) -> float:
        """The share that is not acceptable with n examples."""
        return self.e + self.b * n**-self.c

    def gain(self, n: float) -> float:
        """The fall of the error from n to 2 n examples."""
        return self.error(n) - self.error(2 * n)


def fit_curve(
    sizes: Sequence[int],
    outcomes: np.ndarray,
    groups: Sequence[Any] | np.ndarray | None = None,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> LearningCurve:
    """The curve of models trained on `sizes` examples, from their `outcomes` `(items, sizes)` on the same items.

    Outcomes are 0 or 1, or means over repeats. The interval of the gain comes from resampling groups of items, all sizes
    together. Each draw gets one more item, which passes from a randomly drawn size on, since items that all agree do not
    prove that every other item would. The interval does not include the effect of training with another seed.

    Raises: ValueError if sizes and outcomes do not match.
    """
    outcomes = np.asarray(outcomes, dtype=float)
    order = np.argsort(sizes, kind="stable")
    if outcomes.ndim != 2 or outcomes.shape[1] != len(sizes) or not len(outcomes):
        raise ValueError(
            f"expected outcomes of {len(sizes)} sizes on at least one item, found the shape {outcomes.shape}"
        )
    if len(set(sizes)) != len(sizes) or min(sizes) < 1:
        raise ValueError(f"expected sizes that are positive and different, found {list(sizes)}")
    known = tuple(int(sizes[i]) for i in order)
    outcomes = outcomes[:, order]
    shares = [share_interval(column, groups) for column in outcomes.T]
    acceptable = [Share(share=s.share, low=s.low, high=s.high) for s in shares]
    if len(known) < FEWEST:
        return LearningCurve(
            sizes=list(known), pairs=len(outcomes), acceptable=acceptable, fit=None, doubling=None,
            sentence=f"{len(known)} sizes are too few for a curve; train on at least {FEWEST}.",
        )  # fmt: skip
    curve = fit_power_law(known, 1 - outcomes.mean(axis=0))
    independent = min(share.n_effective for share in shares)
    drawn = _resampled(1 - outcomes, groups, seed=seed, draws=draws)
    gains = _gains(known, drawn, independent=independent, seed=seed)
    low, high = np.quantile(gains, [0.5 - confidence / 2, 0.5 + confidence / 2])
    # Use the median of the draws: the best single curve, `curve`, predicts too small a gain if errors end near zero.
    gain, doubled = Gain(value=float(np.median(gains)), low=float(low), high=float(high)), 2 * max(known)
    # The curve is not reliable beyond twice the examples.
    ends = say.points_range(gain.low, gain.high)
    return LearningCurve(
        sizes=list(known), pairs=len(outcomes), acceptable=acceptable, fit=CurveFit(e=curve.e, b=curve.b, c=curve.c),
        doubling=Doubling(to=doubled, gain=gain),
        sentence=f"Doubling the examples to {doubled:,} would give {say.signed_points(gain.value)} ({ends}).",
    )  # fmt: skip


def _resampled(errors: np.ndarray, groups: Any, *, seed: int, draws: int) -> np.ndarray:
    """Mean errors `(draws, sizes)` over resampled groups, with one additional item."""
    codes, count = group_codes(groups, len(errors))
    sums = np.array([np.bincount(codes, weights=column) for column in errors.T])  # (sizes, groups)
    weights = np.bincount(codes).astype(float)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(float)
    from_size = rng.integers(0, errors.shape[1] + 1, draws)
    more = np.arange(errors.shape[1])[None] < from_size[:, None]  # fails below the size from which it passes
    return (drawn @ sums.T + more) / (drawn @ weights + 1)[:, None]


def fit_power_law(sizes: Sequence[int], errors: np.ndarray) -> Curve:
    """The curve through `errors` `(sizes,)`: least squares with e and b at least 0.

    Each point is weighted by the inverse of its binomial variance. For a given c the curve is linear in e and b, so every
    c of a fine grid is solved exactly and the best is taken, without iteration.
    """
    e, b, squares = _by_power(sizes, np.asarray(errors, dtype=float)[None], FINE)
    best = int(np.argmin(np.round(squares[:, 0], 12)))
    return Curve(float(e[best, 0]), float(b[best, 0]), float(FINE[best]))


def _gains(sizes: Sequence[int], errors: np.ndarray, *, independent: float, seed: int) -> np.ndarray:
    """The gain of doubling for each row of `errors` `(draws, sizes)`.

    Four points determine neither c nor whether the error ends at zero or above, and the best fit of a noisy row is
    often extreme. So each row draws its curve from all c of the grid, with e free and with e = 0, in proportion
    to the likelihood of its points (`independent` is the number of independent items); the prior is uniform.
    """
    _, b, squares = (
        np.concatenate(parts) for parts in zip(*(_by_power(sizes, errors, POWERS, z) for z in ZERO), strict=True)
    )
    log_likely = -0.5 * independent * squares  # (curves, draws)
    upto = np.cumsum(np.exp(log_likely - log_likely.max(axis=0)), axis=0)
    chance = np.random.default_rng([seed, 1]).random(errors.shape[0]) * upto[-1]
    chosen = (upto < chance).sum(axis=0).clip(max=len(upto) - 1)
    c, b = np.tile(POWERS, len(ZERO))[chosen], b[chosen, np.arange(errors.shape[0])]
    return b * float(max(sizes)) ** -c * (1 - 2.0**-c)


def _by_power(
    sizes: Sequence[int], errors: np.ndarray, powers: np.ndarray, zero: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """e, b and the weighted squared residuals, each `(powers, rows)`, for every c of `powers`; `zero` fixes e at 0."""
    # The row's mean error is part of a point's variance: a point at 0 would otherwise have infinite weight.
    level = np.clip((errors + errors.mean(axis=1, keepdims=True)) / 2, 0.005, 0.995)
    weight = 1 / (level * (1 - level))
    solved = [_solved(np.asarray(sizes, dtype=float) ** -c, errors, weight, zero) for c in powers]
    e, b, squares = (np.array(part) for part in zip(*solved, strict=True))
    return e, b, squares


def _solved(x: np.ndarray, y: np.ndarray, weight: np.ndarray, zero: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted least squares of y = e + b x with e, b >= 0, row by row: the free solution, or one on an edge."""
    total = weight.sum(axis=1)
    mean_x, mean_y = (weight * x).sum(axis=1) / total, (weight * y).sum(axis=1) / total
    spread = (weight * (x - mean_x[:, None]) ** 2).sum(axis=1)
    b = (weight * (x - mean_x[:, None]) * (y - mean_y[:, None])).sum(axis=1) / spread
    e = mean_y - b * mean_x
    through_zero = (weight * x * y).sum(axis=1) / (weight * x * x).sum(axis=1)
    edge = (e < 0) | zero
    e, b = np.where(edge, 0.0, e), np.where(edge, through_zero, b)
    e, b = np.where(b < 0, mean_y, e), np.where(b < 0, 0.0, b)
    return e, b, (weight * (y - e[:, None] - b[:, None] * x) ** 2).sum(axis=1)
