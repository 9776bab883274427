"""From named values to the two options and the plan, and from those to the figures of the comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from .formulas import (
    DAYS_A_MONTH,
    ONE,
    ZERO,
    Option,
    calls_of,
    cost_per_request,
    effective_cost_of,
    machine_cost_per_day,
    net_present_value,
    payback_days,
)
from .roi_settings import RoiSettings

__all__ = ["Figures", "Plan", "cost_with_machines", "figures", "parts", "price", "read_option", "read_plan"]

DAYS_A_YEAR = Decimal("365.25")
TOKENS = ("fixed_tokens", "input_tokens", "output_tokens")


@dataclass(frozen=True)
class Plan:
    """What both options share: volume, time, what a failure costs, what is invested and what keeps running.

    `upkeep_per_day` is the candidate's monitoring, retraining and style changes, without machines. After
    `lifetime_days` the base model is gone and nothing is saved any more; None where no such day is known.
    """

    failures: str
    failure_cost: Decimal | None
    tries: int
    requests_per_day: Decimal | None
    requests_total: Decimal | None
    ramp_days: Decimal
    horizon_days: Decimal
    discount_rate: Decimal
    investment: Decimal
    upkeep_per_day: Decimal
    lifetime_days: Decimal | None = None


@dataclass(frozen=True)
class Figures:
    """Point figures, (baseline, candidate) where there are two.

    None where a price, a token count, an acceptance or a volume is missing; `payback_days` also for never.
    """

    cost: tuple[Decimal | None, Decimal | None]
    effective: tuple[Decimal | None, Decimal | None]
    machines: tuple[Decimal, Decimal]
    spend_per_day: tuple[Decimal | None, Decimal | None]
    saving_per_request: Decimal | None
    saving_share: Decimal | None
    saving_per_day: Decimal | None
    running_per_day: Decimal
    payback_days: Decimal | None
    saving_total: Decimal | None
    npv: Decimal | None


def read_option(values: Mapping[str, Decimal], settings: RoiSettings, name: str) -> Option | None:
    """The option that these values describe; None where a price or a token count is missing."""
    table = settings.variants.get(name)
    if table is not None and table.self_hosted:
        return _hosted(values, settings, name)
    if any(f"{name}.{key}" not in values for key in (*TOKENS, "price_input", "price_output")):
        return None
    share = values.get(f"{name}.cached_share", ZERO)
    stated = table is not None and table.cached_share is not None
    if stated and values[f"{name}.fixed_tokens"] < values[f"{name}.min_cached_tokens"]:
        share = ZERO  # a shorter prompt is never cached; a measured share needs no such rule
    price_input = price(values, settings, name, "price_input") or ZERO
    cached = price(values, settings, name, "price_cached")
    write = price(values, settings, name, "price_cache_write")
    option = Option(
        **{key: values[f"{name}.{key}"] for key in TOKENS},
        price_input=price_input,
        price_cached=price_input if cached is None else cached,
        price_cache_write=price_input if write is None else write,
        price_output=price(values, settings, name, "price_output") or ZERO,
        cached_share=share,
    )
    return _tried_again(option, values, name)


def _tried_again(option: Option, values: Mapping[str, Decimal], name: str) -> Option:
    """The option with its acceptance, and with what repeated outputs showed of trying again."""
    acceptance, extra, rescued = (values.get(f"{name}.{key}") for key in ("acceptance", "extra_calls", "rescued"))
    return replace(option, acceptance=acceptance, extra_calls=extra, rescued=rescued)


def _hosted(values: Mapping[str, Decimal], settings: RoiSettings, name: str) -> Option | None:
    hourly, rate = values[f"{name}.hourly"], values.get(f"{name}.requests_per_second")
    tokens = {key: values.get(f"{name}.{key}", ZERO) for key in TOKENS}
    option = _tried_again(Option(**tokens), values, name)
    if settings.requests_total is None:
        return replace(
            option,
            hourly=hourly,
            requests_per_second=rate,
            min_replicas=values[f"{name}.min_replicas"],
            peak_factor=values[f"{name}.peak_factor"],
        )
    # A batch needs its machine only while it runs, so the hours are the requests' own.
    return None if not rate else replace(option, per_request=hourly / (3600 * rate), requests_per_second=rate)


def price(values: Mapping[str, Decimal], settings: RoiSettings, name: str, key: str) -> Decimal | None:
    """A price in the currency of `[roi]`; what the price list says is exchanged, what is stated is in it already."""
    value = values.get(f"{name}.{key}")
    foreign = listed_currency(settings, name, key)
    if value is None or foreign is None or foreign == settings.currency:
        return value
    return value * values[f"exchange.{foreign}"]


def listed_currency(settings: RoiSettings, name: str, key: str) -> str | None:
    """The price list's currency where this price comes from the list, None where it is stated."""
    table = settings.variants.get(name)
    if table is None or table.listed is None:
        return None
    stated = getattr(table, key)
    return table.listed.currency if stated is None or (key == "price_cache_write" and stated == 0) else None


def read_plan(values: Mapping[str, Decimal], settings: RoiSettings) -> Plan:
    """What these values say of volume, time, investment and upkeep; the horizon ends when the base model retires."""
    horizon = values.get("horizon_days", ZERO)
    retirement = values.get("running.days_to_retirement")
    return Plan(
        failures=settings.failures,
        failure_cost=values.get("failure_cost"),
        tries=settings.tries,
        requests_per_day=values.get("requests_per_day"),
        requests_total=values.get("requests_total"),
        ramp_days=values.get("ramp_days", ZERO),
        horizon_days=horizon if retirement is None else min(horizon, retirement),
        discount_rate=values.get("discount_rate", ZERO),
        investment=_investment(values),
        upkeep_per_day=_upkeep(values),
        lifetime_days=retirement,
    )


def _investment(values: Mapping[str, Decimal]) -> Decimal:
    def of(key: str) -> Decimal:
        return values.get(f"investment.{key}", ZERO)

    compute = of("compute") + of("compute_hours") * of("compute_hourly") * of("compute_runs")
    labelling = of("labelling_pairs") * of("labelling_minutes") / 60 * of("labelling_hourly")
    return compute + labelling + of("engineering_hours") * of("engineering_hourly") + of("evaluation")


def _upkeep(values: Mapping[str, Decimal]) -> Decimal:
    def of(key: str) -> Decimal:
        return values.get(f"running.{key}", ZERO)

    monitoring = of("monitoring_hours_per_month") * of("monitoring_hourly") / DAYS_A_MONTH
    every = of("retrain_every_days")
    retraining = of("retrain_cost") / every if every else ZERO
    return monitoring + retraining + of("style_changes_per_year") * of("retrain_cost") / DAYS_A_YEAR


def figures(baseline: Option | None, candidate: Option | None, plan: Plan) -> Figures:
    """Every point figure of the comparison, from the formulas in REFERENCE order: cost, saving, payback, value."""
    pair = (baseline, candidate)
    cost = tuple(None if option is None else cost_per_request(option) for option in pair)
    effective = tuple(effective_of(option, plan) for option in pair)
    machines = tuple(ZERO if option is None else _machines(option, plan) for option in pair)
    running = plan.upkeep_per_day + machines[1] - machines[0]
    spend = tuple(
        None if each is None or plan.requests_per_day is None else plan.requests_per_day * each + machine
        for each, machine in zip(effective, machines, strict=True)
    )
    before, after = effective
    saved = None if before is None or after is None else before - after
    found = Figures(
        cost=(cost[0], cost[1]),
        effective=(before, after),
        machines=(machines[0], machines[1]),
        spend_per_day=(spend[0], spend[1]),
        saving_per_request=saved,
        saving_share=None,
        saving_per_day=None,
        running_per_day=running,
        payback_days=None,
        saving_total=None,
        npv=None,
    )
    if saved is None or before is None:
        return found
    always_on = machines != (ZERO, ZERO)
    share = None if before == 0 else saved / before
    if always_on:
        share = None if not spend[0] or spend[1] is None else 1 - spend[1] / spend[0]
    found = replace(found, saving_share=share)
    if plan.requests_total is not None:
        total = plan.requests_total * saved
        return replace(found, saving_total=total, npv=total - plan.investment)
    if plan.requests_per_day is None:
        return found
    gross = plan.requests_per_day * saved
    return replace(
        found,
        saving_per_day=gross - running,
        payback_days=in_lifetime(payback_days(plan.investment, gross, running, plan.ramp_days), plan),
        npv=net_present_value(
            plan.investment,
            gross,
            running,
            horizon_days=plan.horizon_days,
            discount_rate=plan.discount_rate,
            ramp_days=plan.ramp_days,
        ),
    )


def in_lifetime(days: Decimal | None, plan: Plan) -> Decimal | None:
    """The payback, or None for never where the base model is gone before it."""
    return None if days is None or (plan.lifetime_days is not None and days > plan.lifetime_days) else days


def effective_of(option: Option | None, plan: Plan) -> Decimal | None:
    """The option's effective cost of one request under the plan; None where it cannot be said."""
    if option is None:
        return None
    return effective_cost_of(option, failures=plan.failures, failure_cost=plan.failure_cost, tries=plan.tries)


def cost_with_machines(option: Option | None, plan: Plan) -> Decimal | None:
    """What one output of the option costs with its part of a day's machines; None where it cannot be said.

    Per acceptable output where failures are ignored or dropped, per request with what its failures cost where they are
    mended or tried again: a day's spend by the outputs that a day brings. Machines without a volume have no such part.
    """
    effective = effective_of(option, plan)
    if option is None or effective is None:
        return None
    machines, volume = _machines(option, plan), plan.requests_per_day
    if machines and not volume:
        return None
    cost = effective + (machines / volume if machines and volume else ZERO)
    if plan.failures != "ignore":
        return cost
    return cost / option.acceptance if option.acceptance else None


def _machines(option: Option, plan: Plan) -> Decimal:
    calls = calls_of(option, plan.failures, plan.tries)
    return machine_cost_per_day(option, plan.requests_per_day, ONE if calls is None else calls)


def parts(baseline: Option, candidate: Option, plan: Plan) -> dict[str, Decimal | None]:
    """What the saving per request is made of; one thing is replaced at a time, so the three add up to it.

    guide: the candidate's fixed prompt in the baseline; model: then its prices and its tokens per request; failures:
    then its acceptance.
    """
    without_guide = replace(baseline, fixed_tokens=candidate.fixed_tokens, cached_share=candidate.cached_share)
    other_model = replace(
        candidate, acceptance=baseline.acceptance, extra_calls=baseline.extra_calls, rescued=baseline.rescued
    )
    steps = [effective_of(option, plan) for option in (baseline, without_guide, other_model, candidate)]
    names = ("guide", "model", "failures")
    return {
        name: None if before is None or after is None else before - after
        for name, before, after in zip(names, steps, steps[1:], strict=False)
    }
