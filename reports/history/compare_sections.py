"""The sections of the page about compared runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...core import unbroken as say
from ...evaluate import ChangedRow, ComparedJudged
from ..charts.rows import dumbbell
from ..page import Section
from ..sections.examples.gallery import Shown, example_anchor, request_parts, show_output
from ..sections.rules import MOST_ROWS, PERCENT
from ..words import capital, typeset
from . import compare_basis as basis
from . import compare_cost as costs
from . import compare_moved as moved
from . import compare_words as words

__all__ = [
    "changed_section",
    "cost_section",
    "rules_section",
    "shared_section",
    "slices_section",
    "steps_section",
    "verdicts_section",
]

OPEN_ROWS = 3  # requests of each kind that are shown; the others are folded
MOST_SLICES = 20  # shown; the ones that moved least are under a disclosure
Step = Mapping[str, Any]


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
        found = [row for row in compared.rows if row.entry["change"] == kind]
        cards = [_card(compared, row, f"{kind[:1]}{at}", limit) for at, row in enumerate(found[:rows])]
        if cards:
            groups.append((title, len(found), cards))
    lead = typeset(words.changed_sentence(step, say))
    shown = {"groups": groups, "open_rows": OPEN_ROWS, "names": words.names(compared.results)}
    return Section("changed", "Requests that changed", lead, "changed", shown)


def _card(compared: ComparedJudged, row: ChangedRow, anchor: str, limit: int) -> Card:
    names = words.names(compared.results)
    lines = (row.before, row.after)
    first, second = (
        show_output(name, line, limit, anchor=f"{anchor}-{at}", brief=limit < 400)
        for at, (name, line) in enumerate(zip(names, lines, strict=True))
    )
    ids = {row.entry["id_before"], row.entry["id"]}
    name = row.entry["id"] if len(ids) == 1 else f"{row.entry['id_before']}, now {row.entry['id']}"
    request = tuple((field, _cut(text, limit)) for field, text in request_parts(_pair(row)))
    good = row.pair.get("reference_ok") is not False
    return Card(
        name,
        example_anchor(str(row.entry["id"])),
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

    moved: moved.Moved
    before: str
    after: str
    picture: Markup


def _lines(rows: Sequence[moved.Moved]) -> list[Line]:
    return [
        Line(
            row,
            say.percent(row.before, row.decimals),
            say.percent(row.after, row.decimals),
            dumbbell(row.before, row.after, PERCENT),
        )
        for row in rows
    ]


def rules_section(step: Step) -> Section | None:
    """How often each rule is broken in both runs; those that did not change are under a disclosure."""
    rows = moved.rule_rows(step, say)
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
    lead = typeset(moved.rules_lead(step, say))
    return Section("rules", "Rules", lead, "moved", {**table, "names": words.names(step)}) if rows else None


def slices_section(step: Step) -> Section:
    """How often outputs are acceptable in parts of the requests."""
    rows = moved.slice_rows(step, say)
    note = (
        f"How often an output is acceptable in each part; right is better. Looking at many parts finds some by chance, so "
        f"significance is corrected for all {say.count(len(rows))} (Holm). Parts of fewer than {step['slices_least']} "
        f"requests are not judged ({say.count(step['slices_small'])} here)."
    )
    table = {"head": "Part", "label": "Parts of the requests", "note": note, "most": MOST_SLICES}
    table |= {"rows": _lines(rows), "rest": "parts that moved less", "names": words.names(step)}
    return Section("slices", "Parts of the requests", typeset(moved.slices_lead(step, say)), "moved", table)


def cost_section(step: Step) -> Section:
    """The change of the costs, split into its causes."""
    shown = {
        "lines": costs.cost_lines(step, say), "heads": costs.cost_heads(step), "why_not": step["cost"]["why_not"],
        "method": capital(step["cost"]["method"]), "split": bool((step["cost"]["per_request"] or {}).get("parts")),
    }  # fmt: skip
    return Section("cost", "Cost", typeset(costs.cost_lead(step, say)), "changed_cost", shown)


def verdicts_section(step: Step) -> Section:
    """Both verdicts, and what they rest on that differs."""
    verdicts = [step["verdicts"][role] or {"sentence": "No verdict."} for role in ("before", "after")]
    both = [
        (name, typeset(found["sentence"]), [typeset(reason) for reason in found.get("reasons") or []])
        for name, found in zip(words.names(step), verdicts, strict=True)
    ]
    shown = {
        "both": both,
        "rows": basis.basis_rows(step, say),
        "settings": basis.setting_rows(step, say),
        "names": words.names(step),
    }
    return Section("verdicts", "Verdicts", typeset(basis.verdict_lead(step, say)), "verdicts", shown)


def shared_section(step: Step) -> Section:
    """What was compared: the shared requests, the styles, and what else differs between the runs."""
    first, *lines = words.shared_lines(step, say)
    shown = {
        "lines": [typeset(line) for line in lines], "rows": basis.context_rows(step, say), "names": words.names(step),
        "method": step["method"],
    }  # fmt: skip
    return Section("shared", "What was compared", typeset(first), "shared", shown)


def steps_section(steps: Sequence[Step]) -> Section | None:
    """Each run compared with the one before it; None for two runs."""
    if not steps:
        return None
    rows = [
        (f"{step['before']} to {step['after']}", step["n"], say.signed_points(step["difference"]["value"]),
         say.points_range(step["difference"]["low"], step["difference"]["high"]), words.DECIDED[step["decided"]],
         say.count(step["only_before"]), say.count(step["only_after"]), typeset(costs.cost_lead(step, say)))
        for step in steps
    ]  # fmt: skip
    worse, better = (sum(step["decided"] == kind for step in steps) for kind in ("worse", "better"))
    lead = f"Of {say.count(len(steps), 'step')}, {say.count(better)} got better and {say.count(worse)} worse."
    if not worse and not better:
        lead = "No step is shown to be better or worse than the one before it."
    return Section("steps", "Step by step", lead, "steps", {"rows": rows})
