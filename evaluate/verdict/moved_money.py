"""The money where one input is another than it is: what the draws then say, and which ways without training win."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..money.roi_settings import RoiSettings
from ..money.uncertainty import simulate
from .money_rules import Weight, weigh
from .rivals import FORBIDDING, beats_tuning

__all__ = ["SHARES", "MovedMoney", "Said", "Ways"]

SHARES = ("acceptance", "cached_share")
SAVINGS = ("saving_per_day", "saving_total", "saving_per_request")
READ = ("key", "name", "what", "effective_cost_per_request", *SAVINGS, "tuning")  # of an alternative, by the verdict
THIN = 1000  # draws that find the neighbourhood of a root; all of them settle it
# `money.alternatives` for other values and settings.
Ways = Callable[[Mapping[str, Decimal], RoiSettings], Sequence[Mapping[str, Any]]]


class Said(NamedTuple):
    """What the draws say, with the chance of paying back in time and the median value."""

    weight: Weight
    chance: float
    median: float


@dataclass(frozen=True)
class MovedMoney:
    """The values, draws and alternatives of one account.

    An input that is a range moves with its range, a share moves by as much as its middle. Without `drawn` every input
    counts as known exactly; without `ways` there are no alternatives.
    """

    values: Mapping[str, Decimal]
    settings: RoiSettings
    baseline: str
    candidate: str
    drawn: Mapping[str, np.ndarray] | None = None
    ways: Ways | None = None

    @cached_property
    def all(self) -> Mapping[str, np.ndarray]:
        """Every input's draws."""
        points = {key: np.array([float(value)]) for key, value in self.values.items()}
        return points if self.drawn is None else {**points, **self.drawn}

    @cached_property
    def some(self) -> Mapping[str, np.ndarray]:
        """The first of them."""
        return {key: draws[:THIN] for key, draws in self.all.items()}

    @cached_property
    def rivalled(self) -> bool:
        """Whether there is a way without training that could forbid `fine-tune` at all."""
        return self.ways is not None and any(e["key"] in FORBIDDING for e in self.ways(self.values, self.settings))

    def start(self, key: str) -> float:
        """The input as it is; 0 where nobody stated it."""
        return float(self.values.get(key, 0))

    def movable(self, key: str) -> bool:
        """Whether this input is one that could be another here."""
        if key == "failure_cost":
            return self.settings.failures != "drop"
        if key.endswith("cached_share"):
            name = key.rpartition(".")[0]
            long, least = (self.values.get(f"{name}.{what}", 0) for what in ("fixed_tokens", "min_cached_tokens"))
            return long >= least and f"{name}.price_cached" in self.values
        return key in self.values and (self.start(key) > 0 or key.endswith(SHARES))

    def said(self, key: str, value: float, *, thin: bool = False) -> Said | None:
        """What the draws say where this input is `value`; None where the money cannot be told."""
        drawn, start = self.some if thin else self.all, self.start(key)
        now = drawn.get(key, np.zeros(1))
        moved = now * (value / start) if start else now + value
        if key.endswith(SHARES):
            moved = np.clip(now + (value - start), 0.0, 1.0)
        changed = {**drawn, key: moved}
        found = simulate(changed, self._settings(key), self.baseline, self.candidate)
        if found is None:
            return None
        in_time = found.npv > 0 if found.payback_days is None else found.payback_days <= changed["target_payback_days"]
        chance, median = float(np.mean(in_time)), float(np.quantile(found.npv, 0.5, method="inverted_cdf"))
        return Said(weigh(chance, median), chance, median)

    def winning(self, key: str, value: float) -> list[Mapping[str, Any]]:
        """The ways without training that forbid `fine-tune` where this input is `value`."""
        if self.ways is None or not self.rivalled:
            return []
        changed, settings = {**self.values, key: Decimal(repr(value))}, self._settings(key)
        target = changed.get("target_payback_days")
        batch = settings.requests_total is not None
        rivals = (entry for entry in self.ways(changed, settings) if entry["key"] in FORBIDDING)
        return [{k: rival[k] for k in READ} for rival in rivals if beats_tuning(rival, target, batch=batch)]

    def keys(self, key: str, value: float) -> dict[str, Any]:
        """The keys of `money` that the verdict reads, where this input is `value`; empty where it cannot be told."""
        found = self.said(key, value)
        if found is None:
            return {}
        batch = self.settings.requests_total is not None
        keys: dict[str, Any] = {
            "probability_npv_positive" if batch else "probability_of_payback_in_target": found.chance,
            "npv_p50": found.median if math.isfinite(found.median) else None,
        }
        if self.ways is not None:
            keys["alternatives"] = self.winning(key, value)
        if key == "target_payback_days":
            keys[key] = value
        if key == "failure_cost":
            keys |= {"failures": self._settings(key).failures, "failure_cost": value, "carrying_failure_cost": None}
        return keys

    def _settings(self, key: str) -> RoiSettings:
        """The settings; where a failure is to cost something, one that costs nothing is repaired."""
        if key != "failure_cost" or self.settings.failures != "ignore":
            return self.settings
        settings = copy.copy(self.settings)
        object.__setattr__(settings, "failures", "repair")
        return settings
