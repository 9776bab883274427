"""How the numbers were made: the one place with the terms of the trade, and only about what this run did."""

from dataclasses import dataclass

from ..curated import StoredCuration
from ..stored import StoredRun
from .method_curation import curation_entries
from .method_entry import MethodEntry
from .method_run import (
    baseline_entry,
    learning_entry,
    money_entry,
    requests_entry,
    risks_entry,
    scores_entry,
    training_entry,
    variants_entry,
    verdict_entry,
)
from .method_statistics import (
    CheckLine,
    check_lines,
    checks_entry,
    comparison_entry,
    judgements_entry,
    likeness_entry,
    ranges_entry,
)
from .settings_table import Setting, settings_of

__all__ = ["Methods", "curation_lines", "curation_method_lead", "lead", "method_lines"]


@dataclass(frozen=True)
class Methods:
    """What the section shows: an entry for each method, the rules with their p values, the settings that matter."""

    entries: tuple[MethodEntry, ...]
    checks: tuple[CheckLine, ...] = ()
    settings: tuple[Setting, ...] = ()


def lead(run: StoredRun) -> str:
    """How many methods stand here, and how many of the settings somebody stated."""
    methods = method_lines(run)
    behind = f"The {len(methods.entries)} methods behind these numbers, each with its name and source"
    if not methods.settings:
        return f"{behind}."
    stated, n = sum(setting.source == "stated" for setting in methods.settings), len(methods.settings)
    return f"{behind}, and the settings that matter: {stated or 'none'} of {n} stated by the team."


def method_lines(run: StoredRun) -> Methods:
    """What this run did, in the order of the page; nothing about what it did not."""
    entries = [
        requests_entry(run),
        variants_entry(run),
        baseline_entry(run),
        scores_entry(run),
        ranges_entry(run) if run.variants else None,
        comparison_entry(run),
        checks_entry(run),
        likeness_entry(run),
        judgements_entry(run),
        *curation_entries(run.results.get("data") or {}),
        training_entry(run),
        learning_entry(run),
        risks_entry(run),
        money_entry(run),
        verdict_entry(run),
    ]
    said = tuple(
        MethodEntry(entry.id, entry.title, tuple(text for text in entry.paragraphs if text))
        for entry in entries
        if entry is not None
    )
    return Methods(said, tuple(check_lines(run)), tuple(settings_of(run.results, run.facts)))


def curation_lines(run: StoredCuration) -> Methods:
    """What curating did, with the terms of the trade."""
    return Methods(tuple(curation_entries(run.summary)))


def curation_method_lead(run: StoredCuration) -> str:
    """Whether the search for duplicates was exact."""
    method = (run.summary.get("near_duplicate") or {}).get("method")
    if method == "candidates":
        return "Duplicates were searched for among candidates, each then counted exactly; the certificate's search is exact."
    return "Every pair of rows was compared exactly; nothing here is estimated."
