"""Writes the page, the Markdown, the JUnit file and the JSON of compared runs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core import disk_refusals, from_json, write_whole
from ...core import unbroken as say
from ...evaluate import ComparedJudged
from ...evaluate.results import Gate
from ..markdown import gate_lines, markdown_page
from ..page import Section, render_page
from ..sections import gates
from ..words import date_words, typeset
from . import compare_basis as basis
from . import compare_cost as costs
from . import compare_moved as moved
from . import compare_sections as sections
from . import compare_words as words
from .compare_headline import compared_headline
from .compare_junit import compared_junit

__all__ = ["write_comparison"]

MOST_BYTES = 497_000  # as of the report
# (requests of each kind, characters of a text): the first that fits.
ROOM = ((100, 4000), (100, 1500), (100, 800), (60, 600), (40, 400), (25, 300), (10, 200), (5, 60))
MOST_LISTED = 20  # requests, rules and parts in the Markdown


def write_comparison(
    folder: Path, results: Mapping[str, Any], compared: Sequence[ComparedJudged], *, examples: bool = True
) -> list[Path]:
    """Write compare.html, compare.md, junit.xml and comparison.json; returns their paths.

    `compared` is the last run with the first and, for several, each with the one before it. Without `examples`, no file
    contains a request or an output.
    """
    texts = {
        "compare.html": _html(results, compared[0], texts=examples),
        "compare.md": _markdown(results),
        "junit.xml": compared_junit(results, compared, texts=examples),
        "comparison.json": json.dumps(results, ensure_ascii=False, indent=2).encode("utf-8", "replace"),
    }
    with disk_refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_whole(folder / name, text)
    return [folder / name for name in texts]


def _html(results: Mapping[str, Any], compared: ComparedJudged, *, texts: bool) -> str:
    """The page, with texts and requests cut only as far as its size limit requires."""
    page = ""
    for rows, limit in ROOM:
        page = _drawn(results, sections.changed_section(compared, rows=rows, limit=limit) if texts else None)
        if len(page.encode()) <= MOST_BYTES or not texts:
            break
    return page


def _drawn(results: Mapping[str, Any], changed: Section | None) -> str:
    projects = list(dict.fromkeys(run["project"] for run in results["runs"] if run["project"]))
    context = {
        "project": ", ".join(projects) or str(results["after"]),
        "created": date_words(results["created"]),
        "counted": f"{say.count(len(results['runs']))} runs compared",
        "footer": "Every number on this page is in comparison.json.",
        "headline": compared_headline(results),
    }
    found = [
        gates.section(_gates(results)),
        sections.steps_section(results["steps"]),
        changed,
        sections.rules_section(results),
        sections.slices_section(results),
        sections.cost_section(results),
        sections.verdicts_section(results),
        sections.shared_section(results),
    ]
    return render_page(context, [section for section in found if section is not None], scripts=("navigation",))


def _gates(results: Mapping[str, Any]) -> list[Gate]:
    return from_json(results["gates"] or [], list[Gate])


def _markdown(results: Mapping[str, Any]) -> str:
    rows = results["rows"]
    return markdown_page(
        "compare.md.j2", project=str(results["after"]), headline=compared_headline(results), names=words.names(results),
        steps=[f"{typeset(words.answer(step, say))} {typeset(words.changed_sentence(step, say))}" for step in results["steps"]],
        lost=_listed(rows, "no longer works", "broken_after"), gained=_listed(rows, "works now", "broken_before"),
        most=MOST_LISTED, rules=[row for row in moved.rule_rows(results, say) if row.before != row.after][:MOST_LISTED],
        slices=[row for row in moved.slice_rows(results, say) if row.sure == "significant"][:MOST_LISTED],
        slices_lead=typeset(moved.slices_lead(results, say)), say=say,
        cost=costs.cost_lines(results, say), cost_heads=costs.cost_heads(results),
        cost_lead=typeset(costs.cost_lead(results, say)),
        verdict=typeset(basis.verdict_lead(results, say)),
        basis=[*basis.basis_rows(results, say), *basis.setting_rows(results, say)],
        shared=[typeset(line) for line in words.shared_lines(results, say)], gates=gate_lines(_gates(results)),
    )  # fmt: skip


def _listed(rows: Sequence[Mapping[str, Any]], change: str, rules: str) -> list[tuple[str, str]]:
    """The ids with that change, each with the rules that the failing output breaks."""
    return [(str(row["id"]), ", ".join(row[rules])) for row in rows if row["change"] == change]
