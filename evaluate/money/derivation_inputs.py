"""What goes into each line of the derivation: the lines above it and the assumptions whose numbers stand in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from .derivation_line import Line

__all__ = ["with_inputs"]

HORIZON = ("horizon_days", "running.days_to_retirement", "ramp_days")
MACHINE = ("hourly", "requests_per_second", "min_replicas", "peak_factor")
# Amounts that are multiplied stand together: without the first or the second the others count for nothing.
INVESTMENT = (
    ("compute",),
    ("compute_hours", "compute_hourly", "compute_runs"),
    ("labelling_pairs", "labelling_minutes", "labelling_hourly"),
    ("engineering_hours", "engineering_hourly"),
    ("evaluation",),
)
RUNNING = {
    "running.monitoring": ("running.monitoring_hours_per_month", "running.monitoring_hourly"),
    "running.style_changes": ("running.style_changes_per_year", "running.retrain_cost"),
    "running.retraining": ("running.retrain_every_days", "running.retrain_cost"),
}
OF_OPTION = (
    "cost_per_request", "cost_per_acceptable_output", "effective_cost_per_request", "calls", "still_failing",
    "replicas", "machine_cost_per_day", "cost_with_machines",
)  # fmt: skip


def with_inputs(
    lines: Sequence[Line],
    names: tuple[str, str],
    *,
    failures: str,
    assumed: Mapping[str, Decimal],
    exchanged: Mapping[str, str],
) -> list[Line]:
    """The lines with the keys of what goes into each: lines above it, or assumptions.

    `names` are (baseline, candidate), `assumed` the assumptions and `exchanged` the currency of each price that is
    exchanged. A key that is both an assumption and a line above, as an exchanged price is, means the line; in that
    line itself it means the assumption. Costs of 0 that only add nothing are left out.
    """
    book = _Book(names, failures, assumed, frozenset(each.key for each in lines))
    known = {key for key, value in assumed.items() if value or not key.startswith(("investment.", "running."))}
    found: list[Line] = []
    for each in lines:
        if each.key in exchanged:
            wanted: Sequence[str] = (each.key, f"exchange.{exchanged[each.key]}")
        else:
            wanted = book.inputs(each.key)
        kept = dict.fromkeys(key for key in wanted if key in known)
        found.append(replace(each, inputs=tuple(kept)))
        known.add(each.key)
    return found


@dataclass(frozen=True)
class _Book:
    """The keys that could go into a line, by its own; `with_inputs` leaves out those that this account has not."""

    names: tuple[str, str]
    failures: str
    assumed: Mapping[str, Decimal]
    lines: frozenset[str]

    def inputs(self, key: str) -> Sequence[str]:
        head, _, last = key.rpartition(".")
        if key in RUNNING:
            return RUNNING[key]
        if head and last in OF_OPTION:
            return self._of_option(head, last)
        if head == "parts":
            steps = [f"variants.{self.names[0]}", "parts.step_1", "parts.step_2", f"variants.{self.names[1]}"]
            at = ("guide", "model", "failures").index(last)
            return [self._effective(step) for step in steps[at : at + 2]]
        if head == "npv":  # one year of it
            return [*self._daily(), *HORIZON, "discount_rate"]
        if head.startswith("alternatives."):
            return self._of_alternative(head, last)
        return self._of_comparison(key)

    def _effective(self, prefix: str) -> str:
        """The line that says what one request of an option costs in the end."""
        last = {"drop": "cost_per_acceptable_output", "ignore": "cost_per_request"}.get(
            self.failures, "effective_cost_per_request"
        )
        return f"{prefix}.{last}" if f"{prefix}.{last}" in self.lines else f"{prefix}.cost_per_request"

    def _of_option(self, head: str, last: str) -> Sequence[str]:
        """A line of one variant, of a step between two, or of an alternative."""
        old, new = self.names
        name = (
            head.removeprefix("variants.") if head.startswith("variants.") else new if head == "parts.step_2" else old
        )
        failing = old if head == "parts.step_2" else name
        retried = [f"{failing}.acceptance", "tries"]
        return {
            "cost_per_request": self._tokens(head, name),
            "cost_per_acceptable_output": [f"{head}.cost_per_request", f"{failing}.acceptance"],
            "effective_cost_per_request": [
                f"{head}.cost_per_request", f"{failing}.acceptance", f"{head}.calls", f"{head}.still_failing",
                "failure_cost",
            ],
            "calls": [*retried, f"{failing}.extra_calls"],
            "still_failing": [*retried, f"{failing}.rescued"],
            "cost_with_machines": [
                "requests_per_day", self._effective(head), f"{head}.machine_cost_per_day",
                *([f"{name}.acceptance"] if self.failures == "ignore" else []),
            ],
            "replicas": ["requests_per_day", f"{head}.calls", *self._machines(name)[1:]],
            "machine_cost_per_day": [
                f"{name}.hourly", f"{head}.replicas" if f"{head}.replicas" in self.lines else f"{name}.min_replicas",
            ],
        }[last]  # fmt: skip

    def _tokens(self, head: str, name: str) -> list[str]:
        """What one request's cost is made of."""
        if f"{name}.hourly" in self.assumed:
            return [f"{name}.hourly", f"{name}.requests_per_second"]
        fixed = self.names[1] if head == "parts.step_1" else name
        keys = [f"{fixed}.fixed_tokens", *self._cache(head, name, fixed)]
        way = head.removeprefix("alternatives.") if head.startswith("alternatives.") else ""
        if way == "short_guide":
            keys += [f"{name}.guide_tokens", f"{name}.few_shot_tokens", f"{name}.short_guide_tokens"]
        if way == "no_few_shot":
            keys.append(f"{name}.few_shot_tokens")
        keys += [f"{name}.input_tokens", f"{name}.output_tokens"]
        if way == "batch":  # the list's own prices, which are no assumption of this account, but their exchange
            return [*keys, *(key for key in self.assumed if key.startswith("exchange."))]
        return [*keys, f"{name}.price_input", f"{name}.price_output"]

    def _cache(self, head: str, name: str, fixed: str) -> list[str]:
        """The cached share and the prices that it needs, where there is anything to cache for less."""
        prices = [f"{name}.price_cached", f"{name}.price_cache_write"]
        if head == "alternatives.cached_guide":
            return prices[:1]
        if not any(price in self.assumed for price in prices):
            return []
        share = f"{fixed}.cached_share"
        return [share, f"{fixed}.min_cached_tokens", *prices] if self.assumed.get(share) else [share]

    def _investment(self) -> list[str]:
        groups = [[f"investment.{name}" for name in group] for group in INVESTMENT]
        return [key for group in groups if all(map(self.assumed.get, group[:2])) for key in group]

    def _daily(self) -> list[str]:
        return ["requests_per_day", "saving_per_request", "running_cost_per_day"]

    def _running(self, *names: str) -> list[str]:
        """What runs every day: the upkeep, and the machines of these variants by their line or else their numbers."""
        keys = list(RUNNING)
        for name in names:
            line = f"variants.{name}.machine_cost_per_day"
            keys += [line] if line in self.lines else self._machines(name)
        return keys

    def _machines(self, name: str) -> list[str]:
        """What the machines of a variant depend on, beside the volume; acceptance where failures are called again."""
        if not self._hosted(name):
            return []
        keys = (*MACHINE, "acceptance") if self.failures in ("drop", "retry") else MACHINE
        return [f"{name}.{key}" for key in keys]

    def _hosted(self, name: str) -> bool:
        return f"{name}.hourly" in self.assumed

    def _of_alternative(self, head: str, last: str) -> Sequence[str]:
        """The saving of an alternative, and what tuning saves against it: `head` ends in `.tuning` then."""
        own = head.removesuffix(".tuning")
        name = own.removeprefix("alternatives.")
        way = self._effective(own) if f"{own}.cost_per_request" in self.lines else self._effective(f"variants.{name}")
        if last == "saving_per_request":
            return [way, self._effective(f"variants.{self.names[1 if head != own else 0]}")]
        daily = ["requests_per_day", f"{head}.saving_per_request"]
        same = not self._hosted(name) and not self._hosted(self.names[0])
        running = ["running_cost_per_day"] if same else self._running(self.names[1], name)
        if last == "payback_days":
            return ["investment", f"{head}.saving_per_day", *self._ramp([*daily, *running])]
        return ["requests_total", *daily, *running]

    def _ramp(self, daily: Sequence[str]) -> list[str]:
        """The ramp, and what it needs beside the saving of a whole day."""
        return ["ramp_days", *(daily if self.assumed.get("ramp_days") else ())]

    def _of_comparison(self, key: str) -> Sequence[str]:
        """A figure of the two sides as a whole."""
        old, new = self.names
        both = [self._effective(f"variants.{name}") for name in self.names]
        days = ["spend_per_day_baseline", "spend_per_day_candidate"]
        failing = [f"variants.{name}.{end}" for end in ("calls", "still_failing") for name in self.names]
        failing += [f"{name}.acceptance" for name in self.names]
        years = sorted(
            (line for line in self.lines if line.startswith("npv.year_")), key=lambda line: (len(line), line)
        )
        return {
            "investment": self._investment(),
            "saving_per_request": both,
            "saving_share": days if days[0] in self.lines else both,
            "running_cost_per_day": self._running(new, old),
            "saving_per_day": self._daily(),
            "saving_total": ["requests_total", "saving_per_request"],
            days[0]: ["requests_per_day", both[0], f"variants.{old}.machine_cost_per_day"],
            days[1]: ["requests_per_day", both[1], f"variants.{new}.machine_cost_per_day"],
            "payback_days": ["investment", "saving_per_day", *self._ramp(self._daily())],
            "requests_to_pay_back": ["investment", "saving_per_request"],
            "break_even_requests_per_day": [
                "investment", "saving_per_request", *HORIZON, "running_cost_per_day",
                *self._machines(new),
            ],
            "break_even_failure_cost": [
                *(f"variants.{name}.cost_per_request" for name in self.names), *failing, "running_cost_per_day",
                *(["requests_per_day"] if "running_cost_per_day" in self.lines else []),
            ],
            "break_even_fixed_tokens": [*both, *self._tokens(f"variants.{old}", old), failing[0], f"{old}.acceptance"],
            "npv": [
                "saving_total", "investment",
                *(years or ([] if "saving_total" in self.lines else [*self._daily(), *HORIZON])),
            ],
        }.get(key, [])  # fmt: skip
