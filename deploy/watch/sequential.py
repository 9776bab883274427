"""Whether a served model is worse than it was judged, tested again and again without raising the false alarms.

Each look asks rows drawn for it from the whole test set, without replacement within the look. An item's fall is its
recorded outcome minus its outcome now. Under "as judged" the falls of the whole set have a mean of at most `slack`, and then
the product over a look of 1 + bet * (fall - slack) has an expectation of at most 1 (by Maclaurin's inequality, for draws
without replacement), whatever earlier looks showed. The draw is what is random, so rows may depend on one another and may
have been asked before: an unlucky draw says nothing about the next one. If rows came in one order that repeats, a
deterministic server would give the same unlucky draw again, and the same evidence would count twice. Such products are
e-values (Waudby-Smith and Ramdas 2024, JRSS B 86, 1); the bets are mixed, as the size of a fall is unknown.

The model may be replaced on any day. So a product starts at every look, and the evidence is their weighted sum, as in the
Shiryaev-Roberts procedure (Shin, Ramdas and Rinaldo 2022, arXiv 2203.03532). The weights are the false-alarm budget: part of
it at the first look, the rest by the days that pass. By Ville's inequality the evidence reaches 1 / alpha with a probability
of at most alpha times the weights given out, which is what was spent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALPHA = 0.05  # false alarms in a year
YEAR = 365.0
# Chosen in benchmarks/watch.py: a fall that is there from the first look is found a look or two earlier than later ones,
# and the medians of both are within four looks while few answers vary.
AT_FIRST = 0.3
BETS = np.array([0.3, 0.6, 0.9])  # from falls among gains to falls without any; more bets were no faster
LEAST_SLACK, MOST_SLACK = 0.01, 0.1
# The recorded outcomes of a model whose answers vary are one draw of many and may be lucky: their mean is above the model's
# by more than this many standard errors in one of ten test sets. A difference below that is no fall.
LUCK = 1.25
PRIOR_VARIED, PRIOR_REPEATS = 0.5, 20.0  # answers to a row asked before that differed, before any row was asked again
ROWS_TO_RECOVER = 160  # the mean of so many rows is below 3 points once in 300 times while it is truly 10


@dataclass(frozen=True)
class Course:
    """What was known after each look; each array is `(looks, histories)`, `spent` is `(looks,)`.

    evidence: an alarm from 1 / alpha on. spent: the probability of a false alarm that was spent up to this look, of alpha a
    year. fall: the mean fall since the look `since` (an index), where the evidence for a fall is greatest. slack: the fall
    below which a served model counts as judged. worse: whether the model is worse than judged, from an alarm until it has
    recovered.
    """

    evidence: np.ndarray
    spent: np.ndarray
    fall: np.ndarray
    since: np.ndarray
    slack: np.ndarray
    worse: np.ndarray


def draw_rows(tested: int, count: int, *, seed: Sequence[int]) -> np.ndarray:
    """The places of a look's rows in the test set, in order: any `count` of them with the same chance."""
    return np.sort(np.random.default_rng(list(seed)).permutation(tested)[:count])


def spent_by(days: Sequence[float], *, alpha: float = ALPHA) -> np.ndarray:
    """`(looks,)`: the probability of a false alarm that is spent after each look, at most alpha within a year.

    >>> spent_by([0, 7, 14]).round(4).tolist()
    [0.015, 0.0157, 0.0163]
    """
    return alpha * np.cumsum(_weights(days))


def luck_of(rows: Sequence[np.ndarray], looks: Sequence[np.ndarray], *, tested: int) -> np.ndarray:
    """`(looks, histories)`: the fall that the luck of the recorded outcomes explains, from 1 to 10 points.

    How much answers vary shows where a row is asked again: a model that was replaced answers otherwise once, one whose
    answers vary again and again. `rows` are the places in the test set of the rows of each look, `looks` their falls, both
    `(histories, rows)`. Only earlier looks count, as a bet is made before the look.
    """
    histories = len(looks[0])
    last = np.full((histories, tested), np.nan)
    varied, repeats = np.full(histories, PRIOR_VARIED), np.full(histories, PRIOR_REPEATS)
    luck = np.zeros((len(looks), histories))
    for n, (places, falls) in enumerate(zip(rows, looks, strict=True)):
        luck[n] = LUCK * np.sqrt(varied / repeats / (2 * tested))
        before = np.take_along_axis(last, places, axis=1)
        again = ~np.isnan(before) & ~np.isnan(falls)
        varied, repeats = varied + (again & (before != falls)).sum(axis=1), repeats + again.sum(axis=1)
        np.put_along_axis(last, places, np.where(np.isnan(falls), before, falls), axis=1)
    return np.clip(luck, LEAST_SLACK, MOST_SLACK)


def follow(
    looks: Sequence[np.ndarray], days: Sequence[float], *, slack: np.ndarray | float, margin: float = 0.03,
    alpha: float = ALPHA,
) -> Course:  # fmt: skip
    """Follow histories of looks: an alarm is evidence of 1 / alpha and a fall of at least `margin` since it began.

    looks: each `(histories, rows)`, an item's recorded outcome minus its outcome now, from -1 to 1; NaN if it has none.
    days: when each look was made, counted from the first. slack: the fall that counts as none, of all looks or, as from
    `luck_of`, `(looks, histories)`.
    """
    weights, tracks = _weights(days), _Tracks(looks, np.broadcast_to(slack, (len(looks), len(looks[0]))))
    evidence, fall = np.zeros_like(tracks.slack), np.zeros_like(tracks.slack)
    since, worse = np.zeros(fall.shape, dtype=int), np.zeros(fall.shape, dtype=bool)
    begin, alarmed = np.zeros(fall.shape[1], dtype=int), np.full(fall.shape[1], -1)
    for n in range(len(looks)):
        products = np.where(np.arange(n + 1) >= begin[:, None], tracks.products(n), 0.0)
        evidence[n], since[n] = products @ weights[: n + 1], products.argmax(axis=1)
        fall[n] = tracks.mean(since[n], n)
        alarm = (alarmed < 0) & (evidence[n] >= 1 / alpha) & (fall[n] >= margin)
        alarmed = np.where(alarm, n, alarmed)
        back = tracks.recovered(alarmed, n, margin)
        begin, alarmed = np.where(back, n + 1, begin), np.where(back, -1, alarmed)
        worse[n] = alarmed >= 0
    return Course(evidence, alpha * np.cumsum(weights), fall, since, tracks.slack, worse)


def _weights(days: Sequence[float]) -> np.ndarray:
    """The share of a year's budget that each look's start gets: by the days since the look before."""
    gaps = np.diff(np.asarray(days, dtype=float), prepend=days[0] if len(days) else 0.0)
    weights = (1 - AT_FIRST) * np.clip(gaps, 0.0, YEAR) / YEAR
    weights[:1] += AT_FIRST
    return weights


class _Tracks:
    """Running sums over the looks, `(histories, looks + 1)` each, of the falls, the rows and the logarithms of the factors."""

    def __init__(self, looks: Sequence[np.ndarray], slack: np.ndarray) -> None:
        known = [~np.isnan(look) for look in looks]
        falls = [np.where(mask, look, 0.0) for mask, look in zip(known, looks, strict=True)]
        self.rows = _running([mask.sum(axis=1) for mask in known])
        self.falls = _running([fall.sum(axis=1) for fall in falls])
        self.slack = np.array(slack, dtype=float)
        self.logs = _running([_log_factor(*parts) for parts in zip(falls, known, self.slack, strict=True)])

    def products(self, n: int) -> np.ndarray:
        """`(histories, n + 1)`: for each start up to look n, the mean over the bets of the product since then."""
        return np.exp(np.minimum(self.logs[:, n + 1, None] - self.logs[:, : n + 1], 700.0)).mean(axis=2)

    def mean(self, start: np.ndarray, n: int) -> np.ndarray:
        """The mean fall of the looks from `start` to n; 0 if they have no rows."""
        one = np.arange(len(start))
        rows = self.rows[one, n + 1] - self.rows[one, start]
        return (self.falls[one, n + 1] - self.falls[one, start]) / np.maximum(rows, 1)

    def recovered(self, alarmed: np.ndarray, n: int, margin: float) -> np.ndarray:
        """Whether the last rows since the alarm, at least 160, show a mean fall below the margin."""
        enough = self.rows[:, n + 1, None] - self.rows[:, : n + 1] >= ROWS_TO_RECOVER
        start = np.maximum(enough.sum(axis=1) - 1, 0)
        return (alarmed >= 0) & enough[:, 0] & (start > alarmed) & (self.mean(start, n) < margin)


def _running(parts: Sequence[np.ndarray]) -> np.ndarray:
    """`(histories, looks + 1, ...)`: the sums before each look and after the last."""
    total = np.cumsum(np.stack(parts, axis=1), axis=1, dtype=float)
    return np.concatenate([np.zeros_like(total[:, :1]), total], axis=1)


def _log_factor(falls: np.ndarray, known: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """`(histories, bets)`: the logarithm of a look's e-value for each bet."""
    over = np.where(known, falls - slack[:, None], 0.0)
    return np.stack([np.log1p(bet * over).sum(axis=1) for bet in BETS], axis=1)
