"""The section of examples: the sentence that opens it, the rule by which rows were chosen, the words of its filters."""

from collections.abc import Mapping
from typing import Any

from ...core import unbroken as say
from ..examples.examples import PRINTED_ROWS, Examples
from ..names import named, sentence
from ..stored import StoredRun
from .likeness import samples_of

__all__ = ["chosen_by", "kind_words", "lead", "printed"]


def lead(run: StoredRun) -> str:
    """On how many requests the two sides differ, and which of them is acceptable there."""
    comparison = run.results.get("comparison") or {}
    cells = [comparison.get(key) for key in ("both", "only_candidate", "only_baseline", "neither")]
    both, won, lost, neither = (int(cell or 0) for cell in cells)
    total = both + won + lost + neither
    if run.baseline is None or not total:
        return _one_side(run)
    asked, ours, theirs = _times(total, "request"), named(run.candidate), named(run.baseline)
    if both == total:
        return sentence(f"{ours} and {theirs} are both acceptable on all {asked}.")
    if neither == total:
        return f"Neither {ours} nor {theirs} is acceptable on any of {asked}."
    if not won + lost:
        return (
            f"The two do equally well on each of {asked}: both are acceptable on {say.count(both)}, "
            f"neither on {say.count(neither)}."
        )
    return (
        f"On {say.count(won + lost)} of {asked} the two differ: {ours} alone is acceptable on "
        f"{say.count(won)}, {theirs} alone on {say.count(lost)}."
    )


def _one_side(run: StoredRun) -> str:
    scored: Mapping[str, Any] = (run.results.get("quality") or {}).get(run.candidate or "") or {}
    share, n = (scored.get("acceptable") or {}).get("share"), scored.get("n")
    if share is None or not n:
        return "The requests with what was answered to them; none of the answers could be scored."
    return sentence(f"{named(run.candidate)} is acceptable on {say.count(round(share * n))} of {_times(n, 'request')}.")


def chosen_by(run: StoredRun, examples: Examples) -> str:
    """Which rows are shown and by what rule, what of each, and where the others are."""
    shown, total, differing = len(examples.rows), examples.total, examples.differing
    if shown == total:
        rows = f"All {_times(total, 'request')} are shown"
        rows += f", those on which the two differ first ({say.count(differing)})." if run.baseline else "."
    elif run.baseline is None:
        rows = f"{say.count(shown)} of {_times(total, 'request')} are shown, drawn by a fixed shuffle."
    elif differing > shown:
        rows = (
            f"{say.count(shown)} of {_times(total, 'request')} are shown: of the {say.count(differing)} on which the "
            "two differ as many as fit, drawn by a fixed shuffle."
        )
    else:
        rows = (
            f"{say.count(shown)} of {_times(total, 'request')} are shown: all {say.count(differing)} on which the two "
            "differ, then others drawn by a fixed shuffle."
        )
    if samples_of(run) > 1:
        rows += f" Of the {say.count(samples_of(run))} outputs of a request, the first is shown."
    if examples.others_shown is not None:
        rows += f" What else was tried stands on the first {say.count(examples.others_shown)}, as room is short."
    picked = "" if shown == total else " Nobody picked them."
    return f"{rows}{picked} All outputs are in evaluate/outputs.jsonl."


def printed(examples: Examples) -> str:
    """What paper shows of them; nothing to say where it shows them all."""
    most = min(PRINTED_ROWS, len(examples.rows))
    return f"The first {say.count(most)} are printed." if most < len(examples.rows) else ""


def kind_words(run: StoredRun, kind: str) -> str:
    """What became of a request on the two sides."""
    return {
        "lost": f"only {run.baseline} acceptable",
        "won": f"only {run.candidate} acceptable",
        "both": "both acceptable",
        "neither": "neither acceptable",
        "unscored": "not scored on both sides",
    }[kind]


def _times(count: float, noun: str) -> str:
    return say.count(count, noun)
