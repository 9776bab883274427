"""The quality section: shares with their ranges, the paired difference, checks sorted by what moved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from .. import numbers as say
from ..charts.axes import Axis, linear_axis
from ..charts.figure import Figure, render_figure
from ..charts.rows import Bar, Mark, Row, dumbbell, rows_chart
from ..stored import StoredRun

__all__ = ["CheckRow", "check_rows", "difference_figure", "lead", "pairs_figure", "role_of", "shares_figure"]

SHARES = {
    "acceptable": ("Acceptable", "keeps every rule that must hold"),
    "consistent": ("Consistent", "keeps every such rule about form and wording"),
    "faithful": ("Faithful", "states nothing that the request does not"),
}
PERCENT = Axis(0, 1, tuple((tick / 4, f"{tick * 25}\u00a0%") for tick in range(5)))


@dataclass(frozen=True)
class CheckRow:
    """One rule and how often each variant broke it."""

    id: str
    sentence: str
    level: str
    about: str
    broken: tuple[str, ...]  # per variant, in the run's order: `12 of 60`
    change: str
    picture: Markup


def lead(run: StoredRun) -> str:
    """The sentence that opens the section."""
    tested = (run.results.get("quality") or {}).get(run.candidate or "", {}).get("n")
    on = f", counted on {say.count(tested)} requests that no variant had seen" if tested else ""
    return f"How many outputs keep the rules of the style{on}."


def role_of(run: StoredRun, name: str) -> str:
    """How the charts draw a variant."""
    return "candidate" if name == run.candidate else "baseline" if name == run.baseline else "other"


def shares_figure(run: StoredRun) -> Markup:
    """The three shares of each variant, and of the references where they were scored."""
    rows, table = [], []
    for key, (title, about) in SHARES.items():
        lines = [(name, run.results["quality"][name].get(key) or {}, role_of(run, name)) for name in run.variants]
        reference = (run.results.get("reference") or {}).get(key)
        if reference:
            lines.append(("people’s own answers", reference, "reference"))
        for index, (name, found, role) in enumerate(lines):
            share, low, high = found.get("share"), found.get("low"), found.get("high")
            marks = (Mark(share, low, high, role),) if share is not None else ()
            in_range = say.percent_range(low, high) if low is not None else say.UNKNOWN
            heading, small = (title, about) if index == 0 else ("", "")
            rows.append(Row(name, marks, _with_range(share, low, high), heading=heading, about=small))
            table.append((f"{title}: {name}", say.percent(share), in_range))
    text = "; ".join(f"{name}: {value}, range {span}" for name, value, span in table)
    note = "The mark is what was counted, the band the range in which the true share plausibly lies."
    figure = Figure("Share of outputs that hold", text, ("Share", "Counted", "Range"), tuple(table), note)
    return render_figure(figure, rows_chart(rows, PERCENT))


def difference_figure(run: StoredRun) -> Markup:
    """The paired difference with its range; nothing where there was no comparison."""
    comparison = run.results.get("comparison") or {}
    found = comparison.get("difference") or {}
    value, low, high = found.get("value"), found.get("low"), found.get("high")
    if value is None:
        return Markup("")
    name = f"{comparison['candidate']} minus {comparison['baseline']}"
    axis = linear_axis([value, low or 0, high or 0, -0.1, 0.1], lambda v: say.points(v).split("\u00a0")[0])
    span = say.points_range(low, high)
    chart = rows_chart([Row(name, (Mark(value, low, high, "candidate"),), say.points(value))], axis)
    figure = Figure(
        "Difference in acceptable outputs, in percentage points",
        f"{name}: {say.points(value)}, range {span}",
        ("Difference", "Counted", "Range"),
        ((name, say.points(value), span),),
        f"Range {span}. A range that crosses zero means that this test cannot say which is better.",
    )
    return render_figure(figure, chart)


def pairs_figure(run: StoredRun) -> Markup:
    """What happened to the same requests under both variants."""
    comparison = run.results.get("comparison") or {}
    keys = ("both", "only_candidate", "only_baseline", "neither")
    if any(comparison.get(key) is None for key in keys):
        return Markup("")
    candidate, baseline = comparison["candidate"], comparison["baseline"]
    names = ("Both acceptable", f"Only {candidate}", f"Only {baseline}", "Neither")
    if any((run.results["quality"].get(name) or {}).get("samples", 1) > 1 for name in (candidate, baseline)):
        # With several outputs a request counts for the variant that has the larger share of acceptable ones.
        names = (
            "Both alike, mostly acceptable",
            f"{candidate} more often",
            f"{baseline} more often",
            "Both alike, seldom",
        )
    roles = ("both", "candidate", "baseline", "neither")
    counts = [comparison[key] for key in keys]
    total = sum(counts)
    rows = [
        Row(name, (Bar(0, found, role),), f"{say.count(found)} of {say.count(total)}")
        for name, found, role in zip(names, counts, roles, strict=True)
    ]
    table = tuple(
        (name, say.count(found), say.percent(found / total if total else None))
        for name, found in zip(names, counts, strict=True)
    )
    text = "; ".join(f"{name}: {found}" for name, found, _ in table)
    figure = Figure("The same requests under both", text, ("Result", "Requests", "Share"), table)
    return render_figure(figure, rows_chart(rows, linear_axis([0, total], say.count)))


def check_rows(run: StoredRun) -> list[CheckRow]:
    """One row per check, the largest change between baseline and candidate first."""
    quality = run.results.get("quality") or {}
    rules = (run.results.get("style") or {}).get("checks") or {}
    ids = list(
        dict.fromkeys([*rules, *(check for name in run.variants for check in quality[name].get("checks") or {})])
    )
    rows = []
    for check in ids:
        found = {name: (quality[name].get("checks") or {}).get(check) or {} for name in run.variants}
        shares = {name: _broken_share(quality[name], found[name]) for name in run.variants}
        before = shares.get(run.baseline) if run.baseline else None
        after = shares.get(run.candidate) if run.candidate else None
        move = after - before if before is not None and after is not None else None
        about = rules.get(check) or next((line for line in found.values() if line), {})
        row = CheckRow(
            id=check,
            sentence=str(about.get("sentence") or check),
            level=str(about.get("level") or ""),
            about=str(about.get("about") or ""),
            broken=tuple(_broken_text(quality[name], found[name]) for name in run.variants),
            change=say.points(move) if move is not None else "–",
            picture=dumbbell(before, after, PERCENT),
        )
        rows.append((abs(move) if move is not None else max(filter(None, shares.values()), default=0.0), row))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def _with_range(share: float | None, low: float | None, high: float | None) -> Markup | str:
    if share is None or low is None:
        return say.percent(share)
    return Markup("<b>{}</b> <small>{}</small>").format(say.percent(share), say.percent_range(low, high))


def _applies(scored: Mapping[str, Any], found: Mapping[str, Any]) -> int:
    if found.get("n") is not None:
        return found["n"]
    return (scored.get("n") or 0) - (found.get("not_applicable") or 0) - (found.get("unscored") or 0)


def _broken_share(scored: Mapping[str, Any], found: Mapping[str, Any]) -> float | None:
    applies = _applies(scored, found)
    return found["fail"] / applies if found.get("fail") is not None and applies > 0 else None


def _broken_text(scored: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if found.get("fail") is None:
        return "–"
    return f"{say.count(found['fail'])} of {say.count(_applies(scored, found))}"
