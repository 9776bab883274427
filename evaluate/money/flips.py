"""Where the decision about the money flips: one input at a time, solved for instead of read off a grid."""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from .alternatives import FORBIDDING, Alternatives, beats_tuning
from .comparison import Account
from .simulate import simulated

__all__ = ["SURE", "UNSURE", "Weight", "carrying_failure_cost", "solve_flips", "weigh"]

SURE = 0.8  # a payback in time with this probability justifies the investment
UNSURE = 0.5  # at or below this probability it does not
Weight = Literal["pays", "open", "does not pay"]
# Inputs that a person could change or find out, with the words that the verdict uses.
FLIPS = {
    "requests_per_day": "requests a day",
    "requests_total": "total requests",
    "failure_cost": "cost of an unacceptable output",
    "{candidate}.price_input": 'input price of "{candidate}"',
    "{candidate}.price_output": 'output price of "{candidate}"',
    "{candidate}.hourly": 'hourly price of the machine of "{candidate}"',
    "{candidate}.requests_per_second": 'requests a second of the machine of "{candidate}"',
    "{candidate}.acceptance": 'acceptable share of "{candidate}"',
    "{baseline}.price_input": 'input price of "{baseline}"',
    "{baseline}.fixed_tokens": 'fixed prompt tokens of "{baseline}"',
    "{baseline}.cached_share": 'cached share of the fixed prompt of "{baseline}"',
    "investment.compute": "investment in compute",
    "running.retrain_every_days": "days between retrainings",
    "horizon_days": "days over which savings count",
    "target_payback_days": "days of the payback target",
}
VOLUMES = ("requests_per_day", "requests_total")
FACTORS = tuple(
    4.0**power for power in range(1, 11)
)  # of a volume: up to a million times the current one, or a millionth
REACH = 3  # steps for a price or a count: a price 64 times as high is not realistic
SMALLEST = 1e-7  # where the search for a failure cost starts: a thousandth of what the cheapest requests cost
NEAR, CLOSE = 0.02, 5e-4  # relative; a verdict names a root with two or three digits
BEYOND = 0.01  # how far beyond a root the answer must still be the new one
SHARES = ("acceptance", "cached_share")
SAVINGS = ("saving_per_day", "saving_total", "saving_per_request")
READ = ("key", "name", "what", "effective_cost_per_request", *SAVINGS, "tuning")  # keys that the verdict reads
THIN = 1000  # draws to bracket a root; all draws then refine it
Label = Callable[[float], Hashable]


def weigh(chance: float, npv_p50: float | None) -> Weight:
    """Whether it pays, by the chance of paying back in time and the median value over the horizon.

    A median of None is infinite: the baseline delivers nothing acceptable at any price.
    """
    earned = npv_p50 is None or npv_p50 > 0
    if chance >= SURE and earned:
        return "pays"
    return "open" if chance > UNSURE and earned else "does not pay"


def solve_flips(values: Account, drawn: Account, alternatives: Alternatives) -> list[dict[str, Any]]:
    """`{key, what, from, to, beyond}` for each value of one input, the others fixed, at which the answer changes.

    `to` is the value at which it changes, starting at `from`; `beyond` holds the keys of `money` that the verdict reads,
    1% past that value. `drawn` are the draws of the inputs. An input with a range moves with its range; a share moves by
    as much as its middle. Inputs that change nothing within reach, or only in a short stretch, are omitted.
    """
    money, names = MovedMoney(values, drawn, alternatives), values.conditions
    flips = []
    for pattern, words in FLIPS.items():
        key, what = (text.format(baseline=names.baseline, candidate=names.candidate) for text in (pattern, words))
        for to, past in sorted([*_weight_roots(money, key), *_way_roots(money, key)]):
            start = values.inputs.get(key)
            flips.append({"key": key, "what": what, "from": start, "to": to, "beyond": money.keys(key, past)})
    return flips


def carrying_failure_cost(values: Account, drawn: Account) -> float | None:
    """The lowest cost of an unacceptable output at which it pays.

    None if failures are dropped, if it already pays at cost 0, or if no cost is enough.
    """
    key = "failure_cost"
    money = MovedMoney(values.changed({key: Decimal(0)}), drawn)
    here = money.answer(key, 0.0)
    if values.conditions.failures == "drop" or here is None or here.weight == "pays":
        return None
    for to, past in _weight_roots(money, key):
        beyond = money.answer(key, past)
        if beyond is not None and beyond.weight == "pays":
            return to
    return None


class Answer(NamedTuple):
    """The answer of the draws, with the chance of paying back in time and the median value."""

    weight: Weight
    chance: float
    median: float


@dataclass(frozen=True)
class MovedMoney:
    """An account with one input changed: the answer of its draws, and the alternatives that win."""

    values: Account
    drawn: Account
    alternatives: Alternatives | None = None
    _counted: dict[tuple[bool, bool], Account] = field(default_factory=dict)
    _answers: dict[tuple[str, float, bool], Answer | None] = field(default_factory=dict)

    @cached_property
    def rivalled(self) -> bool:
        """Whether an alternative without training could rule out `fine-tune`."""
        return self.alternatives is not None and any(e.key in FORBIDDING for e in self.alternatives.of(self.values))

    def start(self, key: str) -> float:
        """The current value of the input; 0 if not stated."""
        return float(self.values.inputs.get(key, 0))

    def movable(self, key: str) -> bool:
        """Whether changing this input has an effect."""
        inputs = self.values.inputs
        if key == "failure_cost":
            return self.values.conditions.failures != "drop"
        if key.endswith("cached_share"):
            name = key.rpartition(".")[0]
            fixed, least = (inputs.get(f"{name}.{what}", 0) for what in ("fixed_tokens", "min_cached_tokens"))
            return fixed >= least and f"{name}.price_cached" in inputs
        return key in inputs and (self.start(key) > 0 or key.endswith(SHARES))

    def answer(self, key: str, value: float, *, thin: bool = False) -> Answer | None:
        """The answer of the draws if this input is `value`; None if the money cannot be computed.

        A search for a root comes back to the values at its ends, so each answer is kept.
        """
        place = key, value, thin
        if place not in self._answers:
            self._answers[place] = self._answer(key, value, thin=thin)
        return self._answers[place]

    def _answer(self, key: str, value: float, *, thin: bool) -> Answer | None:
        drawn, start = self._draws(key, thin=thin), self.start(key)
        now = drawn.inputs.get(key, np.zeros(1))
        moved = now * (value / start) if start else now + value
        if key.endswith(SHARES):
            moved = np.clip(now + (value - start), 0.0, 1.0)
        changed = drawn.changed({key: moved})
        result = simulated(changed)
        if result is None:
            return None
        days = result.payback_days
        in_time = result.npv > 0 if days is None else days <= changed.inputs["target_payback_days"]
        chance, median = float(np.mean(in_time)), float(np.quantile(result.npv, 0.5, method="inverted_cdf"))
        return Answer(weigh(chance, median), chance, median)

    def winning(self, key: str, value: float) -> list[Mapping[str, Any]]:
        """The alternatives without training that rule out `fine-tune` if this input is `value`."""
        if self.alternatives is None or not self.rivalled:
            return []
        changed = self._costing(self.values, key).changed({key: Decimal(repr(value))})
        target = changed.inputs.get("target_payback_days")
        rivals = (rival.row() for rival in self.alternatives.of(changed) if rival.key in FORBIDDING)
        return [{k: rival[k] for k in READ} for rival in rivals if beats_tuning(rival, target, batch=changed.batch)]

    def keys(self, key: str, value: float) -> dict[str, Any]:
        """The keys of `money` that the verdict reads, if this input is `value`; empty if it cannot be computed."""
        answer, batch = self.answer(key, value), self.values.batch
        if answer is None:
            return {}
        keys: dict[str, Any] = {
            "probability_npv_positive" if batch else "probability_of_payback_in_target": answer.chance,
            "npv_p50": answer.median if math.isfinite(answer.median) else None,
        }
        if self.alternatives is not None:
            keys["alternatives"] = self.winning(key, value)
        if key == "target_payback_days":
            keys[key] = value
        if key == "failure_cost":
            failures = self._costing(self.values, key).conditions.failures
            keys |= {"failures": failures, "failure_cost": value, "carrying_failure_cost": None}
        return keys

    def _draws(self, key: str, *, thin: bool) -> Account:
        """All draws or the first ones, computed once: figures that do not depend on the input are reused."""
        place = thin, key == "failure_cost"
        if place not in self._counted:
            drawn = self._costing(self.drawn, key)
            inputs = {name: draws[:THIN] for name, draws in drawn.inputs.items()} if thin else drawn.inputs
            self._counted[place] = Account(inputs, drawn.conditions, "drawn")
            simulated(self._counted[place])
        return self._counted[place]

    def _costing(self, values: Account, key: str) -> Account:
        """The values; if the changed input gives failures a cost that they did not have, they count as repaired."""
        if key != "failure_cost" or values.conditions.failures != "ignore":
            return values
        return Account(values.inputs, replace(values.conditions, failures="repair"), values.kind)


def _weight_roots(money: MovedMoney, key: str) -> Iterator[tuple[float, float]]:
    """The values at which the answer changes: found with a few draws, refined with all."""

    def label(value: float, thin: bool = False) -> Hashable:
        answer = money.answer(key, value, thin=thin)
        return None if answer is None else answer.weight

    if money.movable(key) and label(money.start(key)) is not None:
        yield from _roots(key, money.start(key), label, lambda value: label(value, thin=True))


def _way_roots(money: MovedMoney, key: str) -> Iterator[tuple[float, float]]:
    """The values at which an alternative without training starts or stops winning."""

    def label(value: float) -> Hashable:
        return frozenset((entry["key"], entry["name"]) for entry in money.winning(key, value))

    if money.rivalled and money.movable(key):
        yield from _roots(key, money.start(key), label, label)


def _roots(key: str, start: float, label: Label, rough: Label) -> Iterator[tuple[float, float]]:
    """Every value at which the label changes, upwards and downwards, each with a value a little past it."""
    for path in _paths(key, start):
        near, here = start, label(start)
        for far in path:
            while rough(far) != here:
                root = _root(near, far, lambda value, here=here: label(value) == here, lambda v, h=here: rough(v) == h)
                if root is None:
                    break
                yield root
                near = root[1]
                here = label(near)
            near = far


def _root(
    near: float, far: float, same: Callable[[float], bool], roughly: Callable[[float], bool]
) -> tuple[float, float] | None:
    """The root between a value where the label is the same and one where it differs; None if the change does not last."""
    before, after = _halved(near, far, NEAR, roughly)
    wide = 2 * (after - before)
    before, after = _between(before - wide, near, far), _between(after + wide, near, far)
    if not same(before) or same(after):  # the few draws gave a different place than all draws
        before, after = near, far
        if not same(before) or same(after):
            return None
    before, after = _halved(before, after, CLOSE, same)
    to = (before + after) / 2
    past = _between(to * (1 + math.copysign(BEYOND, far - near)), near, far)
    return None if same(past) or not same(_between(2 * to - past, near, far)) else (to, past)


def _paths(key: str, start: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The values to try upwards and downwards, each path leading away from the start."""
    if key.endswith(SHARES):
        return (1.0,) if start < 1 else (), (0.0,) if start > 0 else ()
    if start == 0:
        return tuple(SMALLEST * factor for factor in (1.0, *FACTORS, *(f * FACTORS[-1] for f in FACTORS))), ()
    factors = FACTORS if key in VOLUMES else FACTORS[:REACH]
    return tuple(start * factor for factor in factors), tuple(start / factor for factor in factors)


def _halved(before: float, after: float, width: float, same: Callable[[float], bool]) -> tuple[float, float]:
    """The interval in which `same` ends, halved until it is no wider than `width` times its far end."""
    while abs(after - before) > width * max(abs(after), abs(before)) and abs(after - before) > 1e-12:
        low, high = sorted((before, after))
        # Use the geometric mean for wide intervals: between a thousandth and a thousand it is one.
        middle = math.sqrt(low * high) if high > 2 * low > 0 else (low + high) / 2
        before, after = (middle, after) if same(middle) else (before, middle)
    return before, after


def _between(value: float, one: float, other: float) -> float:
    return min(max(value, min(one, other)), max(one, other))
