"""What `tuneworth curate` prints: what became of the rows, the splits and why they are so, the table of thresholds."""

from collections.abc import Mapping
from typing import Any

from ..core import say

__all__ = ["curate_text", "threshold_lines"]

_RULES = 6
_EXCERPT = 76  # characters of a text beside its label


def curate_text(summary: Mapping[str, Any]) -> str:
    """The summary for people: outcomes with the rules behind them, splits, certificate, notes, decisions."""
    lines = [*_outcomes(summary), *_splits(summary)]
    lines += [f"  {text}" for text in summary["split_notes"]]
    certificate = summary["certificate"]
    lines.append(
        f"certificate: {certificate['pairs_at_or_above']} held-out pairs repeat a training pair with the same facts "
        f"(similarity {certificate['threshold']:g} or more); {_siblings(certificate)} across the split"
    )
    applied = summary["overrides"]["applied"]
    if applied:
        lines.append(f"overrides.jsonl: {say.count(applied, 'decision')} replayed")
    return "\n".join([*lines, *threshold_lines(summary)])


def _siblings(certificate: Mapping[str, Any]) -> str:
    """Pairs alike with other facts, and from which similarity up they were tied where that is not all of them."""
    n, start = certificate["siblings_at_or_above"], certificate["siblings_tied_from"]
    tied = f" (alike with other facts; tied from {start:g} up)" if n and start else ""
    return f"{say.count(n, 'sibling')}{tied}"


def _outcomes(summary: Mapping[str, Any]) -> list[str]:
    outcomes = summary["outcomes"]
    gone = ", ".join(f"{count:,} {name}" for name, count in outcomes.items() if name != "kept" and count)
    n = summary["rows_read"]
    lines = [f"{say.count(n, 'row')} read: {outcomes['kept']:,} kept" + (f"; {gone}" if gone else "")]
    rules = list(summary["rules"].items())
    if rules:
        more = f" and {len(rules) - _RULES} more rules" if len(rules) > _RULES else ""
        lines.append("  by rule: " + ", ".join(f"{rule} {count:,}" for rule, count in rules[:_RULES]) + more)
    return lines


def _splits(summary: Mapping[str, Any]) -> list[str]:
    lines = ["splits: " + ", ".join(f"{count:,} {name}" for name, count in summary["splits"].items())]
    failing = summary["references_failing"]["test"]
    if failing:
        breaks = "breaks a rule: it stays" if failing == 1 else "break a rule: they stay"
        lines.append(f"  {failing:,} of test {breaks}, since a test chosen by its answers would be easy")
    return lines


def threshold_lines(summary: Mapping[str, Any]) -> list[str]:
    """The table of thresholds, each with its borderline pair; nothing where none was asked for."""
    table = summary["threshold_table"]
    if table is None:
        return []
    now = summary["near_duplicate"]["threshold"]
    lines = [
        "",
        f"Near duplicates by threshold (near_duplicate is {now:g}), before outputs that break a rule leave",
        "threshold  dropped  conflicts  least alike",
    ]
    for row in table:
        example = row["example"]
        least = f"{example['similarity']:.2f}" if example else "-"
        lines.append(f"{row['threshold']:9.2f}  {row['dropped']:7,}  {row['conflicts']:9,}  {least:>11}")
    seen = None
    for row in table:
        example = row["example"]
        if example is not None and example != seen:
            lines += ["", f'At {row["threshold"]:.2f} "{example["id"]}" goes for "{example["other_id"]}":']
            for name in ("input", "output"):
                lines += [f"  {name:6}  {_flat(example[name])}", f"          {_flat(example[f'other_{name}'])}"]
        seen = example
    return lines


def _flat(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _EXCERPT else flat[: _EXCERPT - 1] + "…"
