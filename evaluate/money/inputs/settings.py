"""The `[roi]` section: the inputs of the money, each a number or a range `[low, likely, high]`."""

import re
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from ....core import ConfigError
from .prices import ModelPrice

__all__ = ["CENTURY", "Investment", "Number", "RoiSettings", "Running", "Triangular", "VariantMoney", "number_text"]


class Triangular(NamedTuple):
    """A number that is not known exactly: its low end, likely value and high end."""

    low: Decimal
    likely: Decimal
    high: Decimal


Number = Decimal | Triangular
ZERO = Decimal(0)
ONE = Decimal(1)
LARGEST = Decimal("1e21")  # more is a typing error, and its square would exceed the precision of floats
# Shares may not exceed 1; everything else may be any number from 0 up.
SHARES = ("cached_share", "acceptance")
CENTURY = 36_525  # days; the horizon is computed month by month, and no plan is longer
POSITIVE = ("horizon_days", "requests_per_second", "peak_factor")


@dataclass(frozen=True)
class Investment:
    """`[roi.investment]`: the spending ahead. `compute` is a sum, or hours x hourly x runs.

    `training_price` is what a provider charges per million training tokens; `training_tokens` are those of all epochs,
    measured by the run if they are not stated.
    """

    compute: Number | None = None
    compute_hours: Number | None = None
    compute_hourly: Number | None = None
    compute_runs: Number = ONE
    training_price: Number | None = None
    training_tokens: Number | None = None
    labelling_pairs: Number = ZERO
    labelling_minutes: Number | None = None
    labelling_hourly: Number | None = None
    engineering_hours: Number = ZERO
    engineering_hourly: Number | None = None
    evaluation: Number = ZERO
    already_spent: Number = ZERO

    def __post_init__(self) -> None:
        """Check ranges and keys that need other keys."""
        problems = misfits(self)
        if self.compute is not None and (self.compute_hours is not None or self.compute_hourly is not None):
            problems.append("state compute as a sum or as compute_hours and compute_hourly, not both")
        if self.compute_hours is not None and self.compute_hourly is None:
            problems.append("compute_hours needs compute_hourly")
        if self.training_tokens is not None and self.training_price is None:
            problems.append("training_tokens needs training_price, the price per million training tokens")
        problems += lacking(self, "labelling_pairs", "labelling_minutes", "labelling_hourly")
        problems += lacking(self, "engineering_hours", "engineering_hourly")
        refuse(problems)


@dataclass(frozen=True)
class Running:
    """`[roi.running]`: the regular costs of a tuned model that a prompt does not have.

    `per_month` is any fixed cost, such as the hosting of an adapter.
    """

    monitoring_hours_per_month: Number = ZERO
    monitoring_hourly: Number | None = None
    retrain_every_days: Number = ZERO
    retrain_cost: Number | None = None
    style_changes_per_year: Number = ZERO
    per_month: Number = ZERO
    base_model_retires: date | str | None = None

    def __post_init__(self) -> None:
        """Check ranges and keys that need other keys; a date may be written with or without quotes."""
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

    Omitted values come from the run or from the price list. `batch` uses the list's batch prices, whose answers may take
    hours. `preset` is a usual way to run a tuned model, with a public price unless one is stated. With `hourly`, replicas
    are paid by the hour; stated prices or a `model` are paid in addition. `few_shot_tokens` are the examples' part of the
    fixed tokens; `short_guide_tokens` is the length of a shorter guide. `acceptance_n` is the number of outputs that a
    stated acceptance was counted on, which gives it a range.
    """

    model: str | None = None
    preset: Literal["serverless-lora", "dedicated", "dedicated-fireworks", "own-gpu"] | None = None
    batch: bool = False
    price_input: Number | None = None
    price_cached: Number | None = None
    price_cache_write: Number = ZERO
    price_output: Number | None = None
    cached_share: Number | None = None
    min_cached_tokens: Decimal | None = None
    cache_seconds: Number = Decimal(300)
    fixed_tokens: Number | None = None
    few_shot_tokens: Number | None = None
    short_guide_tokens: Number | None = None
    input_tokens: Number | None = None
    output_tokens: Number | None = None
    acceptance: Number | None = None
    acceptance_n: int | None = None
    hourly: Number = ZERO
    requests_per_second: Number | None = None
    min_replicas: int = 1
    peak_factor: Number = ONE
    listed: ModelPrice | None = field(default=None, init=False)  # filled by read_roi from the price list
    like: str | None = field(default=None, init=False)  # the variant whose table this is, if it has none
    copied: frozenset[str] = field(default=frozenset(), init=False)  # the keys taken from there

    def __post_init__(self) -> None:
        """Check ranges and keys that need other keys."""
        problems = misfits(self)
        if self.self_hosted and self.model is None and (self.price_input is None) != (self.price_output is None):
            problems.append("beside hourly, state both price_input and price_output if tokens are paid too, or neither")
        if self.batch and (self.model is None or self.price_input is not None or self.price_output is not None):
            problems.append("batch needs model and no stated prices: it uses the price list's batch prices")
        if self.acceptance_n is not None and not isinstance(self.acceptance, Decimal):
            problems.append("acceptance_n needs acceptance, a single share of that many outputs")
        elif self.acceptance_n is not None and self.acceptance_n < 1:
            problems.append(f"acceptance_n: expected 1 or more outputs, found {self.acceptance_n}")
        if self.min_replicas < 1:
            problems.append(f"min_replicas: expected 1 or more, found {self.min_replicas}")
        refuse(problems)

    @property
    def self_hosted(self) -> bool:
        """Whether the variant runs on a machine that is paid by the hour."""
        return high_end(self.hourly) > 0

    @property
    def metered(self) -> bool:
        """Whether tokens are paid: always without a machine, and with one if prices or a model are stated."""
        return not self.self_hosted or self.model is not None or self.price_input is not None

    @property
    def priced(self) -> bool:
        """Whether the cost of a request can be computed from its tokens."""
        stated = self.price_input is not None and self.price_output is not None
        return stated or self.listed is not None or not self.metered


@dataclass(frozen=True)
class RoiSettings:
    """`[roi]`: volume, horizon, cost of a failure, investment, running costs, and the variants.

    `failure_cost = {form = ..., facts = ...}` in a file is `failure_cost` for an output that only breaks rules of form or
    wording, and `facts_failure_cost` for one that is wrong about the facts; without it, all failures cost the same.
    """

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
    facts_failure_cost: Number | None = None
    tries: int = 1
    investment: Investment = field(default_factory=Investment)
    running: Running = field(default_factory=Running)
    variants: dict[str, VariantMoney] = field(default_factory=dict, init=False)
    stated: frozenset[str] = field(default=frozenset(), init=False)  # dotted keys that the file states

    def __post_init__(self) -> None:
        """Check ranges and keys that need other keys."""
        problems = misfits(self)
        if self.requests_per_day is not None and self.requests_total is not None:
            problems.append("state requests_per_day or requests_total (a one-off batch), not both")
        if self.failures == "repair" and self.failure_cost is None:
            problems.append('failures = "repair" needs failure_cost, the cost of repairing one output')
        if self.facts_failure_cost is not None and (
            self.failure_cost is None or self.failures not in ("repair", "retry")
        ):
            problems.append('failure_cost = {form, facts} is for failures = "repair" or "retry"')
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
                problems.append(f"exchange.{name}: expected a number above 0, found {number_text(rate)}")
        object.__setattr__(self, "exchange", {**self.exchange, **rates})
        refuse(problems)


def misfits(settings: Any) -> list[str]:
    """One problem for each number of a settings dataclass that is infinite, negative, or out of range for its key."""
    problems = []
    for part in fields(settings):
        value = getattr(settings, part.name)
        if isinstance(value, bool) or not isinstance(value, Decimal | Triangular):
            continue
        if not all(number.is_finite() for number in (value if isinstance(value, Triangular) else (value,))):
            problems.append(f"{part.name}: expected a finite number, found {number_text(value)}")
        elif high_end(value) > LARGEST:
            problems.append(f"{part.name}: expected no more than {LARGEST}, found {number_text(value)}")
        elif low_end(value) < 0:
            problems.append(f"{part.name}: expected 0 or more, found {number_text(value)}")
        elif part.name == "horizon_days" and high_end(value) > CENTURY:
            problems.append(
                f"{part.name}: expected no more than {CENTURY:,} days (a century), found {number_text(value)}"
            )
        elif part.name in SHARES and high_end(value) > 1:
            problems.append(f"{part.name}: expected a share from 0 to 1, found {number_text(value)}")
        elif part.name == "discount_rate" and high_end(value) > 1:
            problems.append(f"{part.name}: expected a share a year, found {number_text(value)}; 8% is written 0.08")
        elif part.name in POSITIVE and low_end(value) == 0:
            problems.append(f"{part.name}: expected more than 0, found {number_text(value)}")
    return problems


def lacking(settings: Any, key: str, *others: str) -> list[str]:
    """The missing keys that a key above 0 requires."""
    if high_end(getattr(settings, key)) == 0:
        return []
    return [f"{key} needs {other}" for other in others if getattr(settings, other) is None]


def refuse(problems: list[str]) -> None:
    """Raise a ConfigError that lists all problems, if there are any."""
    if problems:
        raise ConfigError("; ".join(problems))


def as_day(value: date | str | None) -> date | None:
    """A date from TOML, or parsed from text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def is_day(value: Any) -> bool:
    """Whether a value is a date or can be parsed as one."""
    try:
        return isinstance(as_day(value), date)
    except (ValueError, TypeError):
        return False


def as_number(value: Any) -> Number:
    """A range unchanged, anything else as a Decimal."""
    return value if isinstance(value, Triangular) else Decimal(str(value))


def low_end(value: Number) -> Decimal:
    """The low end of a range, or the number itself."""
    return value.low if isinstance(value, Triangular) else value


def high_end(value: Number) -> Decimal:
    """The high end of a range, or the number itself."""
    return value.high if isinstance(value, Triangular) else value


def number_text(value: Any) -> str:
    """A number or a range as shown in a message."""
    return f"[{value.low}, {value.likely}, {value.high}]" if isinstance(value, Triangular) else str(value)
