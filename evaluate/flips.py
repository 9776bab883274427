"""Where the money tips over: for one input at a time, the value at which the horizon's saving equals the investment."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from .options import figures, read_option, read_plan
from .roi_settings import RoiSettings

__all__ = ["carrying_failure_cost", "solve_flips"]

# What a person could change or learn; the words stand in the verdict.
FLIPS = {
    "requests_per_day": "requests a day",
    "requests_total": "requests in all",
    "failure_cost": "cost of an unacceptable output",
    "{candidate}.price_input": "input price of the {candidate} variant",
    "{candidate}.price_output": "output price of the {candidate} variant",
    "{candidate}.hourly": "hourly price of the {candidate} variant's machine",
    "{candidate}.requests_per_second": "requests a second of the {candidate} variant's machine",
    "{candidate}.acceptance": "acceptable share of the {candidate} variant",
    "{baseline}.price_input": "input price of the {baseline} variant",
    "{baseline}.fixed_tokens": "fixed prompt tokens of the {baseline} variant",
    "investment.compute": "compute to invest",
    "running.retrain_every_days": "days between two retrainings",
}
SHARES = ("acceptance",)


def solve_flips(
    values: Mapping[str, Decimal], settings: RoiSettings, baseline: str, candidate: str
) -> list[dict[str, Any]]:
    """`{key, what, from, to, npv_rises}` per input whose change alone, the rest held, brings the value to 0.

    `npv_rises` says whether a larger input makes the tuned model more worthwhile. Inputs that cannot do it within
    their range are left out.
    """

    def value_at(key: str, value: Decimal) -> Decimal | None:
        changed = {**values, key: value}
        if key == "failure_cost" and settings.failures == "ignore":
            return _with_repair(changed, settings, baseline, candidate)
        return _npv(changed, settings, baseline, candidate)

    found = []
    for pattern, words in FLIPS.items():
        key = pattern.format(baseline=baseline, candidate=candidate)
        start = values.get(key, Decimal(0) if key == "failure_cost" and settings.failures != "drop" else None)
        if start is None:
            continue
        root = _root(lambda value, key=key: value_at(key, value), start, Decimal(1) if key.endswith(SHARES) else None)
        if root is None:
            continue
        rises = (value_at(key, root * Decimal("1.01")) or Decimal(0)) > (value_at(key, root) or Decimal(0))
        what = words.format(baseline=baseline, candidate=candidate)
        found.append({"key": key, "what": what, "from": values.get(key), "to": root, "npv_rises": rises})
    return found


def carrying_failure_cost(
    values: Mapping[str, Decimal], settings: RoiSettings, baseline: str, candidate: str
) -> Decimal | None:
    """The least cost of an unacceptable output at which the investment is earned, and paid back in the target.

    None where failures are dropped, where it is carried at no cost already, and where no cost would do.
    """
    if settings.failures == "drop":
        return None
    failures = "retry" if settings.failures == "retry" else "repair"
    pair = (read_option(values, settings, baseline), read_option(values, settings, candidate))
    target = values.get("target_payback_days")

    def carried(cost: Decimal) -> Decimal | None:
        plan = replace(read_plan(values, settings), failures=failures, failure_cost=cost)
        found = figures(*pair, plan)
        if found.npv is None:
            return None
        in_time = target is None or (found.payback_days is not None and found.payback_days <= target)
        return Decimal(1) if found.npv > 0 and in_time else Decimal(-1)

    start = carried(Decimal(0))
    return None if start is None or start > 0 else _root(carried, Decimal(0), None)


def _npv(values: Mapping[str, Decimal], settings: RoiSettings, baseline: str, candidate: str) -> Decimal | None:
    pair = (read_option(values, settings, baseline), read_option(values, settings, candidate))
    return figures(*pair, read_plan(values, settings)).npv


def _with_repair(values: Mapping[str, Decimal], settings: RoiSettings, baseline: str, candidate: str) -> Decimal | None:
    """The value if each unacceptable output cost something, where the settings let it cost nothing."""
    pair = (read_option(values, settings, baseline), read_option(values, settings, candidate))
    return figures(*pair, replace(read_plan(values, settings), failures="repair")).npv


def _root(at: Callable[[Decimal], Decimal | None], start: Decimal, most: Decimal | None) -> Decimal | None:
    """The nearest value at which `at` changes its sign: stepped away from `start` until it does, then halved."""
    here = at(start)
    if here is None:
        return None
    scale = start if start > 0 else Decimal("0.0001")
    best: tuple[Decimal, Decimal] | None = None
    for factor in (Decimal("1.1"), Decimal("1.5"), 2, *(4**power for power in range(1, 16))):
        higher = scale * factor if most is None else min(scale * factor, most)
        for end in (higher, start / factor):
            there = at(end)
            if there is not None and (there > 0) != (here > 0):
                best = (start, end)
                break
        if best is not None:
            break
    if best is None:
        zero = at(Decimal(0)) if start > 0 else None
        if zero is None or (zero > 0) == (here > 0):
            return None
        best = (start, Decimal(0))
    near, far = best
    for _ in range(60):
        middle = (near + far) / 2
        there = at(middle)
        near, far = (middle, far) if there is not None and (there > 0) == (here > 0) else (near, middle)
    return (near + far) / 2
