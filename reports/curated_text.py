"""Renders the result of curation for a terminal."""

from collections.abc import Mapping
from typing import Any

from ..core import filled, say
from ..curate import meaning_sentence
from .sections.curation.accepts import accepts_sentence
from .sections.curation.certificate import certificate
from .sections.curation.data import override_line
from .sections.curation.fixes import fix_sentence
from .words import short

__all__ = ["curated_text"]

MOST_RULES = 6
EXCERPT = 76  # characters of a text excerpt


def curated_text(summary: Mapping[str, Any]) -> str:
    """The outcomes and the rules behind them, the splits, the certificate, the decisions, the threshold table."""
    lines = [*_outcomes(summary), *_splits(summary), *(f"  {text}" for text in summary["split_notes"])]
    lines += filled(fix_sentence(summary)) if fix_sentence(summary) else []
    lines += filled(accepts_sentence(summary)) if accepts_sentence(summary) else []
    lines += filled(certificate(summary)) if certificate(summary) else []
    lines += filled(meaning_sentence(summary["meaning"])) if summary.get("meaning") else []
    lines += filled(override_line(summary)) if override_line(summary) else []
    return "\n".join([*lines, *_thresholds(summary)])


def _outcomes(summary: Mapping[str, Any]) -> list[str]:
    outcomes = summary["outcomes"]
    dropped = ", ".join(f"{say.count(n)} {name}" for name, n in outcomes.items() if name != "kept" and n)
    lines = [
        f"{say.count(summary['rows_read'], 'row')} read: {say.count(outcomes['kept'])} kept"
        + (f"; {dropped}" if dropped else "")
    ]
    rules = list(summary["rules"].items())
    if rules:
        more = f" and {len(rules) - MOST_RULES} more rules" if len(rules) > MOST_RULES else ""
        lines.append("  by rule: " + ", ".join(f"{rule} {say.count(n)}" for rule, n in rules[:MOST_RULES]) + more)
    return lines


def _splits(summary: Mapping[str, Any]) -> list[str]:
    lines = ["splits: " + ", ".join(f"{say.count(n)} {name}" for name, n in summary["splits"].items())]
    found = (summary.get("certificate") or {}).get("answers_in_test") or {}
    if answers := sum(found.values()):
        lines[0] += f" ({say.count(answers)} with an output that is also in train)"
    failing = summary["references_failing"]["test"]
    if failing:
        breaks = "row breaks a rule but is" if failing == 1 else "rows break a rule but are"
        lines.append(f"  {say.count(failing)} test {breaks} kept, so that the test is not too easy")
    return lines


def _thresholds(summary: Mapping[str, Any]) -> list[str]:
    """The threshold table with the borderline pair of each; empty if not requested."""
    table = summary["threshold_table"]
    if table is None:
        return []
    now = summary["near_duplicate"]["threshold"]
    lines = [
        "",
        f"Near duplicates by threshold (near_duplicate is {now:g}), before rows that break a rule are dropped",
        "threshold  dropped  conflicts  least similar",
    ]
    for row in table:
        least = f"{row['example']['similarity']:.2f}" if row["example"] else "-"
        lines.append(f"{row['threshold']:9.2f}  {row['dropped']:7,}  {row['conflicts']:9,}  {least:>13}")
    # The same pair may be the borderline pair of several thresholds; show it once, at the first.
    first = {(row["example"]["id"], row["example"]["other_id"]): row for row in reversed(table) if row["example"]}
    for row in reversed(first.values()):
        example = row["example"]
        lines += ["", f'At {row["threshold"]:.2f}, "{example["id"]}" is dropped in favour of "{example["other_id"]}":']
        for name in ("input", "output"):
            texts = (short(example[key], EXCERPT) for key in (name, f"other_{name}"))
            lines += [f"  {name:6}  {next(texts)}", f"          {next(texts)}"]
    return lines
