"""Money as charts, tables and sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from .. import numbers as say
from ..charts.axes import linear_axis, log_axis
from ..charts.curves import Curve, Flag, curve_chart
from ..charts.figure import Figure, render_figure
from ..charts.rows import Bar, Row, rows_chart
from ..stored import StoredRun

__all__ = [
    "Step",
    "alternative_rows",
    "assumption_detail",
    "assumption_value",
    "cost_rows",
    "costed",
    "derivation_rows",
    "flip_rows",
    "lead",
    "money_steps",
    "parts_figure",
    "tornado_figure",
    "volume_figure",
    "words",
]

PARTS = {"guide": "Shorter prompt", "model": "Other prices", "failures": "Fewer failures"}


@dataclass(frozen=True)
class Step:
    """One line of a derivation: what, how it comes about, what it comes to."""

    what: str
    how: str
    result: str
    total: bool = False


def lead(run: StoredRun) -> str:
    """The sentence that opens the section."""
    if not run.results.get("money"):
        return "No prices were stated, so this report is about quality alone."
    return "From what one request costs to the day on which the spending is earned back."


def costed(run: StoredRun) -> list[str]:
    """The variants of the cost table: both sides, and every other whose cost is known."""
    variants = run.results["money"].get("variants") or {}
    sides = (run.baseline, run.candidate)
    return [str(name) for name, found in variants.items() if name in sides or found.get("cost_per_request") is not None]


def cost_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """What one request costs per variant, line by line: a label, then one value per variant."""
    money = run.results["money"]
    variants, currency = money.get("variants") or {}, money.get("currency") or ""

    def line(label: str, key: str, write: Any) -> tuple[str, ...]:
        return (label, *(write(variants[name].get(key)) for name in costed(run)))

    def sum_of(value: float | None) -> str:
        return say.amount(value, currency)

    def per_acceptable(value: float | None) -> str:
        return "none acceptable" if value is None else sum_of(value)

    return [
        line("Tokens of guide and examples", "fixed_tokens", say.count),
        line("Tokens of the request", "input_tokens", say.count),
        line("Tokens of the answer", "output_tokens", say.count),
        line("One request costs", "cost_per_request", sum_of),
        line("Acceptable", "acceptance", say.percent),
        line("One acceptable output costs", "cost_per_acceptable_output", per_acceptable),
        line("One request with what its failures cost", "effective_cost_per_request", sum_of),
    ]


def money_steps(run: StoredRun) -> list[Step]:
    """From the saving of one request to the payback, each step with its numbers."""
    money = run.results["money"]
    currency, variants = money.get("currency") or "", money.get("variants") or {}

    def sum_of(key: str) -> str:
        return say.amount(money.get(key), currency)

    def cost(name: str | None) -> str:
        return say.amount((variants.get(name or "") or {}).get("effective_cost_per_request"), currency)

    if money.get("saving_per_request") is None:
        return []
    share, volume, running = (money.get(key) for key in ("saving_share", "requests_per_day", "running_cost_per_day"))
    steps = [
        Step(
            "Saved on one request",
            f"{cost(run.baseline)} ({run.baseline}) − {cost(run.candidate)} ({run.candidate})",
            sum_of("saving_per_request") + (f", {say.percent(share)}" if share is not None else ""),
        ),
        Step("To be spent once", "everything under “investment” in the list of assumptions", sum_of("investment")),
    ]
    if volume is not None:
        less = f" − {say.amount(running, currency)} of running costs" if running else ""
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
    currency, rows = money.get("currency") or "", []
    for way in money.get("alternatives") or []:
        tuning, saved = way.get("tuning") or {}, way.get("saving_share")
        known = way.get("acceptance") is not None
        rows.append(
            (
                str(way["name"]),
                say.amount(way.get("effective_cost_per_request"), currency),
                say.UNKNOWN if saved is None else say.percent(saved).replace("-", say.MINUS),
                f"{say.percent(way.get('acceptance'))} ({way.get('acceptance_from')})" if known else say.UNKNOWN,
                say.days(tuning.get("payback_days"))
                if tuning.get("saving_per_day") is not None
                else say.amount(tuning.get("npv"), currency),
            )
        )
    return rows


def derivation_rows(run: StoredRun) -> list[tuple[str, str, str, str]]:
    """Every figure of the money: in words, its formula, the numbers in it, the result."""
    lines = run.results["money"].get("derivation") or []
    return [tuple(str(line.get(key) or "") for key in ("words", "formula", "numbers", "result")) for line in lines]  # type: ignore[misc]


def _thresholds(money: Mapping[str, Any], currency: str) -> list[Step]:
    """The figures beside the payback, those that exist."""
    horizon = money.get("horizon_days")
    steps = [
        ("requests_to_pay_back", "Requests until then", "spending ÷ saving on one request", "{count}"),
        ("break_even_requests_per_day", "Worth it from", "below this it never pays in time", "{count} requests a day"),
        ("break_even_failure_cost", "Worth it once a failure costs", "the better quality then carries it", "{money}"),
        ("npv", f"Gain over {say.days(horizon)}" if horizon else "Gain in all", "savings minus spending", "{money}"),
    ]
    return [
        Step(what, how, text.format(count=say.count(found), money=say.amount(found, currency)), total=key == "npv")
        for key, what, how, text in steps
        if (found := money.get(key)) is not None
    ]


def _ramp(money: Mapping[str, Any]) -> str:
    ramp = next((line.get("value") for line in money.get("assumptions") or [] if line.get("key") == "ramp_days"), None)
    return f", the volume growing over {say.days(ramp)}" if isinstance(ramp, int | float) and ramp > 0 else ""


def parts_figure(run: StoredRun) -> Markup:
    """What the saving on one request is made of, as bars that add up."""
    money = run.results["money"]
    parts, currency = money.get("parts") or {}, money.get("currency") or ""
    known = [(PARTS.get(key, str(key)), value) for key, value in parts.items() if value is not None]
    if not known:
        return Markup("")
    rows, table, start = [], [], 0.0
    edges = [0.0]
    for name, value in known:
        rows.append(
            Row(
                name, (Bar(start, start + value, "gain" if value >= 0 else "loss"),), say.signed_amount(value, currency)
            )
        )
        table.append((name, say.signed_amount(value, currency)))
        start += value
        edges.append(start)
    rows.append(Row("Together", (Bar(0, start, "candidate"),), say.signed_amount(start, currency)))
    table.append(("Together", say.signed_amount(start, currency)))
    text = "; ".join(f"{name}: {value}" for name, value in table)
    figure = Figure("Where the saving on one request comes from", text, ("Part", "Saving"), tuple(table))
    return render_figure(figure, rows_chart(rows, linear_axis(edges, _bare(currency), most_steps=4)))


def volume_figure(run: StoredRun) -> Markup:
    """The gain over the horizon against the volume, with the break-even and today's volume."""
    money = run.results["money"]
    currency = money.get("currency") or ""
    points = [
        (line["requests_per_day"], line["npv"])
        for line in money.get("volume_curve") or []
        if line.get("npv") is not None and (line.get("requests_per_day") or 0) > 0
    ]
    if len(points) < 2:
        return Markup("")
    today, even = money.get("requests_per_day"), money.get("break_even_requests_per_day")
    volumes = [x for x, _ in points]
    spread = max(volumes) / min(volumes)
    x = log_axis(volumes, say.count) if spread > 50 else linear_axis(volumes, say.count, zero=False, tight=True)
    y = linear_axis([value for _, value in points], _bare(currency))
    flags = [Flag(today, f"today: {say.count(today)}")] if today and x.low <= today <= x.high else []
    if even and x.low <= even <= x.high:
        flags.append(Flag(even, f"break-even: {say.count(even)}", row=1))
    table = tuple(
        (say.count(line["requests_per_day"]), say.days(line.get("payback_days")), say.amount(line.get("npv"), currency))
        for line in money["volume_curve"]
    )
    text = f"From {say.amount(points[0][1], currency)} at {say.count(points[0][0])} requests a day to " + (
        f"{say.amount(points[-1][1], currency)} at {say.count(points[-1][0])}"
    )
    title = f"Gain over the horizon against the volume, in {currency}"
    figure = Figure(title, text, ("Requests a day", "Payback", "Gain"), table, on_paper=True)
    curve = Curve(f"{run.candidate} instead of {run.baseline}", tuple(points), "candidate")
    return render_figure(figure, curve_chart([curve], x, y, x_title="requests a day", flags=flags))


def tornado_figure(run: StoredRun) -> Markup:
    """How far each uncertain input moves the gain, the widest first; nothing where no draws were made."""
    money = run.results["money"]
    currency = money.get("currency") or ""
    lines = [line for line in money.get("tornado") or [] if None not in (line.get("npv_low"), line.get("npv_high"))]
    if not lines:
        return Markup("")
    lines.sort(key=lambda line: -abs(line["npv_high"] - line["npv_low"]))
    middle = money.get("npv") or 0
    rows, table, ends = [], [], [middle]
    for line in lines[:10]:
        low, high = line["npv_low"], line["npv_high"]
        if say.amount(low, currency) == say.amount(high, currency):
            continue  # it moves nothing that anybody would see
        ends += [low, high]
        span = say.amount_range(min(low, high), max(low, high), currency)
        rows.append(Row(words(line["key"]), (Bar(middle, low, "loss"), Bar(middle, high, "gain")), span))
        table.append((words(line["key"]), f"{say.plain(line.get('low'))} to {say.plain(line.get('high'))}", span))
    if not rows:
        return Markup("")
    text = "; ".join(f"{name}: {span}" for name, _, span in table)
    figure = Figure("How far each input moves the gain", text, ("Input", "Its range", "Gain"), tuple(table))
    return render_figure(figure, rows_chart(rows, linear_axis(ends, _bare(currency)), lines=[middle]))


def _bare(currency: str) -> Any:
    """Axis labels: the number alone, the unit stands in the title or the values."""
    return lambda value: say.plain(round(value, 12))


@dataclass(frozen=True)
class FlipRow:
    """One number that would change the answer, as it is now and where the answer changes."""

    what: str
    now: str
    then: str
    decision: str


# A price 30 times as high changes many an answer; it is no reason to think twice.
_FARTHEST = 30


def flip_rows(run: StoredRun) -> list[FlipRow]:
    """The verdict's flip points within reach, with their units."""
    currency = (run.results.get("money") or {}).get("currency") or ""
    rows = []
    for flip in run.results["verdict"].get("flips") or []:
        now, then = flip.get("from"), flip.get("to")
        reachable = isinstance(now, int | float) and isinstance(then, int | float) and now > 0
        if reachable and not 1 / _FARTHEST <= then / now <= _FARTHEST:
            continue
        key = str(flip.get("key") or "")
        rows.append(
            FlipRow(str(flip["what"]), _in_units(key, now, currency), _in_units(key, then, currency), flip["decision"])
        )
    return rows


def _in_units(key: str, value: Any, currency: str) -> str:
    last = key.rpartition(".")[2]
    if not isinstance(value, int | float):
        return say.plain(value)
    if last in ("acceptance", "cached_share", "discount_rate"):
        return say.percent(value)
    if (key.startswith("investment.") and last in ("compute", "evaluation")) or last in ("failure_cost", "hourly"):
        return say.amount(value, currency)
    if last.startswith("price_"):
        return f"{say.amount(value, currency)} a million"
    # A flip point is solved to many digits; three are as many as anybody plans by.
    return say.count(value) if abs(value) >= 100 else f"{value:.3g}"


def words(key: Any) -> str:
    """A key of the configuration as words: `prompted.price_input` is `prompted: price input`."""
    return str(key).replace("_", " ").replace(".", ": ")


def assumption_value(line: Mapping[str, Any]) -> str:
    """The value of an assumption with its unit; shares as percentages, a list as low, likely, high."""
    value, unit = line.get("value"), str(line.get("unit") or "")
    if unit == "of outputs" and isinstance(value, int | float):
        return f"{say.percent(value)} {unit}"
    text = ", ".join(map(say.plain, value)) if isinstance(value, list) else say.plain(value)
    return f"{text} {unit}".strip()


def assumption_detail(line: Mapping[str, Any]) -> str:
    """The range from which an assumption was drawn, and what else is known of it."""
    drawn = line.get("range")
    parts = [f"range {say.plain(drawn[0])} to {say.plain(drawn[-1])}"] if isinstance(drawn, list) and drawn else []
    return "; ".join(parts + ([str(line["detail"])] if line.get("detail") else []))
