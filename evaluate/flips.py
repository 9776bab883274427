"""Where the answer of the money tips over: one input at a time, solved for, never read off a grid."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .roi_settings import RoiSettings
from .uncertainty import simulate
from .weighing import Weight, weigh

__all__ = ["carrying_failure_cost", "solve_flips"]

# What a person could change or learn; the words stand in the verdict.
FLIPS = {
    "requests_per_day": "requests a day",
    "requests_total": "requests in all",
    "failure_cost": "cost of an unacceptable output",
    "{candidate}.price_input": 'input price of "{candidate}"',
    "{candidate}.price_output": 'output price of "{candidate}"',
    "{candidate}.hourly": 'hourly price of the machine of "{candidate}"',
    "{candidate}.requests_per_second": 'requests a second of the machine of "{candidate}"',
    "{candidate}.acceptance": 'acceptable share of "{candidate}"',
    "{baseline}.price_input": 'input price of "{baseline}"',
    "{baseline}.fixed_tokens": 'fixed prompt tokens of "{baseline}"',
    "{baseline}.cached_share": 'cached share of the fixed prompt of "{baseline}"',
    "investment.compute": "compute to invest",
    "running.retrain_every_days": "days between two retrainings",
    "horizon_days": "days over which savings count",
    "target_payback_days": "days within which it has to be paid back",
}
SHARES = ("acceptance", "cached_share")
VOLUMES = ("requests_per_day", "requests_total")
FACTORS = tuple(
    4.0**power for power in range(1, 11)
)  # a volume: up to a million times what it is, and down to a millionth
REACH = 3  # so many of these steps for a price or a count: 64 times as much is no price of the same thing
SMALLEST = 1e-7  # where the search for a failure cost starts: a thousandth of what the cheapest requests cost
THIN = 1000  # draws that find the neighbourhood of a root; all of them settle it
NEAR, CLOSE = 0.02, 5e-4  # relative; a verdict names a root with two or three digits
BEYOND = 0.01  # how far beyond a root the answer must have changed, and not back
Values = Mapping[str, np.ndarray]


class Root(NamedTuple):
    """The value `to` of an input at which the money says something else, and what it says a little `past` it."""

    to: float
    past: float
    weight: Weight
    beyond: dict[str, Any]


def solve_flips(
    values: Mapping[str, Decimal],
    settings: RoiSettings,
    baseline: str,
    candidate: str,
    *,
    drawn: Values | None = None,
) -> list[dict[str, Any]]:
    """`{key, what, from, to, beyond}` per value of one input, the rest held, at which the money says something else.

    `to` is where it changes on the way from `from`, and `beyond` holds those keys of `money` that the verdict reads,
    as they are 1 % further on. An input that is a range moves with its range, a share moves by as much as its middle.
    Without `drawn` every input counts as known exactly. What changes nothing within reach, or not for good, is left
    out.
    """
    money = _Money(values, settings, baseline, candidate, drawn)
    found = []
    for pattern, words in FLIPS.items():
        key, what = (text.format(baseline=baseline, candidate=candidate) for text in (pattern, words))
        for root in money.roots(key):
            found.append({"key": key, "what": what, "from": values.get(key), "to": root.to, "beyond": root.beyond})
    return found


def carrying_failure_cost(
    values: Mapping[str, Decimal],
    settings: RoiSettings,
    baseline: str,
    candidate: str,
    *,
    drawn: Values | None = None,
) -> float | None:
    """The least cost of an unacceptable output from which on the money says that it pays.

    None where failures are dropped, where it pays at no cost already, and where no cost would do.
    """
    money = _Money({**values, "failure_cost": Decimal(0)}, settings, baseline, candidate, drawn)
    here = money.at("failure_cost", 0.0)
    if settings.failures == "drop" or here is None or here[0] == "pays":
        return None
    return next((root.to for root in money.roots("failure_cost") if root.weight == "pays"), None)


@dataclass(frozen=True)
class _Money:
    """The draws of one account, and what they say when one input is another."""

    values: Mapping[str, Decimal]
    settings: RoiSettings
    baseline: str
    candidate: str
    drawn: Values | None

    @cached_property
    def all(self) -> Values:
        points = {key: np.array([float(value)]) for key, value in self.values.items()}
        return points if self.drawn is None else {**points, **self.drawn}

    @cached_property
    def some(self) -> Values:
        return {key: draws[:THIN] for key, draws in self.all.items()}

    def at(self, key: str, value: float, *, thin: bool = False) -> tuple[Weight, float, float] | None:
        """What it says, with the chance of paying back in time and the median value, where this input is `value`."""
        drawn = self.some if thin else self.all
        start, now = float(self.values.get(key, 0)), drawn.get(key, np.zeros(1))
        moved = now * (value / start) if start else now + value
        if key.endswith(SHARES):
            moved = np.clip(now + (value - start), 0.0, 1.0)
        settings = self.settings
        if key == "failure_cost" and settings.failures == "ignore":
            settings = copy.copy(settings)
            object.__setattr__(settings, "failures", "repair")
        changed = {**drawn, key: moved}
        found = simulate(changed, settings, self.baseline, self.candidate)
        if found is None:
            return None
        in_time = found.npv > 0 if found.payback_days is None else found.payback_days <= changed["target_payback_days"]
        chance = float(np.mean(in_time))
        median = float(np.quantile(found.npv, 0.5, method="inverted_cdf"))
        return weigh(chance, median), chance, median

    def roots(self, key: str) -> Iterator[Root]:
        """Every value at which the answer changes on the way up and on the way down."""
        start = float(self.values.get(key, 0))
        if not self._movable(key, start) or (here := self.at(key, start)) is None:
            return
        for path in _paths(key, start):
            near, weight = start, here[0]
            for far in path:
                while self._weight(key, far, thin=True) != weight:
                    root = self._settled(key, near, far, weight)
                    if root is None:
                        break
                    yield root
                    near, weight = root.past, root.weight
                near = far

    def _movable(self, key: str, start: float) -> bool:
        if key == "failure_cost":
            return self.settings.failures != "drop"
        if key.endswith("cached_share"):
            name = key.rpartition(".")[0]
            long, least = (self.values.get(f"{name}.{what}", 0) for what in ("fixed_tokens", "min_cached_tokens"))
            return long >= least and f"{name}.price_cached" in self.values
        return key in self.values and (start > 0 or key.endswith(SHARES))

    def _weight(self, key: str, value: float, *, thin: bool = False) -> Weight | None:
        found = self.at(key, value, thin=thin)
        return None if found is None else found[0]

    def _settled(self, key: str, near: float, far: float, weight: Weight) -> Root | None:
        """The root between a value where the answer is `weight` and one where it is not; None if it does not last."""

        def same(value: float) -> bool:
            return self._weight(key, value) == weight

        before, after = _halved(near, far, NEAR, lambda value: self._weight(key, value, thin=True) == weight)
        wide = 2 * (after - before)
        before, after = _between(before - wide, near, far), _between(after + wide, near, far)
        if not same(before) or same(after):  # a few draws looked elsewhere than all of them
            before, after = near, far
            if not same(before) or same(after):
                return None
        before, after = _halved(before, after, CLOSE, same)
        to = (before + after) / 2
        past = _between(to * (1 + math.copysign(BEYOND, far - near)), near, far)
        beyond = self.at(key, past)
        if beyond is None or beyond[0] == weight or not same(_between(2 * to - past, near, far)):
            return None
        return Root(to, past, beyond[0], self._keys(key, past, beyond))

    def _keys(self, key: str, value: float, found: tuple[Weight, float, float]) -> dict[str, Any]:
        """The keys of `money` that the verdict reads, at this value of this input."""
        _, chance, median = found
        batch = self.settings.requests_total is not None
        keys: dict[str, Any] = {
            "probability_npv_positive" if batch else "probability_of_payback_in_target": chance,
            "npv_p50": median if math.isfinite(median) else None,
        }
        if key == "failure_cost":
            keys |= {"failure_cost": value, "carrying_failure_cost": None}
            keys["failures"] = "repair" if self.settings.failures == "ignore" else self.settings.failures
        return keys


def _paths(key: str, start: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Values to look at on the way up and on the way down, each path leading away from the start."""
    if key.endswith(SHARES):
        return (1.0,) if start < 1 else (), (0.0,) if start > 0 else ()
    if start == 0:
        return tuple(SMALLEST * factor for factor in (1.0, *FACTORS, *(f * FACTORS[-1] for f in FACTORS))), ()
    factors = FACTORS if key in VOLUMES else FACTORS[:REACH]
    return tuple(start * factor for factor in factors), tuple(start / factor for factor in factors)


def _halved(before: float, after: float, width: float, same: Callable[[float], bool]) -> tuple[float, float]:
    """The stretch in which `same` ends, halved until it is no wider than `width` of its far end."""
    while abs(after - before) > width * max(abs(after), abs(before)) and abs(after - before) > 1e-12:
        low, high = sorted((before, after))
        # The middle between a thousandth and a thousand is one.
        middle = math.sqrt(low * high) if high > 2 * low > 0 else (low + high) / 2
        before, after = (middle, after) if same(middle) else (before, middle)
    return before, after


def _between(value: float, one: float, other: float) -> float:
    return min(max(value, min(one, other)), max(one, other))
