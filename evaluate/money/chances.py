"""What the draws say about the candidate against each alternative: the same draws for all, so they are paired."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .comparison import Account
from .inputs.options import Pair
from .simulate import simulated

__all__ = ["SURE", "UNSURE", "Chance", "Weight", "chance_of", "surely_worse", "weigh"]

SURE = 0.8  # a payback in time with this probability justifies the investment
UNSURE = 0.5  # at or below this probability it does not
SURELY = 0.975  # of the draws: one end of a 95% range
CLEAR = 0.1
Weight = Literal["pays", "open", "does not pay"]


def weigh(chance: float, npv_p50: float | None) -> Weight:
    """Whether it pays, by the chance of paying back in time and the median value over the horizon.

    A median of None is infinite: the baseline delivers nothing acceptable at any price.
    """
    earned = npv_p50 is None or npv_p50 > 0
    if chance >= SURE and earned:
        return "pays"
    return "open" if chance > UNSURE and earned else "does not pay"


@dataclass(frozen=True)
class Chance:
    """The share of draws that pay back in time (for a one-off batch: that gain), the share that gain, the median gain."""

    in_time: float
    gain: float
    median: float

    @property
    def weight(self) -> Weight:
        """Whether it pays."""
        return weigh(self.in_time, self.median)

    @property
    def clear(self) -> bool:
        """Whether more draws would not change the weight: a thousand know a share to about 0.03.

        Half of the draws gain where the median is 0.
        """
        near = abs(self.in_time - SURE), abs(self.in_time - UNSURE), abs(self.gain - 0.5)
        return min(near) > CLEAR


def chance_of(values: Account, pair: Pair) -> Chance | None:
    """What the draws say about a pair; None if its money cannot be computed."""
    result = simulated(values, pair)
    if result is None:
        return None
    gains, days = result.npv > 0, result.payback_days
    in_time = gains if days is None else days <= values.inputs["target_payback_days"]
    median = float(np.quantile(result.npv, 0.5, method="inverted_cdf"))
    return Chance(float(np.mean(in_time)), float(np.mean(gains)), median)


def surely_worse(values: Account, name: str) -> bool:
    """Whether a variant's outputs are acceptable less often than the candidate's in all but a few draws."""
    here, there = (
        values.inputs.get(f"{name}.acceptance"),
        values.inputs.get(f"{values.conditions.candidate}.acceptance"),
    )
    if here is None or there is None:
        return False
    return float(np.mean(here < there)) >= SURELY
