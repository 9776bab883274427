"""The charts of the quality section: shares with ranges, the paired difference, the same requests with both variants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from ...core import UNKNOWN
from ...core import unbroken as say
from ...evaluate.results import Difference, Quality, Reference, Share
from ..charts.axes import Figure, linear_axis, render_figure
from ..charts.rows import Bar, Mark, Row, role_shape, rows_chart
from ..stored import MOST_VARIANTS, StoredRun
from ..words import NOT_CHECKED, capital, unchecked
from .rules import PERCENT

PARTS = {
    "consistent": ("Consistent", "keeps every must rule about form and wording"),
    "faithful": ("Faithful", "adds no facts to those in the request"),
    "correct": ("Correct", "agrees with the reference"),
}
HOW = ("ranges", "How outputs are counted and ranges are calculated")
DRAWN = 8  # variants in the chart of acceptable outputs; the numbers of the chart have all


def role_of(run: StoredRun, name: str) -> str:
    """How the charts draw a variant."""
    return "candidate" if name == run.candidate else "baseline" if name == run.baseline else "other"


def shares_figure(run: StoredRun) -> Markup:
    """The acceptable share of each variant, and of the references if they were scored."""
    lines = _share_lines(run, "acceptable")
    drawn = [line for line in lines if line.role != "other"]
    drawn += [line for line in lines if line.role == "other"][: max(DRAWN - len(drawn), 0)]
    note = "The mark is the measured share, the band its 95% range."
    if rest := len(lines) - len(drawn):
        note += f" {say.count(rest)} more {'is' if rest == 1 else 'are'} in the numbers of this chart."
    rows = [Row(line.name, line.marks, line.value) for line in lines if line in drawn]
    keep = "agree with the reference" if run.good == "correct" else "keep every must rule"
    title = f"{capital(run.good)} outputs: those that {keep}"
    return _share_chart(run, title, lines, rows, note, id="shares", how=HOW)


def parts_figure(run: StoredRun) -> Markup:
    """The shares of each variant that keep the rules about form and wording, about facts, and about the reference."""
    every, rows, lines = len(run.variants) <= MOST_VARIANTS, [], []
    shown = {key: words for key, words in PARTS.items() if key != "correct" or run.correct_apart}
    for key, (title, about) in shown.items():
        found = _share_lines(run, key)
        drawn = [line for line in found if every or line.role != "other"]
        rows += [
            Row(line.name, line.marks, line.value, heading=title * first, about=about * first)
            for line, first in zip(drawn, [True] + [False] * len(drawn), strict=False)
        ]
        lines += [replace(line, name=f"{title}: {line.name}") for line in found]
    note = "" if every else "The other variants are in the numbers of this chart."
    *first, final = [title.lower() for title, _ in shown.values()]
    return _share_chart(run, capital(f"{', '.join(first)} and {final} outputs"), lines, rows, note, id="form-and-facts")


@dataclass(frozen=True)
class _ShareLine:
    """One share of one variant: its mark, its value with the range, and both as plain text."""

    name: str
    role: str
    marks: tuple[Mark, ...]
    value: Markup | str
    plain: str
    span: str


def _share_lines(run: StoredRun, key: str) -> list[_ShareLine]:
    scored: list[tuple[str, Quality | Reference, str]] = [
        (run.label(name), run.results.quality[name], role_of(run, name)) for name in run.ordered
    ]
    if run.results.reference:
        scored.append(("human answers", run.results.reference, "reference"))
    lines = []
    for name, found, role in scored:
        part: Share | None = getattr(found, key, None)  # human answers are the references themselves
        if part is None:
            continue
        share, low, high = part.share, part.low, part.high
        marks = (Mark(share, low, high, role),) if share is not None else ()
        if unchecked(part, found.acceptable):
            lines.append(_ShareLine(name, role, marks, NOT_CHECKED, NOT_CHECKED, ""))
            continue
        span = say.percent_range(low, high) if low is not None else UNKNOWN
        decimals = run.gap_decimals() if key == "acceptable" and role in ("candidate", "baseline") else 0
        value, plain = _with_range(share, low, high, decimals), say.percent(share, decimals)
        lines.append(_ShareLine(name, role, marks, value, plain, span))
    return lines


def _share_chart(
    run: StoredRun, title: str, lines: Sequence[_ShareLine], rows: Sequence[Row], note: str, **shown: Any
) -> Markup:
    text = "; ".join(f"{line.name}: {line.plain}{f', range {line.span}' if line.span else ''}" for line in lines)
    table = tuple((line.name, line.plain, line.span) for line in lines)
    figure = Figure(title, text, ("Share", "Measured", "Range"), table, note, **shown)
    return render_figure(figure, Markup("{}{}").format(_key(run), rows_chart(rows, PERCENT)))


def difference_figure(run: StoredRun) -> Markup:
    """The candidate's paired difference to each rival with its range, the strongest rival first; empty without one."""
    comparison = run.results.comparison
    if comparison is None or run.gap is None:
        return Markup("")
    differences = {comparison.baseline: comparison.difference}
    differences |= {rival.name: rival.difference for rival in run.rivals if rival.difference}
    known = {name: (found.value, found) for name, found in differences.items() if found.value is not None}
    names = sorted(known, key=lambda name: (name != comparison.baseline, known[name][0]))
    rows, table, ends, minus = [], [], [-0.1, 0.1], f"{run.label(comparison.candidate)} minus"
    for rival in names:
        value, found = known[rival]
        strongest, name = rival == comparison.baseline, f"{minus} {run.label(rival)}"
        decimals = run.gap_decimals(run.acceptable(rival))
        ends += [value, found.low or 0, found.high or 0]
        rows.append(
            Row(
                name if len(known) == 1 else run.label(rival),
                (Mark(value, found.low, found.high, "candidate" if strongest else "other"),),
                _points_with_range(value, found.low, found.high, decimals),
                heading=f"{minus} …" if len(known) > 1 and strongest else "",
                note="the strongest" if len(known) > 1 and strongest else "",
            )
        )
        table.append((name, say.signed_points(value, decimals), say.points_range(found.low, found.high)))
    figure = Figure(
        f"Difference in {run.good} outputs, in percentage points",
        "; ".join(f"{name}: {value}, range {span}" for name, value, span in table),
        ("Difference", "Measured", "Range"),
        tuple(table),
        _difference_note(comparison.difference, table[0][0] if len(table) > 1 else ""),
        id="difference",
        how=("comparison", "How the variants are compared on the same requests"),
    )
    axis = linear_axis(ends, lambda v: say.signed_points(v).split(say.gap)[0])
    return render_figure(figure, rows_chart(rows, axis))


def _difference_note(found: Difference, name: str) -> str:
    """What the range means; `name` identifies it if there are several."""
    low, high = found.low, found.high
    if low is None or high is None:
        return "There are too few requests to give a range."
    whose = f"The range of {name}" if name else "The range"
    if low > 0 or high < 0:
        side = "above" if low > 0 else "below"
        return f"{whose} lies entirely {side} zero, so the difference is unlikely to be chance."
    return f"{whose} includes zero, so this test cannot say which of the two is better."


def pairs_figure(run: StoredRun) -> Markup:
    """On how many requests both variants, only one or neither gave an acceptable output."""
    comparison = run.results.comparison
    if comparison is None:
        return Markup("")
    candidate, baseline = run.label(comparison.candidate), run.label(comparison.baseline)
    names = (f"Both {run.good}", f"Only {candidate}", f"Only {baseline}", "Neither")
    if any(run.results.quality[name].samples > 1 for name in run.compared):
        # With several outputs, a request counts for the variant with the larger share of acceptable ones.
        names = (
            f"Equal, mostly {run.good}",
            f"{candidate} {run.good} more often",
            f"{baseline} {run.good} more often",
            f"Equal, rarely {run.good}",
        )
    roles = ("both", "candidate", "baseline", "neither")
    counts = [comparison.both, comparison.only_candidate, comparison.only_baseline, comparison.neither]
    total = comparison.total
    rows = [
        Row(name, (Bar(0, found, role),), f"{say.count(found)} of {say.count(total)}")
        for name, found, role in zip(names, counts, roles, strict=True)
    ]
    table = tuple(
        (name, say.count(found), say.percent(found / total if total else None))
        for name, found in zip(names, counts, strict=True)
    )
    text = "; ".join(f"{name}: {found}" for name, found, _ in table)
    figure = Figure("The same requests with both variants", text, ("Result", "Requests", "Share"), table)
    return render_figure(figure, rows_chart(rows, linear_axis([0, total], say.count)))


def _key(run: StoredRun) -> Markup:
    """The key of the variants' shapes, if there are several variants."""
    if run.baseline is None:
        return Markup("")
    names = [(run.label(str(run.candidate)), "candidate"), (run.label(run.baseline), "baseline")]
    names += [("others", "other")] if len(run.variants) > 2 else []
    names += [("human answers", "reference")] if run.results.reference else []
    return Markup('<div class="keys">{}</div>').format(
        Markup("").join(
            Markup('<span class="key">{}<span>{}</span></span>').format(role_shape(role), name) for name, role in names
        )
    )


def _points_with_range(value: float, low: float | None, high: float | None, decimals: int) -> Markup | str:
    if low is None or high is None:
        return say.signed_points(value, decimals)
    return Markup("<b>{}</b> <small>{}</small>").format(
        say.signed_points(value, decimals), say.points_range(low, high).split(say.gap)[0]
    )


def _with_range(share: float | None, low: float | None, high: float | None, decimals: int) -> Markup | str:
    if share is None or low is None:
        return say.percent(share, decimals)
    return Markup("<b>{}</b> <small>{}</small>").format(say.percent(share, decimals), say.percent_range(low, high))
