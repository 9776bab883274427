"""Writes report.html, report.md and junit.xml of a finished run."""

from pathlib import Path
from typing import Any

from ..core import unbroken as say
from ..core import write_whole
from . import markdown as summary
from .junit import junit_of_curation, junit_of_run
from .outline import curated_outline, evaluated_outline
from .page import date_words, render_markdown, render_page
from .sections import certificate as kept_apart
from .sections import data as curation
from .sections import dropped as funnel
from .sections import dropped as rows_left
from .sections import examples as examples_section
from .sections import gates, judgements, provenance, quality, risks, rules, training, usage, what_if, why
from .sections import learning_curve as more_examples
from .sections import money as spending
from .sections import quality as likeness
from .sections.curated import curation_headline
from .sections.examples import choose_examples
from .sections.first_screen import headline
from .sections.method import curation_lines, method_lines
from .stored import StoredCuration, StoredRun, damage_is_named, find_curation, ledger_place, read_curation, read_run

__all__ = ["write_report"]

# The page stays under this size: its examples have the largest of these rooms that keeps it so.
MOST_BYTES = 497_000
SCRIPTS = (
    "navigation", "words", "examples", "blind",
    "numbers", "money", "gain_curve", "what_if_field", "what_if_words", "what_if",
)  # fmt: skip
CURATED_SCRIPTS = ("navigation",)
TEXT_LIMITS = (4000, 3000, 2000, 1500, 1100, 900, 750, 600, 500, 400, 350, 300, 260)
# Where these do not fit: outputs of variants that are not compared on the first rows alone, then fewer rows as well.
SHORTER_LIMITS = (260, 240, 220, 200, 185, 170, 155, 140, 128, 116, 106, 96, 87, 78, 70, 60, 50, 40, 30, 20)
FEWER_ROWS = (180, 160, 140, 120, 100, 70, 50, 35, 25, 15, 8)
ROOM: tuple[dict[str, Any], ...] = (
    *({"text_limit": limit} for limit in TEXT_LIMITS),
    *({"text_limit": limit, "all_others": False} for limit in SHORTER_LIMITS),
    *({"text_limit": 20, "all_others": False, "most_rows": rows} for rows in FEWER_ROWS),
)


def write_report(run: Path, *, examples: bool = True) -> list[Path]:
    """Write the run's report.html, report.md and junit.xml and return their paths.

    A run that was curated and not evaluated gets a report of its curation. Without `examples`, no request, output
    or reference stands in any of the files.

    Raises:
        DataError: there is neither results.json nor a curated run, or it is not readable.
    """
    if not (run / "results.json").exists() and find_curation(run):
        with damage_is_named(run / "curate" / "summary.json", by="curate"):
            pages = _curated_pages(read_curation(run), examples=examples)
    else:
        with damage_is_named(run / "results.json", by="evaluate"):
            pages = _evaluated_pages(read_run(run), examples=examples)
    for name, text in pages.items():
        write_whole(run / name, text)
    return [run / name for name in pages]


def _curated_pages(run: StoredCuration, *, examples: bool) -> dict[str, str]:
    context = _curated_context(run, texts=examples)
    return {
        "report.html": render_page(context, scripts=CURATED_SCRIPTS),
        "report.md": render_markdown("curated.md.j2", context),
        "junit.xml": junit_of_curation(run),
    }


def _evaluated_pages(run: StoredRun, *, examples: bool) -> dict[str, str]:
    context = _context(run, examples=examples)
    return {
        "report.html": _fitting_html(run, context),
        "report.md": render_markdown("report.md.j2", context),
        "junit.xml": junit_of_run(run),
    }


def _fitting_html(run: StoredRun, context: dict[str, Any]) -> str:
    """The page, its example texts cut no shorter and its rows no fewer than its size demands."""
    if context["examples"] is None:
        return render_page(context, scripts=SCRIPTS)
    # Each room is smaller than the one before. Most runs fit the first; else halving finds the largest that fits.
    first, last, middle, fitting, text = 0, len(ROOM) - 1, 0, "", ""
    while first <= last:
        chosen = choose_examples(run, **ROOM[middle]) if middle else context["examples"]
        too_large = chosen.characters() > MOST_BYTES  # so large that it need not be drawn
        text = "" if too_large else render_page(context | {"examples": chosen}, scripts=SCRIPTS)
        if text and _fits(text):
            fitting, last = text, middle - 1
        else:
            first = middle + 1
        middle = (first + last) // 2
    return fitting or text  # a page too large even so is the one with the smallest room


def _fits(text: str) -> bool:
    return len(text.encode()) <= MOST_BYTES


def _context(run: StoredRun, *, examples: bool) -> dict[str, Any]:
    """Everything that the templates show of an evaluated run."""
    results = run.results
    tested = (results.get("quality") or {}).get(run.candidate or "", {}).get("n")
    shown = choose_examples(run) if examples and run.pairs and run.outputs else None
    return {
        "run": run,
        "results": results,
        "project": str(results.get("project") or run.path.name),
        "created": date_words(results.get("created")),
        "counted": f"{say.count(tested)} test requests" if tested else "",
        "footer": "Every number on this page is in results.json beside it.",
        "headline": headline(run),
        "summary": summary,
        "checks": rules.check_rows(run),
        "rules": rules,
        "sections": evaluated_outline(run, examples_shown=bool(shown and shown.rows)),
        "examples": shown,
        "examples_left_out": not examples,
        "examples_section": examples_section,
        "money": results.get("money"),
        "risks": risks.risk_rows(run),
        "data": results.get("data"),
        "ledger": ledger_place(run.path),
        "curated": read_curation(run.path) if find_curation(run.path) else None,
        "method": method_lines(run),
        "origin": results.get("provenance"),
        "quality": quality,
        "likeness": likeness,
        "gates": gates,
        "judgements": judgements,
        "spending": spending,
        "usage": usage,
        "what_if": what_if,
        "why": why,
        "provenance": provenance,
        "training": training,
        "more_examples": more_examples,
        "curation": curation,
        "funnel": funnel,
        "kept_apart": kept_apart,
        "rows_left": rows_left,
    }


def _curated_context(run: StoredCuration, *, texts: bool) -> dict[str, Any]:
    """Everything that the templates show of a run that was curated alone."""
    facts = run.facts
    origin = {
        **{key: facts[key] for key in ("command", "seed", "hardware", "seconds", "versions", "inputs") if key in facts}
    }
    return {
        "run": run,
        "data": run.summary,
        "texts": texts,
        "project": str(facts.get("project") or run.path.name),
        "created": date_words(facts.get("created")),
        "counted": f"{say.count(run.summary.get('rows_read'))} rows read",
        "ledger": ledger_place(run.path),
        "footer": f"Every number on this page is in curate/summary.json and {ledger_place(run.path)} beside it.",
        "headline": curation_headline(run),
        "summary": summary,
        "sections": curated_outline(run, origin=origin),
        "checks": curation.style_rows(run.summary),
        "method": curation_lines(run),
        "origin": origin,
        "curation": curation,
        "funnel": funnel,
        "kept_apart": kept_apart,
        "rows_left": rows_left,
        "provenance": provenance,
        "spending": spending,
        "money": None,
    }
