"""The `[roi]` section: the inputs of the money, each a number or a range `[low, likely, high]`."""

import re
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from ....core import ConfigError
from .prices import ModelPrice


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
    """`[roi.investment]`: the spending ahead."""

    compute: Number | None = None
    """The cost of training, as a sum."""
    compute_hours: Number | None = None
    """Hours of one training, instead of a sum."""
    compute_hourly: Number | None = None
    """The price of such an hour."""
    compute_runs: Number = ONE
    """How many trainings it takes."""
    training_price: Number | None = None
    """What a provider charges per million training tokens."""
    training_tokens: Number | None = None
    """Training tokens of all epochs. Default: as measured by the run."""
    labelling_pairs: Number = ZERO
    """Pairs still to be labelled."""
    labelling_minutes: Number | None = None
    """Minutes for one pair."""
    labelling_hourly: Number | None = None
    """The price of an hour of labelling."""
    engineering_hours: Number = ZERO
    """Hours of engineering still to come."""
    engineering_hourly: Number | None = None
    """The price of such an hour."""
    evaluation: Number = ZERO
    """The cost of evaluating."""
    already_spent: Number = ZERO
    """What has been spent already: shown, not counted."""

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
    """`[roi.running]`: the regular costs of a tuned model that a prompt does not have."""

    monitoring_hours_per_month: Number = ZERO
    """Hours of monitoring a month."""
    monitoring_hourly: Number | None = None
    """The price of such an hour."""
    retrain_every_days: Number = ZERO
    """Days from one training to the next; 0 means never."""
    retrain_cost: Number | None = None
    """The cost of training again."""
    style_changes_per_year: Number = ZERO
    """Changes of the style a year, each of which costs a training."""
    per_month: Number = ZERO
    """Any fixed cost a month, such as the hosting of an adapter."""
    base_model_retires: date | str | None = None
    """The day on which the base model is retired; the horizon ends there."""

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

    Omitted values come from the run or from the price list.
    """

    model: str | None = None
    """The model's name in the price list, such as `"openai:gpt-4o-mini"`."""
    preset: Literal["serverless-lora", "dedicated", "dedicated-fireworks", "own-gpu"] | None = None
    """A usual way to run a tuned model, with its public price unless one is stated."""
    batch: bool = False
    """Whether the list's batch prices apply, for answers that may take hours."""
    price_input: Number | None = None
    """Price per million input tokens."""
    price_cached: Number | None = None
    """Price of those read from the cache."""
    price_cache_write: Number = ZERO
    """Price of those written to the cache; 0: like `price_input`."""
    price_output: Number | None = None
    """Price per million output tokens."""
    cached_share: Number | None = None
    """The share of the fixed prompt that is read from the cache. Default: as measured, else from the volume."""
    min_cached_tokens: Decimal | None = None
    """A shorter fixed prompt is never cached. Default: the provider's, else 1,024."""
    cache_seconds: Number = Decimal(300)
    """How long a cache entry lives after its last use."""
    fixed_tokens: Number | None = None
    """Tokens of guide, examples and template. Default: measured."""
    few_shot_tokens: Number | None = None
    """The examples' part of the fixed tokens. Default: measured."""
    short_guide_tokens: Number | None = None
    """The length of a shorter guide, an alternative without training."""
    input_tokens: Number | None = None
    """Tokens of a request. Default: measured."""
    output_tokens: Number | None = None
    """Tokens of an output. Default: measured."""
    acceptance: Number | None = None
    """The share of acceptable outputs. Default: measured."""
    acceptance_n: int | None = None
    """How many outputs a stated acceptance was counted on, which gives it a range."""
    hourly: Number = ZERO
    """The price of one replica-hour of a machine that is always on; prices of tokens, or a `model`, are paid in
    addition."""
    requests_per_second: Number | None = None
    """What one replica serves. Default: measured."""
    min_replicas: int = 1
    """Replicas that run at least."""
    peak_factor: Number = ONE
    """The load at peak over the mean load."""
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
    """The currency of all sums, three capital letters."""
    exchange: dict[str, Any] = field(default_factory=dict)
    """What one unit of another currency costs in this one, and the `date` of the rates."""
    prices: str | None = None
    """A TOML file of your own prices, `[models."NAME"]`, which win over the price list."""
    requests_per_day: Number | None = None
    """The volume."""
    requests_total: Number | None = None
    """The size of a one-off batch, instead of a daily volume."""
    ramp_days: Number = ZERO
    """Days until the full volume is reached."""
    horizon_days: Number = Decimal(365)
    """Days that are counted."""
    target_payback_days: Number = Decimal(90)
    """By when the investment has to be paid back."""
    discount_rate: Number = ZERO
    """The annual discount rate, as a share."""
    failures: Literal["ignore", "drop", "repair", "retry"] = "ignore"
    """What happens to an unacceptable output: nothing, the request is dropped, a person repairs it, or it is tried
    again."""
    failure_cost: Number | None = None
    """`repair`: the cost of repairing one output; `retry`: of one that still reaches the user."""
    facts_failure_cost: Number | None = None
    """The same for an output that is wrong about the facts."""
    tries: int = 1
    """`retry`: tries for one request."""
    investment: Investment = field(default_factory=Investment)
    """The spending ahead."""
    running: Running = field(default_factory=Running)
    """The regular costs."""
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
    """A date from TOML, or parsed from text; of a time, its day."""
    if isinstance(value, datetime):
        return value.date()
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
