"""The runs of a project as one page: the newest verdict, the trend with its ranges, what changed when, every run."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ...core import NBSP, Row, range_text, write_whole
from ...core import unbroken as say
from ..charts.axes import Axis, Figure, linear_axis, render_figure
from ..charts.trend import FEW, Strip, TrendLine, TrendPoint, trend_chart
from ..page import Section, render_page
from ..sections.first_screen import LEVELS, Headline
from ..sections.three_numbers import OF_SHARES, Number, Side
from ..words import capital, date_words, short, typeset, variant_label
from .entry import CHANGES, RunEntry, RunSide, by_time, with_changes
from .runs_text import changed_words, hash_text, names_differ, share_decimals, share_of, stage_text, uses_text

NAME = 24  # letters of a variant's name in the table
OFTEN = 3  # uses of a test set from which the page warns
ROLES = ("baseline", "candidate")
Figures = tuple[float | None, float | None, float | None]  # a value and the ends of its range
_PERCENT = Axis(0, 1, tuple((share / 4, f"{share * 25}%") for share in range(5)))


def write_runs_page(entries: Sequence[RunEntry], page: Path, *, project: str, runs: Path, hidden: int = 0) -> Path:
    """Write the page of these runs, which needs no network and no script, and return its path.

    Each run links to its report, as seen from the page. `hidden` runs were left out by a filter.
    """
    ordered = sorted(entries, key=by_time)
    context = {
        "project": project,
        "created": date_words(ordered[-1].created) if ordered else "",
        "counted": say.count(len(ordered), "run"),
        "footer": "Every number on this page is in the output of tuneworth runs --json.",
        "headline": _headline(ordered),
    }
    sections = [*_trend(ordered), _table(ordered[::-1], page, runs, hidden)]
    write_whole(page, render_page(context, sections, styles=("runs",)))
    return page


# --- the first screen ---------------------------------------------------------------------------------------------


def _headline(entries: Sequence[RunEntry]) -> Headline:
    judged = [entry for entry in entries if entry.decision]
    newest = judged[-1] if judged else None
    if newest is None:
        return Headline(
            "No verdict", "none", _counted(entries), (), "No run has a verdict yet.",
            "Run `tuneworth run` to get one.",
        )  # fmt: skip
    level = LEVELS.get(newest.confidence, 0)
    return Headline(
        label=newest.label, tone=newest.tone, sentence=typeset(f"{_counted(entries)} {_since(judged)}"),
        numbers=(_acceptable(newest), _cost(newest), _payback(newest)), doubt=_doubt(newest, len(judged)),
        next_step=_next(judged), sure=f"Confidence: {newest.confidence}" if level else "", sure_level=level,
    )  # fmt: skip


def _counted(entries: Sequence[RunEntry]) -> str:
    """How many runs there are, and from when."""
    days = [date_words(entry.created) for entry in entries if entry.created]
    if not days:
        return f"{say.count(len(entries), 'run')}."
    when = f"of {days[0]}" if days[0] == days[-1] else f"from {days[0]} to {days[-1]}"
    return f"{say.count(len(entries), 'run')} {when}."


def _since(judged: Sequence[RunEntry]) -> str:
    """The newest verdict, and for how many runs it has been the same."""
    newest = judged[-1]
    same = 0
    for entry in reversed(judged):
        if entry.decision != newest.decision:
            break
        same += 1
    if len(judged) == 1:
        return f"The only verdict is “{newest.label}”."
    if same == len(judged):
        return f"{'Both' if same == 2 else f'All {same}'} verdicts are “{newest.label}”."
    if same == 1:
        return f"The newest verdict is “{newest.label}”; the one before was “{judged[-2].label}”."
    return f"The newest {same} verdicts are “{newest.label}”; the one before was “{judged[-same - 1].label}”."


def _sides(entry: RunEntry) -> Iterator[tuple[str, RunSide]]:
    for role in ROLES:
        if (side := getattr(entry, role)) is not None:
            yield role, side


def _acceptable(entry: RunEntry) -> Number:
    decimals = share_decimals(entry)
    sides = tuple(
        Side(
            Row(
                "acceptable", variant_label(side.name), side.acceptable, "share", side.low, side.high, decimals=decimals
            ),
            role,
        )
        for role, side in _sides(entry)
    )
    change = "" if entry.difference is None else f"{say.signed_points(entry.difference, decimals)} in the newest run"
    return Number(f"{capital(entry.good)} outputs", sides, change, Markup(""), level=OF_SHARES)


def _cost(entry: RunEntry) -> Number:
    known = [(role, side) for role, side in _sides(entry) if side.cost is not None]
    sides = tuple(Side(Row("cost", variant_label(side.name), side.cost, entry.currency), role) for role, side in known)
    unknown = (Side(Row("cost", "", "not stated", note="Prices were not stated for the newest run.")),)
    return Number(entry.cost_of or "Cost", sides or unknown, "", Markup(""))


def _payback(entry: RunEntry) -> Number:
    if entry.pays_back is None:
        side = Side(Row("payback_days", "", "not known", note="The newest run did not compute a payback."))
    else:
        days = Row("payback_days", "", entry.payback_days, "days", entry.payback_low, entry.payback_high)
        side = Side(days, "candidate")
    return Number("Payback", (side,), "", Markup(""))


def _doubt(newest: RunEntry, judged: int) -> str:
    if newest.uses is not None and newest.uses >= OFTEN:
        return (
            f"The test set of the newest run has been used {newest.uses} times; "
            "each further use makes results look better than they are."
        )
    if judged > 1:
        return (
            "Ranges belong to single runs. Whether two runs differ is decided on the rows that they share, "
            "not by whether their ranges overlap."
        )
    return "There is one verdict, so there is no trend yet."


def _next(judged: Sequence[RunEntry]) -> str:
    if len(judged) < 2:
        return "Run `tuneworth run` again after data, style or prices have changed."
    return f"Run `tuneworth compare runs/{judged[-2].name} runs/{judged[-1].name}` to see which rows changed."


# --- the trend ----------------------------------------------------------------------------------------------------


def _trend(entries: Sequence[RunEntry]) -> Iterator[Section]:
    scored = [entry for entry in entries if entry.candidate is not None and entry.candidate.acceptable is not None]
    shares = list(with_changes(scored))
    if len(shares) < 2:
        return
    figures = [_shares_figure(shares)]
    costs = list(with_changes(entry for entry in scored if entry.candidate and entry.candidate.cost is not None))
    if len(costs) > 1 and len({(entry.currency, entry.cost_of) for entry in costs}) == 1:
        figures.append(_costs_figure(costs))
    lead = f"{say.count(len(shares), 'scored run')} in the order of time; a change is marked at the first run with it."
    yield Section("trend", "Trend", lead, "runs_trend", {"figures": figures})


def _shares_figure(entries: Sequence[RunEntry]) -> Markup:
    lines = _lines(entries, lambda side: (side.acceptable, side.low, side.high))
    rows = tuple(
        (entry.name, *(share_of(entry, role) or "–" for role in ROLES), changed_words(entry) or "–")
        for entry in entries
    )
    how = "Each mark has its range" if len(entries) <= FEW else "Bands are the ranges"
    good = " or ".join(sorted({entry.good for entry in entries}))
    figure = Figure(
        f"{capital(good)} outputs of each run", _words(rows), ("Run", "Baseline", "Candidate", "Changed"), rows,
        f"{how}, of 95%; a line ends where another variant takes its place. Runs on different test sets or styles cannot be "
        "compared directly.",
        id="shares",
    )  # fmt: skip
    return render_figure(figure, trend_chart(lines, _strips(entries), _labels(entries), _PERCENT, x_title="Run"))


def _costs_figure(entries: Sequence[RunEntry]) -> Markup:
    lines = _lines(entries, lambda side: (side.cost, None, None))
    currency = entries[0].currency
    rows = tuple(
        (
            entry.name,
            *(_cost_of(side, currency) or "–" for side in (entry.baseline, entry.candidate)),
            changed_words(entry) or "–",
        )
        for entry in entries
    )
    axis = linear_axis(
        [point.value for line in lines for point in line.points], lambda value: say.money(value, currency)
    )
    figure = Figure(
        f"{entries[0].cost_of} in each run", _words(rows), ("Run", "Baseline", "Candidate", "Changed"), rows, id="costs"
    )  # fmt: skip
    return render_figure(figure, trend_chart(lines, _strips(entries), _labels(entries), axis, x_title="Run"))


def _words(rows: Sequence[tuple[str, ...]]) -> str:
    """The first and the last run in words; the table has the others."""
    first, last = rows[0], rows[-1]
    return f"{first[0]}: baseline {first[1]}, candidate {first[2]}. {last[0]}: baseline {last[1]}, candidate {last[2]}."


def _lines(entries: Sequence[RunEntry], figures: Callable[[RunSide], Figures]) -> list[TrendLine]:
    lines = []
    for role in ROLES:
        sides = [(at, getattr(entry, role)) for at, entry in enumerate(entries)]
        found = [(at, side, figures(side)) for at, side in sides if side is not None]
        points = tuple(
            TrendPoint(at, value, low, high, side.name) for at, side, (value, low, high) in found if value is not None
        )
        names = {side.name for _, side, _ in found}
        name = f"{role}: {variant_label(next(iter(names)))}" if len(names) == 1 else role
        if points:
            lines.append(TrendLine(name, role, points))
    return lines


def _strips(entries: Sequence[RunEntry]) -> list[Strip]:
    return [
        Strip(f"{words} changed", tuple(at for at, entry in enumerate(entries) if kind in entry.changed))
        for kind, words in CHANGES.items()
    ]


def _labels(entries: Sequence[RunEntry]) -> list[str]:
    """The day of each run; its time of day if all are of one day."""
    times = [entry.time for entry in entries]
    one_day = len({moment.date() for moment in times if moment}) == 1
    return [
        "–" if moment is None else f"{moment:%H:%M}" if one_day else f"{moment.day} {moment:%b}" for moment in times
    ]


# --- every run ----------------------------------------------------------------------------------------------------


def _table(entries: Sequence[RunEntry], page: Path, runs: Path, hidden: int) -> Section:
    named = {role: names_differ(entries, role) for role in ROLES}
    rows = [_row(entry, _link(entry, page, runs), named) for entry in entries]
    left_out = f" {say.count(hidden, 'run')} left out by the filter." if hidden else ""
    damaged = sum(bool(entry.damage) for entry in entries)
    broken = f" {damaged} of them damaged." if damaged else ""
    lead = f"{say.count(len(entries), 'run')}, the newest first; times are UTC.{broken}{left_out}"
    return Section("runs", "All runs", lead, "runs_table", {"rows": rows})


def _row(entry: RunEntry, link: str, named: Mapping[str, bool]) -> dict[str, Any]:
    """The cells of a run; a figure is its value and the small texts below it.

    `named` says of which sides the variant is named.
    """
    days = Row("payback_days", "", entry.payback_days, "days", entry.payback_low, entry.payback_high)
    baseline, candidate = (_cost_of(side, entry.currency) for side in (entry.baseline, entry.candidate))
    files = [f"{kind} {hash_text(text)}" for kind, text in (("data", entry.data), ("style", entry.style)) if text]
    return {
        "entry": entry,
        "link": link,
        "about": ", ".join([*([f"{entry.time:%Y-%m-%d %H:%M}"] if entry.time else []), *files]),
        "verdict": stage_text(entry),
        **{role: _share(entry, role, named=named[role]) for role in ROLES},
        "cost": (candidate, f"baseline {baseline.partition(NBSP)[0]}" if baseline else "", ""),
        "payback": ("", "", "")
        if entry.pays_back is None
        else (say.days(entry.payback_days), range_text(days, say), ""),
        "uses": uses_text(entry),
        "changed": changed_words(entry),
        "disk": say.size(entry.disk_bytes),
    }


def _share(entry: RunEntry, role: str, *, named: bool) -> tuple[str, str, str]:
    side: RunSide | None = getattr(entry, role)
    if side is None or side.acceptable is None:
        return "", "", ""
    span = range_text(Row("", "", side.acceptable, "share", side.low, side.high), say)
    return (
        say.percent(side.acceptable, share_decimals(entry)),
        span,
        short(variant_label(side.name), NAME) if named else "",
    )


def _cost_of(side: RunSide | None, currency: str) -> str:
    return "" if side is None or side.cost is None else say.money(side.cost, currency)


def _link(entry: RunEntry, page: Path, runs: Path) -> str:
    """The address of the run's report as seen from the page; empty if it has none."""
    if not entry.report:
        return ""
    try:
        path = os.path.relpath(runs.resolve() / entry.name / "report.html", page.resolve().parent)
    except ValueError:  # on another drive
        return ""
    return quote(Path(path).as_posix(), errors="surrogateescape")
