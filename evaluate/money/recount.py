"""The inputs in results.json from which every point figure can be recomputed, also with other numbers."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .comparison import Account
from .figures import Conditions
from .inputs.options import Way
from .inputs.settings import CENTURY, RoiSettings, VariantMoney
from .request import PRICES, TOKENS

__all__ = ["formula_inputs", "read_inputs"]

_PLAN = (
    "failure_cost",
    "facts_failure_cost",
    "tries",
    "requests_per_day",
    "requests_total",
    "ramp_days",
    "horizon_days",
    "discount_rate",
)
_MEASURES = (
    "cached_share",
    "cached_tokens",
    "acceptance",
    "wrong_facts",
    "extra_calls",
    "rescued",
    "requests_per_second",
)
_MACHINE = ("hourly", "min_replicas", "peak_factor")
_PART = ": second call"


def formula_inputs(values: Account, settings: RoiSettings) -> dict[str, Any]:
    """`money.formula_inputs`: the inputs from which every point figure can be recomputed, as plain numbers.

    The report recomputes them in the browser when a reader changes one. They are the plan and the cost inputs of both
    variants, with prices in the currency of `[roi]`; None if a number is unknown. If the price of cached tokens or of a
    cache write is None, it is the input price; where `price_cached_unknown`, it is half of that; a stated `cached_share`
    counts only from `min_cached_tokens` on;
    `prices_like` is the variant whose prices these are, as this one has none of its own. A variant that is not `metered` pays
    no tokens, a cascade has a `second` call for the share `sent`. The horizon ends after
    `days_to_retirement`, if that is known, and an investment that has not paid back by then never does.
    """
    conditions, plan = values.conditions, values.inputs
    return {
        "baseline": conditions.baseline,
        "candidate": conditions.candidate,
        "currency": conditions.currency,
        "failures": conditions.failures,
        "failure_cost": plan.get("failure_cost"),
        "facts_failure_cost": plan.get("facts_failure_cost"),
        "tries": settings.tries,
        "requests_per_day": plan.get("requests_per_day"),
        "requests_total": plan.get("requests_total"),
        "ramp_days": values.value("ramp_days"),
        "horizon_days": values.value("horizon_days"),
        "days_to_retirement": plan.get("running.days_to_retirement"),
        "discount_rate": values.value("discount_rate"),
        "target_payback_days": plan.get("target_payback_days"),
        "investment": values.pair.value("invested"),
        "upkeep_per_day": values.value("upkeep_per_day"),
        "variants": {
            name: _formula_variant(values, settings, name) for name in (conditions.baseline, conditions.candidate)
        },
    }


def _formula_variant(values: Account, settings: RoiSettings, name: str) -> dict[str, Any]:
    way = values.way(name)
    second = None if way.second is None else _formula_call(values, settings, way.second)
    return {**_formula_call(values, settings, way), "sent": values.inputs.get(f"{name}.sent"), "second": second}


def _formula_call(values: Account, settings: RoiSettings, way: Way) -> dict[str, Any]:
    name, table = way.variant, settings.variants.get(way.variant, VariantMoney())
    unlisted = table.price_cached is None and (table.listed is None or table.listed.cached is None)

    def inputs(*keys: str) -> dict[str, Any]:
        return {key: values.inputs.get(f"{name}.{key}") for key in keys}

    return {
        **inputs(*TOKENS),
        **{key: way.value(key) for key in PRICES},
        **inputs(*_MEASURES),
        "price_cached_unknown": unlisted and way.value("price_cached") is not None,
        "cached_share_stated": table.cached_share is not None,
        **inputs("min_cached_tokens"),
        "prices_like": table.like,
        "free": way.free,
        "metered": way.metered and not way.free,
        "self_hosted": table.self_hosted,
        **inputs(*_MACHINE),
    }


def read_inputs(inputs: Mapping[str, Any]) -> Account:
    """The values of `money.formula_inputs` as stored in results.json.

    Raises:
        ValueError: `[roi]` does not accept the horizon.
    """
    plan = {key: _exact(inputs[key]) for key in _PLAN}
    if not 0 <= plan["horizon_days"] <= CENTURY:
        raise ValueError(f"a horizon of {plan['horizon_days']} days")
    plan["running.days_to_retirement"] = _exact(inputs["days_to_retirement"])
    variants = {name: inputs["variants"][name] for name in (inputs["baseline"], inputs["candidate"])}
    seconds = {f"{name}{_PART}": variant["second"] for name, variant in variants.items() if variant.get("second")}
    for name, variant in (calls := {**variants, **seconds}).items():
        keys = (*TOKENS, *PRICES, *_MEASURES, "min_cached_tokens", *_MACHINE)
        plan |= {f"{name}.{key}": _exact(variant.get(key)) for key in keys} | {
            f"{name}.sent": _exact(variant.get("sent"))
        }
    conditions = Conditions(
        inputs["baseline"],
        inputs["candidate"],
        currency=inputs["currency"],
        failures=inputs["failures"],
        batch=inputs["requests_total"] is not None,
        hosted=_where(calls, "self_hosted"),
        metered=_where(calls, "metered"),
        free=_where(calls, "free"),
        cascades={name: (name, name, f"{name}{_PART}") for name in variants if f"{name}{_PART}" in seconds},
        cache_stated=_where(calls, "cached_share_stated"),
    )
    given = {key: _exact(inputs[key]) for key in ("investment", "upkeep_per_day")}
    return Account({key: value for key, value in plan.items() if value is not None}, conditions, given=given)


def _where(calls: Mapping[str, Mapping[str, Any]], key: str) -> frozenset[str]:
    return frozenset(name for name, call in calls.items() if call.get(key))


def _exact(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Decimal(repr(value)) if number else value
