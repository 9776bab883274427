"""The money charts: the parts of the saving, the payback, the volume, and the effect of each input."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ....core import unbroken as say
from ....evaluate import BREAK_EVEN
from ....evaluate import results as stored
from ....evaluate.results import A_GOOD, Money, NpvDistribution, PaybackDistribution
from ...charts.axes import Figure, linear_axis, log_axis, render_figure
from ...charts.plot import Band, Bin, Curve, Flag, curve_chart, distribution_chart
from ...charts.rows import Bar, End, Row, Swing, rows_chart, tornado_chart
from ...stored import StoredRun
from .assumptions import input_value, words
from .costs import hosts_machines

# The parts of a saving, each with its name where it costs more instead: the guide, the model, the failures.
PARTS = (
    ("Shorter prompt", "Longer prompt"),
    ("Different prices and lengths", "Different prices and lengths"),
    ("Fewer failures", "More failures"),
)
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


def saving_parts(money: Money) -> list[tuple[str, float | None]]:
    """The parts of the saving per request in words, each with what it saves; negative where it costs more instead."""
    if money.parts is None:
        return []
    saved = (money.parts.guide, money.parts.model, money.parts.failures)
    return [(costs if (value or 0) < 0 else saves, value) for (saves, costs), value in zip(PARTS, saved, strict=True)]


def parts_figure(run: StoredRun, money: Money) -> Markup:
    """What each part adds to or subtracts from the baseline's cost of a request to give the candidate's."""
    currency, known = money.currency, [(name, saved) for name, saved in saving_parts(money) if saved is not None]
    start, end = (
        cost.effective_cost_per_request if (cost := money.variants.get(name or "")) else None
        for name in (run.baseline, run.candidate)
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
    what = f"{A_GOOD[money.good]} output" if money.failures == "drop" else "a request"
    figure = Figure(
        f"Cost of {what}, from baseline to candidate", "; ".join(f"{name}: {value}" for name, value in table),
        ("Part", f"Cost of {what}"), tuple(table), id="parts",
        note="Solid bars reduce the cost, hatched bars add to it. The guide changes first, then prices and lengths, "
        "then failures." + (" Machines, which are paid by the day, are not included." if hosts_machines(money) else ""),
    )  # fmt: skip
    return render_figure(figure, rows_chart(rows, linear_axis(edges, axis_words, most_steps=4)))


def payback_figure(money: Money) -> Markup:
    """The distribution over the simulated scenarios: days to payback, or the gain of a one-off batch."""
    if money.saving_per_request is None:  # there are draws but no point figure
        return Markup("")
    if money.payback_distribution:
        return _payback(money.payback_distribution, money.probability_of_payback_in_target, _spans(money))
    if money.npv_distribution and money.requests_total is not None:
        return _gain(money, money.npv_distribution)
    return Markup("")


def scenarios(share: float) -> str:
    """A share of the simulated scenarios: `94 of 100`."""
    return "none of 100" if not share else f"{100 if share == 1 else say.of_hundred(share)} of 100"


def _spans(money: Money) -> str:
    """The ranges that the first screen and the Markdown page show, so that readers can trace them."""
    low, high = money.payback_days_p5, money.payback_days_p95
    least, most = money.npv_p5, money.npv_p95
    days = "" if (low, high) == (None, None) else f"In 90% of the scenarios it takes {say.days_range(low, high)}. "
    if least is None or most is None:
        return days
    return f"{days}In 90% of the scenarios the gain is {say.money_range(least, most, money.currency)}. "


def _payback(found: PaybackDistribution, inside: float | None, spans: str) -> Markup:
    target, never, beyond = found.target_days, found.never, found.beyond
    if inside is None:
        return Markup("")
    bins = _read(found.bins)
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
        near = target is not None and target <= FAR_TARGET * bins[-1].end
        x = linear_axis([0.0, bins[-1].end, *([target] if target is not None and near else [])], say.stated)
        flag = Flag(target, f"target: {say.days(target)}") if target is not None and near else None
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


def _gain(money: Money, found: NpvDistribution) -> Markup:
    currency, positive, bins = money.currency, money.probability_npv_positive, _read(found.bins)
    if not bins or positive is None:
        return Markup("")
    x = linear_axis([each for b in bins for each in (b.start, b.end)], axis_words)
    y = linear_axis([each.share for each in bins], say.percent, most_steps=4)
    table = [(say.money_range(each.start, each.end, currency), say.percent(each.share)) for each in bins] + [
        ("less", say.percent(found.below)),
        ("more", say.percent(found.beyond)),
    ]
    title = f"The batch saves more than it costs in {scenarios(positive)} simulated scenarios"
    figure = Figure(
        title, f"{title}; the rest lose money.", ("Gain", "Share of scenarios"), tuple(table), id="payback",
        note=f"{_spans(money)}{DRAWS}", how=HOW,
    )  # fmt: skip
    chart = distribution_chart(bins, x, y, x_title=f"gain, in {currency}", flag=Flag(0.0, "no gain"), good="right")
    return render_figure(figure, chart)


def _read(bins: Sequence[stored.Bin]) -> list[Bin]:
    return [Bin(each.from_, each.to, each.share) for each in bins]


def volume_figure(run: StoredRun, money: Money) -> Markup:
    """The gain over the horizon against the volume with its range, the break-even and today's volume."""
    currency, lines = money.currency, _near(_drawable(money), money)
    if len(lines) < 2:
        return Markup("")
    volumes = [line.at for line in lines]
    banded = [(line.at, line.low, line.high) for line in lines if line.low is not None and line.high is not None]
    values = [line.npv for line in lines] + [end for _, low, high in banded for end in (low, high)]
    x = log_axis(volumes, say.count) if max(volumes) > 5 * min(volumes) else linear_axis(
        volumes, say.count, zero=False, tight=True
    )  # fmt: skip
    flags = [Flag(at, text) for at, text in _marks(money) if x.low <= at <= x.high]
    ends = [f"{say.money(line.npv, currency)} at {say.count(line.at)} requests a day" for line in (lines[0], lines[-1])]
    figure = Figure(
        f"{_gained(money)} at other volumes, in {currency}", "; ".join(ends + [flag.text for flag in flags]),
        ("Requests a day", "Payback", "Gain", "Gain, 90% of scenarios")[: 4 if banded else 3],
        _volume_table(money, banded=bool(banded)), id="volume",
    )  # fmt: skip
    curve = Curve(
        f"{run.label(str(run.candidate))} instead of {run.label(str(run.baseline))}",
        tuple((line.at, line.npv) for line in lines),
        "candidate",
    )
    bands = [Band("90% of scenarios", tuple(banded), "candidate")] if len(banded) > 1 else []
    y = linear_axis(values, axis_words)
    return render_figure(figure, curve_chart([curve], x, y, x_title="requests a day", flags=flags, bands=bands))


def _volume_table(money: Money, *, banded: bool) -> tuple[tuple[str, ...], ...]:
    """The whole curve in numbers; older runs have no range for the gain."""
    rows = []
    for point in money.volume_curve:
        row = (say.count(point.requests_per_day), say.days(point.payback_days), say.money(point.npv, money.currency))
        rows.append((*row, say.money_range(point.npv_p5, point.npv_p95, money.currency)) if banded else row)
    return tuple(rows)


def volume_rows(money: Money) -> list[tuple[str, ...]]:
    """For print: volumes around the break-even and today's volume, each with its payback and gain."""
    marks = [math.log(at) for at, _ in _marks(money)]

    def distance(line: _Volume) -> float:
        return min((abs(math.log(line.at) - mark) for mark in marks), default=0.0)

    kept = sorted(sorted(_drawable(money), key=distance)[:PRINTED], key=lambda line: line.at)
    return [(say.count(line.at), say.days(line.payback_days), say.money(line.npv, money.currency)) for line in kept]


class _Volume(NamedTuple):
    """A point of the volume curve that can be drawn; `low` and `high` are the ends of the range of its gain."""

    at: float
    npv: float
    payback_days: float | None
    low: float | None
    high: float | None


def _drawable(money: Money) -> list[_Volume]:
    return [
        _Volume(point.requests_per_day, point.npv, point.payback_days, point.npv_p5, point.npv_p95)
        for point in money.volume_curve
        if point.npv is not None and point.requests_per_day > 0
    ]


def _near(lines: list[_Volume], money: Money) -> list[_Volume]:
    """The part of the curve around its marks; all of it if that part would be too small."""
    marks = [at for at, _ in _marks(money)]
    if not marks:
        return lines
    near = [line for line in lines if min(marks) / NEAR <= line.at <= max(marks) * FAR]
    return near if len(near) > 3 else lines


def _marks(money: Money) -> list[tuple[float, str]]:
    today, even = money.requests_per_day, money.break_even_requests_per_day
    found = [(even, f"{BREAK_EVEN}: {say.count(even)} a day")] if even else []
    return found + ([(today, f"today: {say.count(today)} a day")] if today else [])


def _gained(money: Money) -> str:
    return f"Gain over {say.days(money.horizon_days)}" if money.horizon_days else "Gain over the horizon"


def tornado_figure(money: Money) -> Markup:
    """How much each uncertain input changes the gain, the largest first; empty without draws."""
    middle, swings = money.npv, _swings(money)
    if not swings or middle is None:  # without a point figure there is no gain to change
        return Markup("")
    shown = [found for found in swings[:SWINGS] if found.width >= LEAST_SWING * swings[0].width]
    ends = [middle, *(end.outcome for found in shown for end in found.swing.ends)]
    # Bars start at the gain, not at 0, so the axis includes 0 only if it is near.
    zero = min(map(abs, ends)) <= max(ends) - min(ends) or min(ends) < 0 < max(ends)
    axis = linear_axis(ends, axis_words, zero=zero)
    table = tuple(
        (found.swing.name, found.range, " to ".join(end.words for end in found.swing.ends)) for found in swings
    )
    rest = len(swings) - len(shown)
    note = (
        f"The dashed line is the gain of {say.money(middle, money.currency)}. Each bar moves one input from one end of its "
        "range to the other and keeps all others fixed; hatched means worse. The range of a measured number covers 90% of "
        "the scenarios."
    )
    note += (
        f" {rest} more {'input has a smaller effect' if rest == 1 else 'inputs have smaller effects'}." if rest else ""
    )
    figure = Figure(
        f"{_gained(money) if not money.requests_total else 'Gain of the batch'}, and how much each input changes it",
        "; ".join(f"{name}: {span}" for name, _, span in table[:SWINGS]), ("Input", "Its range", "Gain"), table,
        note=note, id="tornado",
    )  # fmt: skip
    return render_figure(figure, tornado_chart([found.swing for found in shown], axis, middle=middle))


def tornado_finding(money: Money) -> str:
    """The input that changes the gain most, with what it can make of it; empty without draws."""
    swings = _swings(money)
    if not swings or money.npv is None:
        return ""
    first = swings[0].swing
    low, high = (end.words for end in sorted(first.ends, key=lambda end: end.outcome))
    return f"The gain depends most on “{first.name}”: from {low} to {high}."


class _Swung(NamedTuple):
    """An uncertain input with what its range makes of the gain; `width` is the difference between both ends."""

    swing: Swing
    range: str
    width: float


def _swings(money: Money) -> list[_Swung]:
    """The uncertain inputs with a visible effect on the gain, the largest first."""
    found = []
    for bar in money.tornado:
        if bar.npv_low is None or bar.npv_high is None:
            continue
        at = [input_value(bar.key, _three(end)) for end in (bar.low, bar.high)]
        low, high = (
            End(f"at {value}:", npv, say.money(npv, money.currency))
            for value, npv in zip(at, (bar.npv_low, bar.npv_high), strict=True)
        )
        if low.words != high.words:
            swing = Swing(words(bar.key, money.good), (low, high))
            found.append(_Swung(swing, " to ".join(at), abs(bar.npv_high - bar.npv_low)))
    return sorted(found, key=lambda one: -one.width)


def _three(value: float | None) -> float | None:
    """The end of a range, to three digits."""
    if value is None:
        return None
    return float(f"{value:.3g}") if abs(value) < 1000 else float(round(value))


def axis_words(value: float) -> str:
    """A tick's value without its unit, which is in the title; large numbers have their scale in words."""
    for scale, name in SCALES:
        if abs(value) >= scale:
            return f"{say.stated(round(value / scale, 6))}{say.gap}{name}"
    return say.stated(round(value, 12))
