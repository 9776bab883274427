"""The point figures of one comparison, exact in Decimal: costs, savings, thresholds, alternatives, and their derivation."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from .alternatives import alternatives, alternatives_out, cached_guide
from .derivation import derive
from .formulas import (
    ONE,
    ZERO,
    Option,
    break_even_failure_cost,
    break_even_fixed_tokens,
    break_even_volume,
    calls_of,
    cost_per_request,
    failing_of,
    machine_cost_per_day,
)
from .options import Figures, Plan, cost_with_machines, effective_of, figures, parts, read_option, read_plan
from .quantities import MeasuredVariant, Quantity
from .roi_settings import RoiSettings

__all__ = ["point_account"]

CURVE_POINTS = 25
MOST_MACHINES = 1_000  # steps of one machine or more after which a volume counts as never reached


def point_account(
    quantities: Mapping[str, Quantity],
    settings: RoiSettings,
    *,
    baseline: str,
    candidate: str,
    names: list[str],
    measured: Mapping[str, MeasuredVariant],
) -> dict[str, Any]:
    """Those keys of `money` that need no draws, for all variants `names`; None where something is missing."""
    values = {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}
    plan = read_plan(values, settings)
    with localcontext() as context:
        context.prec = 40  # the parts then add up far beyond the digits shown
        options = {name: read_option(values, settings, name) for name in names}
        pair = (options[baseline], options[candidate])
        point = figures(*pair, plan)
        sources = {key: quantity.source for key, quantity in quantities.items()}
        keys = {
            "currency": settings.currency,
            "baseline": baseline,
            "candidate": candidate,
            "requests_per_day": plan.requests_per_day,
            "requests_total": plan.requests_total,
            "variants": {name: _variant(option, plan, values, name) for name, option in options.items()},
            **_savings(point, plan),
            **_thresholds(pair, plan, point),
            "parts": None if pair[0] is None or pair[1] is None else parts(pair[0], pair[1], plan),
            "volume_curve": _volume_curve(pair, plan, point),
            "cached_guide": _cached_guide(pair[0], plan, values, settings, baseline),
            "alternatives": alternatives(values, settings, measured, (baseline, candidate), plan, sources=sources),
            "alternatives_out": alternatives_out(values, settings, baseline),
        }
        derivation = derive(keys, options, plan, values, settings)
    ways = [{key: value for key, value in row.items() if key != "option"} for row in keys["alternatives"]]
    return keys | {"alternatives": ways, "derivation": derivation}


def _variant(option: Option | None, plan: Plan, values: Mapping[str, Decimal], name: str) -> dict[str, Decimal | None]:
    cost = None if option is None else cost_per_request(option)
    acceptance = values.get(f"{name}.acceptance")
    return {
        "cost_per_request": cost,
        "cost_per_acceptable_output": cost / acceptance if cost is not None and acceptance else None,
        "effective_cost_per_request": effective_of(option, plan),
        "cost_with_machines": cost_with_machines(option, plan),
        "machine_cost_per_day": None if option is None else figures(option, option, plan).machines[0],
        **{key: values.get(f"{name}.{key}") for key in ("fixed_tokens", "input_tokens", "output_tokens")},
        "acceptance": acceptance,
    }


def _savings(point: Figures, plan: Plan) -> dict[str, Decimal | None]:
    daily = plan.requests_total is None
    return {
        "saving_per_request": point.saving_per_request,
        "saving_share": point.saving_share,
        "saving_per_day": point.saving_per_day,
        "saving_total": point.saving_total,
        "spend_per_day_baseline": point.spend_per_day[0],
        "spend_per_day_candidate": point.spend_per_day[1],
        "running_cost_per_day": point.running_per_day if daily else None,
        "investment": plan.investment,
        "payback_days": point.payback_days,
        "npv": point.npv,
    }


def _thresholds(pair: tuple[Option | None, Option | None], plan: Plan, point: Figures) -> dict[str, Decimal | None]:
    saved = point.saving_per_request
    return {
        "requests_to_pay_back": plan.investment / saved if saved is not None and saved > 0 else None,
        "break_even_requests_per_day": _volume(pair, plan, point),
        "break_even_failure_cost": _failure_cost(pair, plan, point),
        "break_even_fixed_tokens": _fixed_tokens(pair, plan, point),
    }


def _volume(pair: tuple[Option | None, Option | None], plan: Plan, point: Figures) -> Decimal | None:
    """N*; where the candidate runs on machines of its own, with as many as that volume itself needs."""
    saved, candidate = point.saving_per_request, pair[1]
    if saved is None or plan.requests_total is not None:
        return None

    def at(running: Decimal) -> Decimal | None:
        return break_even_volume(plan.investment, running, saved, plan.horizon_days, plan.ramp_days)

    calls = None if candidate is None else calls_of(candidate, plan.failures, plan.tries)
    if candidate is None or candidate.hourly == 0 or calls is None or point.machines[0] > 0:
        return at(point.running_per_day)
    volume, rest = at(plan.upkeep_per_day + machine_cost_per_day(candidate, None)), plan.upkeep_per_day
    for _ in range(MOST_MACHINES):
        needed = None if volume is None else at(rest + machine_cost_per_day(candidate, volume, calls))
        if needed == volume:
            return volume
        volume = needed
    return None  # each further machine costs more than the requests that it serves save


def _fixed_tokens(pair: tuple[Option | None, Option | None], plan: Plan, point: Figures) -> Decimal | None:
    """The guide from which tuning costs less per request, tokens alone; None where the baseline pays no tokens."""
    before, after = point.effective
    if pair[0] is None or before is None or after is None:
        return None
    calls = calls_of(pair[0], plan.failures, plan.tries)
    return None if calls is None else break_even_fixed_tokens(pair[0], (before, after), calls)


def _failure_cost(pair: tuple[Option | None, Option | None], plan: Plan, point: Figures) -> Decimal | None:
    """L*, where failures could cost something: not with dropped ones, whose price is the next output."""
    baseline, candidate = pair
    if plan.failures == "drop" or baseline is None or candidate is None:
        return None
    if baseline.acceptance is None or candidate.acceptance is None:
        return None
    running = ZERO if plan.requests_total is not None else point.running_per_day
    if running and not plan.requests_per_day:
        return None
    spend, failing = [], []
    for option in (baseline, candidate):
        calls = calls_of(option, plan.failures, plan.tries)
        spend.append(cost_per_request(option) * (ONE if calls is None else calls))
        failing.append(failing_of(option, plan.failures, plan.tries) or ZERO)
    per_request = running / plan.requests_per_day if running and plan.requests_per_day else ZERO
    return break_even_failure_cost((spend[0], spend[1]), (failing[0], failing[1]), per_request)


def _volume_curve(
    pair: tuple[Option | None, Option | None], plan: Plan, point: Figures
) -> list[dict[str, Decimal | None]]:
    """Payback and value at 25 volumes, evenly spaced in their logarithm, around the stated and the break-even one."""
    if plan.requests_total is not None or point.saving_per_request is None:
        return []
    star = _volume(pair, plan, point)
    marks = [float(mark) for mark in (plan.requests_per_day, star) if mark]
    if not marks:
        return []
    curve = []
    for volume in np.geomspace(min(marks) / 10, max(marks) * 10, CURVE_POINTS):
        at = figures(*pair, replace(plan, requests_per_day=Decimal(f"{volume:.6g}")))
        curve.append({"requests_per_day": Decimal(f"{volume:.6g}"), "payback_days": at.payback_days, "npv": at.npv})
    return curve


def _cached_guide(
    option: Option | None, plan: Plan, values: Mapping[str, Decimal], settings: RoiSettings, name: str
) -> dict[str, Decimal | None] | None:
    """What the baseline would cost with its whole fixed prompt read from the cache, where that can be had for less."""
    cached = None if option is None else cached_guide(option, values, settings, name)
    if cached is None:
        return None
    return {
        "cost_per_request": cost_per_request(cached),
        "effective_cost_per_request": effective_of(cached, plan),
    }
