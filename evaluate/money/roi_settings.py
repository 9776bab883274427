"""The `[roi]` section: what money needs to know, each number plain or as a range `[low, likely, high]`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from ...core import ConfigError, build_settings, nearest
from .own_prices import read_prices
from .prices import ModelPrice, price_of
from .roi_numbers import (
    ONE,
    ZERO,
    Number,
    Triangular,
    as_day,
    as_number,
    high_end,
    is_day,
    lacking,
    low_end,
    misfits,
    refuse,
    said,
    with_ranges,
)

__all__ = ["Investment", "RoiSettings", "Running", "Triangular", "VariantMoney", "check_roi", "read_roi"]


@dataclass(frozen=True)
class Investment:
    """`[roi.investment]`: what is still to be spent. `compute` is a sum, or hours x hourly x runs."""

    compute: Number | None = None
    compute_hours: Number | None = None
    compute_hourly: Number | None = None
    compute_runs: Number = ONE
    labelling_pairs: Number = ZERO
    labelling_minutes: Number | None = None
    labelling_hourly: Number | None = None
    engineering_hours: Number = ZERO
    engineering_hourly: Number | None = None
    evaluation: Number = ZERO
    already_spent: Number = ZERO

    def __post_init__(self) -> None:
        """Check ranges and what one key needs of another."""
        problems = misfits(self)
        if self.compute is not None and (self.compute_hours is not None or self.compute_hourly is not None):
            problems.append("state compute as a sum or as compute_hours and compute_hourly, not both")
        if self.compute_hours is not None and self.compute_hourly is None:
            problems.append("compute_hours needs compute_hourly")
        problems += lacking(self, "labelling_pairs", "labelling_minutes", "labelling_hourly")
        problems += lacking(self, "engineering_hours", "engineering_hourly")
        refuse(problems)


@dataclass(frozen=True)
class Running:
    """`[roi.running]`: what a tuned model costs every month that a prompt does not."""

    monitoring_hours_per_month: Number = ZERO
    monitoring_hourly: Number | None = None
    retrain_every_days: Number = ZERO
    retrain_cost: Number | None = None
    style_changes_per_year: Number = ZERO
    base_model_retires: date | str | None = None

    def __post_init__(self) -> None:
        """Check ranges and what one key needs of another; a date may be written with or without quotes."""
        problems = misfits(self)
        problems += lacking(self, "monitoring_hours_per_month", "monitoring_hourly")
        problems += lacking(self, "retrain_every_days", "retrain_cost")
        problems += lacking(self, "style_changes_per_year", "retrain_cost")
        every = self.retrain_every_days
        if isinstance(every, Triangular) and every.low == 0 < every.high:
            problems.append("retrain_every_days: a range must start above 0 (0 alone means never)")
        try:
            object.__setattr__(self, "base_model_retires", as_day(self.base_model_retires))
        except ValueError:
            problems.append(f'base_model_retires: expected a date like "2027-01-14", found "{self.base_model_retires}"')
        refuse(problems)


@dataclass(frozen=True)
class VariantMoney:
    """`[roi.NAME]`: prices per million tokens in the currency of `[roi]`, tokens and acceptance of one variant.

    What is left out here is taken from the run or from the price list. `batch` counts at the list's price for answers
    that may take hours. Of the fixed tokens, `few_shot_tokens` are the examples; `short_guide_tokens` are what a
    shorter guide would take in place of the guide.
    """

    model: str | None = None
    batch: bool = False
    price_input: Number | None = None
    price_cached: Number | None = None
    price_cache_write: Number = ZERO
    price_output: Number | None = None
    cached_share: Number | None = None
    min_cached_tokens: Decimal = Decimal(1024)
    fixed_tokens: Number | None = None
    few_shot_tokens: Number | None = None
    short_guide_tokens: Number | None = None
    input_tokens: Number | None = None
    output_tokens: Number | None = None
    acceptance: Number | None = None
    hourly: Number = ZERO
    requests_per_second: Number | None = None
    min_replicas: int = 1
    peak_factor: Number = ONE
    listed: ModelPrice | None = field(default=None, init=False)  # filled by read_roi from the price list
    like: str | None = field(default=None, init=False)  # the variant whose prices these are, where none are stated

    def __post_init__(self) -> None:
        """Check ranges; a machine is paid by the hour or by the token, never both."""
        problems = misfits(self)
        if self.self_hosted and (self.model or self.price_input is not None or self.price_output is not None):
            problems.append("state hourly or prices per token, not both: a machine of one's own costs no tokens")
        if self.batch and (self.model is None or self.price_input is not None or self.price_output is not None):
            problems.append("batch needs model, and no prices of its own: it takes the price list's batch prices")
        if self.min_replicas < 1:
            problems.append(f"min_replicas: expected 1 or more, found {self.min_replicas}")
        refuse(problems)

    @property
    def self_hosted(self) -> bool:
        """Whether the variant runs on a machine that is paid by the hour."""
        return high_end(self.hourly) > 0

    @property
    def priced(self) -> bool:
        """Whether it is known what one request costs, given its tokens."""
        stated = self.price_input is not None and self.price_output is not None
        return self.self_hosted or stated or self.listed is not None


@dataclass(frozen=True)
class RoiSettings:
    """`[roi]`: volume, horizon, what a failure costs, what is invested, what keeps running, and each variant."""

    currency: str = "EUR"
    exchange: dict[str, Any] = field(default_factory=dict)
    prices: str | None = None
    requests_per_day: Number | None = None
    requests_total: Number | None = None
    ramp_days: Number = ZERO
    horizon_days: Number = Decimal(365)
    target_payback_days: Number = Decimal(90)
    discount_rate: Number = ZERO
    failures: Literal["ignore", "drop", "repair", "retry"] = "ignore"
    failure_cost: Number | None = None
    tries: int = 1
    investment: Investment = field(default_factory=Investment)
    running: Running = field(default_factory=Running)
    variants: dict[str, VariantMoney] = field(default_factory=dict, init=False)
    stated: frozenset[str] = field(default=frozenset(), init=False)  # dotted keys that the file states

    def __post_init__(self) -> None:
        """Check ranges and what one key needs of another."""
        problems = misfits(self)
        if self.requests_per_day is not None and self.requests_total is not None:
            problems.append("state requests_per_day or requests_total (a one-off batch), not both")
        if self.failures == "repair" and self.failure_cost is None:
            problems.append('failures = "repair" needs failure_cost, the price of mending one output')
        if self.tries < 1:
            problems.append(f"tries: expected 1 or more, found {self.tries}")
        if not re.fullmatch("[A-Z]{3}", self.currency):
            problems.append(f'currency: expected three capital letters such as "EUR", found "{self.currency}"')
        rates = {}
        for name, rate in self.exchange.items():
            if name == "date":
                if not is_day(rate):
                    problems.append(f'exchange.date: expected a date like "2026-11-01", found {rate}')
            elif isinstance(rate, bool) or not isinstance(rate, int | float | Decimal | Triangular):
                problems.append(f"exchange.{name}: expected a number, found {rate!r}")
            elif low_end(rates.setdefault(name, as_number(rate))) <= 0:
                problems.append(f"exchange.{name}: expected a number above 0, found {said(rate)}")
        object.__setattr__(self, "exchange", {**self.exchange, **rates})
        refuse(problems)


def read_roi(table: Mapping[str, Any], *, where: str = "roi", on: date | None = None) -> RoiSettings:
    """The settings of a parsed `[roi]` table; sub-tables other than investment, running, exchange are variants.

    `on` is the day for which prices are looked up, today if left out.

    Raises:
        ConfigError: names every problem of the table, with its place.
    """
    problems: list[str] = []
    ranged = with_ranges(table, where, problems)
    own = {f.name for f in fields(RoiSettings) if f.init}
    misspelt = _misspelt(ranged, own)
    problems += [f"{where}.{name}: is this meant to be [roi.{near}]?" for name, near in misspelt.items()]
    named = {
        key: value
        for key, value in ranged.items()
        if key not in own and key not in misspelt and isinstance(value, Mapping)
    }
    rest = {key: value for key, value in ranged.items() if key not in named and key not in misspelt}
    settings = _build(RoiSettings, rest, where, problems)
    variants, prices = {}, _own_prices(rest.get("prices"), where, problems)
    for name, values in named.items():
        built = _build(VariantMoney, values, f"{where}.{name}", problems)
        if built is not None:
            variants[name] = _listed(built, f"{where}.{name}", rest, on, prices, problems)
        elif isinstance(values.get("model"), str):  # it cannot be read, but its model can be looked up
            _listed(VariantMoney(model=values["model"]), f"{where}.{name}", rest, on, prices, problems)
    if problems or settings is None:
        shown = [problem.replace("or Triangular", "or [low, likely, high]") for problem in dict.fromkeys(problems)]
        raise ConfigError(shown[0]) if len(shown) == 1 else ConfigError.of(shown, where=f"[{where}]")
    object.__setattr__(settings, "variants", variants)
    object.__setattr__(settings, "stated", frozenset(_dotted(table)))
    return settings


def check_roi(
    settings: RoiSettings, variants: Sequence[str], *, required: Sequence[str] | None = None, measured: bool = True
) -> None:
    """Raise a ConfigError, before any work, for what the money of these variants lacks.

    `variants` are all the names that exist, `required` those whose money is compared (all if left out). Without a
    run behind it (`measured=False`) tokens and acceptance must be stated too. A missing volume is no error: the
    verdict asks for it.
    """
    problems = [
        f'roi.{name}: there is no variant "{name}"; {nearest(name, list(variants))}'
        for name in settings.variants
        if name not in variants
    ]
    for name in variants if required is None else required:
        variant = settings.variants.get(name)
        if variant is None or not variant.priced:
            problems.append(f"roi.{name}: no price; state model, or price_input and price_output, or hourly")
        elif not measured:
            keys = (
                ["acceptance"]
                if variant.self_hosted
                else ["fixed_tokens", "input_tokens", "output_tokens", "acceptance"]
            )
            if variant.self_hosted and settings.requests_total is not None:
                keys.append("requests_per_second")
            missing = [key for key in keys if getattr(variant, key) is None]
            if missing:
                problems.append(f"roi.{name}: state {', '.join(missing)}; there is no run that measured it")
    if problems:
        raise ConfigError.of(problems, where="[roi]")


def _listed(
    variant: VariantMoney,
    where: str,
    table: Mapping[str, Any],
    on: date | None,
    prices: Mapping[str, ModelPrice],
    problems: list[str],
) -> VariantMoney:
    """The variant with its entry of the user's own price file or of the price list, where a price is not stated."""
    if variant.model is None or (variant.price_input is not None and variant.price_output is not None):
        return variant
    try:
        listed = price_of(variant.model, on=on, own=prices)
    except ConfigError as error:
        problems.append(f"{where}.model: {error}")
        return variant
    if variant.batch and listed.batch is None:
        problems.append(f'{where}.batch: {listed.source} has no batch price for "{variant.model}"')
    listed = (listed.batch if variant.batch else None) or listed
    currency = table.get("currency", RoiSettings.currency)
    if listed.currency != currency and listed.currency not in table.get("exchange", {}):
        problems.append(
            f"{where}.model: its price is in {listed.currency}, [roi] counts in {currency}; "
            f'state exchange = {{ {listed.currency} = RATE, date = "..." }}'
        )
    completed = replace(variant)
    object.__setattr__(completed, "listed", listed)
    return completed


def _own_prices(path: Any, where: str, problems: list[str]) -> dict[str, ModelPrice]:
    if not isinstance(path, str):
        return {}
    try:
        return read_prices(Path(path))
    except ConfigError as error:
        problems.append(f"{where}.prices: {error}")
        return {}


def _misspelt(table: Mapping[str, Any], own: set[str]) -> dict[str, str]:
    """Sub-tables that are meant for a section, each with its name: `[roi.investmnt]` is no variant."""
    return {
        name: near[0]
        for name, value in table.items()
        if isinstance(value, Mapping)
        and name not in own
        and (near := get_close_matches(name, ("investment", "running"), cutoff=0.8))
    }


def _build(kind: Any, values: Mapping[str, Any], where: str, problems: list[str]) -> Any:
    """The settings, or None; then also what is wrong with the keys that can be read, beside those that cannot."""
    found: list[str] = []
    built = build_settings(kind, values, where=where, problems=found)
    if built is None and isinstance(values, Mapping):
        unread = tuple(f"{where}.{key}" for key in values)
        bad = {key for key in values if any(text.startswith((f"{where}.{key}:", f"{where}.{key}.")) for text in found)}
        known = {f.name for f in fields(kind) if f.init}
        good = {key: value for key, value in values.items() if key in known and key not in bad}
        if len(good) < len(unread):
            build_settings(kind, good, where=where, problems=found)
    problems += found
    return built


def _dotted(table: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key, value in table.items():
        keys += _dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
    return keys
