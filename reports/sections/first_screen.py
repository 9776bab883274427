"""The first screen: the verdict with its confidence, three numbers with their ranges, the main doubt, the next step."""

from dataclasses import dataclass

from ...core import unbroken as say
from ...evaluate import basis_line
from ...evaluate.results import Verdict
from ..stored import StoredRun
from ..words import capital, named, typeset, typeset_parts
from .next_steps import brings, steps_of
from .three_numbers import Number, three_numbers

# Each decision's label and its tone, which selects the colour and the icon.
DECISIONS = {
    "fine-tune": ("Fine-tune", "go"),
    "keep prompting": ("Keep prompting", "stay"),
    "cannot tell yet": ("Cannot tell yet", "open"),
    "fix first": ("Fix first", "fix"),
}
# The label where the way without training that keeps its place calls no model, so nothing is prompted.
NO_MODEL = "Use the template"
LEVELS = {"low": 1, "fair": 2, "high": 3}
# Longer sentences are set smaller, to fit three lines of a wide screen where possible.
LONG = (165, 250, 400)
LONGEST_NAME = 32
NOTHING_SCORED = "No request could be scored for every variant."


@dataclass(frozen=True)
class Headline:
    """Everything on the first screen.

    `brings` is what the next step brings, if that is known. `sure` states the confidence in a few words, `sure_level` as
    1 to 3 (0: not stated), and `sure_why` its reason. `basis` is what the shares rest on.
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
    basis: str = ""

    @property
    def size(self) -> int:
        """The size class of the sentence, 0 to 3: longer sentences are set smaller."""
        return sum(len(self.sentence) > most for most in LONG)

    @property
    def basis_parts(self) -> list[tuple[str, bool]]:
        """What the shares rest on in pieces, each with whether it is code."""
        return typeset_parts(self.basis)

    @property
    def next_parts(self) -> list[tuple[str, bool]]:
        """The next step in pieces, each with whether it is code."""
        return typeset_parts(self.next_step)


def headline(run: StoredRun) -> Headline:
    """The first screen of a run."""
    verdict, steps = run.results.verdict, steps_of(run.results)
    label, tone = decision_label(verdict.decision, verdict.sentence) if verdict else decision_label(None)
    sure, level, why = _sure(verdict)
    return Headline(
        label=label,
        tone=tone,
        sentence=typeset(
            _shortened(run, _without_label(verdict) if verdict and verdict.sentence else plain_sentence(run))
        ),
        numbers=three_numbers(run),
        doubt=typeset(_shortened(run, (verdict.doubt if verdict else None) or _plain_doubt(run))),
        next_step="`".join(  # names in commands are never shortened
            piece if odd % 2 else _shortened(run, piece) for odd, piece in enumerate(_next_step(run).split("`"))
        ),
        brings=_shortened(run, brings(steps[0], results=run.results) if steps else ""),
        sure=sure,
        sure_level=level,
        sure_why=typeset(_shortened(run, why)),
        basis=_shortened(run, basis_line(run.results)),
    )


def decision_label(decision: str | None, sentence: str = "") -> tuple[str, str]:
    """The label of a verdict's decision and its tone; the sentence says whether a model is prompted at all."""
    label, tone = DECISIONS.get(decision or "", ("No verdict", "none"))
    if decision == "keep prompting" and named("template") in sentence:
        return NO_MODEL, tone
    return label, tone


def verdict_sentence(verdict: Verdict) -> str:
    """The verdict's sentence, opening with the label of its decision."""
    label = decision_label(verdict.decision, verdict.sentence)[0]
    return f"{label}: {verdict.sentence.removeprefix(_opening(verdict))}" if label == NO_MODEL else verdict.sentence


def _without_label(verdict: Verdict) -> str:
    """The sentence without the leading decision, which the label already shows."""
    return capital(verdict.sentence.removeprefix(_opening(verdict)))


def _opening(verdict: Verdict) -> str:
    return f"{DECISIONS[verdict.decision][0]}: "


def _shortened(run: StoredRun, text: str) -> str:
    """The text with very long variant names shortened; the sections below show them in full."""
    for name in sorted(run.variants, key=len, reverse=True):
        if len(name) > LONGEST_NAME:
            text = text.replace(name, f"{name[: LONGEST_NAME - 2].rstrip()}…")
    return text


def _sure(verdict: Verdict | None) -> tuple[str, int, str]:
    """The confidence in a few words, its level and its reason; empty if the run does not state it."""
    if verdict is None or verdict.confidence is None:
        return "", 0, ""
    found = verdict.confidence
    why = found.sentence.partition(": ")[2]
    if verdict.decision == "cannot tell yet":
        return "Both answers are still possible", 0, capital(why)
    return f"Confidence: {found.level}", LEVELS[found.level], capital(why)


def plain_sentence(run: StoredRun) -> str:
    """The sentence shown if there is no verdict."""
    scored = run.quality(run.candidate)
    if scored is None:
        return "No outputs were scored in this run."
    if not scored.n:
        return NOTHING_SCORED
    share, whose = say.percent(scored.acceptable.share), named(run.candidate, run.results)
    if run.baseline is None:
        return f"{share} of the {say.count(scored.n)} outputs of {whose} are {run.good}."
    return f"{share} of the outputs of {whose} are {run.good}. The variants were scored but not compared."


def _plain_doubt(run: StoredRun) -> str:
    scored = run.quality(run.candidate)
    if scored is None or not scored.n:
        return "Nothing was scored, so this run does not show which variant is better."
    if run.baseline is None:
        return "This run has only one variant, so it does not show whether another would do better."
    return "This run recorded no doubt. The ranges of the numbers show their uncertainty."


def _next_step(run: StoredRun) -> str:
    """The verdict's next step, or one for a run without a verdict."""
    if run.results.verdict:
        return run.results.verdict.next or ""
    scored = run.quality(run.candidate)
    if scored is not None and not scored.n:
        return "Collect the missing outputs, then run again."
    return "Score a second variant on the same requests, so that there is something to compare."
