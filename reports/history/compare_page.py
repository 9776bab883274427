"""The page about compared runs: its first screen and its sections."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...core import Row, row_text
from ...core import unbroken as say
from ...evaluate import ChangedRow, ComparedJudged, Comparisons, RunComparison
from ..charts.axes import Axis, linear_axis, shortened
from ..charts.rows import Bar, Mark, dumbbell, mini_rows
from ..page import Section, render_page
from ..sections import gates
from ..sections.examples.gallery import Shown, example_anchor, request_parts, show_output
from ..sections.first_screen import Headline
from ..sections.money.costs import change_words
from ..sections.rules import MOST_ROWS, PERCENT
from ..sections.three_numbers import OF_SHARES, Number, Side
from ..words import capital, date_words, typeset
from . import compare_rows as tables
from . import compare_words as words

MOST_BYTES = 497_000  # as of the report
# (requests of each kind, characters of a text): the first that fits.
ROOM = ((100, 4000), (100, 1500), (100, 800), (60, 600), (40, 400), (25, 300), (10, 200), (5, 60))
ROLES = {"before": "baseline", "after": "candidate"}  # how the report draws the two sides of a comparison
OPEN_ROWS = 3  # requests of each kind that are shown; the others are folded
MOST_SLICES = 20  # shown; the ones that moved least are under a disclosure


def compared_page(results: Comparisons, compared: ComparedJudged, *, texts: bool) -> str:
    """The page, with texts and requests cut only as far as its size limit requires."""
    page = ""
    for most, limit in ROOM:
        page = _drawn(results, changed_section(compared, rows=most, limit=limit) if texts else None)
        if len(page.encode()) <= MOST_BYTES or not texts:
            break
    return page


def _drawn(results: Comparisons, changed: Section | None) -> str:
    projects = dict.fromkeys(run.project for run in results.runs if run.project)
    context = {
        "project": ", ".join(projects) or results.after,
        "created": date_words(results.created),
        "counted": f"{say.count(len(results.runs))} runs compared",
        "footer": "Every number on this page is in comparison.json.",
        "good": results.good,
        "headline": compared_headline(results),
    }
    found = [
        gates.section(results.gates or ()),
        steps_section(results.steps),
        changed,
        rules_section(results),
        slices_section(results),
        cost_section(results),
        verdicts_section(results),
        shared_section(results),
    ]
    return render_page(context, [section for section in found if section is not None], scripts=("navigation",))


# --- the first screen ---------------------------------------------------------------------------------------------


def compared_headline(step: RunComparison) -> Headline:
    """The first screen of a comparison."""
    label, tone = words.DECIDED[step.decided]
    return Headline(
        label=label, tone=tone, sentence=typeset(words.answer(step, say)),
        numbers=(_acceptable(step), _changed(step), _cost(step) or _tokens(step)),
        doubt=typeset(words.doubt(step, say)), next_step=words.next_step(step),
        sure_why=typeset(words.changed_sentence(step, say)),
    )  # fmt: skip


def _names(step: RunComparison) -> dict[str, str]:
    """What the runs are called; the sentence above says which variants are compared."""
    return {"before": shortened(step.before, 32), "after": shortened(step.after, 32)}


def _acceptable(step: RunComparison) -> Number:
    decimals, gap = words.gap_decimals(step), step.difference
    rows = {
        role: Row("acceptable", name, found.share, "share", found.low, found.high, decimals=decimals)
        for (role, name), found in zip(
            _names(step).items(), (step.acceptable.before, step.acceptable.after), strict=True
        )
    }
    sides = tuple(Side(row, ROLES[role]) for role, row in rows.items())
    marks = [Mark(row.value, row.low, row.high, ROLES[role]) for role, row in rows.items() if row.value is not None]
    change = (
        row_text(Row("difference", "", gap.value, "points", gap.low, gap.high, decimals=decimals), say) if marks else ""
    )
    axis = Axis(0, 1, ((0, ""), (0.5, ""), (1, "")))
    origin = "#changed" if step.rows else ""
    return Number(f"{capital(step.good)} outputs", sides, change, mini_rows(marks, axis), origin, OF_SHARES)


def _changed(step: RunComparison) -> Number:
    several = max(step.shared.samples.before, step.shared.samples.after) > 1
    worse, better = (
        (f"less often {step.good}", f"more often {step.good}") if several else ("no longer work", "work now")
    )
    lost, gained = step.only_before, step.only_after
    sides = (Side(Row("lost", worse, lost), "baseline"), Side(Row("gained", better, gained), "candidate"))
    bars = [Bar(0, lost, "baseline"), Bar(0, gained, "candidate")] if lost or gained else []
    change = f"of {say.count(step.n, 'shared request')}"
    return Number(
        "Requests that changed",
        sides,
        change,
        mini_rows(bars, linear_axis([lost, gained], str)) if bars else Markup(""),
    )


def _cost(step: RunComparison) -> Number | None:
    """The cost that counts; None without prices."""
    cost = step.cost
    split = cost.per_usable_output or cost.per_request
    if split is None:
        return None
    title = tables.cost_title(step) if cost.per_usable_output is not None else "Cost per request"
    values = {"before": split.before, "after": split.after}
    sides = tuple(
        Side(Row("cost", name, "not known" if values[role] is None else values[role], cost.currency or ""), ROLES[role])
        for role, name in _names(step).items()
    )
    change = change_words(values["before"], values["after"])
    return Number(title, sides, change, _bars(values), "#cost" if change else "")


def _tokens(step: RunComparison) -> Number:
    values = dict(zip(ROLES, tables.tokens_of(step), strict=True))
    sides = tuple(
        Side(Row("tokens", name, "not counted" if values[role] is None else round(values[role] or 0)), ROLES[role])
        for role, name in _names(step).items()
    )
    return Number("Tokens per request", sides, change_words(values["before"], values["after"]), _bars(values))


def _bars(values: Mapping[str, float | None]) -> Markup:
    known = {role: value for role, value in values.items() if value is not None}
    if not known or not max(known.values()):
        return Markup("")
    axis = linear_axis(list(known.values()), str)
    return mini_rows([Bar(0, value, ROLES[role]) for role, value in known.items()], axis)


# --- the sections -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """A request that changed: its id and anchor, its parts, both outputs, and the reference."""

    id: str
    anchor: str
    request: tuple[tuple[str, str], ...]
    sides: tuple[Shown, Shown]
    reference: str
    reference_ok: bool


def changed_section(compared: ComparedJudged, *, rows: int, limit: int) -> Section | None:
    """The requests that changed, those that no longer work first; at most `rows` of each, texts cut after `limit`."""
    step = compared.results
    if not compared.rows:
        return None
    groups = []
    for kind, title in (("no longer works", "No longer work"), ("works now", "Work now")):
        found = [row for row in compared.rows if row.entry.change == kind]
        cards = [_card(compared, row, f"{kind[:1]}{at}", limit) for at, row in enumerate(found[:rows])]
        if cards:
            groups.append((title, len(found), cards))
    lead = typeset(words.changed_sentence(step, say))
    shown = {"groups": groups, "open_rows": OPEN_ROWS, "names": words.names(step)}
    return Section("changed", "Requests that changed", lead, "changed", shown)


def _card(compared: ComparedJudged, row: ChangedRow, anchor: str, limit: int) -> Card:
    names = words.names(compared.results)
    lines = (row.before, row.after)
    first, second = (
        show_output(name, line, limit, anchor=f"{anchor}-{at}", brief=limit < 400)
        for at, (name, line) in enumerate(zip(names, lines, strict=True))
    )
    ids = {row.entry.id_before, row.entry.id}
    name = row.entry.id if len(ids) == 1 else f"{row.entry.id_before}, now {row.entry.id}"
    request = tuple((field, _cut(text, limit)) for field, text in request_parts(_pair(row)))
    good = row.pair.get("reference_ok") is not False
    return Card(
        name,
        example_anchor(row.entry.id),
        request,
        (first, second),
        _cut(str(row.pair.get("output") or ""), limit),
        good,
    )


def _pair(row: ChangedRow) -> Mapping[str, Any]:
    """The pair with its fields as an object."""
    fields = row.pair.get("fields")
    return {**row.pair, "fields": json.loads(fields) if isinstance(fields, str) else fields}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} …"


@dataclass(frozen=True)
class Line:
    """A row of the tables of rules and slices."""

    moved: tables.Moved
    before: str
    after: str
    picture: Markup


def _lines(rows: Sequence[tables.Moved]) -> list[Line]:
    return [
        Line(
            row,
            say.percent(row.before, row.decimals),
            say.percent(row.after, row.decimals),
            dumbbell(row.before, row.after, PERCENT),
        )
        for row in rows
    ]


def rules_section(step: RunComparison) -> Section | None:
    """How often each rule is broken in both runs; those that did not change are under a disclosure."""
    rows = tables.rule_rows(step, say)
    note = (
        "How often an output breaks the rule, among all shared requests. Left is better. Significance is paired and "
        "corrected for the number of must rules (Holm)."
    )
    changed = sum(row.before != row.after for row in rows)
    table = {"head": "Rule", "label": "Rules", "note": note, "most": min(MOST_ROWS, changed)}
    table |= {
        "rows": _lines(rows),
        "rest": "rules that changed less" if changed > MOST_ROWS else "rules that did not change",
    }
    lead = typeset(tables.rules_lead(step, say))
    return Section("rules", "Rules", lead, "moved", {**table, "names": words.names(step)}) if rows else None


def slices_section(step: RunComparison) -> Section:
    """How often outputs are acceptable in parts of the requests."""
    rows = tables.slice_rows(step, say)
    note = (
        f"How often an output is {step.good} in each part; right is better. Looking at many parts finds some by chance, so "
        f"significance is corrected for all {say.count(len(rows))} (Holm). Parts of fewer than {step.slices_least} "
        f"requests are not judged ({say.count(step.slices_small)} here)."
    )
    table = {"head": "Part", "label": "Parts of the requests", "note": note, "most": MOST_SLICES}
    table |= {"rows": _lines(rows), "rest": "parts that moved less", "names": words.names(step)}
    return Section("slices", "Parts of the requests", typeset(tables.slices_lead(step, say)), "moved", table)


def cost_section(step: RunComparison) -> Section:
    """The change of the costs, split into its causes."""
    split = step.cost.per_request
    shown = {
        "lines": tables.cost_lines(step, say), "heads": tables.cost_heads(step), "why_not": step.cost.why_not,
        "method": capital(step.cost.method), "split": split is not None and split.parts is not None,
    }  # fmt: skip
    return Section("cost", "Cost", typeset(tables.cost_lead(step, say)), "changed_cost", shown)


def verdicts_section(step: RunComparison) -> Section:
    """Both verdicts, and what they rest on that differs."""
    verdicts = step.verdicts.before, step.verdicts.after
    both = [
        (name, "No verdict.", [])
        if found is None
        else (name, typeset(found.sentence), [typeset(reason) for reason in found.reasons])
        for name, found in zip(words.names(step), verdicts, strict=True)
    ]
    shown = {
        "both": both,
        "rows": words.basis_rows(step, say),
        "settings": words.setting_rows(step, say),
        "names": words.names(step),
    }
    return Section("verdicts", "Verdicts", typeset(words.verdict_lead(step, say)), "verdicts", shown)


def shared_section(step: RunComparison) -> Section:
    """What was compared: the shared requests, the styles, and what else differs between the runs."""
    first, *lines = words.shared_lines(step, say)
    shown = {
        "lines": [typeset(line) for line in lines], "rows": words.context_rows(step, say), "names": words.names(step),
        "method": step.method,
    }  # fmt: skip
    return Section("shared", "What was compared", typeset(first), "shared", shown)


def steps_section(steps: Sequence[RunComparison]) -> Section | None:
    """Each run compared with the one before it; None for two runs."""
    if not steps:
        return None
    rows = [
        (f"{step.before} to {step.after}", step.n, say.signed_points(step.difference.value),
         say.points_range(step.difference.low, step.difference.high), words.DECIDED[step.decided],
         say.count(step.only_before), say.count(step.only_after), typeset(tables.cost_lead(step, say)))
        for step in steps
    ]  # fmt: skip
    worse, better = (sum(step.decided == kind for step in steps) for kind in ("worse", "better"))
    lead = f"Of {say.count(len(steps), 'step')}, {say.count(better)} got better and {say.count(worse)} worse."
    if not worse and not better:
        lead = "No step is shown to be better or worse than the one before it."
    return Section("steps", "Step by step", lead, "steps", {"rows": rows})
