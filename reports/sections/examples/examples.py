"""The examples section: its finding, which rows it shows, and the words of its filters."""

from collections.abc import Mapping
from typing import Any

from ....core import unbroken as say
from ....evaluate import discordant_clause
from ...page import Section
from ...stored import StoredRun
from ...words import capital, named, quoted
from ..quality import samples_of
from .gallery import KINDS, Examples
from .telling import choose_telling, telling_lead

__all__ = ["chosen_by", "kind_words", "lead", "section"]


def section(run: StoredRun, examples: Examples | None) -> Section | None:
    """The section with these rows, if there are any."""
    if examples is None or not examples.rows:
        return None
    words = {kind: kind_words(run, kind) for kind in KINDS}
    telling = choose_telling(run, [row.id for row in examples.rows])
    shown = {
        "examples": examples,
        "baseline": run.baseline,
        "candidate": run.candidate,
        "created": run.results.get("created") or "",
        "chosen_by": chosen_by(run, examples),
        "telling": telling,
        "telling_lead": telling_lead(run, telling),
        "all_title": _all_title(examples),
        "all_finding": "Search, filter, sort and compare them" + (", or judge them blind." if run.baseline else "."),
        "kind_words": words,
        "labels": [run.label(name) for name in (run.baseline, run.candidate) if name is not None],
    }
    return Section("examples", "Examples", lead(run), "examples", shown)


def lead(run: StoredRun) -> str:
    """On how many requests the two sides differ, and which side is acceptable there."""
    comparison = run.results.get("comparison") or {}
    cells = [comparison.get(key) for key in ("both", "only_candidate", "only_baseline", "neither")]
    both, won, lost, neither = (int(cell or 0) for cell in cells)
    total = both + won + lost + neither
    if run.baseline is None or not total:
        return _one_side(run)
    requests, ours, theirs = say.count(total, "request"), named(run.candidate), named(run.baseline)
    if both == total:
        return capital(f"{ours} and {theirs} are both acceptable on all {requests}.")
    if neither == total:
        return f"Neither {ours} nor {theirs} is acceptable on any of {requests}."
    if not won + lost:
        return (
            f"The two do equally well on each of {requests}: both are acceptable on {say.count(both)}, "
            f"neither on {say.count(neither)}."
        )
    return f"The two differ on {say.count(won + lost)} of {requests}: {quoted(discordant_clause(run.results))}."


def _one_side(run: StoredRun) -> str:
    scored: Mapping[str, Any] = (run.results.get("quality") or {}).get(run.candidate or "") or {}
    share, n = (scored.get("acceptable") or {}).get("share"), scored.get("n")
    if share is None or not n:
        return "The requests with their outputs, none of which could be scored."
    return capital(
        f"{named(run.candidate, run.results)} is acceptable on {say.count(round(share * n))} of {say.count(n, 'request')}."
    )


def chosen_by(run: StoredRun, examples: Examples) -> str:
    """Which rows are shown, how they were selected, and where the others are."""
    shown, total, differing = len(examples.rows), examples.total, examples.differing
    if shown == total:
        rows = f"All {say.count(total, 'request')} are shown"
        rows += f", the {say.count(differing)} on which the two differ first." if run.baseline else "."
    elif run.baseline is None:
        rows = f"{say.count(shown)} of {say.count(total, 'request')} are shown, selected by a fixed shuffle."
    elif differing > shown:
        rows = (
            f"{say.count(shown)} of {say.count(total, 'request')} are shown, all of them from the {say.count(differing)} "
            "on which the two differ, selected by a fixed shuffle."
        )
    else:
        rows = (
            f"{say.count(shown)} of {say.count(total, 'request')} are shown: all {say.count(differing)} on which the two "
            "differ, then others selected by a fixed shuffle."
        )
    if samples_of(run) > 1:
        rows += f" Of the {say.count(samples_of(run))} outputs of a request, the first is shown."
    if examples.others_shown is not None:
        rows += f" To save space, only the first {say.count(examples.others_shown)} show the other variants."
    return f"{rows} All outputs are in evaluate/outputs.jsonl."


def _all_title(examples: Examples) -> str:
    """`All 80 requests`, or how many of them the page has."""
    shown, total = len(examples.rows), examples.total
    if shown < total:
        return f"{say.count(shown)} of the {say.count(total, 'request')}"
    return f"All {say.count(total, 'request')}" if total > 1 else "The one request"


def kind_words(run: StoredRun, kind: str) -> str:
    """The outcome of a request on the two sides."""
    ours, theirs = run.label(str(run.candidate)), run.label(str(run.baseline))
    return {
        "lost": f"only {theirs} acceptable",
        "won": f"only {ours} acceptable",
        "both": "both acceptable",
        "neither": "neither acceptable",
        "unscored": "not scored on both sides",
    }[kind]
