"""The figures of the money that need no draws, exactly."""

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from .alternatives import Alternatives, untrained
from .caches import cached_guide, no_cache
from .comparison import Account
from .derivation import derivation
from .inputs.inputs import conditions_of
from .inputs.measured import MeasuredVariant
from .inputs.options import ACCEPTABLE, COST, EFFECTIVE, Way
from .inputs.quantity import Quantity
from .inputs.settings import RoiSettings
from .request import TOKENS

__all__ = ["alternatives_of", "known_values", "point_account"]

CURVE_POINTS = 25
COMPARED = (
    "saving_per_request", "saving_share", "saving_per_day", "saving_total", "spend_per_day_baseline",
    "spend_per_day_candidate", "running_cost_per_day", "investment", "payback_days", "npv", "requests_to_pay_back",
    "break_even_requests_per_day", "break_even_failure_cost", "break_even_fixed_tokens",
)  # fmt: skip


def point_account(
    quantities: Mapping[str, Quantity],
    settings: RoiSettings,
    *,
    baseline: str,
    candidate: str,
    names: list[str],
    measured: Mapping[str, MeasuredVariant],
) -> dict[str, Any]:
    """The keys of `money` that need no draws, for all variants in `names`; None if something is missing."""
    inputs, conditions = known_values(quantities), conditions_of(settings, baseline, candidate, measured)
    possible = alternatives_of(settings, quantities, measured)
    with localcontext() as context:
        context.prec = 40  # the parts then add up far beyond the digits shown
        values = Account(inputs, conditions, "traced")
        pair, ways = values.pair, possible.of(values)
        both = all(way.value(COST) is not None for way in (pair.before, pair.after))
        keys = {
            "currency": settings.currency,
            "baseline": baseline,
            "candidate": candidate,
            "requests_per_day": inputs.get("requests_per_day"),
            "requests_total": inputs.get("requests_total"),
            "variants": {name: _variant(values.way(name)) for name in names},
            **{key: pair.value(key) for key in COMPARED},
            "parts": {key: pair.value(f"parts.{key}") for key in ("guide", "model", "failures")} if both else None,
            "volume_curve": _volume_curve(Account(inputs, conditions), pair.value("break_even_requests_per_day")),
            "cached_guide": _cached_guide(pair.before),
            "alternatives": [way.row() for way in ways],
            "alternatives_out": possible.out(values),
        }
        if values.batch:
            keys["running_cost_per_day"] = None
        return keys | {"derivation": [vars(line) for line in derivation(values, names, ways)]}


def known_values(quantities: Mapping[str, Quantity]) -> dict[str, Decimal]:
    """The inputs with a value, by key."""
    return {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}


def alternatives_of(
    settings: RoiSettings, quantities: Mapping[str, Quantity], measured: Mapping[str, MeasuredVariant]
) -> Alternatives:
    """The possible alternatives to tuning."""
    sources = {key: quantity.source for key, quantity in quantities.items()}
    return Alternatives(settings, untrained(settings, measured), sources)


def _variant(way: Way) -> dict[str, Decimal | None]:
    machines = None if way.value(COST) is None else way.value("machine_cost_per_day")
    return {
        **{key: way.value(key) for key in (COST, ACCEPTABLE, EFFECTIVE, "cost_with_machines")},
        "machine_cost_per_day": machines,
        **{key: way.value(key) for key in (*TOKENS, "acceptance")},
    }


def _volume_curve(values: Account, star: Decimal | None) -> list[dict[str, Decimal | None]]:
    """Payback and value at 25 volumes, spaced evenly on a log scale around the stated and the break-even volume."""
    if values.batch or values.pair.value("saving_per_request") is None:
        return []
    marks = [float(mark) for mark in (values.inputs.get("requests_per_day"), star) if mark]
    if not marks:
        return []
    curve = []
    for volume in np.geomspace(min(marks) / 10, max(marks) * 10, CURVE_POINTS):
        requests = Decimal(f"{volume:.6g}")
        pair = values.changed({"requests_per_day": requests}).pair
        curve.append({"requests_per_day": requests} | {key: pair.value(key) for key in ("payback_days", "npv")})
    return curve


def _cached_guide(baseline: Way) -> dict[str, Decimal | None] | None:
    """What the baseline would cost with its whole fixed prompt read from the cache, if that is cheaper."""
    if baseline.value(COST) is None or no_cache(baseline) is not None:
        return None
    cached = cached_guide(baseline)
    return {key: cached.value(key) for key in (COST, EFFECTIVE)}
