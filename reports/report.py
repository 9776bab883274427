"""Writes report.html, report.md and junit.xml of a finished run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2

from ..core import damage_is_named, home_of, write_whole
from ..core import unbroken as say
from .curated import curated_markdown
from .junit import junit_of_curation, junit_of_run
from .markdown import evaluated_markdown
from .page import Section, render_page
from .sections import (
    correctness,
    gates,
    judgements,
    method,
    next_steps,
    provenance,
    quality,
    risks,
    rivals,
    slices,
    training,
    usage,
    why,
)  # fmt: skip
from .sections.curation import data
from .sections.curation.curated import curated_headline, curated_sections
from .sections.examples import examples
from .sections.examples.gallery import Examples, choose_examples
from .sections.first_screen import headline
from .sections.money import money, what_if
from .stored import (
    RESULTS,
    SUMMARY,
    StoredCuration,
    StoredRun,
    find_curation,
    ledger_place,
    read_curation,
    read_run,
)  # fmt: skip
from .words import date_words

# The size limit of the page. The examples get the largest of the text limits below that fits.
MOST_BYTES = 497_000
SCRIPTS = (
    "navigation", "words", "examples", "numbers", "blind",
    "money", "gain_curve", "what_if_field", "what_if_words", "what_if",
)  # fmt: skip
CURATED_SCRIPTS = ("navigation",)
# Each row of ROOM takes less than the one before. Texts get shorter as long as an output can still be judged, with the other
# variants' outputs in fewer rows; then there are fewer rows, and only then do texts get shorter than that.
TEXT_LIMITS = (4000, 3000, 2000, 1500, 1100, 900, 750, 600)
ROWS_WITH_OTHERS = (14, 8)
SHORTER_LIMITS = (500, 400, 350, 300, 260)
FEWER_ROWS = (180, 160, 140, 120, 100)
SHORTEST_LIMITS = (240, 220, 200, 170, 140, 116, 96, 78, 60, 40, 20)
FEWEST_ROWS = (70, 50, 35, 25, 15, 8)
ROOM: tuple[dict[str, Any], ...] = (
    *({"text_limit": limit} for limit in TEXT_LIMITS),
    *({"text_limit": 600, "rows_with_others": rows} for rows in ROWS_WITH_OTHERS),
    *({"text_limit": limit, "rows_with_others": 8} for limit in SHORTER_LIMITS),
    *({"text_limit": 260, "rows_with_others": 8, "most_rows": rows} for rows in FEWER_ROWS),
    *({"text_limit": limit, "rows_with_others": 8, "most_rows": 100} for limit in SHORTEST_LIMITS),
    *({"text_limit": 20, "rows_with_others": 8, "most_rows": rows} for rows in FEWEST_ROWS),
)


def write_report(run: Path, *, examples: bool = True) -> list[Path]:
    """Write the run's report.html, report.md and junit.xml and return their paths.

    A run that was only curated gets a report on its curation. Without `examples`, no file contains a request, an
    output or a reference.

    Raises:
        DataError: the folder has neither results.json nor a curated run, or a file is unreadable.
    """
    if not (run / RESULTS).exists() and find_curation(run):
        with damage_is_named(run / SUMMARY, SUMMARY, (jinja2.UndefinedError,)):
            pages = _curated_pages(read_curation(run), texts=examples)
    else:
        with damage_is_named(run / RESULTS, RESULTS, (jinja2.UndefinedError,)):
            pages = _evaluated_pages(read_run(run), texts=examples)
    for name, text in pages.items():
        write_whole(run / name, text)
    return [run / name for name in pages]


def _curated_pages(run: StoredCuration, *, texts: bool) -> dict[str, str]:
    context = {
        "project": str(run.facts.get("project") or home_of(run.path).name),
        "created": date_words(run.facts.get("created")),
        "counted": f"{say.count(run.summary.rows_read)} rows read",
        "footer": f"Every number on this page is in curate/summary.json and {ledger_place(run.path)}.",
        "headline": curated_headline(run),
    }
    sections = [
        *curated_sections(run, texts=texts),
        _folded(method.curated_section(run)),
        _folded(provenance.section(run)),
    ]
    return {
        "report.html": render_page(context, _present(sections), scripts=CURATED_SCRIPTS),
        "report.md": curated_markdown(run, project=context["project"], headline=context["headline"]),
        "junit.xml": junit_of_curation(run),
    }


def _evaluated_pages(run: StoredRun, *, texts: bool) -> dict[str, str]:
    results, scored = run.results, run.quality(run.candidate)
    context = {
        "project": results.project or home_of(run.path).name,
        "created": date_words(results.created),
        "counted": f"{say.count(scored.n)} test requests" if scored and scored.n else "",
        "footer": "Every number on this page is in results.json.",
        "good": run.good,
        "headline": headline(run),
    }
    return {
        "report.html": _fitting_html(run, context, texts=texts),
        "report.md": evaluated_markdown(run, project=context["project"], headline=context["headline"]),
        "junit.xml": junit_of_run(run),
    }


def _fitting_html(run: StoredRun, context: dict[str, Any], *, texts: bool) -> str:
    """The page, with example texts and rows cut only as far as the size limit requires."""
    before, after = _sections(run, texts=texts)

    def drawn(chosen: Examples | None) -> str:
        sections = _present([*before, examples.section(run, chosen), *after])
        linked = chosen.checks if chosen else ()  # rules that link to the examples that break them
        return render_page({**context, "linked": linked}, sections, scripts=SCRIPTS)

    if not (texts and run.pairs and run.outputs):
        return drawn(None)
    # Each limit is tighter than the previous one. Most runs fit the first; otherwise bisection finds the loosest that fits.
    first, last, middle, fitting, text = 0, len(ROOM) - 1, 0, "", ""
    while first <= last:
        chosen = choose_examples(run, **ROOM[middle])
        too_large = chosen.characters() > MOST_BYTES  # no need to render it
        text = "" if too_large else drawn(chosen)
        if text and len(text.encode()) <= MOST_BYTES:
            fitting, last = text, middle - 1
        else:
            first = middle + 1
        middle = (first + last) // 2
    return fitting or text  # if none fits, use the smallest


def _sections(run: StoredRun, *, texts: bool) -> tuple[list[Section | None], list[Section | None]]:
    """The sections before the examples and those after them."""
    curated = read_curation(run.path) if find_curation(run.path) else None
    before = [
        why.section(run),
        next_steps.section(run),
        gates.section(run.results.gates or ()),
        correctness.section(run, texts=texts),
        quality.section(run, texts=texts),
    ]
    after = [money.section(run), risks.section(run), data.section(run, curated, texts=texts)]
    details = [
        rivals.section(run),
        slices.section(run, texts=texts),
        judgements.section(run, texts=texts),
        usage.section(run),
        what_if.section(run),
        training.section(run, texts=texts),
        method.section(run),
        provenance.section(run),
    ]
    return before, [*after, *map(_folded, details)]


def _folded(section: Section | None) -> Section | None:
    """The section as one of the details, which follow the short report."""
    return None if section is None else replace(section, folded=True)


def _present(sections: list[Section | None]) -> list[Section]:
    return [section for section in sections if section is not None]
