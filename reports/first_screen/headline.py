"""The first screen: the verdict and how sure it is, three numbers with their uncertainty, the doubt, the next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ..names import named
from ..stored import StoredRun
from .three_numbers import Number, Side, three_numbers
from .typography import typeset, typeset_parts

__all__ = ["Headline", "Number", "Side", "headline"]

# Label, and the tone of the style sheet and icon that go with it.
DECISIONS = {
    "fine-tune": ("Fine-tune", "go"),
    "keep prompting": ("Keep prompting", "stay"),
    "cannot tell yet": ("Cannot tell yet", "open"),
    "fix first": ("Fix first", "fix"),
}
LEVELS = {"low": 1, "fair": 2, "high": 3}
# Characters from which a sentence is set smaller, so that it takes three lines of a wide screen as long as it can.
LONG = (165, 250, 400)
LONGEST_NAME = 32
NOTHING_SCORED = "Not one case could be scored for every variant."


@dataclass(frozen=True)
class Headline:
    """All that stands on the first screen.

    `sure` says how sure the answer is, in a few words beside the label, `sure_level` that as 1 to 3 (0: not said) and
    `sure_why` what it rests on.
    """

    label: str
    tone: str
    sentence: str
    numbers: tuple[Number, ...]
    doubt: str
    next_step: str
    sure: str = ""
    sure_level: int = 0
    sure_why: str = ""

    @property
    def size(self) -> int:
        """0 to 3: how long the sentence is, and so how small it is set."""
        return sum(len(self.sentence) > most for most in LONG)

    @property
    def next_parts(self) -> list[tuple[str, bool]]:
        """The next step in pieces, each with whether it is to be typed as it stands."""
        return typeset_parts(self.next_step)


def headline(run: StoredRun) -> Headline:
    """The first screen of a run, whatever parts it has."""
    verdict = run.results.get("verdict") or {}
    label, tone = DECISIONS.get(verdict.get("decision", ""), ("No verdict", "none"))
    sure, level, why = _sure(verdict)
    return Headline(
        label=label,
        tone=tone,
        sentence=typeset(_shortened(run, _without_label(verdict.get("sentence") or _plain_sentence(run), label))),
        numbers=three_numbers(run),
        doubt=typeset(_shortened(run, verdict.get("doubt") or _plain_doubt(run))),
        next_step="`".join(  # a name in a command stays whole
            piece if odd % 2 else _shortened(run, piece)
            for odd, piece in enumerate(_next_step(run, verdict).split("`"))
        ),
        sure=sure,
        sure_level=level,
        sure_why=typeset(_shortened(run, why)),
    )


def _shortened(run: StoredRun, text: str) -> str:
    """The text with every variant's name cut that would push what matters off the screen; below it stands whole."""
    for name in sorted(run.variants, key=len, reverse=True):
        if len(name) > LONGEST_NAME:
            text = text.replace(name, f"{name[: LONGEST_NAME - 2].rstrip()}…")
    return text


def _sure(verdict: Mapping[str, Any]) -> tuple[str, int, str]:
    """In a few words, as a level, and why; nothing where the run does not say."""
    found = verdict.get("confidence") or {}
    level = LEVELS.get(str(found.get("level")), 0)
    if not level:
        return "", 0, ""
    why = str(found.get("sentence") or "").partition(": ")[2]
    why = why[:1].upper() + why[1:]
    if verdict.get("decision") == "cannot tell yet":
        return "Both answers are still possible", 0, why
    return f"How sure: {found['level']}", level, why


def _without_label(sentence: str, label: str) -> str:
    """The sentence without a decision in front of it: the label beside it says that already."""
    rest = sentence.removeprefix(f"{label}: ")
    return rest[:1].upper() + rest[1:]


def _plain_sentence(run: StoredRun) -> str:
    if run.candidate is None:
        return "No outputs were scored in this run."
    scored = run.results["quality"][run.candidate]
    if not scored.get("n"):
        return NOTHING_SCORED
    share = say.percent((scored.get("acceptable") or {}).get("share"))
    if run.baseline is None:
        return f"{share} of the {say.count(scored.get('n'))} outputs of {named(run.candidate)} are acceptable."
    return f"{share} of the outputs of {named(run.candidate)} are acceptable; the variants were scored, not compared."


def _plain_doubt(run: StoredRun) -> str:
    if run.candidate is None or not run.results["quality"][run.candidate].get("n"):
        return "Without a single score nothing here says which way is better."
    if run.baseline is None:
        return "One variant alone says nothing about whether another way would do better."
    return "No doubt was recorded with this run; the ranges beside the numbers are what is known."


def _next_step(run: StoredRun, verdict: Mapping[str, Any]) -> str:
    """One thing to do: the verdict's own; a word for scores alone and for results that name none."""
    if verdict.get("next"):
        return str(verdict["next"])
    if verdict:
        return STEPS.get(str(verdict.get("decision")), "Mend what is named above, then run again.")
    if run.candidate is not None and not run.results["quality"][run.candidate].get("n"):
        return "Get the outputs that are missing, then run again."
    return "Score a second way of answering the same requests, so that there is something to compare."


# For results without a next step of their own.
STEPS = {
    "fine-tune": "Start on a small share of the real requests, and hold the outputs against this page.",
    "keep prompting": "Change nothing now; ask again when the outputs, the prices or the volume change.",
    "cannot tell yet": "Narrow down what is named above, then run again.",
}
