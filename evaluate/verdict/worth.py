"""What a step is worth: the formulas of its points, money and minutes, over the numbers of the results."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...core import say
from ..money.payback import DAYS_A_MONTH
from .sentences import compared, sentence, share_of, variant_name
from .step import NOTHING, Amount, Known, unknown

__all__ = ["Worth"]

Results = Mapping[str, Any]
MONTH = float(DAYS_A_MONTH)
ASKED_WAYS = ("model", "nearest", "short guide", "constrained", "searched")  # each asks a model once for a request
NO_MONEY = "The prices and the volume are not stated under [roi]."
NO_FAILURE_COST = {
    "ignore": 'No cost of an unacceptable output is stated (`failures = "ignore"` under [roi]).',
    "drop": 'With `failures = "drop"` it depends on the prices of the calls.',
    "retry": 'With `failures = "retry"` it depends on the prices of the calls.',
}
NO_MINUTES = "The minutes for one pair are not stated (`labelling_minutes` under [roi.investment])."
NO_SECONDS = "How long an output takes was not measured."
NO_TODAY = "It is not known which variant is in use today (`baseline` under [evaluate])."


@dataclass(frozen=True)
class Worth:
    """The figures of steps, from the content of results.json."""

    results: Results

    # --- points -------------------------------------------------------------------------------------------------

    def of_candidate(self) -> Known:
        """The candidate in place of its strongest rival."""
        found = self.results["comparison"]["difference"]
        baseline, candidate = map(variant_name, compared(self.results))
        return Known(_amount(found), f"The measured difference of {candidate} to {baseline}.")

    def of_rule(self, name: str, rule: str) -> Known:
        """Every output of a variant that breaks only this rule, as acceptable."""
        quality = self.results["quality"][name]
        alone, total = quality["checks"][rule]["alone"], quality["n"] * (quality.get("samples") or 1)
        breaks = "breaks" if alone["outputs"] == 1 else "break"
        return Known(
            Amount(alone["share"], alone["low"], alone["high"]),
            f"{say.count(alone['outputs'])} of {say.count(total, 'output')} {breaks} this rule and no other, so meeting it "
            f"brings at most {say.points(alone['share'])}.",
        )

    def of_cut(self, name: str) -> Known:
        """The outputs of a variant that were cut at the token limit: between none and all of them become acceptable."""
        entry = next(entry for entry in self.results["quality"][name]["causes"] if entry["cause"] == "cut")
        share, of = entry["count"] / entry["of"], say.count(entry["of"], "output")
        how = f"{say.count(entry['count'])} of {of} were cut, so it brings {say.points(share)} at most."
        return Known(Amount(None, 0.0, share), how)

    def over_today(self, name: str) -> Known:
        """An untrained variant in place of the one in use today."""
        today = self.today
        row = next((row for row in self.results.get("rivals") or [] if row["name"] == name), None)
        if today is None or row is None:
            return unknown(NO_TODAY)
        if today == name:
            return Known(Amount(0.0), "It is in use today.")
        if row.get("over_today") is None:
            return unknown(f"It was not compared with {variant_name(today)}.")
        how = f"The measured difference of {variant_name(name)} to {variant_name(today)}, which is in use today."
        return Known(_amount(row["over_today"]), how)

    @cached_property
    def today(self) -> str | None:
        """The variant in use today, if that is known."""
        return next((row["name"] for row in self.results.get("rivals") or [] if row.get("today")), None)

    # --- money --------------------------------------------------------------------------------------------------

    @cached_property
    def money(self) -> Results:
        """`money` of the results; empty if nothing was stated."""
        return self.results.get("money") or {}

    @property
    def currency(self) -> str | None:
        """The currency of the money; None without any."""
        return self.money.get("currency")

    @property
    def batch(self) -> bool:
        """Whether the money is that of a one-off batch."""
        return self.money.get("requests_total") is not None

    def tuning(self) -> tuple[Known, Known]:
        """What the candidate saves a month and what it costs once; for a batch, only what it saves in all."""
        once = self.money.get("investment") or 0.0
        saved = self.money.get("saving_total" if self.batch else "saving_per_day")
        if saved is None:
            why = unknown(NO_MONEY if not self.money or self.money.get("missing") else "The saving is not known.")
            return why, NOTHING
        spent = self._said(once)
        if self.batch:
            how = f"{self._said(saved)} saved by the batch - {spent} invested."
            return NOTHING, Known(Amount(saved - once), how)
        month = self._a_month(saved, "after running costs")
        return month, Known(Amount(-once), f"Once: the investment of {spent}.") if once else NOTHING

    def switching(self, old: str | None, new: str) -> tuple[Known, Known]:
        """What an untrained variant saves a month in place of another; for a batch, once."""
        if old is None:
            return unknown(NO_TODAY), NOTHING
        before, after = self.saved_by(old), self.saved_by(new)
        if before is None or after is None:
            name = variant_name(old if before is None else new)
            why = NO_MONEY if not self.money or self.money.get("missing") else f"The cost of {name} is not known."
            return unknown(why), NOTHING
        return self.saved(after - before, f"by {variant_name(new)} in place of {variant_name(old)}, failures included")

    def saved_by(self, name: str) -> float | None:
        """What an untrained variant saves a day, or in the batch, in place of the baseline of the comparison; None if
        unknown."""
        if not self.money or self.money.get("missing"):
            return None
        if name == compared(self.results)[0]:
            return 0.0 if self.money.get("saving_per_request") is not None else None
        return self.saved_way("variant", name)

    def saved_way(self, key: str, name: str) -> float | None:
        """The saving of an entry of `money.alternatives`, a day or in the batch."""
        entries = self.money.get("alternatives") or []
        found = (e for e in entries if e["key"] == key and (key != "variant" or e["name"] == name))
        return next((entry.get("saving_total" if self.batch else "saving_per_day") for entry in found), None)

    def saved(self, amount: float, whose: str) -> tuple[Known, Known]:
        """A saving a day as one a month; of a batch, as it is."""
        if self.batch:
            return NOTHING, Known(Amount(amount), f"Saved in the batch {whose}.")
        return self._a_month(amount, whose), NOTHING

    def _a_month(self, a_day: float, whose: str) -> Known:
        return Known(Amount(a_day * MONTH), f"{self._said(a_day)} a day × {MONTH} days, {whose}.")

    def of_points(self, points: Known) -> tuple[Known, Known]:
        """What more acceptable outputs save a month, or in the batch, by the cost of a failure."""
        if points.amount is None:
            return unknown("The points are not known."), NOTHING
        if not self.money or self._volume is None:
            return unknown(NO_MONEY), NOTHING
        cost, failures = self.money.get("failure_cost"), self.money.get("failures") or "ignore"
        if failures != "repair" or cost is None:
            return unknown(NO_FAILURE_COST.get(failures, NO_FAILURE_COST["ignore"])), NOTHING
        if any(entry["key"] == "facts_failure_cost" for entry in self.money.get("assumptions") or []):
            return unknown("It depends on how many of the failures are wrong facts, which cost otherwise."), NOTHING
        value = points.amount.value if points.amount.value is not None else points.amount.high
        share = say.points(value)
        how = f"{share} × {self._said(cost)} for a failure × {say.count(self._volume)} requests"
        if self.batch:
            return NOTHING, Known(points.amount.times(cost * self._volume), f"{how}.")
        return Known(points.amount.times(cost * self._volume * MONTH), f"{how} a day × {MONTH} days."), NOTHING

    @property
    def _volume(self) -> float | None:
        return self.money.get("requests_total") if self.batch else self.money.get("requests_per_day")

    def of_form(self, name: str, instead_of: str) -> tuple[Known, Known]:
        """What a form of the candidate saves in its place, by the costs of a request with its failures."""
        costs = [(self.money.get("variants") or {}).get(each) or {} for each in (instead_of, name)]
        before, after = (cost.get("effective_cost_per_request") for cost in costs)
        if self._volume is None or before is None or after is None or self.money.get("failures") == "drop":
            return unknown(NO_MONEY if not self.money else "The cost of a request is not known."), NOTHING
        if any(cost.get("machine_cost_per_day") for cost in costs):
            return unknown("Its machines are paid by the day, whatever they answer."), NOTHING
        saved = (before - after) * self._volume
        return self.saved(saved, f"by {variant_name(name)} in place of {variant_name(instead_of)}, failures included")

    def _said(self, amount: float) -> str:
        return say.money(amount, self.currency or "")

    # --- minutes ------------------------------------------------------------------------------------------------

    def stated(self, key: str) -> Amount | None:
        """An input of the money with its range; None if it is not stated."""
        entries = self.money.get("assumptions") or []
        entry = next((entry for entry in entries if entry["key"] == key and entry["value"] is not None), None)
        if entry is None:
            return None
        low, _, high = entry.get("range") or (None, None, None)
        return Amount(entry["value"], low, high)

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
        quality = self.results["quality"].get(name) or {}
        each = self.seconds(name)
        outputs = (cases or quality.get("n") or 0) * (quality.get("samples") or 1)
        if each is None:
            return unknown(NO_SECONDS)
        how = f"The answers take {say.count(outputs, 'output')} × {say.duration(each)} ÷ 60, one after another."
        return Known(Amount(outputs * each / 60), how)

    def testing_all(self, cases: int) -> Known:
        """The machine's minutes to answer these cases with every variant that asks a model."""
        ways = self.results.get("variants") or {}
        names = [
            name
            for name, each in ways.items()
            if each.get("way", "model") in ASKED_WAYS and name in self.results["quality"]
        ]
        known = [(name, found) for name in names if (found := self.testing(name, cases).amount) is not None]
        if not known:
            return unknown(NO_SECONDS)
        total = sum(found.value or 0.0 for _, found in known)
        each = " + ".join(say.duration(self.seconds(name)) for name, _ in known)
        left = len(names) - len(known)
        left_out = f", without {say.count(left, 'variant')} whose seconds were not measured" if left else ""
        return Known(
            Amount(total), f"The answers take {say.count(cases, 'case')} × ({each}) ÷ 60, one after another{left_out}."
        )

    def seconds(self, name: str) -> float | None:
        """The mean seconds of an output; None if they were not measured."""
        speed = ((self.results.get("seconds") or {}).get(name) or {}).get("per_second")
        return 1 / speed if speed else None

    def training(self, times: float, what: str) -> Known:
        """The machine's minutes for so many trainings as long as the run's; `what` says why so many."""
        trained = self.results.get("training") or {}
        if not trained.get("seconds") or trained.get("hosted"):
            return unknown("How long the training takes was not measured.")
        how = f"The training takes {say.duration(trained['seconds'])} as in this run × {what} ÷ 60."
        return Known(Amount(trained["seconds"] * times / 60), how)

    # --- words --------------------------------------------------------------------------------------------------

    def draws_level(self, name: str, points: Known, rival: str) -> bool:
        """Whether a variant with these points would be as good as this rival."""
        ours, theirs = share_of(self.results, name), share_of(self.results, rival)
        if ours is None or theirs is None or points.amount is None:
            return False
        gain = points.amount.high if points.amount.value is None else points.amount.value
        return ours + (gain or 0.0) >= theirs - 1e-9

    def reached(self, name: str, points: Known) -> str:
        """The share that a variant would have with these points, as a sentence; empty if that is unknown."""
        share = share_of(self.results, name)
        if share is None or points.amount is None or points.amount.value is None:
            return ""
        return sentence(f"{variant_name(name)} would then be at {say.percent(min(share + points.amount.value, 1.0))}")


def _amount(found: Results) -> Amount:
    return Amount(found["value"], found["low"], found["high"])
