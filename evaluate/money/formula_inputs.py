"""What the formulas of the money take in, as plain numbers: enough to count every point figure again, elsewhere.

The report's page does so in the browser, for a reader who does not believe one of the numbers.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .formulas import ZERO, Option
from .options import TOKENS, Plan, price
from .roi_numbers import CENTURY
from .roi_settings import RoiSettings, VariantMoney

__all__ = ["formula_inputs", "read_inputs"]

PRICES = ("price_input", "price_cached", "price_cache_write", "price_output")
MEASURES = ("cached_share", "acceptance", "extra_calls", "rescued", "requests_per_second")


def formula_inputs(
    values: Mapping[str, Decimal], settings: RoiSettings, plan: Plan, baseline: str, candidate: str
) -> dict[str, Any]:
    """`money.formula_inputs`: the plan, and both variants as their cost sees them, prices in the currency of `[roi]`.

    None where a number is unknown. A price of cached tokens or of a cache write that is None is the input price; a
    `cached_share` that is stated counts only from `min_cached_tokens` on; `prices_like` is the variant whose prices
    these are, as both run on the same model. The horizon ends after `days_to_retirement`, where
    that is known, and what is not paid back by then never is.
    """
    return {
        "baseline": baseline,
        "candidate": candidate,
        "currency": settings.currency,
        "failures": plan.failures,
        "failure_cost": plan.failure_cost,
        "tries": plan.tries,
        "requests_per_day": plan.requests_per_day,
        "requests_total": plan.requests_total,
        "ramp_days": plan.ramp_days,
        "horizon_days": values.get("horizon_days", ZERO),
        "days_to_retirement": values.get("running.days_to_retirement"),
        "discount_rate": plan.discount_rate,
        "target_payback_days": values.get("target_payback_days"),
        "investment": plan.investment,
        "upkeep_per_day": plan.upkeep_per_day,
        "variants": {name: _variant(values, settings, name) for name in (baseline, candidate)},
    }


def _variant(values: Mapping[str, Decimal], settings: RoiSettings, name: str) -> dict[str, Any]:
    table = settings.variants.get(name, VariantMoney())
    return {
        **{key: values.get(f"{name}.{key}") for key in TOKENS},
        **{key: price(values, settings, name, key) for key in PRICES},
        **{key: values.get(f"{name}.{key}") for key in MEASURES},
        "cached_share_stated": table.cached_share is not None,
        "min_cached_tokens": values.get(f"{name}.min_cached_tokens"),
        "prices_like": table.like,
        "self_hosted": table.self_hosted,
        "hourly": values.get(f"{name}.hourly"),
        "min_replicas": values.get(f"{name}.min_replicas"),
        "peak_factor": values.get(f"{name}.peak_factor"),
    }


def read_inputs(inputs: Mapping[str, Any]) -> tuple[Option | None, Option | None, Plan]:
    """The baseline, the candidate and the plan of `money.formula_inputs`, as results.json holds them.

    An option is None where a price or a token count is unknown.

    Raises:
        ValueError: the horizon is none that `[roi]` takes.
    """
    found = {key: _exact(value) for key, value in inputs.items()}
    horizon, left = found["horizon_days"], found["days_to_retirement"]
    if not 0 <= horizon <= CENTURY:
        raise ValueError(f"a horizon of {horizon} days")
    plan = Plan(
        failures=inputs["failures"],
        failure_cost=found["failure_cost"],
        tries=int(inputs["tries"]),
        requests_per_day=found["requests_per_day"],
        requests_total=found["requests_total"],
        ramp_days=found["ramp_days"],
        horizon_days=horizon if left is None else min(horizon, left),
        discount_rate=found["discount_rate"],
        investment=found["investment"],
        upkeep_per_day=found["upkeep_per_day"],
        lifetime_days=left,
    )
    options = [_option(inputs["variants"][inputs[role]], plan) for role in ("baseline", "candidate")]
    return options[0], options[1], plan


def _exact(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Decimal(repr(value)) if number else value


def _option(variant: Mapping[str, Any], plan: Plan) -> Option | None:
    given = {key: _exact(value) for key, value in variant.items()}
    shared = {key: given[key] for key in ("acceptance", "extra_calls", "rescued")}
    if given["self_hosted"]:
        shared |= {key: given[key] or ZERO for key in TOKENS}
        rate = given["requests_per_second"]
        if plan.requests_total is None:
            return Option(**shared, requests_per_second=rate,
                          **{key: given[key] for key in ("hourly", "min_replicas", "peak_factor")})  # fmt: skip
        if not rate:
            return None
        return Option(**shared, per_request=given["hourly"] / (3600 * rate), requests_per_second=rate)
    if any(given[key] is None for key in (*TOKENS, "price_input", "price_output")):
        return None
    share = given["cached_share"] or ZERO
    if given["cached_share_stated"] and given["fixed_tokens"] < given["min_cached_tokens"]:
        share = ZERO
    missing = given["price_input"]  # what cached tokens and writing to the cache cost where nobody says
    prices = {key: missing if given[key] is None else given[key] for key in PRICES}
    return Option(**shared, **{key: given[key] for key in TOKENS}, **prices, cached_share=share)
