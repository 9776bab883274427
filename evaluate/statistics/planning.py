"""How many more test cases are enough for a verdict, with the chance that they are."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from ...curate import FEWEST_CASES, FEWEST_GROUPS
from ..results import NeededCases
from .difference import difference_ends, difference_size
from .intervals import Grouping, grouped, outcomes_of

# What may be true before anything is seen, as mean and standard deviation of the difference: two variants that learnt the
# same style from the same examples are close; but a model that cannot follow a guide can gain a lot. Half of each.
PRIOR = ((0.0, 0.05), (0.10, 0.25))
WANTED = 0.8  # the usual power of a test
MOST = 10.0  # times as many cases as there are: hardly anyone collects more
STEPS = 400  # numbers of cases that are tried, 0.6% apart
HAIR = 1e-9  # a difference of exactly the margin must not depend on the last bit of a float


def cases_needed(
    baseline: np.ndarray,
    candidate: np.ndarray,
    groups: Sequence[Any] | np.ndarray | None = None,
    *,
    margin: float,
) -> NeededCases | None:
    """How many cases in all would show that the candidate is not worse by more than `margin`.

    The present cases count. `groups` is how many groups the cases should come from, all like the present ones; None for
    single cases. `chance` is how likely that number suffices: the lower end is as far from the difference as the method
    puts it for so many cases like these, and the difference is drawn from what the present cases leave possible (`PRIOR`).
    The number is the smallest with a chance of 80%, or of the highest tenth below it that ten times as many cases can
    give; the cases to add are rounded up to two digits. None if not worse is shown already, or if the measured difference
    is not above -margin: then more cases help only if it is wrong.
    """
    baseline, candidate = outcomes_of(baseline), outcomes_of(candidate)
    n = len(baseline)
    if n == 0 or float(np.mean(candidate - baseline)) <= -margin + HAIR:
        return None
    grouping = grouped(groups, n)
    count, worth = len(grouping.sizes), float(difference_size(baseline, candidate, grouping).independent)
    least = _least_copies(n, worth, count)
    copies = np.geomspace(least, MOST * least, STEPS)
    low = difference_ends(baseline, candidate, grouping, copies=copies).low_one_sided
    if least == 1 and low[0] > -margin + HAIR:
        return None
    likely = np.maximum.accumulate(_chances(baseline, candidate, grouping, copies, low + margin))
    wanted = min(WANTED, math.floor(10 * likely[-1]) / 10 or likely[-1])
    more = _rounded_up(max(n * (float(copies[np.argmax(likely >= wanted)]) - 1), 1.0))
    found = np.interp(math.log(1 + more / n), np.log(copies), likely)
    return NeededCases(
        cases=n + more,
        groups=None if grouping.alone else count + math.ceil(more * count / n - HAIR),
        chance=float(found),
    )


def _least_copies(n: int, worth: float, groups: int) -> float:
    """How many times the present cases are enough for a verdict; 1 if they are already."""
    least = [1.0, FEWEST_CASES / n]
    if groups < n:
        least += [FEWEST_GROUPS / groups, FEWEST_GROUPS / worth]
    return max(least)


def _chances(
    baseline: np.ndarray, candidate: np.ndarray, grouping: Grouping, copies: np.ndarray, room: np.ndarray
) -> np.ndarray:
    """The chance that the lower end is above the margin with so many `copies` of the cases: `(copies,)`.

    `room` is how far above it is if the difference remains. The difference found on all cases is the present one and that
    of the new cases, by their numbers; the new cases' has the spread of what is true and their own.
    """
    from scipy.special import stdtr  # Student's, as few groups do not tell the error; scipy.stats takes half a second

    n, difference = grouping.items, float(np.mean(candidate - baseline))
    # One more discordant case: none among a few does not mean that the difference is known.
    discordant = (float(np.sum(np.abs(candidate - baseline))) + 1) / (n + 2)
    worth = float(difference_size(baseline, candidate, grouping).outcomes)
    error = math.sqrt(max(discordant - difference**2, 0.0) / worth)
    new = np.maximum(1 - 1 / copies, 1e-9)  # the share of new cases
    chances, weights = np.zeros(len(copies)), 0.0
    for mean, spread in PRIOR:
        kept = spread**2 / (spread**2 + error**2)
        expected = mean + (difference - mean) * kept
        deviation = np.sqrt(error**2 * kept + error**2 / np.maximum(copies - 1, 1e-9))
        weight = NormalDist(mean, math.hypot(spread, error)).pdf(difference)
        reached = (room + new * (expected - difference)) / np.maximum(new * deviation, 1e-12)
        chances += weight * stdtr(max(len(grouping.sizes) - 1, 1), reached)
        weights += weight
    return chances / weights


def _rounded_up(number: float) -> int:
    """Rounded up to two digits: more would look exact."""
    size = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return math.ceil(number / size - HAIR) * size
