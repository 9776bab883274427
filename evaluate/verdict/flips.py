"""Where the answer of the money tips over: one input at a time, solved for, never read off a grid."""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from ..money.roi_settings import RoiSettings
from .moved_money import SHARES, MovedMoney, Ways

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
VOLUMES = ("requests_per_day", "requests_total")
FACTORS = tuple(4.0**power for power in range(1, 11))  # of a volume: up to a million times what it is, or a millionth
REACH = 3  # so many of these steps for a price or a count: 64 times as much is no price of the same thing
SMALLEST = 1e-7  # where the search for a failure cost starts: a thousandth of what the cheapest requests cost
NEAR, CLOSE = 0.02, 5e-4  # relative; a verdict names a root with two or three digits
BEYOND = 0.01  # how far beyond a root the answer must have changed, and not back
Values = Mapping[str, np.ndarray]
Label = Callable[[float], Hashable]


def solve_flips(
    values: Mapping[str, Decimal],
    settings: RoiSettings,
    baseline: str,
    candidate: str,
    *,
    drawn: Values | None = None,
    ways: Ways | None = None,
) -> list[dict[str, Any]]:
    """`{key, what, from, to, beyond}` per value of one input, the rest held, at which the money says something else.

    `to` is where it changes on the way from `from`, and `beyond` holds those keys of `money` that the verdict reads,
    as they are 1% further on. `drawn` are the inputs' draws; `ways` gives `money.alternatives` for other values. An
    input that is a range moves with its range, a share moves by as much as its middle. What changes nothing within
    reach, or not for good, is left out.
    """
    money = MovedMoney(values, settings, baseline, candidate, drawn, ways)
    found = []
    for pattern, words in FLIPS.items():
        key, what = (text.format(baseline=baseline, candidate=candidate) for text in (pattern, words))
        for to, past in sorted([*_weight_roots(money, key), *_way_roots(money, key)]):
            found.append({"key": key, "what": what, "from": values.get(key), "to": to, "beyond": money.keys(key, past)})
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
    key = "failure_cost"
    money = MovedMoney({**values, key: Decimal(0)}, settings, baseline, candidate, drawn)
    here = money.said(key, 0.0)
    if settings.failures == "drop" or here is None or here.weight == "pays":
        return None
    for to, past in _weight_roots(money, key):
        beyond = money.said(key, past)
        if beyond is not None and beyond.weight == "pays":
            return to
    return None


def _weight_roots(money: MovedMoney, key: str) -> Iterator[tuple[float, float]]:
    """Where the draws say something else: found with a few of them, settled with all."""

    def label(value: float, thin: bool = False) -> Hashable:
        said = money.said(key, value, thin=thin)
        return None if said is None else said.weight

    if money.movable(key) and label(money.start(key)) is not None:
        yield from _roots(key, money.start(key), label, lambda value: label(value, thin=True))


def _way_roots(money: MovedMoney, key: str) -> Iterator[tuple[float, float]]:
    """Where a way without training starts or ceases to win."""

    def label(value: float) -> Hashable:
        return frozenset((entry["key"], entry["name"]) for entry in money.winning(key, value))

    if money.rivalled and money.movable(key):
        yield from _roots(key, money.start(key), label, label)


def _roots(key: str, start: float, label: Label, rough: Label) -> Iterator[tuple[float, float]]:
    """Every value at which the label changes on the way up and on the way down, and a value a little past it."""
    for path in _paths(key, start):
        near, here = start, label(start)
        for far in path:
            while rough(far) != here:
                root = _settled(
                    near, far, lambda value, here=here: label(value) == here, lambda v, h=here: rough(v) == h
                )
                if root is None:
                    break
                yield root
                near = root[1]
                here = label(near)
            near = far


def _settled(
    near: float, far: float, same: Callable[[float], bool], roughly: Callable[[float], bool]
) -> tuple[float, float] | None:
    """The root between a value where the label is the same and one where it is not; None if it does not last."""
    before, after = _halved(near, far, NEAR, roughly)
    wide = 2 * (after - before)
    before, after = _between(before - wide, near, far), _between(after + wide, near, far)
    if not same(before) or same(after):  # a few draws looked elsewhere than all of them
        before, after = near, far
        if not same(before) or same(after):
            return None
    before, after = _halved(before, after, CLOSE, same)
    to = (before + after) / 2
    past = _between(to * (1 + math.copysign(BEYOND, far - near)), near, far)
    return None if same(past) or not same(_between(2 * to - past, near, far)) else (to, past)


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
