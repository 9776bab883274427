"""The money charts: the parts of the saving, the payback, the volume, and the effect of each input."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ....core import unbroken as say
from ....evaluate import BREAK_EVEN
from ...charts.axes import linear_axis, log_axis
from ...charts.figure import Figure, render_figure
from ...charts.plot import Band, Bin, Curve, Flag, curve_chart, distribution_chart
from ...charts.rows import Bar, End, Row, Swing, rows_chart, tornado_chart
from ...stored import StoredRun
from .assumptions import input_value, words
from .costs import hosts_machines

__all__ = ["part_label", "parts_figure", "payback_figure", "scenarios", "tornado_figure"]
__all__ += ["tornado_finding", "volume_figure", "volume_rows"]

# The parts of a saving, each with its name where it costs more instead, if that differs.
PARTS = {
    "guide": ("Shorter prompt", "Longer prompt"),
    "model": ("Different prices and lengths",) * 2,
    "failures": ("Fewer failures", "More failures"),
}
# The curve is drawn this far around today's volume and the break-even. The stored curve extends farther, where gains ten
# times as large would flatten this part.
NEAR, FAR = 4, 3
PRINTED = 7  # rows of the volume table that matter on paper
SWINGS, LEAST_SWING = (
    10,
    0.02,
)  # most inputs drawn; inputs with less than this share of the largest effect are only counted
SCALES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
FAR_TARGET = 6  # a target this many times beyond the last bar would squeeze the bars into a corner
DRAWS = "Each scenario draws every uncertain number at random within its range."
HOW = ("money", "How the scenarios are simulated")


def part_label(key: str, saved: float) -> str:
    """A part of the saving in words; `saved` is negative where it costs more instead."""
    more, less = PARTS.get(key, (key, key))
    return less if saved < 0 else more


def parts_figure(run: StoredRun) -> Markup:
    """What each part adds to or subtracts from the baseline's cost of a request to give the candidate's."""
    money = run.results["money"]
    currency, variants = money.get("currency") or "", money.get("variants") or {}
    known = [(part_label(key, value), value) for key, value in (money.get("parts") or {}).items() if value is not None]
    start, end = (
        (variants.get(name or "") or {}).get("effective_cost_per_request") for name in (run.baseline, run.candidate)
    )
    if not known or start is None or end is None:
        return Markup("")
    rows = [Row(run.label(str(run.baseline)), (Bar(0, start, "baseline"),), say.money(start, currency))]
    table, at, edges = [(run.label(str(run.baseline)), say.money(start, currency))], start, [start, end]
    for name, value in known:
        change = "no change" if not value else f"{say.minus if value > 0 else '+'}{say.money(abs(value), currency)}"
        bars = (Bar(at, at - value, "gain" if value >= 0 else "loss"),)
        rows.append(Row(name, bars, change))
        table.append((name, change))
        at -= value
        edges.append(at)
    rows.append(Row(run.label(str(run.candidate)), (Bar(0, end, "candidate"),), say.money(end, currency)))
    table.append((run.label(str(run.candidate)), say.money(end, currency)))
    what = "an acceptable output" if money.get("failures") == "drop" else "a request"
    figure = Figure(
        f"Cost of {what}, from baseline to candidate", "; ".join(f"{name}: {value}" for name, value in table),
        ("Part", f"Cost of {what}"), tuple(table), id="parts",
        note="Solid bars reduce the cost, hatched bars add to it. The guide changes first, then prices and lengths, "
        "then failures." + (" Machines, which are paid by the day, are not included." if hosts_machines(money) else ""),
    )  # fmt: skip
    return render_figure(figure, rows_chart(rows, linear_axis(edges, axis_words, most_steps=4)))


def payback_figure(run: StoredRun) -> Markup:
    """The distribution over the simulated scenarios: days to payback, or the gain of a one-off batch."""
    money = run.results["money"]
    found = money.get("payback_distribution")
    if money.get("saving_per_request") is None:  # there are draws but no point figure
        return Markup("")
    if found:
        return _payback(found, money.get("probability_of_payback_in_target"), _spans(money))
    if money.get("npv_distribution") and money.get("requests_total") is not None:
        return _gain(money)
    return Markup("")


def scenarios(share: float) -> str:
    """A share of the simulated scenarios: `94 of 100`."""
    return "none of 100" if not share else f"{100 if share == 1 else say.of_hundred(share)} of 100"


def _spans(money: Mapping[str, Any]) -> str:
    """The ranges that the first screen and the Markdown page show, so that readers can trace them."""
    low, high = money.get("payback_days_p5"), money.get("payback_days_p95")
    least, most = money.get("npv_p5"), money.get("npv_p95")
    days = "" if (low, high) == (None, None) else f"In 90% of the scenarios it takes {say.days_range(low, high)}. "
    if None in (least, most):
        return days
    return f"{days}In 90% of the scenarios the gain is {say.money_range(least, most, money.get('currency') or '')}. "


def _payback(found: Mapping[str, Any], inside: float | None, spans: str) -> Markup:
    target, never, beyond = found["target_days"], found["never"], found["beyond"]
    if inside is None:
        return Markup("")
    bins = _read(found["bins"])
    later = 1 - inside - never
    later = later if later > 1e-9 else 0.0  # rounding noise around 0
    title = f"The investment pays back within {say.days(target)} in {scenarios(inside)} simulated scenarios"
    rest = [
        (f"Within {say.days(target)}", inside, "gain"),
        ("Later", later, "t-input"),
        ("Never", never, "loss"),
    ]
    shares = rows_chart(
        [Row(name, (Bar(0, share, role),) if share else (), scenarios(share)) for name, share, role in rest],
        linear_axis([0, 1], say.percent),
    )
    picture = Markup("")
    if bins:
        near = target <= FAR_TARGET * bins[-1].end
        x = linear_axis([0.0, bins[-1].end, *([target] if near else [])], say.stated)
        flag = Flag(target, f"target: {say.days(target)}") if near else None
        y = linear_axis([each.share for each in bins], say.percent, most_steps=4)
        picture = distribution_chart(bins, x, y, x_title="days to payback", flag=flag)
    table = [(f"{say.stated(each.start)} to {say.stated(each.end)}", say.percent(each.share)) for each in bins]
    table += [("later", say.percent(beyond)), ("never", say.percent(never))]
    note = f"In {scenarios(beyond)} scenarios it takes longer than the chart shows. " if beyond else ""
    figure = Figure(
        title, "; ".join(f"{name}: {scenarios(share)}" for name, share, _ in rest), ("Days", "Share of scenarios"),
        tuple(table), id="payback",
        note=f"{spans}{note}{DRAWS}", how=HOW,
    )  # fmt: skip
    return render_figure(figure, picture + Markup('<div class="scenarios">{}</div>').format(shares))


def _gain(money: Mapping[str, Any]) -> Markup:
    found, currency, positive = (
        money["npv_distribution"],
        money.get("currency") or "",
        money.get("probability_npv_positive"),
    )
    bins = _read(found["bins"])
    if not bins or positive is None:
        return Markup("")
    x = linear_axis([each for b in bins for each in (b.start, b.end)], axis_words)
    y = linear_axis([each.share for each in bins], say.percent, most_steps=4)
    table = [(say.money_range(each.start, each.end, currency), say.percent(each.share)) for each in bins] + [
        ("less", say.percent(found["below"])),
        ("more", say.percent(found["beyond"])),
    ]
    title = f"The batch saves more than it costs in {scenarios(positive)} simulated scenarios"
    figure = Figure(
        title, f"{title}; the rest lose money.", ("Gain", "Share of scenarios"), tuple(table), id="payback",
        note=f"{_spans(money)}{DRAWS}", how=HOW,
    )  # fmt: skip
    chart = distribution_chart(bins, x, y, x_title=f"gain, in {currency}", flag=Flag(0.0, "no gain"), good="right")
    return render_figure(figure, chart)


def _read(bins: Sequence[Mapping[str, Any]]) -> list[Bin]:
    return [Bin(each["from"], each["to"], each["share"]) for each in bins]


def volume_figure(run: StoredRun) -> Markup:
    """The gain over the horizon against the volume with its range, the break-even and today's volume."""
    money = run.results["money"]
    currency, lines = money.get("currency") or "", _near(_drawable(money), money)
    if len(lines) < 2:
        return Markup("")
    volumes = [line["requests_per_day"] for line in lines]
    banded = [line for line in lines if None not in (line.get("npv_p5"), line.get("npv_p95"))]
    values = [line["npv"] for line in lines] + [line[key] for line in banded for key in ("npv_p5", "npv_p95")]
    x = log_axis(volumes, say.count) if max(volumes) > 5 * min(volumes) else linear_axis(
        volumes, say.count, zero=False, tight=True
    )  # fmt: skip
    flags = [Flag(at, text) for at, text in _marks(money) if x.low <= at <= x.high]
    first, last = lines[0], lines[-1]
    text = "; ".join(
        [
            f"{say.money(line['npv'], currency)} at {say.count(line['requests_per_day'])} requests a day"
            for line in (first, last)
        ]
        + [flag.text for flag in flags]
    )
    figure = Figure(
        f"{_gained(money)} at other volumes, in {currency}", text,
        ("Requests a day", "Payback", "Gain", "Gain, 90% of scenarios")[: 4 if banded else 3],
        _volume_table(money, banded=bool(banded)), id="volume",
    )  # fmt: skip
    curve = Curve(
        f"{run.label(str(run.candidate))} instead of {run.label(str(run.baseline))}",
        tuple((line["requests_per_day"], line["npv"]) for line in lines),
        "candidate",
    )  # fmt: skip
    band = tuple((line["requests_per_day"], line["npv_p5"], line["npv_p95"]) for line in banded)
    bands = [Band("90% of scenarios", band, "candidate")] if len(band) > 1 else []
    y = linear_axis(values, axis_words)
    return render_figure(figure, curve_chart([curve], x, y, x_title="requests a day", flags=flags, bands=bands))


def _volume_table(money: Mapping[str, Any], *, banded: bool) -> tuple[tuple[str, ...], ...]:
    """The whole curve in numbers; older runs have no range for the gain."""
    currency, rows, curve = money.get("currency") or "", [], money["volume_curve"]
    for line in curve:
        gain = say.money(line.get("npv"), currency)
        row = (say.count(line["requests_per_day"]), say.days(line.get("payback_days")), gain)
        ends = line.get("npv_p5"), line.get("npv_p95")
        rows.append((*row, say.money_range(*ends, currency)) if banded else row)
    return tuple(rows)


def volume_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """For print: volumes around the break-even and today's volume, each with its payback and gain."""
    money = run.results["money"]
    currency, lines = money.get("currency") or "", _drawable(money)
    marks = [math.log(at) for at, _ in _marks(money)]

    def distance(line: Mapping[str, Any]) -> float:
        return min((abs(math.log(line["requests_per_day"]) - mark) for mark in marks), default=0.0)

    kept = sorted(sorted(lines, key=distance)[:PRINTED], key=lambda line: line["requests_per_day"])
    gains = [say.money(line["npv"], currency) for line in kept]
    return [
        (say.count(line["requests_per_day"]), say.days(line.get("payback_days")), gain)
        for line, gain in zip(kept, gains, strict=True)
    ]


def _drawable(money: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lines = money.get("volume_curve") or []
    return [line for line in lines if line.get("npv") is not None and (line.get("requests_per_day") or 0) > 0]


def _near(lines: list[Mapping[str, Any]], money: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The part of the curve around its marks; all of it if that part would be too small."""
    marks = [at for at, _ in _marks(money)]
    if not marks:
        return lines
    near = [line for line in lines if min(marks) / NEAR <= line["requests_per_day"] <= max(marks) * FAR]
    return near if len(near) > 3 else lines


def _marks(money: Mapping[str, Any]) -> list[tuple[float, str]]:
    today, even = money.get("requests_per_day"), money.get("break_even_requests_per_day")
    found = [(even, f"{BREAK_EVEN}: {say.count(even)} a day")] if even else []
    return found + ([(today, f"today: {say.count(today)} a day")] if today else [])


def _gained(money: Mapping[str, Any]) -> str:
    horizon = money.get("horizon_days")
    return f"Gain over {say.days(horizon)}" if horizon else "Gain over the horizon"


def tornado_figure(run: StoredRun) -> Markup:
    """How much each uncertain input changes the gain, the largest first; empty without draws."""
    money = run.results["money"]
    currency, lines = money.get("currency") or "", _swinging(money)
    if not lines or money.get("npv") is None:  # without a point figure there is no gain to change
        return Markup("")
    middle, widest = money["npv"], abs(lines[0]["npv_high"] - lines[0]["npv_low"])
    shown = [line for line in lines[:SWINGS] if abs(line["npv_high"] - line["npv_low"]) >= LEAST_SWING * widest]
    swings = [_swing(line, currency) for line in shown]
    ends = [middle, *(end.outcome for swing in swings for end in swing.ends)]
    # Bars start at the gain, not at 0, so the axis includes 0 only if it is near.
    zero = min(map(abs, ends)) <= max(ends) - min(ends) or min(ends) < 0 < max(ends)
    axis = linear_axis(ends, axis_words, zero=zero)
    table = tuple(
        (words(line["key"]), _range(line), f"{low.words} to {high.words}")
        for line in lines
        for low, high in [_swing(line, currency).ends]
    )
    rest = len(lines) - len(shown)
    note = (
        f"The dashed line is the gain of {say.money(middle, currency)}. Each bar moves one input from one end of its "
        "range to the other and keeps all others fixed; hatched means worse. The range of a measured number covers 90% of "
        "the scenarios."
    )
    note += (
        f" {rest} more {'input has a smaller effect' if rest == 1 else 'inputs have smaller effects'}." if rest else ""
    )
    figure = Figure(
        f"{_gained(money) if not money.get('requests_total') else 'Gain of the batch'}, and how much each input changes it",
        "; ".join(f"{name}: {span}" for name, _, span in table[:SWINGS]), ("Input", "Its range", "Gain"), table,
        note=note, id="tornado",
    )  # fmt: skip
    return render_figure(figure, tornado_chart(swings, axis, middle=middle))


def tornado_finding(money: Mapping[str, Any]) -> str:
    """The input that changes the gain most, with what it can make of it; empty without draws."""
    lines = _swinging(money)
    if not lines or money.get("npv") is None:
        return ""
    ends = sorted((lines[0]["npv_low"], lines[0]["npv_high"]))
    low, high = (say.money(end, money.get("currency") or "") for end in ends)
    return f"The gain depends most on “{words(lines[0]['key'])}”: from {low} to {high}."


def _swinging(money: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The uncertain inputs with a visible effect on the gain, the largest first."""
    currency = money.get("currency") or ""
    lines = [line for line in money.get("tornado") or [] if None not in (line.get("npv_low"), line.get("npv_high"))]
    lines.sort(key=lambda line: -abs(line["npv_high"] - line["npv_low"]))
    return [line for line in lines if say.money(line["npv_low"], currency) != say.money(line["npv_high"], currency)]


def _swing(line: Mapping[str, Any], currency: str) -> Swing:
    key = str(line["key"])
    ends = [
        End(
            f"at {input_value(key, _three(line.get(end)))}:",
            line[f"npv_{end}"],
            say.money(line[f"npv_{end}"], currency),
        )
        for end in ("low", "high")
    ]
    return Swing(words(key), (ends[0], ends[1]))


def _range(line: Mapping[str, Any]) -> str:
    low, high = (input_value(str(line["key"]), _three(line.get(end))) for end in ("low", "high"))
    return f"{low} to {high}"


def _three(value: Any) -> Any:
    """The end of a range, to three digits."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.3g}") if abs(value) < 1000 else float(round(value))


def axis_words(value: float) -> str:
    """A tick's value without its unit, which is in the title; large numbers have their scale in words."""
    for scale, name in SCALES:
        if abs(value) >= scale:
            return f"{say.stated(round(value / scale, 6))}{say.gap}{name}"
    return say.stated(round(value, 12))
