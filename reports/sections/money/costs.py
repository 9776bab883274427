"""The cost of one request with each variant, line by line with its range, and the cheapest alternative to training."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from markupsafe import Markup

from ....core import UNKNOWN, Row, decimals_beside, range_text, roughly, value_text
from ....core import unbroken as say
from ....evaluate import read_inputs
from ....evaluate.results import Good, Money, VariantCost
from ...stored import MOST_VARIANTS, StoredRun
from ...words import capital, variant_label
from .assumptions import ASSUMPTION, LINE, traced

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
    money = run.results.money
    if money is None or money.payback_days is None:
        return None
    # The ways that the candidate clearly beats.
    beaten = {row.name for row in run.rivals if row.difference and (row.difference.low or 0) > 0}
    ways = [
        way
        for way in money.alternatives
        if way.key == "variant" and not way.needs_training and (way.saving_per_request or 0) > 0
    ]
    ways = [way for way in ways if way.name not in beaten]
    if not ways:
        return None
    best = max(ways, key=lambda way: way.saving_per_request or 0)
    return CheaperWay(best.name, best.tuning.payback_days if best.tuning else None)


def hosts_machines(money: Money) -> bool:
    """Whether either side runs on machines that are paid by the day."""
    costs = (money.variants.get(name) for name in (money.baseline, money.candidate))
    return any(cost and cost.machine_cost_per_day for cost in costs)


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
    money, scored = run.results.money, run.quality(name)
    cost = money.variants.get(name) if money else None
    if money is None or cost is None or cost.cost_per_request is None or scored is None:
        return NO_RANGE
    found = scored.acceptable
    if found.share is None or found.low is None or found.high is None:
        return NO_RANGE
    shares = _Shares(found.share, found.low, found.high)
    if cost.machine_cost_per_day:
        return _with_machines(shares, money, name)
    if money.failures == "repair":
        return _with_repair(shares, cost.cost_per_request, cost.effective_cost_per_request, money.failure_cost)
    if money.failures == "retry":
        return NO_RANGE
    return _of_acceptable(shares, cost.cost_per_request, cost.cost_per_acceptable_output)


class _Shares(NamedTuple):
    """An acceptable share with the ends of its range."""

    share: float
    low: float
    high: float


def _with_machines(found: _Shares, money: Money, name: str) -> Ends:
    """The cost including machines, of which other acceptance shares may need more or fewer."""
    inputs = money.formula_inputs
    if money.failures == "retry" or not inputs or not inputs.requests_per_day or name not in inputs.variants:
        return NO_RANGE
    values = read_inputs(inputs)
    acceptance = values.way(name).value("acceptance")
    if acceptance is None or _differ(found.share, float(acceptance)):
        return NO_RANGE
    low, high = (
        values.changed({f"{name}.acceptance": Decimal(repr(share))}).way(name).value("cost_with_machines")
        for share in (found.high, found.low)
    )
    return (None if low is None else float(low), None if high is None else float(high))


def _with_repair(found: _Shares, cost: float, effective: float | None, repair: float | None) -> Ends:
    """The cost including repair, at the stated price of repairing one output."""
    if repair is None or effective is None or _differ(cost + (1 - found.share) * repair, effective):
        return NO_RANGE
    return cost + (1 - found.high) * repair, cost + (1 - found.low) * repair


def _of_acceptable(found: _Shares, cost: float, per_output: float | None) -> Ends:
    """The cost of an acceptable output."""
    if not found.share or not found.high or per_output is None or _differ(cost / found.share, per_output):
        return NO_RANGE
    return cost / found.high, cost / found.low if found.low else None


def _differ(calculated: float, stored: float) -> bool:
    return abs(calculated - stored) > 1e-6 * abs(stored)


# The title and the key of the cost that counts, by what happens to unacceptable outputs.
COUNTED = {
    "repair": ("Cost per output, including repair", "effective_cost_per_request"),
    "retry": ("Cost per request, including retries", "effective_cost_per_request"),
}


def cost_figure(failures: str | None, good: Good = "acceptable") -> tuple[str, str]:
    """The title and the key of the cost that counts; `good` is what outputs are called that are no failures.

    If people repair failures, every output ends up acceptable and costs the request plus the repair. If failures are
    retried, the cost covers all calls and the failures that remain.
    """
    return COUNTED.get(failures or "", (f"Cost per {good} output", "cost_per_acceptable_output"))


def counted_cost(money: Money, cost: VariantCost) -> tuple[str, float | None]:
    """The key and the value of the cost that counts for a variant, with its machines if they have a volume."""
    if cost.machine_cost_per_day and cost.cost_with_machines is not None:
        return "cost_with_machines", cost.cost_with_machines
    key = cost_figure(money.failures)[1]
    return key, cost.effective_cost_per_request if money.failures in COUNTED else cost.cost_per_acceptable_output


# The deciding row of the cost table, by what happens to unacceptable outputs.
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


def costed(run: StoredRun, money: Money) -> list[list[str]]:
    """The variants in the cost tables: both sides with every other of known cost; of many, both sides first, the others
    by the handful.

    A variant whose outputs are only repaired costs what its origin does, and one that is combined from others is no one
    request; they are in the table only if they are compared.
    """
    sides = [name for name in (run.baseline, run.candidate) if name and name in money.variants]
    known = [name for name, cost in money.variants.items() if cost.cost_per_request is not None]
    others = [name for name in known if name not in sides and run.way(name) not in ("repair", "cascade")]
    if len(sides) + len(others) <= MOST_VARIANTS:
        return [[name for name in money.variants if name in sides or name in others]]
    return [sides, *(others[start : start + MOST_VARIANTS] for start in range(0, len(others), MOST_VARIANTS))]


def linked_cost_rows(run: StoredRun, money: Money, names: Sequence[str]) -> list[CostRow]:
    """The cost table of these variants with each cell linked to its derivation or assumption."""

    def cell(row: CostRow, name: str, text: str | Markup) -> str | Markup:
        where = f"variants.{name}.{row.key}" if row.origin == LINE else f"{name}.{row.key}"
        return traced(money, row.origin, where, text)

    return [
        replace(row, cells=tuple(cell(row, name, text) for name, text in zip(names, row.cells, strict=True)))
        for row in cost_rows(money, names, [cost_range(run, name) for name in names])
    ]


def cost_rows(money: Money, names: Sequence[str], ranges: Sequence[Ends] = ()) -> list[CostRow]:
    """What one request costs with these variants, line by line; `ranges` are those of their costs, if they are shown."""
    variants, currency = [money.variants[name] for name in names], money.currency
    ends = COUNTS.get(money.failures, "effective_cost_per_request")
    one, none = f"Cost of one {money.good} output", f"none {money.good}"
    what = one if ends in COUNTS.values() else "Cost of one request with failures"
    hosted = [cost for cost in variants if cost.machine_cost_per_day]
    shared = any(cost.cost_with_machines is not None for cost in hosted)
    counts = "cost_with_machines" if shared else ends
    sides = (money.variants.get(name) for name in (money.baseline, money.candidate))
    decimals = decimals_beside(*(side.acceptance if side else None for side in sides))

    def row(key: str, label: str, unit: str, *, missing: str = UNKNOWN, origin: str = LINE) -> CostRow:
        values = (getattr(cost, key) for cost in variants)
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
        row("acceptance", f"{capital(money.good)} outputs", "share", origin=ASSUMPTION),
        row("cost_per_acceptable_output", one, currency, missing=none),
    ]
    if ends not in COUNTS.values():
        rows.append(row("effective_cost_per_request", "Cost of one request with failures", currency))
    if hosted:
        rows.append(row("machine_cost_per_day", "Cost of machines per day", currency))
    if shared:
        at = f"including machines, at {say.count(money.requests_per_day)} requests a day"
        rows.append(row("cost_with_machines", f"{what}, {at}", currency, missing=none))
    spans = [range_text(Row("range", "", None, currency, *ends), say) for ends in ranges]
    if any(spans):
        what += ", including machines" if shared else ""
        label = f"{what}: range due to the {money.good} share"
        rows.append(CostRow("range", label, tuple(span or "–" for span in spans)))
    return rows


def alternative_rows(money: Money, measured: Collection[str] = ()) -> list[tuple[str, ...]]:
    """The alternatives to tuning: name, cost of a request, saving, acceptable share, payback of tuning compared with it.

    Those that were `measured` are in a table of their own, with the differences in their outputs.
    """
    rows = []
    for way in money.alternatives:
        if way.key == "variant" and way.name in measured:
            continue
        known, tuning = way.acceptance is not None, way.tuning
        rows.append(
            (
                variant_label(way.name),
                say.money(way.effective_cost_per_request, money.currency),
                say.percent(way.saving_share),
                f"{say.percent(way.acceptance)} ({way.acceptance_from})" if known else UNKNOWN,
                say.days(tuning.payback_days)
                if tuning and tuning.saving_per_day is not None
                else say.money(tuning.npv if tuning else None, money.currency),
            )
        )
    return rows
