"""What each risk is called, what it means for a reader, and what to do when it fires."""

from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say

__all__ = ["KINDS", "Kind", "risk_number"]


@dataclass(frozen=True)
class Kind:
    """One kind of risk in words.

    `difference`: its number is a difference of shares, told in points. `side` stands before the limit;
    `limit_words` instead of it, where the limit is more than a number.
    """

    name: str
    meaning: str = ""
    to_do: str = ""
    difference: bool = False
    side: str = ""
    limit_words: str = ""


KINDS = {
    "overfitting": Kind(
        "Overfitting: learning by heart",
        "Is the tuned model better on requests that it was trained on than on new ones? Then it has learnt the examples "
        "more than the task, and only the result on new requests counts.",
        "Train less long or on more examples (epochs, more pairs), and rely on the test result alone.",
        difference=True,
        side="at most",
    ),
    "memorisation": Kind(
        "Memorisation: copying training texts",
        "Does it write out long pieces of single training examples, more often than a person would for the same request? "
        "That matters where training texts are private.",
        "Look at the outputs that copy, take out or mask what must not be repeated (mask = true under [curate]), and train "
        "again.",
        difference=True,
        limit_words="range not wholly above 0",
    ),
    "forgetting": Kind(
        "Forgetting what it could do",
        "Can it still do general tasks that the model could do before training? It matters only if the model is asked "
        "other things as well.",
        "If it serves other requests too, train less long or at a lower learning rate; else note it and go on.",
        difference=True,
        limit_words=f"not surely more than 5{say.gap}points down",
    ),
    "drift": Kind(
        "Drift: the base model goes",
        "Tuned weights fit one base model. When that is withdrawn, the training has to be done and tested again.",
        "Plan and price a new training before that date (retrain_cost in [roi.running]).",
        side="at least",
    ),
    "flexibility": Kind(
        "Flexibility: changing the style",
        "A prompt is changed in minutes; a tuned model has to be trained and tested again.",
        "Count the changes that you expect: style_changes_per_year and retrain_cost in [roi.running].",
        side="at most",
    ),
    "upkeep": Kind(
        "Upkeep: keeping it running",
        "Watching, hosting and retraining the model cost money every day, whatever the volume.",
        "Check the stated costs of upkeep; with them as they are, little of the saving is left.",
        side="at most",
    ),
    "examples": Kind(
        "Examples: too few, too much alike",
        "Few pairs, few different outputs or few groups teach little, and a test made of them measures little.",
        "Collect more examples, and more different ones, before relying on the result.",
        side="at least",
    ),
}


def risk_number(value: Any, unit: Any, kind: Kind) -> str:
    """The number with its unit as a person says it; a dash where there is none."""
    if value is None:
        return "–"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if unit == "share":
        return say.signed_points(value) if kind.difference and kind.side != "at most" else (
            say.points(value) if kind.difference else say.percent(value)
        )  # fmt: skip
    if unit == "share of the best loss":
        return f"{say.percent(value)} above the best loss"
    if unit == "days per change":
        return say.duration(value * 86_400) if abs(value) < 1 else say.days(value)
    if unit == "days":
        return say.count(round(value), "day")
    text = say.count(value)
    return f"{text}{say.gap}{str(unit).replace(' ', say.gap)}" if unit else text
