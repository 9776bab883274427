"""What one request costs: line by line for each variant, with its range, and the cheapest way without training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from ...core import UNKNOWN
from ...core import unbroken as say
from ...evaluate import cost_with_machines, read_inputs
from ..stored import StoredRun
from .assumptions import ASSUMPTION, LINE, traced

__all__ = [
    "CheaperWay",
    "CostRow",
    "alternative_rows",
    "cheaper_way",
    "cost_range",
    "cost_rows",
    "costed",
    "hosts_machines",
]


@dataclass(frozen=True)
class CheaperWay:
    """A measured variant that needs no training and costs less than the baseline; `payback_days` None is never."""

    name: str
    payback_days: float | None


def cheaper_way(money: Mapping[str, Any]) -> CheaperWay | None:
    """The cheapest such variant; None where there is none, and where training never pays back against the baseline."""
    ways = [
        way
        for way in money.get("alternatives") or []
        if way.get("key") == "variant" and not way.get("needs_training") and (way.get("saving_per_request") or 0) > 0
    ]
    if not ways or money.get("payback_days") is None:
        return None
    best = max(ways, key=lambda way: way["saving_per_request"])
    return CheaperWay(str(best.get("name")), (best.get("tuning") or {}).get("payback_days"))


def hosts_machines(money: Mapping[str, Any]) -> bool:
    """Whether one of the two sides runs on machines that are paid by the day."""
    sides = (money.get("baseline"), money.get("candidate"))
    return any(((money.get("variants") or {}).get(name) or {}).get("machine_cost_per_day") for name in sides)


def cost_range(run: StoredRun, name: str) -> str:
    """The range of what an output of the variant costs, mended where failures are, else for each acceptable one.

    Machines of its own are in it, at the volume that was stated. Empty where the acceptance was stated and not
    measured, and where trying again makes it no matter of one share.
    """
    money = run.results.get("money") or {}
    variant = (money.get("variants") or {}).get(name) or {}
    found = ((run.results.get("quality") or {}).get(name) or {}).get("acceptable") or {}
    cost, currency = variant.get("cost_per_request"), money.get("currency") or ""
    if cost is None or None in (found.get("share"), found.get("low"), found.get("high")):
        return ""
    if variant.get("machine_cost_per_day"):
        return _with_machines(found, money, name)
    if money.get("failures") == "repair":
        return _mended(found, variant, money.get("failure_cost"), currency)
    return "" if money.get("failures") == "retry" else _of_acceptable(found, variant, currency)


def _with_machines(found: Mapping[str, float], money: Mapping[str, Any], name: str) -> str:
    """The cost with its part of a day's machines, of which other shares may need more or fewer."""
    inputs = money.get("formula_inputs") or {}
    if money.get("failures") == "retry" or not inputs.get("requests_per_day") or name not in inputs["variants"]:
        return ""
    *pair, plan = read_inputs(inputs)
    option = pair[name == inputs["candidate"]]
    if option is None or option.acceptance is None or _differ(found["share"], float(option.acceptance)):
        return ""
    high, low = (
        cost_with_machines(replace(option, acceptance=Decimal(repr(float(found[end])))), plan)
        for end in ("high", "low")
    )
    if high is None:
        return ""
    if low is None:
        return f"from {say.money(float(high), money.get('currency') or '')}"
    return say.money_range(float(high), float(low), money.get("currency") or "")


def _mended(found: Mapping[str, float], variant: Mapping[str, Any], each: float | None, currency: str) -> str:
    """The cost with mending at the stated price of mending one output."""
    cost, effective = variant["cost_per_request"], variant.get("effective_cost_per_request")
    if each is None or effective is None or _differ(cost + (1 - found["share"]) * each, effective):
        return ""
    return say.money_range(cost + (1 - found["high"]) * each, cost + (1 - found["low"]) * each, currency)


def _of_acceptable(found: Mapping[str, float], variant: Mapping[str, Any], currency: str) -> str:
    """The cost of an acceptable output."""
    cost, each = variant["cost_per_request"], variant.get("cost_per_acceptable_output")
    if not found["share"] or not found["high"] or each is None or _differ(cost / found["share"], each):
        return ""
    if not found["low"]:
        return f"from {say.money(cost / found['high'], currency)}"
    return say.money_range(cost / found["high"], cost / found["low"], currency)


def _differ(counted: float, stored: float) -> bool:
    return abs(counted - stored) > 1e-6 * abs(stored)


# The line of the cost table that counts in the end, by what happens to unacceptable outputs.
COUNTS = {"ignore": "cost_per_request", "drop": "cost_per_acceptable_output"}


@dataclass(frozen=True)
class CostRow:
    """One line of the cost table: its label, a cell for each variant, whether it is what counts in the end."""

    label: str
    cells: tuple[str | Markup, ...]
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
