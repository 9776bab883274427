"""The decision in words: its label and tone, and the verdict's sentence with and without them."""

from collections.abc import Mapping
from typing import Any

from ..words import capital, named

__all__ = ["decision_label", "verdict_sentence", "without_label"]

# Each decision's label and its tone, which selects the colour and the icon.
DECISIONS = {
    "fine-tune": ("Fine-tune", "go"),
    "keep prompting": ("Keep prompting", "stay"),
    "cannot tell yet": ("Cannot tell yet", "open"),
    "fix first": ("Fix first", "fix"),
}
# The label where the way without training that keeps its place calls no model, so nothing is prompted.
NO_MODEL = "Use the template"


def decision_label(verdict: Mapping[str, Any]) -> tuple[str, str]:
    """The label of a decision and its tone."""
    label, tone = DECISIONS.get(str(verdict.get("decision")), ("No verdict", "none"))
    if verdict.get("decision") == "keep prompting" and named("template") in str(verdict.get("sentence")):
        return NO_MODEL, tone
    return label, tone


def verdict_sentence(verdict: Mapping[str, Any]) -> str:
    """The verdict's sentence, opening with the label of its decision."""
    label, sentence = decision_label(verdict)[0], str(verdict["sentence"])
    return f"{label}: {sentence.removeprefix(_opening(verdict))}" if label == NO_MODEL else sentence


def _opening(verdict: Mapping[str, Any]) -> str:
    return f"{DECISIONS.get(str(verdict.get('decision')), ('', ''))[0]}: "


def without_label(verdict: Mapping[str, Any]) -> str:
    """The sentence without the leading decision, which the label already shows."""
    return capital(str(verdict["sentence"]).removeprefix(_opening(verdict)))
