"""The section on tokens and time per request, with the fixed part of the prompt counted separately."""

from collections.abc import Mapping
from typing import TypeVar

from markupsafe import Markup

from ...core import UNKNOWN
from ...core import unbroken as say
from ...evaluate.results import NO_MODEL, Tokens
from ..charts.axes import Figure, linear_axis, render_figure
from ..charts.rows import Bar, Mark, Row, rows_chart
from ..page import Section
from ..stored import StoredRun
from ..words import named, variant_label
from .quality_charts import role_of

UNCOUNTED = "not counted"
PARTS = {
    "cached": "fixed part, cached",
    "fixed": "fixed part: guide, examples, template",
    "whole": "whole prompt, fixed part not counted separately",
    "input": "request",
    "output": "answer",
}


def section(run: StoredRun) -> Section | None:
    """The section of a run whose tokens or times were counted."""
    if not (run.results.tokens or run.results.seconds):
        return None
    shown = {"tokens": tokens_figure(run), "time": time_figure(run)}
    return Section("tokens", "Tokens and time", lead(run), "usage", shown)


def lead(run: StoredRun) -> str:
    """The opening sentence: what a request takes with the candidate compared with the baseline."""
    parts = [words for words in (_tokens_words(run), _time_words(run)) if words]
    if not parts:
        return "This run counted neither tokens nor times."
    return f"{'; '.join(parts)}."


def tokens_figure(run: StoredRun) -> Markup:
    """Mean tokens per request of each variant, split into cached, fixed, request and answer."""
    tokens = _of_callers(run, run.results.tokens)
    parts = {name: _parts(found) for name, found in tokens.items()}
    totals = {name: sum(found.values()) for name, found in parts.items()}
    if not any(totals.values()):
        return Markup("")
    rows = []
    for name, found in parts.items():
        start, bars = 0.0, []
        for key, part in found.items():
            if part > 0:
                bars.append(Bar(start, start + part, f"t-{key}"))
            start += part
        rows.append(
            Row(variant_label(name), tuple(bars), _total(totals[name], tokens[name]), note=_fixed_words(run, name))
        )
    head, table = _tokens_table(tokens, totals)
    text = "; ".join(f"{row[0]}: {row[-1]} tokens" for row in table)
    figure = Figure("Tokens per request (mean)", text, head, table, _given(run))
    chart = rows_chart(rows, linear_axis(totals.values(), say.count))
    return render_figure(figure, Markup('<div class="keys">{}</div>{}').format(_key(parts), chart))


def time_figure(run: StoredRun) -> Markup:
    """Seconds per answer: the median, a band up to the time that one answer in twenty exceeds, and answers per second."""
    rows, table, ends = [], [], []
    for name, found in _of_callers(run, run.results.seconds).items():
        middle, slow, rate = found.p50, found.p95, found.per_second
        if middle is None:
            continue
        ends += [middle, slow or 0]
        mark = Mark(middle, middle if slow is not None else None, slow, _role(run, name))
        rows.append(
            Row(variant_label(name), (mark,), _seconds(middle, slow), note=_rate(rate) if rate is not None else "")
        )
        table.append(
            (variant_label(name), say.duration(middle), say.duration(slow), UNKNOWN if rate is None else _rate(rate))
        )
    if not rows:
        return Markup("")
    text = "; ".join(f"{row[0]}: {row[1]}, one in twenty over {row[2]}" for row in table)
    note = (
        "The mark is the median: half of the answers took less. The band ends at the time that one in twenty exceeds."
    )
    head = ("Variant", "Median", "One in twenty exceeds", "Rate")
    figure = Figure("Seconds per answer", text, head, tuple(table), note)
    return render_figure(figure, rows_chart(rows, linear_axis(ends, lambda v: f"{say.stated(v)}{say.gap}s")))


Found = TypeVar("Found")


def _of_callers(run: StoredRun, found: Mapping[str, Found]) -> dict[str, Found]:
    """The variants that call a model: repairing outputs takes neither tokens nor time, and a template neither."""
    return {
        name: part
        for name, part in found.items()
        if run.way(name) not in NO_MODEL and not (run.way(name) == "repair" and set(run.origins(name)) & set(found))
    }


def _role(run: StoredRun, name: str) -> str:
    """How the charts draw a variant: as the one that is made from it by repair, if that is compared."""
    compared = next(
        (one for one in (run.candidate, run.baseline) if one and run.way(one) == "repair" and name in run.origins(one)),
        name,
    )
    return role_of(run, compared)


def _tokens_words(run: StoredRun) -> str:
    ours, theirs = (run.results.tokens.get(name or "") for name in (run.candidate, run.baseline))
    if ours is None or (sent := _sent(ours)) is None:
        return ""
    words = f"A request of {named(run.candidate)} takes {_tokens(sent)} in"
    if ours.output is not None:
        words += f" and {say.count(round(ours.output))} out"
    if theirs is None or (before := _sent(theirs)) is None or not _baseline_calls(run):
        return words
    fewer = round(before) - round(sent)
    if not fewer:
        return f"{words}, as many in as {named(run.baseline)}"
    compared = f"{words}, {say.count(abs(fewer))} {'fewer' if fewer > 0 else 'more'} in than {named(run.baseline)}"
    if ours.fixed is None or theirs.fixed is None:
        return compared
    # The fixed prompt is named as the cause only if it accounts for most of the difference.
    most = fewer > 0 and theirs.fixed - ours.fixed >= 0.8 * fewer
    return f"{compared}, because its fixed prompt is shorter" if most else compared


def _time_words(run: StoredRun) -> str:
    ours, theirs = (run.results.seconds.get(name or "") for name in (run.candidate, run.baseline))
    if ours is None or ours.p50 is None:
        return ""
    whose = "half of its answers" if _tokens_words(run) else f"Half of the answers of {named(run.candidate)}"
    words = f"{whose} took less than {say.duration(ours.p50)}"
    if theirs is None or theirs.p50 is None or not _baseline_calls(run):
        return words
    return f"{words}, compared with {say.duration(theirs.p50)} for {named(run.baseline)}"


def _baseline_calls(run: StoredRun) -> bool:
    """Whether the baseline calls a model: a comparison with a template's nothing says nothing."""
    return run.baseline is not None and run.way(run.baseline) not in NO_MODEL


def _sent(found: Tokens) -> float | None:
    """Input tokens; None if the request was not counted."""
    return None if found.input is None else (found.fixed or 0) + found.input


def _parts(found: Tokens) -> dict[str, float]:
    """Tokens by the keys of PARTS; cached tokens come off the start of the prompt, where providers cache."""
    fixed, sent = found.fixed, found.input or 0
    cached = min(found.cached or 0, (fixed or 0) + sent)
    if fixed is None:
        first = {"cached": cached, "whole": sent - cached}
    else:
        first = {"cached": cached, "fixed": max(fixed - cached, 0), "input": sent - max(cached - fixed, 0)}
    return {**first, "output": found.output or 0}


def _fixed_words(run: StoredRun, name: str) -> str:
    """What the fixed part of a variant contains, if the run built it."""
    if (variant := run.results.variants.get(name)) is None:
        return ""
    guide, shots = variant.guide_tokens, variant.few_shot
    parts = [f"style guide of {_tokens(guide)}"] if guide else []
    parts += [say.count(shots, "example")] if shots else []
    return f"sends a {' and '.join(parts)}" if guide else f"sends {parts[0]}" if parts else ""


def _tokens_table(
    tokens: Mapping[str, Tokens], totals: Mapping[str, float]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    columns = {"fixed": "Guide and examples", "input": "Request", "output": "Answer", "cached": "Cached"}
    if any(found.reasoning for found in tokens.values()):
        columns["reasoning"] = "Reasoning, within the answer"
    rows = tuple(
        (variant_label(name), *(_counted(getattr(found, key)) for key in columns), say.count(round(totals[name])))
        for name, found in tokens.items()
    )
    return ("Variant", *columns.values(), "Total"), rows


def _counted(number: float | None) -> str:
    return UNCOUNTED if number is None else say.count(number)


def _tokens(number: float) -> str:
    return say.count(round(number), "token")


def _total(total: float, found: Tokens) -> Markup | str:
    """The total tokens of a request, and what the total does not include."""
    missing = [word for part, word in ((found.input, "request"), (found.output, "answer")) if part is None]
    if not missing:
        return Markup("<b>{}</b>").format(say.count(round(total)))
    return Markup("<b>{}</b> <small>{} {}</small>").format(say.count(round(total)), " and ".join(missing), UNCOUNTED)


def _seconds(middle: float, slow: float | None) -> Markup:
    small = f"one in twenty over {say.duration(slow)}" if slow is not None else ""
    return Markup("<b>{}</b> <small>{}</small>").format(say.duration(middle), small)


def _rate(per_second: float) -> str:
    """A rate per second, or per hour if it is slow."""
    number, unit = (per_second, "second") if per_second >= 0.1 else (per_second * 3600, "hour")
    text = say.count(number)
    return f"{text} answer{'' if text == '1' else 's'} a{'n' if unit == 'hour' else ''} {unit}"


def _key(parts: Mapping[str, Mapping[str, float]]) -> Markup:
    """The key of the parts that any variant has, in drawing order."""
    there = [key for key in PARTS if any(found.get(key) for found in parts.values())]
    return Markup("").join(
        Markup(
            '<span class="key"><svg width="18" height="12" aria-hidden="true">'
            '<rect class="bar r-t-{}" x="1" y="1" width="16" height="10"/></svg>{}</span>'
        ).format(key, PARTS[key])
        for key in there
    )


def _given(run: StoredRun) -> str:
    """A note on the source of the counts, if this run did not make them."""
    sources = {variant.source for variant in run.results.variants.values()}
    return "As recorded with the collected outputs; this run called no model." if sources == {"outputs"} else ""
