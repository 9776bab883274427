"""The three numbers of the first screen: acceptable outputs, the cost of one, the payback, each with its ranges."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from ...core import NEVER, Row, range_text, row_text, value_text
from ...core import unbroken as say
from ...evaluate.results import A_GOOD, Money, VariantCost
from ..charts.axes import Axis, linear_axis, shortened
from ..charts.rows import Bar, Mark, mini_rows
from ..stored import StoredRun
from ..words import capital
from .money.assumptions import LINE, anchor
from .money.costs import change_words, cheaper_way, cost_figure, cost_range, counted_cost

# Costs have the range that follows from their share's; a payback has the 5th to 95th percentiles of the scenarios.
OF_SHARES, OF_SCENARIOS = "95%", "90%"


@dataclass(frozen=True)
class Side:
    """One variant's figure, named by the label of its row; `origin` links to its derivation."""

    row: Row
    role: str = ""
    origin: str = ""

    @property
    def name(self) -> str:
        """The variant, or what the figure describes."""
        return self.row.label

    @property
    def value(self) -> str:
        """The figure."""
        return value_text(self.row, say)

    @property
    def detail(self) -> str:
        """The range around it and any note."""
        return "; ".join(filter(None, (range_text(self.row, say), self.row.note)))


@dataclass(frozen=True)
class Number:
    """One of the three numbers: both sides or a single figure, the change with a link to its origin, a picture.

    `level` is that of the ranges of the sides: 95%.
    """

    title: str
    sides: tuple[Side, ...]
    change: str
    picture: Markup
    change_origin: str = ""
    level: str = ""

    @property
    def ranges(self) -> str:
        """What the ranges are; empty if no side has one."""
        return f"{self.level} ranges" if self.level and any(side.row.low is not None for side in self.sides) else ""


def three_numbers(run: StoredRun) -> tuple[Number, Number, Number]:
    """Acceptable, or correct, outputs; the cost of one (without prices, the tokens per request); the payback."""
    return _acceptable(run), cost_number(run) or _tokens(run), _payback(run)


def _sides(run: StoredRun) -> list[tuple[str, str]]:
    """(variant, role), the baseline first."""
    pairs = [(run.baseline, "baseline"), (run.candidate, "candidate")]
    return [(name, role) for name, role in pairs if name is not None]


def _acceptable(run: StoredRun) -> Number:
    sides, marks = [], []
    for name, role in _sides(run):
        scored = run.quality(name)
        found, raw = (scored.acceptable, scored.raw) if scored else (None, None)
        changed = raw and raw.share is not None and found and raw.share != found.share
        before = f"{say.percent(raw.share)} before repair" if raw and changed else ""
        share, low, high = (found.share, found.low, found.high) if found else (None, None, None)
        row = Row("acceptable", run.label(name), share, "share", low, high, before, run.gap_decimals())
        sides.append(Side(row, role, "" if row.value is None else "#shares"))
        if row.value is not None:
            marks.append(Mark(row.value, row.low, row.high, role))
    change, origin = "", ""
    if gap := run.gap:
        row = Row("difference", "", gap.value, "points", gap.low, gap.high, decimals=run.gap_decimals())
        change, origin = row_text(row, say), "#difference"
    elif scored := run.quality(_sides(run)[-1][0] if sides else None):
        change = f"of {say.count(scored.n, 'output')}"
    axis = Axis(0, 1, ((0, ""), (0.5, ""), (1, "")))
    return Number(f"{capital(run.good)} outputs", tuple(sides), change, mini_rows(marks, axis), origin, OF_SHARES)


def cost_number(run: StoredRun) -> Number | None:
    """Cost per acceptable output of both sides; None if there are no prices."""
    money = run.results.money
    if not money:
        return None
    costs = [(name, role, cost) for name, role in _sides(run) if (cost := money.variants.get(name))]
    if len(costs) < len(_sides(run)) or any(cost.cost_per_request is None for *_, cost in costs):
        return None
    sides, values = [], []
    for name, role, cost in costs:
        key, value = counted_cost(money, cost)
        apart = cost.machine_cost_per_day and cost.cost_with_machines is None
        low, high = (None, None) if apart else cost_range(run, name)
        note = f"plus {say.money(cost.machine_cost_per_day, money.currency)} per day for machines" if apart else ""
        shown = f"none {run.good}" if value is None else value
        row = Row(key, run.label(name), shown, money.currency, low, high, note)
        sides.append(Side(row, role, _line(money, f"variants.{name}.{key}")))
        values.append((value, role))
    known = [(value, role) for value, role in values if value is not None]
    change = change_words(*[value for value, _ in values]) if len(values) == 2 else ""
    axis = linear_axis([value for value, _ in known], str)
    picture = mini_rows([Bar(0, value, role) for value, role in known], axis)
    origin = _line(money, "saving_share") if change and change == _saved(money) else ""
    hosted = [cost for *_, cost in costs if cost.machine_cost_per_day]
    if hosted:
        change, origin = _hosted_change(money, hosted, change), "#money"
    return Number(cost_figure(money.failures, money.good)[0], tuple(sides), change, picture, origin, OF_SHARES)


def _hosted_change(money: Money, hosted: Sequence[VariantCost], change: str) -> str:
    """The change between two costs where machines are involved; without a volume they are not comparable."""
    if any(cost.cost_with_machines is None for cost in hosted):
        return "" if money.requests_per_day else "which one costs less depends on the volume"
    at = f"including machines, at {say.count(money.requests_per_day)} requests a day"
    return f"{change}, {at}" if change else at


def _saved(money: Money) -> str:
    """The change that the money section derives, which may differ from the change between these two costs."""
    return "" if money.saving_share is None else change_words(1.0, 1 - money.saving_share)


def _line(money: Money, key: str) -> str:
    """The link to a figure's line in the derivation; without one, to the money section."""
    known = any(line.key == key for line in money.derivation)
    return f"#{quote(anchor(LINE, key), safe='')}" if known else "#money"


def _tokens(run: StoredRun) -> Number:
    sides, bars = [], []
    for name, role in _sides(run):
        tokens = run.results.tokens.get(name)
        total = tokens.total if tokens else None
        answer = f"{say.count(round(tokens.output))} of them in the answer" if tokens and tokens.output else ""
        row = Row("tokens", run.label(name), None if total is None else round(total), note=answer)
        sides.append(Side(row, role, "#tokens" if run.results.tokens else ""))
        if total is not None:
            bars.append((total, role))
    change = change_words(*[total for total, _ in bars]) if len(bars) == 2 else ""
    axis = linear_axis([total for total, _ in bars], str)
    picture = mini_rows([Bar(0, total, role) for total, role in bars], axis)
    return Number("Tokens per request", tuple(sides), change, picture)


def _payback(run: StoredRun) -> Number:
    title, money = "Payback", run.results.money
    if not money:
        value, why = "not stated", "Prices and volume were not stated for this run."
        if run.baseline is None:
            value, why = "not known", "There is no second variant to compare the cost with."
        return Number(title, (_no_days(value, why),), "", Markup(""))
    if money.requests_per_day is None or money.saving_per_request is None:
        earns = money.probability_npv_positive if money.requests_total is not None else None
        change = "" if earns is None else f"{say.chance(earns)} likely to save more than it costs"
        return Number(title, (_without_days(money),), change, Markup(""), "#money" if change else "")
    middle, low, high = money.payback_days, money.payback_days_p5, money.payback_days_p95
    target, chance = money.target_payback_days, money.probability_of_payback_in_target
    change = f"{say.chance(chance)} likely within {say.days(target)}" if chance is not None and target else ""
    way = cheaper_way(run)
    compared = f" compared with {shortened(run.label(str(run.baseline)))}" if way else ""
    cheaper = f"{say.days(way.payback_days)} compared with {shortened(run.label(way.name))}" if way else ""
    note = "; ".join(filter(None, (_daily(money) if low is high is None else "", cheaper)))
    label = f"to recover {say.money(money.investment, money.currency)}{compared}"
    row = Row("payback_days", label, middle, "days", low, high, note)
    drawn_at = "#payback" if money.payback_distribution else "#money"
    side = Side(row, "candidate", _line(money, "payback_days"))
    picture = _payback_picture(middle, low, high, target)
    return Number(title, (side,), change, picture, drawn_at if change else "", OF_SCENARIOS)


def _no_days(value: str, why: str) -> Side:
    return Side(Row("payback_days", "", value, note=why))


def _without_days(money: Money) -> Side:
    """What is shown instead of the payback days: for a batch, or if numbers are missing."""
    if money.saving_per_request is None:
        missing = money.missing
        if not missing and money.failures == "drop":
            return _no_days("not known", f"No output is {money.good}, so {A_GOOD[money.good]} one has no cost.")
        text = f"{missing[0]} is missing." if len(missing) == 1 else f"{len(missing)} numbers are missing."
        return _no_days("not stated", text if missing else "A price is missing.")
    if money.requests_total is None:
        return _no_days("not stated", "The requests per day were not stated for this run.")
    requests = money.requests_to_pay_back
    value = NEVER if requests is None else say.count(requests, "request")
    row = Row("requests_to_pay_back", "", value, note=f"of a batch of {say.count(money.requests_total)}")
    return Side(row, "candidate", _line(money, "requests_to_pay_back"))


def _payback_picture(middle: float | None, low: float | None, high: float | None, target: float | None) -> Markup:
    """The range of the payback, with the target as a line if it is near."""
    if middle is None or low is None or not high:  # an immediate payback has no range to draw
        return Markup("")
    near = target is not None and target < 12 * high
    end = max(high, target) if near and target is not None else high
    marks = [Mark(middle, low, high, "candidate")]
    return mini_rows(marks, Axis(0, end * 1.02, ((0, ""),)), lines=[target] if near and target is not None else [])


def _daily(money: Money) -> str:
    """The saving per day, shown if there is no range."""
    saving, currency = money.saving_per_day, money.currency
    if not saving:
        return "" if saving is None else "saves nothing"
    at = f"per day, at {say.count(money.requests_per_day, 'request')}"
    return (
        f"saves {say.money(saving, currency)} {at}" if saving > 0 else f"costs {say.money(-saving, currency)} more {at}"
    )
