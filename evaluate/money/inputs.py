"""Every input of the money, with its unit, its range and its source."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from math import comb
from typing import Any

import numpy as np

from .figures import Conditions
from .request import PRICES, TOKENS
from .settings import Number, RoiSettings, Triangular, VariantMoney

__all__ = [
    "MEASURED",
    "MeasuredVariant",
    "Quantity",
    "TrainingCost",
    "collect_quantities",
    "conditions_of",
    "part_name",
]


@dataclass(frozen=True)
class MeasuredVariant:
    """What a run measured for one variant, per item, in the same order as for all other variants.

    `fixed_tokens` are the guide, the few-shot examples and the template; `input_tokens` `(n,)` the content of each item
    alone, NaN if a provider did not report it. `acceptable` `(n,)` is 0 or 1, or the mean over repeats. `cached_share`
    is the part of the fixed prompt that came from the prompt cache. `repeats` `(n, k)` says whether each repeated output
    was acceptable, which shows the effect of retries. `guide_tokens` and `few_shot_tokens` are the parts of the fixed
    tokens for the guide and the examples. `tuned` says whether the variant needed training; `model` names its model.

    `of` are the variants that this one is made from, whose prices it has unless it has its own. A `free` variant calls no
    model. A cascade is made from two: `sent` `(n,)` says which items its second variant answered (0 or 1, or the mean over
    repeats), and the tokens of `second` are those of these calls, 0 for items that were not sent on; its
    `fixed_tokens` are those of one call.
    """

    fixed_tokens: float | None
    input_tokens: np.ndarray | None
    output_tokens: np.ndarray | None
    acceptable: np.ndarray | None
    cached_share: float | None = None
    requests_per_second: float | None = None
    repeats: np.ndarray | None = None
    guide_tokens: float | None = None
    few_shot_tokens: float | None = None
    tuned: bool = False
    model: str | None = None
    of: tuple[str, ...] = ()
    free: bool = False
    sent: np.ndarray | None = None
    second: "MeasuredVariant | None" = None

    def __post_init__(self) -> None:
        """A cascade has two variants, of which neither is a cascade."""
        if (self.sent is None) != (self.second is None):
            raise ValueError("a cascade needs both: which items are sent on, and the tokens of their second calls")
        if self.second is not None and (len(self.of) != 2 or self.second.second is not None):
            raise ValueError(f"a cascade is made from two variants, neither of which is a cascade; found {self.of}")


@dataclass(frozen=True)
class TrainingCost:
    """The hours and tokens of this run's training, all epochs included.

    They cost nothing until `[roi.investment]` states compute_hourly or training_price.
    """

    hours: float
    tokens: float | None = None


@dataclass(frozen=True)
class Quantity:
    """One input: its point value (None if unknown), its range if it has one, and its source.

    `source` is measured, stated, price list or default. `items` are the measured values per item; with `per`, also per
    item, the value is the mean of `items` divided by the mean of `per`.
    """

    key: str
    value: Decimal | None
    unit: str
    source: str
    range: Triangular | None = None
    detail: str | None = None
    items: np.ndarray | None = None
    per: np.ndarray | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of `money.assumptions`."""
        entry: dict[str, Any] = {"key": self.key, "value": None if self.value is None else float(self.value)}
        entry |= {"unit": self.unit, "source": self.source}
        if self.range is not None:
            entry["range"] = [float(end) for end in self.range]
        return entry | ({"detail": self.detail} if self.detail else {})


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
        _stated(settings, "requests_per_day", settings.requests_per_day, "requests a day"),
        _stated(settings, "requests_total", settings.requests_total, "requests"),
        _stated(settings, "ramp_days", settings.ramp_days, "days"),
        _stated(settings, "horizon_days", settings.horizon_days, "days"),
        _stated(settings, "target_payback_days", settings.target_payback_days, "days"),
        _stated(settings, "discount_rate", settings.discount_rate, "a year"),
        _stated(settings, "failure_cost", settings.failure_cost, f"{settings.currency} an output"),
        _stated(settings, "tries", Decimal(settings.tries), "calls"),
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
            quantities.append(_quantity(f"exchange.{name}", rate, f"{settings.currency} per {name}", "stated", detail))
    for name in names:
        run = measured.get(name)
        quantities += _free(settings, name, run) if run is not None and run.free else _variant(settings, name, run)
        quantities += _retried(settings, name, run)
        quantities += [] if run is None or run.second is None else _second_call(settings, name, run, run.second)
    return {
        quantity.key: quantity for quantity in quantities if quantity.value is not None or quantity.key in _REQUIRED
    }


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
        if key == "compute_hours" and value is None and training is not None and table.compute is None:
            detail = "this run" if table.compute_hourly else "this run; not counted until compute_hourly is stated"
            quantities.append(_quantity(f"{section}.{key}", Decimal(repr(training.hours)), unit, "measured", detail))
            continue
        if key == "training_tokens" and value is None and training is not None and training.tokens is not None:
            if settings.investment.training_price is not None:
                tokens = Decimal(repr(training.tokens))
                quantities.append(_quantity(f"{section}.{key}", tokens, unit, "measured", "this run, all epochs"))
            continue
        quantities.append(_stated(settings, f"{section}.{key}", value, unit))
    return quantities


def _lifetime(settings: RoiSettings, today: date) -> Quantity:
    retires = settings.running.base_model_retires
    assert isinstance(retires, date)
    remaining = Decimal(max((retires - today).days, 0))
    detail = f"base model retires on {retires}, counted from {today}"
    return _quantity("running.days_to_retirement", remaining, "days", "stated", detail)


def part_name(name: str, run: MeasuredVariant) -> str:
    """The name of a cascade's second call, as the keys of its numbers have it."""
    return f"{name}: {run.of[1]}"


def _free(settings: RoiSettings, name: str, run: MeasuredVariant) -> list[Quantity]:
    """The numbers of a variant that calls no model: no tokens, and a measured or stated acceptance."""
    tokens = [
        Quantity(f"{name}.{key}", Decimal(0), MEASURED[key], "measured", None, "no model is called") for key in TOKENS
    ]
    return [*tokens, *_variant(settings, name, replace(run, input_tokens=None, output_tokens=None, fixed_tokens=None))]


def _second_call(settings: RoiSettings, name: str, run: MeasuredVariant, second: MeasuredVariant) -> list[Quantity]:
    """The share of requests that a cascade sends on, and the numbers of their second call, whose tokens are means per call."""
    assert run.sent is not None
    part, sent = part_name(name, run), np.asarray(run.sent, dtype=float)
    quantities = _measured(f"{name}.sent", sent, "of requests")
    rest = replace(second, input_tokens=None, output_tokens=None, acceptable=None)
    quantities += _variant(settings, part, rest)
    for key in ("input_tokens", "output_tokens"):
        tokens = getattr(second, key)
        if tokens is not None:
            known = np.where(
                np.isnan(tokens), 0.0, sent
            )  # a call whose tokens are unknown says nothing about their mean
            detail = f"of the requests that {run.of[0]} did not answer well enough"
            quantities.append(_ratio(f"{part}.{key}", tokens, known, "tokens a call", detail, Decimal(0)))
    return quantities


def _variant(settings: RoiSettings, name: str, run: MeasuredVariant | None) -> list[Quantity]:
    table = settings.variants.get(name, VariantMoney())
    quantities = []
    for key, unit in MEASURED.items():
        stated = getattr(table, key, None)
        values = None if run is None else getattr(run, "acceptable" if key == "acceptance" else key)
        if stated is None and values is not None:
            less = _fixed_within(table, run) if key == "input_tokens" else None
            quantities += _measured(f"{name}.{key}", values, unit, less)
        else:
            overrides = (
                "stated in place of what the run measured" if values is not None and stated is not None else None
            )
            quantities.append(_stated(settings, f"{name}.{key}", stated, unit, overrides))
    quantities.append(_stated(settings, f"{name}.min_cached_tokens", table.min_cached_tokens, "tokens"))
    quantities.append(_stated(settings, f"{name}.short_guide_tokens", table.short_guide_tokens, "tokens a request"))
    if table.self_hosted:
        quantities.append(_stated(settings, f"{name}.hourly", table.hourly, f"{settings.currency} a replica-hour"))
        quantities.append(_stated(settings, f"{name}.min_replicas", Decimal(table.min_replicas), "replicas"))
        quantities.append(_stated(settings, f"{name}.peak_factor", table.peak_factor, "peak / mean"))
    known = {quantity.key: quantity.value for quantity in quantities}
    prompt = sum((known.get(f"{name}.{key}") or Decimal(0) for key in ("fixed_tokens", "input_tokens")), Decimal(0))
    return _prices(settings, name, table, prompt) + quantities


def _retried(settings: RoiSettings, name: str, run: MeasuredVariant | None) -> list[Quantity]:
    """What repeated outputs show about retries: how many more calls a first failure takes, and how many it rescues.

    Of k outputs of an item with c acceptable ones, in any order, the first j all fail with probability
    C(k-c, j) / C(k, j). This needs at least as many outputs of each item as tries, and a measured acceptance.
    """
    table = settings.variants.get(name, VariantMoney())
    if settings.failures != "retry" or settings.tries < 2:
        return []
    repeats = None if run is None or table.acceptance is not None else run.repeats
    if repeats is None or np.isnan(repeats).any() or repeats.shape[1] < settings.tries or not len(repeats):
        k = 0 if repeats is None else repeats.shape[1]
        why = f"{k} outputs of each item for {settings.tries} tries" if k > 1 else "no repeated outputs to measure it"
        detail = f"failures of one item are assumed to be independent, which favours retries: {why}"
        return [_quantity(f"{name}.independent_tries", Decimal(settings.tries), "calls at most", "default", detail)]
    k = repeats.shape[1]
    failed = k - repeats.sum(axis=1).astype(int)
    all_fail = [np.array([comb(f, j) / comb(k, j) for f in failed.tolist()]) for j in range(settings.tries + 1)]
    extra, rescued = np.sum(all_fail[1 : settings.tries], axis=0), all_fail[1] - all_fail[settings.tries]
    detail = f"from {k} outputs of each of {len(repeats)} items, at {settings.tries} tries"
    # Without any failure the effect of retries is unknown: assume the worst, all calls and nothing rescued.
    none = Decimal(settings.tries - 1), Decimal(0)
    return [
        _ratio(f"{name}.extra_calls", extra, all_fail[1], "calls a first failure", detail, none[0]),
        _ratio(f"{name}.rescued", rescued, all_fail[1], "of first failures", detail, none[1]),
    ]


def _ratio(key: str, items: np.ndarray, per: np.ndarray, unit: str, detail: str, otherwise: Decimal) -> Quantity:
    total, found = Decimal(repr(float(per.sum()))), Decimal(repr(float(np.nansum(items))))
    if total == 0:
        return Quantity(key, otherwise, unit, "default", None, f"no failures to measure it; {detail}")
    return Quantity(key, found / total, unit, "measured", None, detail, items, per)


MEASURED = {
    "cached_share": "of the fixed prompt",
    "fixed_tokens": "tokens a request",
    "few_shot_tokens": "tokens a request",
    "guide_tokens": "tokens a request",
    "input_tokens": "tokens a request",
    "output_tokens": "tokens a request",
    "acceptance": "of outputs",
    "requests_per_second": "requests a second and replica",
}


def _fixed_within(table: VariantMoney, run: MeasuredVariant | None) -> Decimal | None:
    """The stated fixed tokens, if the measured tokens of each call include them because the run could not separate them.

    Calls with fewer tokens than that cannot include them.
    """
    if run is None or run.fixed_tokens is not None or run.input_tokens is None or table.fixed_tokens is None:
        return None
    fixed = table.fixed_tokens.likely if isinstance(table.fixed_tokens, Triangular) else table.fixed_tokens
    known = run.input_tokens[~np.isnan(run.input_tokens)]
    return fixed if fixed > 0 and len(known) and float(known.min()) >= fixed else None


def _measured(key: str, values: Any, unit: str, less: Decimal | None = None) -> list[Quantity]:
    """The measured values, each reduced by `less`."""
    if not isinstance(values, np.ndarray):
        return [_quantity(key, Decimal(repr(float(values))), unit, "measured")]
    known = values[~np.isnan(np.asarray(values, dtype=float))]
    if len(known) == 0:
        return []
    unknown = len(values) - len(known)
    detail = f"mean of {len(known)} items" + (f", {unknown} unknown" if unknown else "")
    # The mean is exact: sums of whole tokens and outcomes convert to Decimal without loss.
    value, items = Decimal(repr(float(np.sum(known)))) / len(known), np.asarray(values, dtype=float)
    if less is not None:
        value, items, detail = (
            value - less,
            items - float(less),
            f"{detail}, minus the stated fixed tokens of each call",
        )
    return [Quantity(key, value, unit, "measured", None, detail, items)]


def _prices(settings: RoiSettings, name: str, table: VariantMoney, prompt: Decimal) -> list[Quantity]:
    """The four prices; if the list has tiers, the price for the length of the prompt."""
    unit = f"{settings.currency} per million tokens"
    if not table.metered:
        return []
    quantities, listed = [], None if table.listed is None else table.listed.at(prompt)
    same = None if table.like is None else f"as {table.like}: it runs on the same model"
    for key in PRICES:
        stated = getattr(table, key)
        # 0 for a cache write means "same as the input price", so it does not count as stated.
        if stated is not None and not (key == "price_cache_write" and stated == 0):
            quantities.append(_quantity(f"{name}.{key}", stated, unit, "stated", same))
            continue
        value = None if listed is None else getattr(listed, key.removeprefix("price_"))
        if listed is not None and value is not None:
            day = f", as of {listed.date}" if listed.date is not None else ", without a date"
            newest = f"; newest entry of the list {listed.listed_until}" if listed.listed_until else ""
            detail = f"{table.model}: {value} {listed.currency}, {listed.source}{day}{newest}"
            detail += f" ({same})" if same else ""
            quantities.append(
                _quantity(f"{name}.{key}", value, f"{listed.currency} per million tokens", "price list", detail)
            )
    return quantities


def _stated(settings: RoiSettings, key: str, value: Number | None, unit: str, detail: str | None = None) -> Quantity:
    return _quantity(key, value, unit, "stated" if key in settings.stated else "default", detail)


def _quantity(key: str, value: Number | None, unit: str, source: str, detail: str | None = None) -> Quantity:
    if isinstance(value, Triangular):
        return Quantity(key, value.likely, unit, source, value, detail)
    return Quantity(key, value, unit, source, None, detail)


def conditions_of(
    settings: RoiSettings, baseline: str, candidate: str, measured: Mapping[str, MeasuredVariant] | None = None
) -> Conditions:
    """What the formulas need from the settings and the run apart from their numbers."""
    runs = measured or {}
    variants, currency = settings.variants, settings.currency
    listed = {f"{name}.{key}": _listed_currency(table, key) for name, table in variants.items() for key in PRICES}
    return Conditions(
        baseline,
        candidate,
        currency=currency,
        failures=settings.failures,
        batch=settings.requests_total is not None,
        hosted=frozenset(name for name, table in variants.items() if table.self_hosted),
        metered=frozenset(name for name, table in variants.items() if table.metered and table.self_hosted),
        cache_stated=frozenset(name for name, table in variants.items() if table.cached_share is not None),
        exchanged={key: foreign for key, foreign in listed.items() if foreign is not None and foreign != currency},
        free=frozenset(name for name, run in runs.items() if run.free),
        cascades={name: (*run.of, part_name(name, run)) for name, run in runs.items() if run.second is not None},
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
