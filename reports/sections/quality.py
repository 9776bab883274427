"""The quality section: shares with ranges, the paired difference, repeated requests, similarity to human answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...core import Row, row_text
from ...core import unbroken as say
from ...evaluate import both_shares
from ...evaluate.results import Lengths, OutputLengths, SimilarityScore, TwoSample
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, quoted, sentence, share_text, share_words, short
from .curation.changed import repair_lines
from .curation.style import accepted_rows, accepts_sentence, caught_rows
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

RULE = 120  # characters of a rule in the line of a folded part
CHANCE = 0.05  # significance level of the classifier test


def section(run: StoredRun, *, texts: bool) -> Section | None:
    """The section of a run whose outputs were scored; without `texts` it contains no text of any output."""
    if not run.variants:
        return None
    places, others = shown_variants(run)
    rows = check_rows(run)
    near = run.results.style.near_misses if run.results.style else None
    shown = {
        "baseline": run.baseline and run.label(run.baseline),
        "candidate": run.candidate and run.label(run.candidate),
        "labels": [run.label(name) for name in run.variants],
        "repaired": repair_lines(run),
        "unreviewed": run.results.style is not None and not run.results.style.reviewed,
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
        "compared": bool(run.results.comparison and run.results.comparison.checks),
        "accepts_sentence": accepts_sentence(run.results.style),
        "accepted": accepted_rows(run.results.style),
        "misses": near,
        "caught": caught_rows(run.results.style),
        "survivors": near.survivors if near and texts else [],
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
    share = run.acceptable(run.candidate)
    if share is None:
        return "No output could be scored, so it is unknown how well the rules are kept."
    if run.results.comparison is None or run.acceptable(run.baseline) is None:
        whose = capital(named(run.candidate, run.results))
        return f"{whose} keeps every must rule on {say.percent(share)} of the requests."
    return f"{capital(quoted(both_shares(run.results)))}{_moves_words(run)}."


def _judged(run: StoredRun) -> set[str]:
    """The compared variants and those that they are made from."""
    return {*run.compared, *(origin for name in run.compared for origin in run.origins(name))}


def _parts_finding(run: StoredRun) -> str:
    """The paired difference and how often both are acceptable; of one variant, its shares about form and facts."""
    comparison, gap = run.results.comparison, run.gap
    if comparison is None or gap is None:
        scored = run.quality(run.candidate)
        found = [scored.consistent, scored.faithful] if scored else []
        return ", ".join(
            f"{title.lower()} {share_words(part, scored.acceptable)}"
            for (title, _), part in zip(PARTS.values(), found, strict=False)
            if scored
        )
    row = Row("difference", "", gap.value, "points", gap.low, gap.high, decimals=run.gap_decimals())
    both = f"both are {run.good} on {say.count(comparison.both)} of {say.count(comparison.total)}."
    return f"{row_text(row, say)}; {both}"


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
    if run.results.comparison is None or not run.results.comparison.checks:
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
        found = run.results.quality[name]
        if (k := found.samples) > 1:
            once, always = say.percent(found.pass_all.get("1")), say.percent(found.pass_all.get(str(k)))
            unstable = "–" if found.unstable.share is None else share_text(found.unstable)
            rows.append(RepeatRow(run.label(name), k, once, always, unstable))
    return rows


def samples_of(run: StoredRun) -> int:
    """The largest number of outputs per request of any variant."""
    return max((part.samples for part in run.results.quality.values()), default=1)


# --- similarity to human answers ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SimilarityRow:
    """One variant, or the human answers, for which only `name` and `words` are set."""

    name: str
    chrf: str
    ratio: str
    words: str
    distinguished: str


def similarity_rows(run: StoredRun) -> list[SimilarityRow]:
    """One row per variant, the human answers last; empty if similarity was not measured or says nothing.

    Outputs that are only repaired or combined from others are compared with people only if they are compared at all.
    """
    if run.results.correctness is not None and run.results.correctness.exact:
        return []
    names = [name for name in run.ordered if name in run.compared or run.way(name) not in ("repair", "cascade")]
    found = [(name, part, part.length) for name in names if (part := run.results.quality[name]).length]
    rows = []
    for name, part, length in found:
        chrf, ratio = (part.similarity.chrf, part.similarity.ratio) if part.similarity else (None, None)
        rows.append(
            SimilarityRow(
                run.label(name), _mean(chrf), _mean(ratio), _length_words(length), _distinguished(part.two_sample)
            )
        )
    written = next((length.references for *_, length in found if length), None)
    return [*rows, SimilarityRow("human answers", "", "", _length_words(written), "")] if written else rows


def similarity_finding(run: StoredRun) -> str:
    """How similar the compared variants are to the human answers; empty if that was not measured."""
    compared = {run.label(name) for name in run.compared}
    rows = [row for row in similarity_rows(run) if row.name in compared and row.chrf not in ("", "–")]
    return "Similarity: " + "; ".join(f"{row.name} {row.chrf}" for row in rows) + "." if rows else ""


def classifier_ran(run: StoredRun) -> bool:
    """Whether the classifier test was run for any variant."""
    return any(part.two_sample and part.two_sample.accuracy is not None for part in run.results.quality.values())


def giveaway_lines(run: StoredRun) -> list[tuple[str, str]]:
    """For each variant that the classifier distinguishes from people: the character sequences that give it away."""
    lines = []
    for name in run.compared:
        found = run.results.quality[name].two_sample
        if found and found.telling and (found.p_value or 0) <= CHANCE:
            shown = (gram.replace("\n", "↵").replace(" ", "␣") for gram in found.telling)
            lines.append((run.label(name), "  ".join(f"“{gram}”" for gram in shown)))
    return lines


def no_classifier_lines(run: StoredRun) -> list[str]:
    """Why the classifier test was not run, each reason once."""
    parts = [part.two_sample for part in run.results.quality.values() if part.two_sample]
    reasons = dict.fromkeys(part.reason for part in parts if part.reason)
    return [f"Whether outputs can be distinguished from human answers was not tested: {reason}." for reason in reasons]


def _mean(found: SimilarityScore | None) -> str:
    if found is None or found.mean is None:
        return "–"
    return row_text(Row("mean", "", found.mean, "share", found.low, found.high), say)


def _length_words(length: OutputLengths | Lengths | None) -> str:
    words = length.words if length else None
    return "–" if words is None or words.median is None else f"{say.count(words.median)} ({say.count(words.p95)})"


def _distinguished(found: TwoSample | None) -> str:
    """Whether the classifier distinguishes outputs from the references for the same requests."""
    if found is None or found.accuracy is None:
        return "–"
    chance = "statistically significant" if (found.p_value or 0) <= CHANCE else "no better than chance"
    whole, alone = say.percent(found.accuracy_with_length), say.percent(found.length_accuracy)
    return f"{say.percent(found.accuracy)}, {chance}; {whole} with length, {alone} by length alone"
