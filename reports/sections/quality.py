"""The quality section: shares with ranges, the paired difference, similarity to human answers, repeated requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core import Row, row_text
from ...core import unbroken as say
from ...evaluate import both_shares
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, quoted, sentence, share_text, share_words, short
from .curation.accepts import accepted_rows, accepts_sentence
from .curation.fixes import repair_lines
from .order import compared_variants
from .quality_charts import PARTS, difference_figure, pairs_figure, parts_figure, shares_figure
from .rules import (
    MOST_ROWS,
    CheckRow,
    cause_rows,
    check_rows,
    most_broken,
    moved_figure,
    moves,
    shown_variants,
)
from .similarity import classifier_ran, giveaway_lines, no_classifier_lines, similarity_finding, similarity_rows

__all__ = ["RepeatRow", "lead", "repeat_rows", "samples_of", "section"]

RULE = 120  # characters of a rule in the line of a folded part


def section(run: StoredRun, *, texts: bool) -> Section | None:
    """The section of a run whose outputs were scored; without `texts` it contains no text of any output."""
    if not run.variants:
        return None
    places, others = shown_variants(run)
    rows = check_rows(run)
    shown = {
        "baseline": run.baseline and run.label(run.baseline),
        "candidate": run.candidate and run.label(run.candidate),
        "labels": [run.label(name) for name in run.variants],
        "repaired": repair_lines(run),
        "unreviewed": (run.results.get("style") or {}).get("reviewed") is False,
        "warned": cause_rows(run, telling=True, names=_judged(run)),
        "acceptable": shares_figure(run),
        "causes": cause_rows(run),
        "figures": [figure for figure in (difference_figure(run), pairs_figure(run), parts_figure(run)) if figure],
        "parts_title": "The same requests, form and facts" if run.baseline else "Form and facts",
        "parts_finding": _parts_finding(run),
        "rows": rows,
        "rules_title": f"All {_rules(len(rows))}" if len(rows) > 1 else "The one rule",
        "rules_finding": _rules_finding(run, rows),
        "most_rows": MOST_ROWS,
        "places": places,
        "others": others,
        "worst": most_broken(rows),
        "moved": moved_figure(run, rows),
        "compared": bool((run.results.get("comparison") or {}).get("checks")),
        "accepts_sentence": accepts_sentence(run.results),
        "accepted": accepted_rows(run.results),
        "repeats": (repeats := repeat_rows(run)),
        "repeats_finding": "; ".join(f"{row.name}: {row.unstable} mixed" for row in repeats),
        "similarity": similarity_rows(run),
        "similarity_finding": similarity_finding(run),
        "classifier_ran": classifier_ran(run),
        "no_classifier": no_classifier_lines(run),
        "giveaways": giveaway_lines(run) if texts else [],
    }
    return Section("quality", "Quality", lead(run), "quality", shown)


def lead(run: StoredRun) -> str:
    """The opening sentence: how often outputs are acceptable, and which rules changed."""
    name, quality = run.candidate, run.results.get("quality") or {}
    scored, other = quality.get(name or "") or {}, quality.get(run.baseline or "") or {}
    share = (scored.get("acceptable") or {}).get("share")
    if name is None or share is None:
        return "No output could be scored, so it is unknown how well the rules are kept."
    if not run.results.get("comparison") or (other.get("acceptable") or {}).get("share") is None:
        return f"{capital(named(name, run.results))} keeps every must rule on {say.percent(share)} of the requests."
    return f"{capital(quoted(both_shares(run.results)))}{_moves_words(run)}."


def _judged(run: StoredRun) -> set[str]:
    """The compared variants and those that they are made from."""
    compared = compared_variants(run)
    return {*compared, *(origin for name in compared for origin in run.origins(name))}


def _parts_finding(run: StoredRun) -> str:
    """The paired difference and how often both are acceptable; of one variant, its shares about form and facts."""
    comparison = run.results.get("comparison") or {}
    difference, both = comparison.get("difference") or {}, comparison.get("both")
    if difference.get("value") is None:
        scored = (run.results.get("quality") or {}).get(run.candidate or "") or {}
        return ", ".join(f"{title.lower()} {share_words(scored, key)}" for key, (title, _) in PARTS.items())
    words = row_text(Row("difference", "", unit="points", decimals=run.gap_decimals(), **difference), say)
    total = sum(int(comparison.get(key) or 0) for key in ("both", "only_candidate", "only_baseline", "neither"))
    return words if both is None else f"{words}; both are acceptable on {say.count(both)} of {say.count(total)}."


def _rules_finding(run: StoredRun, rows: Sequence[CheckRow]) -> str:
    """Which rules changed, and the one that the candidate breaks most often."""
    moved, worst = capital(_moves_words(run).removeprefix("; ")), most_broken(rows)
    most = ""
    if worst is not None and run.candidate is not None:
        broken, whose = worst.broken[run.variants.index(run.candidate)], run.label(run.candidate)
        most = f"Broken most often, in {broken} outputs of {whose}: {quoted(sentence(short(worst.sentence, RULE)))}"
    return " ".join(filter(None, (sentence(moved), most))) or "No rule is broken."


def _moves_words(run: StoredRun) -> str:
    """The number of rules that changed, as the end of a sentence; empty if not tested."""
    if not (run.results.get("comparison") or {}).get("checks"):
        return ""
    better, worse = moves(run)
    if not better and not worse:
        return "; no single rule is broken significantly more or less often"
    parts = [f"{_rules(n)} significantly {words}" for n, words in ((better, "less often"), (worse, "more often")) if n]
    return f"; it breaks {' and '.join(parts)}"


def _rules(count: int) -> str:
    return say.count(count, "rule")


@dataclass(frozen=True)
class RepeatRow:
    """How stable one variant is when it answers the same request several times."""

    name: str
    samples: int
    once: str
    always: str
    unstable: str


def repeat_rows(run: StoredRun) -> list[RepeatRow]:
    """One row per variant with several outputs per request."""
    rows = []
    for name in run.variants:
        found = run.results["quality"][name]
        k = found.get("samples") or 1
        if k > 1:
            passes = found.get("pass_all") or {}
            once, always = say.percent(passes.get("1")), say.percent(passes.get(str(k)))
            rows.append(RepeatRow(run.label(name), k, once, always, _share(found.get("unstable"), "share")))
    return rows


def samples_of(run: StoredRun) -> int:
    """The largest number of outputs per request of any variant."""
    return max((part.get("samples") or 1 for part in (run.results.get("quality") or {}).values()), default=1)


def _share(found: Mapping[str, Any] | None, key: str) -> str:
    return "–" if not found or found.get(key) is None else share_text(found, key)
