"""Money as tables: what one request costs, from its saving to the payback, the ways without training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...core import UNKNOWN
from ...core import unbroken as say
from ..stored import StoredRun
from .cost_range import cost_range, hosts_machines
from .tracing import ASSUMPTION, LINE, traced

__all__ = ["CostRow", "Step", "alternative_rows", "cost_rows", "costed", "money_steps"]

# The sums in the results of the short steps, one column.
# The line of the cost table that counts in the end, by what happens to unacceptable outputs.
COUNTS = {"ignore": "cost_per_request", "drop": "cost_per_acceptable_output"}


@dataclass(frozen=True)
class CostRow:
    """One line of the cost table: its label, a cell for each variant, whether it is what counts in the end."""

    label: str
    cells: tuple[str | Markup, ...]
    total: bool = False


@dataclass(frozen=True)
class Step:
    """One line of a derivation: what, how it comes about, what it comes to."""

    what: str
    how: str
    result: str
    total: bool = False


def costed(run: StoredRun) -> list[str]:
    """The variants of the cost table: both sides, and every other whose cost is known."""
    variants = run.results["money"].get("variants") or {}
    sides = (run.baseline, run.candidate)
    return [str(name) for name, found in variants.items() if name in sides or found.get("cost_per_request") is not None]


def cost_rows(run: StoredRun) -> list[CostRow]:
    """What one request costs per variant, line by line, each cell a link to its derivation or its assumption."""
    money = run.results["money"]
    variants, currency = money.get("variants") or {}, money.get("currency") or ""
    ends = COUNTS.get(str(money.get("failures") or ""), "effective_cost_per_request")
    what = "One acceptable output" if ends in COUNTS.values() else "One request with its failures"
    names = costed(run)
    hosted = [variants[name] for name in names if variants[name].get("machine_cost_per_day")]
    shared = any(variant.get("cost_with_machines") is not None for variant in hosted)
    counts = "cost_with_machines" if shared else ends

    def row(label: str, key: str, write: Callable[[Any], str], kind: str = LINE) -> CostRow:
        cells = []
        for name in names:
            where = f"variants.{name}.{key}" if kind == LINE else f"{name}.{key}"
            cells.append(traced(money, kind, where, write(variants[name].get(key))))
        return CostRow(label, tuple(cells), total=key == counts)

    def sum_of(value: float | None) -> str:
        return say.money(value, currency)

    def per_acceptable(value: float | None) -> str:
        return "none acceptable" if value is None else sum_of(value)

    rows = [
        row("Tokens of guide and examples", "fixed_tokens", say.count, ASSUMPTION),
        row("Tokens of the request", "input_tokens", say.count, ASSUMPTION),
        row("Tokens of the answer", "output_tokens", say.count, ASSUMPTION),
        row("One request costs", "cost_per_request", sum_of),
        row("Acceptable", "acceptance", say.percent, ASSUMPTION),
        row("One acceptable output costs", "cost_per_acceptable_output", per_acceptable),
    ]
    if ends not in COUNTS.values():
        rows.append(row("One request with what its failures cost", "effective_cost_per_request", sum_of))
    if hosted:
        rows.append(row("Its machines cost a day", "machine_cost_per_day", sum_of))
    if shared:
        label = f"{what}, machines included, at {say.count(money['requests_per_day'])} requests a day"
        rows.append(row(label, "cost_with_machines", per_acceptable))
    spans = tuple(cost_range(run, name) for name in names)
    if any(spans):
        what += ", machines included" if shared else ""
        rows.append(
            CostRow(f"{what}, at both ends of the acceptable share's range", tuple(span or "–" for span in spans))
        )
    return rows


def money_steps(run: StoredRun) -> list[Step]:
    """From the saving of one request to the payback, each step with its numbers."""
    money = run.results["money"]
    currency, variants = money.get("currency") or "", money.get("variants") or {}

    def sum_of(key: str) -> str:
        return say.money(money.get(key), currency)

    def cost(name: str | None) -> str:
        return say.money((variants.get(name or "") or {}).get("effective_cost_per_request"), currency)

    if money.get("saving_per_request") is None:
        return []
    share, volume, running = (money.get(key) for key in ("saving_share", "requests_per_day", "running_cost_per_day"))
    hosted = hosts_machines(money)
    steps = [
        Step(
            "Saved on one request, machines apart" if hosted else "Saved on one request",
            f"{cost(run.baseline)} ({run.baseline}) − {cost(run.candidate)} ({run.candidate})",
            sum_of("saving_per_request") + (f", {say.percent(share)}" if share is not None and not hosted else ""),
        ),
        Step("To be spent once", "everything under “investment” in the list of assumptions", sum_of("investment")),
    ]
    if volume is not None:
        less = f" − {say.money(running, currency)} of running costs" if running else ""
        how = f"{sum_of('saving_per_request')} × {say.count(volume)} requests a day{less}"
        steps.append(Step("Saved in a day", how, sum_of("saving_per_day")))
        how = f"{sum_of('investment')} ÷ {sum_of('saving_per_day')} a day{_ramp(money)}"
        if (money.get("saving_per_day") or 0) <= 0:
            how = "a day that saves nothing earns nothing back"
        steps.append(Step("Paid back after", how, say.days(money.get("payback_days")), total=True))
    return steps + _thresholds(money, currency)


def alternative_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """The ways without tuning: name, cost of a request, less than the baseline, acceptable, payback of tuning against it."""
    money = run.results["money"]
    currency, rows, ways = money.get("currency") or "", [], money.get("alternatives") or []
    for way in ways:
        tuning, saved = way.get("tuning") or {}, way.get("saving_share")
        known = way.get("acceptance") is not None
        rows.append(
            (
                str(way["name"]),
                say.money(way.get("effective_cost_per_request"), currency),
                say.percent(saved),
                f"{say.percent(way.get('acceptance'))} ({way.get('acceptance_from')})" if known else UNKNOWN,
                say.days(tuning.get("payback_days"))
                if tuning.get("saving_per_day") is not None
                else say.money(tuning.get("npv"), currency),
            )
        )
    return rows


def _thresholds(money: Mapping[str, Any], currency: str) -> list[Step]:
    """The figures beside the payback, those that exist."""
    horizon = money.get("horizon_days")
    steps = [
        ("requests_to_pay_back", "Requests until then", "spending ÷ saving on one request", "{count}"),
        (
            "break_even_requests_per_day",
            "Worth it from",
            "below this the days counted do not bring the spending back",
            "{count} requests a day",
        ),
        ("break_even_failure_cost", "Worth it once a failure costs", "the better quality then carries it", "{money}"),
        ("npv", f"Gain over {say.days(horizon)}" if horizon else "Gain in all", "savings minus spending", "{money}"),
    ]

    def write(value: float) -> str:
        return say.money(value, currency)

    return [
        Step(what, how, text.format(count=say.count(found), money=write(found)), total=key == "npv")
        for key, what, how, text in steps
        if (found := money.get(key)) is not None
    ]


def _ramp(money: Mapping[str, Any]) -> str:
    ramp = next((line.get("value") for line in money.get("assumptions") or [] if line.get("key") == "ramp_days"), None)
    return f", the volume growing over {say.days(ramp)}" if isinstance(ramp, int | float) and ramp > 0 else ""
