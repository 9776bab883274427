"""The outputs beside what people wrote: how alike, how long, whether they can be told apart; and how steady repeats are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ..stored import StoredRun

__all__ = [
    "LikenessRow",
    "RepeatRow",
    "likeness_rows",
    "repeat_rows",
    "samples_of",
    "telling_lines",
    "told_apart",
    "untold_lines",
]


CHANCE = 0.05  # below this probability of doing as well by chance, outputs are said to be told apart


@dataclass(frozen=True)
class LikenessRow:
    """One variant, or people's own answers (`likeness` and `told` are then empty)."""

    name: str
    chrf: str
    ratio: str
    words: str
    told: str


@dataclass(frozen=True)
class RepeatRow:
    """How steady one variant is over several outputs of one request."""

    name: str
    samples: int
    once: str
    always: str
    unstable: str


def likeness_rows(run: StoredRun) -> list[LikenessRow]:
    """One row per variant, people's own answers last; empty where no run measured it."""
    quality = run.results.get("quality") or {}
    found = {name: part for name in run.variants if (part := quality[name]).get("length")}
    rows = []
    for name, part in found.items():
        alike = part.get("similarity") or {}
        chrf, ratio = (_share(alike.get(key) or {}, "mean") for key in ("chrf", "ratio"))
        rows.append(LikenessRow(name, chrf, ratio, _words(part["length"]), _told(part.get("two_sample") or {})))
    written = next((part["length"].get("references") for part in found.values()), None)
    return [*rows, LikenessRow("people’s own answers", "", "", _words(written), "")] if written else rows


def told_apart(run: StoredRun) -> bool:
    """Whether a classifier was tried for any variant."""
    parts = (run.results["quality"][name].get("two_sample") or {} for name in run.variants)
    return any(part.get("accuracy") is not None for part in parts)


def telling_lines(run: StoredRun) -> list[tuple[str, str]]:
    """For each variant that can be told from people: the pieces of text that give it away."""
    lines = []
    for name in run.variants:
        found = run.results["quality"][name].get("two_sample") or {}
        if found.get("telling") and (found.get("p_value") or 0) <= CHANCE:
            lines.append((name, "  ".join(f"“{_shown(gram)}”" for gram in found["telling"])))
    return lines


def untold_lines(run: StoredRun) -> list[str]:
    """Why no classifier was tried, each reason once."""
    parts = [run.results["quality"][name].get("two_sample") or {} for name in run.variants]
    reasons = dict.fromkeys(str(part["reason"]) for part in parts if part.get("reason"))
    return [f"Whether outputs can be told from people’s was not tried: {reason}." for reason in reasons]


def repeat_rows(run: StoredRun) -> list[RepeatRow]:
    """One row per variant that gave several outputs for a request."""
    rows = []
    for name in run.variants:
        found = run.results["quality"][name]
        k = found.get("samples") or 1
        if k > 1:
            passes = found.get("pass_all") or {}
            once, always = say.percent(passes.get("1")), say.percent(passes.get(str(k)))
            rows.append(RepeatRow(name, k, once, always, _share(found.get("unstable") or {}, "share")))
    return rows


def samples_of(run: StoredRun) -> int:
    """The most outputs that any variant gave for one request."""
    return max((part.get("samples") or 1 for part in (run.results.get("quality") or {}).values()), default=1)


def _share(found: Mapping[str, Any], key: str) -> str:
    if found.get(key) is None:
        return "–"
    ends = f" ({say.percent_range(found['low'], found['high'])})" if found.get("low") is not None else ""
    return f"{say.percent(found[key])}{ends}"


def _words(length: Mapping[str, Any] | None) -> str:
    words = (length or {}).get("words") or {}
    if words.get("median") is None:
        return "–"
    return f"{say.count(words['median'])} ({say.count(words['p95'])})"


def _told(found: Mapping[str, Any]) -> str:
    """Whether a classifier tells an output from the reference for the same request."""
    if found.get("accuracy") is None:
        return "–"
    chance = "more than chance" if found["p_value"] <= CHANCE else "chance alone would explain it"
    whole, alone = (say.percent(found[key]) for key in ("accuracy_with_length", "length_accuracy"))
    return f"{say.percent(found['accuracy'])}, {chance}; with length {whole}, by length alone {alone}"


def _shown(gram: str) -> str:
    return gram.replace("\n", "↵").replace(" ", "␣")
