"""The cost of one request with each variant, line by line with its range, and the cheapest alternative to training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from ....core import UNKNOWN, Row, completed, decimals_beside, from_json, range_text, roughly, value_text
from ....core import unbroken as say
from ....evaluate import FormulaInputs, read_inputs
from ...stored import StoredRun
from ...words import variant_label
from ..order import MOST_VARIANTS
from .assumptions import ASSUMPTION, LINE, traced

__all__ = [
    "CheaperWay",
    "CostRow",
    "alternative_rows",
    "cheaper_way",
    "cost_range",
    "cost_rows",
    "costed",
    "counted_cost",
    "hosts_machines",
]


Ends = tuple[float | None, float | None]
NO_RANGE: Ends = (None, None)


@dataclass(frozen=True)
class CheaperWay:
    """A way without training that costs less than the strongest and may be as good as training; `payback_days` is None for
    never."""

    name: str
    payback_days: float | None


def cheaper_way(run: StoredRun) -> CheaperWay | None:
    """The cheapest such variant; None if there is none, or if training never pays back against the baseline."""
    money, beaten = run.results.get("money") or {}, {row["name"] for row in run.rivals if _beaten(row)}
    ways = [
        way
        for way in money.get("alternatives") or []
        if way.get("key") == "variant" and not way.get("needs_training") and (way.get("saving_per_request") or 0) > 0
    ]
    ways = [way for way in ways if way.get("name") not in beaten]
    if not ways or money.get("payback_days") is None:
        return None
    best = max(ways, key=lambda way: way["saving_per_request"])
    return CheaperWay(str(best.get("name")), (best.get("tuning") or {}).get("payback_days"))


def _beaten(row: Mapping[str, Any]) -> bool:
    """Whether the candidate is clearly better than this way."""
    low = (row.get("difference") or {}).get("low")
    return low is not None and low > 0


def hosts_machines(money: Mapping[str, Any]) -> bool:
    """Whether either side runs on machines that are paid by the day."""
    sides = (money.get("baseline"), money.get("candidate"))
    return any(((money.get("variants") or {}).get(name) or {}).get("machine_cost_per_day") for name in sides)


def change_words(before: float | None, after: float | None) -> str:
    """How much less or more the second is; a multiple if the percentage would be in the hundreds."""
    if not before or after is None:
        return ""
    change = 1 - after / before
    if abs(change) < 0.0005:
        return "the same"
    if change < -2:
        return f"{say.count(roughly(after / before))} times as much"
    return f"{say.percent(abs(change))} {'less' if change > 0 else 'more'}"


def cost_range(run: StoredRun, name: str) -> Ends:
    """The range of an output's cost: including repair if failures are repaired, else per acceptable output.

    It includes dedicated machines at the stated volume. The upper end is None if no output might be acceptable. Both
    ends are None if the acceptance was stated rather than measured, or if retries make the cost depend on several shares.
    """
    money = run.results.get("money") or {}
    variant = (money.get("variants") or {}).get(name) or {}
    found = ((run.results.get("quality") or {}).get(name) or {}).get("acceptable") or {}
    cost = variant.get("cost_per_request")
    if cost is None or None in (found.get("share"), found.get("low"), found.get("high")):
        return NO_RANGE
    if variant.get("machine_cost_per_day"):
        return _with_machines(found, money, name)
    if money.get("failures") == "repair":
        return _with_repair(found, variant, money.get("failure_cost"))
    return NO_RANGE if money.get("failures") == "retry" else _of_acceptable(found, variant)


def _with_machines(found: Mapping[str, float], money: Mapping[str, Any], name: str) -> Ends:
    """The cost including machines, of which other acceptance shares may need more or fewer."""
    inputs = money.get("formula_inputs") or {}
    if money.get("failures") == "retry" or not inputs.get("requests_per_day") or name not in inputs["variants"]:
        return NO_RANGE
    values = read_inputs(from_json(completed(inputs, FormulaInputs), FormulaInputs))
    acceptance = values.way(name).value("acceptance")
    if acceptance is None or _differ(found["share"], float(acceptance)):
        return NO_RANGE
    shares = (Decimal(repr(float(found[end]))) for end in ("high", "low"))
    low, high = (
        values.changed({f"{name}.acceptance": share}).way(name).value("cost_with_machines") for share in shares
    )
    return (None if low is None else float(low), None if high is None else float(high))


def _with_repair(found: Mapping[str, float], variant: Mapping[str, Any], repair: float | None) -> Ends:
    """The cost including repair, at the stated price of repairing one output."""
    cost, effective = variant["cost_per_request"], variant.get("effective_cost_per_request")
    if repair is None or effective is None or _differ(cost + (1 - found["share"]) * repair, effective):
        return NO_RANGE
    return cost + (1 - found["high"]) * repair, cost + (1 - found["low"]) * repair


def _of_acceptable(found: Mapping[str, float], variant: Mapping[str, Any]) -> Ends:
    """The cost of an acceptable output."""
    cost, per_output = variant["cost_per_request"], variant.get("cost_per_acceptable_output")
    if not found["share"] or not found["high"] or per_output is None or _differ(cost / found["share"], per_output):
        return NO_RANGE
    return cost / found["high"], cost / found["low"] if found["low"] else None


def _differ(calculated: float, stored: float) -> bool:
    return abs(calculated - stored) > 1e-6 * abs(stored)


# The cost that counts and its title, by what happens to unacceptable outputs.
COUNTED = {
    "repair": ("Cost per output, including repair", "effective_cost_per_request"),
    "retry": ("Cost per request, including retries", "effective_cost_per_request"),
}


def counted_cost(money: Mapping[str, Any]) -> tuple[str, str]:
    """The title and the key of the cost that counts.

    If people repair failures, every output ends up acceptable and costs the request plus the repair. If failures are
    retried, the cost covers all calls and the failures that remain.
    """
    return COUNTED.get(str(money.get("failures")), ("Cost per acceptable output", "cost_per_acceptable_output"))


# The deciding row of the cost table, by what happens to unacceptable outputs.
NONE = "none acceptable"
COUNTS = {"ignore": "cost_per_request", "drop": "cost_per_acceptable_output"}


@dataclass(frozen=True)
class CostRow:
    """One row of the cost table, with a cell for each variant; `total` marks the deciding row.

    `origin` is what its cells link to: a derivation or an assumption.
    """

    key: str
    label: str
    cells: tuple[str | Markup, ...]
    total: bool = False
    origin: str = LINE


def costed(run: StoredRun) -> list[list[str]]:
    """The variants in the cost tables: both sides with every other of known cost; of many, both sides first, the others
    by the handful.

    A variant whose outputs are only repaired costs what its origin does, and one that is combined from others is no one
    request; they are in the table only if they are compared.
    """
    variants = run.results["money"].get("variants") or {}
    sides = [name for name in (run.baseline, run.candidate) if name is not None and name in variants]
    known = [str(name) for name, found in variants.items() if found.get("cost_per_request") is not None]
    others = [name for name in known if name not in sides and run.way(name) not in ("repair", "cascade")]
    if len(sides) + len(others) <= MOST_VARIANTS:
        return [[str(name) for name in variants if name in sides or name in others]]
    return [sides, *(others[start : start + MOST_VARIANTS] for start in range(0, len(others), MOST_VARIANTS))]


def linked_cost_rows(run: StoredRun, names: Sequence[str]) -> list[CostRow]:
    """The cost table of these variants with each cell linked to its derivation or assumption."""
    money = run.results["money"]

    def cell(row: CostRow, name: str, text: str | Markup) -> str | Markup:
        where = f"variants.{name}.{row.key}" if row.origin == LINE else f"{name}.{row.key}"
        return traced(money, row.origin, where, text)

    return [
        replace(row, cells=tuple(cell(row, name, text) for name, text in zip(names, row.cells, strict=True)))
        for row in cost_rows(run, names)
    ]


def cost_rows(run: StoredRun, names: Sequence[str]) -> list[CostRow]:
    """What one request costs with these variants, line by line."""
    money = run.results["money"]
    variants, currency = money.get("variants") or {}, money.get("currency") or ""
    ends = COUNTS.get(str(money.get("failures") or ""), "effective_cost_per_request")
    what = "Cost of one acceptable output" if ends in COUNTS.values() else "Cost of one request with failures"
    hosted = [variants[name] for name in names if variants[name].get("machine_cost_per_day")]
    shared = any(variant.get("cost_with_machines") is not None for variant in hosted)
    counts = "cost_with_machines" if shared else ends

    sides = ((variants.get(money.get(side)) or {}).get("acceptance") for side in ("baseline", "candidate"))
    decimals = decimals_beside(*sides)

    def row(key: str, label: str, unit: str, *, missing: str = UNKNOWN, origin: str = LINE) -> CostRow:
        values = (variants[name].get(key) for name in names)
        shown = decimals if unit == "share" else 0
        cells = (
            value_text(Row(key, "", missing if value is None else value, unit, decimals=shown), say) for value in values
        )
        return CostRow(key, label, tuple(cells), total=key == counts, origin=origin)

    rows = [
        row("fixed_tokens", "Tokens in guide and examples", "", origin=ASSUMPTION),
        row("input_tokens", "Tokens in the request", "", origin=ASSUMPTION),
        row("output_tokens", "Tokens in the answer", "", origin=ASSUMPTION),
        row("cost_per_request", "Cost of one request", currency),
        row("acceptance", "Acceptable outputs", "share", origin=ASSUMPTION),
        row("cost_per_acceptable_output", "Cost of one acceptable output", currency, missing=NONE),
    ]
    if ends not in COUNTS.values():
        rows.append(row("effective_cost_per_request", "Cost of one request with failures", currency))
    if hosted:
        rows.append(row("machine_cost_per_day", "Cost of machines per day", currency))
    if shared:
        at = f"including machines, at {say.count(money['requests_per_day'])} requests a day"
        rows.append(row("cost_with_machines", f"{what}, {at}", currency, missing=NONE))
    spans = [range_text(Row("range", "", None, currency, *cost_range(run, name)), say) for name in names]
    if any(spans):
        what += ", including machines" if shared else ""
        label = f"{what}: range due to the acceptable share"
        rows.append(CostRow("range", label, tuple(span or "–" for span in spans)))
    return rows


def alternative_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """The alternatives to tuning: name, cost of a request, saving, acceptable share, payback of tuning compared with it.

    Those that the run measured are in a table of their own, with the differences in their outputs.
    """
    money, measured = run.results["money"], {row["name"] for row in run.rivals}
    currency, rows = money.get("currency") or "", []
    ways = [
        way for way in money.get("alternatives") or [] if way.get("key") != "variant" or way["name"] not in measured
    ]
    for way in ways:
        tuning, saved = way.get("tuning") or {}, way.get("saving_share")
        known = way.get("acceptance") is not None
        rows.append(
            (
                variant_label(str(way["name"])),
                say.money(way.get("effective_cost_per_request"), currency),
                say.percent(saved),
                f"{say.percent(way.get('acceptance'))} ({way.get('acceptance_from')})" if known else UNKNOWN,
                say.days(tuning.get("payback_days"))
                if tuning.get("saving_per_day") is not None
                else say.money(tuning.get("npv"), currency),
            )
        )
    return rows
