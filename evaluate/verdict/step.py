"""A step of what to do next, and what it brings: points, money, time, each with its derivation."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ...core import say
from ..money.payback import DAYS_A_MONTH
from ..results import (
    Amount,
    Difference,
    Interval,
    Money,
    Results,
    StepDerivation,
    StepKind,
    StepMinutes,
    StepMoney,
)
from ..results import Step as StepRecord
from .names import compared, sentence, variant_name

MONTH = float(DAYS_A_MONTH)
ASKED_WAYS = ("model", "nearest", "short guide", "constrained", "searched")  # each asks a model once for a request
NO_MONEY = "The prices and the volume are not stated under [roi]."
NO_FAILURE_COST = {
    "ignore": 'No cost of a failure is stated (`failures = "ignore"` under [roi]).',
    "drop": 'With `failures = "drop"` it depends on the prices of the calls.',
    "retry": 'With `failures = "retry"` it depends on the prices of the calls.',
}
NO_MINUTES = "The minutes for one pair are not stated (`labelling_minutes` under [roi.investment])."
NO_SECONDS = "How long an output takes was not measured."
NO_TODAY = "It is not known which variant is in use today (`baseline` under [evaluate])."


def amount(value: float | None, low: float | None = None, high: float | None = None) -> Amount:
    """A figure with the ends of its range, None where there is no range; a `value` of None lies anywhere in it."""
    return Amount(value=value, low=low, high=high)


class Known(NamedTuple):
    """A figure and how it was computed, as sentences; None with the reason why it is not known."""

    amount: Amount | None
    how: str


NOTHING = Known(None, "")  # a figure that a kind of step does not have


def unknown(why: str) -> Known:
    """A figure that was neither measured nor stated, with the reason."""
    return Known(None, why)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do. `do` is a sentence with commands and settings in backticks.

    `points` is the change of the acceptable share (0..1), `month` and `once` are what is gained in the currency of the
    money (a cost is negative), `people` and `machine` the minutes that it takes. `chance` is how likely more test cases
    settle the verdict.
    """

    id: str
    kind: StepKind
    do: str
    points: Known
    month: Known
    once: Known = NOTHING
    people: Known = NOTHING
    machine: Known = NOTHING
    command: str | None = None
    chance: float | None = None
    currency: str | None = None

    @property
    def gain(self) -> float | None:
        """What it brings in money: a month, or for a one-off batch (which has no month) once; None if that is unknown."""
        found = self.once if self.month == NOTHING else self.month
        return None if found.amount is None else found.amount.value

    @property
    def measurable(self) -> bool:
        """Whether it is known what the step would bring."""
        return self.points.amount is not None or self.gain is not None

    @property
    def record(self) -> StepRecord:
        """The entry of `verdict.steps`."""
        month, once, people, machine = (part.amount for part in (self.month, self.once, self.people, self.machine))
        money = StepMoney(per_month=month, once=once, currency=self.currency or "") if month or once else None
        return StepRecord(
            id=self.id, kind=self.kind, do=self.do, command=self.command, points=self.points.amount, money=money,
            minutes=StepMinutes(people=people, machine=machine) if people or machine else None, chance=self.chance,
            derivation=StepDerivation(
                points=self.points.how, money=_joined(self.month, self.once), minutes=_joined(self.people, self.machine)
            ),
        )  # fmt: skip


def _joined(*parts: Known) -> str:
    return " ".join(part.how for part in parts if part.how)


def ranked(steps: Iterable[Step]) -> list[Step]:
    """The steps by what they bring: the most money first, then the most points; those whose gain is unknown stay last,
    in their order."""

    def worth(step: Step) -> tuple[bool, bool, float, float]:
        points = step.points.amount
        share = 0.0 if points is None else points.value if points.value is not None else points.low or 0.0
        return (not step.measurable, step.gain is None, -(step.gain or 0.0), -share)

    return sorted(steps, key=worth)


@dataclass(frozen=True)
class Worth:
    """The figures of steps, from the content of results.json."""

    results: Results

    # --- points -------------------------------------------------------------------------------------------------

    def of_candidate(self) -> Known:
        """The candidate in place of its strongest rival."""
        baseline, candidate = map(variant_name, compared(self.results))
        return Known(
            _amount(self.results.compared.difference), f"The measured difference of {candidate} to {baseline}."
        )

    def of_rule(self, name: str, rule: str) -> Known:
        """Every output of a variant that breaks only this rule, as acceptable."""
        quality = self.results.quality[name]
        alone, total = quality.checks[rule].alone, quality.n * quality.samples
        if alone is None:
            return unknown(f"It does not decide what is {self.results.good}.")
        breaks = "breaks" if alone.outputs == 1 else "break"
        return Known(
            amount(alone.share, alone.low, alone.high),
            f"{say.count(alone.outputs)} of {say.count(total, 'output')} {breaks} this rule and no other, so meeting it "
            f"brings at most {say.points(alone.share)}.",
        )

    def of_cut(self, name: str) -> Known:
        """The outputs of a variant that were cut at the token limit: between none and all of them become acceptable."""
        found = next(found for found in self.results.quality[name].causes if found.cause == "cut")
        share, of = found.count / found.of, say.count(found.of, "output")
        how = f"{say.count(found.count)} of {of} were cut, so it brings {say.points(share)} at most."
        return Known(amount(None, 0.0, share), how)

    def over_today(self, name: str) -> Known:
        """An untrained variant in place of the one in use today."""
        today, row = self.today, self.results.rival(name)
        if today is None or row is None:
            return unknown(NO_TODAY)
        if today == name:
            return Known(amount(0.0), "It is in use today.")
        if row.over_today is None:
            return unknown(f"It was not compared with {variant_name(today)}.")
        how = f"The measured difference of {variant_name(name)} to {variant_name(today)}, which is in use today."
        return Known(_amount(row.over_today), how)

    @cached_property
    def today(self) -> str | None:
        """The variant in use today, if that is known."""
        return next((row.name for row in self.results.rivals if row.today), None)

    # --- money --------------------------------------------------------------------------------------------------

    @property
    def money(self) -> Money | None:
        """The money of the results; None if nothing was stated."""
        return self.results.money

    @property
    def priced(self) -> bool:
        """Whether all prices and volumes are stated."""
        return self.money is not None and not self.money.missing

    @property
    def currency(self) -> str | None:
        """The currency of the money; None without any."""
        return None if self.money is None else self.money.currency

    @property
    def batch(self) -> bool:
        """Whether the money is that of a one-off batch."""
        return self.money is not None and self.money.requests_total is not None

    def tuning(self) -> tuple[Known, Known]:
        """What the candidate saves a month and what it costs once; for a batch, only what it saves in all."""
        money = self.money
        saved = None if money is None else money.saving_total if self.batch else money.saving_per_day
        if money is None or saved is None:
            return unknown("The saving is not known." if self.priced else NO_MONEY), NOTHING
        once = money.investment or 0.0
        spent = self._said(once)
        if self.batch:
            how = f"{self._said(saved)} saved by the batch - {spent} invested."
            return NOTHING, Known(amount(saved - once), how)
        month = self._a_month(saved, "after running costs")
        return month, Known(amount(-once), f"Once: the investment of {spent}.") if once else NOTHING

    def switching(self, old: str | None, new: str) -> tuple[Known, Known]:
        """What an untrained variant saves a month in place of another; for a batch, once."""
        if old is None:
            return unknown(NO_TODAY), NOTHING
        before, after = self.saved_by(old), self.saved_by(new)
        if before is None or after is None:
            name = variant_name(old if before is None else new)
            return unknown(f"The cost of {name} is not known." if self.priced else NO_MONEY), NOTHING
        return self.saved(after - before, f"by {variant_name(new)} in place of {variant_name(old)}, failures included")

    def saved_by(self, name: str) -> float | None:
        """What an untrained variant saves a day, or in the batch, in place of the baseline of the comparison; None if
        unknown."""
        if self.money is None or self.money.missing:
            return None
        if name == compared(self.results)[0]:
            return 0.0 if self.money.saving_per_request is not None else None
        return self.saved_way("variant", name)

    def saved_way(self, key: str, name: str) -> float | None:
        """The saving of an entry of `money.alternatives`, a day or in the batch."""
        ways = () if self.money is None else self.money.alternatives
        found = (way for way in ways if way.key == key and (key != "variant" or way.name == name))
        return next((way.saving_total if self.batch else way.saving_per_day for way in found), None)

    def saved(self, saving: float, whose: str) -> tuple[Known, Known]:
        """A saving a day as one a month; of a batch, as it is."""
        if self.batch:
            return NOTHING, Known(amount(saving), f"Saved in the batch {whose}.")
        return self._a_month(saving, whose), NOTHING

    def _a_month(self, a_day: float, whose: str) -> Known:
        return Known(amount(a_day * MONTH), f"{self._said(a_day)} a day × {MONTH} days, {whose}.")

    def of_points(self, points: Known) -> tuple[Known, Known]:
        """What more acceptable outputs save a month, or in the batch, by the cost of a failure."""
        if points.amount is None:
            return unknown("The points are not known."), NOTHING
        if self.money is None or self._volume is None:
            return unknown(NO_MONEY), NOTHING
        cost, failures = self.money.failure_cost, self.money.failures
        if failures != "repair" or cost is None:
            return unknown(NO_FAILURE_COST.get(failures, NO_FAILURE_COST["ignore"])), NOTHING
        if any(line.key == "facts_failure_cost" for line in self.money.assumptions):
            return unknown("It depends on how many of the failures are wrong facts, which cost otherwise."), NOTHING
        value = points.amount.value if points.amount.value is not None else points.amount.high
        share = say.points(value)
        how = f"{share} × {self._said(cost)} for a failure × {say.count(self._volume)} requests"
        if self.batch:
            return NOTHING, Known(points.amount.times(cost * self._volume), f"{how}.")
        return Known(points.amount.times(cost * self._volume * MONTH), f"{how} a day × {MONTH} days."), NOTHING

    @property
    def _volume(self) -> float | None:
        if self.money is None:
            return None
        return self.money.requests_total if self.batch else self.money.requests_per_day

    def of_form(self, name: str, instead_of: str) -> tuple[Known, Known]:
        """What a form of the candidate saves in its place, by the costs of a request with its failures."""
        if self.money is None:
            return unknown(NO_MONEY), NOTHING
        costs = [self.money.variants[each] for each in (instead_of, name) if each in self.money.variants]
        before, after = [*(cost.effective_cost_per_request for cost in costs), None, None][:2]
        if self._volume is None or before is None or after is None or self.money.failures == "drop":
            return unknown("The cost of a request is not known."), NOTHING
        if any(cost.machine_cost_per_day for cost in costs):
            return unknown("Its machines are paid by the day, whatever they answer."), NOTHING
        saved = (before - after) * self._volume
        return self.saved(saved, f"by {variant_name(name)} in place of {variant_name(instead_of)}, failures included")

    def _said(self, sum_: float) -> str:
        return say.money(sum_, self.currency or "")

    # --- minutes ------------------------------------------------------------------------------------------------

    def stated(self, key: str) -> Amount | None:
        """An input of the money with its range; None if it is not stated."""
        lines = () if self.money is None else self.money.assumptions
        line = next((line for line in lines if line.key == key and isinstance(line.value, int | float)), None)
        if line is None or not isinstance(line.value, int | float):
            return None
        low, _, high = line.range or (None, None, None)
        return amount(line.value, low, high)

    def labelling(self, pairs: int) -> tuple[Known, Known]:
        """The people's minutes for so many pairs, and what they cost once."""
        minutes, hourly = (self.stated(f"investment.labelling_{key}") for key in ("minutes", "hourly"))
        if minutes is None or minutes.value is None:
            return unknown(NO_MINUTES), unknown(NO_MINUTES)
        count = say.count(pairs, "pair")
        people = Known(minutes.times(pairs), f"Writing takes {count} × {say.count(minutes.value)} minutes.")
        if hourly is None or hourly.value is None:
            return people, unknown("The price of an hour is not stated (`labelling_hourly` under [roi.investment]).")
        once = minutes.times(-pairs / 60 * hourly.value)
        return people, Known(
            once, f"Once: {count} × {say.count(minutes.value)} minutes ÷ 60 × {self._said(hourly.value)} an hour."
        )

    def engineering(self) -> Known:
        """The people's minutes of the change, as stated."""
        hours = self.stated("investment.engineering_hours")
        if hours is None or not hours.value:
            return unknown("The hours of the change are not stated (`engineering_hours` under [roi.investment]).")
        return Known(
            hours.times(60), f"The change takes the stated {say.count(hours.value)} hours of engineering × 60."
        )

    def testing(self, name: str, cases: int | None = None) -> Known:
        """The machine's minutes to answer these cases, by default those of this run, with one variant."""
        quality, each = self.results.quality.get(name), self.seconds(name)
        outputs = 0 if quality is None else (cases or quality.n) * quality.samples
        if each is None:
            return unknown(NO_SECONDS)
        how = f"The answers take {say.count(outputs, 'output')} × {say.duration(each)} ÷ 60, one after another."
        return Known(amount(outputs * each / 60), how)

    def testing_all(self, cases: int) -> Known:
        """The machine's minutes to answer these cases with every variant that asks a model."""
        asked = [name for name, each in self.results.variants.items() if each.way in ASKED_WAYS]
        names = [name for name in asked if name in self.results.quality]
        known = [(name, found) for name in names if (found := self.testing(name, cases).amount) is not None]
        if not known:
            return unknown(NO_SECONDS)
        total = sum(found.value or 0.0 for _, found in known)
        each = " + ".join(say.duration(self.seconds(name)) for name, _ in known)
        left = len(names) - len(known)
        left_out = f", without {say.count(left, 'variant')} whose seconds were not measured" if left else ""
        return Known(
            amount(total), f"The answers take {say.count(cases, 'case')} × ({each}) ÷ 60, one after another{left_out}."
        )

    def seconds(self, name: str) -> float | None:
        """The mean seconds of an output; None if they were not measured."""
        speed = self.results.seconds.get(name)
        return None if speed is None or not speed.per_second else 1 / speed.per_second

    def training(self, times: float, what: str) -> Known:
        """The machine's minutes for so many trainings as long as the run's; `what` says why so many."""
        trained = self.results.training
        if trained is None or not trained.seconds or trained.hosted is not None:
            return unknown("How long the training takes was not measured.")
        how = f"The training takes {say.duration(trained.seconds)} as in this run × {what} ÷ 60."
        return Known(amount(trained.seconds * times / 60), how)

    # --- words --------------------------------------------------------------------------------------------------

    def draws_level(self, name: str, points: Known, rival: str) -> bool:
        """Whether a variant with these points would be as good as this rival."""
        ours, theirs = self.results.share_of(name), self.results.share_of(rival)
        if ours is None or theirs is None or points.amount is None:
            return False
        gain = points.amount.high if points.amount.value is None else points.amount.value
        return ours + (gain or 0.0) >= theirs - 1e-9

    def reached(self, name: str, points: Known) -> str:
        """The share that a variant would have with these points, as a sentence; empty if that is unknown."""
        share = self.results.share_of(name)
        if share is None or points.amount is None or points.amount.value is None:
            return ""
        return sentence(f"{variant_name(name)} would then be at {say.percent(min(share + points.amount.value, 1.0))}")


def _amount(found: Difference | Interval) -> Amount:
    return amount(found.value, found.low, found.high)
