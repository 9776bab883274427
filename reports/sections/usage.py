"""Tokens and time of a request as charts."""

from markupsafe import Markup

from .. import numbers as say
from ..charts.axes import linear_axis
from ..charts.figure import Figure, render_figure
from ..charts.rows import Bar, Mark, Row, rows_chart
from ..stored import StoredRun
from .quality import role_of

__all__ = ["lead", "time_figure", "tokens_figure"]

TOKEN_PARTS = {"fixed": "guide and examples", "input": "request", "output": "answer"}


def lead(run: StoredRun) -> str:
    """The sentence that opens the section."""
    return "What one request costs in tokens and how long its answer takes, as measured in this run."


def tokens_figure(run: StoredRun) -> Markup:
    """Mean tokens of a request per variant, the fixed prompt apart from the request and the answer."""
    tokens = run.results.get("tokens") or {}
    totals = {name: sum(found.get(key) or 0 for key in TOKEN_PARTS) for name, found in tokens.items() if found}
    if not any(totals.values()):
        return Markup("")
    rows, table = [], []
    for name, total in totals.items():
        start, bars = 0.0, []
        for key in TOKEN_PARTS:
            part = tokens[name].get(key) or 0
            if part:
                bars.append(Bar(start, start + part, f"t-{key}"))
            start += part
        rows.append(Row(name, tuple(bars), say.count(round(total))))
        cells = [say.count(tokens[name].get(key)) for key in (*TOKEN_PARTS, "cached")]
        table.append((name, *cells, say.count(round(total))))
    text = "; ".join(f"{row[0]}: {row[-1]} tokens" for row in table)
    head = ("Variant", *(part.capitalize() for part in TOKEN_PARTS.values()), "Of these cached", "Together")
    figure = Figure("Tokens per request (mean)", text, head, tuple(table))
    key = Markup("").join(
        Markup(
            '<span class="key"><svg width="14" height="12" aria-hidden="true">'
            '<rect class="bar r-t-{}" width="14" height="12" rx="1.5"/></svg>{}</span>'
        ).format(key, part)
        for key, part in TOKEN_PARTS.items()
    )
    chart = rows_chart(rows, linear_axis(totals.values(), say.count))
    return render_figure(figure, Markup('<div class="keys">{}</div>{}').format(key, chart))


def time_figure(run: StoredRun) -> Markup:
    """Seconds per answer: the median, with a line to the slowest twentieth."""
    timed = {name: found for name, found in (run.results.get("seconds") or {}).items() if found}
    timed = {name: found for name, found in timed.items() if found.get("p50") is not None}
    if not timed:
        return Markup("")
    rows, table, ends = [], [], []
    for name, found in timed.items():
        slow = found.get("p95")
        ends += [found["p50"], slow or 0]
        mark = Mark(found["p50"], found["p50"], slow, role_of(run, name))
        rows.append(Row(name, (mark,), say.duration(found["p50"])))
        rate = f"{say.count(found['per_second'])}" if found.get("per_second") is not None else say.UNKNOWN
        table.append((name, say.duration(found["p50"]), say.duration(slow), rate))
    text = "; ".join(f"{row[0]}: {row[1]}, slowest twentieth from {row[2]}" for row in table)
    note = "The mark is the median; the band reaches to the time that one answer in twenty exceeds."
    head = ("Variant", "Median", "One in twenty exceeds", "Answers per second")
    figure = Figure("Seconds per answer", text, head, tuple(table), note)
    return render_figure(figure, rows_chart(rows, linear_axis(ends, lambda v: f"{v:g}\u00a0s")))
