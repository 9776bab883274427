"""Every input of the money, with its unit, its range and its source."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from ....core import say
from ...results import Good
from ..figures import Conditions
from ..request import PRICES
from .measured import MeasuredVariant, TrainingCost, part_name
from .origins import priced_by
from .quantity import Quantity, quantity_of, stated_input
from .settings import RoiSettings, Triangular, VariantMoney
from .variant_inputs import variant_inputs

# Any of these keys answers what training costs, and what keeping the tuned model up costs.
INVESTED = {f"investment.{key}" for key in ("compute", "labelling_pairs", "engineering_hours", "evaluation")}
PRICED = (
    {"investment.compute_hours", "investment.compute_hourly"},
    {"investment.training_tokens", "investment.training_price"},
)
KEPT_UP = {
    f"running.{key}"
    for key in ("monitoring_hours_per_month", "retrain_every_days", "style_changes_per_year", "per_month")
}


def collect_quantities(
    settings: RoiSettings,
    names: list[str],
    measured: Mapping[str, MeasuredVariant],
    training: TrainingCost | None,
    *,
    today: date,
) -> dict[str, Quantity]:
    """All inputs by dotted key; stated values override measured ones and are marked as stated."""
    quantities = [
        stated_input(settings, "requests_per_day", settings.requests_per_day, "requests a day"),
        stated_input(settings, "requests_total", settings.requests_total, "requests"),
        stated_input(settings, "ramp_days", settings.ramp_days, "days"),
        stated_input(settings, "horizon_days", settings.horizon_days, "days"),
        stated_input(settings, "target_payback_days", settings.target_payback_days, "days"),
        stated_input(settings, "discount_rate", settings.discount_rate, "a year"),
        stated_input(settings, "failure_cost", settings.failure_cost, f"{settings.currency} an output"),
        stated_input(settings, "facts_failure_cost", settings.facts_failure_cost, f"{settings.currency} an output"),
        stated_input(settings, "tries", Decimal(settings.tries), "calls"),
    ]
    if settings.requests_total is not None:
        quantities = [quantity for quantity in quantities if quantity.key not in _ONLY_DAILY]
    quantities += [_lifetime(settings, today)] if settings.running.base_model_retires else []
    quantities += _section(settings, "investment", _INVESTMENT, training)
    if settings.requests_total is None:
        quantities += _section(settings, "running", _RUNNING, None)
    for name, rate in settings.exchange.items():
        if name != "date":
            detail = f"rate of {settings.exchange['date']}" if "date" in settings.exchange else "rate without a date"
            quantities.append(
                quantity_of(f"exchange.{name}", rate, f"{settings.currency} per {name}", "stated", detail)
            )
    for name in names:
        quantities += variant_inputs(settings, name, measured.get(name))
    known = {q.key: q for q in quantities if q.value is not None or q.key in _REQUIRED}
    return known | _unknown_cached_prices(settings, known)


def _unknown_cached_prices(settings: RoiSettings, known: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """A range for each unknown price of cached tokens where some are cached: from 0 to the input price."""
    found = {}
    for key, quantity in known.items():
        name, _, what = key.rpartition(".")
        table = settings.variants.get(name)
        if what not in ("cached_share", "cached_tokens") or not quantity.value or table is None or not table.metered:
            continue
        price = f"{table.like or name}.price_cached"
        fresh = known.get(f"{table.like or name}.price_input")
        if price not in known and fresh is not None and fresh.value is not None:
            high = fresh.value if fresh.range is None else fresh.range.high
            detail = "unknown, so from 0 to the input price, a range of Tuneworth's own; state it"
            ends = Triangular(Decimal(0), fresh.value / 2, high)
            found[price] = quantity_of(price, ends, fresh.unit, "default", detail)
    return found


_REQUIRED = ("requests_per_day",)


_ONLY_DAILY = ("requests_per_day", "ramp_days", "horizon_days", "target_payback_days", "discount_rate")


_INVESTMENT = {
    "compute": "CURRENCY",
    "compute_hours": "hours",
    "compute_hourly": "CURRENCY an hour",
    "compute_runs": "runs",
    "training_price": "CURRENCY per million training tokens",
    "training_tokens": "tokens",
    "labelling_pairs": "pairs",
    "labelling_minutes": "minutes a pair",
    "labelling_hourly": "CURRENCY an hour",
    "engineering_hours": "hours",
    "engineering_hourly": "CURRENCY an hour",
    "evaluation": "CURRENCY",
    "already_spent": "CURRENCY, shown, not counted",
}


_RUNNING = {
    "monitoring_hours_per_month": "hours a month",
    "monitoring_hourly": "CURRENCY an hour",
    "retrain_every_days": "days",
    "retrain_cost": "CURRENCY",
    "style_changes_per_year": "a year",
    "per_month": "CURRENCY a month",
}


def _section(
    settings: RoiSettings, section: str, units: Mapping[str, str], training: TrainingCost | None
) -> list[Quantity]:
    table = getattr(settings, section)
    quantities = []
    for key, unit in units.items():
        unit = unit.replace("CURRENCY", settings.currency)
        value = getattr(table, key)
        if key == "compute" and (charged := charged_cost(settings, training)) is not None:
            assert training is not None
            detail = f"this run, trained at {training.source}"
            quantities.append(quantity_of(f"{section}.{key}", charged, unit, "measured", detail))
            continue
        hours = None if training is None else training.hours
        if key == "compute_hours" and value is None and hours is not None and table.compute is None:
            detail = "this run" if table.compute_hourly else "this run; not counted until compute_hourly is stated"
            quantities.append(quantity_of(f"{section}.{key}", Decimal(repr(hours)), unit, "measured", detail))
            continue
        if key == "training_tokens" and value is None and training is not None and training.tokens is not None:
            if settings.investment.training_price is not None:
                tokens = Decimal(repr(training.tokens))
                quantities.append(quantity_of(f"{section}.{key}", tokens, unit, "measured", "this run, all epochs"))
            continue
        quantities.append(stated_input(settings, f"{section}.{key}", value, unit))
    return quantities


def charged_cost(settings: RoiSettings, training: TrainingCost | None) -> Decimal | None:
    """What a provider charged for this run's training, in the currency of `[roi]`; None if the investment states its compute
    in any way, or the charge's currency has no rate."""
    table = settings.investment
    stated = (table.compute, table.compute_hours, table.compute_hourly, table.training_price)
    if training is None or training.cost is None or any(value is not None for value in stated):
        return None
    cost = Decimal(repr(training.cost))
    if training.currency == settings.currency:
        return cost
    rate = settings.exchange.get(training.currency)
    return None if rate is None else cost * (rate.likely if isinstance(rate, Triangular) else rate)


def uncounted_cost(settings: RoiSettings, training: TrainingCost | None) -> list[str]:
    """A warning if the charge for the training is in a currency without a rate."""
    if training is None or training.cost is None or training.currency in (settings.currency, *settings.exchange):
        return []
    charge = f"{say.money(training.cost, training.currency)} for the training at {training.source}"
    rate = f'exchange = {{ {training.currency} = RATE, date = "..." }}'
    return [f"roi.investment: {charge} is not counted, since [roi] uses {settings.currency}; state {rate}, or compute"]


def _lifetime(settings: RoiSettings, today: date) -> Quantity:
    retires = settings.running.base_model_retires
    assert isinstance(retires, date)
    remaining = Decimal(max((retires - today).days, 0))
    detail = f"base model retires on {retires}, counted from {today}"
    return quantity_of("running.days_to_retirement", remaining, "days", "stated", detail)


def conditions_of(
    settings: RoiSettings, baseline: str, candidate: str, measured: Mapping[str, MeasuredVariant] | None = None, *,
    good: Good = "acceptable",
) -> Conditions:  # fmt: skip
    """What the formulas need from the settings and the run apart from their numbers."""
    runs = measured or {}
    variants, currency = settings.variants, settings.currency
    listed = {f"{name}.{key}": _listed_currency(table, key) for name, table in variants.items() for key in PRICES}
    return Conditions(
        baseline,
        candidate,
        currency=currency,
        failures=settings.failures,
        good=good,
        batch=settings.requests_total is not None,
        hosted=frozenset(name for name, table in variants.items() if table.self_hosted),
        metered=frozenset(name for name, table in variants.items() if table.metered and table.self_hosted),
        cache_stated=frozenset(name for name, table in variants.items() if table.cached_share is not None),
        exchanged={key: foreign for key, foreign in listed.items() if foreign is not None and foreign != currency},
        free=frozenset(name for name, run in runs.items() if run.free),
        cascades={name: (run.of[0], run.of[1], part_name(name, run)) for name, run in runs.items() if run.second},
        like={f"{name}.{key}": f"{table.like}.{key}" for name, table in variants.items() for key in _taken(table)},
    )


def _taken(table: VariantMoney) -> list[str]:
    """The keys whose input is that of the table's owner; a list price that depends on the prompt's length may differ."""
    if table.like is None:
        return []
    tiers = {} if table.listed is None else table.listed.tiers
    return [key for key in table.copied if key.removeprefix("price_") not in tiers or not key.startswith("price_")]


def _listed_currency(table: VariantMoney, key: str) -> str | None:
    """The price list's currency if this price comes from the list; None if the price is stated."""
    if table.listed is None:
        return None
    stated = getattr(table, key)
    return table.listed.currency if stated is None or (key == "price_cache_write" and stated == 0) else None


def missing_keys(
    settings: RoiSettings,
    values: Mapping[str, Decimal],
    names: Sequence[str],
    measured: Mapping[str, MeasuredVariant],
) -> list[str]:
    """The keys of the project file that must be stated before the money can be computed.

    What a derived variant lacks is missing from the variant that it is made from. The investment and the upkeep count as
    0 until they are stated, but a decision for training needs them: 0 is an answer too.
    """
    missing = []
    if settings.requests_per_day is None and settings.requests_total is None:
        missing.append("roi.requests_per_day")
    owners = [owner for name in names for owner in priced_by(settings, name, measured)]
    for name in dict.fromkeys(owners):
        table = settings.variants.get(name)
        if table is not None and not table.metered:
            needed = ["requests_per_second"]
        elif table is None or not table.priced:
            needed = ["price_input", "price_output", "fixed_tokens", "input_tokens", "output_tokens"]
        else:
            needed = ["fixed_tokens", "input_tokens", "output_tokens"]
            needed += ["requests_per_second"] if table.self_hosted else []
        missing += [f"roi.{name}.{key}" for key in needed if f"{name}.{key}" not in values]
        if settings.failures != "ignore" and name in names and f"{name}.acceptance" not in values:
            missing.append(f"roi.{name}.acceptance")
    return missing + [key for key, known in _spending(settings, values).items() if not known]


def _spending(settings: RoiSettings, values: Mapping[str, Decimal]) -> dict[str, bool]:
    """Whether the investment and the upkeep are stated, or measured and priced; a one-off batch has no upkeep."""
    trained = any(both <= set(values) for both in PRICED)
    charged = "investment.compute" in values  # by the provider that trained the run
    known = {"roi.investment": trained or charged or not settings.stated.isdisjoint(INVESTED)}
    return (
        known
        if settings.requests_total is not None
        else known | {"roi.running": not settings.stated.isdisjoint(KEPT_UP)}
    )
