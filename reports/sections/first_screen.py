"""The first screen: the verdict with its confidence, three numbers with their ranges, the main doubt, the next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ..stored import StoredRun
from ..words import capital, named, typeset, typeset_parts
from .decision import decision_label, without_label
from .next_steps import brings, steps_of
from .three_numbers import Number, three_numbers

__all__ = ["Headline", "headline", "plain_sentence"]

LEVELS = {"low": 1, "fair": 2, "high": 3}
# Longer sentences are set smaller, to fit three lines of a wide screen where possible.
LONG = (165, 250, 400)
LONGEST_NAME = 32
NOTHING_SCORED = "No request could be scored for every variant."


@dataclass(frozen=True)
class Headline:
    """Everything on the first screen.

    `brings` is what the next step brings, if that is known. `sure` states the confidence in a few words, `sure_level` as
    1 to 3 (0: not stated), and `sure_why` its reason.
    """

    label: str
    tone: str
    sentence: str
    numbers: tuple[Number, ...]
    doubt: str
    next_step: str
    brings: str = ""
    sure: str = ""
    sure_level: int = 0
    sure_why: str = ""

    @property
    def size(self) -> int:
        """The size class of the sentence, 0 to 3: longer sentences are set smaller."""
        return sum(len(self.sentence) > most for most in LONG)

    @property
    def next_parts(self) -> list[tuple[str, bool]]:
        """The next step in pieces, each with whether it is code."""
        return typeset_parts(self.next_step)


def headline(run: StoredRun) -> Headline:
    """The first screen of a run."""
    verdict = run.results.get("verdict") or {}
    label, tone = decision_label(verdict)
    sure, level, why = _sure(verdict)
    return Headline(
        label=label,
        tone=tone,
        sentence=typeset(_shortened(run, without_label(verdict) if verdict.get("sentence") else plain_sentence(run))),
        numbers=three_numbers(run),
        doubt=typeset(_shortened(run, verdict.get("doubt") or _plain_doubt(run))),
        next_step="`".join(  # names in commands are never shortened
            piece if odd % 2 else _shortened(run, piece)
            for odd, piece in enumerate(_next_step(run, verdict).split("`"))
        ),
        brings=_shortened(run, _brings(run.results)),
        sure=sure,
        sure_level=level,
        sure_why=typeset(_shortened(run, why)),
    )


def _shortened(run: StoredRun, text: str) -> str:
    """The text with very long variant names shortened; the sections below show them in full."""
    for name in sorted(run.variants, key=len, reverse=True):
        if len(name) > LONGEST_NAME:
            text = text.replace(name, f"{name[: LONGEST_NAME - 2].rstrip()}…")
    return text


def _sure(verdict: Mapping[str, Any]) -> tuple[str, int, str]:
    """The confidence in a few words, its level and its reason; empty if the run does not state it."""
    found = verdict.get("confidence") or {}
    level = LEVELS.get(str(found.get("level")), 0)
    if not level:
        return "", 0, ""
    why = str(found.get("sentence") or "").partition(": ")[2]
    if verdict.get("decision") == "cannot tell yet":
        return "Both answers are still possible", 0, capital(why)
    return f"Confidence: {found['level']}", level, capital(why)


def plain_sentence(run: StoredRun) -> str:
    """The sentence shown if there is no verdict."""
    if run.candidate is None:
        return "No outputs were scored in this run."
    scored = run.results["quality"][run.candidate]
    if not scored.get("n"):
        return NOTHING_SCORED
    share, whose = say.percent((scored.get("acceptable") or {}).get("share")), named(run.candidate, run.results)
    if run.baseline is None:
        return f"{share} of the {say.count(scored.get('n'))} outputs of {whose} are acceptable."
    return f"{share} of the outputs of {whose} are acceptable. The variants were scored but not compared."


def _plain_doubt(run: StoredRun) -> str:
    if run.candidate is None or not run.results["quality"][run.candidate].get("n"):
        return "Nothing was scored, so this run does not show which variant is better."
    if run.baseline is None:
        return "This run has only one variant, so it does not show whether another would do better."
    return "This run recorded no doubt. The ranges of the numbers show their uncertainty."


def _brings(results: Mapping[str, Any]) -> str:
    steps = steps_of(results)
    return brings(steps[0], results=results) if steps else ""


def _next_step(run: StoredRun, verdict: Mapping[str, Any]) -> str:
    """The verdict's next step, or one for a run without a verdict."""
    if verdict:
        return str(verdict.get("next") or "")
    if run.candidate is not None and not run.results["quality"][run.candidate].get("n"):
        return "Collect the missing outputs, then run again."
    return "Score a second variant on the same requests, so that there is something to compare."
