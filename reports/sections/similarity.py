"""How similar each variant's outputs are to the human answers, and whether a classifier tells them apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ..stored import StoredRun
from ..words import share_text
from .order import compared_variants, shown_order

__all__ = [
    "SimilarityRow",
    "classifier_ran",
    "giveaway_lines",
    "no_classifier_lines",
    "similarity_finding",
    "similarity_rows",
]

CHANCE = 0.05  # significance level of the classifier test


@dataclass(frozen=True)
class SimilarityRow:
    """One variant, or the human answers, for which only `name` and `words` are set."""

    name: str
    chrf: str
    ratio: str
    words: str
    distinguished: str


def similarity_rows(run: StoredRun) -> list[SimilarityRow]:
    """One row per variant, the human answers last; empty if similarity was not measured.

    Outputs that are only repaired or combined from others are compared with people only if they are compared at all.
    """
    quality = run.results.get("quality") or {}
    compared = compared_variants(run)
    names = [name for name in shown_order(run) if name in compared or run.way(name) not in ("repair", "cascade")]
    found = {name: part for name in names if (part := quality[name]).get("length")}
    rows = []
    for name, part in found.items():
        similarity = part.get("similarity") or {}
        chrf, ratio = (_share(similarity.get(key), "mean") for key in ("chrf", "ratio"))
        rows.append(
            SimilarityRow(
                run.label(name),
                chrf,
                ratio,
                _length_words(part["length"]),
                _distinguished(part.get("two_sample") or {}),
            )
        )
    written = next((part["length"].get("references") for part in found.values()), None)
    return [*rows, SimilarityRow("human answers", "", "", _length_words(written), "")] if written else rows


def similarity_finding(run: StoredRun) -> str:
    """How similar the compared variants are to the human answers; empty if that was not measured."""
    compared = {run.label(name) for name in compared_variants(run)}
    rows = [row for row in similarity_rows(run) if row.name in compared and row.chrf not in ("", "–")]
    return "Similarity: " + "; ".join(f"{row.name} {row.chrf}" for row in rows) + "." if rows else ""


def classifier_ran(run: StoredRun) -> bool:
    """Whether the classifier test was run for any variant."""
    parts = (run.results["quality"][name].get("two_sample") or {} for name in run.variants)
    return any(part.get("accuracy") is not None for part in parts)


def giveaway_lines(run: StoredRun) -> list[tuple[str, str]]:
    """For each variant that the classifier distinguishes from people: the character sequences that give it away."""
    lines = []
    for name in compared_variants(run):
        found = run.results["quality"][name].get("two_sample") or {}
        if found.get("telling") and (found.get("p_value") or 0) <= CHANCE:
            lines.append((run.label(name), "  ".join(f"“{_shown(gram)}”" for gram in found["telling"])))
    return lines


def no_classifier_lines(run: StoredRun) -> list[str]:
    """Why the classifier test was not run, each reason once."""
    parts = [run.results["quality"][name].get("two_sample") or {} for name in run.variants]
    reasons = dict.fromkeys(str(part["reason"]) for part in parts if part.get("reason"))
    return [f"Whether outputs can be distinguished from human answers was not tested: {reason}." for reason in reasons]


def _share(found: Mapping[str, Any] | None, key: str) -> str:
    return "–" if not found or found.get(key) is None else share_text(found, key)


def _length_words(length: Mapping[str, Any] | None) -> str:
    words = (length or {}).get("words") or {}
    if words.get("median") is None:
        return "–"
    return f"{say.count(words['median'])} ({say.count(words['p95'])})"


def _distinguished(found: Mapping[str, Any]) -> str:
    """Whether the classifier distinguishes outputs from the references for the same requests."""
    if found.get("accuracy") is None:
        return "–"
    chance = "statistically significant" if found["p_value"] <= CHANCE else "no better than chance"
    whole, alone = (say.percent(found[key]) for key in ("accuracy_with_length", "length_accuracy"))
    return f"{say.percent(found['accuracy'])}, {chance}; {whole} with length, {alone} by length alone"


def _shown(gram: str) -> str:
    return gram.replace("\n", "↵").replace(" ", "␣")
