"""The three numbers of the first screen: acceptable outputs, the cost of one, the payback, each with its ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ...core import NEVER, Row, range_text, row_text, value_text
from ...core import unbroken as say
from ..charts.axes import Axis, linear_axis, shortened
from ..charts.rows import Bar, Mark, mini_rows
from ..stored import StoredRun
from .money.assumptions import LINE, anchor
from .money.costs import change_words, cheaper_way, cost_range, counted_cost

__all__ = ["OF_SHARES", "Number", "Side", "cost_number", "three_numbers"]

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
    """Acceptable outputs; the cost of one (without prices, the tokens per request); the payback."""
    return _acceptable(run), cost_number(run) or _tokens(run), _payback(run)


def _sides(run: StoredRun) -> list[tuple[str, str]]:
    """(variant, role), the baseline first."""
    pairs = [(run.baseline, "baseline"), (run.candidate, "candidate")]
    return [(name, role) for name, role in pairs if name is not None]


def _acceptable(run: StoredRun) -> Number:
    sides, marks = [], []
    for name, role in _sides(run):
        found = (run.results["quality"].get(name) or {}).get("acceptable") or {}
        raw = (run.results["quality"].get(name) or {}).get("raw") or {}
        changed = raw.get("share") is not None and raw["share"] != found.get("share")
        before = f"{say.percent(raw['share'])} before repair" if changed else ""
        row = Row(
            "acceptable", run.label(name), found.get("share"), "share", found.get("low"), found.get("high"), before,
            run.gap_decimals(),
        )  # fmt: skip
        sides.append(Side(row, role, "" if row.value is None else "#shares"))
        if row.value is not None:
            marks.append(Mark(row.value, row.low, row.high, role))
    difference = (run.results.get("comparison") or {}).get("difference") or {}
    change, origin = "", ""
    if difference.get("value") is not None:
        change, origin = (
            row_text(Row("difference", "", unit="points", decimals=run.gap_decimals(), **difference), say),
            "#difference",
        )
    elif sides:
        change = f"of {say.count(run.results['quality'][_sides(run)[-1][0]].get('n'), 'output')}"
    axis = Axis(0, 1, ((0, ""), (0.5, ""), (1, "")))
    return Number("Acceptable outputs", tuple(sides), change, mini_rows(marks, axis), origin, OF_SHARES)


def cost_number(run: StoredRun) -> Number | None:
    """Cost per acceptable output of both sides; None if there are no prices."""
    money = run.results.get("money")
    if not money:
        return None
    currency, sides, values = money.get("currency") or "", [], []
    title, key = counted_cost(money)
    costs = [((money.get("variants") or {}).get(name) or {}).get("cost_per_request") for name, _ in _sides(run)]
    if None in costs:
        return None
    for name, role in _sides(run):
        variant = money["variants"][name]
        machines, shared = (variant.get(part) for part in ("machine_cost_per_day", "cost_with_machines"))
        counted = "cost_with_machines" if machines and shared is not None else key
        value, apart = variant.get(counted), machines and shared is None
        low, high = (None, None) if apart else cost_range(run, name)
        note = f"plus {say.money(machines, currency)} per day for machines" if apart else ""
        row = Row(counted, run.label(name), "none acceptable" if value is None else value, currency, low, high, note)
        sides.append(Side(row, role, _line(money, f"variants.{name}.{counted}")))
        values.append((value, role))
    known = [(value, role) for value, role in values if value is not None]
    change = change_words(*[value for value, _ in values]) if len(values) == 2 else ""
    axis = linear_axis([value for value, _ in known], str)
    picture = mini_rows([Bar(0, value, role) for value, role in known], axis)
    origin = _line(money, "saving_share") if change and change == _saved(money) else ""
    hosted = [money["variants"][name] for name, _ in _sides(run) if money["variants"][name].get("machine_cost_per_day")]
    if hosted:
        change, origin = _hosted_change(money, hosted, change), "#money"
    return Number(title, tuple(sides), change, picture, origin, OF_SHARES)


def _hosted_change(money: Mapping[str, Any], hosted: Sequence[Mapping[str, Any]], change: str) -> str:
    """The change between two costs where machines are involved; without a volume they are not comparable."""
    if any(variant.get("cost_with_machines") is None for variant in hosted):
        return "" if money.get("requests_per_day") else "which one costs less depends on the volume"
    at = f"including machines, at {say.count(money['requests_per_day'])} requests a day"
    return f"{change}, {at}" if change else at


def _saved(money: Mapping[str, Any]) -> str:
    """The change that the money section derives, which may differ from the change between these two costs."""
    share = money.get("saving_share")
    return "" if share is None else change_words(1.0, 1 - share)


def _line(money: Mapping[str, Any], key: str) -> str:
    """The link to a figure's line in the derivation; without one, to the money section."""
    known = any(line.get("key") == key for line in money.get("derivation") or [])
    return f"#{quote(anchor(LINE, key), safe='')}" if known else "#money"


def _tokens(run: StoredRun) -> Number:
    sides, bars, counted = [], [], bool(run.results.get("tokens"))
    for name, role in _sides(run):
        tokens = (run.results.get("tokens") or {}).get(name) or {}
        known = [tokens[key] for key in ("fixed", "input", "output") if tokens.get(key) is not None]
        answer = f"{say.count(round(tokens['output']))} of them in the answer" if tokens.get("output") else ""
        row = Row("tokens", run.label(name), round(sum(known)) if known else None, note=answer)
        sides.append(Side(row, role, "#tokens" if counted else ""))
        if known:
            bars.append((sum(known), role))
    change = change_words(*[total for total, _ in bars]) if len(bars) == 2 else ""
    axis = linear_axis([total for total, _ in bars], str)
    picture = mini_rows([Bar(0, total, role) for total, role in bars], axis)
    return Number("Tokens per request", tuple(sides), change, picture)


def _payback(run: StoredRun) -> Number:
    title, money = "Payback", run.results.get("money")
    if not money:
        value, why = "not stated", "Prices and volume were not stated for this run."
        if run.baseline is None:
            value, why = "not known", "There is no second variant to compare the cost with."
        return Number(title, (_no_days(value, why),), "", Markup(""))
    if money.get("requests_per_day") is None or money.get("saving_per_request") is None:
        earns = money.get("probability_npv_positive") if money.get("requests_total") is not None else None
        change = "" if earns is None else f"{say.chance(earns)} likely to save more than it costs"
        return Number(title, (_without_days(money),), change, Markup(""), "#money" if change else "")
    middle, low, high = (money.get(f"payback_days{part}") for part in ("", "_p5", "_p95"))
    target, chance = money.get("target_payback_days"), money.get("probability_of_payback_in_target")
    change = f"{say.chance(chance)} likely within {say.days(target)}" if chance is not None and target else ""
    way = cheaper_way(run)
    compared = f" compared with {shortened(run.label(str(run.baseline)))}" if way else ""
    cheaper = f"{say.days(way.payback_days)} compared with {shortened(run.label(way.name))}" if way else ""
    note = "; ".join(filter(None, (_daily(money) if low is high is None else "", cheaper)))
    label = f"to recover {say.money(money.get('investment'), money.get('currency') or '')}{compared}"
    row = Row("payback_days", label, middle, "days", low, high, note)
    drawn_at = "#payback" if money.get("payback_distribution") else "#money"
    side = Side(row, "candidate", _line(money, "payback_days"))
    picture = _payback_picture(middle, low, high, target)
    return Number(title, (side,), change, picture, drawn_at if change else "", OF_SCENARIOS)


def _no_days(value: str, why: str) -> Side:
    return Side(Row("payback_days", "", value, note=why))


def _without_days(money: Mapping[str, Any]) -> Side:
    """What is shown instead of the payback days: for a batch, or if numbers are missing."""
    if money.get("saving_per_request") is None:
        missing = [str(key) for key in money.get("missing") or []]
        if not missing and money.get("failures") == "drop":
            return _no_days("not known", "No output is acceptable, so an acceptable one has no cost.")
        text = f"{missing[0]} is missing." if len(missing) == 1 else f"{len(missing)} numbers are missing."
        return _no_days("not stated", text if missing else "A price is missing.")
    if money.get("requests_total") is None:
        return _no_days("not stated", "The requests per day were not stated for this run.")
    requests = money.get("requests_to_pay_back")
    value = NEVER if requests is None else say.count(requests, "request")
    row = Row("requests_to_pay_back", "", value, note=f"of a batch of {say.count(money['requests_total'])}")
    return Side(row, "candidate", _line(money, "requests_to_pay_back"))


def _payback_picture(middle: float | None, low: float | None, high: float | None, target: float | None) -> Markup:
    """The range of the payback, with the target as a line if it is near."""
    if middle is None or low is None or not high:  # an immediate payback has no range to draw
        return Markup("")
    near = target is not None and target < 12 * high
    end = max(high, target) if near and target is not None else high
    marks = [Mark(middle, low, high, "candidate")]
    return mini_rows(marks, Axis(0, end * 1.02, ((0, ""),)), lines=[target] if near and target is not None else [])


def _daily(money: Mapping[str, Any]) -> str:
    """The saving per day, shown if there is no range."""
    saving, currency = money.get("saving_per_day"), money.get("currency") or ""
    if not saving:
        return "" if saving is None else "saves nothing"
    at = f"per day, at {say.count(money['requests_per_day'], 'request')}"
    return (
        f"saves {say.money(saving, currency)} {at}" if saving > 0 else f"costs {say.money(-saving, currency)} more {at}"
    )
