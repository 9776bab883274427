"""What variants did instead of answering, one line for each: missing, cut, refused, identical outputs."""

from ...core import unbroken as say
from ...evaluate import cause_words
from ..stored import StoredRun
from ..words import quoted

__all__ = ["cause_rows"]


def cause_rows(run: StoredRun) -> list[tuple[str, str]]:
    """Label and clauses of each variant with such outputs or unscored requests, in the order of the variants."""
    rows = []
    for name in run.variants:
        scored = run.results["quality"][name]
        clauses = [quoted(cause_words(entry)) for entry in scored.get("causes") or []]
        if unscored := scored.get("unscored"):
            clauses.append(f"{say.count(unscored, 'request')} excluded because they could not be scored")
        rows += [(run.label(name), "; ".join(clauses))] if clauses else []
    return rows
