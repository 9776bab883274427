"""Results for a notebook: the verdict, compared runs, a list of runs, each as a sentence and a small table."""

from collections.abc import Iterable, Sequence

import polars as pl

from ..core import Row, notebook_page, row_text, say
from ..evaluate import Comparisons, basis_line
from ..evaluate.results import Results
from .history import compare_words
from .history.compare_text import changed_rows
from .history.entry import RunEntry
from .history.runs_text import runs_cells, runs_summary
from .sections.first_screen import plain_sentence, verdict_sentence
from .terminal import WAYS, number_rows, run_of, way_rows

MOST_RUNS = 30


def verdict_html(results: Results, *, notes: Sequence[str] = ()) -> str:
    """The verdict with its confidence, its numbers, the ways without training and the main doubt; then `notes`."""
    run, verdict = run_of(results), results.verdict
    if verdict is None:
        return notebook_page(plain_sentence(run), figures=_figures(number_rows(run)), notes=notes)
    ways = way_rows(run)
    rows = [*number_rows(run), *([Row("", WAYS, ""), *ways] if len(ways) > 1 else [])]
    sure = [f"Confidence: {verdict.confidence.sentence}"] if verdict.confidence else []
    return notebook_page(
        verdict_sentence(verdict),
        figures=_figures(rows),
        notes=[
            *sure,
            *filter(None, [basis_line(results)]),
            f"Strongest reason for doubt: {verdict.doubt}",
            f"Next: {verdict.next}",
            *notes,
        ],
    )


def compared_html(results: Comparisons) -> str:
    """Which of two runs is better, the numbers behind it and the main doubt."""
    doubt = f"Strongest reason for doubt: {compare_words.doubt(results, say)}"
    return notebook_page(
        compare_words.answer(results, say),
        figures=_figures(changed_rows(results)),
        notes=[*compare_words.shared_lines(results, say), doubt],
    )


def runs_html(entries: Sequence[RunEntry], *, hidden: int = 0) -> str:
    """The runs as a table."""
    table = pl.DataFrame(runs_cells(entries)) if entries else None
    return notebook_page(runs_summary(entries, hidden), table=table, rows=MOST_RUNS)


def _figures(rows: Iterable[Row]) -> list[tuple[str, str]]:
    return [(row.label, row_text(row)) for row in rows]
