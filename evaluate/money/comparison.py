"""The costs of two options: the investment, the daily running costs, and the saving between them."""

import operator
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from .figures import Conditions, Figure, Kind, Missing, Tables, Values, by_key, of, step, unknown, zero
from .inputs.options import EFFECTIVE, Pair, Way
from .payback import DAYS, DAYS_A_MONTH, PAYBACK
from .request import REQUEST, exchanged_prices
from .traced import nonzero, total

DAYS_A_YEAR = Decimal("365.25")
ZERO = Decimal(0)
# Investments: the words, the amounts, how many of the first must not be 0 for the others to count, and their product.
AMOUNTS: tuple[tuple[str, tuple[str, ...], int, Callable[..., Any]], ...] = (
    ("compute", ("compute",), 1, lambda compute: compute),
    ("compute hours × price × runs", ("compute_hours", "compute_hourly", "compute_runs"), 2, lambda h, p, n: h * p * n),
    ("training tokens × price ÷ 1,000,000", ("training_tokens", "training_price"), 2, lambda n, p: n * p / 1_000_000),
    ("pairs × minutes ÷ 60 × hourly", ("labelling_pairs", "labelling_minutes", "labelling_hourly"), 1,
     lambda pairs, minutes, hourly: pairs * minutes / 60 * hourly),
    ("hours × hourly", ("engineering_hours", "engineering_hourly"), 1, operator.mul),
    ("evaluation", ("evaluation",), 1, lambda evaluation: evaluation),
)  # fmt: skip
# The daily running costs of a tuned model, each with the amount that must be above 0.
UPKEEP = {
    "running.monitoring": "running.monitoring_hours_per_month",
    "running.style_changes": "running.style_changes_per_year",
    "running.retraining": "running.retrain_every_days",
    "running.hosting": "running.per_month",
}


def _or_zero(key: str) -> Figure:
    """An input that counts as 0 if it is not stated."""

    def stated(values: Values) -> Any:
        try:
            return values.input(key)
        except Missing:
            return zero(values)

    return step(key, stated)


def _tries(values: Values) -> Any:
    """The tries as a whole exponent: with a float, the last digits of a power would depend on the processor."""
    tries = values.input("tries")
    return int(tries[0]) if values.drawn else tries


def _amounts(values: Values) -> list[tuple[str, Any]]:
    """The spending ahead: each amount in words and as a number; amounts of zero are skipped."""
    amounts = []
    for words, names, needed, product in AMOUNTS:
        keys = [f"investment.{name}" for name in names]
        if all(nonzero(values.peek(key, ZERO)) for key in keys[:needed]):
            amounts.append((words, product(*(values.get(key, ZERO) for key in keys))))
    return amounts


def _by_day(amount: str, cost: str, days: Decimal) -> Callable[[Values], Any]:
    return lambda values: values(amount) * values.get(cost, ZERO) / values.constant(days)


def _retraining(values: Values) -> Any:
    every = values("running.retrain_every_days")
    return values.get("running.retrain_cost", ZERO) / every


def _stated(key: str) -> Callable[[Values], bool]:
    """A condition: whether this input can be nonzero."""
    return lambda values: nonzero(values.get(key, ZERO))


def _upkeep(values: Values) -> Any:
    return total(values(key) for key in UPKEEP)


SPENDING = by_key([
    *map(_or_zero, ("failure_cost", "ramp_days", "discount_rate", "horizon_days")),
    step("tries", _tries),
    Figure("investment", "There is no spending ahead.", "investment", zero,
           when=lambda values: not _amounts(values), result="0 {currency}"),
    Figure("investment", "The spending ahead; money already spent is not counted.",
           lambda values: " + ".join(words for words, _ in _amounts(values)),
           lambda values: total(amount for _, amount in _amounts(values)), "{currency}", exact=True),
    Figure("running.monitoring", "Monitoring per day: the hours per month at their hourly price.", "hours × hourly ÷ 30.4375",
           _by_day(UPKEEP["running.monitoring"], "running.monitoring_hourly", DAYS_A_MONTH), "{currency} a day",
           when=_stated(UPKEEP["running.monitoring"])),
    Figure("running.style_changes", "Style changes per day: each one means a retraining.",
           "changes a year × retraining ÷ 365.25",
           _by_day(UPKEEP["running.style_changes"], "running.retrain_cost", DAYS_A_YEAR), "{currency} a day",
           when=_stated(UPKEEP["running.style_changes"])),
    Figure("running.retraining", "Retraining per day: its cost spread over the days between retrainings.", "retraining ÷ days",
           _retraining, "{currency} a day", when=_stated(UPKEEP["running.retraining"])),
    Figure("running.hosting", "Fixed costs per day, such as hosting: the cost per month.", "per month ÷ 30.4375",
           lambda values: values("running.per_month") / values.constant(DAYS_A_MONTH), "{currency} a day",
           when=_stated(UPKEEP["running.hosting"])),
    *(step(key, zero) for key in UPKEEP),
    step("upkeep_per_day", _upkeep),
])  # fmt: skip


def _gross(pair: Pair) -> Any:
    """The saving of all requests, per day or for the batch."""
    saved = pair("requests_total" if pair.batch else "requests_per_day") * pair("saving_per_request")
    if not pair.values.drawn or pair.failures != "drop":
        return saved
    # If neither option delivers anything acceptable in this draw, or the volume is 0, nothing is saved.
    return np.where(np.isnan(saved), 0.0, saved)


def _saving_of_all(pair: Pair) -> Any:
    return pair("gross") if pair.values.drawn else _gross(pair)


def _saving_per_day(pair: Pair) -> Any:
    saved, running = _saving_of_all(pair), pair("running_cost_per_day")
    return saved - running if nonzero(running) else saved


def _running_terms(pair: Pair) -> tuple[list[Any], Any]:
    """The daily running costs of the new option apart from its requests, and the machine cost of the current one."""
    plus: list[Any] = []
    if pair.trained and pair.values.kind == "traced":  # a line for each
        plus = [pair(key) for key, amount in UPKEEP.items() if nonzero(pair.peek(amount, ZERO))]
    elif pair.trained and nonzero(pair("upkeep_per_day")):
        plus = [pair("upkeep_per_day")]
    new, old = pair("after.machine_cost_per_day"), pair("before.machine_cost_per_day")
    return ([*plus, new] if nonzero(new) else plus), old


def _running(pair: Pair) -> Any:
    plus, minus = _running_terms(pair)
    more = total(plus) if plus else pair.values.constant(ZERO)
    return more - minus if nonzero(minus) else more


def _has_running_cost(pair: Pair) -> bool:
    plus, minus = _running_terms(pair)
    return bool(plus) or nonzero(minus)


def _same_running_cost(pair: Pair) -> bool:
    """Whether the daily running costs do not depend on the current option."""
    other = pair.trained and pair.main is not pair
    return other and not pair.before.by_the_hour and not pair.main.before.by_the_hour


STEPS = {
    "guide": "Saved by the different fixed prompt: {old} minus {old} with the fixed prompt of {new}.",
    "model": "Saved by different prices and lengths: the line above minus {new} failing as often as {old}.",
    "failures": "Saved by fewer failures: the line above minus {new}.",
}
BOTH = (f"before.{EFFECTIVE}", f"after.{EFFECTIVE}")

SAVING = by_key([
    Figure("invested", "The spending ahead, minus what the search for the prompt of {old} cost.",
           "investment - cost of the search", of("investment", "before.search_cost", operator.sub), "{currency}",
           when=lambda pair: pair.trained and pair.before.knows("search_cost")),
    step("invested", of("investment")),
    Figure("saving_per_request", "The saving per {paid} with {new} instead of {old}.",
           "cost of {old} - cost of {new}", of(*BOTH, operator.sub), "{currency}", when=lambda pair: pair.main is pair),
    Figure("saving_per_request", "The saving that {new} still gives over {old}.", "cost of {old} - cost of {new}",
           of(*BOTH, operator.sub), "{currency}", when=lambda pair: pair.trained),
    Figure("saving_per_request", "The saving per request with {new} instead of {old}.",
           "cost of {old} - cost of {new}", of(*reversed(BOTH), lambda own, before: before - own), "{currency}"),
    *(
        Figure(f"parts.{key}", words, "cost before - cost after",
               lambda pair, at=at: pair.steps[at](EFFECTIVE) - pair.steps[at + 1](EFFECTIVE), "{currency}")
        for at, (key, words) in enumerate(STEPS.items())
    ),
    *(
        Figure(f"spend_per_day_{role}", f"The daily cost of the {role}, including machines.",
               "requests a day × cost of a request + machines",
               of("requests_per_day", f"{side}.{EFFECTIVE}", f"{side}.machine_cost_per_day",
                  lambda volume, each, machines: volume * each + machines), "{currency} a day")
        for role, side in (("baseline", "before"), ("candidate", "after"))
    ),
    step("saving_share", unknown,
         when=lambda pair: not nonzero(pair("spend_per_day_baseline" if pair.machines() else f"before.{EFFECTIVE}"))),
    Figure("saving_share", "The saved share of the daily cost.", "1 - candidate's day ÷ baseline's day",
           of("spend_per_day_baseline", "spend_per_day_candidate", lambda before, after: 1 - after / before),
           when=Pair.machines),
    Figure("saving_share", "The saving as a share of the cost of {old}.", "1 - cost of {new} ÷ cost of {old}",
           of(*BOTH, lambda before, after: 1 - after / before)),
    step("running_cost_per_day", lambda pair: pair.main("running_cost_per_day"), when=_same_running_cost),
    Figure("running_cost_per_day", "The extra daily cost of {new} over {old}, apart from requests.",
           "upkeep + its machines - the other's machines", _running, "{currency} a day", when=_has_running_cost),
    step("running_cost_per_day", zero),
    step("gross", _gross),
    Figure("saving_total", "Saved by the whole batch{against}.", "requests × saving per request", _saving_of_all,
           "{currency}", when=lambda pair: pair.batch),
    step("saving_total", unknown),
    Figure("saving_per_day", "Saved per day{against}, at full volume.",
           lambda pair: "requests a day × saving per request"
           + (" - running cost" if nonzero(pair("running_cost_per_day")) else ""),
           _saving_per_day, "{currency} a day", when=lambda pair: not pair.batch),
    step("saving_per_day", unknown),
])  # fmt: skip


class Account(Values):
    """The values of an account: its inputs, its variants, and the pair that it compares."""

    tables = Tables({**SPENDING, **DAYS}, REQUEST, {**SAVING, **PAYBACK})

    def __init__(self, inputs: Any, conditions: Conditions, kind: Kind = "exact", given: Any = None) -> None:
        super().__init__(inputs, conditions, kind, given)
        if conditions.exchanged:
            self.figures = {**self.figures, **exchanged_prices(conditions)}
        self._ways: dict[str, Way] = {}

    def way(self, name: str) -> Way:
        """A variant, unchanged."""
        if name not in self._ways:
            self._ways[name] = Way(self, f"variants.{name}", name)
        return self._ways[name]

    @cached_property
    def pair(self) -> Pair:
        """The baseline and the candidate."""
        return Pair(self, "", self.way(self.conditions.baseline), self.way(self.conditions.candidate))
